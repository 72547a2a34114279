import { z } from 'zod';
import { type Answer, answers, type Finding, findingKey, type Run, run, verdicts } from './finding.ts';
import { type Severity, severities } from './rule.ts';
import { isNewsWhenUnknown, isReminderDue, unknownRunsBeforeTelling } from './telling.ts';
import type { Transition, TransitionKind, TransitionReason } from './transition.ts';

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
    const { memory, transition } = compareFinding(previous?.findings[key], finding, current);
    findings[key] = memory;
    if (transition !== undefined) transitions.push(transition);
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
    const transition = answerTransition(question, before?.answer, answer, before?.since ?? current.at, current);
    if (transition !== undefined) transitions.push(transition);
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
): { memory: FindingMemory; transition?: Transition } {
  const { verdict, severity } = finding;
  if (verdict === 'unknown' || verdict === 'manual') {
    const counts = isNewsWhenUnknown(finding);
    const unknownRuns = (before?.unknownRuns ?? 0) + (counts ? 1 : 0);
    const memory: FindingMemory = { ...(before ?? { since: current.at }), unknownRuns };
    if (counts && unknownRuns === unknownRunsBeforeTelling) {
      return {
        memory: { ...memory, toldAt: current.at },
        transition: about('went_unknown', 'unknown-in-a-row', finding, memory.since, current),
      };
    }
    return { memory };
  }

  const wentUnknown = before !== undefined && before.unknownRuns >= unknownRunsBeforeTelling;
  const since = before?.verdict === verdict ? before.since : current.at;
  const memory: FindingMemory = { verdict, ...(severity === undefined ? {} : { severity }), since, unknownRuns: 0 };
  const tell = (transition: Transition): { memory: FindingMemory; transition: Transition } => ({
    memory: { ...memory, toldAt: current.at },
    transition,
  });
  const keep = { memory: before?.toldAt === undefined ? memory : { ...memory, toldAt: before.toldAt } };

  if (verdict === 'fail') {
    if (before?.verdict !== 'fail')
      return tell(about('opened', before?.verdict === undefined ? 'first-seen' : 'was-good', finding, since, current));
    if (isWorse(severity, before.severity)) return tell(about('worsened', 'severity-rose', finding, since, current));
    if (isReminderDue(severity, before.toldAt ?? before.since, current.at))
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
