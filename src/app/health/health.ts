import pMap from 'p-map';
import { z } from 'zod';
import { timerFaults } from '../../config.ts';
import { noWatchMemory, unroutedLately } from '../../domain/blindness.ts';
import { wholeWatch } from '../../domain/event.ts';
import type { OrganizationDocument } from '../../domain/organization.ts';
import { lastSlots } from '../../domain/schedule.ts';
import { isAhead } from '../../domain/time.ts';
import { minuteOf } from '../../domain/words.ts';
import type { Watch } from '../../store/store.ts';
import { expiringKeys } from '../access/keys.ts';
import { lastDeliveries } from '../notices/heartbeat.ts';
import { type LastRun, lastRunsOfQuiet } from '../organizations/at-hand.ts';
import { watchesOf } from '../organizations/watches.ts';
import type { Ports } from '../ports.ts';
import { type Health, health, type ShownHealth } from '../responses.ts';

/** A slot is not missed before the timer, and a run that it starts, had this long. */
const startGraceMs = 10 * 60_000;

/** Organizations looked at side by side: each is a few small reads. */
const organizationsAtOnce = 32;

/** Whoever asks waits no longer for a look at all organizations; what was seen last is told then. */
const patienceMs = 1_200;
/** A look may take this share of the time, whoever asks how often. */
const restAfter = 20;
/** By itself nobody looks more often than this. */
const keptFreshMs = 5 * 60_000;
/** To callers that nobody knows it is told for so long, so that they cost nothing. */
const toldAgainMs = 30_000;

type HealthPorts = Pick<Ports, 'store' | 'evaluations' | 'clock' | 'log'>;

/** What a look has found of one organization. */
const seenOrganization = health.omit({ status: true, storage: true }).extend({ organization: z.string() });

type Seen = Readonly<z.infer<typeof seenOrganization>>;

const keptLook = z.object({
  /** When (ISO 8601, UTC), and how long it took, in milliseconds. */
  at: z.string(),
  tookMs: z.number(),
  seen: z.array(seenOrganization),
});

type Kept = Readonly<z.infer<typeof keptLook>>;

/** How all is. A look at all organizations is kept, in memory and in the storage: with many of them it takes long. */
export interface HealthWatch {
  /**
   * Within two seconds. Never throws: what is wrong is in the result.
   *
   * @param visible of which organizations the caller may know; of none: the status alone
   */
  health(visible: 'all' | ReadonlySet<string>): Promise<ShownHealth>;
  /** Looks, where nobody has lately. @throws StoreUnavailable */
  keep(): Promise<void>;
}

export function createHealthWatch(
  ports: HealthPorts,
  open: () => Promise<void>,
  environment: Readonly<Record<string, string | undefined>>,
): HealthWatch {
  const { store, clock, log } = ports;
  let looking: Promise<Kept> | undefined;
  let last: Kept | undefined;
  let told: { readonly until: number; readonly status: Health['status'] } | undefined;

  async function lookAndKeep(): Promise<Kept> {
    const startedAt = performance.now();
    const seen = [...(await lookAtAll(ports))];
    const kept = { at: clock().toISOString(), tookMs: Math.round(performance.now() - startedAt), seen };
    last = kept;
    await store.keepHealth(kept);
    return kept;
  }

  /** One at a time. */
  function look(): Promise<Kept> {
    looking ??= lookAndKeep().finally(() => {
      looking = undefined;
    });
    return looking;
  }

  const ageOf = ({ at }: Kept) => clock().getTime() - Date.parse(at);
  const mayLook = (kept: Kept | undefined) =>
    kept === undefined || kept.tookMs < patienceMs / 2 || ageOf(kept) > restAfter * kept.tookMs;

  async function keptOne(): Promise<Kept | undefined> {
    const parsed = keptLook.safeParse(await store.keptHealth());
    const stored = parsed.data;
    return stored !== undefined && (last === undefined || last.at < stored.at) ? stored : last;
  }

  /** What is so now, or was when somebody last had the time to look; undefined when nobody ever had. */
  async function lookOrRemember(): Promise<Kept | undefined> {
    const kept = await keptOne();
    if (!mayLook(kept)) return kept;
    const now = look();
    // What comes of it when nobody waits any longer is kept all the same.
    now.catch((error: unknown) => log.warn('look at all organizations failed', { detail: String(error) }));
    const late = new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), patienceMs).unref());
    return (await Promise.race([now, late])) ?? kept;
  }

  async function found(visible: 'all' | ReadonlySet<string>): Promise<Health> {
    const timers = timerFaults(environment);
    try {
      await open();
      await store.ping();
      const kept = await lookOrRemember();
      const notYet =
        kept === undefined ? ['The organizations have not been looked at yet; ask again in a minute.'] : [];
      const all = kept?.seen ?? [];
      const isWell = [...timers, ...notYet].length === 0 && all.every(isFine);
      const shown = together(all.filter(({ organization }) => visible === 'all' || visible.has(organization)));
      const faults = [...timers, ...notYet, ...shown.faults];
      return { status: isWell ? 'ok' : 'degraded', storage: 'ok', ...shown, faults };
    } catch (error) {
      const storage = error instanceof Error ? error.message : String(error);
      return { status: 'down', storage, ...together([]), faults: [...timers] };
    }
  }

  return {
    async health(visible) {
      const isStranger = visible !== 'all' && visible.size === 0;
      const now = performance.now();
      if (isStranger && told !== undefined && told.until > now) return { status: told.status };
      const all = await found(visible);
      told = { until: now + toldAgainMs, status: all.status };
      return isStranger ? { status: all.status } : all;
    },

    async keep() {
      await open();
      const kept = await keptOne();
      if (kept === undefined || ageOf(kept) > Math.max(keptFreshMs, restAfter * kept.tookMs)) await look();
    },
  };
}

function isFine({ faults, rejectedNotices }: Pick<Seen, 'faults' | 'rejectedNotices'>): boolean {
  return faults.length === 0 && rejectedNotices === 0;
}

function together(seen: readonly Omit<Seen, 'organization'>[]): Omit<Health, 'status' | 'storage'> {
  const oldest = seen
    .flatMap(({ oldestUndelivered }) => oldestUndelivered ?? [])
    .sort()
    .at(0);
  const unrouted = seen.flatMap((one) => one.unrouted ?? []);
  return {
    faults: seen.flatMap(({ faults }) => faults),
    lastRuns: seen.flatMap(({ lastRuns }) => lastRuns),
    lastDeliveries: seen.flatMap((one) => one.lastDeliveries),
    ...(oldest === undefined ? {} : { oldestUndelivered: oldest }),
    rejectedNotices: seen.reduce((sum, { rejectedNotices }) => sum + rejectedNotices, 0),
    ...(unrouted.length === 0 ? {} : { unrouted }),
  };
}

/** Last run per evaluation, last delivery per channel, oldest undelivered notice. */
async function lookAtAll(ports: HealthPorts): Promise<readonly Seen[]> {
  const quiet = await lastRunsOfQuiet(ports);
  const keys = Map.groupBy(await ports.store.keys(), ({ organization }) => organization);
  const lookAt = async (document: OrganizationDocument): Promise<Seen> => {
    const ending = expiringKeys(keys.get(document.id) ?? [], ports.clock());
    const watches = await pMap(watchesOf(ports.evaluations, document), (watch) =>
      lookAtWatch(ports, document, watch, quiet(watch)),
    );
    const deliveries = [...(await lastDeliveries(ports, document))].map(([channel, at]) => ({
      organization: document.id,
      channel,
      ...(at === undefined ? {} : { at }),
    }));
    const seen = together(watches);
    return { organization: document.id, ...seen, faults: [...seen.faults, ...ending], lastDeliveries: deliveries };
  };
  return pMap(await ports.store.organizations(), lookAt, { concurrency: organizationsAtOnce });
}

/** @param quiet the last run, where there is nothing else to say */
async function lookAtWatch(
  { store, clock }: HealthPorts,
  document: OrganizationDocument,
  watch: Watch,
  quiet: LastRun | undefined,
): Promise<Omit<Seen, 'organization'>> {
  const [[last], [waiting], rejected, memory] =
    quiet === undefined
      ? await Promise.all([
          store.runs(watch, 1),
          store.pending(watch, 1),
          store.rejected(watch, 100),
          store.watchMemory(watch),
        ])
      : ([[quiet], [], [], undefined] as const);
  const unrouted = unroutedLately(memory?.value ?? noWatchMemory, clock());
  const missed = missedSlots(document.evaluations[watch.evaluation]?.schedule, last?.startedAt, clock());
  const blind = Object.values(memory?.value.blind ?? {}).flatMap(({ told, since, message }) => {
    const count = told.filter((subject) => subject !== wholeWatch).length;
    const whom = count === 0 ? '' : ` ${count} subject(s) cannot be looked at:`;
    // That no run started stands there already, as it is now.
    return told.length > 0 && !message.includes('none has started since')
      ? [`since ${minuteOf(since)}${whom} ${message}`]
      : [];
  });
  return {
    faults: [...(missed === undefined ? [] : [missed]), ...blind].map(
      (fault) => `${watch.evaluation} of ${document.id}: ${fault}`,
    ),
    lastRuns: [
      {
        ...watch,
        ...(last === undefined ? {} : { runId: last.runId, startedAt: last.startedAt, state: last.state }),
      },
    ],
    lastDeliveries: [],
    ...(waiting === undefined ? {} : { oldestUndelivered: waiting.notice.at }),
    rejectedNotices: rejected.length,
    ...(unrouted === undefined
      ? {}
      : { unrouted: [{ ...watch, changes: unrouted.changes, since: unrouted.since, at: unrouted.at }] }),
  };
}

/** When a run was due twice and none has started, in words. A watch that never ran may have been written a moment ago: it is missed by no one yet. */
export function missedSlots(
  schedule: string | undefined,
  lastStart: string | undefined,
  now: Date,
): string | undefined {
  if (schedule === undefined || lastStart === undefined) return undefined;
  if (isAhead(lastStart, now))
    return `its last run is said to have started at ${lastStart}, which is yet to come: a clock went wrong.`;
  const [last, before] = lastSlots(schedule, new Date(now.getTime() - startGraceMs), 2);
  if (last === undefined || before === undefined || Date.parse(lastStart) >= before.getTime()) return undefined;
  return `a run was due at ${before.toISOString()} and at ${last.toISOString()}, and none has started since ${lastStart}. Does the timer startDueRuns run?`;
}
