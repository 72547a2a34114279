import { z } from 'zod';
import { Unobtainable } from '../../domain/fact-set.ts';
import type { CloudTenant } from '../../domain/tenant.ts';
import type { ExchangeOnlineIncidents } from '../../facts/mail-domain/exchange-online-incidents.ts';
import type { Graph } from './client.ts';

/** A domain of the tenant, as Entra ID has it. */
export interface EntraDomain {
  readonly name: string;
  readonly verified: boolean;
  /** Entra ID counts on it for mail (`supportedServices` has Email). */
  readonly mail: boolean;
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
