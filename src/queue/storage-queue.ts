import type { QueueClient, QueueServiceClient, StoragePipelineOptions } from '@azure/storage-queue';
import pMap from 'p-map';
import { StoreUnavailable } from '../store/store.ts';
import { dueInBatches, inBatches, type Queue, queueNames, type SliceMessage } from './queue.ts';

/** Together with its repetitions an operation takes about as long as one on the tables: whoever waits learns of it soon. */
export const queueOptions: StoragePipelineOptions = {
  retryOptions: { maxTries: 4, tryTimeoutInMs: 5_000, retryDelayInMs: 200, maxRetryDelayInMs: 2_000 },
};

/** Messages on their way at once: a run of 20,000 subjects has more than 200. */
const sentAtOnce = 8;

export interface StorageQueue extends Queue {
  /** Is the queue there, and does it answer? Makes none. @throws StoreUnavailable */
  ping(name: keyof typeof queueNames): Promise<void>;
}

/**
 * Queues in Azure Storage. Messages are base64, as the Functions host reads them (`messageEncoding` in host.json).
 * Every method throws StoreUnavailable when the storage does not answer or refuses.
 */
export function createStorageQueue(service: QueueServiceClient): StorageQueue {
  const slices = service.getQueueClient(queueNames.slices);
  const deliveries = service.getQueueClient(queueNames.deliveries);
  return {
    async open() {
      await Promise.all([slices, deliveries].map((queue) => answered(queue, () => queue.createIfNotExists())));
    },
    async ping(name) {
      const queue = service.getQueueClient(queueNames[name]);
      await answered(queue, () => queue.getProperties());
    },
    async sendSlices(messages) {
      const sendBatch = ([only, ...others]: readonly SliceMessage[]) =>
        send(slices, others.length === 0 && only !== undefined ? only : { batch: [only, ...others] });
      await pMap(inBatches(messages), sendBatch, { concurrency: sentAtOnce });
    },
    async sendDue(messages) {
      // To an instance of the release before it is a message without slices: what is due is handed over again later.
      await pMap(dueInBatches(messages), (due) => send(slices, { batch: [], due }), { concurrency: sentAtOnce });
    },
    sendDelivery: (message) => send(deliveries, message),
  };
}

async function send(queue: QueueClient, message: object): Promise<void> {
  const text = Buffer.from(JSON.stringify(message)).toString('base64');
  await answered(queue, () => queue.sendMessage(text));
}

/** Lets no error of the SDK out: those hold the request, with its SAS. */
async function answered(queue: QueueClient, operation: () => Promise<unknown>): Promise<void> {
  try {
    await operation();
  } catch (error) {
    const { host } = new URL(queue.url);
    const { statusCode, code = 'no code' } = error as { statusCode?: number; code?: string };
    throw new StoreUnavailable(
      statusCode === undefined ? `${host} cannot be reached (${code})` : `${host} refused with ${statusCode} ${code}`,
    );
  }
}
