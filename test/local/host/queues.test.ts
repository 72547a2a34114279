import { QueueServiceClient } from '@azure/storage-queue';
import { beforeEach, describe, expect, it } from 'vitest';
import { startAzurite } from '../../../src/local/azurite.ts';
import type { HostOptions } from '../../../src/local/host/host.ts';
import { createQueueOpener, createQueues } from '../../../src/local/host/queues.ts';
import { readHostJson } from '../../../src/local/host/settings.ts';
import { useAzurite } from '../../azurite.ts';
import { forget, record, recorded, recordedInOrder } from '../fixtures/record.ts';
import { startFixture } from './start.ts';

const azurite = useAzurite();
beforeEach(forget);

const queues = { maxDequeueCount: 3, maxPollingInterval: '00:00:01', batchSize: 2, newBatchThreshold: 1 };

function startQueues(changed: object = {}, settings: HostOptions['settings'] = {}) {
  return startFixture('queues.ts', {
    hostJson: { version: '2.0', extensions: { queues: { ...queues, ...changed } } },
    settings: { EXTRA_QUEUE: 'extra', 'AzureWebJobs.disabled.Disabled': 'true', ...settings },
    storageConnection: azurite.connectionString,
  });
}

const queue = (name: string) => QueueServiceClient.fromConnectionString(azurite.connectionString).getQueueClient(name);
const base64 = (text: string) => Buffer.from(text).toString('base64');

/** Waits for `count` messages in a queue and takes them out. */
async function take(name: string, count: number): Promise<string[]> {
  const texts: string[] = [];
  await queue(name).createIfNotExists();
  while (texts.length < count) {
    const { receivedMessageItems } = await queue(name).receiveMessages({ numberOfMessages: 32 });
    for (const { messageText, messageId, popReceipt } of receivedMessageItems) {
      texts.push(messageText);
      await queue(name).deleteMessage(messageId, popReceipt);
    }
  }
  return texts.map((text) => Buffer.from(text, 'base64').toString('utf8'));
}

async function countOf(name: string): Promise<number | undefined> {
  await queue(name).createIfNotExists();
  return (await queue(name).getProperties()).approximateMessagesCount;
}

/** Waits until a queue holds nothing, hidden messages included. */
async function emptied(name: string): Promise<void> {
  while ((await countOf(name)) !== 0) await new Promise((resolve) => setTimeout(resolve, 20));
}

describe('queue functions', () => {
  it('get messages decoded and parsed, with their metadata, and the message is then deleted', async () => {
    await startQueues();
    await queue('jobs').sendMessage(base64('{"domain":"contoso.com"}'));
    const [job] = await recorded('jobs');
    expect(job).toEqual({
      message: { domain: 'contoso.com' },
      metadata: expect.objectContaining({
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        dequeueCount: 1,
        popReceipt: expect.any(String),
        insertionTime: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
        expirationTime: expect.any(String),
        nextVisibleTime: expect.any(String),
        queueTrigger: { domain: 'contoso.com' },
        domain: 'contoso.com',
      }),
    });
    await emptied('jobs');
  });

  it('get what is no JSON as text', async () => {
    await startQueues();
    await queue('jobs').sendMessage(base64('plain text, ümlaut'));
    expect(await recorded('jobs')).toMatchObject([{ message: 'plain text, ümlaut' }]);
  });

  it('see a message property hide the metadata of the same name, as in Azure', async () => {
    await startQueues();
    await queue('jobs').sendMessage(base64('{"id":"mine","dequeueCount":99,"flag":true,"list":[1],"none":null}'));
    const [job] = (await recorded('jobs')) as { metadata: Record<string, unknown> }[];
    expect(job?.metadata).toMatchObject({ id: 'mine', dequeueCount: 99, flag: 'True' });
    expect(job?.metadata).not.toHaveProperty('list');
    expect(job?.metadata).not.toHaveProperty('none');
  });

  it('read plain messages when host.json says so', async () => {
    await startQueues({ messageEncoding: 'none' });
    await queue('jobs').sendMessage('{"a":1}');
    expect(await recorded('jobs')).toMatchObject([{ message: { a: 1 } }]);
  });

  it('are tried again until they succeed', async () => {
    await startQueues();
    await queue('recovering').sendMessage(base64('x'));
    expect(await recorded('recovering', 2)).toEqual([1, 2]);
    await emptied('recovering');
  });

  it('put a message into the poison queue after the last failure, and send none of its outputs', async () => {
    const { log } = await startQueues();
    await queue('failing').sendMessage(base64('{"a":1}'));
    expect(await take('failing-poison', 1)).toEqual(['{"a":1}']);
    expect(await recorded('failing')).toEqual([1, 2, 3]);
    await emptied('failing');
    expect(await countOf('extra')).toBe(0);
    expect(log.filter((entry) => entry.functionName === 'failing' && entry.level === 'error')).toHaveLength(4);
    expect(log.at(-1)?.message).toMatch(/^Message [0-9a-f-]+ moved to "failing-poison" after 3 deliveries\.$/);
  });

  it('poison what is not in the promised encoding without running', async () => {
    const { log } = await startQueues();
    await queue('jobs').sendMessage('{not base64}');
    expect(await take('jobs-poison', 1)).toHaveLength(1);
    expect(recordedInOrder()).toEqual([]);
    expect(log.map((entry) => entry.message)).toContainEqual(expect.stringContaining('"jobs" is not base64'));
  });

  it('send the returned value and one message per element of an output', async () => {
    await startQueues();
    await queue('sending').sendMessage(base64('go'));
    expect(await take('returned', 1)).toEqual(['{"returned":true}']);
    expect((await take('extra', 2)).sort()).toEqual(['one', '{"two":2}']);
  });

  it('run for what an HTTP function sends', async () => {
    const { url } = await startQueues();
    const response = await fetch(`${url}/api/enqueue`, { method: 'POST', body: '{"from":"http"}' });
    expect(response.status).toBe(202);
    expect(await recorded('jobs')).toMatchObject([{ message: { from: 'http' } }]);
  });

  it('can be run by hand, without a message', async () => {
    const { url } = await startQueues();
    const post = (input: unknown) =>
      fetch(`${url}/admin/functions/jobs`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ input }),
      });
    expect((await post('{"as":"text"}')).status).toBe(202);
    expect((await post({ as: 'object' })).status).toBe(202);
    expect(await recorded('jobs', 2)).toMatchObject([{ message: { as: 'text' } }, { message: { as: 'object' } }]);
  });

  it('run no more at once than batchSize and newBatchThreshold allow, and all in the end', async () => {
    await startQueues();
    for (let n = 0; n < 8; n++) await queue('crowded').sendMessage(base64(String(n)));
    await recorded('crowded ends', 8);
    let running = 0;
    const most = recordedInOrder().reduce((highest, what) => {
      running += what === 'crowded begins' ? 1 : -1;
      return Math.max(highest, running);
    }, 0);
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(3);
  });

  it('stay out of service when a setting says so', async () => {
    const host = await startQueues();
    expect(await queue('disabled').exists()).toBe(false);
    await host.stop();
  });
});

describe('a long run', () => {
  it('keeps its message hidden beyond the lease, so that nobody runs it twice', async () => {
    const settings = { AzureWebJobsStorage: azurite.connectionString };
    const binding = { type: 'queueTrigger', direction: 'in', queueName: 'long', connection: 'AzureWebJobsStorage' };
    const { promise: run, resolve: finish } = Promise.withResolvers<undefined>();
    const poller = createQueues(
      {
        functions: [{ name: 'long', bindings: { trigger: binding }, callback: () => undefined }],
        settings,
        queues: readHostJson({ version: '2.0', extensions: { queues } }).extensions.queues,
        leaseSeconds: 1,
        invoke: (_fn, _trigger, input) => {
          record('long', input.metadata?.DequeueCount);
          return run;
        },
        track: () => undefined,
        log: () => undefined,
      },
      createQueueOpener(settings),
    );
    await poller.open();
    poller.start();
    await queue('long').sendMessage(base64('x'));
    await recorded('long');
    await new Promise((resolve) => setTimeout(resolve, 3000));
    expect(recordedInOrder()).toEqual(['long']);
    finish(undefined);
    await emptied('long');
    poller.stop();
  });
});

describe('a storage that goes away', () => {
  it('is reported once, not at every poll, and the host still stops', async () => {
    const storage = await startAzurite();
    const host = await startQueues({}, { AzureWebJobsStorage: storage.connectionString });
    await storage.stop();
    const complaints = () => host.log.filter((entry) => /^Queue "jobs" cannot be read: /.test(entry.message));
    while (complaints().length === 0) await new Promise((resolve) => setTimeout(resolve, 50));
    await host.stop();
    expect(complaints()).toMatchObject([{ level: 'error', category: 'Host.Triggers.Queue', functionName: 'jobs' }]);
    expect(JSON.stringify(host.log)).not.toContain('AccountKey');
  });
});

describe('stopping', () => {
  it('lets messages in flight finish and be deleted, and takes no new ones', async () => {
    const host = await startQueues();
    await queue('crowded').sendMessage(base64('in flight'));
    await recorded('crowded begins');
    await host.stop();
    expect(recordedInOrder()).toEqual(['crowded begins', 'crowded ends']);
    expect(await countOf('crowded')).toBe(0);
    await queue('crowded').sendMessage(base64('too late'));
    const later = await queue('crowded').receiveMessages();
    expect(later.receivedMessageItems).toMatchObject([{ dequeueCount: 1 }]);
    await queue('crowded').clearMessages();
  });
});

describe('settings that cannot be', () => {
  it('stop the start when a queue name asks for a setting that is missing', async () => {
    const start = startFixture('queues.ts', { storageConnection: 'UseDevelopmentStorage=yes please' });
    await expect(start).rejects.toThrow(
      'Function "jobs": the setting AzureWebJobsStorage is not a storage connection string.',
    );
  });

  it('stop the start when host.json is wrong, naming the key', async () => {
    await expect(startQueues({ batchSize: 33, visibilityTimeout: '30s' })).rejects.toThrow(
      'host.json: extensions.queues.batchSize: Too big: expected number to be <=32; extensions.queues.visibilityTimeout: must be a time like "00:00:30".',
    );
  });
});
