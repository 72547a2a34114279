import { QueueServiceClient } from '@azure/storage-queue';
import { expect, test } from 'vitest';
import {
  batchedSubjects,
  type DueMessage,
  messageLimit,
  queuedSlices,
  queuedWork,
  queueNames,
  type SliceMessage,
  sliceMessage,
} from '../../src/queue/queue.ts';
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
async function taken(): Promise<readonly ReturnType<typeof queuedWork>[]> {
  const client = QueueServiceClient.fromConnectionString(azurite.connectionString).getQueueClient(queueNames.slices);
  const { receivedMessageItems } = await client.receiveMessages({ numberOfMessages: 32 });
  for (const { messageId, popReceipt } of receivedMessageItems) await client.deleteMessage(messageId, popReceipt);
  return receivedMessageItems.map(({ messageText }) =>
    queuedWork(JSON.parse(Buffer.from(messageText, 'base64').toString())),
  );
}

async function sent(...messages: SliceMessage[]) {
  const queue = createStorageQueue(QueueServiceClient.fromConnectionString(azurite.connectionString));
  await queue.open();
  await queue.sendSlices(messages);
  const found = (await taken()).map(({ slices }) => slices);
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

test('runs that are due share messages: as many subjects as one may hold, or as many runs as fit into it', async () => {
  const dueOf = (index: number, subjects: number): DueMessage => {
    const organization = `o${String(index).padStart(4, '0')}`;
    const slot = '2026-11-25T06:00:00.000Z';
    return { organization, evaluation: 'dkim', slot, last: `${organization}.dkim.20261124T060000Z`, subjects };
  };
  const queue = createStorageQueue(QueueServiceClient.fromConnectionString(azurite.connectionString));
  await queue.open();
  const batchesOf = async (due: readonly DueMessage[]) => {
    await queue.sendDue(due);
    const found = await taken();
    expect(found.flatMap(({ slices }) => slices)).toEqual([]);
    const byName = (a: DueMessage, b: DueMessage) => (a.organization < b.organization ? -1 : 1);
    expect(found.flatMap((message) => message.due).sort(byName)).toEqual(due);
    return found.map((message) => message.due.length).sort((a, b) => b - a);
  };
  const inOne = batchedSubjects / 100;
  expect(await batchesOf(Array.from({ length: inOne + 2 }, (_, index) => dueOf(index, 100)))).toEqual([inOne, 2]);
  const tiny = await batchesOf(Array.from({ length: 1_000 }, (_, index) => dueOf(index, 1)));
  expect(tiny.length).toBeGreaterThan(2);
});

test('a message of a release before is one slice; one that is none is refused', () => {
  const before = sliceOf('contoso', 2);
  expect(queuedSlices.parse(JSON.parse(JSON.stringify(before)))).toEqual([before]);
  expect(queuedWork(JSON.parse(JSON.stringify(before)))).toEqual({ due: [], slices: [before] });
  // What is due is passed over by an instance of that release, and handed over again.
  expect(queuedSlices.parse({ batch: [], due: [] })).toEqual([]);
  expect(() => queuedWork({ due: [{ organization: 'contoso' }] })).toThrow('evaluation');
  expect(() => queuedSlices.parse({ batch: [{ organization: 'contoso' }] })).toThrow('evaluation');
  expect(() => queuedSlices.parse('contoso')).toThrow('expected object');
});
