import { Unobtainable } from '../../domain/fact-set.ts';
import type { OrganizationDocument } from '../../domain/organization.ts';
import type { CloudTenant } from '../../domain/tenant.ts';
import type { Registry } from '../../evaluations/registry.ts';
import type { Http } from '../../http/client.ts';
import { createPatientHttp, type PatientHttp } from '../../http/retry.ts';
import { endpointsOf } from '../../sources/cloud-endpoints.ts';
import { createExchangeOnline, type ExchangeOnline } from '../../sources/exchange-online/client.ts';
import { type Grant, grantStep, grants } from '../../sources/grants.ts';
import { claimsOf, createTenantIdentity, type TenantIdentity } from '../../sources/identity.ts';
import type { WorldOptions } from '../../sources/world.ts';
import { type Check, couldNotLook, missing, ok } from './check.ts';

/** What only a holder of a directory role may ask, by role. The answers are not looked at. */
const askedOfRole: Readonly<Record<string, { cmdlet: string; parameters: Readonly<Record<string, unknown>> }>> = {
  'security-reader': { cmdlet: 'Get-AcceptedDomain', parameters: { ResultSize: 1 } },
  'global-reader': { cmdlet: 'Get-OrganizationConfig', parameters: {} },
};

const limitMs = 20_000;

/** Whoever asks waits for the answer, and asks again. */
const patience = { patienceMs: limitMs, tryLimitMs: limitMs / 2, backOffSeconds: [1] };

interface Access {
  readonly identity: TenantIdentity;
  readonly exchangeOnline: ExchangeOnline;
}

/** Endpoints and grants of every organization whose evaluations read a tenant. Without an identity nothing is asked. */
export async function examineTenants(
  evaluations: Registry,
  documents: readonly OrganizationDocument[],
  { identity: settings, endpoints = {}, tenantRequestsPerSecond: requestsPerSecond }: WorldOptions,
  connections: Http,
): Promise<readonly Check[]> {
  const wanted = documents
    .map((document): Asked => ({ document, grants: grantsOf(evaluations, document) }))
    .filter((asked) => asked.grants.length > 0);
  if (settings === undefined) return wanted.flatMap((asked) => notLooked(asked, noIdentity));
  const http = createPatientHttp(connections, patience);
  try {
    const identity = createTenantIdentity(settings, { endpoints, roots: connections.roots });
    if (identity === undefined) return wanted.flatMap((asked) => notLooked(asked, noIdentity));
    const access = { identity, exchangeOnline: createExchangeOnline({ http, identity, endpoints, requestsPerSecond }) };
    const clouds = new Set(wanted.map(({ document }) => document.tenant?.cloud ?? 'worldwide'));
    const reached = [...clouds].flatMap((cloud) => {
      const { login, graph, exchangeOnline } = endpointsOf(cloud, endpoints);
      return [
        examineEndpoint(http, 'login', login),
        examineEndpoint(http, 'graph', graph),
        examineEndpoint(http, 'exchange-online', exchangeOnline),
      ];
    });
    const granted = wanted.map((asked) => examineGrants(asked, access));
    return (await Promise.all([Promise.all(reached), ...granted])).flat();
  } catch (error) {
    // The settings of the identity contradict each other; the sentence says how.
    const detail = error instanceof Error ? error.message : String(error);
    return [missing('setting', 'identity', detail, 'Correct these settings, then restart the app.')];
  }
}

/** An organization, and what its evaluations may ask of its tenant. */
interface Asked {
  readonly document: OrganizationDocument;
  readonly grants: readonly Grant[];
}

/** What the evaluations that a document watches may ask of its tenant. */
function grantsOf({ all }: Registry, document: OrganizationDocument): readonly Grant[] {
  const asked = new Set(all.flatMap(({ id, grants: own }) => (document.evaluations[id] === undefined ? [] : own)));
  return grants.filter(({ id }) => asked.has(id));
}

const noIdentity = {
  why: 'no identity is configured that could sign in',
  step: 'In Azure the deployment sets FIELDCHECK_IDENTITY_CLIENT_ID; elsewhere set FIELDCHECK_CLIENT_ID and FIELDCHECK_CLIENT_CERTIFICATE. Without, supply facts from exports.',
};

function notLooked(
  { document, grants: asked }: Asked,
  { why, step }: { readonly why: string; readonly step: string },
): readonly Check[] {
  return asked.map((grant) => ({
    ...couldNotLook('grant', nameOf(grant, document), why, step),
    ...(grant.required ? {} : { optional: true }),
  }));
}

function nameOf({ role: { name } }: Grant, { id }: OrganizationDocument): string {
  return `${name} in the tenant of ${id}`;
}

/** Any answer will do: what is looked for is the way. */
async function examineEndpoint(http: PatientHttp, service: string, address: string): Promise<Check> {
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

async function examineGrants(asked: Asked, access: Access): Promise<readonly Check[]> {
  const { document } = asked;
  const id = document.tenant?.id;
  if (id === undefined) {
    return notLooked(asked, {
      why: 'its document names no tenant',
      step: `Add "tenant": { "id": "…" } to the document of ${document.id}.`,
    });
  }
  const tenant: CloudTenant = { id, cloud: document.tenant?.cloud ?? 'worldwide' };
  return Promise.all(
    asked.grants.map(async (grant): Promise<Check> => {
      const found = await examineGrant(grant, nameOf(grant, document), tenant, access);
      if (found.state === 'ok' || grant.required) return found;
      return { ...found, detail: `${found.detail}. ${grant.without}`, optional: true };
    }),
  );
}

async function examineGrant(grant: Grant, what: string, tenant: CloudTenant, access: Access): Promise<Check> {
  const step = `As an administrator of tenant ${tenant.id} run ${grantStep(access.identity.clientIdFor(tenant), grant.role.name)}`;
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
