import { once } from 'node:events';
import type { SecureContext } from 'node:tls';
import type { TokenCredential } from '@azure/identity';
import { Unobtainable } from '../domain/fact-set.ts';
import type { CloudTenant } from '../domain/tenant.ts';
import type { Roots } from '../http/roots.ts';
import { type EndpointOverrides, endpointsOf } from './cloud-endpoints.ts';
import { signInRefused } from './sign-in-failure.ts';

/** How fieldcheck signs in to tenants. What is not given is not used: nothing is tried by chance. */
export interface IdentitySettings {
  /** Client id of a user-assigned managed identity (FIELDCHECK_IDENTITY_CLIENT_ID). */
  readonly managedIdentityClientId?: string | undefined;
  /** The tenant that the managed identity lives in (FIELDCHECK_TENANT_ID). */
  readonly ownTenantId?: string | undefined;
  /** Client id of an application that other tenants admit (FIELDCHECK_CLIENT_ID). */
  readonly clientId?: string | undefined;
  /** FIELDCHECK_CLIENT_SECRET */
  readonly clientSecret?: string | undefined;
  /** PEM, private key and certificate (FIELDCHECK_CLIENT_CERTIFICATE). */
  readonly clientCertificate?: string | undefined;
}

/** The services that take tokens. */
export type CloudService = 'exchangeOnline' | 'graph';

export interface TenantIdentity {
  /** Client id of what signs in to this tenant. */
  clientIdFor(tenant: CloudTenant): string;
  /**
   * An app-only token, from memory while it is good for two more minutes.
   *
   * @param rejected a token that the service did not take: a fresh one is fetched in its place
   * @throws Unobtainable `denied` with the step that mends it, `unreachable` or `timeout`
   */
  token(tenant: CloudTenant, service: CloudService, rejected?: string): Promise<string>;
}

const signInLimitMs = 30_000;
const spareMs = 120_000;

const serviceNames: Readonly<Record<CloudService, string>> = {
  exchangeOnline: 'Exchange Online',
  graph: 'Microsoft Graph',
};

/**
 * The identity that tenants are read with; undefined when none is configured, and then no credential is looked for
 * anywhere.
 *
 * The tenant `ownTenantId` is read with the managed identity. Others are read with the application, which proves itself
 * by its certificate, its secret, or without either by the managed identity that vouches for it (workload identity
 * federation).
 *
 * @throws Error naming the settings that do not fit together
 */
export function createTenantIdentity(
  settings: IdentitySettings,
  options: { readonly endpoints?: EndpointOverrides; readonly roots?: Roots } = {},
): TenantIdentity | undefined {
  const { managedIdentityClientId, clientId, clientSecret, ownTenantId } = settings;
  const clientCertificate = settings.clientCertificate?.replaceAll('\\n', '\n');
  checkSettings({ ...settings, clientCertificate });
  if (managedIdentityClientId === undefined && clientId === undefined) return undefined;
  const held = new Map<string, Promise<HeldToken>>();

  const usesManagedIdentity = (tenant: CloudTenant) =>
    managedIdentityClientId !== undefined &&
    (clientId === undefined || tenant.id.toLowerCase() === ownTenantId?.toLowerCase());
  const clientIdFor = (tenant: CloudTenant) => (usesManagedIdentity(tenant) ? managedIdentityClientId : clientId) ?? '';

  /** Loaded only here: most functions never sign in, and it takes longer to load than everything else together. */
  const credentialFor = async (tenant: CloudTenant, onAnswer: (text: string) => void): Promise<TokenCredential> => {
    const {
      ManagedIdentityCredential,
      ClientAssertionCredential,
      ClientCertificateCredential,
      ClientSecretCredential,
    } = await import('@azure/identity');
    const managed = () => new ManagedIdentityCredential({ clientId: managedIdentityClientId ?? '' });
    if (usesManagedIdentity(tenant)) return managed();
    const { login, tokenExchangeScope } = endpointsOf(tenant.cloud, options.endpoints);
    const ours = options.roots?.ours;
    // Made once: of certificates the SDK would make one for each connection, which takes longer than what is sent over it.
    // It hands on to Node what it does not know.
    const tlsOptions: { readonly ca?: never; readonly secureContext: SecureContext } | undefined =
      ours?.pem === undefined ? undefined : { secureContext: ours.secureContext };
    const common = {
      authorityHost: login,
      // The endpoint is ours to know: asking the worldwide cloud about it would fail in the other clouds.
      disableInstanceDiscovery: true,
      ...(tlsOptions === undefined ? {} : { tlsOptions }),
      additionalPolicies: [
        {
          position: 'perRetry' as const,
          policy: {
            name: 'rememberRefusal',
            // The SDK drops what Entra ID says about a tenant that does not exist.
            async sendRequest<Q, A extends { readonly bodyAsText?: string | null }>(
              request: Q,
              next: (request: Q) => Promise<A>,
            ): Promise<A> {
              const answer = await next(request);
              onAnswer(answer.bodyAsText ?? '');
              return answer;
            },
          },
        },
      ],
    };
    const application = clientId ?? '';
    if (clientCertificate !== undefined) {
      return new ClientCertificateCredential(tenant.id, application, { certificate: clientCertificate }, common);
    }
    if (clientSecret !== undefined) return new ClientSecretCredential(tenant.id, application, clientSecret, common);
    const voucher = managed();
    const assertion = async () => (await voucher.getToken(tokenExchangeScope)).token;
    return new ClientAssertionCredential(tenant.id, application, assertion, common);
  };

  const signIn = async (tenant: CloudTenant, service: CloudService): Promise<HeldToken> => {
    const whose = { tenant, clientId: clientIdFor(tenant), service: serviceNames[service] };
    const { scopes } = endpointsOf(tenant.cloud, options.endpoints);
    let refusal: Unobtainable | undefined;
    try {
      const credential = await credentialFor(tenant, (text) => {
        refusal = signInRefused(text, whose);
      });
      const tooLate = once(AbortSignal.timeout(signInLimitMs), 'abort').then(() => {
        throw new Unobtainable('timeout', `no token for ${whose.service} within ${signInLimitMs / 1000} s`);
      });
      const token = await Promise.race([credential.getToken(scopes[service]), tooLate]);
      if (token === null) throw new Unobtainable('denied', `no token for ${whose.service}: Entra ID gave none`);
      const home = claimsOf(token.token).tid;
      if (home !== undefined && home.toLowerCase() !== tenant.id.toLowerCase()) {
        throw new Unobtainable(
          'denied',
          `the managed identity reads its own tenant ${home} only, not ${tenant.id}; for other tenants let it vouch for an application: infra/access/grant-access.sh federate, then set FIELDCHECK_CLIENT_ID`,
        );
      }
      return { token: token.token, goodUntil: token.expiresOnTimestamp - spareMs };
    } catch (error) {
      if (error instanceof Unobtainable) throw error;
      const text = error instanceof Error ? error.message : String(error);
      throw (
        refusal ??
        signInRefused(text, whose) ??
        new Unobtainable('unreachable', `no token for ${whose.service}: ${unreachable(text, tenant)}`)
      );
    }
  };

  const unreachable = (text: string, tenant: CloudTenant) =>
    text.startsWith('ManagedIdentityCredential')
      ? `there is no managed identity ${managedIdentityClientId} on this machine; it exists only in Azure, on the app that it is assigned to. Elsewhere sign in with FIELDCHECK_CLIENT_ID and a certificate or secret`
      : `the sign-in at ${new URL(endpointsOf(tenant.cloud, options.endpoints).login).host} failed; check that it can be reached from here`;

  return {
    clientIdFor,
    async token(tenant, service, rejected) {
      const key = `${tenant.cloud} ${tenant.id.toLowerCase()} ${service}`;
      const before = held.get(key);
      if (before !== undefined) {
        const known = await before.catch(() => undefined);
        if (known !== undefined && known.token !== rejected && known.goodUntil > Date.now()) return known.token;
        // Whoever came first asks again; the others wait for that answer.
        const meanwhile = held.get(key);
        if (meanwhile !== undefined && meanwhile !== before) return (await meanwhile).token;
      }
      const asked = signIn(tenant, service);
      held.set(key, asked);
      return (await asked).token;
    },
  };
}

interface HeldToken {
  readonly token: string;
  /** Milliseconds since 1970. */
  readonly goodUntil: number;
}

/** The claims that tell why a service may refuse a token. Nothing is decided by them but which sentence a person reads. */
export interface TokenClaims {
  /** The tenant that issued it. */
  readonly tid?: string;
  /** Application permissions that were consented to. */
  readonly roles?: readonly string[];
}

/** Reads a token's claims without trusting them; empty for a token that is opaque to us. */
export function claimsOf(token: string): TokenClaims & { readonly readable: boolean } {
  try {
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8')) as unknown;
    if (typeof claims !== 'object' || claims === null) return { readable: false };
    const { tid, roles } = claims as Record<string, unknown>;
    return {
      readable: true,
      ...(typeof tid === 'string' ? { tid } : {}),
      ...(Array.isArray(roles) ? { roles: roles.filter((role) => typeof role === 'string') } : {}),
    };
  } catch {
    return { readable: false };
  }
}

function checkSettings({ managedIdentityClientId, clientId, clientSecret, clientCertificate }: IdentitySettings): void {
  if (clientId === undefined && (clientSecret ?? clientCertificate) !== undefined) {
    throw new Error(
      'FIELDCHECK_CLIENT_SECRET and FIELDCHECK_CLIENT_CERTIFICATE belong to an application: set FIELDCHECK_CLIENT_ID, too.',
    );
  }
  if (clientId !== undefined && (clientSecret ?? clientCertificate ?? managedIdentityClientId) === undefined) {
    throw new Error(
      'FIELDCHECK_CLIENT_ID needs something to prove itself by: FIELDCHECK_IDENTITY_CLIENT_ID (a managed identity that vouches for it), FIELDCHECK_CLIENT_CERTIFICATE or FIELDCHECK_CLIENT_SECRET.',
    );
  }
  if (
    clientCertificate !== undefined &&
    !(clientCertificate.includes('-----BEGIN CERTIFICATE-----') && clientCertificate.includes('PRIVATE KEY-----'))
  ) {
    throw new Error('FIELDCHECK_CLIENT_CERTIFICATE has to hold both a private key and its certificate, as PEM.');
  }
}
