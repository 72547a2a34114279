import { isAmong, parseEndpoint, plainAddress } from '../../domain/ip-range.ts';
import type { SmtpService } from './subject.ts';

/** Addresses of the VIPs, each once. */
export function vipAddresses(service: SmtpService): string[] {
  return [...new Set(service.vips.flatMap((vip) => parseEndpoint(vip)?.address ?? []))];
}

/** TCP ports of the VIPs, each once. */
export function vipPorts(service: SmtpService): number[] {
  return [...new Set(service.vips.flatMap((vip) => parseEndpoint(vip)?.port ?? []))];
}

/**
 * What the load balancer may show as a source address: the declared addresses, and the VIPs, since a load balancer
 * that ends the connection itself may continue it from there (Kemp: transparency and Subnet Originating Requests off).
 */
export function loadBalancerRanges(service: SmtpService): string[] {
  return [...service.loadBalancerAddresses, ...vipAddresses(service)];
}

/** Does `address` belong to the load balancer? */
export function isLoadBalancer(service: SmtpService, address: string): boolean {
  return isAmong(address, loadBalancerRanges(service));
}

/** The node whose own address it is. */
export function nodeAt(service: SmtpService, address: string): string | undefined {
  const plain = plainAddress(address);
  return service.nodes.find((node) => plainAddress(node.address) === plain)?.name;
}
