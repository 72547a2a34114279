import { sameWindowsName } from '../../../facts/smtp-service/node.ts';
import { isOneOf, loopbackAliases, loopbackPresent } from '../node.ts';
import { rule, windowsOnly } from '../rule.ts';
import { onlyWithDsr } from '../service.ts';

const bare = (guid: string) => guid.replace(/[{}]/g, '');

/** See netbios-disabled.md. */
export const netbiosDisabled = rule({
  id: 'smtp-source-ip/netbios-disabled',
  title: 'NetBIOS is off on the loopback adapter',
  severity: 'medium',
  blocks: [],
  needs: ['node-adapters', 'node-netbios'],
  optional: ['node-host', 'node-ip-addresses'],
  per: 'node',
  scope: onlyWithDsr,
  after: (_, at) => loopbackPresent(at),
  variant: windowsOnly('NetBIOS is no matter of its interfaces.'),
  judge(facts, at) {
    const { 'node-adapters': adapters, 'node-netbios': netbios } = facts;
    const aliases = loopbackAliases(facts, at);
    const looked = adapters
      .filter(({ name }) => isOneOf(name, aliases))
      .map(({ name, interfaceGuid = '' }) => ({
        name,
        guid: bare(interfaceGuid),
        // Without a value in the registry Windows does as DHCP says.
        option: netbios.find(({ guid }) => sameWindowsName(bare(guid), bare(interfaceGuid)))?.option ?? 'dhcp',
      }));
    const evidence = looked.map(({ name, option }) => ({
      fact: 'node-netbios' as const,
      observed: `${name}: ${option}`,
    }));
    const on = looked.filter(({ option }) => option !== 'off');
    if (on.length === 0)
      return { verdict: 'pass', message: `${at.part}: NetBIOS is off on the loopback adapter.`, evidence };
    return {
      verdict: 'fail',
      owner: 'on-premises',
      message: `${at.part}: NetBIOS over TCP/IP is ${on[0]?.option === 'on' ? 'on' : 'left to DHCP'} on ${on[0]?.name}, so the node announces its name at the VIP.`,
      remedy: on
        .map(
          ({ guid }) =>
            `Set-ItemProperty -Path 'HKLM:\\SYSTEM\\CurrentControlSet\\Services\\NetBT\\Parameters\\Interfaces\\Tcpip_{${guid}}' -Name NetbiosOptions -Value 2`,
        )
        .join('\n'),
      evidence,
    };
  },
});
