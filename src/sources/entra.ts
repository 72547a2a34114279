import { createRemoteJWKSet, customFetch, errors, type JWTPayload, jwtVerify } from 'jose';
import { z } from 'zod';
import { Unobtainable } from '../domain/fact-set.ts';
import type { Http } from '../http/client.ts';
import { HttpFailure } from '../http/failure-words.ts';
import { endpointsOf } from './cloud-endpoints.ts';
import { TokenRefused } from './token-refused.ts';

/** Where people and applications sign in to fieldcheck itself, which is not the application that reads tenants. */
export interface SignInSettings {
  /** Of the registration `fieldcheck sign-in` (FIELDCHECK_SIGN_IN_CLIENT_ID). */
  readonly clientId: string;
  /** The only tenant whose tokens count (FIELDCHECK_TENANT_ID). */
  readonly tenantId: string;
  /** Where Entra ID answers; the worldwide cloud's when left out. */
  readonly login?: string | undefined;
  /** Managed identity that vouches for the registration; without one nothing does. */
  readonly managedIdentityClientId?: string | undefined;
}

/** Whom a token is about, as far as it decides anything. */
export interface TokenSubject {
  readonly kind: 'person' | 'application';
  /** Object id in the tenant. */
  readonly id: string;
  /** For people who read it. */
  readonly name: string;
  readonly roles: readonly string[];
  readonly groups: readonly string[];
}

/** Entra ID as far as people and applications sign in to fieldcheck with it (authorization code with PKCE, RFC 7636). */
export interface SignIn {
  /** Where a browser goes to sign in. */
  authorizeUrl(asked: {
    readonly redirectUri: string;
    readonly state: string;
    readonly nonce: string;
    readonly challenge: string;
  }): string;
  /** The ID token for a code. @throws TokenRefused; Unobtainable when Entra ID or the managed identity cannot be asked */
  redeem(code: string, verifier: string, redirectUri: string): Promise<string>;
  /** An access token, as an `Authorization` header brings it. @throws TokenRefused; Unobtainable */
  ofAccessToken(token: string): Promise<TokenSubject>;
  /** An ID token, as the cookie brings it. @param nonce when it was asked for just now. @throws TokenRefused; Unobtainable */
  ofIdToken(token: string, nonce?: string): Promise<TokenSubject & { readonly expiresAt: Date }>;
  close(): void;
}

const requestLimitMs = 10_000;
const bodyLimit = 1_000_000;
/** Clocks that differ by this many seconds are the same. */
const clockToleranceSeconds = 60;
const scope = 'openid profile';

/** What Entra ID puts into its tokens (version 2) beside what every token has. */
const claims = z.object({
  tid: z.string(),
  oid: z.guid(),
  ver: z.literal('2.0'),
  exp: z.number(),
  name: z.string().optional(),
  preferred_username: z.string().optional(),
  roles: z.array(z.string()).default([]),
  groups: z.array(z.string()).default([]),
  azp: z.string().optional(),
  nonce: z.string().optional(),
  scp: z.string().optional(),
  idtyp: z.string().optional(),
  app_displayname: z.string().optional(),
});

export function createSignIn(
  { clientId, tenantId, login, managedIdentityClientId }: SignInSettings,
  http: Http,
): SignIn {
  const { login: authority, tokenExchangeScope } = endpointsOf('worldwide', { login });
  const tenant = `${authority}/${tenantId}`;
  // Kept for ten minutes, and asked for again every half minute at most, whatever key ids arrive.
  const keySet = createRemoteJWKSet(new URL(`${tenant}/discovery/v2.0/keys`), {
    [customFetch]: async (url, { headers, signal }) => {
      const answer = await http.send({
        to: new URL(url),
        method: 'GET',
        headers: Object.fromEntries(new Headers(headers)),
        signal,
        limitMs: requestLimitMs,
        bodyLimit,
      });
      return new Response(new Uint8Array(answer.body), { status: answer.status });
    },
  });

  async function verified(token: string): Promise<z.infer<typeof claims>> {
    let payload: JWTPayload;
    try {
      ({ payload } = await jwtVerify(token, keySet, {
        algorithms: ['RS256'],
        issuer: `${tenant}/v2.0`,
        audience: clientId,
        clockTolerance: clockToleranceSeconds,
        requiredClaims: ['exp', 'nbf', 'iat'],
      }));
    } catch (error) {
      throw refusalOf(error);
    }
    const parsed = claims.safeParse(payload);
    if (!parsed.success) throw new TokenRefused('The token is no token of version 2 of Entra ID.');
    if (parsed.data.tid !== tenantId) throw new TokenRefused('The token is of another tenant.');
    return parsed.data;
  }

  /** Proves the registration: without a secret, by the identity that vouches for it. */
  async function assertion(): Promise<Readonly<Record<string, string>>> {
    if (managedIdentityClientId === undefined) return {};
    try {
      // Loaded only here: most functions never sign anybody in.
      const { ManagedIdentityCredential } = await import('@azure/identity');
      const credential = new ManagedIdentityCredential({ clientId: managedIdentityClientId });
      return {
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: (await credential.getToken(tokenExchangeScope)).token,
      };
    } catch {
      throw new Unobtainable('unreachable', 'the managed identity that vouches for the sign-in gave no token');
    }
  }

  return {
    authorizeUrl({ redirectUri, state, nonce, challenge }) {
      const asked = new URLSearchParams({
        client_id: clientId,
        response_type: 'code',
        response_mode: 'query',
        redirect_uri: redirectUri,
        scope,
        state,
        nonce,
        code_challenge: challenge,
        code_challenge_method: 'S256',
      });
      return `${tenant}/oauth2/v2.0/authorize?${asked}`;
    },

    async redeem(code, verifier, redirectUri) {
      const body = new URLSearchParams({
        client_id: clientId,
        grant_type: 'authorization_code',
        code,
        redirect_uri: redirectUri,
        code_verifier: verifier,
        scope,
        ...(await assertion()),
      });
      const answer = await http
        .send({
          to: new URL(`${tenant}/oauth2/v2.0/token`),
          method: 'POST',
          headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
          body: body.toString(),
          signal: http.closed,
          limitMs: requestLimitMs,
          bodyLimit,
        })
        .catch((error: unknown) => {
          throw unreachable(error);
        });
      const said = tokenAnswer.safeParse(jsonOf(answer.body));
      if (answer.status === 200 && said.data?.id_token !== undefined) return said.data.id_token;
      if (answer.status >= 500 || answer.status === 429)
        throw new Unobtainable('unreachable', `Entra ID answered ${answer.status}`);
      const codes = said.data?.error_codes?.map((one) => `AADSTS${one}`).join(', ');
      throw new TokenRefused(
        `Entra ID gave no token for this sign-in (${[said.data?.error, codes].filter(Boolean).join(', ') || answer.status}).`,
      );
    },

    async ofAccessToken(token) {
      const found = await verified(token);
      if (found.nonce !== undefined || found.azp === undefined)
        throw new TokenRefused('An ID token is for a browser; send an access token.');
      if (found.idtyp !== 'app' && found.scp === undefined)
        throw new TokenRefused('The token does not say whether it is of a person or of an application.');
      return subjectOf(found);
    },

    async ofIdToken(token, nonce) {
      const found = await verified(token);
      if (found.azp !== undefined || found.nonce === undefined)
        throw new TokenRefused('An access token is for the header Authorization; sign in with the browser.');
      if (nonce !== undefined && found.nonce !== nonce)
        throw new TokenRefused('The token was made for another sign-in than this one.');
      return { ...subjectOf(found), expiresAt: new Date(found.exp * 1_000) };
    },

    close: () => http.close(),
  };
}

const tokenAnswer = z.object({
  id_token: z.string().optional(),
  error: z.string().optional(),
  error_codes: z.array(z.number()).optional(),
});

function subjectOf({ oid, idtyp, ...found }: z.infer<typeof claims>): TokenSubject {
  return {
    kind: idtyp === 'app' ? 'application' : 'person',
    id: oid.toLowerCase(),
    name: found.name ?? found.preferred_username ?? found.app_displayname ?? oid,
    roles: found.roles,
    groups: found.groups.map((group) => group.toLowerCase()),
  };
}

function refusalOf(error: unknown): TokenRefused | Unobtainable {
  if (error instanceof errors.JWTExpired) return new TokenRefused('The token has expired; get a new one.');
  if (error instanceof errors.JWTClaimValidationFailed)
    return new TokenRefused(
      `The token is not for this app or not of its tenant: "${error.claim}" is not what it must be.`,
    );
  const isUnreachable =
    error instanceof HttpFailure ||
    error instanceof errors.JWKSTimeout ||
    error instanceof errors.JWKSInvalid ||
    (error instanceof errors.JOSEError && error.code === 'ERR_JOSE_GENERIC');
  if (isUnreachable) return unreachable(error);
  if (error instanceof errors.JOSEError || error instanceof TypeError)
    return new TokenRefused('The token is none that Entra ID has signed for this app.');
  throw error;
}

function unreachable(error: unknown): Unobtainable {
  return new Unobtainable('unreachable', error instanceof HttpFailure ? error.message : 'Entra ID gave no keys');
}

function jsonOf(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}
