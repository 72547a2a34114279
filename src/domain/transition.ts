import { z } from 'zod';
import { answers, verdicts } from './finding.ts';
import { owners, severities } from './rule.ts';

export const transitionKinds = [
  'opened',
  'reopened',
  'worsened',
  /** It changes too often for each change to be told; the next word is `steady`. */
  'flapping',
  /** It has stopped to flap: `verdict` says as what. */
  'steady',
  /** Nobody can look, for one cause; the next word is `seeing`. */
  'blind',
  'seeing',
  'resolved',
  /** What was told is accepted, or silenced, from now on. */
  'accepted',
  'silenced',
  /** Still open, in the digest of a week. */
  'reminded',
  'added',
  'removed',
  /** Written by releases before incidents; read from an outbox that was full when the release changed. */
  'went_unknown',
  'reminder',
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
  'fails-again',
  'no-longer-hushed',
  'only-advice-now',
  'worse-than-accepted',
  'flaps-while-open',
  'flaps-while-good',
  'steady-and-good',
  'steady-and-failing',
  'risk-accepted',
  'silence-begins',
  'nobody-can-look',
  'still-blind',
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
  /** Ready to paste into a support case with the owner. */
  supportCase: z.string().optional(),
});

const ofAnswer = z.object({
  type: z.literal('answer'),
  question: z.string(),
  from: z.enum(answers).optional(),
  to: z.enum(answers),
});

/** The subject itself came into the watch or left it. */
const ofSubject = z.object({ type: z.literal('subject'), message: z.string() });

/** A watch of which something cannot be looked at, for one cause, or can be again. Its subject is `*`. */
const ofWatch = z.object({
  type: z.literal('watch'),
  /** One of the causes of `blindness.ts`, with what it is about: `tenant-unreadable`, `channel-dead:mail-team`. */
  cause: z.string(),
  message: z.string(),
  remedy: z.string(),
  /** Subjects that nobody can look at, the first of them, and how many there are; none where it is the watch as such. */
  subjects: z.array(z.string()),
  count: z.number(),
  /** How many are blind for this cause after it. */
  left: z.number(),
});

/** A finding or an answer that changed against the last conclusive one. */
export const transition = z.object({
  kind: z.enum(transitionKinds),
  reason: z.enum(transitionReasons),
  subject: z.string(),
  /** ISO 8601, UTC: when it was noticed, and since when the state that it tells about has held. */
  at: z.string(),
  since: z.string(),
  of: z.discriminatedUnion('type', [ofFinding, ofAnswer, ofSubject, ofWatch]),
});

export type Transition = z.infer<typeof transition>;
