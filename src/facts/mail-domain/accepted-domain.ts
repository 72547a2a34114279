import { z } from 'zod';

/** One row of `Get-AcceptedDomain`; `listed: false` when the tenant's list does not name the domain. */
export const acceptedDomain = z
  .object({
    listed: z.boolean(),
    domainType: z.string().optional(),
    initialDomain: z.boolean().optional(),
    isCoexistenceDomain: z.boolean().optional(),
    sendingFromDomainDisabled: z.boolean().optional(),
    pendingRemoval: z.boolean().optional(),
  })
  .meta({ title: 'accepted domain' });

export type AcceptedDomain = z.infer<typeof acceptedDomain>;
