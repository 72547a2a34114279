import { QueueServiceClient } from '@azure/storage-queue';
import { expect, test } from 'vitest';
import { messageLimit, queuedSlices, queueNames, type SliceMessage, sliceMessage } from '../../src/queue/queue.ts';
import { createStorageQueue } from '../../src/queue/storage-queue.ts';
import { useAzurite } from '../azurite.ts';

const azurite = useAzurite();

/** A slice of so many domains, of a run of so many slices. */
function sliceOf(organization: string, subjects: number, { slice = 0, slices = 1, name = 'd' } = {}): SliceMessage {
  return sliceMessage.parse({
    ...{ organization, evaluation: 'dkim', runId: `${organization}.dkim.1`, slice, slices, policies: {} },
    subjects: Array.from({ length: subjects }, (_, index) => ({
      kind: 'mail-domain',
      id: `${name}${index}.contoso.com`,
    })),
  });
}

/** What is in the queue, message by message, as whoever works on it reads it. */
async function taken(): Promise<readonly (readonly SliceMessage[])[]> {
  const client = QueueServiceClient.fromConnectionString(azurite.connectionString).getQueueClient(queueNames.slices);
  const { receivedMessageItems } = await client.receiveMessages({ numberOfMessages: 32 });
  for (const { messageId, popReceipt } of receivedMessageItems) await client.deleteMessage(messageId, popReceipt);
  return receivedMessageItems.map(({ messageText }) =>
    queuedSlices.parse(JSON.parse(Buffer.from(messageText, 'base64').toString())),
  );
}

async function sent(...messages: SliceMessage[]) {
  const queue = createStorageQueue(QueueServiceClient.fromConnectionString(azurite.connectionString));
  await queue.open();
  await queue.sendSlices(messages);
  const found = await taken();
  // Whatever their order, none is missing and none is there twice.
  const names = (all: readonly SliceMessage[]) => all.map(({ runId, slice }) => `${runId} ${slice}`).sort();
  expect(names(found.flat())).toEqual(names(messages));
  return found.map((batch) => batch.map(({ organization }) => organization).join()).sort();
}

test('several small organizations are one message, as many as it holds', async () => {
  expect(await sent(sliceOf('contoso', 100), sliceOf('fabrikam', 100), sliceOf('adatum', 3))).toEqual([
    'contoso,fabrikam,adatum',
  ]);
  const twelve = Array.from({ length: 12 }, (_, index) => sliceOf(`o${String(index).padStart(2, '0')}`, 100));
  expect((await sent(...twelve)).map((batch) => batch.split(',').length)).toEqual([9, 3]);
});

test('slices of a large run have messages of their own, so that many work on them', async () => {
  const slices = [0, 1, 2].map((slice) => sliceOf('contoso', 96, { slice, slices: 3 }));
  expect(await sent(sliceOf('adatum', 3), ...slices, sliceOf('fabrikam', 3))).toEqual([
    'adatum,fabrikam',
    'contoso',
    'contoso',
    'contoso',
  ]);
});

test('no message is longer than a queue takes, whatever its domains are called', async () => {
  const name = 'x'.repeat(200);
  const long = ['contoso', 'fabrikam', 'adatum'].map((id) => sliceOf(id, 100, { name }));
  expect(JSON.stringify(long).length).toBeGreaterThan(messageLimit);
  expect((await sent(...long)).length).toBeGreaterThan(1);
});

test('a message of a release before is one slice; one that is none is refused', () => {
  const before = sliceOf('contoso', 2);
  expect(queuedSlices.parse(JSON.parse(JSON.stringify(before)))).toEqual([before]);
  expect(() => queuedSlices.parse({ batch: [{ organization: 'contoso' }] })).toThrow('evaluation');
  expect(() => queuedSlices.parse('contoso')).toThrow('expected object');
});
