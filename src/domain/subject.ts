import { z } from 'zod';
import { domainName } from './domain-name.ts';

export const clouds = ['worldwide', 'gcc-high', 'dod', '21vianet'] as const;
export type Cloud = (typeof clouds)[number];

/** A mail domain: what `dkim` looks at. */
export const mailDomain = z.strictObject({
  kind: z.literal('mail-domain'),
  /** The domain in lower case, IDN as A-labels; also what a run calls its subject. */
  id: domainName,
  /** Selectors to look at when no signing configuration says which ones there are. */
  selectors: z.array(z.string()).default(['selector1', 'selector2']),
  /** Set when the organization watches other things about this domain, but not this: the pattern that says so. */
  ignoredBy: z.string().optional(),
  /** The tenant that the domain belongs to, where it is known: Exchange Online is asked there. */
  tenantId: z.string().optional(),
  cloud: z.enum(clouds).optional(),
});

/** A dated word of a person about something nobody can read. */
export const declaration = z.strictObject({
  statement: z.string().min(1),
  value: z.unknown(),
  by: z.string().min(1),
  at: z.iso.date(),
  expires: z.iso.date().optional(),
});

export const intents = ['delegates', 'presence', 'voicemail', 'compliance', 'rich-coexistence'] as const;

/** An Exchange organization: what `teams-exchange-interop` looks at. */
export const exchangeOrganization = z.strictObject({
  kind: z.literal('exchange-organization'),
  id: z.string(),
  domains: z.array(domainName).default([]),
  hosts: z.array(domainName).default([]),
  sampleUsers: z.array(z.string()).default([]),
  intents: z.array(z.enum(intents)).default([]),
  declared: z.array(declaration).default([]),
  tenantId: z.string().optional(),
  cloud: z.enum(clouds).default('worldwide'),
});

/** One node behind the load balancer. `address` is where the node itself answers. */
const smtpNode = z.strictObject({ name: z.string().min(1), address: z.union([z.ipv4(), z.ipv6()]) });

const addressOrRange = z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()], {
  error: 'is no IP address and no CIDR range; write e.g. 192.0.2.5 or 192.0.2.0/24',
});

/** `address:port`, an IPv6 address in brackets. */
const endpoint = z.string().regex(/^(\d{1,3}(\.\d{1,3}){3}|\[[0-9a-fA-F:.]+\]):\d{1,5}$/, {
  error: 'is no VIP; write address:port, e.g. 192.0.2.25:25 or [2001:db8::25]:25',
});

/** One `services` entry of the organization document: a load-balanced SMTP service. */
export const smtpServiceDeclaration = z.strictObject({
  id: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, { error: 'is no service id; use lower-case letters, digits and hyphens' }),
  mode: z.enum(['dsr', 'transparent', 'snat-accepted']).default('dsr'),
  vips: z.array(endpoint).min(1),
  loadBalancerAddresses: z.array(addressOrRange).default([]),
  probeAddresses: z.array(addressOrRange).default([]),
  proberAddresses: z.array(addressOrRange).default([]),
  nodes: z.array(smtpNode).min(1),
  relayClients: z.array(addressOrRange).default([]),
  lanAlias: z.string().optional(),
  loopbackAlias: z.string().optional(),
});

/** A load-balanced SMTP service: what `smtp-source-ip` looks at. */
export const smtpService = smtpServiceDeclaration.extend({ kind: z.literal('smtp-service') });

export const subject = z.discriminatedUnion('kind', [mailDomain, exchangeOrganization, smtpService]);

export type MailDomain = z.infer<typeof mailDomain>;
export type ExchangeOrganization = z.infer<typeof exchangeOrganization>;
export type SmtpService = z.infer<typeof smtpService>;
export type Subject = z.infer<typeof subject>;
export type SubjectKind = Subject['kind'];
