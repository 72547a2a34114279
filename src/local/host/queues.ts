import { type DequeuedMessageItem, type QueueClient, QueueServiceClient } from '@azure/storage-queue';
import type { Binding, RegisteredFunction, TypedData } from './core.ts';
import { triggerOf } from './core.ts';
import type { Invoke } from './invoke.ts';
import type { Log } from './log.ts';
import { type AppSettings, expandSettings, type QueueSettings } from './settings.ts';

/** The first wait after an empty poll; doubled up to `maxPollingInterval`. As in the queue extension. */
const shortestPollMs = 100;

export interface QueuesOptions {
  functions: readonly RegisteredFunction[];
  settings: AppSettings;
  queues: QueueSettings;
  /** How long a message that is being worked on stays hidden; renewed at a third of it. */
  leaseSeconds: number;
  invoke: Invoke;
  /** Registers a message, and the polling itself, as work in flight. */
  track(work: Promise<unknown>): void;
  log: Log;
}

export interface Queues {
  /** Opens the queues and creates those that are missing. */
  open(): Promise<void>;
  /** Begins to poll; call `open` first. */
  start(): void;
  /** Stops polling; a poll that is under way and messages that are being worked on go on, as work in flight. */
  stop(): void;
  /** Polls at once instead of waiting out the back-off: something may have been enqueued. */
  wake(): void;
  /** Runs a queue function now on `input` as its message, beside the queue, as `POST /admin/functions/{name}` does. */
  runByHand(fn: RegisteredFunction, input: unknown): Promise<void>;
}

/** Opens queues by the names of a connection setting and a queue, each once. */
export function createQueueOpener(settings: AppSettings) {
  const services = new Map<string, QueueServiceClient>();
  const queues = new Map<string, Promise<QueueClient>>();

  function service(connectionName: string, where: string): QueueServiceClient {
    const connection = settings[connectionName] ?? settings[`AzureWebJobs${connectionName}`];
    if (!connection) throw new Error(`${where} needs the setting ${connectionName} with a storage connection string.`);
    const opened = services.get(connection) ?? connect(connection, connectionName, where);
    services.set(connection, opened);
    return opened;
  }

  /**
   * Opens the queue that a trigger or output names and creates it when it is missing.
   *
   * @param suffix added to the queue's name: `-poison` opens the poison queue beside it
   */
  return async function open(fn: RegisteredFunction, binding: Binding, suffix = ''): Promise<QueueClient> {
    const where = `Function "${fn.name}"`;
    const connectionName = typeof binding.connection === 'string' ? binding.connection : 'AzureWebJobsStorage';
    const name = expandSettings(String(binding.queueName), settings, where) + suffix;
    const queue = service(connectionName, where).getQueueClient(name);
    const known = queues.get(queue.url);
    if (known) return known;
    const created = queue.createIfNotExists().then(() => queue);
    queues.set(queue.url, created);
    // A storage that was away may be back the next time.
    created.catch(() => queues.delete(queue.url));
    return created;
  };
}
type OpenQueue = ReturnType<typeof createQueueOpener>;

function connect(connection: string, connectionName: string, where: string): QueueServiceClient {
  try {
    // The loops of this host try again by themselves; the client only bridges a hiccup.
    const retryOptions = { maxTries: 3, retryDelayInMs: 200, maxRetryDelayInMs: 1000, tryTimeoutInMs: 10_000 };
    return QueueServiceClient.fromConnectionString(connection, { retryOptions });
  } catch {
    // Without the cause: its message may hold parts of the connection string.
    throw new Error(`${where}: the setting ${connectionName} is not a storage connection string.`);
  }
}

/** Makes the sender of queue outputs: one message per element of an array, objects as JSON, strings as they are. */
export function createOutputSender(open: OpenQueue, encoding: QueueSettings['messageEncoding']) {
  return async (fn: RegisteredFunction, binding: Binding, data: TypedData): Promise<void> => {
    const queue = await open(fn, binding);
    for (const message of toMessages(data)) await queue.sendMessage(encode(message, encoding));
  };
}

function toMessages(data: TypedData): string[] {
  if (data.json !== undefined) {
    const value: unknown = JSON.parse(data.json);
    return (Array.isArray(value) ? value : [value]).map((item) =>
      typeof item === 'string' ? item : JSON.stringify(item),
    );
  }
  if (data.bytes !== undefined) return [new TextDecoder().decode(data.bytes)];
  return [String(data.string ?? data.int ?? data.double ?? '')];
}

function encode(text: string, encoding: QueueSettings['messageEncoding']): string {
  return encoding === 'base64' ? Buffer.from(text, 'utf8').toString('base64') : text;
}

/** @returns undefined when the text is not in the encoding that host.json promises */
function decode(text: string, encoding: QueueSettings['messageEncoding']): string | undefined {
  if (encoding === 'none') return text;
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text)) return undefined;
  return Buffer.from(text, 'base64').toString('utf8');
}

/** Runs queue functions on real queues, one poller per function. */
export function createQueues(options: QueuesOptions, open: OpenQueue): Queues {
  const pollers = options.functions.map((fn) => createPoller(fn, options, open));
  return {
    open: async () => {
      await Promise.all(pollers.map((poller) => poller.open()));
    },
    start: () => {
      for (const poller of pollers) poller.start();
    },
    stop: () => {
      for (const poller of pollers) poller.stop();
    },
    wake: () => {
      for (const poller of pollers) poller.wake();
    },
    async runByHand(fn, input) {
      const trigger = triggerOf(fn);
      const text = typeof input === 'string' ? input : JSON.stringify(input ?? '');
      try {
        await options.invoke(fn, trigger.name, {
          data: { string: text },
          metadata: describeMessage(text, { dequeueCount: 1, messageId: '', popReceipt: '' }),
        });
      } catch {
        // Logged by invoke; there is no message that could be tried again.
      }
    },
  };
}

function createPoller(fn: RegisteredFunction, options: QueuesOptions, open: OpenQueue) {
  const trigger = triggerOf(fn);
  const { leaseSeconds } = options;
  const { batchSize, maxDequeueCount, messageEncoding, visibilityTimeout, maxPollingInterval } = options.queues;
  const newBatchThreshold = options.queues.newBatchThreshold ?? Math.floor(batchSize / 2);
  const queueName = expandSettings(String(trigger.queueName), options.settings, `Function "${fn.name}"`);
  // The poison queue has none of its own: what fails there stays there.
  const hasPoisonQueue = !queueName.endsWith('-poison');
  const bell = createBell();
  let opened: QueueClient | undefined;
  let running = 0;
  let stopped = false;

  const log = (level: 'information' | 'warning' | 'error', message: string) =>
    options.log({ level, category: 'Host.Triggers.Queue', functionName: fn.name, message });

  async function poll(queue: QueueClient): Promise<void> {
    let waitMs = shortestPollMs;
    let away = false;
    while (!stopped) {
      if (running > newBatchThreshold) {
        await bell.wait();
        continue;
      }
      let messages: DequeuedMessageItem[] = [];
      try {
        const received = await queue.receiveMessages({ numberOfMessages: batchSize, visibilityTimeout: leaseSeconds });
        messages = received.receivedMessageItems;
        if (away) log('information', `Queue "${queueName}" can be read again.`);
        away = false;
      } catch (error) {
        // Said once, not at every poll.
        if (!away) log('error', `Queue "${queueName}" cannot be read: ${messageOf(error)}`);
        away = true;
      }
      if (stopped) {
        // Should this fail, their lease runs out and they come again.
        await Promise.allSettled(messages.map((message) => giveBack(queue, message, 0)));
        return;
      }
      for (const message of messages) start(queue, message);
      if (messages.length > 0) waitMs = shortestPollMs;
      // Whoever rang has enqueued by then what it enqueues: one poll finds it, and the back-off goes on from where it was.
      else if (!(await bell.wait(waitMs))) waitMs = Math.min(waitMs * 2, maxPollingInterval);
    }
  }

  function start(queue: QueueClient, message: DequeuedMessageItem): void {
    running++;
    const work = handle(queue, message)
      .catch((error: unknown) => {
        // Settling failed: the lease runs out and the message comes again.
        log('error', `Message ${message.messageId} of "${queueName}" could not be settled: ${messageOf(error)}`);
      })
      .finally(() => {
        running--;
        bell.ring();
      });
    options.track(work);
  }

  async function handle(queue: QueueClient, message: DequeuedMessageItem): Promise<void> {
    const text = decode(message.messageText, messageEncoding);
    if (text === undefined) {
      log('error', `Message ${message.messageId} of "${queueName}" is not base64, as host.json promises. Poisoned.`);
      return poison(queue, message, message.popReceipt);
    }
    if (hasPoisonQueue && message.dequeueCount > maxDequeueCount) return poison(queue, message, message.popReceipt);

    const lease = keepLease(queue, message, leaseSeconds, (error) =>
      log('warning', `Message ${message.messageId}: ${messageOf(error)}`),
    );
    const metadata = describeMessage(text, message);
    try {
      await options.invoke(fn, trigger.name, { data: { string: text }, metadata });
    } catch {
      // Logged by invoke.
      const popReceipt = await lease.end();
      if (hasPoisonQueue && message.dequeueCount >= maxDequeueCount) return poison(queue, message, popReceipt);
      return giveBack(queue, { ...message, popReceipt }, Math.round(visibilityTimeout / 1000));
    }
    await queue.deleteMessage(message.messageId, await lease.end());
  }

  async function poison(queue: QueueClient, message: DequeuedMessageItem, popReceipt: string): Promise<void> {
    const poisonQueue = await open(fn, trigger, '-poison');
    await poisonQueue.sendMessage(message.messageText);
    await queue.deleteMessage(message.messageId, popReceipt);
    const tries = message.dequeueCount === 1 ? '1 delivery' : `${message.dequeueCount} deliveries`;
    log('error', `Message ${message.messageId} moved to "${queueName}-poison" after ${tries}.`);
  }

  return {
    async open() {
      opened = await open(fn, trigger);
    },
    start() {
      if (opened) options.track(poll(opened));
    },
    stop() {
      stopped = true;
      bell.ring();
    },
    wake: bell.ring,
  };
}

/** Shows a message again after `seconds`, to be tried once more. */
async function giveBack(
  queue: QueueClient,
  message: { messageId: string; popReceipt: string },
  seconds: number,
): Promise<void> {
  await queue.updateMessage(message.messageId, message.popReceipt, undefined, seconds);
}

/** Keeps a message hidden while it is worked on. Each renewal changes the pop receipt; `end` returns the last one. */
function keepLease(
  queue: QueueClient,
  message: DequeuedMessageItem,
  leaseSeconds: number,
  onError: (error: unknown) => void,
) {
  let { popReceipt } = message;
  let renewal: Promise<void> = Promise.resolve();
  const renew = async () => {
    try {
      const renewed = await queue.updateMessage(message.messageId, popReceipt, undefined, leaseSeconds);
      popReceipt = renewed.popReceipt ?? popReceipt;
    } catch (error) {
      onError(error);
    }
  };
  const interval = setInterval(
    () => {
      renewal = renewal.then(renew);
    },
    (leaseSeconds * 1000) / 3,
  );
  return {
    async end(): Promise<string> {
      clearInterval(interval);
      await renewal;
      return popReceipt;
    },
  };
}

interface MessageDescription {
  messageId: string;
  popReceipt: string;
  dequeueCount: number;
  insertedOn?: Date;
  expiresOn?: Date;
  nextVisibleOn?: Date;
}

/**
 * The trigger metadata of a message. As in the Functions host the top-level properties of a JSON message are laid over
 * the message's own: a property `id` or `dequeueCount` hides the real one (azure-functions-host, ApplyBindingData).
 */
function describeMessage(text: string, message: MessageDescription): Record<string, TypedData> {
  const json = (value: unknown): TypedData => ({ json: JSON.stringify(value) });
  const own: Record<string, TypedData> = {
    Id: { string: message.messageId },
    DequeueCount: json(message.dequeueCount),
    PopReceipt: { string: message.popReceipt },
    QueueTrigger: { string: text },
    InsertionTime: json(message.insertedOn ?? new Date()),
    ExpirationTime: json(message.expiresOn ?? new Date()),
    NextVisibleTime: json(message.nextVisibleOn ?? new Date()),
  };
  return { ...own, ...topLevelProperties(text, Object.keys(own)) };
}

function topLevelProperties(text: string, ownNames: readonly string[]): Record<string, TypedData> {
  const properties: Record<string, TypedData> = {};
  for (const [name, value] of Object.entries(parseObject(text))) {
    if (value === null || Array.isArray(value)) continue;
    const key = ownNames.find((own) => own.toLowerCase() === name.toLowerCase()) ?? name;
    if (typeof value === 'object') properties[key] = { json: JSON.stringify(value) };
    // .NET writes booleans as True and False; the library leaves those as text.
    else if (typeof value === 'boolean') properties[key] = { string: value ? 'True' : 'False' };
    else properties[key] = { string: String(value) };
  }
  return properties;
}

function parseObject(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
  } catch {
    return {};
  }
}

/** A wait that can be ended early; a ring that comes while nobody waits ends the next wait at once. */
function createBell() {
  let rung = false;
  let wake: (() => void) | undefined;
  return {
    ring(): void {
      rung = true;
      wake?.();
    },
    /** @returns true when the bell ended the wait, false when the time did */
    async wait(ms?: number): Promise<boolean> {
      let timer: NodeJS.Timeout | undefined;
      if (!rung) {
        await new Promise<void>((resolve) => {
          wake = resolve;
          if (ms !== undefined) timer = setTimeout(resolve, ms);
        });
      }
      clearTimeout(timer);
      wake = undefined;
      const wasRung = rung;
      rung = false;
      return wasRung;
    },
  };
}

/** Storage errors carry request and response; only the sentence goes into the log. */
function messageOf(error: unknown): string {
  return error instanceof Error ? (error.message.split('\n')[0] ?? error.name) : String(error);
}
