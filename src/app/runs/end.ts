// What is said when a run has ended, by whoever ended it.
import type { Cycle } from '../../domain/notice.ts';
import type { OrganizationDocument } from '../../domain/organization.ts';
import type { RunRecord, SliceResult } from '../../store/store.ts';
import { tellCycle } from '../notices/cycle.ts';
import type { Ports } from '../ports.ts';
import { sumAnswers, sumVerdicts } from './status.ts';

/** How a run has ended, and with which results. */
export interface Ended {
  readonly run: RunRecord;
  readonly slices: readonly SliceResult[];
  readonly state: 'finished' | 'incomplete';
  readonly endedAt: Date;
}

/**
 * Tells the log, whoever collects traces, and the pings of the watch. Several may see the last result: one ends the run and
 * says so.
 *
 * @param document undefined where no channel hears of cycles
 */
export async function tellEnd(
  ports: Pick<Ports, 'log' | 'telemetry' | 'notifierFor'>,
  document: OrganizationDocument | undefined,
  ended: Ended,
): Promise<void> {
  const { log } = ports;
  const { run, slices, state, endedAt } = ended;
  const { runId, organization, evaluation, startedAt, subjects } = run;
  ports.telemetry?.runEnded({
    ...{ runId, organization, evaluation, startedAt, subjects },
    endedAt: endedAt.toISOString(),
    complete: state !== 'incomplete',
  });
  if (document !== undefined) await tellCycle(ports, document, evaluation, cycleOf(ended));
  if (state === 'incomplete') {
    log.error('run incomplete at its deadline', { runId, slices: run.slices, done: slices.length });
    return;
  }
  log.info('run finished', {
    runId,
    subjects,
    ms: endedAt.getTime() - Date.parse(startedAt),
    answers: sumAnswers(slices),
    verdicts: sumVerdicts(slices),
  });
}

/** A run worked when all of it is done and something in it could be judged. */
function cycleOf({ run, slices, state }: Ended): Cycle {
  const { runId, subjects } = run;
  if (state === 'incomplete')
    return {
      phase: 'fail',
      runId,
      words: `Only ${slices.length} of ${run.slices} parts of the run were done in time.`,
    };
  const { unknown = 0, ...judged } = sumVerdicts(slices);
  const conclusive = Object.values(judged).reduce((sum, count) => sum + count, 0);
  if (conclusive === 0 && unknown > 0)
    return { phase: 'fail', runId, words: `Nothing could be judged about any of ${subjects} subject(s).` };
  return { phase: 'success', runId, words: `${subjects} subject(s) were looked at.` };
}
