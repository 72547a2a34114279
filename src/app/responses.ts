// What the HTTP doors answer beyond the words of the domain, as schemas: the App's types come from them, and so does the
// OpenAPI document, so that neither can say something else than the other.
import { z } from 'zod';
import { channelKinds, organizationId } from '../domain/organization.ts';
import { owners, severities } from '../domain/rule.ts';
import { answerCounts, runRecord } from '../store/store.ts';

/** A run as people ask for it: how far it is, and what it found so far. */
export const runStatus = runRecord.extend({
  done: z.number(),
  answers: answerCounts,
  verdicts: z.record(z.string(), z.number()),
  unrouted: z
    .number()
    .exactOptional()
    .describe('Changes worth telling that went to no channel, because no route of the document takes them.'),
});

export const channelTest = z.object({
  organization: organizationId,
  channel: z.string(),
  kind: z.enum(channelKinds),
  outcome: z
    .enum(['delivered', 'retry', 'rejected'])
    .describe('Taken; not now, and a notice would be tried again; or refused, so that somebody has to mend it.'),
  detail: z.string().describe('What came back, and what to do. Never the address.'),
});
export type ChannelTest = Readonly<z.infer<typeof channelTest>>;

export const organizationSummary = z.object({ id: organizationId, name: z.string() });

export const acceptedFacts = z.object({
  evaluation: z.string(),
  /** Ids of the subjects that got facts. */
  subjects: z.array(z.string()),
  /** Rows that were not read because they speak of no subject, and what else people should know of how it was read. */
  notes: z.array(z.string()).readonly().exactOptional(),
  expiresAt: z.string(),
  /** The run that looks again at what the facts speak of. */
  runId: z.string().exactOptional(),
});

/** A finding's life, or that of a blindness, as it is now. */
export const incident = z.object({
  /** What it is called everywhere and for ever. */
  key: z.string(),
  organization: z.string(),
  evaluation: z.string(),
  /** `*` where a whole watch is blind. */
  subject: z.string(),
  rule: z.string(),
  target: z.string().exactOptional(),
  state: z.enum(['open', 'not-confirmed', 'flapping', 'blind', 'resolved']),
  severity: z.enum(severities).exactOptional(),
  owner: z.enum(owners).exactOptional(),
  /** ISO 8601, UTC: since when it is what it is, and when its state last changed. */
  since: z.string(),
  changedAt: z.string(),
  message: z.string(),
  remedy: z.string().exactOptional(),
  /** Who accepted or silenced it, until when and why. */
  accepted: z.string().exactOptional(),
  silenced: z.string().exactOptional(),
});

export const health = z.object({
  /** `down`: the storage does not answer. */
  status: z.enum(['ok', 'degraded', 'down']),
  /** `ok`, or why not. */
  storage: z.string(),
  /** What keeps runs and notices from coming: schedules of timers that cannot be read, runs that were due and did not start. */
  faults: z.array(z.string()),
  lastRuns: z.array(
    z.object({
      organization: z.string(),
      evaluation: z.string(),
      runId: z.string().exactOptional(),
      startedAt: z.string().exactOptional(),
      state: z.string().exactOptional(),
    }),
  ),
  /** When each channel last took a notice (ISO 8601, UTC); absent while it never has. */
  lastDeliveries: z.array(z.object({ organization: z.string(), channel: z.string(), at: z.string().exactOptional() })),
  /** When the oldest notice that still waits was written (ISO 8601, UTC). */
  oldestUndelivered: z.string().exactOptional(),
  /** Notices that a channel refused for good: somebody has to look at the channel. */
  rejectedNotices: z.number(),
  unrouted: z
    .array(
      z.object({
        organization: z.string(),
        evaluation: z.string(),
        changes: z.number(),
        since: z.string(),
        at: z.string(),
      }),
    )
    .exactOptional()
    .describe('Changes worth telling that no route of a document took: how many since when, and the last one.'),
});

/** To callers that nobody knows the status alone; to others what is about their organizations. */
export const shownHealth = health.partial().required({ status: true });

export type Incident = Readonly<z.infer<typeof incident>>;
export type RunStatus = Readonly<z.infer<typeof runStatus>>;
export type AcceptedFacts = Readonly<z.infer<typeof acceptedFacts>>;
export type Health = Readonly<z.infer<typeof health>>;
export type ShownHealth = Readonly<z.infer<typeof shownHealth>>;
