import { parseEndpoint } from '../../../domain/ip-range.ts';
import type { SmtpLoadBalancer } from '../../../facts/smtp-service/load-balancer.ts';
import type { SmtpService } from '../../../facts/smtp-service/subject.ts';
import { addressOf, type LoadBalancerFile, loadBalancerFormat, translated } from './load-balancer-file.ts';

/** `haproxy.cfg`, as the HAProxy configuration manual has it (sections "Proxies", "Bind options", "Server options"). */
export const haproxyFiles = loadBalancerFormat({
  product: 'HAProxy',
  wanted: 'a haproxy.cfg',
  isText: isHaproxy,
  recognises: ({ text }) => text !== undefined && isHaproxy(text),
  open: ({ text = '' }) => readHaproxy(text),
});

/** Words that begin a section wherever they stand in their line: HAProxy does not look at indentation. */
const sections: ReadonlySet<string> = new Set([
  ...['global', 'defaults', 'frontend', 'backend', 'listen', 'peers', 'resolvers', 'userlist', 'cache', 'program'],
  ...['mailers', 'http-errors', 'ring', 'fcgi-app', 'log-forward', 'log-profile', 'crt-store', 'traces', 'acme'],
]);

/** Sections of its own, and a way from an address to a server in them; nginx, which has such words too, ends lines with `;`. */
function isHaproxy(text: string): boolean {
  const lines = text.split(/\r?\n/);
  return (
    lines.some((line) => /^\s*(frontend|backend|listen)\s+[^#;{]+(#.*)?$/.test(line)) &&
    lines.some((line) => /^\s*(bind|server)\s+[^#;{]+(#.*)?$/.test(line))
  );
}

interface Proxy {
  readonly kind: string;
  readonly name: string;
  readonly binds: string[];
  readonly backends: string[];
  readonly servers: string[][];
  readonly defaultServer: string[];
  /** Options of health checks: `smtpchk`. */
  readonly checks: string[];
  source: string[];
  disabled: boolean;
  /** Its lines about the way of a connection. */
  readonly lines: string[];
}

/** Reads a configuration; directives that say nothing of the way of a connection are counted. */
export function readHaproxy(text: string): LoadBalancerFile {
  const proxies = new Map<string, Proxy>();
  const namedDefaults = new Map<string, Proxy>();
  let ignored = 0;
  let current: Proxy | undefined;
  let defaults = newProxy('defaults', '');
  for (const line of text.split(/\r?\n/)) {
    const words = wordsOf(line);
    const [directive = '', ...rest] = words;
    if (directive === '') continue;
    if (sections.has(directive)) {
      const [name = '', from, ofDefaults = ''] = rest;
      // Defaults begin anew, unless they name others; a proxy has those that it names, else the last ones.
      const named = from === 'from' ? namedDefaults.get(ofDefaults) : undefined;
      current = newProxy(directive, name, named ?? (directive === 'defaults' ? undefined : defaults));
      // Old versions took addresses behind the name of the proxy.
      if (from !== undefined && from !== 'from') current.binds.push(...from.split(','));
      if (directive === 'defaults') {
        defaults = current;
        namedDefaults.set(name, current);
      }
      // A frontend and a backend may have one name.
      if (/^(frontend|backend|listen)$/.test(directive)) proxies.set(`${directive} ${name}`, current);
      continue;
    }
    if (current !== undefined && take(current, directive, rest)) current.lines.push(line.trim());
    else ignored++;
  }
  return {
    services: [...proxies.values()].filter(({ binds }) => binds.length > 0).length,
    ignored,
    of(service) {
      const chains = service.vips.flatMap((vip) =>
        [...proxies.values()]
          .filter(({ binds, disabled }) => !disabled && binds.some((bind) => isBoundTo(bind, vip)))
          .flatMap((proxy) => [
            proxy,
            ...proxy.backends.flatMap((name) => proxies.get(`backend ${name}`) ?? proxies.get(`listen ${name}`) ?? []),
          ])
          .filter(({ disabled }) => !disabled)
          .map((proxy) => ({ vip, proxy })),
      );
      const ways = chains.flatMap(({ vip, proxy }) =>
        proxy.servers.flatMap((server) => wayTo(server, proxy, vip, service)),
      );
      const used = [...new Set(chains.map(({ proxy }) => proxy))];
      return {
        addresses: [...new Set(ways.flatMap(({ source = [] }) => source))],
        ways,
        written: used.flatMap(({ kind, name, lines }) => [`${kind} ${name}`, ...lines.map((line) => `    ${line}`)]),
      };
    },
  };
}

function newProxy(
  kind: string,
  name: string,
  { defaultServer, source, checks, disabled }: Pick<Proxy, 'defaultServer' | 'source' | 'checks' | 'disabled'> = {
    defaultServer: [],
    source: [],
    checks: [],
    disabled: false,
  },
): Proxy {
  return {
    kind,
    name,
    binds: [],
    backends: [],
    servers: [],
    defaultServer: [...defaultServer],
    checks: [...checks],
    source,
    disabled,
    lines: [],
  };
}

/** @returns false when the directive says nothing about the way of a connection */
function take(proxy: Proxy, directive: string, rest: readonly string[]): boolean {
  switch (directive) {
    case 'bind':
      proxy.binds.push(...(rest[0] ?? '').split(','));
      return true;
    case 'default_backend':
    case 'use_backend':
      proxy.backends.push(rest[0] ?? '');
      return true;
    case 'server':
      proxy.servers.push([...rest]);
      return true;
    // A name to begin with, how many, and a host name that stands for all of them.
    case 'server-template':
      proxy.servers.push([rest[0] ?? '', ...rest.slice(2)]);
      return true;
    case 'default-server':
      proxy.defaultServer.push(...rest);
      return true;
    case 'source':
      proxy.source = [...rest];
      return true;
    case 'disabled':
    case 'enabled':
      proxy.disabled = directive === 'disabled';
      return true;
    case 'option':
      if (!/^(\w+chk|\w+-check)$/.test(rest[0] ?? '')) return false;
      proxy.checks.push(rest[0] ?? '');
      return true;
    default:
      return false;
  }
}

function wayTo(
  [name = '', address = '', ...own]: readonly string[],
  proxy: Proxy,
  vip: string,
  service: SmtpService,
): SmtpLoadBalancer['ways'] {
  // What follows the last colon is the port, of an IPv6 address without brackets, too.
  const [, host = '', port] = /^(?:ipv[46]@)?\[?([\w.:-]+?)\]?(?::(\d+))?$/.exec(address) ?? [];
  if (host === '') return [];
  const options = [...proxy.defaultServer, ...own];
  // In maintenance from the start: nobody is led there.
  if (options.filter((word) => word === 'disabled' || word === 'enabled').at(-1) === 'disabled') return [];
  const at = options.lastIndexOf('source');
  const source = at === -1 ? proxy.source : options.slice(at + 1, at + 4);
  // "source A usesrc B" shows B to the server.
  const shown = source[1] === 'usesrc' ? parseEndpoint(source[2] ?? '')?.address : undefined;
  const from = shown ?? parseEndpoint(source[0] ?? '')?.address;
  const sends = options.filter((word) => /^(no-)?send-proxy(-v2.*)?$/.test(word)).at(-1);
  const checks = options.filter((word) => word === 'check' || word === 'no-check').at(-1) === 'check';
  return [
    {
      vip,
      through: `${proxy.kind} ${proxy.name}`,
      server: name,
      address: addressOf(host, service),
      ...translated(Number(port ?? 0), vip),
      keepsClient: source[1] === 'usesrc' && /^client(ip)?$/.test(source[2] ?? ''),
      ...(from === undefined || from === '0.0.0.0' || from === '::' ? {} : { source: from }),
      sendsProxy: sends !== undefined && !sends.startsWith('no-'),
      ...(checks ? { monitors: [proxy.checks.at(-1) ?? 'tcp'] } : {}),
    },
  ];
}

/** `*:25`, `:25`, `192.0.2.25:25`, `[2001:db8::25]:25`, `ipv4@192.0.2.25:25`, a range of ports. */
function isBoundTo(bind: string, vip: string): boolean {
  const wanted = parseEndpoint(vip);
  const match = /^(?:ipv[46]@)?(.*?):(\d+)(?:-(\d+))?$/.exec(bind);
  if (wanted?.port === undefined || match === null) return false;
  const [, host = '', first, last = first] = match;
  if (wanted.port < Number(first) || wanted.port > Number(last)) return false;
  const address = host.replace(/^\[|\]$/g, '');
  // `*` and nothing are every IPv4 address ("bind" in the manual); IPv6 has a word of its own.
  if (address === '' || address === '*' || address === '0.0.0.0') return !wanted.address.includes(':');
  if (address === '::') return wanted.address.includes(':');
  return parseEndpoint(address)?.address === wanted.address;
}

/** Words of a line, without comments; quotes and backslashes as a shell has them. */
function wordsOf(line: string): string[] {
  const words: string[] = [];
  for (const [word] of line.matchAll(/#.*$|(?:"[^"]*"|'[^']*'|\\.|[^\s#"'\\])+/g)) {
    if (word.startsWith('#')) break;
    words.push(
      word.replaceAll(
        /"([^"]*)"|'([^']*)'|\\(.)/g,
        (_, ...groups: (string | undefined)[]) => groups[0] ?? groups[1] ?? groups[2] ?? '',
      ),
    );
  }
  return words;
}
