import { parseEndpoint } from '../../../domain/ip-range.ts';
import { enumerate } from '../../../domain/words.ts';
import type { FirewallProfile, NodeFirewall, NodeIpAddresses } from '../../../facts/smtp-service/node.ts';
import { lanNotToldOnLinux } from '../linux.ts';
import { isOneOf, lanAlias, loopbackAliases, loopbackPresent, quoted, vipsOn } from '../node.ts';
import { admitPort, filterAtVips } from '../packet-filter.ts';
import { onLinux, type RuleContext, rule } from '../rule.ts';
import { onlyWithDsr } from '../service.ts';

/** See firewall-admits-smtp.md. */
export const firewallAdmitsSmtp = rule({
  id: 'smtp-source-ip/firewall-admits-smtp',
  title: 'The firewall lets SMTP in on the loopback adapter',
  severity: 'high',
  blocks: ['dsr-ready'],
  needs: ['node-adapters', 'node-firewall'],
  optional: ['node-host', 'node-ip-addresses'],
  per: 'node',
  scope: onlyWithDsr,
  after: (_, at) => loopbackPresent(at),
  variant: onLinux({
    needs: ['node-packet-filter', 'node-ip-addresses'],
    optional: ['node-host', 'node-adapters'],
    judge(facts, at) {
      const lan = lanAlias(facts, at);
      if (lan === undefined) return lanNotToldOnLinux(at);
      const looked = filterAtVips(facts['node-packet-filter'], lan, at.subject.vips);
      const evidence = looked.map(({ vip, outcome, chain }) => ({
        fact: 'node-packet-filter' as const,
        observed: `${vip} on ${lan}: ${outcomeWords[outcome]} (${chain})`,
      }));
      const closed = looked.filter(({ outcome }) => outcome === 'closed');
      if (closed.length > 0) {
        return {
          verdict: 'fail',
          owner: 'on-premises',
          message: `${at.part}: ${enumerate(closed.map(({ port, chain }) => `nothing in the chain ${chain} lets port ${port} in on ${lan}`))}.`,
          remedy: [
            ...new Set(closed.map(({ chain, port }) => admitPort(chain, port, lan))),
            'With firewalld or ufw let the port in there instead, and make it permanent where the rules are kept (/etc/nftables.conf).',
          ].join('\n'),
          evidence,
        };
      }
      const unsure = looked.filter(({ outcome }) => outcome !== 'open');
      if (unsure.length > 0) {
        return {
          verdict: 'manual',
          message: `${at.part}: ${enumerate(unsure.map(({ port, outcome, chain }) => (outcome === 'some' ? `the chain ${chain} lets port ${port} in for some senders only` : `it cannot be told what the chain ${chain} does with port ${port}`)))}.`,
          remedy: `Look whether it lets every client in that uses the VIP:\n${[...new Set(unsure.map(({ chain }) => `nft list chain ${chain}`))].join('\n')}`,
          evidence,
        };
      }
      return {
        verdict: 'pass',
        message: `${at.part}: the packet filter lets port ${enumerate([...new Set(looked.map(({ port }) => String(port)))])} in on ${lan}, so SMTP reaches the VIP.`,
        evidence,
      };
    },
  }),
  judge(facts, at) {
    const looked = firewallAt(facts, loopbackAliases(facts, at), at);
    const evidence = looked.map(({ alias, port, observed }) => ({
      fact: 'node-firewall' as const,
      observed: `${alias}, port ${port}: ${observed}`,
    }));
    const closed = looked.filter(({ outcome }) => outcome === 'blocked' || outcome === 'closed');
    if (closed.length > 0) {
      return {
        verdict: 'fail',
        owner: 'on-premises',
        message: `${at.part}: ${enumerate(closed.map(({ alias, port, why }) => `${why} port ${port}${why.startsWith('nothing') ? ' in' : ''} on ${alias}`))}.`,
        remedy: [...new Set(closed.map((one) => remedyOf(one)))].join('\n'),
        evidence,
      };
    }
    const open = looked.filter(({ outcome }) => outcome === 'open');
    const reasons = [...new Set(open.map(({ why }) => why))];
    const unknown = looked.filter(({ outcome }) => outcome === 'not-told');
    if (unknown.length > 0) {
      const ports = [...new Set(unknown.map(({ port }) => port))].join(', ');
      return {
        verdict: 'manual',
        message: `${at.part}: the fact file does not say whether the firewall lets port ${ports} in on ${enumerate([...new Set(unknown.map(({ alias }) => alias))])}${open.length > 0 ? `; of the other ports ${enumerate(reasons)}` : ''}.`,
        remedy: `Collect the facts again with the current Collect-SmtpSourceIpFacts.ps1, or look:\nGet-NetFirewallPortFilter | Where-Object LocalPort -in ${ports} | Get-NetFirewallRule`,
        evidence,
      };
    }
    return { verdict: 'pass', message: `${at.part}: ${enumerate(reasons)}, so SMTP reaches the VIP.`, evidence };
  },
});

const outcomeWords = {
  open: 'let in',
  some: 'let in for some senders only',
  closed: 'kept out',
  'not-told': 'not to be told',
} as const;

/** What the firewall does with each port of the VIPs on each of the adapters. */
export function firewallAt(
  facts: {
    readonly 'node-firewall': NodeFirewall;
    readonly 'node-ip-addresses'?: NodeIpAddresses | undefined;
  },
  aliases: readonly string[],
  at: Pick<RuleContext, 'subject' | 'part'>,
) {
  return aliases.flatMap((alias) =>
    portsOn(alias, facts['node-ip-addresses'], at).map((port) => ({
      alias,
      port,
      ...lookAt(facts['node-firewall'], alias, port),
    })),
  );
}

/** Ports of the VIPs on an adapter; of all VIPs where it carries none yet. */
function portsOn(
  alias: string,
  addresses: NodeIpAddresses | undefined,
  at: Pick<RuleContext, 'subject' | 'part'>,
): number[] {
  const carried = vipsOn(addresses ?? [], [alias], at).map(({ ipAddress }) => ipAddress);
  const endpoints = at.subject.vips.flatMap((vip) => parseEndpoint(vip) ?? []);
  const there = endpoints.filter(({ address }) => carried.includes(address));
  return [...new Set((there.length > 0 ? there : endpoints).flatMap(({ port }) => port ?? []))];
}

interface Look {
  readonly outcome: 'open' | 'blocked' | 'closed' | 'not-told';
  readonly why: string;
  readonly category: FirewallProfile;
  readonly observed: string;
}

function lookAt(firewall: NodeFirewall, alias: string, port: number): Look {
  const connection = firewall.connectionProfiles.find((row) => isOneOf(row.alias, [alias]));
  // Windows takes a network that it cannot identify, as on a loopback adapter, for public.
  const category = connection?.category ?? 'Public';
  const profile = firewall.profiles.find(({ name }) => name === category);
  const rules = rulesFor(firewall, alias, port)?.filter(
    ({ enabled, profiles }) => enabled && profiles.includes(category),
  );
  const blocked = rules?.some(({ action }) => action === 'block');
  const observed = `profile ${category}${connection === undefined ? ' (not identified)' : ''}: ${
    profile === undefined
      ? 'not listed'
      : `${profile.enabled ? 'on' : 'off'}, inbound ${profile.allowsInbound ? 'allowed' : 'blocked'}`
  }; ${rules === undefined ? 'its rules are not told' : `${rules.length} inbound rules, ${blocked ? 'one blocks' : 'none blocks'}`}`;
  const said = (outcome: Look['outcome'], why: string): Look => ({ outcome, why, category, observed });
  if (profile?.enabled === false) return said('open', `the profile ${category} is off`);
  if (isOneOf(alias, profile?.disabledAliases ?? [])) {
    return said('open', `${alias} is exempt from the profile ${category}`);
  }
  if (rules === undefined || (profile === undefined && rules.length === 0)) return said('not-told', '');
  if (blocked === true) return said('blocked', `a block rule of the profile ${category} stops`);
  if (rules.length > 0) return said('open', `a rule of the profile ${category} allows port ${port}`);
  if (profile?.allowsInbound === true) return said('open', `the profile ${category} allows inbound traffic`);
  return said('closed', `nothing in the profile ${category} lets`);
}

/** The rules about a port on an interface; undefined where the facts do not speak of the port. */
function rulesFor(firewall: NodeFirewall, alias: string, port: number): NodeFirewall['inbound25'] | undefined {
  const { inbound, inbound25 } = firewall;
  if (inbound === undefined) return port === 25 ? inbound25 : undefined;
  return inbound.filter(
    ({ ports, interfaces }) =>
      ports.some(([first, last]) => first <= port && port <= last) &&
      (interfaces.length === 0 || isOneOf(alias, interfaces)),
  );
}

function remedyOf({ outcome, alias, port, category }: Look & { alias: string; port: number }): string {
  return outcome === 'blocked'
    ? `Find the rule that blocks, and disable it when it is not wanted:\nGet-NetFirewallPortFilter | Where-Object LocalPort -eq ${port} | Get-NetFirewallRule | Where-Object Action -eq Block`
    : `New-NetFirewallRule -DisplayName 'SMTP to the VIP' -Direction Inbound -Protocol TCP -LocalPort ${port} -Profile ${category} -InterfaceAlias ${quoted(alias)} -Action Allow`;
}
