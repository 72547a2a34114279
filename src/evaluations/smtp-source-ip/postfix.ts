import {
  type AddressRange,
  containsRange,
  overlaps,
  parseAddress,
  parseEndpoint,
  parseRange,
} from '../../domain/ip-range.ts';
import type { Judgement, Observation } from '../../domain/rule.ts';
import { enumerate } from '../../domain/words.ts';
import type { NodePostfix } from '../../facts/smtp-service/linux-node.ts';
import { loadBalancerRanges, nodesWith } from '../../facts/smtp-service/service.ts';
import type { SmtpService } from '../../facts/smtp-service/subject.ts';
import { quotedForShell } from './linux.ts';
import { familyOf } from './service.ts';

/** One entry of `mynetworks` (Postfix, postconf(5) and DATABASE_README). */
export interface Network {
  readonly text: string;
  /** `!` before it: whoever is in it is none of them, whatever stands behind. */
  readonly not: boolean;
  /** Undefined for a file or a table, which the facts do not hold. */
  readonly range: AddressRange | undefined;
}

/** What a network service of Postfix lets clients do that have not signed in. */
export interface PostfixService {
  /** `smtp`, as master.cf names it. */
  readonly name: string;
  /** `smtpd`, `postscreen`. */
  readonly command: string;
  /** Who may send to foreign recipients: `mynetworks`, everybody, or nobody. */
  readonly relaysFor: 'mynetworks' | 'everybody' | 'nobody';
  /** Restrictions that may let more relay than that: tables, policy services, certificates of whoever. */
  readonly tables: readonly string[];
  readonly networks: readonly Network[];
  setting(name: string): string;
  /** The line that sets a parameter where it is set now: main.cf, or the service's own options. */
  set(name: string, value: string): string;
}

/** The services that take what the load balancer passes on. */
export function postfixServices(postfix: NodePostfix, service: SmtpService): PostfixService[] {
  const vips = service.vips.flatMap((vip) => parseEndpoint(vip) ?? []);
  return postfix.services
    .filter(
      ({ port, address, command }) =>
        (command === 'smtpd' || command === 'postscreen') &&
        vips.some((vip) => vip.port === port && (address === undefined || address === vip.address)),
    )
    .map(({ name, command, overrides }) => {
      const setting = (parameter: string) => overrides[parameter] ?? postfix.settings[parameter] ?? '';
      const relay = decide(setting('smtpd_relay_restrictions'));
      const recipient = decide(setting('smtpd_recipient_restrictions'));
      const both = (of: (one: Decision) => boolean) => of(relay) && of(recipient);
      return {
        name,
        command,
        relaysFor: both(({ everybody }) => everybody)
          ? 'everybody'
          : both(({ everybody, networks }) => everybody || networks)
            ? 'mynetworks'
            : 'nobody',
        // Who is stopped by one of the lists does not relay, whatever the other says.
        tables: both(({ everybody, tables }) => everybody || tables.length > 0)
          ? [...relay.tables, ...recipient.tables]
          : [],
        networks: networksOf(setting('mynetworks')),
        setting,
        set: (parameter, value) => {
          const assignment = quotedForShell(`${parameter}=${value}`);
          const own = command === 'postscreen' ? 'smtpd/pass' : `${name}/inet`;
          return parameter in overrides
            ? `postconf -P ${quotedForShell(`${own}/${parameter}=${value}`)}`
            : `postconf -e ${assignment}`;
        },
      };
    });
}

/** Where a service is told that a load balancer begins connections with the PROXY protocol. */
export function proxyParameter({ command }: PostfixService): string {
  return command === 'postscreen' ? 'postscreen_upstream_proxy_protocol' : 'smtpd_upstream_proxy_protocol';
}

export function expectsProxy(service: PostfixService): boolean {
  return service.setting(proxyParameter(service)) !== '';
}

interface Decision {
  readonly networks: boolean;
  readonly everybody: boolean;
  readonly tables: readonly string[];
}

/** These end a list for whoever wants to send to a foreign recipient. */
const lastWords: ReadonlySet<string> = new Set([
  'reject_unauth_destination',
  'defer_unauth_destination',
  'reject',
  'defer',
]);

/** Asks somebody else, who may answer OK; and takes a word. */
const asking = /^check_(client|sender|helo|recipient|ccert|sasl|etrn|reverse_client)\w*_access$|^check_policy_service$/;

/** Whoever shows a certificate, of whichever authority (postconf(5)); or hosts of a domain whose mail comes by here anyway. */
const letsStrangersPast: ReadonlySet<string> = new Set(['permit_tls_all_clientcerts', 'permit_mx_backup']);

/** What every restriction of Postfix begins with; another word is a class of the administrator's own, which may permit. */
const ofPostfix = /^(permit|reject|defer|check|warn_if_reject$|sleep$)/;

/** Who gets past a list of restrictions with a foreign recipient: a list that says nothing lets everybody past. */
function decide(list: string): Decision {
  const tables: string[] = [];
  let networks = false;
  const items = words(list);
  for (let at = 0; at < items.length; at++) {
    const item = items[at] ?? '';
    if (lastWords.has(item)) return { networks, everybody: false, tables };
    if (item === 'permit') return { networks, everybody: true, tables };
    if (item === 'permit_mynetworks') networks = true;
    if (asking.test(item)) tables.push(`${item} ${items[++at] ?? ''}`);
    else if (letsStrangersPast.has(item) || !ofPostfix.test(item)) tables.push(item);
  }
  return { networks, everybody: true, tables };
}

/** Separated by commas and blanks. */
function words(list: string): string[] {
  return list.split(/[\s,]+/).filter((word) => word !== '');
}

/** The entries of a `mynetworks`. */
export function networksOf(list: string): Network[] {
  return words(list).map(network);
}

function network(text: string): Network {
  const not = text.startsWith('!');
  const bare = text.slice(not ? 1 : 0);
  const [, host = bare, length] = /^(?:\[([^\]]+)\]|[^/[\]]+)(?:\/(\d+))?$/.exec(bare) ?? [];
  const plain = host === bare && length !== undefined ? bare.slice(0, bare.lastIndexOf('/')) : host;
  return { text, not, range: rangeOf(plain, length) };
}

function rangeOf(address: string, length: string | undefined): AddressRange | undefined {
  const one = parseAddress(address);
  if (one === undefined) return undefined;
  if (length === undefined) return one;
  // IPv4 inside IPv6 (`[::ffff:127.0.0.0]/104`) counts as IPv4.
  const isMapped = address.includes(':') && one.family === 4;
  const [plain = address] = isMapped ? [address.slice(address.lastIndexOf(':') + 1)] : [];
  return parseRange(`${plain}/${isMapped ? Number(length) - 96 : length}`);
}

/** Entries that hold an address of the load balancer, unless an earlier one takes it out. */
export function networksWithLoadBalancer(networks: readonly Network[], service: SmtpService): Network[] {
  const balancers = loadBalancerRanges(service).flatMap((text) => parseRange(text) ?? []);
  return networks.filter(
    ({ not, range }, index) =>
      !not &&
      range !== undefined &&
      balancers.some(
        (balancer) =>
          overlaps(range, balancer) &&
          !networks
            .slice(0, index)
            .some((before) => before.not && before.range !== undefined && containsRange(before.range, balancer)),
      ),
  );
}

const loopbacks = ['127.0.0.0/8', '::1'].flatMap((text) => parseRange(text) ?? []);

/** Is it the machine itself? */
export function isOwnNetwork({ range }: Network): boolean {
  return range !== undefined && loopbacks.some((one) => containsRange(one, range));
}

/** Files and tables in `mynetworks`, whose entries the facts do not hold. */
export function unreadNetworks(networks: readonly Network[]): string[] {
  return networks.filter(({ range }) => range === undefined).map(({ text }) => text);
}

/** `mynetworks` without the load balancer: an entry that is its alone goes, and of a wider one it is taken out. */
export function withoutLoadBalancer(networks: readonly Network[], service: SmtpService): string {
  const balancers = loadBalancerRanges(service);
  const ranges = balancers.flatMap((text) => parseRange(text) ?? []);
  const holding = networksWithLoadBalancer(networks, service);
  const wider = holding.filter(({ range }) => !ranges.some((one) => range !== undefined && containsRange(one, range)));
  const taken = balancers.filter((text) => {
    const one = parseRange(text);
    return wider.some(({ range }) => one !== undefined && range !== undefined && overlaps(range, one));
  });
  const kept = networks.filter((one) => !holding.includes(one) || wider.includes(one));
  return [...taken.map((text) => `!${inBrackets(text)}`), ...kept.map(({ text }) => text)].join(', ');
}

/** Of networks of clients those that no entry holds as a whole. */
export function notInNetworks(networks: readonly Network[], clients: readonly string[]): string[] {
  return clients
    .filter((text) => {
      const wanted = parseRange(text);
      return !networks.some(
        ({ not, range }) => !not && range !== undefined && wanted !== undefined && containsRange(range, wanted),
      );
    })
    .map(inBrackets);
}

/** Lets Postfix listen on VIPs where nothing does, and what takes that back. */
export function listenLines(
  postfix: NodePostfix | undefined,
  silent: readonly string[],
): { readonly run: string[]; readonly undo: string[] } {
  const { inet_interfaces: interfaces, inet_protocols: protocols } = postfix?.settings ?? {};
  const endpoints = silent.flatMap((vip) => ({ vip, ...parseEndpoint(vip) }));
  const changed = [
    ...(interfaces === 'all' ? [] : [{ name: 'inet_interfaces', was: interfaces }]),
    ...(protocols === 'ipv4' && endpoints.some(({ address = '' }) => familyOf(address) === 'ipv6')
      ? [{ name: 'inet_protocols', was: protocols }]
      : []),
  ];
  const added = endpoints.flatMap(({ vip, address, port = 0 }) => {
    const atPort = postfix?.services.filter((one) => one.port === port);
    if (atPort === undefined) return port === 25 ? [] : [String(port)];
    if (atPort.some((one) => one.address === undefined || one.address === address)) return [];
    // One that is confined to another address leaves the port of the VIP free.
    return [atPort.length === 0 ? String(port) : vip];
  });
  const services = [...new Set(added)];
  const set = (name: string, value: string) => `postconf -e ${quotedForShell(`${name} = ${value}`)}`;
  const restart = 'systemctl restart postfix';
  return {
    run: [
      ...changed.map(({ name }) => set(name, 'all')),
      ...services.map((name) => `postconf -M '${name}/inet=${name} inet n - y - - smtpd'`),
      restart,
    ],
    undo: [
      ...services.map((name) => `postconf -MX '${name}/inet'`),
      ...changed.flatMap(({ name, was }) => (was === undefined ? [] : set(name, was))),
      changed.length + services.length > 0 ? restart : 'systemctl stop postfix',
    ],
  };
}

/** Postfix writes IPv6 addresses in brackets, the length behind them. */
function inBrackets(text: string): string {
  return text.includes(':') ? text.replace(/^([^/]+)/, '[$1]') : text;
}

/** Restrictions that relay for `mynetworks` and for who has signed in, as Postfix sets them by default. */
export const closedRestrictions = 'permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination';

/** Who was granted what stands in no log of Postfix. */
export const postfixLogsNoRights: Judgement = {
  verdict: 'not_applicable',
  message:
    'Postfix does not log who was granted the right to relay; smtp-source-ip/relay-scope-narrow judges its configuration.',
};

/** What a sentence about granted rights has to add in a pool with Linux nodes. */
export function exceptLinux(service: SmtpService): string {
  const linux = nodesWith(service, 'linux');
  return linux.length === 0
    ? ''
    : ` Postfix logs no such right: of ${enumerate(linux)} the configuration is judged alone.`;
}

export function noPostfixService(part: string): Judgement {
  return {
    verdict: 'manual',
    message: `${part}: no service of Postfix in master.cf takes mail at the VIPs' ports, so it is not known who may relay there.`,
    remedy: 'Look what listens there:\nss -Hltnp',
  };
}

/** Entries of tables and files are not in the facts. */
export function mapsNotRead(target: string, maps: readonly string[], evidence: readonly Observation[]): Judgement {
  return {
    verdict: 'manual',
    target,
    message: `${target} relays for whoever ${enumerate(maps)} lists, which the facts do not hold.`,
    remedy: `Look into it for addresses of the load balancer and for wide ranges, or write the networks into mynetworks itself:\npostconf -h mynetworks smtpd_relay_restrictions`,
    evidence,
  };
}

/** Restrictions that ask a table, a policy service or a certificate may let more relay than mynetworks. */
export function othersDecide(target: string, who: readonly string[], evidence: readonly Observation[]): Judgement {
  return {
    verdict: 'manual',
    target,
    message: `${target} may relay for more than mynetworks: ${enumerate(who)} may let others past, and the facts do not hold whom.`,
    remedy:
      'Look whom it lets past, or put reject_unauth_destination before it:\npostconf smtpd_relay_restrictions smtpd_recipient_restrictions',
    evidence,
  };
}
