import { z } from 'zod';
import { isoTime } from '../../domain/time.ts';

/** `partial`: some sessions come from the load balancer, some do not. */
export const translations = ['source-nat', 'partial', 'preserved'] as const;
export type Translation = (typeof translations)[number];

/** An address that is not the load balancer's, and under how many names it greets. */
const speaker = z.object({ address: z.string(), mailSessions: z.number(), ehloNames: z.number() });

/** The receive log of the declared nodes' load-balanced connectors, in counts. Sessions of Exchange with itself are left out. */
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
      /** Of these, sessions of monitors: addresses of the load balancer that know one greeting name at most. */
      monitorMailSessions: z.number(),
      probeSessions: z.number(),
      ehloNames: z.number(),
      /** Sessions, monitors aside, that were granted SMTPAcceptAnyRecipient before signing in, and on which connectors (`NODE/connector`). */
      anyRecipientSessions: z.number(),
      anyRecipientConnectors: z.array(z.string()),
    }),
    nodes: z.array(z.object({ name: z.string(), mailSessions: z.number(), fromLoadBalancer: z.number() })),
    /** The addresses with most mail sessions that are not the load balancer's, at most 20. */
    busiest: z.array(speaker),
    /** Addresses that were granted SMTPAcceptAnyRecipient before signing in and that `relayClients` does not hold, most sessions first, at most 20. */
    unapprovedRelay: z.array(z.object({ address: z.string(), sessions: z.number(), connectors: z.array(z.string()) })),
    /** What was given and does not count: servers that are no node, other ports, files that are no receive log. */
    strangers: z.array(z.object({ server: z.string(), sessions: z.number() })),
    otherPorts: z.array(z.object({ port: z.number(), sessions: z.number() })),
    noReceiveLogs: z.array(z.object({ kind: z.string(), files: z.number() })),
    /** Files that could not be read to their end; what was read of them counts. */
    unreadable: z.array(z.object({ file: z.string(), why: z.string() })).default([]),
  })
  .meta({ title: 'receive log' });

/** The receive log of one node, in counts. */
export const nodeLog = z
  .object({
    /** ISO 8601, UTC: newest row of a session on a load-balanced port. */
    newestLoadBalanced: z.string().optional(),
    /** Mail sessions that say something about the load-balanced service: at the VIP, or from the load balancer. */
    mailSessions: z.number(),
    /** Of these, from the load balancer; monitors and its own mail (alerts) are in neither. */
    fromLoadBalancer: z.number(),
    clientAddresses: z.number(),
    ownMailSessions: z.number(),
    /** In mode `dsr`: mail sessions of clients with another address of the node, which prove nothing about the VIP. */
    pastVip: z.number(),
    /** All mail sessions of clients: at the VIP and past it. */
    clientMailSessions: z.number(),
    /** Of those, how many the log does not tell at which address of the node (Postfix). */
    localNotTold: z.number().optional(),
    /** Addresses that speak for many, and nobody declared, with their greeting names (in a Postfix log: domains of senders); empty unless they send a good part of the mail, or of a family's. */
    suspects: z.array(speaker),
  })
  .meta({ title: 'receive log of the node' });

/** What the receive log of one node proves about source addresses; as old as the newest row it looked at. */
export const nodeLogProof = z
  .object({
    translation: z.enum(translations),
    /** Without monitors and the load balancer's own mail. */
    mailSessions: z.number(),
    fromLoadBalancer: z.number(),
    clientAddresses: z.number(),
    /** Mail of the load balancer itself (alerts, monitors), taken out first. */
    ownMailSessions: z.number(),
    localNotTold: z.number().optional(),
  })
  .meta({ title: 'proof by the receive log of the node', goodForHours: 24 });

/** To which of its addresses clients were connected: the VIP with Direct Server Return, else the node's own. */
export const smtpLogLocalAddress = z
  .object({ mailSessions: z.number(), toVip: z.number() })
  .meta({ title: 'local addresses in the receive log' });

export type SmtpLog = z.infer<typeof smtpLog>;
export type NodeLog = z.infer<typeof nodeLog>;
export type NodeLogProof = z.infer<typeof nodeLogProof>;

/** A load balancer that mails alerts: less than this share of the mail sessions, and at most this many EHLO names. */
const ownMailShare = 0.1;
const ownMailNames = 2;

/** Is what the load balancer sends its own mail (alerts), rather than that of clients it hides? */
export function isOwnMail({
  mailSessions,
  fromLoadBalancer,
  ehloNames,
}: {
  readonly mailSessions: number;
  readonly fromLoadBalancer: number;
  readonly ehloNames: number;
}): boolean {
  return fromLoadBalancer > 0 && fromLoadBalancer / mailSessions < ownMailShare && ehloNames <= ownMailNames;
}
