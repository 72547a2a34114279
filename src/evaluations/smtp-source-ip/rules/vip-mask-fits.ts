import { enumerate } from '../../../domain/words.ts';
import { isLoopbackAdapter } from '../../../facts/smtp-service/node.ts';
import { fullPrefix } from '../linux.ts';
import { interfaceRow, isOneOf, lanAlias, loopbackAliases, loopbackPresent, quoted, vipsOn } from '../node.ts';
import { onLinux, rule } from '../rule.ts';
import { familyOf, onlyWithDsr } from '../service.ts';
import { highMetric } from './loopback-metric-high.ts';

/** See vip-mask-fits.md. */
export const vipMaskFits = rule({
  id: 'smtp-source-ip/vip-mask-fits',
  title: 'The mask of the VIP makes no competing route',
  severity: 'low',
  blocks: [],
  needs: ['node-adapters', 'node-ip-addresses', 'node-ip-interfaces'],
  optional: ['node-host'],
  per: 'node',
  scope: onlyWithDsr,
  after: (_, at) => [...loopbackPresent(at), { rule: 'smtp-source-ip/vip-on-loopback', target: at.part }],
  variant: onLinux({
    needs: ['node-adapters', 'node-ip-addresses'],
    after: (_, at) => [...loopbackPresent(at), { rule: 'smtp-source-ip/vip-on-loopback', target: at.part }],
    judge({ 'node-adapters': adapters, 'node-ip-addresses': addresses }, at) {
      const vips = vipsOn(
        addresses,
        adapters.filter(isLoopbackAdapter).map(({ name }) => name),
        at,
      );
      const words = ({ ipAddress, prefixLength }: (typeof vips)[number]) => `${ipAddress}/${prefixLength}`;
      const evidence = vips.map((row) => ({
        fact: 'node-ip-addresses' as const,
        observed: `${row.alias}: ${words(row)}`,
      }));
      const unfit = vips.filter(({ ipAddress, prefixLength }) => prefixLength !== fullPrefix(ipAddress));
      if (unfit.length === 0) {
        return { verdict: 'pass', message: `${at.part}: ${enumerate(vips.map(words))} makes no route.`, evidence };
      }
      return {
        verdict: 'fail',
        severity: 'critical',
        blocks: ['dsr-ready'],
        owner: 'on-premises',
        message: `${at.part}: with ${enumerate(unfit.map(words))} on ${enumerate([...new Set(unfit.map(({ alias }) => alias))])} Linux takes the whole network for its own: the router and all neighbours in it are out of reach.`,
        remedy: unfit
          .flatMap(({ alias, ipAddress, prefixLength }) => [
            `ip addr add ${ipAddress}/${fullPrefix(ipAddress)} dev ${alias}`,
            `ip addr del ${ipAddress}/${prefixLength} dev ${alias}`,
            'Do the same where the network is configured, for the next start.',
          ])
          .join('\n'),
        evidence,
      };
    },
  }),
  judge(facts, at) {
    const { 'node-ip-addresses': addresses, 'node-ip-interfaces': interfaces } = facts;
    const vips = vipsOn(addresses, loopbackAliases(facts, at), at);
    const lan = lanAlias(facts, at);
    const evidence = vips.map((row) => ({
      fact: 'node-ip-addresses' as const,
      observed: `${row.alias}: ${row.ipAddress}/${row.prefixLength}`,
    }));
    const unfit = vips.filter((row) => {
      const family = familyOf(row.ipAddress);
      if (row.prefixLength === (family === 'ipv4' ? 32 : 128)) return false;
      const metric = interfaceRow(interfaces, row.alias, family);
      const ofLan = addresses.filter(
        (one) => lan !== undefined && isOneOf(one.alias, [lan]) && familyOf(one.ipAddress) === family,
      );
      const isSubnet = ofLan.some(({ prefixLength }) => prefixLength === row.prefixLength);
      return !(isSubnet && metric?.interfaceMetric === highMetric && !metric.automaticMetric);
    });
    if (unfit.length === 0) {
      return {
        verdict: 'pass',
        message: `${at.part}: ${enumerate(vips.map(({ ipAddress, prefixLength }) => `${ipAddress}/${prefixLength}`))} makes no route that competes with the LAN's.`,
        evidence,
      };
    }
    return {
      verdict: 'fail',
      owner: 'on-premises',
      message: `${at.part}: ${enumerate(unfit.map(({ ipAddress, prefixLength }) => `${ipAddress}/${prefixLength}`))} puts a route to the subnet on the loopback adapter, where nobody is.`,
      remedy: unfit
        .map(
          ({ alias, ipAddress }) =>
            `Set-NetIPAddress -InterfaceAlias ${quoted(alias)} -IPAddress ${ipAddress} -PrefixLength ${familyOf(ipAddress) === 'ipv4' ? 32 : 128}   # or keep the subnet's mask with metric ${highMetric}`,
        )
        .join('\n'),
      evidence,
    };
  },
});
