import { enumerateFirst } from '../../domain/words.ts';
import type { NodeLogProof, SmtpLog, Translation } from '../../facts/smtp-service/log.ts';
import type { SmtpService } from '../../facts/smtp-service/subject.ts';
import { readLogCounts } from './analyse.ts';
import { findLogFiles } from './files.ts';
import { logProof } from './proof.ts';
import { summariseLog } from './summary.ts';

export interface SmtpLogAnalysis {
  readonly log: SmtpLog;
  /** What the log proves about source addresses, node by node; or why it proves nothing. */
  readonly nodes: readonly { readonly name: string; readonly proof: NodeLogProof | { readonly nothing: string } }[];
}

/**
 * Counts a service's receive logs: streaming, flat in memory.
 *
 * @param paths files and folders
 * @throws InvalidDocument for a path that is not there
 */
export async function analyseSmtpLogs(
  paths: readonly string[],
  service: SmtpService,
  now: Date,
): Promise<SmtpLogAnalysis> {
  const { log, nodes } = summariseLog(await readLogCounts(await findLogFiles(paths), service, { now }), service);
  return {
    log,
    nodes: service.nodes.map(({ name }) => {
      const ofNode = nodes[name];
      if (ofNode === undefined) return { name, proof: { nothing: whatElse(log) ?? noSessionOf(name, log) } };
      try {
        return { name, proof: logProof(ofNode, service, now) };
      } catch (error) {
        return { name, proof: { nothing: error instanceof Error ? error.message : String(error) } };
      }
    }),
  };
}

/** Why files without a row of a receive log say nothing; undefined when there is a row. */
export function whatElse(
  log: Pick<SmtpLog, 'rows' | 'malformedRows' | 'noReceiveLogs' | 'unreadable'>,
): string | undefined {
  if (log.rows > log.malformedRows) return undefined;
  if (log.unreadable.length > 0) return `the files cannot be read: ${notRead(log)}`;
  if (log.noReceiveLogs.length === 0) return 'the files hold no row of a receive log';
  const kinds = log.noReceiveLogs.map(({ kind, files }) => `${kind} (${files} ${files === 1 ? 'file' : 'files'})`);
  return `this is no receive log: ${kinds.join(', ')}`;
}

function notRead({ unreadable }: Pick<SmtpLog, 'unreadable'>): string {
  return enumerateFirst(unreadable.map(({ file, why }) => `${file} (${why})`));
}

/** Why a log that was read says nothing of a node: it may be the wrong folder, or the load balancer translates ports. */
export function noSessionOf(node: string, log: SmtpLog): string {
  const { strangers, otherPorts, unreadable } = log;
  const others = [
    ...(unreadable.length === 0 ? [] : [`not all of it could be read: ${notRead(log)}`]),
    ...(strangers.length === 0
      ? []
      : [
          `it holds sessions of ${enumerateFirst(strangers.map(({ server }) => server))}, which is no node of the service`,
        ]),
    ...(otherPorts.length === 0
      ? []
      : [
          `it holds sessions on port ${otherPorts.map(({ port }) => port).join(', ')}, which is none of the service: translated ports are not followed, so declare the VIP with the port that the nodes see`,
        ]),
  ];
  return [`the receive log holds no session of ${node} on a port of the service`, ...others].join('; ');
}

const proofWords: Readonly<Record<Translation, string>> = {
  'source-nat': 'source NAT: the load balancer hides the clients',
  partial: 'partial: some sessions show the client, some the load balancer',
  preserved: 'preserved: clients show their own addresses',
};

/** The analysis as a person reads it in a terminal. */
export function describeSmtpLogs({ log, nodes }: SmtpLogAnalysis): string {
  const { loadBalancer } = log;
  const list = (items: readonly string[], before: string) =>
    items.length > 0 ? [`${before}: ${items.join(', ')}`] : [];
  const lines = [
    `${log.files} files, ${log.rows} rows${log.malformedRows > 0 ? ` (${log.malformedRows} not readable)` : ''}, ${log.from ?? '?'} to ${log.to ?? '?'}`,
    ...list(
      log.unreadable.map(({ file, why }) => `${file} (${why})`),
      'not read to the end',
    ),
    ...list(
      log.noReceiveLogs.map(({ kind, files }) => `${kind} (${files})`),
      'no receive log, not read',
    ),
    `${log.sessions} sessions, ${log.mailSessions} with mail, from ${log.clientAddresses} addresses other than the load balancer's`,
    `load balancer: ${loadBalancer.mailSessions} with mail under ${loadBalancer.ehloNames} EHLO names, ${loadBalancer.probeSessions} probes`,
    ...(loadBalancer.anyRecipientSessions > 0
      ? [
          `relay granted to the load balancer: ${loadBalancer.anyRecipientSessions} sessions on ${loadBalancer.anyRecipientConnectors.join(', ')}`,
        ]
      : []),
    ...list(
      log.strangers.map(({ server, sessions }) => `${server} (${sessions} sessions)`),
      'servers that are no node of the service, not counted',
    ),
    ...list(
      log.otherPorts.map(({ port, sessions }) => `${port} (${sessions} sessions)`),
      'ports that are none of the service, not counted',
    ),
    ...log.nodes.map(
      ({ name, mailSessions, fromLoadBalancer }) =>
        `  ${name}: ${mailSessions} with mail, ${fromLoadBalancer} of them from the load balancer`,
    ),
    'busiest addresses:',
    ...log.busiest.map(
      ({ address, mailSessions, ehloNames }) => `  ${address}: ${mailSessions} with mail, ${ehloNames} EHLO name(s)`,
    ),
    '',
    ...nodes.map(({ name, proof }) =>
      'nothing' in proof
        ? `${name}: Proves nothing: ${proof.nothing}.`
        : `${name}: Proves ${proofWords[proof.translation]}.`,
    ),
  ];
  return `${lines.join('\n')}\n`;
}
