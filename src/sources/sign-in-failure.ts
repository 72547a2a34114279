import { Unobtainable } from '../domain/fact-set.ts';
import type { CloudTenant } from '../domain/tenant.ts';
import { grantStep } from './grants.ts';

interface Whose {
  readonly tenant: CloudTenant;
  readonly clientId: string;
  /** What the token was for. */
  readonly service: string;
}

/**
 * What an Entra ID error code means here, and the step that mends it (Microsoft Learn: "Microsoft Entra authentication
 * and authorization error codes").
 */
const sentences: Readonly<Record<string, (whose: Whose) => string>> = {
  AADSTS90002: ({ tenant }) =>
    `there is no tenant ${tenant.id} in this cloud: it was deleted, or tenant.id or tenant.cloud in the organization's document is wrong`,
  AADSTS700016: ({ tenant, clientId }) =>
    `tenant ${tenant.id} does not know the application ${clientId}: its administrator has not admitted it yet; there, run ${grantStep(clientId)}`,
  AADSTS7000112: ({ tenant, clientId }) =>
    `the application ${clientId} is disabled in tenant ${tenant.id}; enable it in Entra ID under Enterprise applications`,
  AADSTS7000215: () =>
    'the client secret is wrong: FIELDCHECK_CLIENT_SECRET has to hold the value of the secret, not its id; store it again',
  AADSTS7000222: () =>
    'the client secret has expired; make a new one, or better let the managed identity vouch (infra/access/grant-access.sh federate)',
  AADSTS700027: ({ clientId }) =>
    `the certificate in FIELDCHECK_CLIENT_CERTIFICATE is not registered with the application ${clientId}, or has expired; upload its public part under Certificates & secrets`,
  AADSTS50034: ({ tenant }) => `tenant ${tenant.id} does not know the account that signs in`,
  AADSTS53003: ({ tenant }) =>
    `a Conditional Access policy of tenant ${tenant.id} blocks the sign-in; exclude the application from it`,
};

const noFederation = ({ clientId }: Whose) =>
  `the application ${clientId} does not trust the managed identity; run infra/access/grant-access.sh federate in the tenant of the app`;
const noService = ({ tenant, service }: Whose) =>
  `tenant ${tenant.id} has no ${service}, or it is switched off: a subscription that includes it is missing or has lapsed. Subscribe again, or take the tenant's evaluations out of the organization's document`;

const groups: readonly (readonly [readonly string[], (whose: Whose) => string])[] = [
  [['AADSTS70021', 'AADSTS700211', 'AADSTS700212', 'AADSTS700213', 'AADSTS700214'], noFederation],
  [['AADSTS500011', 'AADSTS500014', 'AADSTS650052'], noService],
];

/** A sign-in that Entra ID refused, as what to do about it. Never holds a secret: of the answer only the code is taken. */
export function signInRefused(answered: string, whose: Whose): Unobtainable | undefined {
  const code = /AADSTS\d+/.exec(answered)?.[0];
  if (code === undefined) return undefined;
  const known = sentences[code] ?? groups.find(([codes]) => codes.includes(code))?.[1];
  const why =
    known?.(whose) ??
    `Entra ID refuses it for the application ${whose.clientId} in tenant ${whose.tenant.id}; look the code up at https://login.microsoftonline.com/error`;
  return new Unobtainable('denied', `no token for ${whose.service}: ${why} (${code})`);
}
