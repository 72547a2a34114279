import { type AddressRange, containsRange, overlaps, parseRange, rangeSize } from '../../../domain/ip-range.ts';
import { enumerate, enumerateFirst } from '../../../domain/words.ts';
import type { SmtpLoadBalancer } from '../../../facts/smtp-service/load-balancer.ts';
import { isLoopbackAdapter, type NodeIpInterfaces, type NodeRoutes } from '../../../facts/smtp-service/node.ts';
import { isLoadBalancer, vipAddresses } from '../../../facts/smtp-service/service.ts';
import { inForce, isHop, lanNotToldOnLinux, linuxRoute, quotedForShell } from '../linux.ts';
import { interfaceRow, isOneOf, lanAlias, type NodeFacts, quoted } from '../node.ts';
import { onLinux, type RuleContext, rule } from '../rule.ts';
import { type AddressFamily, familyName, familyOf, onlyWithDsr, vipFamilies, withBalancer } from '../service.ts';

const everywhere = { ipv4: '0.0.0.0/0', ipv6: '::/0' } as const;

/** Routes as wide as this stand for the rest of the world, like a default route: some VPNs halve it. */
const wideRoute = { ipv4: 1n << 25n, ipv6: 1n << 124n } as const;

/** See return-path-symmetric.md. */
export const returnPathSymmetric = rule({
  id: 'smtp-source-ip/return-path-symmetric',
  title: 'Replies go the way that the mode needs',
  severity: 'high',
  blocks: ['dsr-ready'],
  needs: ['node-adapters', 'node-routes'],
  optional: ['node-host', 'node-ip-addresses', 'node-ip-interfaces', 'smtp-load-balancer'],
  per: 'node',
  scope: ({ subject }) => (subject.mode === 'transparent' ? undefined : onlyWithDsr({ subject })),
  variant: onLinux({
    needs: ['node-adapters', 'node-routes', 'node-ip-addresses', 'node-routing-rules', 'node-kernel-settings'],
    optional: ['node-host', 'smtp-load-balancer'],
    judge(facts, place) {
      const at = withBalancer(facts, place);
      const lan = lanAlias(facts, place);
      if (lan === undefined) return lanNotToldOnLinux(at);
      const { 'node-routes': routes, 'node-routing-rules': rules } = facts;
      const ways = vipFamilies(at.subject).flatMap((family) =>
        waysBack(routesOf(routes, family, undefined), family, at),
      );
      const filter = inForce(facts['node-kernel-settings'], lan, 'rpFilter');
      const evidence = [
        ...[...new Set(ways.map(({ who, route }) => `${enumerate(who)}: ${routeWords(route)}`))].map((observed) => ({
          fact: 'node-routes' as const,
          observed,
        })),
        { fact: 'node-kernel-settings' as const, observed: `in force at ${lan}: rp_filter ${filter}` },
      ];
      if (rules.length > 0) {
        return {
          verdict: 'manual',
          message: `${at.part}: ${rules.length === 1 ? 'a routing rule decides' : `${rules.length} routing rules decide`} where some replies go (${enumerateFirst(rules.map(({ rule: one }) => one))}), and the facts hold the main table only.`,
          remedy: [
            'Look where a reply of the VIP to a client goes:',
            "client=''   # an address of a client",
            ...vipAddresses(at.subject).map((vip) => `ip route get "$client" from ${vip}`),
          ].join('\n'),
          evidence: [
            ...rules.map((one) => ({ fact: 'node-routing-rules' as const, observed: `${one.priority}: ${one.rule}` })),
            ...evidence,
          ],
        };
      }
      const isTransparent = at.subject.mode === 'transparent';
      const faults = isTransparent
        ? pastTheBalancer(ways, at, linuxLines)
        : wrongWays(ways, lan, routes, at, linuxLines);
      // What the best route back does not leave by the same interface is dropped when it arrives (RFC 3704).
      const dropped =
        filter === strict && ways.some(({ route }) => route !== undefined && !isOneOf(route.alias, [lan]));
      if (faults.length > 0) {
        return {
          verdict: 'fail',
          owner: 'network',
          message: `${at.part}: ${enumerate([...new Set(faults.map(({ message }) => message))])}${dropped ? `; and rp_filter is strict at ${lan}, so what these clients send is dropped when it arrives` : ''}.`,
          remedy: [
            ...new Set(faults.flatMap(({ remedy }) => remedy)),
            'Do the same where the network is configured, for the next start.',
            ...(dropped
              ? [
                  'If the way is meant, let rp_filter be loose, and judge again:',
                  `sysctl -w ${quotedForShell(`net.ipv4.conf.${lan}.rp_filter=2`)}`,
                ]
              : []),
          ].join('\n'),
          evidence,
        };
      }
      const hops = enumerateFirst([...new Set(ways.flatMap(({ route }) => (route === undefined ? [] : hop(route))))]);
      return {
        verdict: 'pass',
        message: isTransparent
          ? `${at.part}: replies go back by ${hops}, the load balancer.`
          : `${at.part}: replies go by ${hops}, which is no load-balancer address; rp_filter ${filter} drops nothing. Firewalls on the way were not looked at.`,
        evidence,
      };
    },
  }),
  judge(facts, place) {
    const at = withBalancer(facts, place);
    const loopbacks = facts['node-adapters'].filter(isLoopbackAdapter).map(({ name }) => name);
    // What a loopback adapter routes has a rule of its own.
    const routes = facts['node-routes'].filter(({ alias }) => !isOneOf(alias, loopbacks));
    const ways = vipFamilies(at.subject).flatMap((family) =>
      waysBack(routesOf(routes, family, facts['node-ip-interfaces']), family, at),
    );
    const evidence = [...new Set(ways.map(({ who, route }) => `${enumerate(who)}: ${routeWords(route)}`))].map(
      (observed) => ({
        fact: 'node-routes' as const,
        observed,
      }),
    );
    const lan = lanAlias(facts, place);
    const faults =
      at.subject.mode === 'transparent'
        ? pastTheBalancer(ways, at, windowsLines)
        : wrongWays(ways, lan, routes, at, windowsLines);
    if (faults.length > 0) {
      return {
        verdict: 'fail',
        owner: 'network',
        message: `${at.part}: ${enumerate([...new Set(faults.map(({ message }) => message))])}.`,
        remedy: [...new Set(faults.flatMap(({ remedy }) => remedy))].join('\n'),
        evidence,
      };
    }
    const hops = enumerateFirst([...new Set(ways.flatMap(({ route }) => (route === undefined ? [] : hop(route))))]);
    return {
      verdict: 'pass',
      message:
        at.subject.mode === 'transparent'
          ? `${at.part}: replies go back by ${hops}, the load balancer.`
          : `${at.part}: replies go by ${hops}, which is no load-balancer address. Firewalls on the way were not looked at.`,
      evidence,
    };
  },
});

/** On a Linux node: routes whose removal lets replies go by the LAN, and whether that is all that is wrong. */
export function routesInTheWay(
  facts: NodeFacts,
  place: Pick<RuleContext, 'subject' | 'part'>,
  balancer: SmtpLoadBalancer | undefined,
): { readonly routes: NodeRoutes; readonly isAll: boolean } {
  const at = withBalancer({ 'smtp-load-balancer': balancer }, place);
  const { 'node-routes': routes, 'node-routing-rules': rules } = facts;
  const lan = lanAlias(facts, place);
  if (routes === undefined || rules === undefined || rules.length > 0 || lan === undefined) {
    return { routes: [], isAll: false };
  }
  const ways = vipFamilies(at.subject).flatMap((family) => waysBack(routesOf(routes, family, undefined), family, at));
  const faults = wrongWays(ways, lan, routes, at, linuxLines);
  return {
    routes: faults.flatMap(({ removed }) => removed ?? []),
    isAll: faults.every(({ removed }) => removed !== undefined),
  };
}

interface Route {
  readonly row: NodeRoutes[number];
  readonly range: AddressRange;
  /** Of route and interface together: the lower one wins (Windows). */
  readonly metric: number;
}

/** A way that replies take, and whose; undefined where there is none. */
interface Way {
  readonly who: readonly string[];
  readonly family: AddressFamily;
  readonly route: NodeRoutes[number] | undefined;
}

interface Fault {
  readonly message: string;
  readonly remedy: readonly string[];
  /** The route whose removal alone mends it. */
  readonly removed?: NodeRoutes[number] | undefined;
}

function routesOf(rows: NodeRoutes, family: AddressFamily, interfaces: NodeIpInterfaces | undefined): Route[] {
  return rows.flatMap((row) => {
    const range = parseRange(row.prefix);
    if (range === undefined || range.family !== (family === 'ipv4' ? 4 : 6)) return [];
    const ofInterface = row.interfaceMetric ?? interfaceRow(interfaces ?? [], row.alias, family)?.interfaceMetric ?? 0;
    return [{ row, range, metric: row.routeMetric + ofInterface }];
  });
}

/** To everybody, and to each network of known clients: the best route, and those to parts of it. */
function waysBack(routes: readonly Route[], family: AddressFamily, { subject }: Pick<RuleContext, 'subject'>): Way[] {
  const worldwide = routes.filter(({ range }) => rangeSize(range) >= wideRoute[family]);
  const halves = worldwide.filter(({ row }) => row.prefix !== everywhere[family]);
  const wide = [...bestOf(worldwide.filter(({ row }) => row.prefix === everywhere[family])), ...halves];
  const way = (who: string, route: Route | undefined): Way => ({ who: [who], family, route: route?.row });
  const world = wide.length === 0 ? [way('everybody', undefined)] : wide.map((route) => way('everybody', route));
  const clients = subject.relayClients.flatMap((network) => {
    const range = parseRange(network);
    if (range === undefined || range.family !== (family === 'ipv4' ? 4 : 6)) return [];
    const around = bestOf(routes.filter((route) => containsRange(route.range, range)));
    const inside = routes.filter(
      (route) => !containsRange(route.range, range) && overlaps(route.range, range) && hop(route.row).length > 0,
    );
    return [...around, ...inside].map((route) => way(network, route));
  });
  const all = [...world, ...clients, ...staticByBalancer(routes, subject).map((route) => way(route.row.prefix, route))];
  return [...Map.groupBy(all, ({ route }) => route)].map(([route, ways]) => ({
    who: [...new Set(ways.flatMap(({ who }) => who))],
    family,
    route,
  }));
}

/** The most specific, then the best metric; several that are equally good are all used. */
function bestOf(routes: readonly Route[]): Route[] {
  const [best] = [...routes].sort((a, b) => Number(rangeSize(a.range) - rangeSize(b.range)) || a.metric - b.metric);
  return routes.filter(
    (route) => best !== undefined && rangeSize(route.range) === rangeSize(best.range) && route.metric === best.metric,
  );
}

/** Whoever is in that network, replies to them pass the load balancer. */
function staticByBalancer(routes: readonly Route[], subject: RuleContext['subject']): Route[] {
  return routes.filter(
    ({ row }) =>
      !Object.values<string>(everywhere).includes(row.prefix) && hop(row).some((to) => isLoadBalancer(subject, to)),
  );
}

/** With Direct Server Return: by the LAN and its router, never by the load balancer. */
function wrongWays(
  ways: readonly Way[],
  lan: string | undefined,
  routes: NodeRoutes,
  at: Pick<RuleContext, 'subject'>,
  lines: RouteLines,
): Fault[] {
  return ways.flatMap(({ who, family, route }): Fault[] => {
    const prefix = everywhere[family];
    if (route === undefined) {
      return [
        {
          message: `there is no default gateway for ${familyName[family]}, so replies reach only neighbours`,
          remedy: lines.toRouter(lan, prefix),
        },
      ];
    }
    const remove = lines.remove(route, route.nextHop);
    const onLan = routes.some(
      (other) =>
        other.prefix === prefix &&
        other !== route &&
        !isLoadBalancer(at.subject, other.nextHop) &&
        (lan === undefined || isOneOf(other.alias, [lan])),
    );
    const removed = route.prefix !== prefix || onLan ? route : undefined;
    const instead =
      removed !== undefined ? [remove] : lines.instead(lines.toRouter(lan ?? route.alias, prefix), [remove]);
    if (hop(route).some((to) => isLoadBalancer(at.subject, to))) {
      return [
        {
          message:
            route.prefix === prefix
              ? `its default gateway ${route.nextHop} is the load balancer; with Direct Server Return replies go by the router`
              : `a static route sends replies to ${route.prefix} by ${route.nextHop}, the load balancer; with Direct Server Return they go by the router`,
          remedy: instead,
          removed,
        },
      ];
    }
    if (lan === undefined || isOneOf(route.alias, [lan])) return [];
    return [
      {
        message: `replies to ${enumerate(who)} leave by ${route.alias} (${routeWords(route)}), not by ${lan}, which faces the load balancer`,
        remedy: instead,
        removed,
      },
    ];
  });
}

/** A transparent load balancer has to see the replies. */
function pastTheBalancer(ways: readonly Way[], at: RuleContext, lines: RouteLines): Fault[] {
  return ways.flatMap(({ who, family, route }): Fault[] => {
    if (route !== undefined && hop(route).some((to) => isLoadBalancer(at.subject, to))) return [];
    const [balancer] = at.subject.loadBalancerAddresses.filter((one) => !one.includes('/') && familyOf(one) === family);
    const to = balancer ?? lines.balancer;
    return [
      {
        message: `replies to ${enumerate(who)} ${route === undefined ? `have no way (there is no default gateway for ${familyName[family]})` : `go by ${hop(route)[0] ?? `${route.alias} directly`}`}, and a transparent load balancer has to be the next hop, or clients get answers from an address that they never spoke to`,
        remedy: [
          `Set the load balancer's address in this subnet as gateway; when it has another than ${at.subject.loadBalancerAddresses.join(', ') || 'none declared'}, declare that in "loadBalancerAddresses".`,
          ...(balancer === undefined ? [lines.askBalancer] : []),
          ...(route === undefined
            ? [lines.add(undefined, everywhere[family], to)]
            : lines.instead(
                [lines.add(route.alias, route.prefix, to)],
                hop(route).map((next) => lines.remove(route, next)),
              )),
        ],
      },
    ];
  });
}

/** Strict reverse path filtering (ip-sysctl): the higher one of `all` and the interface counts. */
const strict = 1;

/** The commands of a system that change routes. */
interface RouteLines {
  remove(route: NodeRoutes[number], nextHop: string): string;
  add(alias: string | undefined, prefix: string, nextHop: string): string;
  /** Sends a prefix to the router of the subnet, whose address nobody but the operator knows. */
  toRouter(lan: string | undefined, prefix: string): string[];
  /** One way in place of another to the same prefix. */
  instead(added: string[], removed: string[]): string[];
  /** Where no address of the load balancer is declared: the line that asks for it, and what stands for it then. */
  readonly askBalancer: string;
  readonly balancer: string;
}

const windowsLines: RouteLines = {
  remove: ({ alias, prefix }, nextHop) =>
    `Remove-NetRoute -InterfaceAlias ${quoted(alias)} -DestinationPrefix ${prefix} -NextHop ${nextHop} -Confirm:$false`,
  add: (alias, prefix, nextHop) =>
    `New-NetRoute ${alias === undefined ? '' : `-InterfaceAlias ${quoted(alias)} `}-DestinationPrefix ${prefix} -NextHop ${nextHop}`,
  toRouter: (lan, prefix) => [
    "$router = ''   # the address of the subnet's router",
    windowsLines.add(lan, prefix, '$router'),
  ],
  instead: (added, removed) => [...added, ...removed],
  askBalancer: "$balancer = ''   # its address in this subnet",
  balancer: '$balancer',
};

const linuxLines: RouteLines = {
  remove: (route, nextHop) => `ip route del ${linuxRoute({ ...route, nextHop })}`,
  add: (alias, prefix, nextHop) =>
    `ip route replace ${prefix} via ${nextHop}${alias === undefined ? '' : ` dev ${quotedForShell(alias)}`}`,
  toRouter: (lan, prefix) => [
    "router=''   # the address of the subnet's router",
    linuxLines.add(lan, prefix, '"$router"'),
  ],
  // `replace` takes the other one's place.
  instead: (added) => added,
  askBalancer: "balancer=''   # its address in this subnet",
  balancer: '"$balancer"',
};

/** The gateway of a route; none where its network is on the wire itself. */
function hop({ nextHop }: NodeRoutes[number]): string[] {
  return isHop(nextHop) ? [nextHop] : [];
}

function routeWords(route: NodeRoutes[number] | undefined): string {
  if (route === undefined) return 'no route';
  return `${route.alias}: ${route.prefix} ${hop(route).length > 0 ? `to ${route.nextHop}` : 'on the wire'}`;
}
