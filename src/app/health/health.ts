import { lastDeliveries } from '../notices/heartbeat.ts';
import { watchesOf } from '../organizations/watches.ts';
import type { Ports } from '../ports.ts';
import type { Health } from '../responses.ts';

/** Storage, last run per evaluation, last delivery per channel, oldest undelivered notice. Never throws: what is wrong is in the result. */
export async function healthOf(
  ports: Pick<Ports, 'store' | 'evaluations'>,
  open: () => Promise<void>,
): Promise<Health> {
  const { store, evaluations } = ports;
  try {
    await open();
    await store.ping();
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
      status: rejectedNotices > 0 ? 'degraded' : 'ok',
      storage: 'ok',
      lastRuns,
      lastDeliveries: deliveries,
      ...(oldest === undefined ? {} : { oldestUndelivered: oldest }),
      rejectedNotices,
    };
  } catch (error) {
    return {
      status: 'degraded',
      storage: error instanceof Error ? error.message : String(error),
      lastRuns: [],
      lastDeliveries: [],
      rejectedNotices: 0,
    };
  }
}
