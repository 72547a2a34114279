import { z } from 'zod';
import { type Cloud, clouds } from './cloud.ts';

/** A Microsoft 365 tenant, and the cloud it lives in. */
export interface CloudTenant {
  /** Its GUID. */
  readonly id: string;
  readonly cloud: Cloud;
}

/** The properties of a subject that belongs to a tenant, where it is known: what only the tenant knows is asked there. */
export const tenantProperties = { tenantId: z.string().optional(), cloud: z.enum(clouds).optional() };

/** A subject that may belong to a tenant. */
export interface OfTenant {
  readonly tenantId?: string | undefined;
  readonly cloud?: Cloud | undefined;
}

/** The tenant that a subject belongs to; undefined when nobody said. */
export function tenantOf({ tenantId, cloud = 'worldwide' }: OfTenant): CloudTenant | undefined {
  return tenantId === undefined ? undefined : { id: tenantId, cloud };
}
