// What is read and written once for several small organizations whose slices share a message.
import type { Statement } from '../../domain/statement.ts';
import { compareText } from '../../domain/words.ts';
import type { RunRecord, Versioned, Watch, WatchSummary } from '../../store/store.ts';
import { nameOf } from '../organizations/at-hand.ts';
import { keepMissingSummary } from '../organizations/summary.ts';
import type { Ports } from '../ports.ts';

export interface Shared {
  /** What people said, by organization. */
  readonly said: ReadonlyMap<string, readonly Statement[]>;
  /** What came of the run before, by {@link nameOf}. */
  readonly summaries: ReadonlyMap<string, Versioned<WatchSummary>>;
}

export async function readTogether({ store }: Pick<Ports, 'store'>, watches: readonly Watch[]): Promise<Shared> {
  const organizations = [...new Set(watches.map(({ organization }) => organization))].sort(compareText);
  const summaries = new Map<string, Versioned<WatchSummary>>();
  const readSummaries = async ([evaluation, of]: [string, Watch[]]) => {
    const found = await store.summariesOf(
      evaluation,
      of.map(({ organization }) => organization),
    );
    for (const [organization, summary] of found) summaries.set(nameOf({ organization, evaluation }), summary);
  };
  const [said] = await Promise.all([
    store.statementsOf(organizations),
    ...[...Map.groupBy(watches, ({ evaluation }) => evaluation)].map(readSummaries),
  ]);
  return { said, summaries };
}

/** A run that has ended with its only slice. */
export interface EndedRun {
  readonly run: RunRecord;
  readonly summary: WatchSummary;
  /** ETag of the summary before. */
  readonly expected: string | undefined;
}

/**
 * Keeps the summaries of runs that have ended, and takes the runs out of what is at hand: in this order, so that whoever is
 * cut short in between leaves the rest to the supervisor.
 */
export async function keepTogether(ports: Pick<Ports, 'store' | 'clock'>, ended: readonly EndedRun[]): Promise<void> {
  const { store } = ports;
  for (const [evaluation, of] of Map.groupBy(ended, ({ run }) => run.evaluation)) {
    const all = of.map(({ run, ...summary }) => ({ organization: run.organization, ...summary }));
    const kept = await store.putSummaries(evaluation, all);
    // Somebody else has written one meanwhile.
    for (const { run } of of) if (!kept.has(run.organization)) await keepMissingSummary(ports, run);
  }
  if (ended.length > 0) await store.forgetRuns(ended.map(({ run }) => run));
}
