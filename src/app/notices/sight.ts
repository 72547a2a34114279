// That a watch, or a part of it, cannot be looked at: found when a run is over, and every hour without one.
import { type Blind, noWatchMemory, stepBlindness, type WatchMemory, withUnrouted } from '../../domain/blindness.ts';
import { wholeWatch } from '../../domain/event.ts';
import type { PendingNotice } from '../../domain/notice.ts';
import type { OrganizationDocument } from '../../domain/organization.ts';
import { type Receivers, receiversIn, receiversNamed, routed } from '../../domain/route.ts';
import { nextSlot } from '../../domain/schedule.ts';
import { isAhead } from '../../domain/time.ts';
import { compareText } from '../../domain/words.ts';
import type { RunRecord, Watch } from '../../store/store.ts';
import { missedSlots } from '../health/health.ts';
import type { Ports } from '../ports.ts';

type SightPorts = Pick<Ports, 'store' | 'log' | 'clock'>;

/** A channel is dead after so many tries, or once it has refused. */
const triesBeforeDead = 3;
const rowsLookedAt = 200;

/** Somebody else may write the memory at the same time; more often than this something else is wrong. */
const memoryTries = 5;

/** Counts changes of a watch that no route took. @param of the step that found them: counted once, however often it is repeated */
export async function noteUnrouted(
  { store, clock }: Pick<SightPorts, 'store' | 'clock'>,
  watch: Watch,
  changes: number,
  of: string,
): Promise<void> {
  for (let attempt = 1; attempt <= memoryTries; attempt += 1) {
    const read = await store.watchMemory(watch);
    const before = read?.value ?? noWatchMemory;
    const memory = withUnrouted(before, changes, of, clock().toISOString());
    if (memory === before || (await store.putWatchMemory(watch, memory, read?.etag, []))) return;
  }
  throw writtenByOthers(watch);
}

/** Tells what the subjects of a watch cannot be judged for, once a run of it is over. @returns how many notices wait for it */
export async function tellBlindSubjects(
  ports: SightPorts,
  document: OrganizationDocument,
  run: RunRecord,
  {
    watched,
    blind,
    unrouted,
  }: { readonly watched: number; readonly blind: readonly Blind[]; readonly unrouted: number },
): Promise<number> {
  const { organization, evaluation, runId } = run;
  const schedule = document.evaluations[evaluation]?.schedule;
  const next = schedule === undefined ? undefined : nextSlot(schedule, ports.clock())?.toISOString();
  const at = ports.clock().toISOString();
  return update(ports, document, { organization, evaluation }, { runId, at, of: runId, unrouted }, (memory) =>
    stepBlindness(memory, 'looks', blind, { at, watched, next }),
  );
}

/**
 * Tells what is the matter with a watch as such: no run for two slots, a clock that went wrong, a channel that takes
 * nothing. What channels refused is tried again, so that one that was mended gets what it missed by itself.
 *
 * @param last the newest run, if there was one
 */
export async function tellConditions(
  ports: SightPorts,
  document: OrganizationDocument,
  watch: Watch,
  last: RunRecord | undefined,
): Promise<void> {
  const now = ports.clock();
  const at = now.toISOString();
  const schedule = document.evaluations[watch.evaluation]?.schedule;
  const missed = missedSlots(schedule, last?.startedAt, now);
  const clockWrong = last !== undefined && isAhead(last.startedAt, now);
  const dead = await deadChannels(ports, document, watch);
  const found: Blind[] = [
    ...(missed === undefined
      ? []
      : [
          {
            cause: clockWrong ? 'clock' : 'no-run',
            message: `Nobody has looked: ${missed}`,
            remedy: clockWrong
              ? 'Look at the clock of the machine or service that started the run; runs go on meanwhile.'
              : 'Run fieldcheck doctor where fieldcheck runs, and look at the log of the function startDueRuns.',
            subjects: new Map([[wholeWatch, 1]]),
          },
        ]),
    ...[...dead].map(([channel, why]) => ({
      cause: `channel-dead:${channel}`,
      message: `The channel ${channel} takes nothing: ${why}`,
      remedy: `Mend the address or the flow behind the channel ${channel}. What it missed follows by itself, oldest first.`,
      subjects: new Map([[wholeWatch, 1]]),
    })),
  ];
  const runId = `${watch.organization}.${watch.evaluation}.conditions`;
  await update(ports, document, watch, { runId, at, of: `${runId} ${at}`, unrouted: 0 }, (memory) =>
    stepBlindness(memory, 'conditions', found, { at, watched: 0 }),
  );
  if (dead.size > 0) await ports.store.requeueRejected(watch);
}

/** Channels that refuse, or have been tried several times, and what they last said. */
async function deadChannels(
  { store }: SightPorts,
  document: OrganizationDocument,
  watch: Watch,
): Promise<ReadonlyMap<string, string>> {
  const dead = new Map<string, string>();
  const [waiting, rejected] = await Promise.all([
    store.pending(watch, rowsLookedAt),
    store.rejected(watch, rowsLookedAt),
  ]);
  for (const { notice, attempts } of waiting) {
    if (attempts >= triesBeforeDead && !dead.has(notice.channel))
      dead.set(notice.channel, `tried ${attempts} times with what was found ${notice.at}.`);
  }
  for (const { notice, reason } of rejected) dead.set(notice.channel, reason);
  return new Map(
    [...dead].filter(([channel]) => document.channels[channel] !== undefined).sort(([a], [b]) => compareText(a, b)),
  );
}

async function update(
  { store, log }: SightPorts,
  document: OrganizationDocument,
  watch: Watch,
  step: {
    readonly runId: string;
    readonly at: string;
    /** What is counted of this step is counted once; before it so many changes of it went nowhere. */
    readonly of: string;
    readonly unrouted: number;
  },
  judge: (memory: WatchMemory) => ReturnType<typeof stepBlindness>,
): Promise<number> {
  const { runId, at } = step;
  for (let attempt = 1; attempt <= memoryTries; attempt += 1) {
    const read = await store.watchMemory(watch);
    const before = read?.value ?? noWatchMemory;
    const { memory, transitions } = judge(before);
    let unrouted = 0;
    const pending = transitions.flatMap((transition) => {
      const cause = transition.of.type === 'watch' ? transition.of.cause : '';
      const { told, nowhere } = routed(receiversFor(document, watch, cause), watch.evaluation, [transition]);
      unrouted += nowhere;
      return told.map(
        (one): PendingNotice => ({ ...watch, runId, subject: `${wholeWatch}${cause}`, at, answers: {}, ...one }),
      );
    });
    const kept = withUnrouted(memory, step.unrouted + unrouted, step.of, at);
    if (JSON.stringify(kept) === JSON.stringify(before)) return 0;
    if (!(await store.putWatchMemory(watch, kept, read?.etag, pending))) continue;
    for (const { kind, reason, of } of transitions) {
      if (of.type !== 'watch') continue;
      const fields = { ...watch, reason, cause: of.cause, count: of.count };
      if (kind === 'blind') log.warn('cannot look', fields);
      else log.info('can look again', fields);
    }
    if (unrouted > 0) log.warn('changes that no route takes', { ...watch, runId, changes: unrouted });
    return pending.length;
  }
  throw writtenByOthers(watch);
}

function writtenByOthers({ organization, evaluation }: Watch): Error {
  return new Error(`the memory of ${evaluation} of ${organization} is written by others again and again`);
}

/** Of a channel that takes nothing hears its fallback, or, where it has none, every other channel of the organization. */
function receiversFor(document: OrganizationDocument, { evaluation }: Watch, cause: string): Receivers {
  const dead = cause.startsWith('channel-dead:') ? cause.slice('channel-dead:'.length) : undefined;
  if (dead === undefined) return receiversIn(document, evaluation);
  const fallback = document.channels[dead]?.fallback;
  const others = Object.keys(document.channels).filter((channel) => channel !== dead);
  // Whatever else it wants to hear: it was named for this.
  return fallback === undefined ? receiversNamed(document, others) : { [fallback]: {} };
}
