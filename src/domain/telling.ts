// Shall it be told? What gets into the outbox, and what a message lists or only counts, is decided here and nowhere else.
import { blocksAnswers, isAdvice } from './answer.ts';
import type { Finding } from './finding.ts';
import type { Severity } from './rule.ts';
import { dayMs } from './time.ts';
import type { Transition, TransitionKind } from './transition.ts';

/** `unknown` in this many runs in a row is told once. */
export const unknownRunsBeforeTelling = 3;

/** An open `critical` or `high` finding is told again after this many days. */
export const reminderDays = 7;

/** An hour of slack: a daily run that starts a few seconds early must not put the reminder off by a day. */
const reminderMs = reminderDays * dayMs - 3_600_000;

/**
 * Is it news that this could not be judged? What a failed rule blocks is told by that rule, and what nobody supplied is no
 * news: neither goes unknown, nor comes back from there.
 */
export function isNewsWhenUnknown({ verdict, blockedBy, reason }: Finding): boolean {
  return verdict === 'unknown' && blockedBy === undefined && reason !== 'not_supplied';
}

/** @param told when the finding was told last, or opened; as `now` ISO 8601, UTC */
export function isReminderDue(severity: Severity | undefined, told: string, now: string): boolean {
  return (severity === 'critical' || severity === 'high') && Date.parse(now) - Date.parse(told) >= reminderMs;
}

/** The channels that hear of what changed about a subject: none, when all of it is advice. */
export function receiversOf(transitions: readonly Transition[], channels: readonly string[]): readonly string[] {
  return transitions.some(isWorthTelling) ? channels : [];
}

/**
 * What a message lists of the changes of one subject. An answer that changed because of findings that are listed is told by
 * them; the summary of answers counts it.
 */
export function listedOf(transitions: readonly Transition[]): readonly Transition[] {
  return transitions.filter((one) => isWorthTelling(one) && !isExplained(one, transitions));
}

/** How many changes of one subject are advice: counted in a message, never listed. */
export function adviceIn(transitions: readonly Transition[]): number {
  return transitions.filter((one) => !isWorthTelling(one)).length;
}

/** Is this transition worth a message of its own? Advice (`low`, `info`) is kept in the history and counted in the next message. */
export function isWorthTelling({ kind, of }: Transition): boolean {
  if (of.type !== 'finding' || kind === 'went_unknown') return true;
  return kind === 'resolved' ? of.severity === undefined || !isAdvice(of.severity) : blocksAnswers(of);
}

function isExplained({ kind, of }: Transition, ofSubject: readonly Transition[]): boolean {
  if (of.type !== 'answer') return false;
  const causes: readonly TransitionKind[] = kind === 'resolved' ? ['resolved'] : ['opened', 'worsened'];
  return ofSubject.some((one) => one.of.type === 'finding' && isWorthTelling(one) && causes.includes(one.kind));
}
