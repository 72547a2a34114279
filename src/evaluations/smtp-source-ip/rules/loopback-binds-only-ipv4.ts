import type { Severity } from '../../../domain/rule.ts';
import { enumerate } from '../../../domain/words.ts';
import type { NodeIpAddresses } from '../../../facts/smtp-service/node.ts';
import { familiesOn, isOneOf, loopbackAliases, loopbackPresent, quoted } from '../node.ts';
import { type RuleContext, rule, windowsOnly } from '../rule.ts';
import { onlyWithDsr } from '../service.ts';

const names: Readonly<Record<string, string>> = {
  ms_msclient: 'Client for Microsoft Networks',
  ms_server: 'File and Printer Sharing',
  ms_tcpip: 'IPv4',
  ms_tcpip6: 'IPv6',
};

const sharing = new Set(['ms_msclient', 'ms_server']);

/** See loopback-binds-only-ipv4.md. */
export const loopbackBindsOnlyIpv4 = rule({
  id: 'smtp-source-ip/loopback-binds-only-ipv4',
  title: 'Only the protocol of the VIP is bound to the loopback adapter',
  severity: 'critical',
  blocks: ['dsr-ready'],
  needs: ['node-adapters', 'node-bindings'],
  optional: ['node-host', 'node-ip-addresses'],
  per: 'node',
  scope: onlyWithDsr,
  after: (_, at) => loopbackPresent(at),
  variant: windowsOnly('protocols are not bound to single interfaces there.'),
  judge(facts, at) {
    const { 'node-bindings': bindings } = facts;
    const aliases = loopbackAliases(facts, at);
    const wantedOn = new Map(aliases.map((alias) => [alias.toLowerCase(), wantedBy(alias, facts, at)]));
    const rows = bindings.filter(({ name }) => isOneOf(name, aliases));
    const off = aliases.flatMap((alias) =>
      [...(wantedOn.get(alias.toLowerCase()) ?? [])]
        .filter((id) => !rows.some((row) => isOneOf(row.name, [alias]) && row.componentId === id && row.enabled))
        .map((componentId) => ({ name: alias, componentId })),
    );
    // Where the VIP is IPv6 only, IPv4 on the adapter neither helps nor harms.
    const extra = rows.filter(
      ({ name, componentId, enabled }) =>
        enabled && componentId !== 'ms_tcpip' && !wantedOn.get(name.toLowerCase())?.has(componentId),
    );
    const evidence = rows.map((row) => ({
      fact: 'node-bindings' as const,
      observed: `${row.name}: ${row.componentId} ${row.enabled ? 'on' : 'off'}`,
    }));
    if (off.length + extra.length === 0) {
      const bound = enumerate([...new Set([...wantedOn.values()].flatMap((wanted) => [...wanted]))].map(word));
      return { verdict: 'pass', message: `${at.part}: only ${bound} is bound to ${enumerate(aliases)}.`, evidence };
    }
    const severity: Severity =
      off.length > 0 ? 'critical' : extra.some(({ componentId }) => sharing.has(componentId)) ? 'medium' : 'low';
    const faults = [
      ...off.map(
        ({ name, componentId }) => `${word(componentId)} is not bound to ${name}, so the VIP cannot live there`,
      ),
      ...(extra.length === 0
        ? []
        : [
            `${enumerate([...new Set(extra.map(({ componentId }) => word(componentId)))])} on ${enumerate([...new Set(extra.map(({ name }) => name))])} ${extra.length === 1 ? 'is' : 'are'} bound without need`,
          ]),
    ];
    return {
      verdict: 'fail',
      severity,
      owner: 'on-premises',
      message: `${at.part}: ${faults.join('; ')}.`,
      remedy: [
        ...off.map(
          ({ name, componentId }) => `Enable-NetAdapterBinding -Name ${quoted(name)} -ComponentID ${componentId}`,
        ),
        ...extra.map(
          ({ name, componentId }) => `Disable-NetAdapterBinding -Name ${quoted(name)} -ComponentID ${componentId}`,
        ),
      ].join('\n'),
      evidence,
    };
  },
});

/** The protocols of the VIPs on an adapter. */
function wantedBy(
  alias: string,
  facts: { readonly 'node-ip-addresses'?: NodeIpAddresses | undefined },
  at: RuleContext,
): ReadonlySet<string> {
  return new Set(
    familiesOn(alias, facts['node-ip-addresses'], at).map((family) => (family === 'ipv4' ? 'ms_tcpip' : 'ms_tcpip6')),
  );
}

function word(componentId: string): string {
  const name = names[componentId];
  return name === undefined ? componentId : `${name} (${componentId})`;
}
