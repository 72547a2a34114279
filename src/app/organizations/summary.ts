import { type BlindCount, createBlindCount } from '../../domain/blindness.ts';
import { causesOf, subjectCount } from '../../domain/causes.ts';
import type { SubjectState } from '../../domain/compare.ts';
import type { Answer } from '../../domain/finding.ts';
import { count, noCounts, type WatchCounts, worstOf } from '../../domain/watch-counts.ts';
import { compareText } from '../../domain/words.ts';
import type { Page, RunRecord, WatchSummary } from '../../store/store.ts';
import type { Ports } from '../ports.ts';

/** Subjects read at once: as many as a page of the storage holds. */
const subjectsAtOnce = 1_000;

/** What an overview of many organizations shows of one; the pages of the organization have the rest. */
const causesKept = 12;
const longestWhat = 200;

/**
 * Keeps what a watch has come to with a run, so that who asks for numbers need not read every subject. All subjects are
 * counted, those too that this run did not look at.
 *
 * @returns what of them could not be looked at
 */
export async function summarize(
  { store, clock }: Pick<Ports, 'store' | 'clock'>,
  { organization, evaluation, runId }: Pick<RunRecord, 'organization' | 'evaluation' | 'runId'>,
  state: 'finished' | 'incomplete',
): Promise<ReturnType<BlindCount['result']>> {
  const watch = { organization, evaluation };
  const counts = noCounts();
  const blind = createBlindCount();
  const failing: Pick<SubjectState, 'run' | 'findings'>[] = [];
  const since: Record<string, { answer: Answer; at: string }> = {};
  const observed: string[] = [];
  let page: Page<SubjectState> | undefined;
  do {
    page = await store.listStates(watch, subjectsAtOnce, page?.continuation);
    for (const one of page.items) {
      count(counts, one);
      blind.add(one);
      noteSince(since, one);
      const fails = one.run.findings.filter(({ verdict }) => verdict === 'fail');
      if (fails.length > 0) failing.push({ findings: one.findings, run: { ...one.run, findings: fails } });
    }
    const facts = await store.facts(
      watch,
      page.items.map(({ run }) => run.subject),
    );
    const times = facts.map(({ observedAt }) => observedAt).sort(compareText);
    observed.push(...times.slice(0, 1), ...times.slice(-1));
  } while (page.continuation !== undefined);
  const [factsFrom, factsTo] = [observed.sort(compareText)[0], observed.at(-1)];
  const span = factsFrom === undefined || factsTo === undefined ? {} : { factsFrom, factsTo };
  const at = clock().toISOString();
  const changed = changeOf(await store.summary(watch), counts, at);
  await store.putSummary(watch, {
    runId,
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
  });
  return blind.result();
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
