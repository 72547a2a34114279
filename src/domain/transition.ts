import { z } from 'zod';
import { answers, verdicts } from './finding.ts';
import { owners, severities } from './rule.ts';

export const transitionKinds = [
  'opened',
  'worsened',
  'resolved',
  'went_unknown',
  'reminder',
  'added',
  'removed',
] as const;
export type TransitionKind = (typeof transitionKinds)[number];

/** Why there is something to tell, by name, so that it can be logged and tested. */
export const transitionReasons = [
  'first-seen',
  'was-good',
  'severity-rose',
  'passes-again',
  'no-longer-applies',
  'no-longer-judged',
  'can-be-judged-again',
  'unknown-in-a-row',
  'still-failing',
  'subject-added',
  'subject-removed',
] as const;
export type TransitionReason = (typeof transitionReasons)[number];

const ofFinding = z.object({
  type: z.literal('finding'),
  rule: z.string(),
  target: z.string().optional(),
  verdict: z.enum(verdicts),
  /** Of the fail: the one that opened, or the one that is resolved. */
  severity: z.enum(severities).optional(),
  owner: z.enum(owners).optional(),
  message: z.string(),
  observed: z.string().optional(),
  remedy: z.string().optional(),
});

const ofAnswer = z.object({
  type: z.literal('answer'),
  question: z.string(),
  from: z.enum(answers).optional(),
  to: z.enum(answers),
});

/** The subject itself came into the watch or left it. */
const ofSubject = z.object({ type: z.literal('subject'), message: z.string() });

/** A finding or an answer that changed against the last conclusive one. */
export const transition = z.object({
  kind: z.enum(transitionKinds),
  reason: z.enum(transitionReasons),
  subject: z.string(),
  /** ISO 8601, UTC: when it was noticed, and since when the state that it tells about has held. */
  at: z.string(),
  since: z.string(),
  of: z.discriminatedUnion('type', [ofFinding, ofAnswer, ofSubject]),
});

export type Transition = z.infer<typeof transition>;
