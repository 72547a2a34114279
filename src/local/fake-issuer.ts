// Entra ID as far as people and applications sign in to fieldcheck with it, on loopback: so that roles can be tried by
// hand, and by tests. Never deployed. What it sends is as Microsoft documents it: v2.0 endpoints (identity-platform
// v2-oauth2-auth-code-flow), claims (id-token-claims-reference, access-token-claims-reference).
import { createHash, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';

export interface Person {
  readonly id: string;
  readonly name: string;
  /** App roles: `Administrator`, `Operator.All`, `Reader.All`, `Member`. */
  readonly roles: readonly string[];
  readonly groups?: readonly string[];
}

export interface FakeIssuer {
  /** For FIELDCHECK_ENDPOINT_LOGIN. */
  readonly url: string;
  readonly tenantId: string;
  readonly clientId: string;
  readonly people: readonly Person[];
  /** Requests that came, as method and path. */
  readonly arrived: readonly string[];
  /** Answers everything with this status from now on; undefined: as it should be. */
  fails: number | undefined;
  /** The proof that the registration has to bring; none when undefined. */
  assertion: string | undefined;
  /** A token, with claims changed or (undefined) left out. */
  token(
    kind: 'id' | 'access' | 'application',
    person: Person,
    changes?: Readonly<Record<string, unknown>>,
    header?: Readonly<Record<string, unknown>>,
  ): Promise<string>;
  close(): Promise<void>;
}

const lifeSeconds = 3_600;

interface Code {
  readonly person: Person;
  readonly nonce: string;
  readonly challenge: string;
  readonly redirectUri: string;
}

/** @param people who can sign in; one is chosen on a page, or by `&person=NAME` */
export async function startFakeIssuer(people: readonly Person[]): Promise<FakeIssuer> {
  const tenantId = 'aaaaaaaa-1111-2222-3333-444444444444';
  const clientId = 'bbbbbbbb-1111-2222-3333-444444444444';
  const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true });
  const kid = randomUUID();
  const keys = { keys: [{ ...(await exportJWK(publicKey)), kid, use: 'sig', alg: 'RS256' }] };
  const codes = new Map<string, Code>();
  const arrived: string[] = [];

  const server = createServer((request, response) => {
    void answer(request, response).catch(() => response.writeHead(500).end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const issuer: FakeIssuer = {
    url,
    tenantId,
    clientId,
    people,
    arrived,
    fails: undefined,
    assertion: undefined,
    token(kind, { id, name, roles, groups = [] }, changes = {}, header = {}) {
      const now = Math.floor(Date.now() / 1_000);
      const ofKind = {
        id: { nonce: 'none', name, preferred_username: `${name.toLowerCase()}@contoso.com` },
        access: { azp: clientId, scp: 'user_impersonation', name },
        application: { azp: id, idtyp: 'app' },
      };
      const claims = {
        iss: `${url}/${tenantId}/v2.0`,
        aud: clientId,
        tid: tenantId,
        ver: '2.0',
        oid: id,
        sub: id,
        iat: now,
        nbf: now,
        exp: now + lifeSeconds,
        ...(roles.length === 0 ? {} : { roles }),
        ...(groups.length === 0 ? {} : { groups }),
        ...ofKind[kind],
        ...changes,
      };
      // A claim that is undefined is left out as JSON.
      return new SignJWT(JSON.parse(JSON.stringify(claims)))
        .setProtectedHeader({ alg: 'RS256', typ: 'JWT', kid, ...header })
        .sign(privateKey);
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return issuer;

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const at = new URL(request.url ?? '/', url);
    arrived.push(`${request.method} ${at.pathname}`);
    const json = (status: number, body: object) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    if (issuer.fails !== undefined) return void json(issuer.fails, { error: 'temporarily_unavailable' });
    switch (at.pathname) {
      case `/${tenantId}/discovery/v2.0/keys`:
        return void json(200, keys);
      case `/${tenantId}/oauth2/v2.0/authorize`:
        return authorize(at.searchParams, response);
      case `/${tenantId}/oauth2/v2.0/token`: {
        const form = new URLSearchParams(Buffer.concat(await request.toArray()).toString());
        const given = await redeem(form);
        return void json('id_token' in given ? 200 : 400, given);
      }
      default:
        return void json(404, { error: 'not_found' });
    }
  }

  function authorize(asked: URLSearchParams, response: ServerResponse): void {
    const of = (name: string) => asked.get(name) ?? '';
    const back = new URL(of('redirect_uri'));
    const person = people.find(({ name }) => name === of('person'));
    if (person === undefined && of('person') === '') {
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(choice(asked));
      return;
    }
    if (person === undefined || of('client_id') !== clientId || of('code_challenge_method') !== 'S256') {
      back.searchParams.set('error', 'access_denied');
    } else {
      const code = randomUUID();
      codes.set(code, {
        person,
        nonce: of('nonce'),
        challenge: of('code_challenge'),
        redirectUri: of('redirect_uri'),
      });
      back.searchParams.set('code', code);
    }
    back.searchParams.set('state', of('state'));
    response.writeHead(302, { location: back.href }).end();
  }

  function choice(asked: URLSearchParams): string {
    const links = people.map(({ name, roles }) => {
      const chosen = new URLSearchParams(asked);
      chosen.set('person', name);
      return `<li><a href="?${chosen.toString().replaceAll('&', '&amp;')}">${name}</a> (${roles.join(', ') || 'no role'})</li>`;
    });
    return `<!doctype html><meta charset="utf-8"><title>Sign in</title><h1>Who are you?</h1><p>This page stands in for Entra ID on this machine.</p><ul>${links.join('')}</ul>`;
  }

  /** A code counts once, for who asked for it (RFC 7636 section 4.6). */
  async function redeem(form: URLSearchParams): Promise<object> {
    const code = codes.get(form.get('code') ?? '');
    codes.delete(form.get('code') ?? '');
    const refused = (error: string, number: number) => ({ error, error_codes: [number] });
    if (form.get('client_id') !== clientId) return refused('unauthorized_client', 700016);
    if (issuer.assertion !== undefined && form.get('client_assertion') !== issuer.assertion)
      return refused('invalid_client', 700213);
    if (code === undefined || form.get('redirect_uri') !== code.redirectUri) return refused('invalid_grant', 54005);
    const verifier = form.get('code_verifier') ?? '';
    if (createHash('sha256').update(verifier).digest('base64url') !== code.challenge)
      return refused('invalid_grant', 501481);
    return { token_type: 'Bearer', id_token: await issuer.token('id', code.person, { nonce: code.nonce }) };
  }
}
