import type { OrganizationDocument } from '../../domain/organization.ts';
import type { RunProgress, Watch } from '../../store/store.ts';
import { tellBlindSubjects, tellConditions } from '../notices/sight.ts';
import { subjectsOf } from '../organizations/subjects.ts';
import { summarize } from '../organizations/summary.ts';
import { onEveryWatch } from '../organizations/watches.ts';
import { discover } from './discover.ts';
import { tellEnd } from './end.ts';
import { slicesOf, withAdded } from './slices.ts';
import type { RunPorts } from './start.ts';
import { stateOf } from './status.ts';
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
    const unseen = await summarize(ports, run, state);
    const unrouted = slices.reduce((sum, slice) => sum + (slice.unrouted ?? 0), 0);
    if (unseen !== undefined) await tellBlindSubjects(ports, document, run, { ...unseen, unrouted });
    if (!(await store.finishRun(progress, state, now.toISOString()))) return;
    await tellEnd(ports, document, { run, slices, state, endedAt: now });
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
