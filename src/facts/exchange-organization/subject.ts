import { z } from 'zod';
import { clouds } from '../../domain/cloud.ts';
import { declaration } from '../../domain/declaration.ts';
import { domainName } from '../../domain/domain-name.ts';
import { notOwned } from '../../domain/json.ts';
import { tenantProperties } from '../../domain/tenant.ts';

/** What an organization wants of Teams besides the calendar. */
export const intents = ['delegates', 'presence', 'voicemail', 'compliance', 'rich-coexistence'] as const;

/** An Exchange organization: what of it is asked about, and where to look. */
export const exchangeOrganization = z.strictObject({
  kind: z.literal('exchange-organization'),
  id: z.string().refine(...notOwned),
  domains: z.array(domainName).default([]),
  hosts: z.array(domainName).default([]),
  sampleUsers: z.array(z.string()).default([]),
  intents: z.array(z.enum(intents)).default([]),
  declared: z.array(declaration).default([]),
  ...tenantProperties,
  cloud: z.enum(clouds).default('worldwide'),
});

export type ExchangeOrganization = z.infer<typeof exchangeOrganization>;
