import { z } from 'zod';
import grantsFile from '../../infra/access/grants.json' with { type: 'json' };
import { Unobtainable } from '../domain/fact-set.ts';
import type { OrganizationDocument } from '../domain/organization.ts';
import { evaluationIds } from '../domain/rule.ts';
import { type CloudTenant, endpointsOf } from '../sources/cloud-endpoints.ts';
import { type CloudHttp, createCloudHttp } from '../sources/cloud-http.ts';
import { createExchangeOnline, type ExchangeOnline } from '../sources/exchange-online/client.ts';
import { claimsOf, createTenantIdentity, type TenantIdentity } from '../sources/identity.ts';
import { grantStep } from '../sources/sign-in-failure.ts';
import { type Check, couldNotLook, missing, ok } from './check.ts';
import type { SourceOptions } from './sources.ts';

const role = z.object({ id: z.guid(), name: z.string() });
const common = {
  id: z.string(),
  role,
  evaluations: z.array(z.enum(evaluationIds)),
  required: z.boolean(),
  without: z.string(),
};

/** The list of grants: the access scripts grant it, the pages describe it, and this looks whether it was done. */
const grants = z.object({
  grants: z.array(
    z.discriminatedUnion('kind', [
      z.object({ kind: z.literal('app-role'), resource: z.enum(['exchange-online', 'graph']), ...common }),
      z.object({ kind: z.literal('directory-role'), ...common }),
    ]),
  ),
});

type Grant = z.infer<typeof grants>['grants'][number];

/** What only a holder of a directory role may ask, by role. The answers are not looked at. */
const askedOfRole: Readonly<Record<string, { cmdlet: string; parameters: Readonly<Record<string, unknown>> }>> = {
  'security-reader': { cmdlet: 'Get-AcceptedDomain', parameters: { ResultSize: 1 } },
  'global-reader': { cmdlet: 'Get-OrganizationConfig', parameters: {} },
};

const limitMs = 20_000;

interface Access {
  readonly http: CloudHttp;
  readonly identity: TenantIdentity;
  readonly exchangeOnline: ExchangeOnline;
}

/** Endpoints and grants of every organization whose evaluations read a tenant. Without an identity nothing is asked. */
export async function examineTenants(
  documents: readonly OrganizationDocument[],
  { identity: settings, endpoints = {} }: SourceOptions,
  ca: readonly string[],
): Promise<readonly Check[]> {
  const wanted = documents.filter((document) => grantsOf(document).length > 0);
  if (settings === undefined) return wanted.flatMap((document) => notLooked(document, noIdentity));
  const http = createCloudHttp({ ca, patienceMs: limitMs, tryLimitMs: limitMs / 2 });
  try {
    const identity = createTenantIdentity(settings, { endpoints, ca });
    if (identity === undefined) return wanted.flatMap((document) => notLooked(document, noIdentity));
    const access = { http, identity, exchangeOnline: createExchangeOnline({ http, identity, endpoints }) };
    const clouds = new Set(wanted.map(({ tenant }) => tenant?.cloud ?? 'worldwide'));
    const reached = [...clouds].flatMap((cloud) => {
      const { login, graph, exchangeOnline } = endpointsOf(cloud, endpoints);
      return [
        examineEndpoint(http, 'login', login),
        examineEndpoint(http, 'graph', graph),
        examineEndpoint(http, 'exchange-online', exchangeOnline),
      ];
    });
    const granted = wanted.map((document) => examineGrants(document, access));
    return (await Promise.all([Promise.all(reached), ...granted])).flat();
  } catch (error) {
    // The settings of the identity contradict each other; the sentence says how.
    const detail = error instanceof Error ? error.message : String(error);
    return [missing('setting', 'identity', detail, 'Correct these settings, then restart the app.')];
  } finally {
    http.close();
  }
}

function grantsOf(document: OrganizationDocument): readonly Grant[] {
  return grants
    .parse(grantsFile)
    .grants.filter(({ evaluations }) => evaluations.some((id) => document.evaluations[id] !== undefined));
}

const noIdentity = {
  why: 'no identity is configured that could sign in',
  step: 'In Azure the deployment sets FIELDCHECK_IDENTITY_CLIENT_ID; elsewhere set FIELDCHECK_CLIENT_ID and FIELDCHECK_CLIENT_CERTIFICATE. Without, supply facts from exports.',
};

function notLooked(
  document: OrganizationDocument,
  { why, step }: { readonly why: string; readonly step: string },
): readonly Check[] {
  return grantsOf(document).map((grant) => ({
    ...couldNotLook('grant', nameOf(grant, document), why, step),
    ...(grant.required ? {} : { optional: true }),
  }));
}

function nameOf({ role: { name } }: Grant, { id }: OrganizationDocument): string {
  return `${name} in the tenant of ${id}`;
}

/** Any answer will do: what is looked for is the way. */
async function examineEndpoint(http: CloudHttp, service: string, address: string): Promise<Check> {
  const url = new URL(address);
  try {
    await http.send({
      service: url.host,
      pace: { key: service, perSecond: 10 },
      url,
      method: 'GET',
      headers: {},
      signal: AbortSignal.timeout(limitMs),
    });
    return ok('endpoint', url.host, 'answers');
  } catch (error) {
    // A redirect is an answer.
    if (error instanceof Unobtainable && error.reason === 'refused') return ok('endpoint', url.host, 'answers');
    return missing(
      'endpoint',
      url.host,
      error instanceof Error ? error.message : String(error),
      `Let https out to ${url.host}, or correct FIELDCHECK_ENDPOINT_… when it is not the one you mean.`,
    );
  }
}

async function examineGrants(document: OrganizationDocument, access: Access): Promise<readonly Check[]> {
  const id = document.tenant?.id;
  if (id === undefined) {
    return notLooked(document, {
      why: 'its document names no tenant',
      step: `Add "tenant": { "id": "…" } to the document of ${document.id}.`,
    });
  }
  const tenant: CloudTenant = { id, cloud: document.tenant?.cloud ?? 'worldwide' };
  return Promise.all(
    grantsOf(document).map(async (grant): Promise<Check> => {
      const found = await examineGrant(grant, nameOf(grant, document), tenant, access);
      if (found.state === 'ok' || grant.required) return found;
      return { ...found, detail: `${found.detail}. ${grant.without}`, optional: true };
    }),
  );
}

async function examineGrant(grant: Grant, what: string, tenant: CloudTenant, access: Access): Promise<Check> {
  const evaluations = grant.evaluations.join(',');
  const step = `As an administrator of tenant ${tenant.id} run ${grantStep(access.identity.clientIdFor(tenant), evaluations)}`;
  try {
    if (grant.kind === 'app-role') {
      const service = grant.resource === 'graph' ? 'graph' : 'exchangeOnline';
      const { readable, roles = [] } = claimsOf(await access.identity.token(tenant, service));
      if (!readable) return couldNotLook('grant', what, 'the token does not say what it allows', step);
      return roles.includes(grant.role.name)
        ? ok('grant', what, 'granted')
        : missing('grant', what, 'not granted: the token does not hold it', step);
    }
    const asked = askedOfRole[grant.id];
    if (asked === undefined) return couldNotLook('grant', what, 'nothing is known that only this role may ask', step);
    await access.exchangeOnline.invoke(tenant, asked.cmdlet, asked.parameters, AbortSignal.timeout(limitMs));
    return ok('grant', what, `${asked.cmdlet} is allowed`);
  } catch (error) {
    if (!(error instanceof Unobtainable)) throw error;
    return error.reason === 'denied'
      ? missing('grant', what, error.message, step)
      : couldNotLook('grant', what, error.message, 'Mend the way to the endpoints above, then look again.');
  }
}
