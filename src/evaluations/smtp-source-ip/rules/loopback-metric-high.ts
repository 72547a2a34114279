import { containsRange, parseAddress, parseRange } from '../../../domain/ip-range.ts';
import type { NodeIpAddresses, NodeIpInterfaces, NodeRoutes } from '../../../facts/smtp-service/node.ts';
import {
  interfaceRow,
  interfaceRowsOf,
  isOneOf,
  type LookedAt,
  loopbackAliases,
  loopbackPresent,
  quoted,
  vipsOn,
} from '../node.ts';
import { rule, windowsOnly } from '../rule.ts';
import { familyName, familyOf, onlyWithDsr } from '../service.ts';

/** The number everybody uses; any that beats no other interface would do. */
export const highMetric = 254;

/** See loopback-metric-high.md. */
export const loopbackMetricHigh = rule({
  id: 'smtp-source-ip/loopback-metric-high',
  title: 'The loopback adapter has metric 254, not automatic',
  severity: 'high',
  blocks: ['dsr-ready'],
  needs: ['node-adapters', 'node-ip-addresses', 'node-ip-interfaces'],
  optional: ['node-host', 'node-routes'],
  per: 'node',
  scope: onlyWithDsr,
  after: (_, at) => loopbackPresent(at),
  variant: windowsOnly('a VIP of /32 on lo makes no route that could compete; see smtp-source-ip/vip-mask-fits.'),
  judge(facts, at) {
    const aliases = loopbackAliases(facts, at);
    const interfaces = facts['node-ip-interfaces'];
    const vips = vipsOn(facts['node-ip-addresses'], aliases, at);
    const routes = facts['node-routes'] ?? [];
    const looked = interfaceRowsOf(interfaces, aliases, facts['node-ip-addresses'], at);
    const evidence = looked.map(({ alias, family, row }) => ({
      fact: 'node-ip-interfaces' as const,
      observed: `${alias}, ${familyName[family]}: ${
        row === undefined ? 'no row' : `metric ${row.interfaceMetric}, automatic ${row.automaticMetric ? 'on' : 'off'}`
      }`,
    }));
    const unfit = looked.filter(({ row }) => row?.automaticMetric !== false || row.interfaceMetric !== highMetric);
    const wide = vips.filter((vip) => vip.prefixLength < fullPrefix(vip.ipAddress));
    const competing = wide.filter((vip) => losesToLoopback(vip, interfaces, routes, aliases));
    if (unfit.length === 0 && competing.length === 0) {
      return {
        verdict: 'pass',
        message: `${at.part}: the loopback adapter has metric ${highMetric} and automatic metric is off.`,
        evidence,
      };
    }
    const [first] = unfit;
    const fault =
      first === undefined
        ? `metric ${highMetric} of the loopback adapter is not above the LAN's, so the subnet is reached by the loopback adapter`
        : faultOf(first);
    return {
      verdict: 'fail',
      severity: wide.length > 0 ? 'high' : 'low',
      owner: 'on-premises',
      message: `${at.part}: ${fault}${wide.length > 0 ? ', and the mask of the VIP puts the subnet there' : ''}.`,
      remedy: looked
        .map(
          ({ alias, family }) =>
            `Set-NetIPInterface -InterfaceAlias ${quoted(alias)} -AddressFamily ${familyName[family]} -InterfaceMetric ${highMetric}   # turns the automatic metric off too`,
        )
        .join('\n'),
      evidence,
    };
  },
});

function faultOf({ alias, family, row }: LookedAt): string {
  if (row === undefined) return `Windows lists no ${familyName[family]} settings for ${alias}`;
  if (!row.automaticMetric) return `the metric of ${alias} is ${row.interfaceMetric}, not ${highMetric}`;
  return row.interfaceMetric === highMetric
    ? `metric ${highMetric} is set on ${alias}, but somebody has turned the automatic metric on again`
    : `the automatic metric of ${alias} is on (now ${row.interfaceMetric})`;
}

const fullPrefix = (address: string) => (familyOf(address) === 'ipv4' ? 32 : 128);

/** Is the route to the VIP's subnet over the loopback adapter at least as good as over another interface? */
function losesToLoopback(
  vip: NodeIpAddresses[number],
  interfaces: NodeIpInterfaces,
  routes: NodeRoutes,
  loopbacks: readonly string[],
): boolean {
  const subnet = parseRange(`${vip.ipAddress}/${vip.prefixLength}`);
  const one = parseAddress(vip.ipAddress);
  if (subnet === undefined || one === undefined) return false;
  const onSubnet = routes.filter(({ prefix }) => {
    const range = parseRange(prefix);
    return (
      range !== undefined && range.first === subnet.first && range.last === subnet.last && containsRange(range, one)
    );
  });
  const effective = (route: NodeRoutes[number]) =>
    route.routeMetric +
    (route.interfaceMetric ?? interfaceRow(interfaces, route.alias, familyOf(vip.ipAddress))?.interfaceMetric ?? 0);
  const mine = onSubnet.filter(({ alias }) => isOneOf(alias, loopbacks)).map(effective);
  const others = onSubnet.filter(({ alias }) => !isOneOf(alias, loopbacks)).map(effective);
  return mine.length > 0 && others.length > 0 && Math.min(...mine) <= Math.min(...others);
}
