import type { SmtpLog, SmtpLogProof } from '../../facts/smtp-service/log.ts';
import type { SmtpService } from '../../facts/smtp-service/subject.ts';
import { readLogCounts } from './analyse.ts';
import { findLogFiles } from './files.ts';
import { isFresh, logProof } from './proof.ts';
import { summariseLog } from './summary.ts';

export interface SmtpLogAnalysis {
  readonly log: SmtpLog;
  /** What the log proves about source addresses; or why it proves nothing. */
  readonly proof: SmtpLogProof | { readonly nothing: string };
  /** The newest load-balanced row is recent enough to speak of today. */
  readonly fresh: boolean;
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
  const { log } = summariseLog(await readLogCounts(await findLogFiles(paths), service), service);
  return { log, proof: proofOf(log, service, now), fresh: isFresh(log, now) };
}

function proofOf(log: SmtpLog, service: SmtpService, now: Date): SmtpLogAnalysis['proof'] {
  try {
    return logProof(log, service, now);
  } catch (error) {
    return { nothing: error instanceof Error ? error.message : String(error) };
  }
}

const proofWords: Readonly<Record<SmtpLogProof['translation'], string>> = {
  'source-nat': 'source NAT: the load balancer hides the clients',
  partial: 'partial: some sessions show the client, some the load balancer',
  preserved: 'preserved: clients show their own addresses',
};

/** The analysis as a person reads it in a terminal. */
export function describeSmtpLogs({ log, proof, fresh }: SmtpLogAnalysis): string {
  const { loadBalancer } = log;
  const lines = [
    `${log.files} files, ${log.rows} rows${log.malformedRows > 0 ? ` (${log.malformedRows} not readable)` : ''}, ${log.from ?? '?'} to ${log.to ?? '?'}`,
    `${log.sessions} sessions, ${log.mailSessions} with mail, from ${log.clientAddresses} addresses other than the load balancer's`,
    `load balancer: ${loadBalancer.mailSessions} with mail under ${loadBalancer.ehloNames} EHLO names, ${loadBalancer.probeSessions} probes`,
    ...(loadBalancer.anyRecipientSessions > 0
      ? [
          `relay granted to the load balancer: ${loadBalancer.anyRecipientSessions} sessions on ${loadBalancer.anyRecipientConnectors.join(', ')}`,
        ]
      : []),
    ...log.nodes.map(
      ({ name, mailSessions, fromLoadBalancer }) =>
        `  ${name}: ${mailSessions} with mail, ${fromLoadBalancer} of them from the load balancer`,
    ),
    'busiest addresses:',
    ...log.busiest.map(
      ({ address, mailSessions, ehloNames }) => `  ${address}: ${mailSessions} with mail, ${ehloNames} EHLO name(s)`,
    ),
    '',
    'nothing' in proof ? `Proves nothing: ${proof.nothing}` : `Proves ${proofWords[proof.translation]}.`,
    ...(fresh ? [] : ['The newest load-balanced row is older than 24 hours, so this says nothing about today.']),
  ];
  return `${lines.join('\n')}\n`;
}
