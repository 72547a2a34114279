import { isAmong, parseEndpoint, plainAddress } from '../../../domain/ip-range.ts';
import type { SmtpLoadBalancer } from '../../../facts/smtp-service/load-balancer.ts';
import type { SmtpService } from '../../../facts/smtp-service/subject.ts';
import { addressOf, type LoadBalancerFile, loadBalancerFormat, translated } from './load-balancer-file.ts';

/**
 * `ns.conf` of a NetScaler, or what `show ns runningConfig` prints: lines of the NetScaler command reference (add, set, bind
 * of ns ip, netProfile, ipset, server, service, serviceGroup, lb vserver, cs vserver, lb monitor; enable ns mode).
 */
export const netscalerFiles = loadBalancerFormat({
  product: 'NetScaler',
  wanted: 'an ns.conf',
  isText: isNetscaler,
  recognises: ({ text }) => text !== undefined && isNetscaler(text),
  open: ({ text = '' }) => readNetscaler(text),
});

/** A virtual server, and something that says what it is made of: no other configuration speaks so. */
function isNetscaler(text: string): boolean {
  return (
    /^[ \t]*add (lb|cs) vserver \S/im.test(text) &&
    /^[ \t]*(add (server|service|serviceGroup)|bind (lb|cs) vserver) \S/im.test(text)
  );
}

/** Options of a line by their names in small letters: `usip` → `YES`. */
type Options = ReadonlyMap<string, string>;

interface Named {
  readonly options: Options;
  readonly words: readonly string[];
}

interface Member {
  readonly server: string;
  readonly host: string;
  readonly port: number;
  readonly options: Options;
}

/** A service, or a group of them. */
interface Service {
  options: Options;
  readonly type: string;
  readonly members: Member[];
  readonly monitors: string[];
}

interface VirtualServer {
  options: Options;
  readonly endpoint: string;
  readonly port: number | undefined;
  readonly services: string[];
  /** Of content switching: the virtual servers that it leads to. */
  readonly targets: string[];
}

/** What of a configuration says which way connections go, by the names that it has for things. */
interface Config {
  readonly snips: { readonly address: string; readonly network: string | undefined }[];
  readonly modes: Set<string>;
  readonly hosts: Map<string, Named>;
  readonly profiles: Map<string, Options>;
  readonly sets: Map<string, string[]>;
  readonly monitors: Map<string, string>;
  readonly services: Map<string, Service>;
  readonly servers: Map<string, VirtualServer>;
  /** Lines by the virtual server, service or group that they are about. */
  readonly lines: Map<string, string[]>;
}

/** Reads a configuration; directives that say nothing of the way of a connection are counted. */
export function readNetscaler(text: string): LoadBalancerFile {
  const config: Config = {
    snips: [],
    modes: new Set(),
    hosts: new Map(),
    profiles: new Map(),
    sets: new Map(),
    monitors: new Map(),
    services: new Map(),
    servers: new Map(),
    lines: new Map(),
  };
  let ignored = 0;
  for (const line of text.split(/\r?\n/)) {
    const words = wordsOf(line);
    if (words.length > 0 && !take(config, words, line.trim())) ignored++;
  }
  return {
    services: [...config.servers.values()].filter(({ endpoint }) => endpoint !== '').length,
    ignored,
    of: (service) => waysIn(config, service),
  };
}

/** The list under a name, made when it is first asked for. */
function listIn(lists: Map<string, string[]>, name: string): string[] {
  const list = lists.get(name) ?? [];
  lists.set(name, list);
  return list;
}

/** @returns false when the line says nothing about the way of a connection */
function take(config: Config, words: readonly string[], line: string): boolean {
  const [verb = '', kind = '', second = ''] = words.map((word) => word.toLowerCase());
  const isOfTwoWords = ['ns', 'lb', 'cs'].includes(kind);
  const what = isOfTwoWords ? `${verb} ${kind} ${second}` : `${verb} ${kind}`;
  const { words: rest, options } = optionsIn(words.slice(isOfTwoWords ? 3 : 2));
  const [name = '', ...more] = rest;
  const note = (of: string) => listIn(config.lines, of).push(line);
  switch (what) {
    case 'add ns ip':
    case 'add ns ip6':
      // Connections to servers come from subnet addresses (SNIP, of old MIP): not from a VIP, nor from where it is managed.
      if (!/^(snip|mip)$/i.test(options.get('type') ?? 'SNIP')) return false;
      if (!isAddress(name.split('/')[0] ?? '')) return false;
      config.snips.push({ address: plainAddress(name.split('/')[0] ?? ''), network: networkOf(name, more[0]) });
      return true;
    case 'enable ns mode':
      for (const mode of rest) config.modes.add(mode.toLowerCase());
      return true;
    case 'disable ns mode':
      for (const mode of rest) config.modes.delete(mode.toLowerCase());
      return true;
    case 'add server':
      config.hosts.set(name, { words: more, options });
      return true;
    case 'add netprofile':
    case 'set netprofile':
      config.profiles.set(name, new Map([...(config.profiles.get(name) ?? []), ...options]));
      return true;
    case 'add ipset':
      listIn(config.sets, name);
      return true;
    case 'bind ipset':
      listIn(config.sets, name).push(...more.map(plainAddress));
      return true;
    case 'add lb monitor':
      config.monitors.set(name, more[0] ?? '');
      return true;
    case 'add service': {
      const [host = '', type = '', port = ''] = more;
      config.services.set(name, {
        options,
        type,
        members: [memberOf(config, host, port, noOptions)],
        monitors: [],
      });
      note(name);
      return true;
    }
    case 'add servicegroup':
      config.services.set(name, { options, type: more[0] ?? '', members: [], monitors: [] });
      note(name);
      return true;
    case 'set service':
    case 'set servicegroup': {
      const service = config.services.get(name);
      if (service === undefined) return false;
      service.options = new Map([...service.options, ...options]);
      note(name);
      return true;
    }
    case 'bind service':
    case 'bind servicegroup': {
      const service = config.services.get(name);
      const monitor = options.get('monitorname');
      if (service === undefined || (monitor === undefined && more[0] === undefined)) return false;
      if (monitor !== undefined) service.monitors.push(monitor);
      else {
        const [server = '', port = ''] = more;
        service.members.push(memberOf(config, server, port, options));
      }
      note(name);
      return true;
    }
    case 'add lb vserver':
    case 'add cs vserver': {
      const [, address = '', port = ''] = more;
      const endpoint = parseEndpoint(address)?.address ?? '';
      config.servers.set(`${kind} ${name}`, {
        options,
        // Without an address of its own it is reached by another virtual server only.
        endpoint: endpoint === '0.0.0.0' || endpoint === '::' ? '' : endpoint,
        port: /^\d+$/.test(port) ? Number(port) : undefined,
        services: [],
        targets: [],
      });
      note(`${kind} ${name}`);
      return true;
    }
    case 'set lb vserver':
    case 'bind lb vserver':
    case 'set cs vserver':
    case 'bind cs vserver': {
      const server = config.servers.get(`${kind} ${name}`);
      if (server === undefined) return false;
      if (verb === 'set') server.options = new Map([...server.options, ...options]);
      const target = options.get('lbvserver') ?? options.get('targetlbvserver');
      if (verb === 'bind' && target !== undefined) server.targets.push(`lb ${target}`);
      if (verb === 'bind' && more[0] !== undefined) server.services.push(more[0]);
      note(`${kind} ${name}`);
      return true;
    }
    default:
      return false;
  }
}

const noOptions: Options = new Map();

function memberOf({ hosts }: Config, server: string, port: string, options: Options): Member {
  const known = hosts.get(server);
  const state = known?.options.get('state');
  return {
    server,
    host: known?.words[0] ?? server,
    port: portOf(port),
    options: state === undefined ? options : new Map([['state', state], ...options]),
  };
}

/** Switched off: nothing is led there, whatever else stands in its line. */
function isOff(options: Options | undefined): boolean {
  return /^disabled$/i.test(options?.get('state') ?? '');
}

function waysIn(config: Config, service: SmtpService): ReturnType<LoadBalancerFile['of']> {
  const named = service.vips.flatMap((vip) => {
    const { address, port } = parseEndpoint(vip) ?? {};
    return [...config.servers]
      .filter(
        ([, one]) => one.endpoint === address && (one.port === undefined || one.port === port) && !isOff(one.options),
      )
      .flatMap(([name, one]) => [name, ...one.targets])
      .map((name) => ({ vip, name }));
  });
  const ways = named.flatMap(({ vip, name }) => {
    const server = config.servers.get(name);
    return (server?.services ?? []).flatMap((of) => waysBy(config, service, { vip, through: name, server, of }));
  });
  const involved = new Set(named.flatMap(({ name }) => [...(config.servers.get(name)?.services ?? []), name]));
  return {
    addresses: [...new Set(ways.flatMap(({ address, source = [] }) => [source, ...snipsNear(config, address)].flat()))],
    ways,
    written: [
      ...(config.modes.size === 0 ? [] : [`enable ns mode ${[...config.modes].join(' ').toUpperCase()}`]),
      ...[...involved].flatMap((name) => config.lines.get(name) ?? []),
    ],
  };
}

function waysBy(
  config: Config,
  subject: SmtpService,
  { vip, through, server, of }: { vip: string; through: string; server: VirtualServer | undefined; of: string },
): SmtpLoadBalancer['ways'] {
  const service = config.services.get(of);
  if (service === undefined || isOff(service.options) || isOff(server?.options)) return [];
  const { options } = service;
  const usip = options.get('usip') ?? (config.modes.has('usip') ? 'YES' : 'NO');
  // A profile of the service goes before that of its virtual server.
  const profile = config.profiles.get(options.get('netprofile') ?? server?.options.get('netprofile') ?? '');
  const kinds = service.monitors.map((name) => config.monitors.get(name) ?? name);
  const isDirect = /^(mac|iptunnel|tos)$/i.test(server?.options.get('m') ?? '');
  return service.members.flatMap((member): SmtpLoadBalancer['ways'] => {
    if (isOff(member.options)) return [];
    const address = addressOf(member.host, subject);
    const sources = sourcesOf(config, profile, address);
    const way = {
      vip,
      through: through.slice(3),
      server: member.server,
      address,
      ...translated(member.port, vip),
      keepsClient: /^yes$/i.test(usip),
      ...(isDirect ? { direct: true } : {}),
      sendsProxy: /^enabled$/i.test(profile?.get('proxyprotocol') ?? ''),
      ...(kinds.length === 0 ? {} : { monitors: kinds }),
    };
    return sources.length === 0 || way.keepsClient ? [way] : sources.map((source) => ({ ...way, source }));
  });
}

/** What connects to a server: the addresses of its profile, else those in its subnet; none where nobody can tell. */
function sourcesOf(config: Config, profile: Options | undefined, server: string): readonly string[] {
  const from = profile?.get('srcip');
  if (from !== undefined) return (config.sets.get(from) ?? [plainAddress(from)]).filter(isAddress);
  return inSubnetOf(config, server);
}

/** What may connect to a server, its health checks too: the subnet addresses beside it, else whichever has a route. */
function snipsNear(config: Config, server: string): readonly string[] {
  const beside = inSubnetOf(config, server);
  return beside.length > 0 ? beside : config.snips.map(({ address }) => address);
}

function inSubnetOf({ snips }: Config, server: string): readonly string[] {
  return snips.flatMap(({ address, network }) => (network !== undefined && isAmong(server, [network]) ? address : []));
}

const isAddress = (text: string) => parseEndpoint(text) !== undefined;

/** `192.0.2.5` and `255.255.255.0` → `192.0.2.5/24`; IPv6 has its length behind it. */
function networkOf(address: string, mask: string | undefined): string | undefined {
  if (address.includes('/')) return address;
  const bytes = mask?.split('.').map(Number) ?? [];
  if (bytes.length !== 4 || bytes.some((byte) => !(byte >= 0 && byte <= 255))) return undefined;
  return `${address}/${bytes.map((byte) => byte.toString(2).replaceAll('0', '').length).reduce((sum, one) => sum + one, 0)}`;
}

/** `*` is any. */
function portOf(text: string): number {
  return /^\d{1,5}$/.test(text) ? Number(text) : 0;
}

/** The words before, between and behind the options, and the options: each has one value. */
function optionsIn(words: readonly string[]): Named {
  const options = new Map<string, string>();
  const rest: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? '';
    if (/^-[a-z]/i.test(word)) options.set(word.slice(1).toLowerCase(), words[++at] ?? '');
    else rest.push(word);
  }
  return { options, words: rest };
}

/** Words of a line; quoted ones with backslashes inside. */
function wordsOf(line: string): string[] {
  const text = line.trim();
  if (text === '' || text.startsWith('#')) return [];
  return [...text.matchAll(/"((?:\\.|[^"\\])*)"|(\S+)/g)].map(
    ([, quoted, plain = '']) => quoted?.replace(/\\(.)/g, '$1') ?? plain,
  );
}
