import type { Answer, Finding } from './finding.ts';
import type { Severity } from './rule.ts';

/** The severities that turn no question into a no. */
export function isAdvice(severity: Severity): boolean {
  return severity === 'low' || severity === 'info';
}

/** Does this finding turn the questions that it decides into a no? */
export function blocksAnswers({ verdict, severity }: Pick<Finding, 'verdict' | 'severity'>): boolean {
  return verdict === 'fail' && severity !== undefined && !isAdvice(severity);
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
