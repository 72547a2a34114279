// Tokens of Entra ID and signing in with a browser, against an issuer on loopback.
import { createHash } from 'node:crypto';
import { generateKeyPair, SignJWT } from 'jose';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createHttp } from '../../src/http/client.ts';
import { type FakeIssuer, startFakeIssuer } from '../../src/local/fake-issuer.ts';
import { createSignIn } from '../../src/sources/entra.ts';
import { createMachine } from '../app/machine.ts';
import {
  type Called,
  type Customers,
  callDoor,
  closeIssuer,
  documentOf,
  key,
  people,
  publicUrl,
  startCustomers,
} from './two-customers.ts';

let customers: Customers;
beforeEach(async () => {
  customers = await startCustomers();
});
afterEach(() => {
  customers.issuer.fails = undefined;
});
afterAll(closeIssuer);

const ask = (headers: Record<string, string>) => customers.call('GET', 'organizations/contoso', { headers });
const cookie = (token: string) => ({ cookie: `other=1; __Host-fieldcheck=${token}` });

describe('an access token', () => {
  test('of a person with a row, of a group with one, of an application, of everybody’s reader', async () => {
    for (const person of [people.rita, people.gus, people.rob, people.ada])
      expect((await ask(await customers.bearer(person))).status).toBe(200);
    await customers.app.putGrant('contoso', { kind: 'application', id: people.mia.id }, { role: 'reader' });
    expect((await ask(await customers.bearer(people.mia, 'application'))).status).toBe(200);
    // The same object id as a person has no row.
    expect((await ask(await customers.bearer(people.mia))).status).toBe(404);
  });

  test('without an app role is none that lets anybody in, rows or not', async () => {
    await customers.app.putGrant('contoso', { kind: 'user', id: people.nora.id }, { role: 'operator' });
    const { status, detail } = await ask(await customers.bearer(people.nora));
    expect([status, detail]).toEqual([
      403,
      'Nora is signed in, but has no role in fieldcheck; an administrator assigns one to the application "fieldcheck sign-in" in Entra ID.',
    ]);
  });

  const hour = 3_600;
  const now = () => Math.floor(Date.now() / 1_000);
  const signed = 'The token is none that Entra ID has signed for this app.';
  const claim = (name: string) =>
    `The token is not for this app or not of its tenant: "${name}" is not what it must be.`;

  test.each<[string, () => Promise<string>, string]>([
    ['expired', () => token({ exp: now() - 120 }), 'The token has expired; get a new one.'],
    ['not yet valid', () => token({ nbf: now() + hour }), claim('nbf')],
    ['for another audience', () => token({ aud: people.rita.id }), claim('aud')],
    ['for Graph', () => token({ aud: '00000003-0000-0000-c000-000000000000' }), claim('aud')],
    [
      'of another tenant with its own issuer',
      () => token({ iss: `${customers.issuer.url}/${people.rita.id}/v2.0`, tid: people.rita.id }),
      claim('iss'),
    ],
    ['of our issuer with a foreign tenant', () => token({ tid: people.rita.id }), 'The token is of another tenant.'],
    ['of version 1', () => token({ ver: '1.0' }), 'The token is no token of version 2 of Entra ID.'],
    [
      'of version 1 by its issuer',
      () => token({ iss: `https://sts.windows.net/${customers.issuer.tenantId}/` }),
      claim('iss'),
    ],
    ['without an end', () => token({ exp: undefined }), claim('exp')],
    ['without an object id', () => token({ oid: undefined }), 'The token is no token of version 2 of Entra ID.'],
    ['with an unknown key id', () => token({}, { kid: 'another' }), signed],
    [
      'that says neither person nor application',
      () => token({ scp: undefined }),
      'The token does not say whether it is of a person or of an application.',
    ],
    [
      'that is an ID token',
      () => customers.issuer.token('id', people.rita),
      'An ID token is for a browser; send an access token.',
    ],
    ['with our key id and another key', forgedWithAnotherKey, signed],
    ['with alg none', unsigned, signed],
    ['signed with the public key as a secret', forgedWithPublicKey, signed],
    ['with a changed payload', changedPayload, signed],
    ['that is none', async () => 'abc', signed],
    ['that is half of one', async () => (await token()).slice(0, -20), signed],
  ])('%s is refused', async (_, make, sentence) => {
    const { status, detail, headers, text } = await ask(key(await make()));
    expect([status, detail]).toEqual([401, sentence]);
    expect(headers['www-authenticate']).toBe('Bearer realm="fieldcheck"');
    expect(text).not.toContain(await make());
  });

  function token(changes = {}, header = {}) {
    return customers.issuer.token('access', people.rita, changes, header);
  }

  async function partsOf() {
    const [header = '', payload = '', signature = ''] = (await token()).split('.');
    const decoded = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>;
    return { header: decoded(header), payload: decoded(payload), signature };
  }
  const encoded = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');

  async function forgedWithAnotherKey() {
    const { header, payload } = await partsOf();
    const { privateKey } = await generateKeyPair('RS256');
    return new SignJWT(payload).setProtectedHeader({ alg: 'RS256', kid: String(header.kid) }).sign(privateKey);
  }
  async function unsigned() {
    const { header, payload } = await partsOf();
    return `${encoded({ ...header, alg: 'none' })}.${encoded(payload)}.`;
  }
  async function forgedWithPublicKey() {
    const { header, payload } = await partsOf();
    const keys = await fetch(`${customers.issuer.url}/${customers.issuer.tenantId}/discovery/v2.0/keys`);
    const {
      keys: [jwk],
    } = (await keys.json()) as { keys: object[] };
    const secret = new TextEncoder().encode(JSON.stringify(jwk));
    return new SignJWT(payload).setProtectedHeader({ alg: 'HS256', kid: String(header.kid) }).sign(secret);
  }
  async function changedPayload() {
    const { header, payload, signature } = await partsOf();
    return `${encoded(header)}.${encoded({ ...payload, roles: ['Administrator'] })}.${signature}`;
  }

  /** The customers' app with a sign-in of its own, which has asked for no keys yet. */
  async function askAt(issuer: FakeIssuer, use: (askThere: typeof ask) => Promise<void>) {
    const { clientId, tenantId, url } = issuer;
    const signIn = createSignIn({ clientId, tenantId, login: url }, createHttp());
    const { app } = createMachine({
      store: customers.store,
      resolvers: ['127.0.0.1:9'],
      ports: { localAccess: false, signIn, publicUrl },
    });
    await use((headers) => callDoor(app, 'GET', 'organizations/contoso', { headers }));
    signIn.close();
  }

  test('made-up key ids cost the issuer no request', async () => {
    const { issuer, bearer } = customers;
    await askAt(issuer, async (askThere) => {
      expect((await askThere(await bearer(people.rita))).status).toBe(200);
      const before = issuer.arrived.length;
      for (let n = 0; n < 15; n += 1) await askThere(key(await token({}, { kid: `made-up-${n}` })));
      expect(issuer.arrived.length).toBe(before);
    });
  });

  test('a wrong bearer is refused beside a good cookie, and headers of a proxy say nothing', async () => {
    const good = cookie(await customers.issuer.token('id', people.ada));
    expect((await ask({ ...good, ...key('abc') })).status).toBe(401);
    expect((await ask({ ...good, authorization: 'Basic YWRhOnNlY3JldA==' })).detail).toBe(
      'The header Authorization must be "Bearer" and a key or an access token.',
    );
    const principal = {
      auth_typ: 'aad',
      claims: [{ typ: 'roles', val: 'Administrator' }],
      name_typ: 'name',
      role_typ: 'roles',
    };
    for (const headers of [
      {
        'x-ms-client-principal': Buffer.from(JSON.stringify(principal)).toString('base64'),
        'x-ms-client-principal-id': people.ada.id,
        'x-ms-client-principal-name': 'Ada',
        'x-ms-client-principal-idp': 'aad',
        'x-ms-token-aad-id-token': await customers.issuer.token('id', people.ada),
      },
      { 'x-functions-key': customers.keys.contoso.operator },
      { 'x-fieldcheck-organization': 'contoso', 'x-scope-orgid': 'contoso' },
    ])
      expect((await ask(headers)).status).toBe(401);
  });

  test('cannot be looked at while Entra ID is away: 503, and keys go on working', async () => {
    const away = await startFakeIssuer([]);
    away.fails = 500;
    await askAt(away, async (askThere) => {
      const answer = await askThere(key(await away.token('access', people.ada)));
      expect([answer.status, answer.detail]).toEqual([
        503,
        'Who you are cannot be found out now: Entra ID gave no keys. Keys are not affected.',
      ]);
      expect((await askThere(key(customers.keys.contoso.reader))).status).toBe(200);
    });
    await away.close();
  });
});

describe('where nobody can sign in', () => {
  test('tokens and cookies are refused with the step that mends it, and keys count', async () => {
    customers = await startCustomers({ signIn: false });
    const step =
      'Nobody can sign in yet: run infra/access/grant-access.sh sign-in, set FIELDCHECK_SIGN_IN_CLIENT_ID to the client id it prints, and provision again. Keys count all the same.';
    for (const headers of [await customers.bearer(people.ada), cookie(await customers.issuer.token('id', people.ada))])
      expect(await ask(headers)).toMatchObject({ status: 503, detail: step });
    expect(await customers.call('GET', 'sign-in')).toMatchObject({ status: 503, detail: step });
    expect((await ask(key(customers.keys.contoso.reader))).status).toBe(200);
  });
});

/** What a browser does: follows, and keeps cookies. */
class Browser {
  readonly cookies = new Map<string, string>();

  async open(address: string): Promise<Called> {
    const answer = await customers.call('GET', address.replace(/^\/api\//, ''), { headers: this.headers() });
    for (const { name, value, maxAgeSeconds } of answer.cookies ?? []) {
      if (maxAgeSeconds === 0) this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
    return answer;
  }

  headers(): Record<string, string> {
    return { accept: 'text/html', cookie: [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ') };
  }

  /** Goes to the issuer and comes back with its redirect. @returns the address of the callback */
  async choose(authorize: string, person: string): Promise<string> {
    const answer = await fetch(`${authorize}&person=${person}`, { redirect: 'manual' });
    const back = new URL(answer.headers.get('location') ?? '');
    expect(back.origin).toBe(publicUrl);
    return `${back.pathname}${back.search}`;
  }
}

const page = '/api/organizations/contoso/evaluations/dkim/report';

describe('a browser', () => {
  test('signs in, sees the page that it asked for, and its session is the ID token', async () => {
    const browser = new Browser();
    const refused = await browser.open(page);
    expect([refused.status, refused.headers.location]).toEqual([302, `/api/sign-in?to=${encodeURIComponent(page)}`]);
    const sent = await browser.open(refused.headers.location ?? '');
    const authorize = new URL(sent.headers.location ?? '');
    expect(Object.fromEntries(authorize.searchParams)).toMatchObject({
      client_id: customers.issuer.clientId,
      response_type: 'code',
      redirect_uri: `${publicUrl}/api/sign-in/callback`,
      code_challenge_method: 'S256',
      scope: 'openid profile',
    });
    const back = await browser.open(await browser.choose(authorize.href, 'Rita'));
    expect([back.status, back.headers.location]).toEqual([302, page]);
    expect([...browser.cookies.keys()]).toEqual(['__Host-fieldcheck']);
    const shown = await browser.open(page);
    expect([shown.status, shown.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
    expect((await browser.open('sign-out')).text).toBe('You are signed out of fieldcheck in this browser.\n');
    expect(browser.cookies.size).toBe(0);
    expect((await browser.open(page)).status).toBe(302);
  });

  test('whose session is over is sent to sign in again; a program is told 401', async () => {
    const old = await customers.issuer.token('id', people.rita, { exp: Math.floor(Date.now() / 1_000) - 120 });
    expect(
      (await customers.call('GET', page.slice(5), { headers: { ...cookie(old), accept: 'text/html' } })).status,
    ).toBe(302);
    expect((await customers.call('GET', page.slice(5), { headers: cookie(old) })).status).toBe(401);
    expect((await customers.call('GET', page.slice(5))).status).toBe(401);
    expect((await customers.call('GET', 'health', { headers: cookie(old) })).json).toEqual({ status: 'ok' });
  });

  test('an access token is no session', async () => {
    const token = await customers.issuer.token('access', people.rita);
    expect(await ask(cookie(token))).toMatchObject({
      status: 401,
      detail: 'An access token is for the header Authorization; sign in with the browser.',
    });
  });

  async function begun(to = page): Promise<{ browser: Browser; callback: string }> {
    const browser = new Browser();
    const sent = await browser.open(`sign-in?to=${encodeURIComponent(to)}`);
    return { browser, callback: await browser.choose(sent.headers.location ?? '', 'Rita') };
  }

  test('a code counts once', async () => {
    const { browser, callback } = await begun();
    const kept = new Map(browser.cookies);
    expect((await browser.open(callback)).status).toBe(302);
    for (const [name, value] of kept) browser.cookies.set(name, value);
    expect(await browser.open(callback)).toMatchObject({
      status: 400,
      detail: 'Entra ID gave no token for this sign-in (invalid_grant, AADSTS54005).',
    });
  });

  test('what another browser has begun is refused', async () => {
    const { callback } = await begun();
    const sentence = 'This sign-in was not begun by this browser, or more than ten minutes ago. Open the page again.';
    expect(await new Browser().open(callback)).toMatchObject({ status: 400, detail: sentence });
    const { browser } = await begun();
    expect(await browser.open(callback)).toMatchObject({ status: 400, detail: sentence });
  });

  test('a token for another sign-in, a verifier that is another’s, and a refusal are told', async () => {
    const { browser, callback } = await begun();
    const name = '__Host-fieldcheck-sign-in';
    const remembered = JSON.parse(Buffer.from(browser.cookies.get(name) ?? '', 'base64url').toString());
    const change = (changes: object) =>
      browser.cookies.set(name, Buffer.from(JSON.stringify({ ...remembered, ...changes })).toString('base64url'));
    change({ nonce: 'another' });
    expect((await browser.open(callback)).detail).toBe('The token was made for another sign-in than this one.');
    change({});
    const state = new URL(callback, publicUrl).searchParams.get('state');
    expect((await browser.open(`sign-in/callback?state=${state}&error=access_denied`)).detail).toBe(
      'Entra ID did not sign you in (access_denied). Ask an administrator for access, or try again.',
    );
    const other = await begun();
    const [, kept = ''] = [...other.browser.cookies][0] ?? [];
    const verifier = {
      ...JSON.parse(Buffer.from(kept, 'base64url').toString()),
      verifier: createHash('sha256').update('x').digest('base64url'),
    };
    other.browser.cookies.set(name, Buffer.from(JSON.stringify(verifier)).toString('base64url'));
    expect((await other.browser.open(other.callback)).detail).toBe(
      'Entra ID gave no token for this sign-in (invalid_grant, AADSTS501481).',
    );
  });

  test.each([
    'https://fabrikam.com/',
    '//fabrikam.com/',
    '/\\fabrikam.com',
    '/api//fabrikam.com',
    '/api/\\fabrikam.com',
    '/other',
    'javascript:alert(1)',
    '/api/\tx',
    '/api/x\r\nset-cookie: a=b',
    `/api/${'x'.repeat(3_000)}`,
  ])('comes back to no other address: %o', async (to) => {
    const { browser, callback } = await begun(to);
    expect((await browser.open(callback)).headers.location).toBe('/api/organizations');
  });

  test('does not come back to another address by its own cookie either', async () => {
    const { browser, callback } = await begun();
    const name = '__Host-fieldcheck-sign-in';
    const remembered = JSON.parse(Buffer.from(browser.cookies.get(name) ?? '', 'base64url').toString());
    const changed = JSON.stringify({ ...remembered, to: 'https://fabrikam.com/' });
    browser.cookies.set(name, Buffer.from(changed).toString('base64url'));
    expect((await browser.open(callback)).status).toBe(400);
  });

  test('a token that no cookie holds is refused with the reason', async () => {
    const big = {
      ...people.rita,
      id: people.rita.id,
      name: 'Big',
      groups: Array.from({ length: 120 }, (_, n) => `${String(n).padStart(8, '0')}-0000-0000-0000-000000000000`),
    };
    (customers.issuer.people as unknown[]).push(big);
    const browser = new Browser();
    const sent = await browser.open(`sign-in?to=${page}`);
    const answer = await browser.open(await browser.choose(sent.headers.location ?? '', 'Big'));
    expect(answer.status).toBe(400);
    expect(answer.detail).toMatch(/^Your ID token has \d{4} characters, and a cookie holds 3800: assign fewer groups/);
    expect(browser.cookies.has('__Host-fieldcheck')).toBe(false);
  });

  test('is told when Entra ID is away', async () => {
    const { browser, callback } = await begun();
    customers.issuer.fails = 503;
    expect(await browser.open(callback)).toMatchObject({
      status: 503,
      detail: 'Signing in is not possible now: Entra ID answered 503. Try again in a moment.',
    });
  });
});

describe('a cookie changes something only from a page of ours', () => {
  const put = async (headers: Record<string, string>) => {
    const session = cookie(await customers.issuer.token('id', people.ada));
    const body = { ...documentOf('contoso'), name: 'Changed' };
    return (await customers.call('PUT', 'organizations/contoso', { headers: { ...session, ...headers }, body })).status;
  };

  test.each<[string, Record<string, string>, number]>([
    ['our page', { origin: publicUrl, 'sec-fetch-site': 'same-origin' }, 200],
    ['our page in a browser that says nothing more', { origin: publicUrl }, 200],
    ['another site', { origin: 'https://fabrikam.com', 'sec-fetch-site': 'cross-site' }, 401],
    ['another site that says it is ours', { origin: publicUrl, 'sec-fetch-site': 'cross-site' }, 401],
    ['a neighbour', { origin: 'https://other.contoso.com', 'sec-fetch-site': 'same-site' }, 401],
    ['no site at all', {}, 401],
    ['a sandboxed frame', { origin: 'null', 'sec-fetch-site': 'cross-site' }, 401],
    ['an address typed in', { 'sec-fetch-site': 'none' }, 401],
  ])('%s', async (_, headers, status) => {
    expect(await put(headers)).toBe(status);
  });

  test('a bearer needs none of that', async () => {
    const headers = {
      ...(await customers.bearer(people.ada)),
      origin: 'https://fabrikam.com',
      'sec-fetch-site': 'cross-site',
    };
    const body = { ...documentOf('contoso'), name: 'Changed' };
    expect((await customers.call('PUT', 'organizations/contoso', { headers, body })).status).toBe(200);
  });
});
