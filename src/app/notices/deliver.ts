import pLimit, { type LimitFunction } from 'p-limit';
import type { Delivery } from '../../domain/notice.ts';
import type { OrganizationDocument } from '../../domain/organization.ts';
import type { OutboxRow, Watch } from '../../store/store.ts';
import { onEveryWatch, watchesOf } from '../organizations/watches.ts';
import type { Ports } from '../ports.ts';
import { stateOf } from '../runs/status.ts';
import { noticeOf, send } from './notice.ts';

/** Outbox rows read at once. More than these of one run go into the next notice. */
const rowsAtOnce = 2_000;

/** Rows taken for sending are out of the reach of other deliverers for this long; after a crash they come back. */
const claimMs = 120_000;

/** Waits between tries, in seconds; the last one repeats. */
const retrySeconds = [60, 300, 900, 3_600] as const;

/** After this many tries a notice is kept apart for a person. */
const lastTry = 24;

export type DeliveryPorts = Pick<Ports, 'store' | 'log' | 'clock' | 'evaluations' | 'notifierFor' | 'publicUrl'>;

export interface Delivered {
  readonly organization: string;
  readonly evaluation: string;
  readonly channel: string;
  readonly runId: string;
  readonly subjects: number;
  readonly delivery: Delivery;
}

type OneAtATime = <T>(address: string, work: () => Promise<T>) => Promise<T>;

/** Delivers what waits, of every watch or of one. What a run that still runs has found waits for the rest of it. */
export async function deliver(ports: DeliveryPorts, only?: Watch): Promise<readonly Delivered[]> {
  // Many organizations may have one channel, which takes a few posts a second: to each address one after the other.
  const limits = new Map<string, LimitFunction>();
  const oneAtATime: OneAtATime = (address, work) => {
    const limit = limits.get(address) ?? pLimit(1);
    limits.set(address, limit);
    return limit(work);
  };
  return onEveryWatch(ports, {
    only,
    work: (document, watch) => deliverWatch(ports, document, watch, oneAtATime),
    failed: (watch, detail) => ports.log.error('notices not looked at', { ...watch, detail }),
    sentence: (count) => `the notices of ${count} watch(es) were not looked at`,
  });
}

/**
 * Puts back into the outbox what channels refused for good, of every evaluation that is watched: a channel that has been
 * mended gets what it missed with the next delivery.
 *
 * @returns how many notices, one for each subject and channel
 */
export async function requeueRejected({
  store,
  log,
  evaluations,
}: Pick<DeliveryPorts, 'store' | 'log' | 'evaluations'>): Promise<number> {
  let requeued = 0;
  for (const document of await store.organizations()) {
    for (const watch of watchesOf(evaluations, document)) {
      const notices = await store.requeueRejected(watch);
      requeued += notices;
      if (notices > 0) log.info('refused notices put back', { ...watch, notices });
    }
  }
  return requeued;
}

async function deliverWatch(
  ports: DeliveryPorts,
  document: OrganizationDocument,
  watch: Watch,
  oneAtATime: OneAtATime,
): Promise<Delivered[]> {
  const { store, clock } = ports;
  const read = () => store.pending(watch, rowsAtOnce, clock().toISOString());
  const over = new Set<string>();
  for (const runId of new Set((await read()).map(({ notice }) => notice.runId))) {
    const progress = await store.run(runId);
    if (progress === undefined || stateOf(progress, clock()) !== 'running') over.add(runId);
  }
  if (over.size === 0) return [];
  // A run is told as one: since the rows were read, the last slice may have added its own.
  const due = (await read()).filter(({ notice }) => over.has(notice.runId));
  const delivered: Delivered[] = [];
  for (const [channel, ofChannel] of Map.groupBy(due, ({ notice }) => notice.channel)) {
    for (const [runId, rows] of Map.groupBy(ofChannel, ({ notice }) => notice.runId)) {
      const address = document.channels[channel]?.url ?? channel;
      const one = await oneAtATime(address, () => deliverGroup(ports, document, watch, channel, runId, rows));
      if (one !== undefined) delivered.push(one);
    }
  }
  return delivered;
}

async function deliverGroup(
  ports: DeliveryPorts,
  document: OrganizationDocument,
  watch: Watch,
  channel: string,
  runId: string,
  waiting: readonly OutboxRow[],
): Promise<Delivered | undefined> {
  const { store, log } = ports;
  // Taken before it is sent, so that two deliverers do not both send it; after a crash in between it is sent later.
  const rows = await store.claim(watch, waiting, new Date(ports.clock().getTime() + claimMs).toISOString());
  if (rows.length === 0) return undefined;
  const attempts = Math.max(...rows.map((row) => row.attempts));

  const delivery = await send(ports, document, channel, await noticeOf(ports, document, watch, runId, rows));
  const fields = {
    ...watch,
    channel,
    runId,
    subjects: rows.length,
    outcome: delivery.outcome,
    detail: delivery.detail,
    attempts,
  };
  const at = ports.clock();
  if (delivery.outcome === 'delivered') {
    await store.settle(watch, rows, { outcome: 'delivered', at: at.toISOString() });
    await store.noteDelivery(watch, { channel, runId, at: at.toISOString() });
    log.info('notice delivered', fields);
  } else if (delivery.outcome === 'rejected' || attempts >= lastTry) {
    await store.settle(watch, rows, { outcome: 'rejected', at: at.toISOString(), reason: delivery.detail });
    log.error('notice not deliverable', fields);
  } else {
    const seconds = delivery.afterSeconds ?? retrySeconds[Math.min(attempts, retrySeconds.length - 1)] ?? 60;
    await store.settle(watch, rows, {
      outcome: 'retry',
      notBefore: new Date(at.getTime() + seconds * 1_000).toISOString(),
    });
    log.warn('notice put off', { ...fields, seconds });
  }
  return { ...watch, channel, runId, subjects: rows.length, delivery };
}
