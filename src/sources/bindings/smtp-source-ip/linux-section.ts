import { z } from 'zod';
import { parseEndpoint, plainAddress } from '../../../domain/ip-range.ts';
import type {
  NodeArpFilter,
  NodeListeners,
  NodePacketFilter,
  NodePostfix,
  NodeRedirects,
  NodeRoutingRules,
} from '../../../facts/smtp-service/linux-node.ts';
import type { NodeAdapters, NodeIpAddresses, NodeNeighbors, NodeRoutes } from '../../../facts/smtp-service/node.ts';
import { postfixServicePorts } from '../../../facts/smtp-service/service.ts';

/*
 * The part of a fact file that `Collect-SmtpSourceIpFacts.sh` writes: the JSON of iproute2 and nftables as they print it
 * (`ip -json`, `nft -j`, libnftables-json(5)), which a shell script hands on unread, and lines of `ss` and `postconf`.
 */

const link = z.object({
  ifname: z.string(),
  flags: z.array(z.string()).default([]),
  operstate: z.string().optional(),
  link_type: z.string().optional(),
  linkinfo: z.object({ info_kind: z.string().optional() }).optional(),
  addr_info: z
    .array(
      z.object({
        local: z.string().optional(),
        prefixlen: z.number().optional(),
        tentative: z.boolean().optional(),
        dadfailed: z.boolean().optional(),
        deprecated: z.boolean().optional(),
      }),
    )
    .default([]),
});

const hop = z.object({
  gateway: z.string().optional(),
  via: z.object({ host: z.string() }).optional(),
  dev: z.string().optional(),
  flags: z.array(z.string()).default([]),
});

const route = hop.extend({
  dst: z.string(),
  type: z.string().optional(),
  metric: z.number().optional(),
  nexthops: z.array(hop).optional(),
});

const routingRule = z.looseObject({ priority: z.number(), table: z.union([z.string(), z.number()]).optional() });

const neighbor = z.object({
  dst: z.string(),
  dev: z.string(),
  lladdr: z.string().optional(),
  state: z.array(z.string()).optional(),
});

/** What newer programs list beside what is known here is passed over, as are empty objects of older ones. */
const listOf = <T extends z.ZodType>(item: T) =>
  z
    .array(z.unknown())
    .transform((rows) => rows.filter((row) => typeof row === 'object' && row !== null && Object.keys(row).length > 0))
    .pipe(z.array(item))
    .optional();

export const linuxSection = z.object({
  links: listOf(link),
  routes: listOf(route),
  routes6: listOf(route),
  rules: listOf(routingRule),
  rules6: listOf(routingRule),
  neighbors: listOf(neighbor),
  kernelSettings: z
    .array(z.object({ scope: z.string(), arpIgnore: z.number(), arpAnnounce: z.number(), rpFilter: z.number() }))
    .optional(),
  storedKernelSettings: z
    .array(
      z.object({ scope: z.string(), setting: z.enum(['arp_ignore', 'arp_announce', 'rp_filter']), value: z.number() }),
    )
    .optional(),
  listeners: z.array(z.string()).optional(),
  packetFilter: z.object({ nftables: z.array(z.record(z.string(), z.unknown())) }).optional(),
  postfix: z
    .object({
      settings: z.record(z.string(), z.string()),
      services: z.array(z.string()),
      overrides: z.array(z.string()),
    })
    .optional(),
});

type LinuxSection = z.infer<typeof linuxSection>;
type Section<N extends keyof LinuxSection> = NonNullable<LinuxSection[N]>;

export function linuxAdapters(links: Section<'links'>): NodeAdapters {
  return links.map(({ ifname, flags, operstate, link_type, linkinfo }) => {
    const kind = linkinfo?.info_kind ?? link_type ?? 'unknown';
    const silent = flags.includes('LOOPBACK') ? 'loopback' : flags.includes('NOARP') ? 'noarp' : undefined;
    return {
      name: ifname,
      interfaceDescription: kind,
      status: flags.includes('UP') ? (operstate === 'DOWN' ? 'Disconnected' : 'Up') : 'Disabled',
      componentId: silent ?? kind,
    };
  });
}

export function linuxAddresses(links: Section<'links'>): NodeIpAddresses {
  return links.flatMap(({ ifname, addr_info }) =>
    addr_info.flatMap(({ local, prefixlen, tentative, dadfailed, deprecated }) =>
      local === undefined || prefixlen === undefined
        ? []
        : [
            {
              alias: ifname,
              ipAddress: plainAddress(local),
              prefixLength: prefixlen,
              addressState: dadfailed
                ? ('duplicate' as const)
                : tentative
                  ? ('tentative' as const)
                  : deprecated
                    ? ('deprecated' as const)
                    : ('preferred' as const),
            },
          ],
    ),
  );
}

/** Where the kernel sends nothing, whatever stands in the route. */
const deadEnds: ReadonlySet<string> = new Set(['blackhole', 'unreachable', 'prohibit', 'throw']);

/** The main table. A way over several routers at once is several routes; one that leads nowhere is named by its kind. */
export function linuxRoutes(rows: Section<'routes'>, family: 'ipv4' | 'ipv6'): NodeRoutes {
  const [everywhere, none] = family === 'ipv4' ? ['0.0.0.0/0', '0.0.0.0'] : ['::/0', '::'];
  return rows.flatMap(({ dst, type, metric = 0, nexthops, ...own }) => {
    const prefix = dst === 'default' ? everywhere : dst;
    if (type !== undefined && deadEnds.has(type)) {
      return [{ prefix, nextHop: none, alias: type, routeMetric: metric, interfaceMetric: 0 }];
    }
    return (nexthops ?? [own]).flatMap(({ gateway, via, dev, flags }) =>
      flags.includes('dead') || dev === undefined
        ? []
        : [
            {
              prefix,
              nextHop: plainAddress(gateway ?? via?.host ?? none),
              alias: dev,
              routeMetric: metric,
              interfaceMetric: 0,
            },
          ],
    );
  });
}

const usualTables: ReadonlySet<string> = new Set(['local', 'main', 'default']);

/** Rules that every Linux has lead everything to the tables local, main and default. */
export function linuxRoutingRules(rows: Section<'rules'>): NodeRoutingRules {
  return rows.flatMap(({ priority, table, ...selector }) => {
    const words = Object.entries(selector).map(([key, value]) => `${key} ${String(value)}`.trim());
    const isUsual = usualTables.has(String(table)) && words.length === 1 && selector.src === 'all';
    return isUsual
      ? []
      : [{ priority, rule: [...words, ...(table === undefined ? [] : [`table ${table}`])].join(' ') }];
  });
}

export function linuxNeighbors(rows: Section<'neighbors'>): NodeNeighbors {
  return rows.flatMap(({ dst, dev, lladdr, state }) =>
    lladdr === undefined
      ? []
      : [
          {
            alias: dev,
            ipAddress: plainAddress(dst),
            linkLayerAddress: lladdr.toLowerCase(),
            state: state?.join(', '),
          },
        ],
  );
}

/** `0.0.0.0:25`, `[::]:25`, `127.0.0.1%lo:53`; `*:25` stands for both families. */
export function linuxListeners(lines: Section<'listeners'>): NodeListeners {
  return lines.flatMap((line) => {
    const any = /^\*:(\d+)$/.exec(line)?.[1];
    if (any !== undefined) return ['0.0.0.0', '::'].map((address) => ({ address, port: Number(any) }));
    const endpoint = parseEndpoint(line.replace(/%[^\]:]*(\]?:\d+)$/, '$1'));
    return endpoint?.port === undefined ? [] : [{ address: endpoint.address, port: endpoint.port }];
  });
}

export function linuxPostfix({ settings, services, overrides }: Section<'postfix'>): NodePostfix {
  const own = overrides.flatMap((line) => {
    const [, service = '', name = '', value = ''] = /^(.+)\/(\w+) = (.*)$/.exec(line) ?? [];
    return service === '' ? [] : [{ service, name, value }];
  });
  const setBy = (service: string) =>
    Object.fromEntries(own.filter((one) => one.service === service).map(({ name, value }) => [name, value] as const));
  return {
    settings,
    services: services.flatMap((line) => {
      const [name = '', type = '', , , , , , command = ''] = line.trim().split(/\s+/);
      if (type !== 'inet') return [];
      const colon = name.lastIndexOf(':');
      const [host, service] = [name.slice(0, Math.max(colon, 0)), name.slice(colon + 1)];
      const port = /^\d+$/.test(service) ? Number(service) : postfixServicePorts[service];
      return [
        {
          name,
          ...(port === undefined ? {} : { port }),
          ...(host === '' ? {} : { address: plainAddress(host) }),
          command,
          // postscreen hands its clients to the service smtpd.
          overrides: { ...(command === 'postscreen' ? setBy('smtpd/pass') : {}), ...setBy(`${name}/inet`) },
        },
      ];
    }),
  };
}

type Chain = NodePacketFilter['chains'][number];
type FilterRule = Chain['rules'][number];

const chainRow = z.object({
  family: z.string(),
  table: z.string(),
  name: z.string(),
  type: z.string().optional(),
  hook: z.string().optional(),
  policy: z.enum(['accept', 'drop']).optional(),
});
const ruleRow = z.object({
  family: z.string(),
  table: z.string(),
  chain: z.string(),
  expr: z.array(z.record(z.string(), z.unknown())),
});
const match = z.object({ op: z.string(), left: z.unknown(), right: z.unknown() });
const left = z.union([
  z.object({ meta: z.object({ key: z.string() }) }).transform(({ meta }) => `meta ${meta.key}`),
  z.object({ ct: z.object({ key: z.string() }) }).transform(({ ct }) => `ct ${ct.key}`),
  z
    .object({ payload: z.object({ protocol: z.string(), field: z.string() }) })
    .transform(({ payload }) => `${payload.protocol} ${payload.field}`),
]);

/** What concerns new TCP connections, of the ruleset as `nft -j list ruleset` prints it. */
export function linuxPacketFilter({ nftables }: Section<'packetFilter'>): NodePacketFilter {
  const of = <T extends z.ZodType>(kind: string, schema: T) =>
    nftables.flatMap((one) => {
      const parsed = schema.safeParse(one[kind]);
      return parsed.success ? [parsed.data] : [];
    });
  const rules = of('rule', ruleRow);
  const idOf = (row: { family: string; table: string }, name: string) => `${row.family} ${row.table} ${name}`;
  const chains = of('chain', chainRow)
    .filter(({ family }) => ['ip', 'ip6', 'inet'].includes(family))
    .map((row): Chain => {
      const isBase = row.type === 'filter' && (row.hook === 'input' || row.hook === 'prerouting');
      return {
        id: idOf(row, row.name),
        ...(isBase ? { hook: 'input' as const, policy: row.policy ?? ('accept' as const) } : {}),
        rules: rules
          .filter((one) => one.chain === row.name && one.table === row.table && one.family === row.family)
          .map(({ expr }) => filterRule(expr, (name) => idOf(row, name))),
      };
    });
  return { chains };
}

/** Of chains that the kernel itself leads new connections to: what containers publish stands in others. */
export function linuxRedirects({ nftables }: Section<'packetFilter'>): NodeRedirects {
  const bases = nftables.flatMap((one) => {
    const { data } = chainRow.safeParse(one.chain);
    return data?.type === 'nat' && data.hook === 'prerouting' ? [data] : [];
  });
  return nftables.flatMap((one) => {
    const { data } = ruleRow.safeParse(one.rule);
    const base = bases.find(
      ({ name, ...at }) => name === data?.chain && at.table === data.table && at.family === data.family,
    );
    return data === undefined || base === undefined
      ? []
      : redirect(data.expr, `${data.family} ${data.table} ${data.chain}`);
  });
}

/** As an extension of iptables. */
const translation = z.object({ xt: z.object({ name: z.enum(['REDIRECT', 'DNAT']) }) });

/** A rule that names neither an address nor a port is told by what has no words here: it is some other service's. */
function redirect(expr: z.infer<typeof ruleRow>['expr'], chain: string): NodeRedirects {
  const isOne = expr.some((one) => 'redirect' in one || 'dnat' in one || translation.safeParse(one).success);
  if (!isOne) return [];
  const values = (field: RegExp) => {
    const all = expr.flatMap((one) => {
      const parsed = match.safeParse(one.match);
      const what = parsed.success ? left.safeParse(parsed.data.left) : undefined;
      return parsed.success && what?.success === true && field.test(what.data) ? [parsed.data] : [];
    });
    return all.length === 0
      ? undefined
      : all.flatMap(({ op, right }) => (op === '==' || op === 'in' ? valuesIn(right) : []));
  };
  const addresses = values(/^ip6? daddr$/)?.flatMap((one) => (typeof one === 'string' ? [plainAddress(one)] : []));
  const ports = values(/^tcp dport$/)?.flatMap(portsOf);
  if (addresses === undefined && ports === undefined) return [];
  return [{ chain, ...(addresses === undefined ? {} : { addresses }), ...(ports === undefined ? {} : { ports }) }];
}

/** Rules of arptables stand in the family arp, too. */
export function linuxArpFilter({ nftables }: Section<'packetFilter'>): NodeArpFilter {
  const isArp = (one: (typeof nftables)[number]) => ruleRow.safeParse(one.rule).data?.family === 'arp';
  return { rules: nftables.filter(isArp).length };
}

function filterRule(expr: z.infer<typeof ruleRow>['expr'], idOf: (chain: string) => string): FilterRule {
  let applies: FilterRule['applies'] = 'all';
  let found: Pick<FilterRule, 'ports' | 'interface'> = {};
  let verdict: string | undefined;
  const narrow = (to: FilterRule['applies']) => {
    if (applies !== 'none' && to !== 'all') applies = to;
  };
  for (const one of expr) {
    const [kind = ''] = Object.keys(one);
    if (kind === 'match') {
      const looked = matched(one.match);
      narrow(looked.applies);
      found = { ...found, ...looked.found };
    } else if (['accept', 'drop', 'reject', 'return'].includes(kind)) {
      verdict = kind;
    } else if (kind === 'jump' || kind === 'goto') {
      const target = z.object({ target: z.string() }).safeParse(one[kind]);
      verdict = target.success ? `${kind} ${idOf(target.data.target)}` : 'other';
    } else if (!['counter', 'log', 'comment'].includes(kind)) {
      // A limit, a map of verdicts, an extension of iptables that has no words here.
      narrow('some');
      if (kind === 'vmap' || kind === 'xt') verdict = 'other';
    }
  }
  return { ...(verdict === undefined ? {} : { verdict }), applies, ...found };
}

/** Does a new TCP connection fit, and on which ports or interface only? */
function matched(value: unknown): { applies: FilterRule['applies']; found: Pick<FilterRule, 'ports' | 'interface'> } {
  const said = (applies: FilterRule['applies'], found: Pick<FilterRule, 'ports' | 'interface'> = {}) => ({
    applies,
    found,
  });
  const parsed = match.safeParse(value);
  const what = parsed.success ? left.safeParse(parsed.data.left) : undefined;
  if (!parsed.success || what?.success !== true) return said('some');
  const { op, right } = parsed.data;
  const listed = valuesIn(right);
  const isEqual = op === '==' || op === 'in';
  switch (what.data) {
    case 'meta iifname':
    case 'meta iif':
      return isEqual && typeof right === 'string' && !right.includes('*')
        ? said('all', { interface: right })
        : said('some');
    case 'tcp dport': {
      const ports = listed.flatMap(portsOf);
      return isEqual && ports.length === listed.length && ports.length > 0 ? said('all', { ports }) : said('some');
    }
    case 'meta l4proto':
    case 'ip protocol':
    case 'ip6 nexthdr':
      return said(isEqual === listed.some((one) => one === 'tcp' || one === 6) ? 'all' : 'none');
    case 'ct state':
      return said(isEqual === listed.includes('new') ? 'all' : 'none');
    default:
      return said(what.data.startsWith('udp ') || what.data.startsWith('icmp') ? 'none' : 'some');
  }
}

function valuesIn(right: unknown): unknown[] {
  if (Array.isArray(right)) return right;
  const set = z.object({ set: z.array(z.unknown()) }).safeParse(right);
  return set.success ? set.data.set : [right];
}

function portsOf(value: unknown): [number, number][] {
  if (typeof value === 'number') return [[value, value]];
  const range = z.object({ range: z.tuple([z.number(), z.number()]) }).safeParse(value);
  return range.success ? [range.data.range] : [];
}
