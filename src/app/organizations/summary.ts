import { type BlindCount, createBlindCount } from '../../domain/blindness.ts';
import { causesOf, subjectCount } from '../../domain/causes.ts';
import type { SubjectState } from '../../domain/compare.ts';
import type { Answer } from '../../domain/finding.ts';
import { isAhead } from '../../domain/time.ts';
import { count, noCounts, type WatchCounts, worstOf } from '../../domain/watch-counts.ts';
import { compareText } from '../../domain/words.ts';
import type { Page, RunRecord, StoredFacts, WatchSummary } from '../../store/store.ts';
import type { Ports } from '../ports.ts';

/** Subjects read at once: as many as a page of the storage holds. */
const subjectsAtOnce = 1_000;

/** What an overview of many organizations shows of one; the pages of the organization have the rest. */
const causesKept = 12;
const longestWhat = 200;

/** What of the subjects of a watch could not be looked at. */
type Unseen = ReturnType<BlindCount['result']>;

type Summarized = Pick<RunRecord, 'organization' | 'evaluation' | 'runId' | 'startedAt'>;

/** Subjects, and what is supplied about them. */
interface Looked {
  readonly states: readonly SubjectState[];
  readonly facts: readonly StoredFacts[];
}

/** All subjects of a watch, and what it came to before. */
interface Known extends Looked {
  readonly before: WatchSummary | undefined;
}

interface Summary {
  readonly summary: WatchSummary;
  readonly unseen: Unseen;
}

/**
 * Keeps what a watch has come to with a run, so that who asks for numbers need not read every subject. All subjects are
 * counted, those too that this run did not look at.
 */
export async function summarize(
  { store, clock }: Pick<Ports, 'store' | 'clock'>,
  run: Summarized,
  state: 'finished' | 'incomplete',
): Promise<Unseen> {
  const tally = createTally();
  for await (const page of pagesOf(store, run)) tally.add(page);
  const watch = { organization: run.organization, evaluation: run.evaluation };
  const before = await store.summary(watch);
  const of = isNewer(before, run, clock()) ? before : run;
  const { summary, unseen } = summaryIn(tally, of, state, before, clock());
  await store.putSummary(watch, summary);
  return unseen;
}

/** As {@link summarize}, of a run that has ended, unless its summary is there or that of a newer one. */
export async function keepMissingSummary(ports: Pick<Ports, 'store' | 'clock'>, run: RunRecord): Promise<void> {
  const { organization, evaluation, runId, state } = run;
  const there = await ports.store.summary({ organization, evaluation });
  if (state === 'running' || there?.runId === runId || isNewer(there, run, ports.clock())) return;
  await summarize(ports, run, state);
}

/**
 * What {@link summarize} would keep, of a watch that is known; keeps nothing.
 *
 * @returns undefined when a newer run has left its summary: what is known has been overtaken
 */
export function summaryOf(
  run: Summarized,
  state: 'finished' | 'incomplete',
  known: Known,
  now: Date,
): Summary | undefined {
  if (isNewer(known.before, run, now)) return undefined;
  const tally = createTally();
  tally.add(known);
  return summaryIn(tally, run, state, known.before, now);
}

/** A start that is yet to come is that of a clock that went wrong. */
function isNewer(
  summary: WatchSummary | undefined,
  { startedAt }: Pick<RunRecord, 'startedAt'>,
  now: Date,
): summary is WatchSummary {
  return summary?.startedAt !== undefined && summary.startedAt > startedAt && !isAhead(summary.startedAt, now);
}

async function* pagesOf(store: Ports['store'], { organization, evaluation }: Summarized): AsyncGenerator<Looked> {
  const watch = { organization, evaluation };
  let page: Page<SubjectState> | undefined;
  do {
    page = await store.listStates(watch, subjectsAtOnce, page?.continuation);
    const subjects = page.items.map(({ run }) => run.subject);
    yield { states: page.items, facts: await store.facts(watch, subjects) };
  } while (page.continuation !== undefined);
}

/** Adds up subjects, so that no more than a page of them is held. */
function createTally() {
  const counts = noCounts();
  const blind = createBlindCount();
  const failing: Pick<SubjectState, 'run' | 'findings'>[] = [];
  const since: Record<string, { answer: Answer; at: string }> = {};
  const observed: string[] = [];
  return {
    ...{ counts, blind, failing, since, observed },
    add({ states, facts }: Looked): void {
      for (const one of states) {
        count(counts, one);
        blind.add(one);
        noteSince(since, one);
        const fails = one.run.findings.filter(({ verdict }) => verdict === 'fail');
        if (fails.length > 0) failing.push({ findings: one.findings, run: { ...one.run, findings: fails } });
      }
      const times = facts.map(({ observedAt }) => observedAt).sort(compareText);
      observed.push(...times.slice(0, 1), ...times.slice(-1));
    },
  };
}

function summaryIn(
  { counts, blind, failing, since, observed }: ReturnType<typeof createTally>,
  { runId, startedAt }: Pick<WatchSummary, 'runId' | 'startedAt'>,
  state: 'finished' | 'incomplete',
  before: WatchSummary | undefined,
  now: Date,
): Summary {
  const [factsFrom, factsTo] = [observed.sort(compareText)[0], observed.at(-1)];
  const span = factsFrom === undefined || factsTo === undefined ? {} : { factsFrom, factsTo };
  const at = now.toISOString();
  const changed = changeOf(before, counts, at);
  const summary: WatchSummary = {
    runId,
    ...(startedAt === undefined ? {} : { startedAt }),
    at,
    ...span,
    counts,
    state,
    since: Object.fromEntries(Object.entries(since).map(([question, one]) => [question, one.at])),
    causes: causesOf(failing)
      .slice(0, causesKept)
      .map((cause) => ({
        key: cause.key,
        rule: cause.rule,
        severity: cause.severity,
        what: cause.what.slice(0, longestWhat),
        isAdvice: cause.isAdvice,
        subjects: subjectCount(cause),
        ...(cause.owner === undefined ? {} : { owner: cause.owner }),
        ...(cause.since === undefined ? {} : { since: cause.since }),
      })),
    ...(changed === undefined ? {} : { changed }),
  };
  return { summary, unseen: blind.result() };
}

/** The worst answer to each question, and since when the subject that has it longest has had it. */
function noteSince(since: Record<string, { answer: Answer; at: string }>, { run, answers }: SubjectState): void {
  for (const [question, answer] of Object.entries(run.answers)) {
    const known = since[question];
    const memory = answers[question];
    // What could not be looked at keeps the time of the last known answer; that of the run says since when nobody knows.
    const at = memory?.answer === answer ? memory.since : run.at;
    const worst = known === undefined ? answer : worstOf([known.answer, answer]);
    if (known === undefined || (worst === answer && (known.answer !== answer || at < known.at)))
      since[question] = { answer, at };
  }
}

/** What changed in the numbers since the run before: the latest change stays until there is another. */
function changeOf(before: WatchSummary | undefined, counts: WatchCounts, at: string): WatchSummary['changed'] {
  if (before === undefined) return undefined;
  const more = (answer: Answer) => (counts.worst[answer] ?? 0) - (before.counts.worst[answer] ?? 0);
  if (more('no') > 0) return { kind: 'broke', count: more('no'), at };
  if (more('undetermined') > 0) return { kind: 'could not look', count: more('undetermined'), at };
  if (more('no') < 0) return { kind: 'mended', count: -more('no'), at };
  return before.changed;
}
