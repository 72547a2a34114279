import { z } from 'zod';
import { isoTime } from '../../domain/time.ts';

/** The receive log of the load-balanced connectors, in counts. Sessions of Exchange with itself are left out. */
export const smtpLog = z
  .object({
    /** ISO 8601, UTC: oldest and newest row. */
    from: isoTime.optional(),
    to: isoTime.optional(),
    /** ISO 8601, UTC: newest row of a session on a load-balanced port. */
    newestLoadBalanced: isoTime.optional(),
    files: z.number(),
    rows: z.number(),
    malformedRows: z.number(),
    /** Not everything was read. */
    truncated: z.boolean(),
    sessions: z.number(),
    /** Sessions in which a client said MAIL FROM; the others are probe-shaped. */
    mailSessions: z.number(),
    /** Addresses other than the load balancer's that sent mail. */
    clientAddresses: z.number(),
    /** From the declared load-balancer addresses and the VIPs. */
    loadBalancer: z.object({
      mailSessions: z.number(),
      probeSessions: z.number(),
      ehloNames: z.number(),
      /** Sessions that were granted SMTPAcceptAnyRecipient, and on which connectors (`NODE/connector`). */
      anyRecipientSessions: z.number(),
      anyRecipientConnectors: z.array(z.string()),
    }),
    nodes: z.array(z.object({ name: z.string(), mailSessions: z.number(), fromLoadBalancer: z.number() })),
    /** The addresses with most mail sessions that are not the load balancer's, at most 20. */
    busiest: z.array(z.object({ address: z.string(), mailSessions: z.number(), ehloNames: z.number() })),
  })
  .meta({ title: 'receive log' });

/** `partial`: some sessions come from the load balancer, some do not. */
export const translations = ['source-nat', 'partial', 'preserved'] as const;

/** What the receive log proves about source addresses; as old as the newest row it looked at. */
export const smtpLogProof = z
  .object({
    translation: z.enum(translations),
    /** Without the load balancer's own mail. */
    mailSessions: z.number(),
    fromLoadBalancer: z.number(),
    clientAddresses: z.number(),
    /** Mail of the load balancer itself (alerts), taken out first. */
    ownMailSessions: z.number(),
  })
  .meta({ title: 'proof by the receive log', goodForHours: 24 });

/** To which of its addresses clients were connected: the VIP with Direct Server Return, else the node's own. */
export const smtpLogLocalAddress = z
  .object({ mailSessions: z.number(), toVip: z.number() })
  .meta({ title: 'local addresses in the receive log' });

export type SmtpLog = z.infer<typeof smtpLog>;
export type SmtpLogProof = z.infer<typeof smtpLogProof>;

/** A load balancer that mails alerts: less than this share of the mail sessions, and at most this many EHLO names. */
const ownMailShare = 0.1;
const ownMailNames = 2;

/** Is what the load balancer sends its own mail (alerts), rather than that of clients it hides? */
export function isOwnMail({ mailSessions, loadBalancer }: SmtpLog): boolean {
  return (
    loadBalancer.mailSessions > 0 &&
    loadBalancer.mailSessions / mailSessions < ownMailShare &&
    loadBalancer.ehloNames <= ownMailNames
  );
}
