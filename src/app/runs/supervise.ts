import { isOpen } from '../../domain/blindness.ts';
import type { OrganizationDocument } from '../../domain/organization.ts';
import type { AtHand, RunProgress, Watch } from '../../store/store.ts';
import { missedSlots } from '../health/health.ts';
import { tellBlindSubjects, tellConditions } from '../notices/sight.ts';
import {
  lookThrough,
  nameOf,
  organizationsOf,
  runsLookedAt,
  summariesByName,
  watchesAtHand,
  withoutCause,
} from '../organizations/at-hand.ts';
import { subjectsOf } from '../organizations/subjects.ts';
import { keepMissingSummary, summarize } from '../organizations/summary.ts';
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

/**
 * Looks after the runs that are under way, or those of one watch: closes those that have all their results and those past
 * their deadline, and sends slices that have no result after ten minutes again. Of every watch it tells, once an hour, what
 * keeps it from being looked at at all.
 */
export function createSupervisor(): (ports: RunPorts, only?: Watch) => Promise<void> {
  /**
   * When slices of a run were last sent again, by run id, in milliseconds: runs are looked after every minute, and a run
   * that is only slow must not have its slices multiplied every time.
   */
  const resentAt = new Map<string, number>();
  /** When the conditions of all watches were looked at last, in milliseconds. */
  let conditionsAt = Number.NEGATIVE_INFINITY;

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
    await tellBlindSubjects(ports, document, run, { ...unseen, unrouted });
    if (!(await store.finishRun(progress, state, now.toISOString()))) return;
    await tellEnd(ports, document, { run, slices, state, endedAt: now });
  }

  /** Runs of one watch that are under way. */
  async function superviseRuns(ports: RunPorts, document: OrganizationDocument, watch: Watch): Promise<void> {
    for (const { state, runId } of await ports.store.runs(watch, runsLookedAt)) {
      const progress = state === 'running' ? await ports.store.run(runId) : undefined;
      if (progress !== undefined) await supervise(ports, document, progress);
    }
  }

  /** Of watches with a run at hand; what is at hand of a run that is over, or of a watch that is gone, is done. */
  async function superviseAtHand(ports: RunPorts, broken: Set<string>): Promise<void> {
    const now = ports.clock().getTime();
    // A run of one slice ends with it: there is nothing to do before the slice would be sent again.
    const endsByItself = ({ run }: AtHand) =>
      run?.slices === 1 && Math.abs(now - Date.parse(run.startedAt)) <= resendAfterMs;
    const atHand = await watchesAtHand(ports, ['run'], (entry) => !endsByItself(entry));
    const done: string[] = [];
    const over = new Set(atHand.keys());
    try {
      await onEveryWatch(ports, {
        organizations: organizationsOf(atHand),
        isWanted: (watch) => atHand.has(nameOf(watch)),
        async work(document, watch) {
          over.delete(nameOf(watch));
          await superviseRuns(ports, document, watch);
          const entries = withoutCause(atHand.get(nameOf(watch))?.entries ?? []);
          if (entries.length === 0) return [];
          const runs = await ports.store.runs(watch, runsLookedAt);
          if (runs.some(({ state }) => state === 'running')) return [];
          // Whoever ended it may have been cut short before its summary was kept.
          if (runs[0] !== undefined) await keepMissingSummary(ports, runs[0]);
          done.push(...entries);
          return [];
        },
        ...faultsOf(ports, broken),
      });
    } finally {
      for (const name of over) done.push(...withoutCause(atHand.get(name)?.entries ?? []));
      if (done.length > 0) await ports.store.doneAtHand(done);
    }
  }

  return async (ports, only) => {
    if (only !== undefined) {
      const work = async (document: OrganizationDocument, watch: Watch) => {
        await superviseRuns(ports, document, watch);
        return [];
      };
      await onEveryWatch(ports, { only, work, ...faultsOf(ports) });
      return;
    }
    await lookThrough(ports);
    const faults: unknown[] = [];
    const noted = (error: unknown) => {
      if (!(error instanceof AggregateError)) throw error;
      faults.push(...error.errors);
    };
    const broken = new Set<string>();
    await superviseAtHand(ports, broken).catch(noted);
    const now = ports.clock().getTime();
    if (Math.abs(now - conditionsAt) >= conditionsEveryMs) {
      conditionsAt = now;
      await lookAtConditions(ports, broken).catch(noted);
    }
    if (faults.length > 0) throw new AggregateError(faults, sentenceOf(faults.length));
  };
}

const sentenceOf = (count: number) => `the runs of ${count} watch(es) were not supervised`;

/** @param broken gets the names of the watches that fail */
function faultsOf({ log }: Pick<RunPorts, 'log'>, broken?: Set<string>) {
  return {
    failed: (watch: Watch, detail: string) => {
      broken?.add(nameOf(watch));
      log.error('runs not supervised', { ...watch, detail });
    },
    sentence: sentenceOf,
  };
}

/**
 * What is the matter with watches as such: of those with something at hand that is read; of all others it is enough to know
 * when their last run started.
 *
 * @param broken watches whose fault has been told
 */
async function lookAtConditions(ports: RunPorts, broken: ReadonlySet<string>): Promise<void> {
  const { store } = ports;
  const atHand = await watchesAtHand(ports, ['notice', 'open']);
  const lastStart = new Map<string, string>();
  for await (const [name, { startedAt, at }] of summariesByName(ports)) lastStart.set(name, startedAt ?? at);
  const now = ports.clock();
  const done: string[] = [];
  await onEveryWatch(ports, {
    isWanted: (watch) => !broken.has(nameOf(watch)),
    async work(document, watch) {
      const name = nameOf(watch);
      const entries = atHand.get(name)?.entries;
      const missed = missedSlots(document.evaluations[watch.evaluation]?.schedule, lastStart.get(name), now);
      if (entries === undefined && missed === undefined) return [];
      await tellConditions(ports, document, watch, (await store.runs(watch, 1))[0]);
      const old = withoutCause((entries ?? []).filter(({ kind }) => kind === 'open'));
      if (old.length === 0) return [];
      const [rejected, memory] = await Promise.all([store.rejected(watch, 1), store.watchMemory(watch)]);
      const stays = rejected.length > 0 || isOpen(memory?.value, ports.clock());
      // One says it as well as many.
      done.push(...old.slice(stays ? 1 : 0));
      return [];
    },
    ...faultsOf(ports),
  }).finally(() => (done.length > 0 ? store.doneAtHand(done) : undefined));
}

async function sendMissing(
  ports: RunPorts,
  document: OrganizationDocument,
  { run, slices }: RunProgress,
): Promise<void> {
  const done = new Set(slices.map(({ slice }) => slice));
  const evaluation = ports.evaluations.of(run.evaluation);
  const { domains } = await discover(ports, document, evaluation, ports.store);
  const subjects = subjectsOf(evaluation, document, domains);
  const added = await addedWith(ports, run, subjects);
  const missing = slicesOf(document, run.evaluation, run.runId, subjects).filter(({ slice }) => !done.has(slice));
  await ports.queue.sendSlices(missing.map((message) => withAdded(message, added)));
}
