import { z } from 'zod';
import { isAmong, parseEndpoint, plainAddress } from '../../domain/ip-range.ts';
import { notOwned } from '../../domain/json.ts';

const address = z.union([z.ipv4(), z.ipv6()], {
  error: ({ input }) =>
    typeof input === 'string' && parseEndpoint(input)?.port !== undefined
      ? 'is no IP address but one with a port; write e.g. 192.0.2.11: translated ports are not supported, nodes are judged at the ports of the VIPs'
      : 'is no IP address; write e.g. 192.0.2.11',
});

/** One node behind the load balancer. `address` is where the node itself answers. */
const smtpNode = z.strictObject({
  name: z
    .string()
    .min(1)
    .refine(...notOwned)
    .describe('The name of the server.'),
  address: address.describe('The address at which the node itself answers, not the VIP.'),
  system: z
    .enum(['windows', 'linux'], { error: 'is neither windows nor linux' })
    .default('windows')
    .describe('What the server runs: windows with Exchange, or linux with Postfix.'),
});

/** Of two entries for one server the facts of one would count for both, and another server would not be looked at. */
function eachOnce(nodes: readonly z.infer<typeof smtpNode>[], context: z.RefinementCtx): void {
  for (const [index, { name, address: own }] of nodes.entries()) {
    const before = nodes.slice(0, index);
    const same = (key: 'name' | 'address', message: string) =>
      context.addIssue({ code: 'custom', path: [index, key], message, input: nodes });
    if (before.some((one) => one.name.toLowerCase() === name.toLowerCase())) {
      same('name', `${name} stands there twice; every server is one node`);
    } else if (before.some((one) => plainAddress(one.address) === plainAddress(own))) {
      same(
        'address',
        `${own} is the address of ${before.find((one) => plainAddress(one.address) === plainAddress(own))?.name}, too; every server has its own`,
      );
    }
  }
}

const addressOrRange = z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()], {
  error: 'is no IP address and no CIDR range; write e.g. 192.0.2.5 or 192.0.2.0/24',
});

/** Unspecified, multicast and broadcast: nobody is there to be connected to. */
const nobodysAddresses = ['0.0.0.0/8', '224.0.0.0/3', '::/128', 'ff00::/8'];

/** `address:port`, an IPv6 address in brackets. */
const noVip = 'is no VIP; write address:port, e.g. 192.0.2.25:25 or [2001:db8::25]:25';
const endpoint = z
  .string()
  .regex(/^(\d{1,3}(\.\d{1,3}){3}|\[[0-9a-fA-F:.]+\]):\d{1,5}$/, { error: noVip, abort: true })
  .refine((text) => (parseEndpoint(text)?.port ?? 0) > 0, { error: noVip, abort: true })
  .refine((text) => !isAmong(parseEndpoint(text)?.address ?? '', nobodysAddresses), {
    error: 'is no VIP but an address that no connection leads to; write that at which clients reach the service',
  });

/** One `services` entry of the organization document: a load-balanced SMTP service. */
export const smtpServiceDeclaration = z.strictObject({
  id: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, { error: 'is no service id; use lower-case letters, digits and hyphens' })
    .refine(...notOwned)
    .describe('What the service is called in addresses, keys and reports.'),
  mode: z
    .enum(['dsr', 'transparent', 'snat-accepted', 'proxy-protocol'], {
      error:
        'is none of dsr, transparent, snat-accepted and proxy-protocol; Windows Network Load Balancing is not supported, since its nodes share the VIP on their LAN cards and nothing stands before them',
    })
    .default('dsr')
    .describe(
      'How the load balancer works: Direct Server Return, transparent (replies go back through it), source NAT that is accepted, or the PROXY protocol, which Exchange does not speak.',
    ),
  vips: z
    .array(endpoint)
    .min(1)
    .describe('Where clients reach the service: address:port, an IPv6 address in brackets.'),
  loadBalancerAddresses: z
    .array(addressOrRange)
    .default([])
    .describe("The load balancer's own addresses, as nodes see them, as addresses or CIDR ranges."),
  probeAddresses: z
    .array(addressOrRange)
    .default([])
    .describe('Where health probes come from, as addresses or CIDR ranges.'),
  proberAddresses: z
    .array(addressOrRange)
    .default([])
    .describe('Where a live probe of fieldcheck is expected to be seen from, as addresses or CIDR ranges.'),
  nodes: z.array(smtpNode).min(1).superRefine(eachOnce).describe('The servers behind the load balancer.'),
  relayClients: z
    .array(addressOrRange)
    .default([])
    .describe('Who may relay without signing in, as addresses or CIDR ranges.'),
  lanAlias: z.string().optional().describe('The name of the network card on the LAN, as Windows shows it.'),
  loopbackAlias: z
    .string()
    .optional()
    .describe('The name of the loopback adapter that carries the VIP, as Windows shows it.'),
});

/** A load-balanced SMTP service as a subject. */
export const smtpService = smtpServiceDeclaration.extend({ kind: z.literal('smtp-service') });

export type SmtpService = z.infer<typeof smtpService>;
