// One whole run of all organizations in a process of its own: node scale-run.ts JOB-AS-JSON. Slices are taken from the
// queue and worked on as the Functions host does it with host.json: a batch at a time, the next when half is done.
import { type DequeuedMessageItem, type QueueClient, QueueServiceClient } from '@azure/storage-queue';
import { type App, createApp, deliveryMessage, queuedWork } from '../../src/app/index.ts';
import { silentLog } from '../../src/app/log.ts';
import { evaluations } from '../../src/evaluations/index.ts';
import { dueInBatches, inBatches, type Queue, queueNames } from '../../src/queue/queue.ts';
import { createStorageQueue } from '../../src/queue/storage-queue.ts';
import type { ResolverAddresses } from '../../src/sources/dns/resolvers.ts';
import { createWorld } from '../../src/sources/world.ts';
import type { Store } from '../../src/store/store.ts';
import { createTableStore, type StorageRequest } from '../../src/store/table-store.ts';
import { subjectAt, suppliedAt, type World } from './world.ts';

export interface ScaleJob {
  readonly world: World;
  readonly organizations: number;
  readonly connectionString: string;
  readonly resolvers: ResolverAddresses;
  /** How the host takes messages: `extensions.queues` of host.json. */
  readonly queues: { readonly batchSize: number; readonly newBatchThreshold: number };
  /** Writes the organizations and their signing configurations first. */
  readonly setUp: boolean;
}

export interface ScaleResult {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly peakMegabytes: number;
  readonly tableRequests: Readonly<Partial<Record<StorageRequest, number>>>;
  readonly queueRequests: number;
  /** Of both: until all runs were started and their messages sent. */
  readonly startRequests: number;
  readonly messages: number;
  /** Subjects of the run that did not get the answers they should. */
  readonly wrong: number;
}

const job = JSON.parse(process.argv[2] ?? '{}') as ScaleJob;
process.send?.(await runAll(job), () => process.exit());

async function runAll({
  world,
  organizations,
  connectionString,
  resolvers,
  queues,
  setUp,
}: ScaleJob): Promise<ScaleResult> {
  const tableRequests: Partial<Record<StorageRequest, number>> = {};
  const service = QueueServiceClient.fromConnectionString(connectionString);
  const counted = countQueue(createStorageQueue(service));
  const store = createTableStore({
    connectionString,
    onRequest: (kind) => {
      tableRequests[kind] = (tableRequests[kind] ?? 0) + 1;
    },
  });
  const app = createApp({
    store,
    queue: counted.queue,
    evaluations,
    world: createWorld({ resolvers, ratePerSecond: Number.POSITIVE_INFINITY }),
    log: silentLog,
    clock: () => now,
    notifierFor: () => {
      throw new Error('No channel is declared, so nobody is told.');
    },
    publicUrl: undefined,
    localChannels: true,
  });
  // Each run is that of a day: the timer starts it.
  const now = new Date(Date.now() + (setUp ? 0 : 86_400_000));
  const ids = Array.from({ length: organizations }, (_, index) => `organization-${index}`);
  await app.organizations(); // opens the storage
  if (setUp) await writeOrganizations(app, store, ids, world);

  const requestsBefore = { ...tableRequests };
  counted.reset();
  const cpuBefore = process.cpuUsage();
  const startedAt = performance.now();
  const runIds = [];
  const slices = worker(service.getQueueClient(queueNames.slices), queues, (text) => {
    const work = queuedWork(JSON.parse(text));
    return work.due.length > 0 ? app.workDue(work.due) : app.workSlices(work.slices);
  });
  const deliveries = worker(service.getQueueClient(queueNames.deliveries), queues, async (text) => {
    const message = deliveryMessage.parse(JSON.parse(text));
    await app.superviseRuns(message);
    await app.deliver(message);
  });
  for (const { runId } of await app.startDueRuns()) runIds.push(runId);
  const atStart = { ...tableRequests };
  const sentAtStart = counted.sent();
  if (runIds.length !== ids.length) throw new Error(`${runIds.length} runs were due`);
  await slices.emptied();
  await deliveries.emptied();
  // From the first firing of the timer for deliveries on it is known which watches are quiet.
  if (setUp) await app.superviseRuns();
  const seconds = (performance.now() - startedAt) / 1000;
  const { user, system } = process.cpuUsage(cpuBefore);
  const spent = { ...tableRequests };
  let wrong = world.domains;
  for (const runId of runIds) {
    const { state, answers } = await app.runStatus(runId);
    if (state !== 'finished') throw new Error(`${runId} is ${state}`);
    wrong -= answers['verifiable-now']?.yes ?? 0;
    wrong -= answers['verifiable-now']?.no ?? 0;
  }
  await app.stop();
  return {
    seconds,
    cpuSeconds: (user + system) / 1e6,
    peakMegabytes: process.resourceUsage().maxRSS / 1024,
    tableRequests: Object.fromEntries(
      Object.entries(spent).map(([kind, count]) => [kind, count - (requestsBefore[kind as StorageRequest] ?? 0)]),
    ),
    startRequests: totalOf(atStart) - totalOf(requestsBefore) + sentAtStart,
    queueRequests: counted.sent() + slices.requests() + deliveries.requests(),
    messages: counted.sent(),
    wrong,
  };
}

function totalOf(requests: Readonly<Partial<Record<StorageRequest, number>>>): number {
  return Object.values(requests).reduce((sum, count) => sum + count, 0);
}

/** Documents without domains: which there are follows from the signing configurations, as in production. */
async function writeOrganizations(app: App, store: Store, ids: readonly string[], { domains }: World): Promise<void> {
  const each = domains / ids.length;
  for (const [place, id] of ids.entries()) {
    await app.putOrganization(id, { id, evaluations: { dkim: {} } }, undefined);
    for (let from = place * each; from < (place + 1) * each; from += 1_000) {
      const rows = Array.from({ length: Math.min(1_000, (place + 1) * each - from) }, (_, index) => ({
        organization: id,
        evaluation: 'dkim',
        subject: subjectAt(from + index).id,
        name: 'export/signing-configuration',
        observedAt: new Date().toISOString(),
        expiresAt: new Date(Date.now() + 3 * 86_400_000).toISOString(),
        content: suppliedAt(from + index),
      }));
      await store.putFacts(rows);
    }
  }
}

function countQueue(queue: Queue): { readonly queue: Queue; sent(): number; reset(): void } {
  let sent = 0;
  return {
    queue: {
      open: () => queue.open(),
      sendSlices(messages) {
        sent += inBatches(messages).length;
        return queue.sendSlices(messages);
      },
      sendDue(messages) {
        sent += dueInBatches(messages).length;
        return queue.sendDue(messages);
      },
      sendDelivery(message) {
        sent++;
        return queue.sendDelivery(message);
      },
    },
    sent: () => sent,
    reset: () => {
      sent = 0;
    },
  };
}

interface Worker {
  /** Resolves when nothing is left in the queue and in work; rejects with the first error of a message. */
  emptied(): Promise<void>;
  /** Requests for messages that brought some, and deletions. */
  requests(): number;
}

/** Takes messages as the host's listener does: one batch, and the next when no more than the threshold are in work. */
function worker(
  client: QueueClient,
  { batchSize, newBatchThreshold }: ScaleJob['queues'],
  work: (text: string) => Promise<unknown>,
): Worker {
  let requests = 0;

  async function one({ messageId, popReceipt, messageText }: DequeuedMessageItem): Promise<void> {
    await work(Buffer.from(messageText, 'base64').toString());
    requests++;
    await client.deleteMessage(messageId, popReceipt);
  }

  return {
    requests: () => requests,
    async emptied() {
      const inWork = new Set<Promise<void>>();
      for (;;) {
        const { receivedMessageItems } = await client.receiveMessages({
          numberOfMessages: batchSize,
          visibilityTimeout: 600,
        });
        if (receivedMessageItems.length === 0 && inWork.size === 0) return;
        if (receivedMessageItems.length > 0) requests++;
        for (const message of receivedMessageItems) {
          const running = one(message).finally(() => inWork.delete(running));
          inWork.add(running);
        }
        const enough = receivedMessageItems.length === 0 ? 0 : newBatchThreshold;
        while (inWork.size > enough) await Promise.race(inWork);
      }
    },
  };
}
