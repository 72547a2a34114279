import { z } from 'zod';
import type { Tenant } from '../../facts/exchange-organization/cloud.ts';

const configuration = z.object({
  issuer: z.string().optional(),
  token_endpoint: z.string().optional(),
  tenant_region_scope: z.string().nullish(),
  tenant_region_sub_scope: z.string().nullish(),
  cloud_instance_name: z.string().nullish(),
});

const guid = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/i;

/**
 * Reads `/.well-known/openid-configuration` of a domain: whose tenant it is, and in which cloud.
 *
 * @returns undefined when it names no tenant
 */
export function readTenant(domain: string, body: string): Tenant['found'][number] | undefined {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return undefined;
  }
  const parsed = configuration.safeParse(value);
  if (!parsed.success) return undefined;
  const { issuer, token_endpoint: tokens } = parsed.data;
  const tenantId = (guid.exec(issuer ?? '') ?? guid.exec(tokens ?? ''))?.[0].toLowerCase();
  if (tenantId === undefined) return undefined;
  const cloud = cloudOf(parsed.data);
  const gcc = cloud === 'worldwide' && parsed.data.tenant_region_sub_scope?.toUpperCase() === 'GCC';
  return { domain, tenantId, ...(cloud === undefined ? {} : { cloud }), ...(gcc ? { gcc } : {}) };
}

/** Only a region tells the worldwide cloud from an answer that says nothing about it. GCC is part of the worldwide cloud; GCC High and DoD share a region and differ in its sub-scope. */
function cloudOf(answer: z.infer<typeof configuration>): string | undefined {
  const endpoint = answer.token_endpoint ?? '';
  const region = answer.tenant_region_scope?.toUpperCase() ?? '';
  const sub = answer.tenant_region_sub_scope?.toUpperCase() ?? '';
  if (/chinacloudapi\.cn|microsoftonline\.cn/.test(`${endpoint} ${answer.cloud_instance_name ?? ''}`))
    return '21vianet';
  if (sub === 'DOD') return 'dod';
  if (sub === 'DODCON' || region === 'USG' || region === 'USGOV' || /microsoftonline\.us/.test(endpoint))
    return 'gcc-high';
  return region === '' ? undefined : 'worldwide';
}
