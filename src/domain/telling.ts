// Shall it be told? What gets into the outbox, and what a message lists or only counts, is decided here and nowhere else.
import { isAdvice } from './answer.ts';
import type { Finding } from './finding.ts';
import type { Transition, TransitionKind } from './transition.ts';

/**
 * Is it news that this could not be judged? What a failed rule blocks is told by that rule, and what nobody supplied is no
 * news: neither goes unknown, nor comes back from there.
 */
export function isNewsWhenUnknown({ verdict, blockedBy, reason }: Finding): boolean {
  return verdict === 'unknown' && blockedBy === undefined && reason !== 'not_supplied';
}

/**
 * Looks in a row that have to find this before it counts: what the document says, else the finding, else its rule. What is
 * critical and was seen by two (resolvers, say) needs no second look.
 */
export function confirmRunsOf(
  { severity, evidence = [], confirmRuns }: Partial<Pick<Finding, 'severity' | 'evidence' | 'confirmRuns'>>,
  ofRule: number,
  ofPolicy: number | undefined,
): number {
  const isProven = severity === 'critical' && evidence.some(({ source }) => source?.includes(', ') === true);
  return ofPolicy ?? confirmRuns ?? (isProven ? 1 : ofRule);
}

/**
 * What a message lists of the changes of one subject. An answer that changed because of findings that are listed is told by
 * them; the summary of answers counts it.
 */
export function listedOf(transitions: readonly Transition[]): readonly Transition[] {
  // That a subject left the watch says that all of it is over.
  const removed = transitions.filter(({ kind }) => kind === 'removed');
  if (removed.length > 0) return removed;
  return transitions.filter((one) => isWorthTelling(one) && !isExplained(one, transitions));
}

/** How many changes of one subject are advice: counted in a message, never listed. */
export function adviceIn(transitions: readonly Transition[]): number {
  return transitions.filter((one) => !isWorthTelling(one)).length;
}

/** Is this transition worth a message of its own? Advice (`low`, `info`) is kept in the history and counted in the next message. */
export function isWorthTelling({ kind, of }: Transition): boolean {
  if (of.type !== 'finding' || kind === 'went_unknown') return true;
  // How bad it was or is stands in the transition, whatever the verdict is now.
  return of.severity === undefined ? kind === 'resolved' : !isAdvice(of.severity);
}

function isExplained({ kind, of }: Transition, ofSubject: readonly Transition[]): boolean {
  if (of.type !== 'answer') return false;
  const causes: readonly TransitionKind[] =
    kind === 'resolved' ? ['resolved', 'steady', 'seeing'] : ['opened', 'reopened', 'worsened', 'flapping', 'steady'];
  return ofSubject.some((one) => one.of.type === 'finding' && isWorthTelling(one) && causes.includes(one.kind));
}
