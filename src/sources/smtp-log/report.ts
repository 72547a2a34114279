import { Unobtainable, type UnobtainableReason } from '../../domain/fact-set.ts';
import type { SmtpService } from '../../domain/subject.ts';
import type { SmtpLogProof } from '../../facts/smtp-log.ts';
import { type AnalyseOptions, readLogCounts } from './analyse.ts';
import { findLogFiles } from './files.ts';
import { logProof } from './proof.ts';
import { type LogSummary, summariseLog } from './summary.ts';

/** What `smtp-logs` tells. */
export interface LogAnalysis extends LogSummary {
  readonly proof: SmtpLogProof | { readonly undecided: UnobtainableReason; readonly because: string };
  /** On disk. */
  readonly bytes: number;
}

/**
 * Analyses receive logs of a service: files and folders, plain and gzip.
 *
 * @throws InvalidDocument for a path that is not there; the system's error for a file that cannot be read
 */
export async function analyseSmtpLogs(
  paths: readonly string[],
  service: SmtpService,
  options: AnalyseOptions & { readonly now: Date },
): Promise<LogAnalysis> {
  const files = await findLogFiles(paths);
  const summary = summariseLog(await readLogCounts(files, service, options), service);
  return {
    ...summary,
    proof: proofOf(summary, service, options.now),
    bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

function proofOf({ log }: LogSummary, service: SmtpService, now: Date): LogAnalysis['proof'] {
  try {
    return logProof(log, service, now);
  } catch (error) {
    if (error instanceof Unobtainable) return { undecided: error.reason, because: error.message };
    throw error;
  }
}

const verdicts = {
  'source-nat': 'SNAT: the load balancer hides the clients',
  partial: 'PARTIAL: the load balancer hides some clients',
  preserved: 'PRESERVED: client addresses are visible',
} as const;

/** The analysis as lines of text for a person. */
export function logAnalysisLines({ log, local, proof }: LogAnalysis): string[] {
  const verdict = 'undecided' in proof ? `UNDECIDED: ${proof.because}` : verdicts[proof.translation];
  const { loadBalancer } = log;
  return [
    verdict,
    '',
    `rows         ${log.rows}, of which ${log.malformedRows} malformed, in ${log.files} files`,
    `from, to     ${log.from ?? 'never'}, ${log.to ?? 'never'} (UTC)`,
    `sessions     ${log.sessions} on the ports of the service, ${log.mailSessions} with mail`,
    `balancer     ${loadBalancer.mailSessions} with mail under ${loadBalancer.ehloNames} EHLO names, ${loadBalancer.probeSessions} probe-shaped, ${loadBalancer.anyRecipientSessions} with the right to relay`,
    `clients      ${log.clientAddresses} addresses`,
    ...(local === undefined ? [] : [`to the VIP   ${local.toVip} of ${local.mailSessions} mail sessions`]),
    ...log.nodes.map(
      ({ name, mailSessions, fromLoadBalancer }) =>
        `node ${name.padEnd(8)}${mailSessions} with mail, ${fromLoadBalancer} from the load balancer`,
    ),
    ...log.busiest
      .slice(0, 5)
      .map(
        ({ address, mailSessions, ehloNames }) =>
          `busiest      ${address}: ${mailSessions} with mail under ${ehloNames} EHLO names`,
      ),
  ];
}
