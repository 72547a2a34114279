import { timerFaults } from '../../config.ts';
import { lastSlots } from '../../domain/schedule.ts';
import { isAhead } from '../../domain/time.ts';
import { lastDeliveries } from '../notices/heartbeat.ts';
import { watchesOf } from '../organizations/watches.ts';
import type { Ports } from '../ports.ts';
import type { Health } from '../responses.ts';

/** A slot is not missed before the timer, and a run that it starts, had this long. */
const startGraceMs = 10 * 60_000;

/** Storage, timers, last run per evaluation, last delivery per channel, oldest undelivered notice. Never throws: what is wrong is in the result. */
export async function healthOf(
  ports: Pick<Ports, 'store' | 'evaluations' | 'clock'>,
  open: () => Promise<void>,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Health> {
  const { store, evaluations } = ports;
  try {
    await open();
    await store.ping();
    const faults = [...timerFaults(environment)];
    const lastRuns: Health['lastRuns'][number][] = [];
    const deliveries: Health['lastDeliveries'][number][] = [];
    let oldest: string | undefined;
    let rejectedNotices = 0;
    for (const document of await store.organizations()) {
      for (const watch of watchesOf(evaluations, document)) {
        const [[last], [waiting], rejected] = await Promise.all([
          store.runs(watch, 1),
          store.pending(watch, 1),
          store.rejected(watch, 100),
        ]);
        const missed = missedSlots(document.evaluations[watch.evaluation]?.schedule, last?.startedAt, ports.clock());
        if (missed !== undefined) faults.push(`${watch.evaluation} of ${document.id}: ${missed}`);
        lastRuns.push({
          ...watch,
          ...(last === undefined ? {} : { runId: last.runId, startedAt: last.startedAt, state: last.state }),
        });
        if (waiting !== undefined && (oldest === undefined || waiting.notice.at < oldest)) oldest = waiting.notice.at;
        rejectedNotices += rejected.length;
      }
      for (const [channel, at] of await lastDeliveries(ports, document))
        deliveries.push({ organization: document.id, channel, ...(at === undefined ? {} : { at }) });
    }
    return {
      status: rejectedNotices > 0 || faults.length > 0 ? 'degraded' : 'ok',
      storage: 'ok',
      faults,
      lastRuns,
      lastDeliveries: deliveries,
      ...(oldest === undefined ? {} : { oldestUndelivered: oldest }),
      rejectedNotices,
    };
  } catch (error) {
    return {
      status: 'degraded',
      storage: error instanceof Error ? error.message : String(error),
      faults: [...timerFaults(environment)],
      lastRuns: [],
      lastDeliveries: [],
      rejectedNotices: 0,
    };
  }
}

/** When a run was due twice and none has started, in words. A watch that never ran may have been written a moment ago: it is missed by no one yet. */
export function missedSlots(
  schedule: string | undefined,
  lastStart: string | undefined,
  now: Date,
): string | undefined {
  return missedSlotsAt(now)(schedule, lastStart);
}

/** As {@link missedSlots}, for many watches: most have one of a few schedules, and reading one takes its time. */
export function missedSlotsAt(now: Date) {
  const slots = new Map<string, readonly Date[]>();
  const slotsOf = (schedule: string) => {
    const known = slots.get(schedule) ?? lastSlots(schedule, new Date(now.getTime() - startGraceMs), 2);
    slots.set(schedule, known);
    return known;
  };
  return (schedule: string | undefined, lastStart: string | undefined): string | undefined => {
    if (schedule === undefined || lastStart === undefined) return undefined;
    if (isAhead(lastStart, now))
      return `its last run is said to have started at ${lastStart}, which is yet to come: a clock went wrong.`;
    const [last, before] = slotsOf(schedule);
    if (last === undefined || before === undefined || Date.parse(lastStart) >= before.getTime()) return undefined;
    return `a run was due at ${before.toISOString()} and at ${last.toISOString()}, and none has started since ${lastStart}. Does the timer startDueRuns run?`;
  };
}
