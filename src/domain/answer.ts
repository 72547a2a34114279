import type { Answer, Finding } from './finding.ts';

/** Severities that turn a question into a no; `low` and `info` are advice. */
const blockingSeverities: ReadonlySet<string> = new Set(['critical', 'high', 'medium']);

/** Is this finding more than advice? */
export function blocksAnswers(finding: Pick<Finding, 'verdict' | 'severity'>): boolean {
  return finding.verdict === 'fail' && finding.severity !== undefined && blockingSeverities.has(finding.severity);
}

/**
 * The answer that the findings deciding a question give.
 *
 * A `fail` of severity `medium` or above: no. Else an `unknown` or `manual`: undetermined, never yes on something not
 * looked at. Else not applicable where no finding applies, otherwise yes.
 */
export function answerOf(deciding: readonly Pick<Finding, 'verdict' | 'severity'>[]): Answer {
  if (deciding.some(blocksAnswers)) return 'no';
  if (deciding.some(({ verdict }) => verdict === 'unknown' || verdict === 'manual')) return 'undetermined';
  if (deciding.every(({ verdict }) => verdict === 'not_applicable')) return 'not_applicable';
  return 'yes';
}
