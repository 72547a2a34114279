import { z } from 'zod';
import { type Answer, answers, type Finding, findingKey, type Run, run } from './finding.ts';
import {
  type FindingMemory,
  findingMemory,
  type Happened,
  inherited,
  type LookPolicy,
  step,
  stepUnseen,
  tellAtOnce,
} from './incident.ts';
import { isNewsWhenUnknown } from './telling.ts';
import type { Transition } from './transition.ts';

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

export interface Comparison {
  readonly state: SubjectState;
  readonly transitions: readonly Transition[];
  /** The previous state when its findings differ from this run's: it belongs into the history. */
  readonly superseded?: SubjectState;
}

/** What holds for a finding at this look, by the finding or, of one that is gone, by its rule and target. */
export type PolicyOf = (
  finding: Pick<Finding, 'rule' | 'target' | 'severity' | 'owner'> & Partial<Finding>,
) => LookPolicy;

/**
 * What a run changes against what is remembered. Pure; every transition carries a named reason.
 *
 * Compared is with the last *conclusive* verdict: `unknown` and `manual` neither open nor resolve anything. First sight
 * of a pass is silent. A finding that is no longer there is resolved only when its rule was judged in this run. What is
 * told of each finding is decided by {@link step}.
 */
export function compare(
  previous: SubjectState | undefined,
  runId: string,
  current: Run,
  policyOf: PolicyOf = () => tellAtOnce,
): Comparison {
  const transitions: Transition[] = [];
  const findings: Record<string, FindingMemory> = {};
  for (const finding of current.findings) {
    const key = findingKey(finding);
    const before = previous?.findings[key];
    const { verdict, severity, owner } = finding;
    if (verdict === 'unknown' || verdict === 'manual') {
      findings[key] = stepUnseen(before, current.at, isNewsWhenUnknown(finding));
      continue;
    }
    // Somebody who begins to watch wants to hear at once how things are: there is nothing yet that could flicker.
    // What passes has no owner any more; what was said of its owner's faults holds until it was told to be over.
    const said = policyOf(
      owner === undefined && before?.owner !== undefined ? { ...finding, owner: before.owner } : finding,
    );
    const policy = previous === undefined && said.confirmRuns > 1 ? { ...said, confirmRuns: 1 } : said;
    const { memory, happened } = step(before, { verdict, severity, owner }, current.at, policy);
    findings[key] = memory;
    if (happened !== undefined) transitions.push(about(finding, happened, memory, policy, current));
  }
  for (const key in previous?.findings) {
    const memory = previous.findings[key];
    if (key in findings || memory === undefined) continue;
    const [rule = key, target] = splitKey(key);
    const ofRule = current.findings.filter((finding) => finding.rule === rule);
    const judged =
      ofRule.length > 0 && !ofRule.some(({ verdict, target: whose }) => verdict === 'unknown' && whose === undefined);
    if (!judged) {
      findings[key] = memory;
      continue;
    }
    const transition = ended(memory, { rule, target }, current, policyOf);
    if (transition !== undefined) transitions.push(transition);
  }

  // Findings whose change is not told yet, or never: the answer waits for them, so that it is never told alone.
  const isHeld = Object.values(findings).some(isUntold);
  const answersMemory: SubjectState['answers'] = {};
  for (const [question, answer] of Object.entries(current.answers)) {
    const before = previous?.answers[question];
    const conclusive = answer !== 'undetermined';
    if (!conclusive || before?.answer === answer || (isHeld && transitions.length === 0)) {
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

function isUntold({ soft, flapping, hushedBy }: FindingMemory): boolean {
  return (soft ?? flapping ?? hushedBy) !== undefined;
}

/** What is told to be over because its subject left the watch; whoever was told of it hears that it ended. */
export function endedWith({ run: last, findings }: SubjectState, at: string): readonly Transition[] {
  return Object.entries(findings).flatMap(([key, memory]) => {
    const [rule = key, target] = splitKey(key);
    return ended(memory, { rule, target }, { ...last, at }, () => tellAtOnce) ?? [];
  });
}

/** What is remembered of one finding, and what was last said of it: it may not have been judged since it was found. */
export interface Remembered {
  readonly rule: string;
  readonly target?: string;
  readonly memory: FindingMemory;
  /** As of the last look; of its rule as a whole where its target could not be told. */
  readonly finding?: Finding;
}

/** What is said of an incident whose rule was not judged at the last look. */
export const notJudged = 'Not judged at the last look.';

/** All that is remembered of the findings of a subject, in order. */
export function rememberedOf({ run: last, findings }: Pick<SubjectState, 'run' | 'findings'>): readonly Remembered[] {
  return Object.entries(findings).map(([key, memory]) => {
    const [rule = key, target] = splitKey(key);
    const ofRule = last.findings.filter((one) => one.rule === rule);
    const finding = ofRule.find((one) => one.target === target) ?? ofRule.find((one) => one.target === undefined);
    return {
      rule,
      ...(target === undefined ? {} : { target }),
      memory: inherited(memory),
      ...(finding === undefined ? {} : { finding }),
    };
  });
}

function splitKey(key: string): readonly [rule?: string, target?: string] {
  const hash = key.indexOf('#');
  return hash < 0 ? [key] : [key.slice(0, hash), key.slice(hash + 1)];
}

function about(
  finding: Finding,
  { kind, reason, since, severity }: Happened,
  { looks = '' }: FindingMemory,
  { silenced, accepted }: LookPolicy,
  current: Run,
): Transition {
  const { rule, target, verdict, owner, message, remedy, supportCase } = finding;
  const observed = finding.evidence[0]?.observed;
  const words = {
    flapping: `Changed ${changesIn(looks)} times in the last ${looks.length} looks; the next word of it comes when it has been steady for a while. At the last look: ${message}`,
    steady: `Steady again: ${message}`,
    accepted: `${message} ${accepted?.words ?? ''}`,
    silenced: `${message} ${silenced?.words ?? ''}`,
  };
  const isEased = reason === 'only-advice-now';
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
      message: isEased
        ? `No more than advice is left: ${message}`
        : kind in words
          ? words[kind as keyof typeof words]
          : message,
      ...(observed === undefined ? {} : { observed }),
      ...(remedy === undefined ? {} : { remedy }),
      ...(supportCase === undefined ? {} : { supportCase }),
    },
  };
}

function changesIn(looks: string): number {
  const lower = looks.toLowerCase();
  return [...lower].filter((look, index) => index > 0 && look !== lower[index - 1]).length;
}

/** The end of a finding that is not judged any more, when anybody was told of it. */
function ended(
  memory: FindingMemory,
  { rule, target }: { readonly rule: string; readonly target: string | undefined },
  current: Run,
  policyOf: PolicyOf,
): Transition | undefined {
  const of = { rule, ...(target === undefined ? {} : { target }), severity: memory.severity, owner: memory.owner };
  const { happened } = step(memory, { verdict: 'not_applicable', gone: true }, current.at, policyOf(of));
  if (happened === undefined) return undefined;
  const { kind, reason, since, severity } = happened;
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
      verdict: 'not_applicable',
      ...(severity === undefined ? {} : { severity }),
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
  const { subject, at } = current;
  if (answer === 'no')
    return { kind: 'opened', reason: before === undefined ? 'first-seen' : 'was-good', subject, at, since: at, of };
  if (before !== 'no') return undefined;
  return { kind: 'resolved', reason: answer === 'yes' ? 'passes-again' : 'no-longer-applies', subject, at, since, of };
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
