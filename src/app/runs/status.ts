import type { RunProgress, RunRecord, SliceResult } from '../../store/store.ts';
import type { Ports } from '../ports.ts';
import { notFound } from '../problem.ts';
import type { RunStatus } from '../responses.ts';

/** What a run is now, whether or not that is written yet: finished with all its results, incomplete from its deadline on. */
export function stateOf({ run, slices }: RunProgress, now: Date): RunRecord['state'] {
  if (run.state !== 'running') return run.state;
  if (slices.length >= run.slices) return 'finished';
  return now.toISOString() >= run.deadline ? 'incomplete' : 'running';
}

/** How far a run is, and what it found so far. Writes nothing. @throws Problem when there is no such run */
export async function runStatus({ store, clock }: Pick<Ports, 'store' | 'clock'>, runId: string): Promise<RunStatus> {
  const progress = await store.run(runId);
  if (progress === undefined) throw notFound(`The run "${runId}"`);
  const unrouted = progress.slices.reduce((sum, slice) => sum + (slice.unrouted ?? 0), 0);
  return {
    ...progress.run,
    state: stateOf(progress, clock()),
    done: progress.slices.reduce((sum, { subjects }) => sum + subjects, 0),
    answers: sumAnswers(progress.slices),
    verdicts: sumVerdicts(progress.slices),
    ...(unrouted === 0 ? {} : { unrouted }),
  };
}

/** By question, then answer: how many subjects, over all slices. */
export function sumAnswers(slices: readonly Pick<SliceResult, 'answers'>[]): Record<string, Record<string, number>> {
  const sum: Record<string, Record<string, number>> = {};
  for (const { answers } of slices) {
    for (const [question, counts] of Object.entries(answers)) {
      sum[question] ??= {};
      for (const [answer, count] of Object.entries(counts))
        sum[question][answer] = (sum[question][answer] ?? 0) + count;
    }
  }
  return sum;
}

/** How many findings have each verdict, over all slices. */
export function sumVerdicts(slices: readonly Pick<SliceResult, 'verdicts'>[]): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const { verdicts } of slices) {
    for (const [verdict, count] of Object.entries(verdicts)) sum[verdict] = (sum[verdict] ?? 0) + count;
  }
  return sum;
}
