import { z } from 'zod';
import { domainName } from '../../domain/domain-name.ts';
import { notOwned } from '../../domain/json.ts';
import { tenantProperties } from '../../domain/tenant.ts';

/** Selectors that Exchange Online signs with. */
export const usualSelectors = ['selector1', 'selector2'];

export const selectorName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, { error: 'is no selector name' })
  .refine(...notOwned);

/** A mail domain of an organization. */
export const mailDomain = z.strictObject({
  kind: z.literal('mail-domain'),
  /** The domain in lower case, IDN as A-labels; also what a run calls its subject. */
  id: domainName,
  /** Selectors to look at when no signing configuration says which ones there are. */
  selectors: z.array(selectorName).default(usualSelectors),
  /** Set when the organization watches other things about this domain, but not this: the pattern that says so. */
  ignoredBy: z.string().optional(),
  ...tenantProperties,
});

export type MailDomain = z.infer<typeof mailDomain>;
