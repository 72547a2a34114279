import type { QueueClient, QueueServiceClient } from '@azure/storage-queue';
import { type Queue, queueNames } from './queue.ts';

/** Queues in Azure Storage. Messages are base64, as the Functions host reads them (`messageEncoding` in host.json). */
export function createStorageQueue(service: QueueServiceClient): Queue {
  const slices = service.getQueueClient(queueNames.slices);
  const deliveries = service.getQueueClient(queueNames.deliveries);
  return {
    async open() {
      await Promise.all([slices.createIfNotExists(), deliveries.createIfNotExists()]);
    },
    sendSlice: (message) => send(slices, message),
    sendDelivery: (message) => send(deliveries, message),
  };
}

async function send(queue: QueueClient, message: object): Promise<void> {
  await queue.sendMessage(Buffer.from(JSON.stringify(message)).toString('base64'));
}
