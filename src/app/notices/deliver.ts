import pMap from 'p-map';
import { eventsOf } from '../../domain/event.ts';
import type { Delivery, Notice, PendingNotice } from '../../domain/notice.ts';
import type { OrganizationDocument } from '../../domain/organization.ts';
import { type Address, type Planned, planOf } from '../../domain/plan.ts';
import { compareText } from '../../domain/words.ts';
import { type OutboxRow, StoreUnavailable, type Watch } from '../../store/store.ts';
import { lookThrough, nameOf, organizationsOf, watchesAtHand, withoutCause } from '../organizations/at-hand.ts';
import { onEveryWatch, watchesOf } from '../organizations/watches.ts';
import type { Ports } from '../ports.ts';
import { stateOf } from '../runs/status.ts';
import { changesOf, named, type Part, send } from './notice.ts';

/** Outbox rows of a watch read at once. More than these go into the next notice. */
const rowsAtOnce = 2_000;

/** Rows taken for sending are out of the reach of other deliverers for this long; after a crash they come back. */
const claimMs = 120_000;

/** Waits between tries, in seconds; the last one repeats. */
const retrySeconds = [60, 300, 900, 3_600] as const;

/** After this many tries a notice is kept apart for a person. */
const lastTry = 24;

/** Addresses that are posted to side by side. */
const addressesAtOnce = 8;

export type DeliveryPorts = Pick<Ports, 'store' | 'log' | 'clock' | 'evaluations' | 'notifierFor' | 'publicUrl'>;

export interface Delivered {
  readonly organization: string;
  readonly evaluation: string;
  readonly channel: string;
  readonly runId: string;
  readonly subjects: number;
  readonly delivery: Delivery;
}

/** A row with what it takes to send and to settle it. */
interface Waiting extends OutboxRow {
  readonly document: OrganizationDocument;
  readonly watch: Watch;
}

/**
 * Delivers what waits, of every watch or of one. What a run that still runs has found waits for the rest of it. Channels
 * of several organizations that have one address are told as one ({@link planOf}).
 */
export async function deliver(ports: DeliveryPorts, only?: Watch): Promise<readonly Delivered[]> {
  const { store, log, clock } = ports;
  const faults: unknown[] = [];
  const waiting: Waiting[] = [];
  if (only === undefined) await lookThrough(ports);
  const atHand = only === undefined ? await watchesAtHand(ports, ['notice']) : undefined;
  const done = new Map([...(atHand ?? [])].map(([name, { entries }]) => [name, withoutCause(entries)]));
  // What is wrong with some watches is thrown once the others have been told.
  await onEveryWatch(ports, {
    only,
    ...(atHand === undefined
      ? {}
      : { organizations: organizationsOf(atHand), isWanted: (watch: Watch) => atHand.has(nameOf(watch)) }),
    work: async (document, watch) => {
      const ready = await readyRows(ports, watch);
      for (const row of ready) waiting.push({ ...row, document, watch });
      const old = done.get(nameOf(watch)) ?? [];
      if (old.length > 0 && (ready.length > 0 || (await store.pending(watch, 1)).length > 0))
        done.delete(nameOf(watch));
      return [];
    },
    failed: (watch, detail) => {
      done.delete(nameOf(watch));
      log.error('notices not looked at', { ...watch, detail });
    },
    sentence: (count) => `the notices of ${count} watch(es) were not looked at`,
  }).catch((error: unknown) => {
    if (!(error instanceof AggregateError)) throw error;
    faults.push(error);
  });
  const ids = [...done.values()].flat();
  if (ids.length > 0) await store.doneAtHand(ids);
  // Organizations are looked at side by side: the order of telling does not depend on who was faster.
  waiting.sort((a, b) => compareText(a.document.id, b.document.id));
  const delivered = waiting.length === 0 ? [] : await deliverAll(waiting);
  if (faults.length === 1) throw faults[0];
  if (faults.length > 1) throw new AggregateError(faults, faults.map(String).join('; '));
  return delivered;

  async function deliverAll(rows: readonly Waiting[]): Promise<Delivered[]> {
    // Also those of whom nothing waits may have something in a moment.
    const sharing = sharingOf(await store.organizations());
    const addressOf = ({ document, notice }: Waiting): Address => {
      const address = addressIn(document, notice.channel);
      return { address, organizations: sharing.get(address) ?? 1 };
    };
    const planned = planOf(rows, addressOf, clock(), claimMs);
    // A channel takes a few posts a second: to each address one after the other.
    const byAddress = [...Map.groupBy(planned, ({ address }) => address).values()];
    const done = await pMap(byAddress, deliverOneByOne, { concurrency: addressesAtOnce });
    return done.flat();
  }

  async function deliverOneByOne(ofAddress: readonly Planned<Waiting>[]): Promise<Delivered[]> {
    const done: Delivered[] = [];
    for (const planned of ofAddress) {
      try {
        done.push(...(await deliverPlanned(ports, planned)));
      } catch (error) {
        if (error instanceof StoreUnavailable) throw error;
        log.error('notice not delivered', { evaluation: planned.evaluation, detail: String(error) });
        faults.push(error);
      }
    }
    return done;
  }
}

/**
 * Where a channel of a document posts to: its kind with the name of the setting, or what is written out, of mails with their
 * addresses; a console is its own.
 */
export function addressIn(document: OrganizationDocument, channel: string): string {
  const { kind, url, from, to = [] } = document.channels[channel] ?? {};
  if (kind === 'email') return [kind, url ?? '', from, ...to].join(' ');
  return `${kind ?? 'none'} ${url ?? `${document.id} ${channel}`}`;
}

/** How many organizations have each address. */
function sharingOf(documents: readonly OrganizationDocument[]): ReadonlyMap<string, number> {
  const sharing = new Map<string, Set<string>>();
  for (const document of documents) {
    for (const channel of Object.keys(document.channels)) {
      const address = addressIn(document, channel);
      sharing.set(address, (sharing.get(address) ?? new Set()).add(document.id));
    }
  }
  return new Map([...sharing].map(([address, ids]) => [address, ids.size]));
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

/** Rows of runs that are over: what is due, and what was put off for the same channels. */
async function readyRows({ store, clock }: DeliveryPorts, watch: Watch): Promise<readonly OutboxRow[]> {
  const due = await store.pending(watch, rowsAtOnce, clock().toISOString());
  const over = new Set<string>();
  for (const runId of new Set(due.map(({ notice }) => notice.runId))) {
    const progress = await store.run(runId);
    if (progress === undefined || stateOf(progress, clock()) !== 'running') over.add(runId);
  }
  if (over.size === 0) return [];
  const channels = new Set(due.map(({ notice }) => notice.channel));
  // A run is told as one: since the rows were read, the last slice may have added its own.
  const now = await store.pending(watch, rowsAtOnce);
  const rows = new Map([...due, ...now].map((row) => [row.id, row]));
  return [...rows.values()].filter(
    ({ notice, attempts }) => channels.has(notice.channel) && (over.has(notice.runId) || attempts > 0),
  );
}

/** Of two channels with one address each subject of a run once, with all that either of them wants to hear. */
function onceEach(rows: readonly OutboxRow[]): readonly PendingNotice[] {
  const notices = rows.map(({ notice }) => notice);
  return [...Map.groupBy(notices, ({ runId, subject, at }) => `${runId} ${subject} ${at}`).values()].flatMap((same) => {
    const once = new Map(same.flatMap(({ transitions }) => transitions).map((one) => [JSON.stringify(one), one]));
    return same.slice(0, 1).map((first) => ({ ...first, transitions: [...once.values()] }));
  });
}

async function deliverPlanned(ports: DeliveryPorts, { rows: waiting }: Planned<Waiting>): Promise<Delivered[]> {
  const { store, log } = ports;
  const until = new Date(ports.clock().getTime() + claimMs).toISOString();
  // Taken before it is sent, so that two deliverers do not both send it; after a crash in between it is sent later.
  const parts: (Part & { readonly watch: Watch; readonly channel: string; readonly rows: readonly OutboxRow[] })[] = [];
  for (const ofWatch of Map.groupBy(waiting, ({ watch }) => watch.organization).values()) {
    const [{ document, watch, notice }] = ofWatch as [Waiting, ...Waiting[]];
    const rows = await store.claim(watch, ofWatch, until);
    const notices = onceEach(rows);
    const newest = notices.at(-1);
    if (newest !== undefined)
      parts.push({ document, watch, channel: notice.channel, rows, notices, runId: newest.runId });
  }
  const [first, ...others] = parts;
  if (first === undefined) return [];
  const notice = await changesOf(ports, 'changes', first.watch.evaluation, [first, ...others]);
  const { delivery, sent } = await sendOn(ports, first, notice);
  const at = ports.clock();
  const delivered: Delivered[] = [];
  for (const { document, watch, channel, runId, rows: all } of parts) {
    const arrived = delivery.outcome === 'delivered' ? [] : all.filter((row) => isSent(document, row.notice, sent));
    if (arrived.length > 0) await store.settle(watch, arrived, { outcome: 'delivered', at: at.toISOString() });
    const rows = all.filter((row) => !arrived.includes(row));
    if (rows.length === 0) continue;
    const attempts = Math.max(...rows.map((row) => row.attempts));
    const { outcome, detail } = delivery;
    const fields = { ...watch, channel, runId, subjects: rows.length, outcome, detail, attempts };
    if (outcome === 'delivered') {
      await store.settle(watch, rows, { outcome, at: at.toISOString() });
      await store.noteDelivery(watch, { channel, runId, at: at.toISOString() });
      log.info('notice delivered', fields);
    } else if (outcome === 'rejected' || attempts >= lastTry) {
      await store.settle(watch, rows, { outcome: 'rejected', at: at.toISOString(), reason: detail });
      log.error('notice not deliverable', fields);
    } else {
      const seconds = delivery.afterSeconds ?? retrySeconds[Math.min(attempts, retrySeconds.length - 1)] ?? 60;
      await store.settle(watch, rows, {
        outcome: 'retry',
        notBefore: new Date(at.getTime() + seconds * 1_000).toISOString(),
      });
      log.warn('notice put off', { ...fields, seconds });
    }
    delivered.push({ ...watch, channel, runId, subjects: rows.length, delivery });
  }
  return delivered;
}

/**
 * Sends a notice to the end, where its channel takes event by event and there are more than go out in the time of one try. A
 * channel that says when to come again is obeyed.
 */
async function sendOn(
  ports: DeliveryPorts,
  { document, channel }: { readonly document: OrganizationDocument; readonly channel: string },
  notice: Notice,
): Promise<{ readonly delivery: Delivery; readonly sent: ReadonlySet<string> }> {
  const sent = new Set<string>();
  // The rows are ours for so long, and the last try needs time.
  const until = Date.now() + claimMs / 2;
  for (;;) {
    const events = notice.events.filter(({ id }) => !sent.has(id));
    const delivery = await send(ports, document, channel, { ...notice, events });
    const more = delivery.outcome === 'delivered' ? undefined : delivery.sent;
    for (const id of more ?? []) sent.add(id);
    const goesOn = delivery.outcome === 'retry' && delivery.afterSeconds === undefined && (more?.size ?? 0) > 0;
    if (!goesOn || Date.now() >= until) return { delivery, sent };
  }
}

/** Has all that this row tells arrived? */
function isSent(
  document: OrganizationDocument,
  { evaluation, subject, transitions, answers }: PendingNotice,
  sent: ReadonlySet<string>,
): boolean {
  const events = eventsOf(evaluation, [{ organization: named(document), subject, transitions, answers }]);
  return sent.size > 0 && events.every(({ id }) => sent.has(id));
}
