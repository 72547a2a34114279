import { z } from 'zod';
import { channelWhen } from '../domain/route.ts';
import { keptRulePolicy } from '../domain/rule.ts';
import { subject } from '../domain/subject.ts';
import { runRecord } from '../store/store.ts';

/**
 * One slice of a run, self-contained, so that a worker reads nothing but states and facts. No property is called `id` or
 * `dequeueCount`: the Functions host would let it overwrite the message's own.
 */
export const sliceMessage = z.object({
  organization: z.string(),
  evaluation: z.string(),
  runId: z.string(),
  slice: z.number(),
  slices: z.number(),
  subjects: z.array(subject),
  policies: z.record(z.string(), keptRulePolicy),
  /** Channels, with what each wants to hear. */
  receivers: z.record(z.string(), channelWhen).default({}),
  /** The same in messages of a release before routes, when everything was heard. */
  channels: z.array(z.string()).exactOptional(),
  /** Ids of subjects that came into the watch with this run. */
  added: z.array(z.string()).default([]),
  /** The run as it began, when this slice is all of it and of its watch: it ends with the slice. */
  begun: z
    .object({
      run: runRecord,
      etag: z.string(),
      /** Does a channel hear that the run has ended? */
      hasPings: z.boolean(),
    })
    .exactOptional(),
});

/** What one message of the queue holds: several small slices, or one, as every release before has sent it. */
export const queuedSlices = z.preprocess(
  (message) => (typeof message === 'object' && message !== null && 'batch' in message ? message : { batch: [message] }),
  z.object({ batch: z.array(sliceMessage) }).transform(({ batch }) => batch),
);

/**
 * A run that has come due in a small watch with nothing at hand: whoever takes the message starts it and does it, several
 * together, so that what the start reads is not read for the slice again. Lost it is nothing but late: the watch is still due.
 */
export const dueMessage = z.object({
  organization: z.string(),
  evaluation: z.string(),
  /** Of the schedule: makes the run's key (ISO 8601, UTC). */
  slot: z.string(),
  /** The run before, when the watch was looked at. */
  last: z.string(),
  /** How many it had. */
  subjects: z.number(),
});

/** All that a message of the queue of slices may hold. @throws ZodError */
export function queuedWork(message: unknown): {
  readonly due: readonly DueMessage[];
  readonly slices: readonly SliceMessage[];
} {
  return typeof message === 'object' && message !== null && 'due' in message
    ? { due: z.object({ due: z.array(dueMessage) }).parse(message).due, slices: [] }
    : { due: [], slices: queuedSlices.parse(message) };
}

/** "There is something to deliver for this watch." */
export const deliveryMessage = z.object({ organization: z.string(), evaluation: z.string() });

export type SliceMessage = z.infer<typeof sliceMessage>;
export type DueMessage = z.infer<typeof dueMessage>;
export type DeliveryMessage = z.infer<typeof deliveryMessage>;

export const queueNames = { slices: 'slices', deliveries: 'deliveries' } as const;

/** Largest message that fits into a storage queue after base64, in bytes of UTF-8 (64 KiB / 4 × 3, less a margin). */
export const messageLimit = 47_000;

/** Subjects in one message: whoever takes it is busy for some seconds, and for minutes when all of them are dead names. */
export const batchedSubjects = 1_500;

/**
 * Slices that share a message: those that are all of their run, as many as it holds. Slices of large runs have messages of
 * their own, so that many may work on them.
 */
export function inBatches(messages: readonly SliceMessage[]): readonly (readonly SliceMessage[])[] {
  const [large, small] = [messages.filter(({ slices }) => slices > 1), messages.filter(({ slices }) => slices === 1)];
  return [...large.map((message) => [message]), ...sharing(small, ({ subjects }) => subjects.length)];
}

/** Runs that are due and share a message: as many as it holds. */
export function dueInBatches(messages: readonly DueMessage[]): readonly (readonly DueMessage[])[] {
  return sharing(messages, ({ subjects }) => subjects);
}

function sharing<T>(messages: readonly T[], subjectsIn: (message: T) => number): readonly (readonly T[])[] {
  const batches: T[][] = [];
  let [subjects, bytes] = [0, 0];
  for (const message of messages) {
    const size = Buffer.byteLength(JSON.stringify(message)) + 1;
    const fits = subjects + subjectsIn(message) <= batchedSubjects && bytes + size <= messageLimit - 100;
    const open = batches.at(-1);
    if (open !== undefined && fits) open.push(message);
    else {
      batches.push([message]);
      [subjects, bytes] = [0, 0];
    }
    subjects += subjectsIn(message);
    bytes += size;
  }
  return batches;
}

/** Where work waits. At least once: a message may come twice. */
export interface Queue {
  open(): Promise<void>;
  /** Small slices go together into one message, see {@link inBatches}. */
  sendSlices(messages: readonly SliceMessage[]): Promise<void>;
  /** Several go together into one message, see {@link dueInBatches}. */
  sendDue(messages: readonly DueMessage[]): Promise<void>;
  sendDelivery(message: DeliveryMessage): Promise<void>;
}
