import { blocksAnswers } from './answer.ts';
import type { SubjectState } from './compare.ts';
import { type Answer, type Finding, findingKey } from './finding.ts';
import { dayMs } from './time.ts';

/** How long a subject had an answer. Times are ISO 8601, UTC. */
export interface Span {
  /** `unseen`: before it was first looked at, or after nobody looked any more. */
  readonly answer: Answer | 'unseen';
  readonly from: string;
  readonly to: string;
}

export interface AnswerChange {
  readonly kind: 'broke' | 'mended' | 'could not look' | 'first seen';
  readonly at: string;
  readonly answer: Answer;
  /** What made it so, where a finding did. */
  readonly finding: Finding | undefined;
  /** Runs that found the same. */
  readonly runs: number;
}

/** A watch that runs daily is late after this; from then on nobody knows. */
const staleAfterMs = 2 * dayMs;

/**
 * The answer to a question from `from` until `to`, without gaps, from the run-length history. Pure.
 *
 * @param states of the subject, oldest first
 */
export function spansOf(states: readonly SubjectState[], question: string, from: string, to: string): readonly Span[] {
  const asked = states.filter(({ run }) => run.answers[question] !== undefined);
  const spans: Span[] = [];
  const add = (answer: Span['answer'], start: string, end: string) => {
    const [begin, finish] = [start < from ? from : start, end > to ? to : end];
    if (begin >= finish) return;
    const last = spans.at(-1);
    if (last?.answer === answer) spans[spans.length - 1] = { ...last, to: finish };
    else spans.push({ answer, from: begin, to: finish });
  };
  add('unseen', from, asked[0]?.since ?? to);
  for (const [index, { run, since }] of asked.entries()) {
    const next = asked[index + 1]?.since ?? to;
    const stale = new Date(Date.parse(run.at) + staleAfterMs).toISOString();
    const isStale = stale < next;
    add(run.answers[question] ?? 'unseen', since, isStale ? stale : next);
    if (isStale) add('unseen', stale, next);
  }
  return spans;
}

/**
 * When the answer to a question changed, newest first.
 *
 * @param states of the subject, oldest first
 * @param rules ids of those that decide the question
 */
export function changesOf(
  states: readonly SubjectState[],
  question: string,
  rules: ReadonlySet<string>,
): readonly AnswerChange[] {
  const changes: AnswerChange[] = [];
  let before: SubjectState | undefined;
  for (const state of states) {
    const answer = state.run.answers[question];
    if (answer === undefined) continue;
    const earlier = before?.run.answers[question];
    const last = changes.at(-1);
    if (earlier === answer && last !== undefined)
      changes[changes.length - 1] = { ...last, runs: last.runs + state.runs };
    else {
      const kind = kindOf(earlier, answer);
      const finding = kind === 'first seen' ? undefined : newIn(state, before, rules);
      changes.push({ kind, at: state.since, answer, finding, runs: state.runs });
    }
    before = state;
  }
  return changes.reverse();
}

function kindOf(before: Answer | undefined, answer: Answer): AnswerChange['kind'] {
  if (before === undefined && answer !== 'no') return 'first seen';
  if (answer === 'no') return 'broke';
  return answer === 'undetermined' ? 'could not look' : 'mended';
}

/** What was not so before and decides: a fail, or what could not be looked at. */
function newIn(
  { run }: SubjectState,
  before: SubjectState | undefined,
  rules: ReadonlySet<string>,
): Finding | undefined {
  const old = new Set(before?.run.findings.map((one) => `${findingKey(one)} ${one.verdict}`));
  const fresh = run.findings.filter((one) => rules.has(one.rule) && !old.has(`${findingKey(one)} ${one.verdict}`));
  return (
    fresh.find(blocksAnswers) ??
    fresh.find(
      ({ verdict, blockedBy }) => (verdict === 'unknown' || verdict === 'manual') && blockedBy === undefined,
    ) ??
    fresh.find(
      (one) =>
        one.verdict === 'pass' &&
        before?.run.findings.some((was) => findingKey(was) === findingKey(one) && blocksAnswers(was)),
    )
  );
}
