import { z } from 'zod';
import { parseEndpoint } from '../../domain/ip-range.ts';
import { notOwned } from '../../domain/json.ts';

const address = z.union([z.ipv4(), z.ipv6()], { error: 'is no IP address; write e.g. 192.0.2.11' });

/** One node behind the load balancer. `address` is where the node itself answers. */
const smtpNode = z.strictObject({
  name: z
    .string()
    .min(1)
    .refine(...notOwned),
  address,
});

const addressOrRange = z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()], {
  error: 'is no IP address and no CIDR range; write e.g. 192.0.2.5 or 192.0.2.0/24',
});

/** `address:port`, an IPv6 address in brackets. */
const noVip = 'is no VIP; write address:port, e.g. 192.0.2.25:25 or [2001:db8::25]:25';
const endpoint = z
  .string()
  .regex(/^(\d{1,3}(\.\d{1,3}){3}|\[[0-9a-fA-F:.]+\]):\d{1,5}$/, { error: noVip, abort: true })
  .refine((text) => (parseEndpoint(text)?.port ?? 0) > 0, { error: noVip });

/** One `services` entry of the organization document: a load-balanced SMTP service. */
export const smtpServiceDeclaration = z.strictObject({
  id: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, { error: 'is no service id; use lower-case letters, digits and hyphens' })
    .refine(...notOwned),
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

/** A load-balanced SMTP service as a subject. */
export const smtpService = smtpServiceDeclaration.extend({ kind: z.literal('smtp-service') });

export type SmtpService = z.infer<typeof smtpService>;
