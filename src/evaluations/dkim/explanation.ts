import { z } from 'zod';
import { answers } from '../../domain/finding.ts';
import { owners } from '../../domain/rule.ts';

/** One DKIM-Signature of an explained message. */
export const signatureExplained = z.object({
  /** `d=`, `s=` and `a=`. */
  domain: z.string(),
  selector: z.string(),
  algorithm: z.string(),
  /** Does From belong to the same organization (DMARC, relaxed)? Absent where there is no From. */
  aligned: z.boolean().optional(),
  /** `t=` and `x=`; ISO 8601, UTC. */
  signedAt: z.string().optional(),
  expiresAt: z.string().optional(),
  /** What is at `<selector>._domainkey.<domain>` now. */
  key: z.enum(['answers', 'missing', 'revoked', 'broken', 'could_not_look']),
  /** The header half, with the key that DNS has now; where it has none, with the configured one. */
  header: z.enum(['verifies', 'differs', 'not_checked']),
  body: z.enum(['verifies', 'differs', 'not_supplied']),
  /** Is the key in DNS the one of the signing configuration? */
  configured: z.enum(['same', 'other', 'unknown']),
  /** What was known of the selector at the time in question, in words. */
  // biome-ignore lint/suspicious/noThenProperty: a text that tools read by this name; nobody awaits it
  then: z.string(),
});

/** Why a message was not verified, or that it is not DKIM's fault. */
export const explanation = z.object({
  /** When it was explained; ISO 8601, UTC. */
  at: z.string(),
  /** What was handed in. */
  in: z.enum(['report', 'message', 'headers']),
  /** The time in question: when the receiver took it, else when it was signed. ISO 8601, UTC. */
  time: z.object({ value: z.string().optional(), from: z.enum(['received', 'signature', 'none']) }),
  /** Why it came back, where it did. */
  report: z
    .object({
      by: z.string().optional(),
      status: z.string().optional(),
      /** What that means. */
      says: z.string(),
      diagnostic: z.string().optional(),
    })
    .optional(),
  signatures: z.array(signatureExplained),
  /** What servers on the way say of DKIM, each by its authserv-id: claims, no proof. */
  claims: z.array(z.object({ by: z.string(), dkim: z.string(), detail: z.string() })),
  /** Would an aligned signature of this message verify now, as far as that could be looked at? */
  answer: z.enum(answers).exclude(['not_applicable']),
  /** What happened, for a person. */
  sentence: z.string(),
  /** Who has to mend it; absent where there is nothing to mend, or nobody can tell who. */
  owner: z.enum(owners).optional(),
  remedy: z.string(),
  /** Ready to paste into a support case with the owner. */
  supportCase: z.string().optional(),
});

export type SignatureExplained = z.infer<typeof signatureExplained>;
export type Explanation = z.infer<typeof explanation>;
