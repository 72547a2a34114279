import type { Cycle } from '../../domain/notice.ts';
import type { OrganizationDocument } from '../../domain/organization.ts';
import type { RunProgress, RunRecord, Watch } from '../../store/store.ts';
import { tellCycle } from '../notices/cycle.ts';
import { tellBlindSubjects, tellConditions } from '../notices/sight.ts';
import { subjectsOf } from '../organizations/subjects.ts';
import { summarize } from '../organizations/summary.ts';
import { onEveryWatch } from '../organizations/watches.ts';
import { discover } from './discover.ts';
import { slicesOf, withAdded } from './slices.ts';
import type { RunPorts } from './start.ts';
import { stateOf, sumAnswers, sumVerdicts } from './status.ts';
import { addedWith } from './watched.ts';

/** Slices without a result are sent again when they were sent this long ago. */
const resendAfterMs = 10 * 60_000;

/** What is the matter with a watch as such is looked at this often. */
const conditionsEveryMs = 60 * 60_000;

/** Runs looked at for each watch, newest first: more than these do not run at once. */
const runsLookedAt = 20;

/**
 * Looks after the runs of every watch, or of one: closes those that have all their results and those past their deadline,
 * and sends slices that have no result after ten minutes again. Of every watch it tells, once an hour, what keeps it from
 * being looked at at all.
 */
export function createSupervisor(): (ports: RunPorts, only?: Watch) => Promise<void> {
  /**
   * When slices of a run were last sent again, by run id, in milliseconds: runs are looked after every minute, and a run
   * that is only slow must not have its slices multiplied every time.
   */
  const resentAt = new Map<string, number>();
  /** When the conditions of a watch were looked at last, in milliseconds. */
  const conditionsAt = new Map<string, number>();

  async function supervise(ports: RunPorts, document: OrganizationDocument, progress: RunProgress): Promise<void> {
    const { store, log } = ports;
    const { run, slices } = progress;
    const { runId } = run;
    const now = ports.clock();
    const state = stateOf(progress, now);
    if (state === 'running') {
      if (now.getTime() - (resentAt.get(runId) ?? Date.parse(run.startedAt)) <= resendAfterMs) return;
      resentAt.set(runId, now.getTime());
      await sendMissing(ports, document, progress);
      log.warn('slices without result sent again', { runId, slices: run.slices, done: slices.length });
      return;
    }
    resentAt.delete(runId);
    // Before the run is closed: should this be cut short, the run is looked after again.
    await tellBlindSubjects(ports, document, run, await summarize(ports, run, state));
    // Several may see the last result at once; one of them closes the run and says so.
    if (!(await store.finishRun(progress, state, now.toISOString()))) return;
    const { organization, evaluation, startedAt, subjects } = run;
    const complete = state !== 'incomplete';
    const endedAt = now.toISOString();
    ports.telemetry?.runEnded({ runId, organization, evaluation, startedAt, endedAt, subjects, complete });
    await tellCycle(ports, document, run.evaluation, cycleOf(progress, state));
    if (state === 'incomplete') {
      log.error('run incomplete at its deadline', { runId, slices: run.slices, done: slices.length });
      return;
    }
    log.info('run finished', {
      runId,
      subjects: run.subjects,
      ms: now.getTime() - Date.parse(run.startedAt),
      answers: sumAnswers(slices),
      verdicts: sumVerdicts(slices),
    });
  }

  return async (ports, only) => {
    const { store, log } = ports;
    await onEveryWatch(ports, {
      only,
      async work(document, watch) {
        const runs = await store.runs(watch, runsLookedAt);
        for (const { state, runId } of runs) {
          const progress = state === 'running' ? await store.run(runId) : undefined;
          if (progress !== undefined) await supervise(ports, document, progress);
        }
        const name = `${watch.organization}.${watch.evaluation}`;
        const now = ports.clock().getTime();
        const since = Math.abs(now - (conditionsAt.get(name) ?? Number.NEGATIVE_INFINITY));
        if (only === undefined && since >= conditionsEveryMs) {
          conditionsAt.set(name, now);
          await tellConditions(ports, document, watch, runs[0]);
        }
        return [];
      },
      failed: (watch, detail) => log.error('runs not supervised', { ...watch, detail }),
      sentence: (count) => `the runs of ${count} watch(es) were not supervised`,
    });
  };
}

/** A run worked when all of it is done and something in it could be judged. */
function cycleOf({ run, slices }: RunProgress, state: RunRecord['state']): Cycle {
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

async function sendMissing(
  ports: RunPorts,
  document: OrganizationDocument,
  { run, slices }: RunProgress,
): Promise<void> {
  const done = new Set(slices.map(({ slice }) => slice));
  const evaluation = ports.evaluations.of(run.evaluation);
  const { domains } = await discover(ports, document, evaluation);
  const subjects = subjectsOf(evaluation, document, domains);
  const added = await addedWith(ports, run, subjects);
  for (const message of slicesOf(document, run.evaluation, run.runId, subjects)) {
    if (!done.has(message.slice)) await ports.queue.sendSlice(withAdded(message, added));
  }
}
