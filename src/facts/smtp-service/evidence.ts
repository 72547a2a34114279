import { z } from 'zod';
import { isoTime } from '../../domain/time.ts';
import { translations } from './log.ts';
import { goodForADay } from './node.ts';

/** What is known about source NAT before each node, from the best proof there is about it; `not-known` without any. */
export const smtpSourceNat = z
  .record(
    z.string(),
    z.object({
      translation: z.enum([...translations, 'not-known']),
      proof: z.enum(['probe', 'log']).optional(),
      /** One sentence: what showed it, or why nothing did. */
      because: z.string(),
    }),
  )
  .meta({ title: 'knowledge of source NAT' });

/** The kinds of evidence side by side; there are two at least. */
export const smtpEvidence = z
  .object({
    /** VIP on the loopback adapter of all nodes, of some, of none. */
    configuration: z.enum(['ready', 'partly', 'none']).optional(),
    /** By node, where they prove something. */
    log: z.record(z.string(), z.enum(translations)),
    probe: z.record(z.string(), z.enum(translations)),
  })
  .meta({ title: 'evidence side by side', goodForHours: goodForADay });

/** What was accepted as right on a day, as settings by node. */
export const smtpBaseline = z
  .object({
    /** ISO 8601, UTC. */
    acceptedAt: isoTime,
    by: z.string().optional(),
    /** ISO 8601, UTC: when the oldest of the settings were collected; whatever changed since is not what was accepted. */
    collectedAt: isoTime.optional(),
    nodes: z.record(z.string(), z.record(z.string(), z.string())),
  })
  .meta({ title: 'accepted baseline' });

export type SmtpSourceNat = z.infer<typeof smtpSourceNat>;
export type SmtpEvidence = z.infer<typeof smtpEvidence>;
export type SmtpBaseline = z.infer<typeof smtpBaseline>;
