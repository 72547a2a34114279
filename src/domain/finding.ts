import { z } from 'zod';
import { unobtainableReasons } from './fact-set.ts';
import { owners, type QuestionId, severities } from './rule.ts';

export const verdicts = ['pass', 'fail', 'manual', 'not_applicable', 'unknown'] as const;

export const answers = ['yes', 'no', 'undetermined', 'not_applicable'] as const;
export type Answer = (typeof answers)[number];

export const evidence = z.object({
  fact: z.string(),
  observed: z.string(),
  /** ISO 8601, UTC. */
  at: z.string().optional(),
  source: z.string().optional(),
});

/** A record that has to come into DNS or to go. */
export const dnsChange = z.object({
  action: z.enum(['publish', 'remove']),
  /** In full, without the last dot, as {@link data}. */
  name: z.string(),
  type: z.string(),
  /** What it says; left out when every record of that type at the name has to go. */
  data: z.string().optional(),
  /** The zone in which it stands, where that is known. */
  zone: z.string().optional(),
});
export type DnsChange = z.infer<typeof dnsChange>;

/** Rule + subject (+ target) + verdict + sentence + evidence. A pass is a finding too. */
export const finding = z.object({
  rule: z.string(),
  target: z.string().optional(),
  verdict: z.enum(verdicts),
  severity: z.enum(severities).optional(),
  owner: z.enum(owners).optional(),
  message: z.string(),
  evidence: z.array(evidence),
  remedy: z.string().optional(),
  /** What mends it in DNS, in order. */
  dns: z.array(dnsChange).optional(),
  /** Looks in a row that have to find it before it is told, when other than its rule's: what it rests on may be on its way. */
  confirmRuns: z.number().optional(),
  /** What will be over or change by itself soon, and when (ISO 8601): `the Auth certificate ends`. */
  comes: z.object({ at: z.string(), what: z.string() }).optional(),
  /** Ready to paste into a support case with the owner. */
  supportCase: z.string().optional(),
  /** Why a fact was not there, of an `unknown`. */
  reason: z.enum(unobtainableReasons).optional(),
  /** The failed rule because of which this one was not judged. */
  blockedBy: z.string().optional(),
  /** It rests on something that is assumed (`evaluate --assume`); the message says on what. */
  assumed: z.literal(true).optional(),
  /** What people have said of it, in words, where it is shown: who, until when and why. Never judged nor stored. */
  silenced: z.string().optional(),
  accepted: z.string().optional(),
});

/** One evaluation of one subject at one time. */
export const run = z.object({
  evaluation: z.string(),
  subject: z.string(),
  /** ISO 8601, UTC. */
  at: z.string(),
  answers: z.record(z.string(), z.enum(answers)),
  findings: z.array(finding),
  /** By question: the answers that rest on something assumed, and what each is without (`evaluate --assume`). */
  assumed: z.record(z.string(), z.object({ without: z.enum(answers), sentence: z.string() })).optional(),
});

export type Evidence = z.infer<typeof evidence>;
export type Finding = z.infer<typeof finding>;
export type Run = z.infer<typeof run>;

/** A finding with the questions it blocks, as the engine passes it on to the answers. */
export interface Judged {
  readonly finding: Finding;
  readonly blocks: readonly QuestionId[];
}

/** What a finding is called across runs: the rule and its target. */
export function findingKey(finding: Pick<Finding, 'rule' | 'target'>): string {
  return finding.target === undefined ? finding.rule : `${finding.rule}#${finding.target}`;
}
