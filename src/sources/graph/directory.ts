import { z } from 'zod';
import { Unobtainable } from '../../domain/fact-set.ts';
import type { ExchangeOnlineIncidents } from '../../facts/exchange-online-incidents.ts';
import type { CloudTenant } from '../cloud-endpoints.ts';
import type { Graph } from './client.ts';

/** A domain of the tenant, as Entra ID has it. */
export interface EntraDomain {
  readonly name: string;
  readonly verified: boolean;
  /** Entra ID counts on it for mail (`supportedServices` has Email). */
  readonly mail: boolean;
}

/** A DNS record that Microsoft expects for a service of a domain. */
export interface ExpectedRecord {
  readonly type: string;
  readonly name: string;
  /** The service, e.g. `Email`. */
  readonly service: string;
  readonly optional: boolean;
  /** Target of a CNAME or SRV, mail exchange of an MX, text of a TXT record. */
  readonly value: string;
}

/** A subscription and how far it is used. */
export interface SubscribedSku {
  readonly name: string;
  readonly enabled: number;
  readonly consumed: number;
  /** Ids of the service plans that are provisioned in it. */
  readonly plans: readonly string[];
}

const domain = z.object({
  id: z.string(),
  isVerified: z.boolean().nullish(),
  supportedServices: z.array(z.string()).nullish(),
});

/** `GET /domains` (Domain.Read.All): verified and not yet verified ones. */
export async function entraDomains(graph: Graph, tenant: CloudTenant, signal: AbortSignal): Promise<EntraDomain[]> {
  const path = '/v1.0/domains?$select=id,isVerified,supportedServices';
  return (await graph.list(tenant, path, signal)).map((row) => {
    const { id, isVerified, supportedServices } = read('domains', domain, row);
    return {
      name: id.toLowerCase(),
      verified: isVerified === true,
      mail: supportedServices?.includes('Email') === true,
    };
  });
}

const record = z.object({
  recordType: z.string(),
  label: z.string(),
  supportedService: z.string().nullish(),
  isOptional: z.boolean().nullish(),
  canonicalName: z.string().optional(),
  mailExchange: z.string().optional(),
  nameTarget: z.string().optional(),
  text: z.string().optional(),
});

/** `GET /domains/{id}/serviceConfigurationRecords` (Domain.Read.All). */
export async function expectedRecords(
  graph: Graph,
  tenant: CloudTenant,
  name: string,
  signal: AbortSignal,
): Promise<ExpectedRecord[]> {
  const path = `/v1.0/domains/${encodeURIComponent(name)}/serviceConfigurationRecords`;
  return (await graph.list(tenant, path, signal)).map((row) => {
    const one = read('serviceConfigurationRecords', record, row);
    return {
      type: one.recordType.toUpperCase(),
      name: one.label.toLowerCase(),
      service: one.supportedService ?? '',
      optional: one.isOptional === true,
      value: one.canonicalName ?? one.mailExchange ?? one.nameTarget ?? one.text ?? '',
    };
  });
}

const sku = z.object({
  skuPartNumber: z.string(),
  consumedUnits: z.number().nullish(),
  prepaidUnits: z.object({ enabled: z.number().nullish() }).nullish(),
  servicePlans: z.array(z.object({ servicePlanId: z.string(), provisioningStatus: z.string().nullish() })).nullish(),
});

/** `GET /subscribedSkus` (Organization.Read.All, or LicenseAssignment.Read.All). */
export async function subscribedSkus(graph: Graph, tenant: CloudTenant, signal: AbortSignal): Promise<SubscribedSku[]> {
  const path = '/v1.0/subscribedSkus?$select=skuPartNumber,consumedUnits,prepaidUnits,servicePlans';
  return (await graph.list(tenant, path, signal)).map((row) => {
    const one = read('subscribedSkus', sku, row);
    return {
      name: one.skuPartNumber,
      enabled: one.prepaidUnits?.enabled ?? 0,
      consumed: one.consumedUnits ?? 0,
      plans: (one.servicePlans ?? [])
        .filter(({ provisioningStatus }) => provisioningStatus === 'Success')
        .map(({ servicePlanId }) => servicePlanId.toLowerCase()),
    };
  });
}

const issue = z.object({
  id: z.string(),
  title: z.string(),
  service: z.string(),
  startDateTime: z.string(),
  isResolved: z.boolean().nullish(),
});

/** `GET /admin/serviceAnnouncement/issues` (ServiceHealth.Read.All): what is open for Exchange Online, oldest first. */
export async function openExchangeIssues(
  graph: Graph,
  tenant: CloudTenant,
  signal: AbortSignal,
): Promise<ExchangeOnlineIncidents['incidents']> {
  const path = "/v1.0/admin/serviceAnnouncement/issues?$filter=service eq 'Exchange Online' and isResolved eq false";
  return (await graph.list(tenant, path, signal))
    .map((row) => read('serviceAnnouncement/issues', issue, row))
    .filter(({ service, isResolved }) => service === 'Exchange Online' && isResolved !== true)
    .map(({ id, title, startDateTime }) => ({ id, title, since: new Date(startDateTime).toISOString() }))
    .sort((a, b) => (a.since < b.since ? -1 : 1));
}

function read<T extends z.ZodType>(what: string, schema: T, value: unknown): z.infer<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [fault] = parsed.error.issues;
  throw new Unobtainable(
    'malformed',
    `what Microsoft Graph sent of ${what} is not as documented: ${fault?.path.join('.')}: ${fault?.message}`,
  );
}
