import { z } from 'zod';
import { isoTime } from '../../domain/time.ts';
import { translations } from './log.ts';
import { goodForADay } from './node.ts';

export const probeOutcomes = [
  'answered',
  /** 421: the node is out of service, e.g. in maintenance. */
  'out-of-service',
  'timeout',
  'refused',
  'unreachable',
  /** Our address guard said no: nothing was sent there. */
  'not-admitted',
] as const;

/** One greeting: connect, EHLO, QUIT. */
export const probeAttempt = z.object({
  /** `address:port` as declared. */
  target: z.string(),
  via: z.enum(['vip', 'node']),
  /** The node, when it was greeted directly. */
  node: z.string().optional(),
  /** ISO 8601, UTC. */
  at: isoTime,
  outcome: z.enum(probeOutcomes),
  /** Our own end of the connection. */
  sourceAddress: z.string().optional(),
  /** First line of the 220 greeting. */
  banner: z.string().optional(),
  /** The address that the EHLO reply shows: where the server believes we come from. */
  helloAddress: z.string().optional(),
  /** The name that the EHLO reply begins with, where the greeting itself is hidden. */
  helloName: z.string().optional(),
  /** A firewall rewrites SMTP on the way (`220 ****`). */
  inspected: z.boolean(),
  startTls: z.boolean().optional(),
  elapsedMs: z.number().optional(),
  /** Why there was no answer. */
  detail: z.string().optional(),
});

/** Greetings through the VIPs and to each node directly. */
export const smtpProbe = z
  .object({ attempts: z.array(probeAttempt) })
  .meta({ title: 'live probe', goodForHours: goodForADay });

/** Attempts that collectors made from their own machines. */
export const smtpSuppliedProbes = z.array(probeAttempt).meta({ title: 'probes in fact files' });

/** What the live probe proves about the source addresses that one node sees. */
export const nodeProbeProof = z
  .object({
    translation: z.enum(translations),
    /** What the node showed through each VIP. */
    seen: z.array(z.object({ target: z.string(), address: z.string() })),
    /** The greetings that prove it name no node, so it may have been another of the pool. */
    unnamed: z.boolean(),
    /** How many load-balancer addresses are declared, the VIPs not counted. */
    declaredLoadBalancers: z.number(),
  })
  .meta({ title: 'proof by the live probe of the node', goodForHours: goodForADay });

/** Does the way through each VIP answer, while the nodes themselves do? Only ways about which something is certain. */
export const smtpVipPath = z
  .array(z.object({ vip: z.string(), outcome: z.enum(['answers', 'answers-sometimes', 'hangs', 'refused']) }))
  .meta({ title: 'path through the VIP', goodForHours: goodForADay });

/** Which nodes answered through a VIP, by the names in their greetings. */
export const smtpNodesSeen = z
  .object({
    nodes: z.array(z.string()),
    /** Names in greetings that fit no node, or several. */
    unnamed: z.array(z.string()),
    /** Greetings that were answered. */
    tries: z.number(),
  })
  .meta({ title: 'nodes seen through the VIP', goodForHours: goodForADay });

/** A node greeted directly, past the load balancer. */
export const nodeControl = z
  .object({ address: z.string(), sourceAddress: z.string().optional() })
  .meta({ title: 'direct connection to the node', goodForHours: goodForADay });

/** The opt-in relay test: MAIL FROM, RCPT TO a foreign domain, RSET; never DATA. */
export const smtpRelayTest = z
  .array(z.object({ target: z.string(), node: z.string().optional(), reply: z.string(), accepted: z.boolean() }))
  .meta({ title: 'relay test', goodForHours: goodForADay });

export type ProbeAttempt = z.infer<typeof probeAttempt>;
export type SmtpProbe = z.infer<typeof smtpProbe>;
export type NodeProbeProof = z.infer<typeof nodeProbeProof>;
export type SmtpNodesSeen = z.infer<typeof smtpNodesSeen>;
export type SmtpVipPath = z.infer<typeof smtpVipPath>;
export type SmtpRelayTest = z.infer<typeof smtpRelayTest>;
