import pLimit, { type LimitFunction } from 'p-limit';
import pMap from 'p-map';
import type { Delivery, Notice, NoticeSubject, Notifier, PendingNotice } from '../domain/notice.ts';
import type { OrganizationDocument } from '../domain/organization.ts';
import type { EvaluationId } from '../domain/rule.ts';
import { subjectsWithTables, targetTables } from '../domain/target-table.ts';
import { evaluationOf, questionTitles } from '../evaluations/index.ts';
import { type OutboxRow, type RunProgress, type Store, StoreUnavailable, type Watch } from '../store/store.ts';
import type { Log } from './log.ts';
import { organizationsAtOnce, watchesOf } from './organizations.ts';
import { type RunsPorts, sumAnswers, watchRun } from './runs.ts';

/** Outbox rows read at once. More than these of one run go into the next notice. */
const rowsAtOnce = 2_000;

/** How long a channel gets to take a notice. */
const sendLimitMs = 20_000;

/** Rows taken for sending are out of the reach of other deliverers for this long; after a crash they come back. */
const claimMs = 120_000;

/** Waits between tries, in seconds; the last one repeats. */
const retrySeconds = [60, 300, 900, 3_600] as const;

/** After this many tries a notice is kept apart for a person. */
const lastTry = 24;

/** Runs looked at for each watch, newest first: more than these do not run at once. */
const runsLookedAt = 20;

export interface DeliveryPorts extends RunsPorts {
  readonly store: Store;
  readonly log: Log;
  /**
   * The notifier of a channel.
   *
   * @throws Error with a sentence for the operator, when the channel's address is missing or cannot be used
   */
  readonly notifierFor: (document: OrganizationDocument, channel: string) => Notifier;
  /** Where people reach the app, for links in notices. */
  readonly publicUrl: string | undefined;
}

export interface Delivered {
  readonly organization: string;
  readonly evaluation: EvaluationId;
  readonly channel: string;
  readonly runId: string;
  readonly subjects: number;
  readonly delivery: Delivery;
}

/** Delivers what waits, for every organization or for one watch, and looks after the runs on the way. */
export async function deliver(ports: DeliveryPorts, only?: Watch): Promise<readonly Delivered[]> {
  const documents =
    only === undefined
      ? await ports.store.organizations()
      : [await ports.store.organization(only.organization)].flatMap((found) =>
          found === undefined ? [] : [found.value],
        );
  // Many organizations may have one channel, which takes a few posts a second: to each address one after the other.
  const turns = new Map<string, LimitFunction>();
  const inTurn: InTurn = (address, work) => {
    const turn = turns.get(address) ?? pLimit(1);
    turns.set(address, turn);
    return turn(work);
  };
  const faults: unknown[] = [];
  let away: StoreUnavailable | undefined;
  const deliverAll = async (document: OrganizationDocument): Promise<Delivered[]> => {
    const delivered: Delivered[] = [];
    for (const watch of watchesOf(document)) {
      if (only !== undefined && only.evaluation !== watch.evaluation) continue;
      // A storage that is away is away for all; any other fault of one watch must not hold back the others' notices.
      if (away !== undefined) break;
      try {
        delivered.push(...(await deliverWatch(ports, document, watch, inTurn)));
      } catch (error) {
        if (only !== undefined) throw error;
        if (error instanceof StoreUnavailable) {
          away = error;
        } else {
          ports.log.error('notices not looked at', { ...watch, detail: String(error) });
          faults.push(error);
        }
      }
    }
    return delivered;
  };
  const delivered = await pMap(documents, deliverAll, { concurrency: organizationsAtOnce });
  if (away !== undefined) throw away;
  if (faults.length > 0)
    throw new AggregateError(faults, `the notices of ${faults.length} watch(es) were not looked at`);
  return delivered.flat();
}

/**
 * Puts back into the outbox what channels refused for good, of every evaluation that is watched: a channel that has been
 * mended gets what it missed with the next delivery.
 *
 * @returns how many notices, one for each subject and channel
 */
export async function requeueRejected({ store, log }: Pick<DeliveryPorts, 'store' | 'log'>): Promise<number> {
  let requeued = 0;
  for (const document of await store.organizations()) {
    for (const watch of watchesOf(document)) {
      const notices = await store.requeueRejected(watch);
      requeued += notices;
      if (notices > 0) log.info('refused notices put back', { ...watch, notices });
    }
  }
  return requeued;
}

type InTurn = <T>(address: string, work: () => Promise<T>) => Promise<T>;

async function deliverWatch(
  ports: DeliveryPorts,
  document: OrganizationDocument,
  watch: Watch,
  inTurn: InTurn,
): Promise<Delivered[]> {
  const unfinished = new Set<string>();
  for (const run of await ports.store.runs(watch, runsLookedAt)) {
    if (run.state !== 'running') continue;
    const progress = await ports.store.run(run.runId);
    if (progress !== undefined && (await watchRun(ports, document, progress)) === 'running') unfinished.add(run.runId);
  }
  const waiting = await ports.store.pending(watch, rowsAtOnce, ports.clock().toISOString());
  // A run is told as one: what is found while it still runs waits for the rest.
  const due = waiting.filter(({ notice }) => !unfinished.has(notice.runId));
  const delivered: Delivered[] = [];
  for (const [channel, ofChannel] of Map.groupBy(due, ({ notice }) => notice.channel)) {
    for (const [runId, rows] of Map.groupBy(ofChannel, ({ notice }) => notice.runId)) {
      const address = document.channels[channel]?.url ?? channel;
      const one = await inTurn(address, () => deliverGroup(ports, document, watch, channel, runId, rows));
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

/** Sends a notice; a channel that cannot be used is a delivery to try again, not an error. */
export async function send(
  ports: DeliveryPorts,
  document: OrganizationDocument,
  channel: string,
  notice: Notice,
): Promise<Delivery> {
  let notifier: Notifier;
  try {
    notifier = ports.notifierFor(document, channel);
  } catch (error) {
    // A setting that is missing can be mended, so the notice waits for it.
    return { outcome: 'retry', detail: error instanceof Error ? error.message : String(error) };
  }
  return notifier.send(notice, AbortSignal.timeout(sendLimitMs));
}

/** What is told of a run: these rows, among all subjects that the run looked at. */
export async function noticeOf(
  ports: DeliveryPorts,
  document: OrganizationDocument,
  watch: Watch,
  runId: string,
  rows: readonly OutboxRow[],
): Promise<Notice> {
  const progress = await ports.store.run(runId);
  const evaluation = evaluationOf(watch.evaluation);
  const notices = rows.map(({ notice }) => notice);
  const byNode = await nodesSideBySide(ports.store, watch, notices);
  return {
    organization: { id: document.id, name: document.name ?? document.id },
    evaluation: {
      id: evaluation.id,
      title: evaluation.title,
      questions: questionTitles(evaluation.id),
    },
    runId,
    at: progress?.run.startedAt ?? latest(notices),
    subjects: notices.map(({ subject, transitions, answers }) => {
      const nodes = byNode.get(subject);
      return { subject, transitions, answers, ...(nodes === undefined ? {} : { byNode: nodes }) };
    }),
    totals: totalsOf(progress, notices),
    ...(ports.publicUrl === undefined
      ? {}
      : { link: `${ports.publicUrl}/api/organizations/${document.id}/evaluations/${evaluation.id}/report` }),
  };
}

type ByNode = NonNullable<NoticeSubject['byNode']>;

/** What was found on the nodes of these subjects, of an evaluation that judges nodes: what is stored of each subject now. */
async function nodesSideBySide(
  store: Store,
  watch: Watch,
  notices: readonly PendingNotice[],
): Promise<ReadonlyMap<string, ByNode>> {
  const perNode = new Set(evaluationOf(watch.evaluation).rules.flatMap(({ id, per }) => (per === 'node' ? [id] : [])));
  const found = new Map<string, ByNode>();
  if (perNode.size === 0 || notices.length === 0 || notices.length > subjectsWithTables) return found;
  const states = await store.states(
    watch,
    notices.map(({ subject }) => subject),
  );
  for (const [subject, { value }] of states) {
    const table = targetTables(value.run).find(({ rows }) => rows.some(({ rule }) => perNode.has(rule)));
    if (table !== undefined) found.set(subject, { at: value.run.at, ...table });
  }
  return found;
}

function latest(notices: readonly PendingNotice[]): string {
  return (
    notices
      .map(({ at }) => at)
      .sort()
      .at(-1) ?? ''
  );
}

function totalsOf(progress: RunProgress | undefined, notices: readonly PendingNotice[]): Notice['totals'] {
  if (progress === undefined) return { subjects: notices.length, answers: {} };
  return { subjects: progress.run.subjects, answers: sumAnswers(progress.slices) };
}
