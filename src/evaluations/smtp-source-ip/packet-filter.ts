import { parseEndpoint } from '../../domain/ip-range.ts';
import type { NodePacketFilter, NodeRedirects } from '../../facts/smtp-service/linux-node.ts';
import type { SmtpService } from '../../facts/smtp-service/subject.ts';
import { quotedForShell } from './linux.ts';
import { familyOf } from './service.ts';

/** `open` and `closed` for whoever no narrower rule concerns; `some` are let in only; `not-told` where a rule has no words here. */
export type FilterOutcome = 'open' | 'some' | 'closed' | 'not-told';

/** Chains that keep new connections to the VIPs out, and the ports. */
export function closedToVips(filter: NodePacketFilter, alias: string, { vips }: SmtpService) {
  return filterAtVips(filter, alias, vips).filter(({ outcome }) => outcome === 'closed');
}

/** What becomes of new connections to each VIP that arrive on an interface. */
export function filterAtVips(filter: NodePacketFilter, alias: string, vips: readonly string[]) {
  return vips.flatMap((vip) => {
    const { address = '', port = 0 } = parseEndpoint(vip) ?? {};
    const { outcome, chain = 'no chain' } = filterAt(filter, familyOf(address), port, alias);
    return [{ vip, port, outcome, chain }];
  });
}

/** The chain that leads new connections to a VIP elsewhere before anything listens for them; undefined where none does. */
export function redirectingChain(redirects: NodeRedirects | undefined, vip: string): string | undefined {
  const { address = '', port } = parseEndpoint(vip) ?? {};
  return redirects?.find(
    ({ addresses, ports }) =>
      addresses?.includes(address) !== false &&
      (port === undefined || ports?.some(([first, last]) => first <= port && port <= last) !== false),
  )?.chain;
}

const ruleName = (port: number) => `SMTP to the VIP, port ${port}`;

/** Lets a port in on an interface, before whatever else the chain says. */
export function admitPort(chain: string, port: number, alias: string): string {
  return `nft insert rule ${chain} iifname ${quotedForShell(alias)} tcp dport ${port} accept comment '"${ruleName(port)}"'`;
}

/** Takes away what {@link admitPort} wrote: nftables deletes a rule by its handle. */
export function withdrawPort(chain: string, port: number): string {
  return `nft -a list chain ${chain} | sed -n '/comment "${ruleName(port)}"/s/.* handle //p' | while read -r handle; do nft delete rule ${chain} handle "$handle"; done`;
}

interface Walk {
  /** What happens to a new connection that no narrower rule concerns; undefined when it gets past the chain. */
  readonly verdict: 'accept' | 'drop' | 'other' | undefined;
  /** A narrower rule lets some in. */
  readonly letsSome: boolean;
}

/** Jumps deeper than the kernel allows. */
const deepest = 16;

/** What a packet filter does with new connections to a TCP port that arrive on an interface. */
export function filterAt(
  { chains }: NodePacketFilter,
  family: 'ipv4' | 'ipv6',
  port: number,
  alias: string,
): { readonly outcome: FilterOutcome; readonly chain: string | undefined } {
  const table = family === 'ipv4' ? 'ip ' : 'ip6 ';
  let outcome: FilterOutcome = 'open';
  let by: string | undefined;
  const worse: readonly FilterOutcome[] = ['open', 'not-told', 'some', 'closed'];
  for (const chain of chains) {
    if (chain.hook === undefined || !(chain.id.startsWith(table) || chain.id.startsWith('inet '))) continue;
    const { verdict = chain.policy ?? 'accept', letsSome } = walk(chains, chain.id, port, alias, 0);
    const here: FilterOutcome =
      verdict === 'accept' ? 'open' : verdict === 'other' ? 'not-told' : letsSome ? 'some' : 'closed';
    if (worse.indexOf(here) > worse.indexOf(outcome)) {
      outcome = here;
      by = chain.id;
    }
  }
  return { outcome, chain: by };
}

function walk(chains: NodePacketFilter['chains'], id: string, port: number, alias: string, depth: number): Walk {
  let letsSome = false;
  for (const rule of chains.find((chain) => chain.id === id)?.rules ?? []) {
    const { verdict, applies, ports, interface: only } = rule;
    const isElsewhere =
      applies === 'none' ||
      (only !== undefined && only !== alias) ||
      ports?.some(([first, last]) => first <= port && port <= last) === false;
    if (isElsewhere || verdict === undefined) continue;
    const target = /^(?:jump|goto) (.+)$/.exec(verdict)?.[1];
    if (target !== undefined) {
      if (depth >= deepest) return { verdict: 'other', letsSome };
      const there = walk(chains, target, port, alias, depth + 1);
      letsSome ||= there.letsSome || (applies === 'some' && there.verdict === 'accept');
      if (applies === 'some') continue;
      if (there.verdict !== undefined || verdict.startsWith('goto')) return { verdict: there.verdict, letsSome };
      continue;
    }
    if (applies === 'some') {
      // What refuses some (a list of attackers) leaves the port open for the others.
      letsSome ||= verdict === 'accept' || verdict === 'other';
      continue;
    }
    if (verdict === 'return') return { verdict: undefined, letsSome };
    return { verdict: verdict === 'accept' ? 'accept' : verdict === 'other' ? 'other' : 'drop', letsSome };
  }
  return { verdict: undefined, letsSome };
}
