import { type BlindCount, createBlindCount } from '../../domain/blindness.ts';
import type { SubjectState } from '../../domain/compare.ts';
import { count, noCounts } from '../../domain/watch-counts.ts';
import { compareText } from '../../domain/words.ts';
import type { Page, RunRecord } from '../../store/store.ts';
import type { Ports } from '../ports.ts';

/** Subjects read at once: as many as a page of the storage holds. */
const subjectsAtOnce = 1_000;

/**
 * Keeps what a watch has come to with a run, so that who asks for numbers need not read every subject. All subjects are
 * counted, those too that this run did not look at.
 *
 * @returns what of them could not be looked at
 */
export async function summarize(
  { store, clock }: Pick<Ports, 'store' | 'clock'>,
  { organization, evaluation, runId }: Pick<RunRecord, 'organization' | 'evaluation' | 'runId'>,
): Promise<ReturnType<BlindCount['result']>> {
  const watch = { organization, evaluation };
  const counts = noCounts();
  const blind = createBlindCount();
  const observed: string[] = [];
  let page: Page<SubjectState> | undefined;
  do {
    page = await store.listStates(watch, subjectsAtOnce, page?.continuation);
    for (const state of page.items) {
      count(counts, state);
      blind.add(state);
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
  await store.putSummary(watch, { runId, at: clock().toISOString(), ...span, counts });
  return blind.result();
}
