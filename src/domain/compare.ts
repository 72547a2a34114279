import { z } from 'zod';
import { blocksAnswers } from './answer.ts';
import { type Answer, answers, type Finding, findingKey, type Run, run, verdicts } from './finding.ts';
import { type Severity, severities } from './rule.ts';
import type { Transition, TransitionKind, TransitionReason } from './transition.ts';

/** `unknown` in this many runs in a row is told once. */
export const unknownRunsBeforeTelling = 3;

/** An open `critical` or `high` finding is told again after this many days. */
export const reminderDays = 7;

const dayMs = 86_400_000;

const findingMemory = z.object({
  /** The last conclusive verdict; undefined while there never was one. */
  verdict: z.enum(verdicts).optional(),
  severity: z.enum(severities).optional(),
  /** Since when it has had this verdict (ISO 8601, UTC). */
  since: z.string(),
  /** Runs in a row in which it could not be judged. */
  unknownRuns: z.number(),
  /** When the channel was last told about it. */
  toldAt: z.string().optional(),
});

const answerMemory = z.object({ answer: z.enum(answers).optional(), since: z.string() });

/** What is remembered of a subject between runs: the last run, and per finding the last conclusive verdict. */
export const subjectState = z.object({
  runId: z.string(),
  run,
  /** When the findings last became what they are (ISO 8601, UTC), and how many runs have found the same since. */
  since: z.string(),
  runs: z.number(),
  findings: z.record(z.string(), findingMemory),
  answers: z.record(z.string(), answerMemory),
});

export type SubjectState = z.infer<typeof subjectState>;
type FindingMemory = z.infer<typeof findingMemory>;

export interface Comparison {
  readonly state: SubjectState;
  readonly transitions: readonly Transition[];
  /** The previous state when its findings differ from this run's: it belongs into the history. */
  readonly superseded?: SubjectState;
}

/**
 * What a run changes against what is remembered. Pure; every transition carries a named reason.
 *
 * Compared is with the last *conclusive* verdict: `unknown` and `manual` neither open nor resolve anything. First sight
 * of a pass is silent. A finding that is no longer there is resolved only when its rule was judged in this run.
 */
export function compare(previous: SubjectState | undefined, runId: string, current: Run): Comparison {
  const transitions: Transition[] = [];
  const findings: Record<string, FindingMemory> = {};
  for (const finding of current.findings) {
    const key = findingKey(finding);
    const { memory, told } = compareFinding(previous?.findings[key], finding, current);
    findings[key] = memory;
    if (told !== undefined) transitions.push(told);
  }
  for (const [key, memory] of Object.entries(previous?.findings ?? {})) {
    if (key in findings) continue;
    const rule = key.split('#')[0] ?? key;
    const ofRule = current.findings.filter((finding) => finding.rule === rule);
    const judged =
      ofRule.length > 0 && !ofRule.some(({ verdict, target }) => verdict === 'unknown' && target === undefined);
    if (!judged) findings[key] = memory;
    else if (memory.verdict === 'fail') transitions.push(gone(key, memory, current));
  }

  const answersMemory: SubjectState['answers'] = {};
  for (const [question, answer] of Object.entries(current.answers)) {
    const before = previous?.answers[question];
    const conclusive = answer !== 'undetermined';
    if (!conclusive || before?.answer === answer) {
      answersMemory[question] = before ?? { since: current.at };
      continue;
    }
    answersMemory[question] = { answer, since: current.at };
    const told = answerTransition(question, before?.answer, answer, before?.since ?? current.at, current);
    if (told !== undefined) transitions.push(told);
  }

  const same = previous !== undefined && sameFindings(previous.run, current);
  const state: SubjectState = {
    runId,
    run: current,
    since: same ? previous.since : current.at,
    runs: same ? previous.runs + 1 : 1,
    findings,
    answers: answersMemory,
  };
  return { state, transitions, ...(previous !== undefined && !same ? { superseded: previous } : {}) };
}

function compareFinding(
  before: FindingMemory | undefined,
  finding: Finding,
  current: Run,
): { memory: FindingMemory; told?: Transition } {
  const { verdict, severity } = finding;
  if (verdict === 'unknown' || verdict === 'manual') {
    // What a failed rule blocks is told by that rule, and what nobody supplied is no news: neither goes unknown, nor
    // comes back from there.
    const counts = verdict === 'unknown' && finding.blockedBy === undefined && finding.reason !== 'not_supplied';
    const unknownRuns = (before?.unknownRuns ?? 0) + (counts ? 1 : 0);
    const memory: FindingMemory = { ...(before ?? { since: current.at }), unknownRuns };
    if (counts && unknownRuns === unknownRunsBeforeTelling) {
      return {
        memory: { ...memory, toldAt: current.at },
        told: about('went_unknown', 'unknown-in-a-row', finding, memory.since, current),
      };
    }
    return { memory };
  }

  const wentUnknown = before !== undefined && before.unknownRuns >= unknownRunsBeforeTelling;
  const since = before?.verdict === verdict ? before.since : current.at;
  const memory: FindingMemory = { verdict, ...(severity === undefined ? {} : { severity }), since, unknownRuns: 0 };
  const tell = (told: Transition): { memory: FindingMemory; told: Transition } => ({
    memory: { ...memory, toldAt: current.at },
    told,
  });
  const keep = { memory: before?.toldAt === undefined ? memory : { ...memory, toldAt: before.toldAt } };

  if (verdict === 'fail') {
    if (before?.verdict !== 'fail')
      return tell(about('opened', before?.verdict === undefined ? 'first-seen' : 'was-good', finding, since, current));
    if (isWorse(severity, before.severity)) return tell(about('worsened', 'severity-rose', finding, since, current));
    if (isReminderDue(before, finding, current))
      return tell(about('reminder', 'still-failing', finding, since, current));
    return keep;
  }
  if (before?.verdict === 'fail')
    return tell(
      about(
        'resolved',
        verdict === 'pass' ? 'passes-again' : 'no-longer-applies',
        finding,
        before.since,
        current,
        before.severity,
      ),
    );
  if (wentUnknown) return tell(about('resolved', 'can-be-judged-again', finding, since, current));
  return keep;
}

function about(
  kind: TransitionKind,
  reason: TransitionReason,
  finding: Finding,
  since: string,
  current: Run,
  severity = finding.severity,
): Transition {
  const { rule, target, verdict, owner, message, remedy } = finding;
  const observed = finding.evidence[0]?.observed;
  return {
    kind,
    reason,
    subject: current.subject,
    at: current.at,
    since,
    of: {
      type: 'finding',
      rule,
      ...(target === undefined ? {} : { target }),
      verdict,
      ...(severity === undefined ? {} : { severity }),
      ...(owner === undefined ? {} : { owner }),
      message,
      ...(observed === undefined ? {} : { observed }),
      ...(remedy === undefined ? {} : { remedy }),
    },
  };
}

function isWorse(now: Severity | undefined, before: Severity | undefined): boolean {
  return now !== undefined && before !== undefined && severities.indexOf(now) < severities.indexOf(before);
}

function isReminderDue(before: FindingMemory, finding: Finding, current: Run): boolean {
  if (finding.severity !== 'critical' && finding.severity !== 'high') return false;
  // An hour of slack: a daily run that starts a few seconds early must not put the reminder off by a day.
  return Date.parse(current.at) - Date.parse(before.toldAt ?? before.since) >= reminderDays * dayMs - 3_600_000;
}

function gone(key: string, memory: FindingMemory, current: Run): Transition {
  const [rule = key, target] = key.split('#');
  return {
    kind: 'resolved',
    reason: 'no-longer-judged',
    subject: current.subject,
    at: current.at,
    since: memory.since,
    of: {
      type: 'finding',
      rule,
      ...(target === undefined ? {} : { target }),
      verdict: 'not_applicable',
      ...(memory.severity === undefined ? {} : { severity: memory.severity }),
      message: `No longer judged${target === undefined ? '' : ` for ${target}`}: it is not part of the subject any more.`,
    },
  };
}

function answerTransition(
  question: string,
  before: Answer | undefined,
  answer: Answer,
  since: string,
  current: Run,
): Transition | undefined {
  const of = { type: 'answer' as const, question, ...(before === undefined ? {} : { from: before }), to: answer };
  if (answer === 'no')
    return {
      kind: 'opened',
      reason: before === undefined ? 'first-seen' : 'was-good',
      subject: current.subject,
      at: current.at,
      since: current.at,
      of,
    };
  if (before === 'no')
    return {
      kind: 'resolved',
      reason: answer === 'yes' ? 'passes-again' : 'no-longer-applies',
      subject: current.subject,
      at: current.at,
      since,
      of,
    };
  return undefined;
}

/** Are these two runs the same to a person? Evidence differs in its times only, so it is left out. */
function sameFindings(a: Run, b: Run): boolean {
  if (a.findings.length !== b.findings.length) return false;
  return a.findings.every((one, index) => {
    const other = b.findings[index];
    return (
      other !== undefined &&
      one.rule === other.rule &&
      one.target === other.target &&
      one.verdict === other.verdict &&
      one.severity === other.severity &&
      one.owner === other.owner
    );
  });
}

/** Is this transition worth a message of its own? Advice (`low`, `info`) is kept in the history and counted in the next message. */
export function isWorthTelling(transition: Transition): boolean {
  if (transition.of.type !== 'finding' || transition.kind === 'went_unknown') return true;
  if (transition.kind === 'resolved')
    return transition.of.severity === undefined || isMoreThanAdvice(transition.of.severity);
  return blocksAnswers(transition.of);
}

function isMoreThanAdvice(severity: Severity): boolean {
  return severity !== 'low' && severity !== 'info';
}
