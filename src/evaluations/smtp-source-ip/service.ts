import { parseAddress } from '../../domain/ip-range.ts';
import type { SmtpSourceNat } from '../../facts/smtp-service/evidence.ts';
import type { SmtpLoadBalancer } from '../../facts/smtp-service/load-balancer.ts';
import { nodesWith, vipAddresses, withAddressesOf } from '../../facts/smtp-service/service.ts';
import type { SmtpService } from '../../facts/smtp-service/subject.ts';
import type { RuleContext } from './rule.ts';

/** Scope of the rules about Direct Server Return. */
export function onlyWithDsr({ subject }: Pick<RuleContext, 'subject'>): string | undefined {
  const { mode } = subject;
  if (mode === 'dsr') return undefined;
  const speech =
    mode === 'proxy-protocol'
      ? nodesWith(subject, 'windows').length === 0
        ? ' Postfix speaks the PROXY protocol where smtpd_upstream_proxy_protocol says so.'
        : ' Exchange does not speak the PROXY protocol: it resets a connection that begins with it, so another server has to take it first.'
      : '';
  return `${subject.id} is declared as ${mode}: it does not use Direct Server Return.${speech}`;
}

/** The place of a judgement where the load balancer's own configuration counts: it declares addresses, as the document does. */
export function withBalancer<A extends Pick<RuleContext, 'subject'>>(
  facts: { readonly 'smtp-load-balancer'?: SmtpLoadBalancer | undefined },
  at: A,
): A {
  const subject = withAddressesOf(facts['smtp-load-balancer'], at.subject);
  return subject === at.subject ? at : { ...at, subject };
}

/** An address family. */
export type AddressFamily = 'ipv4' | 'ipv6';

export const familyName: Record<AddressFamily, string> = { ipv4: 'IPv4', ipv6: 'IPv6' };

export function familyOf(address: string): AddressFamily {
  return parseAddress(address)?.family === 6 ? 'ipv6' : 'ipv4';
}

/** Address families that the service is offered in. */
export function vipFamilies(service: SmtpService): AddressFamily[] {
  return [...new Set(vipAddresses(service).map(familyOf))];
}

export interface NatKnowledge {
  /** Do clients come with the load balancer's address? `assumed` by the declared mode, without proof. */
  readonly nat: 'proven' | 'assumed' | 'disproven' | 'not-known';
  readonly because: string;
}

/** Of one node: proof outranks the declared mode; without proof the mode `snat-accepted` says it. */
export function natKnowledge(service: SmtpService, known: SmtpSourceNat | undefined, node: string): NatKnowledge {
  const { translation, because = 'Neither probe nor log shows source addresses.' } = known?.[node] ?? {};
  if (translation === 'source-nat' || translation === 'partial') return { nat: 'proven', because };
  if (translation === 'preserved') return { nat: 'disproven', because };
  return service.mode === 'snat-accepted'
    ? { nat: 'assumed', because: 'The service is declared as snat-accepted.' }
    : { nat: 'not-known', because };
}

/** What tells in the log that an address speaks for many: Postfix logs no greeting names, but senders. */
export function namesWord(service: SmtpService): string {
  if (nodesWith(service, 'linux').length === 0) return 'EHLO names';
  return nodesWith(service, 'windows').length === 0 ? 'domains of senders' : 'EHLO names or domains of senders';
}

/** `3 VIPs`, `1 VIP`. */
export function counted(count: number, noun: string, plural = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : plural}`;
}
