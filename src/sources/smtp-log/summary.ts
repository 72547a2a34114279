import { isAmong, plainAddress } from '../../domain/ip-range.ts';
import type { SmtpLog, smtpLogLocalAddress } from '../../facts/smtp-service/log.ts';
import { isLoadBalancer, nodeAt, vipAddresses } from '../../facts/smtp-service/service.ts';
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
  /** Sessions that were granted SMTPAcceptAnyRecipient. */
  readonly anyRecipientSessions: number;
}

/** A receive log in counts, wherever it was counted. */
export interface LogCounts {
  /** ISO 8601, UTC. */
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly newestLoadBalanced: string | undefined;
  readonly files: number;
  readonly rows: number;
  readonly malformedRows: number;
  readonly truncated: boolean;
  readonly remotes: readonly RemoteCount[];
  /** Addresses that are no clients: other Exchange servers. */
  readonly exchangeServers: readonly string[];
}

export interface LogSummary {
  readonly log: SmtpLog;
  /** Undefined when the counts do not tell which session was connected to which local address. */
  readonly local: SmtpLogLocalAddress | undefined;
}

type SmtpLogLocalAddress = ReturnType<(typeof smtpLogLocalAddress)['parse']>;

/** Of addresses that are not the load balancer's, the busiest are kept. */
const busiestKept = 20;

/**
 * What a receive log says about a service. Sessions of the server with itself, of other nodes and of other Exchange
 * servers are no clients.
 */
export function summariseLog(counts: LogCounts, service: SmtpService): LogSummary {
  const vips = vipAddresses(service);
  const nodes = new Map(service.nodes.map(({ name }) => [name, { name, mailSessions: 0, fromLoadBalancer: 0 }]));
  const clients = new Map<string, { address: string; mailSessions: number; ehloNames: number }>();
  const balancerNames = new Map<string, number>();
  const anyRecipientConnectors = new Set<string>();
  const loadBalancer = { mailSessions: 0, probeSessions: 0, ehloNames: 0, anyRecipientSessions: 0 };
  const local = { mailSessions: 0, toVip: 0 };
  let localKnown = true;
  let sessions = 0;
  for (const count of counts.remotes) {
    const address = plainAddress(count.remoteIp);
    if (isInternal(address, counts.exchangeServers, service)) continue;
    sessions += count.sessions;
    const [server = '', name = count.connector] = count.connector.split('\\', 2);
    const node = nodeOf(service, server) ?? server;
    const ofNode = nodes.get(node) ?? { name: node, mailSessions: 0, fromLoadBalancer: 0 };
    nodes.set(node, ofNode);
    ofNode.mailSessions += count.mailSessions;
    const toVip = count.localIps.filter((ip) => vips.includes(plainAddress(ip))).length;
    local.mailSessions += count.mailSessions;
    if (toVip === count.localIps.length && toVip > 0) local.toVip += count.mailSessions;
    else if (count.mailSessions > 0 && (toVip > 0 || count.localIps.length === 0)) localKnown = false;
    if (isLoadBalancer(service, address)) {
      ofNode.fromLoadBalancer += count.mailSessions;
      loadBalancer.mailSessions += count.mailSessions;
      loadBalancer.probeSessions += count.probeSessions;
      loadBalancer.anyRecipientSessions += count.anyRecipientSessions;
      if (count.anyRecipientSessions > 0) anyRecipientConnectors.add(`${node}/${name}`);
      balancerNames.set(address, Math.max(balancerNames.get(address) ?? 0, count.ehloNames));
    } else if (count.mailSessions > 0) {
      const client = clients.get(address) ?? { address, mailSessions: 0, ehloNames: 0 };
      clients.set(address, client);
      client.mailSessions += count.mailSessions;
      client.ehloNames = Math.max(client.ehloNames, count.ehloNames);
    }
  }
  loadBalancer.ehloNames = [...balancerNames.values()].reduce((sum, names) => sum + names, 0);
  return {
    log: {
      from: counts.from,
      to: counts.to,
      newestLoadBalanced: counts.newestLoadBalanced,
      files: counts.files,
      rows: counts.rows,
      malformedRows: counts.malformedRows,
      truncated: counts.truncated,
      sessions,
      mailSessions: local.mailSessions,
      clientAddresses: clients.size,
      loadBalancer: { ...loadBalancer, anyRecipientConnectors: [...anyRecipientConnectors].sort() },
      nodes: [...nodes.values()],
      busiest: [...clients.values()].sort((a, b) => b.mailSessions - a.mailSessions).slice(0, busiestKept),
    },
    local: localKnown ? local : undefined,
  };
}

/** Loopback, the nodes themselves and other Exchange servers. */
function isInternal(address: string, exchangeServers: readonly string[], service: SmtpService): boolean {
  return (
    isAmong(address, ['127.0.0.0/8', '::1', ...exchangeServers]) ||
    (nodeAt(service, address) !== undefined && !isLoadBalancer(service, address))
  );
}

/** Logs call a server by its NetBIOS name. */
function nodeOf(service: SmtpService, server: string): string | undefined {
  const label = (name: string) => name.split('.')[0]?.toLowerCase();
  return service.nodes.find(({ name }) => label(name) === label(server))?.name;
}
