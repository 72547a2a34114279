import { isAmong, parseEndpoint, plainAddress } from '../../domain/ip-range.ts';
import type { SmtpLoadBalancer } from './load-balancer.ts';
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
 * The service with the addresses that the load balancer's own configuration declares. One that knows no way from these
 * VIPs is of another load balancer, and declares nothing.
 */
export function withAddressesOf(balancer: SmtpLoadBalancer | undefined, service: SmtpService): SmtpService {
  const { addresses = [], ways = [] } = balancer ?? {};
  const more = addresses.filter((address) => !isAmong(address, service.loadBalancerAddresses));
  return ways.length === 0 || more.length === 0
    ? service
    : { ...service, loadBalancerAddresses: [...service.loadBalancerAddresses, ...more] };
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

/** The first label of a host name, as Windows names servers: `EX1.contoso.com` → `ex1`. */
export function firstLabel(host: string): string {
  return host.split('.')[0]?.toLowerCase() ?? '';
}

/** The node that a server name means: named in full, or by its first label alone. */
export function nodeNamed(service: SmtpService, server: string): string | undefined {
  const full = service.nodes.find(({ name }) => name.toLowerCase() === server.toLowerCase());
  if (full !== undefined) return full.name;
  const short = service.nodes.filter(({ name }) => firstLabel(name) === firstLabel(server));
  return short.length === 1 ? short[0]?.name : undefined;
}

/** Runs the node Linux? */
export function isLinuxNode({ subject, part }: { readonly subject: SmtpService; readonly part: string }): boolean {
  return subject.nodes.some(({ name, system }) => name === part && system === 'linux');
}

/** The nodes that run a system. */
export function nodesWith(service: SmtpService, system: SmtpService['nodes'][number]['system']): string[] {
  return service.nodes.filter((node) => node.system === system).map(({ name }) => name);
}

/** Names of services in master.cf, and in the `syslog_name` of a service, that stand for ports (IANA). Here, so that who reads logs loads no schema. */
export const postfixServicePorts: Readonly<Record<string, number>> = {
  smtp: 25,
  smtps: 465,
  submissions: 465,
  submission: 587,
};

const collectors = {
  windows: 'Collect-SmtpSourceIpFacts.ps1',
  linux: 'Collect-SmtpSourceIpFacts.sh',
} as const;

/** The collector for a system. */
export function collectorFor(system: keyof typeof collectors): string {
  return collectors[system];
}

/** The collectors for the nodes of a service, in words. */
export function collectorsFor(service: SmtpService): string {
  const [windows, linux] = [nodesWith(service, 'windows'), nodesWith(service, 'linux')];
  if (linux.length === 0) return collectors.windows;
  return windows.length === 0 ? collectors.linux : `${collectors.windows} (on Linux ${collectors.linux})`;
}
