import { isAmong, parseAddress, plainAddress } from '../../domain/ip-range.ts';
import { compareText } from '../../domain/words.ts';
import { isOwnMail, type NodeLog, type SmtpLog, type smtpLogLocalAddress } from '../../facts/smtp-service/log.ts';
import { isLoadBalancer, nodeAt, nodeNamed, vipAddresses } from '../../facts/smtp-service/service.ts';
import type { SmtpService } from '../../facts/smtp-service/subject.ts';

/** Sessions of one connector with one remote address. */
export interface RemoteCount {
  /** `SERVER\Name`. */
  readonly connector: string;
  readonly remoteIp: string;
  /** Local addresses of these sessions. */
  readonly localIps: readonly string[];
  readonly sessions: number;
  readonly mailSessions: number;
  readonly probeSessions: number;
  /** Distinct EHLO names. */
  readonly ehloNames: number;
  /** Sessions that were granted SMTPAcceptAnyRecipient before signing in. */
  readonly anyRecipientSessions: number;
  /** ISO 8601, UTC: newest row of the connector's sessions. */
  readonly newest?: string;
  /** Of a Postfix log: sessions of mail had a recipient accepted, `ehloNames` are domains of senders, and neither local addresses nor rights stand in it. */
  readonly ofPostfix?: boolean;
}

/** A receive log in counts, wherever it was counted. */
export interface LogCounts {
  /** ISO 8601, UTC. */
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly files: number;
  readonly rows: number;
  readonly malformedRows: number;
  readonly truncated: boolean;
  readonly remotes: readonly RemoteCount[];
  /** Addresses that are no clients: other Exchange servers. */
  readonly exchangeServers: readonly string[];
  readonly otherPorts: SmtpLog['otherPorts'];
  readonly noReceiveLogs: SmtpLog['noReceiveLogs'];
  readonly unreadable: SmtpLog['unreadable'];
}

export interface LogSummary {
  readonly log: SmtpLog;
  /** By node, of the nodes that the log tells of. */
  readonly nodes: Readonly<Record<string, NodeLog>>;
  /** Undefined when the counts do not tell which session was connected to which local address. */
  readonly local: SmtpLogLocalAddress | undefined;
}

type SmtpLogLocalAddress = ReturnType<(typeof smtpLogLocalAddress)['parse']>;
type Speaker = SmtpLog['busiest'][number];

/** Of addresses that are not the load balancer's, the busiest are kept. */
const busiestKept = 20;

/** An address with this many greeting names speaks for several senders; a mail server has one name, rarely two. */
const manyNames = 5;
/** In a family that arrives from this few addresses, beside another family, fewer names are enough. */
const fewAddresses = 2;
const severalNames = 3;
/** A pool of translated addresses is small. Many addresses with many names each are something else. */
const largestPool = 16;
/** Below this share of the mail, addresses that speak for many are branch offices and the like. */
const suspiciousShare = 0.25;
/** Below this many mail sessions a share means nothing. */
const sessionsNeeded = 20;

/** What one node's log adds up to while it is counted. */
interface NodeSums {
  newest: string | undefined;
  clientMailSessions: number;
  pastVip: number;
  localNotTold: number;
  fromLoadBalancer: number;
  monitorMail: number;
  loadBalancerNames: number;
  readonly provingClients: Set<string>;
  readonly clients: Map<string, Speaker>;
}

/**
 * What a receive log says about a service, as a whole and node by node. Sessions of the server with itself, of other nodes
 * and of other Exchange servers are no clients; servers that are no node of the service do not count.
 */
export function summariseLog(counts: LogCounts, service: SmtpService): LogSummary {
  const vips = vipAddresses(service);
  const nodes = new Map<string, NodeSums>();
  const clients = new Map<string, Speaker>();
  const strangers = new Map<string, number>();
  const relaying = new Map<string, { sessions: number; connectors: Set<string> }>();
  const anyRecipientConnectors = new Set<string>();
  const names = balancerNames(counts, service);
  const monitors = monitorsAmong(names);
  const loadBalancer = {
    mailSessions: 0,
    monitorMailSessions: 0,
    probeSessions: 0,
    ehloNames: [...names.values()].reduce((sum, many) => sum + many, 0),
    anyRecipientSessions: 0,
  };
  const local = { mailSessions: 0, toVip: 0 };
  let mailSessions = 0;
  let localNotTold = 0;
  let localKnown = true;
  let sessions = 0;
  for (const count of counts.remotes) {
    const address = plainAddress(count.remoteIp);
    if (isInternal(address, counts.exchangeServers, service)) continue;
    const { server, name } = connectorOf(count.connector);
    const node = nodeOf(service, server, count.localIps);
    if (node === undefined) {
      const who = server === '' ? 'an unnamed server' : server;
      strangers.set(who, (strangers.get(who) ?? 0) + count.sessions);
      continue;
    }
    const sums = nodes.get(node) ?? noSums();
    nodes.set(node, sums);
    if (count.newest !== undefined && (sums.newest === undefined || count.newest > sums.newest)) {
      sums.newest = count.newest;
    }
    sessions += count.sessions;
    mailSessions += count.mailSessions;
    const toVip = count.localIps.filter((ip) => vips.includes(plainAddress(ip))).length;
    // Where the log does not say at which of its addresses a client was, it is taken to have come by the VIP.
    const isNotTold = count.ofPostfix === true && count.localIps.length === 0;
    const atVip = isNotTold || (toVip === count.localIps.length && toVip > 0);
    if (!isNotTold) local.mailSessions += count.mailSessions;
    if (isNotTold) localNotTold += count.mailSessions;
    else if (atVip) local.toVip += count.mailSessions;
    else if (count.mailSessions > 0 && (toVip > 0 || count.localIps.length === 0)) localKnown = false;
    if (isLoadBalancer(service, address)) {
      loadBalancer.mailSessions += count.mailSessions;
      loadBalancer.probeSessions += count.probeSessions;
      // A monitor gets no recipient accepted, so in a Postfix log it sends no mail.
      if (monitors.has(address) && count.ofPostfix !== true) {
        loadBalancer.monitorMailSessions += count.mailSessions;
        sums.monitorMail += count.mailSessions;
        continue;
      }
      sums.fromLoadBalancer += count.mailSessions;
      sums.loadBalancerNames = Math.max(sums.loadBalancerNames, namesIn(count));
      loadBalancer.anyRecipientSessions += count.anyRecipientSessions;
      if (count.anyRecipientSessions > 0) anyRecipientConnectors.add(`${node}/${name}`);
      continue;
    }
    if (count.anyRecipientSessions > 0 && !isAmong(address, service.relayClients)) {
      const relayed = relaying.get(address) ?? { sessions: 0, connectors: new Set() };
      relaying.set(address, relayed);
      relayed.sessions += count.anyRecipientSessions;
      relayed.connectors.add(`${node}/${name}`);
    }
    if (count.mailSessions === 0) continue;
    add(clients, address, count);
    add(sums.clients, address, count);
    sums.clientMailSessions += count.mailSessions;
    if (isNotTold) sums.localNotTold += count.mailSessions;
    if (service.mode === 'dsr' && !atVip) sums.pastVip += count.mailSessions;
    else sums.provingClients.add(address);
  }
  return {
    log: {
      from: counts.from,
      to: counts.to,
      newestLoadBalanced: [...nodes.values()]
        .flatMap(({ newest }) => newest ?? [])
        .sort()
        .at(-1),
      files: counts.files,
      rows: counts.rows,
      malformedRows: counts.malformedRows,
      truncated: counts.truncated,
      sessions,
      mailSessions,
      clientAddresses: clients.size,
      loadBalancer: { ...loadBalancer, anyRecipientConnectors: [...anyRecipientConnectors].sort() },
      nodes: [...nodes].map(([name, sums]) => ({
        name,
        mailSessions: sums.clientMailSessions + sums.fromLoadBalancer + sums.monitorMail,
        fromLoadBalancer: sums.fromLoadBalancer + sums.monitorMail,
      })),
      busiest: byMail(clients).slice(0, busiestKept),
      unapprovedRelay: [...relaying]
        .map(([address, relayed]) => ({ address, ...relayed, connectors: [...relayed.connectors].sort() }))
        .sort((a, b) => b.sessions - a.sessions || compareText(a.address, b.address))
        .slice(0, busiestKept),
      strangers: [...strangers]
        .map(([server, of]) => ({ server, sessions: of }))
        .sort((a, b) => b.sessions - a.sessions),
      otherPorts: byPort(counts.otherPorts),
      noReceiveLogs: counts.noReceiveLogs,
      unreadable: counts.unreadable,
    },
    nodes: Object.fromEntries([...nodes].map(([name, sums]) => [name, nodeLogOf(sums, service)])),
    local: localKnown && !(local.mailSessions === 0 && localNotTold > 0) ? local : undefined,
  };
}

function noSums(): NodeSums {
  return {
    newest: undefined,
    clientMailSessions: 0,
    pastVip: 0,
    localNotTold: 0,
    fromLoadBalancer: 0,
    monitorMail: 0,
    loadBalancerNames: 0,
    provingClients: new Set(),
    clients: new Map(),
  };
}

function add(to: Map<string, Speaker>, address: string, { mailSessions, ehloNames }: RemoteCount): void {
  const before = to.get(address);
  to.set(address, {
    address,
    mailSessions: (before?.mailSessions ?? 0) + mailSessions,
    ehloNames: Math.max(before?.ehloNames ?? 0, ehloNames),
  });
}

function byMail(speakers: ReadonlyMap<string, Speaker>): Speaker[] {
  return [...speakers.values()].sort((a, b) => b.mailSessions - a.mailSessions || compareText(a.address, b.address));
}

function nodeLogOf(sums: NodeSums, service: SmtpService): NodeLog {
  const { newest, clientMailSessions, pastVip, fromLoadBalancer, monitorMail, loadBalancerNames } = sums;
  const mailSessions = clientMailSessions - pastVip + fromLoadBalancer;
  // Alerts count as the load balancer's own beside whatever else the node takes, at the VIP or past it.
  const isOwn = isOwnMail({
    mailSessions: clientMailSessions + fromLoadBalancer,
    fromLoadBalancer,
    ehloNames: loadBalancerNames,
  });
  return {
    ...(newest === undefined ? {} : { newestLoadBalanced: newest }),
    mailSessions: isOwn ? mailSessions - fromLoadBalancer : mailSessions,
    fromLoadBalancer: isOwn ? 0 : fromLoadBalancer,
    ownMailSessions: monitorMail + (isOwn ? fromLoadBalancer : 0),
    clientAddresses: sums.provingClients.size,
    pastVip,
    clientMailSessions,
    ...(sums.localNotTold > 0 ? { localNotTold: sums.localNotTold } : {}),
    suspects: suspectsAmong(byMail(sums.clients), service),
  };
}

/**
 * Addresses that look like an undeclared load balancer or NAT: few of them, each under many greeting names, and together
 * much of the mail; looked at in each address family, since translation may concern one alone. Whom the document knows to
 * be a client is none.
 */
function suspectsAmong(clients: readonly Speaker[], service: SmtpService): Speaker[] {
  const declared = [...service.relayClients, ...service.proberAddresses, ...service.probeAddresses];
  return ([4, 6] as const).flatMap((family) => {
    const ofFamily = clients.filter(({ address }) => parseAddress(address)?.family === family);
    const mail = sum(ofFamily);
    const isOneOfTwo = ofFamily.length < clients.length;
    if (mail < (isOneOfTwo ? manyNames : sessionsNeeded)) return [];
    const enough = isOneOfTwo && ofFamily.length <= fewAddresses ? severalNames : manyNames;
    const speakers = ofFamily.filter(({ address, ehloNames }) => ehloNames >= enough && !isAmong(address, declared));
    return speakers.length <= largestPool && sum(speakers) / mail >= suspiciousShare ? speakers : [];
  });
}

const sum = (speakers: readonly Speaker[]) => speakers.reduce((total, { mailSessions }) => total + mailSessions, 0);

/** Under how many names each address of the load balancer greets, anywhere in the log. */
function balancerNames(counts: LogCounts, service: SmtpService): Map<string, number> {
  const names = new Map<string, number>();
  for (const count of counts.remotes) {
    const address = plainAddress(count.remoteIp);
    if (isLoadBalancer(service, address)) names.set(address, Math.max(names.get(address) ?? 0, namesIn(count)));
  }
  return names;
}

/** Without a line about the sender (another file, lost) each mail may be somebody else's. */
function namesIn({ ehloNames, mailSessions, ofPostfix }: RemoteCount): number {
  return ofPostfix === true && ehloNames === 0 ? mailSessions : ehloNames;
}

/** An appliance has a few addresses, each node of a pair its own; more of them that send mail are a pool. */
const mostMonitors = 4;

/** Addresses of the load balancer whose mail is a monitor's: one says MAIL FROM under one name, or never greets. */
function monitorsAmong(names: ReadonlyMap<string, number>): ReadonlySet<string> {
  const few = [...names].filter(([, many]) => many <= 1);
  const greeting = few.filter(([, many]) => many === 1);
  return new Set((greeting.length <= mostMonitors ? few : []).map(([address]) => address));
}

/** Each port once, whichever node saw it. */
function byPort(seen: SmtpLog['otherPorts']): SmtpLog['otherPorts'] {
  return [...Map.groupBy(seen, ({ port }) => port)].map(([port, of]) => ({
    port,
    sessions: of.reduce((total, { sessions }) => total + sessions, 0),
  }));
}

/** Loopback, the nodes themselves and other Exchange servers. */
function isInternal(address: string, exchangeServers: readonly string[], service: SmtpService): boolean {
  return (
    isAmong(address, ['127.0.0.0/8', '::1', ...exchangeServers]) ||
    (nodeAt(service, address) !== undefined && !isLoadBalancer(service, address))
  );
}

/** `EX1\Relay`, or as documentation shows it the connector's distinguished name. */
function connectorOf(connector: string): { server: string; name: string } {
  const at = connector.indexOf('\\');
  if (at !== -1) return { server: connector.slice(0, at), name: connector.slice(at + 1) };
  const labels = [...connector.matchAll(/CN=([^,]+)/gi)].flatMap((match) => match[1] ?? []);
  const protocols = labels.findIndex((label) => label.toLowerCase() === 'protocols');
  return { server: protocols === -1 ? '' : (labels[protocols + 1] ?? ''), name: labels[0] ?? connector };
}

/** Whose log it is: of the server in the connector's name; without one, of whoever has the local address. */
function nodeOf(service: SmtpService, server: string, localIps: readonly string[]): string | undefined {
  if (server !== '') return nodeNamed(service, server);
  const [only] = service.nodes;
  return (
    localIps.map((ip) => nodeAt(service, ip)).find((node) => node !== undefined) ??
    (service.nodes.length === 1 ? only?.name : undefined)
  );
}
