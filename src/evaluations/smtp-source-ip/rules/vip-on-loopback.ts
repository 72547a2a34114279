import { parseEndpoint } from '../../../domain/ip-range.ts';
import { enumerate } from '../../../domain/words.ts';
import { isLoopbackAdapter } from '../../../facts/smtp-service/node.ts';
import { vipAddresses } from '../../../facts/smtp-service/service.ts';
import { addVip, fullPrefix } from '../linux.ts';
import { isAutomaticAddress, isOneOf, loopbackAliases, loopbackPresent, quoted, vipsOn } from '../node.ts';
import { redirectingChain } from '../packet-filter.ts';
import { onLinux, rule } from '../rule.ts';
import { familyOf, onlyWithDsr } from '../service.ts';

/** See vip-on-loopback.md. */
export const vipOnLoopback = rule({
  id: 'smtp-source-ip/vip-on-loopback',
  title: 'Every VIP is on the loopback adapter',
  severity: 'critical',
  blocks: ['dsr-ready'],
  needs: ['node-adapters', 'node-ip-addresses'],
  optional: ['node-host'],
  per: 'node',
  scope: onlyWithDsr,
  after: (_, at) => loopbackPresent(at),
  variant: onLinux({
    needs: ['node-adapters', 'node-ip-addresses'],
    optional: ['node-redirects'],
    after: (_, at) => loopbackPresent(at),
    judge({ 'node-adapters': adapters, 'node-ip-addresses': addresses, 'node-redirects': redirects }, at) {
      const carriers = adapters.filter(isLoopbackAdapter).map(({ name }) => name);
      const there = vipsOn(addresses, carriers, at);
      const evidence = there.map(({ alias, ipAddress, prefixLength, addressState }) => ({
        fact: 'node-ip-addresses' as const,
        observed: `${alias}: ${ipAddress}/${prefixLength}, ${addressState}`,
      }));
      const vips = vipAddresses(at.subject);
      const missing = vips.filter((vip) => !there.some(({ ipAddress }) => ipAddress === vip));
      const unusable = there.filter(({ addressState }) => addressState !== 'preferred');
      const chains = at.subject.vips.flatMap((vip) =>
        missing.includes(parseEndpoint(vip)?.address ?? '') ? [redirectingChain(redirects, vip)] : [],
      );
      if (missing.length > 0 && unusable.length === 0 && !chains.includes(undefined)) {
        // REDIRECT is another way of Direct Server Return (LVS): the kernel gives the replies the VIP as their source.
        return {
          verdict: 'manual',
          message: `${at.part}: the VIP ${enumerate(missing)} is on no interface like lo, and ${enumerate([...new Set(chains)].flatMap((chain) => chain ?? []))} leads its connections elsewhere: whether they reach Postfix and are answered as the VIP is not told by settings.`,
          remedy: [
            'Let the probe and the log of Postfix show it; or take that rule away and put the VIP on lo:',
            ...missing.flatMap(addVip),
          ].join('\n'),
          evidence,
        };
      }
      if (missing.length + unusable.length > 0) {
        return {
          verdict: 'fail',
          owner: 'on-premises',
          message: `${at.part}: ${enumerate([
            ...missing.map((vip) => `the VIP ${vip} is on no interface like lo, so packets for it are dropped`),
            ...unusable.map(
              ({ ipAddress, alias, addressState }) => `the VIP ${ipAddress} on ${alias} is ${addressState}`,
            ),
          ])}.`,
          remedy: [
            ...missing.flatMap(addVip),
            ...unusable.flatMap(({ alias, ipAddress, prefixLength }) => [
              `Find who else answers for ${ipAddress}; then set it again here:`,
              `ip addr del ${ipAddress}/${prefixLength} dev ${alias}`,
              `ip addr add ${ipAddress}/${fullPrefix(ipAddress)} dev ${alias} nodad`,
            ]),
          ].join('\n'),
          evidence,
        };
      }
      return {
        verdict: 'pass',
        message: `${at.part}: ${enumerate(there.map(({ ipAddress, alias }) => `${ipAddress} is on ${alias}`))}.`,
        evidence,
      };
    },
  }),
  judge(facts, at) {
    const { 'node-ip-addresses': addresses } = facts;
    const aliases = loopbackAliases(facts, at);
    const [alias = ''] = aliases;
    const vips = vipAddresses(at.subject);
    const there = addresses.filter((row) => isOneOf(row.alias, aliases));
    const evidence = there.map((row) => ({
      fact: 'node-ip-addresses' as const,
      observed: `${row.alias}: ${row.ipAddress}/${row.prefixLength}, ${row.addressState}`,
    }));
    const missing = vips.filter((vip) => !there.some(({ ipAddress }) => ipAddress === vip));
    const unusable = there.filter(
      ({ ipAddress, addressState }) => vips.includes(ipAddress) && addressState !== 'preferred',
    );
    if (missing.length + unusable.length > 0) {
      const faults = [
        ...missing.map((vip) => `the VIP ${vip} is not on ${alias}, so packets for it are dropped`),
        ...unusable.map(({ alias: on, ipAddress, addressState }) =>
          addressState === 'duplicate'
            ? `the VIP ${ipAddress} on ${on} is a duplicate: another host on the wire claims it`
            : `the VIP ${ipAddress} on ${on} is ${addressState}, not preferred`,
        ),
      ];
      return {
        verdict: 'fail',
        owner: 'on-premises',
        message: `${at.part}: ${faults.join('; ')}.`,
        remedy: [
          ...missing.map((vip) => newAddress(alias, vip)),
          ...unusable.map(({ alias, ipAddress }) =>
            [
              `Find who else answers for ${ipAddress}, on a neighbour, and take it away there:`,
              `arp -a ${ipAddress}`,
              'Then set it again here:',
              `Remove-NetIPAddress -InterfaceAlias ${quoted(alias)} -IPAddress ${ipAddress} -Confirm:$false`,
              newAddress(alias, ipAddress),
            ].join('\n'),
          ),
        ].join('\n'),
        evidence,
      };
    }
    const extra = there.filter(
      ({ ipAddress }) => !vips.includes(ipAddress) && !(ipAddress.startsWith('fe80:') && isAutomaticAddress(ipAddress)),
    );
    if (extra.length > 0) {
      return {
        verdict: 'fail',
        severity: 'low',
        owner: 'on-premises',
        message: `${at.part}: beside the VIP ${alias} has ${enumerate(extra.map(({ ipAddress }) => ipAddress))}, which is no VIP of this service.`,
        remedy: extra
          .map(
            (row) =>
              `Remove-NetIPAddress -InterfaceAlias ${quoted(row.alias)} -IPAddress ${row.ipAddress}   # or declare it as a VIP`,
          )
          .join('\n'),
        evidence,
      };
    }
    return {
      verdict: 'pass',
      message: `${at.part}: ${enumerate(vips)} ${vips.length === 1 ? 'is' : 'are'} on ${enumerate(aliases)}, preferred.`,
      evidence,
    };
  },
});

function newAddress(alias: string, vip: string): string {
  return `New-NetIPAddress -InterfaceAlias ${quoted(alias)} -IPAddress ${vip} -PrefixLength ${familyOf(vip) === 'ipv4' ? 32 : 128}`;
}
