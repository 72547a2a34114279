import { vipAddresses } from '../../../facts/smtp-service/service.ts';
import { isOneOf, loopbackAliases, loopbackPresent, quoted } from '../node.ts';
import { rule, windowsOnly } from '../rule.ts';
import { onlyWithDsr } from '../service.ts';

/** See vip-not-registered-in-dns.md. */
export const vipNotRegisteredInDns = rule({
  id: 'smtp-source-ip/vip-not-registered-in-dns',
  title: 'The node does not register the VIP under its own name',
  severity: 'medium',
  blocks: [],
  needs: ['node-adapters', 'node-dns-clients'],
  optional: ['node-host', 'node-ip-addresses', 'node-dns-answers'],
  per: 'node',
  scope: onlyWithDsr,
  after: (_, at) => loopbackPresent(at),
  variant: windowsOnly('it registers none of its addresses in DNS by itself.'),
  judge(facts, at) {
    const { 'node-dns-clients': clients, 'node-dns-answers': answers } = facts;
    const aliases = loopbackAliases(facts, at);
    const vips = vipAddresses(at.subject);
    const rows = clients.filter(({ alias }) => isOneOf(alias, aliases));
    const evidence = rows.map(({ alias, registers, servers }) => ({
      fact: 'node-dns-clients' as const,
      observed: `${alias}: registration ${registers ? 'on' : 'off'}, ${servers.length} DNS servers`,
    }));
    const leaked = (answers ?? []).find(({ addresses }) => addresses.some((address) => vips.includes(address)));
    if (leaked !== undefined) {
      const vip = leaked.addresses.find((address) => vips.includes(address)) ?? '';
      return {
        verdict: 'fail',
        owner: 'on-premises',
        message: `${at.part}: DNS answers ${vip}, the VIP, for ${leaked.name}: mail from server to server takes that way to the node itself.`,
        remedy: `Set-DnsClient -InterfaceAlias ${quoted(aliases[0] ?? '')} -RegisterThisConnectionsAddress $false\nThen delete the record ${leaked.name} → ${vip} in DNS.`,
        evidence: [
          { fact: 'node-dns-answers', observed: `${leaked.name}: ${leaked.addresses.join(', ')}` },
          ...evidence,
        ],
      };
    }
    const registering = rows.filter(({ registers }) => registers);
    const [first] = registering;
    if (first === undefined) {
      return { verdict: 'pass', message: `${at.part}: the loopback adapter does not register in DNS.`, evidence };
    }
    const harmless = registering.every(({ servers }) => servers.length === 0);
    return {
      verdict: 'fail',
      ...(harmless ? { severity: 'low' } : {}),
      owner: 'on-premises',
      message: `${at.part}: ${first.alias} registers its address in DNS${harmless ? ', though it has no DNS server to do it with' : ''}: the VIP may appear under the node's own name.`,
      remedy: registering
        .map(({ alias }) => `Set-DnsClient -InterfaceAlias ${quoted(alias)} -RegisterThisConnectionsAddress $false`)
        .join('\n'),
      evidence,
    };
  },
});
