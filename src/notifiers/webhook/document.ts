import { z } from 'zod';
import { answers, verdicts } from '../../domain/finding.ts';
import { severities } from '../../domain/rule.ts';
import { transition } from '../../domain/transition.ts';

const cell = z.object({
  verdict: z.enum(verdicts),
  severity: z.enum(severities).exactOptional().describe('Of a fail.'),
  words: z.string().describe('To be understood without colour.'),
});

/** Rules × nodes of one subject. */
const byNode = z.object({
  at: z.string().describe('When the nodes were looked at (ISO 8601, UTC).'),
  targets: z.array(z.string()),
  rows: z.array(
    z.object({
      rule: z.string(),
      cells: z
        .array(cell.nullable())
        .describe('One for each target, in their order; null where the rule did not judge it.'),
    }),
  ),
});

/**
 * What a webhook channel posts, for ticketing systems and other programs. `version` rises when a reader could break;
 * new properties may come without that.
 *
 * Texts in it are data: names and DNS answers as they were found, to be escaped by whoever shows them.
 */
export const webhookDocument = z.object({
  version: z.literal(1),
  type: z.literal('fieldcheck.notice'),
  fingerprint: z
    .string()
    .describe('Equal when the same notice is sent again, e.g. after a time-out; also in the Idempotency-Key header.'),
  title: z.string().describe('One sentence, e.g. for a ticket’s title.'),
  counts: z
    .record(z.string(), z.number())
    .describe('How many transitions there are of each kind, advice left out; kinds that do not occur are left out.'),
  organization: z.object({ id: z.string(), name: z.string() }),
  evaluation: z.object({
    id: z.string(),
    title: z.string(),
    questions: z.record(z.string(), z.string()),
    answerWords: z
      .record(z.enum(answers), z.string())
      .describe('How people say each answer, e.g. GO for yes: to be shown. Programs go by the answers themselves.'),
  }),
  runId: z.string(),
  at: z.string().describe('ISO 8601, UTC.'),
  subjects: z
    .array(
      z.object({
        subject: z.string(),
        transitions: z.array(transition),
        answers: z.record(z.string(), z.enum(answers)),
        byNode: byNode.exactOptional(),
      }),
    )
    .describe('Empty in the daily notice of a channel with a heartbeat.'),
  totals: z
    .object({ subjects: z.number(), answers: z.record(z.string(), z.record(z.string(), z.number())) })
    .describe('How many subjects the run looked at, and how many of them have each answer, by question.'),
  link: z.url().exactOptional().describe('Where a person reads the whole of it.'),
});

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T;

export type WebhookDocument = DeepReadonly<z.infer<typeof webhookDocument>>;
