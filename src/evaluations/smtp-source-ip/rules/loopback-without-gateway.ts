import { isOneOf, loopbackAliases, loopbackPresent, quoted } from '../node.ts';
import { rule, windowsOnly } from '../rule.ts';
import { familyName, onlyWithDsr } from '../service.ts';

const isDefault = (prefix: string) => prefix === '0.0.0.0/0' || prefix === '::/0';

/** See loopback-without-gateway.md. */
export const loopbackWithoutGateway = rule({
  id: 'smtp-source-ip/loopback-without-gateway',
  title: 'The loopback adapter has no gateway, no DNS server and no DHCP',
  severity: 'high',
  blocks: ['dsr-ready'],
  needs: ['node-adapters', 'node-routes', 'node-dns-clients', 'node-ip-interfaces'],
  optional: ['node-host', 'node-ip-addresses'],
  per: 'node',
  scope: onlyWithDsr,
  after: (_, at) => loopbackPresent(at),
  variant: windowsOnly('where replies leave is judged by smtp-source-ip/return-path-symmetric.'),
  judge(facts, at) {
    const aliases = loopbackAliases(facts, at);
    const gateways = facts['node-routes'].filter(({ alias, prefix }) => isOneOf(alias, aliases) && isDefault(prefix));
    const servers = facts['node-dns-clients'].filter(
      ({ alias, servers }) => isOneOf(alias, aliases) && servers.length > 0,
    );
    const dhcp = facts['node-ip-interfaces'].filter(
      ({ alias, dhcp, addressFamily }) => isOneOf(alias, aliases) && dhcp === true && addressFamily === 'ipv4',
    );
    const evidence = [
      ...gateways.map(({ alias, nextHop }) => ({
        fact: 'node-routes' as const,
        observed: `${alias}: default route to ${nextHop}`,
      })),
      ...servers.map(({ alias, servers }) => ({
        fact: 'node-dns-clients' as const,
        observed: `${alias}: DNS servers ${servers.join(', ')}`,
      })),
      ...dhcp.map(({ alias }) => ({ fact: 'node-ip-interfaces' as const, observed: `${alias}: DHCP on` })),
    ];
    if (evidence.length === 0) {
      return {
        verdict: 'pass',
        message: `${at.part}: the loopback adapter has no gateway, no DNS server and no DHCP.`,
      };
    }
    const faults = [
      ...gateways.map(
        ({ alias, nextHop }) =>
          `${alias} has a default gateway (${nextHop}), so replies may leave by an adapter without a wire`,
      ),
      ...servers.map(({ alias }) => `${alias} has DNS servers`),
      ...dhcp.map(({ alias }) => `${alias} asks for DHCP`),
    ];
    return {
      verdict: 'fail',
      ...(gateways.length > 0 ? {} : { severity: 'low' }),
      owner: 'on-premises',
      message: `${at.part}: ${faults.join('; ')}.`,
      remedy: [
        ...gateways.map(
          ({ alias, prefix, nextHop }) =>
            `Remove-NetRoute -InterfaceAlias ${quoted(alias)} -DestinationPrefix ${prefix} -NextHop ${nextHop} -Confirm:$false`,
        ),
        ...servers.map(
          ({ alias }) => `Set-DnsClientServerAddress -InterfaceAlias ${quoted(alias)} -ResetServerAddresses`,
        ),
        ...dhcp.map(
          ({ alias, addressFamily }) =>
            `Set-NetIPInterface -InterfaceAlias ${quoted(alias)} -AddressFamily ${familyName[addressFamily]} -Dhcp Disabled`,
        ),
      ].join('\n'),
      evidence,
    };
  },
});
