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

/** "There is something to deliver for this watch." */
export const deliveryMessage = z.object({ organization: z.string(), evaluation: z.string() });

export type SliceMessage = z.infer<typeof sliceMessage>;
export type DeliveryMessage = z.infer<typeof deliveryMessage>;

export const queueNames = { slices: 'slices', deliveries: 'deliveries' } as const;

/** Largest message that fits into a storage queue after base64, in bytes of UTF-8 (64 KiB / 4 × 3, less a margin). */
export const messageLimit = 47_000;

/** Subjects in one message: whoever takes it is busy for some seconds. */
export const batchedSubjects = 1_000;

/**
 * Slices that share a message: those that are all of their run, as many as it holds. Slices of large runs have messages of
 * their own, so that many may work on them.
 */
export function inBatches(messages: readonly SliceMessage[]): readonly (readonly SliceMessage[])[] {
  const batches: SliceMessage[][] = [];
  let [subjects, bytes] = [0, 0];
  let open: SliceMessage[] | undefined;
  for (const message of messages) {
    const size = Buffer.byteLength(JSON.stringify(message)) + 1;
    if (message.slices > 1) {
      batches.push([message]);
      continue;
    }
    const fits = subjects + message.subjects.length <= batchedSubjects && bytes + size <= messageLimit - 100;
    if (open === undefined || !fits) {
      open = [];
      batches.push(open);
      [subjects, bytes] = [0, 0];
    }
    open.push(message);
    subjects += message.subjects.length;
    bytes += size;
  }
  return batches;
}

/** Where work waits. At least once: a message may come twice. */
export interface Queue {
  open(): Promise<void>;
  /** Small slices go together into one message, see {@link inBatches}. */
  sendSlices(messages: readonly SliceMessage[]): Promise<void>;
  sendDelivery(message: DeliveryMessage): Promise<void>;
}
