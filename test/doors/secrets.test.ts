// Thirty kinds of secrets are planted where they may come from, everything is done that can be done with them, and then
// every answer, card, log line and stored row is searched: in clear, encoded, and in pieces.
import { afterAll, expect, test } from 'vitest';
import { channelNotifiers } from '../../src/app/ports.ts';
import type { Problem } from '../../src/app/problem.ts';
import { loadConfig } from '../../src/config.ts';
import { createHttp } from '../../src/http/client.ts';
import { createSignIn } from '../../src/sources/entra.ts';
import { createMemoryStore } from '../../src/store/memory-store.ts';
import type { Store } from '../../src/store/store.ts';
import { createMachine } from '../app/machine.ts';
import { callDoor, closeIssuer, doors, exportOf, issuerOfTests, people, publicUrl } from './two-customers.ts';

afterAll(closeIssuer);

let planted = 0;
const secrets = new Map<string, string>();
/** A secret that is found again wherever it ends up. */
function secret(kind: string, form: (text: string) => string = (text) => text): string {
  planted += 1;
  const text = `s3cr3t${String(planted).padStart(3, '0')}zQ${'kLmN'.repeat(4)}${planted}`;
  secrets.set(kind, text);
  return form(text);
}

/** The ways in which a text may stand somewhere. */
function spellings(text: string): readonly string[] {
  const bytes = Buffer.from(text);
  return [
    text,
    text.toUpperCase(),
    encodeURIComponent(text),
    bytes.toString('base64').replace(/=+$/, '').slice(0, -2),
    bytes.toString('hex'),
    text.slice(0, 20),
  ];
}

test('thirty kinds of secrets: none comes out anywhere', async () => {
  const issuer = await issuerOfTests();
  const rows: string[] = [];
  const store = noting(createMemoryStore(), rows);
  const environment: Record<string, string> = {
    CHANNEL_CONTOSO__MAIL: secret(
      'signature of a Workflows address',
      (text) => `https://prod-01.westeurope.logic.azure.com/workflows/1/triggers/manual/paths/invoke?sig=${text}`,
    ),
    OPS_WEBHOOK: secret('path of a webhook', (text) => `https://hooks.contoso.com/${text}`),
    USER_WEBHOOK: secret('password in an address', (text) => `https://user:${text}@hooks.contoso.com/`),
    NONE_WEBHOOK: secret('a setting that is no address'),
    HALF_WEBHOOK: secret(
      'a Key Vault reference',
      (text) => `@Microsoft.KeyVault(SecretUri=https://kv.vault.azure.net/secrets/${text})`,
    ),
    FIELDCHECK_CLIENT_SECRET: secret('client secret'),
    FIELDCHECK_CLIENT_CERTIFICATE: secret(
      'private key',
      (text) => `-----BEGIN PRIVATE KEY-----\n${text}\n-----END PRIVATE KEY-----\n-----BEGIN CERTIFICATE-----`,
    ),
    AzureWebJobsStorage: secret(
      'account key',
      (text) => `DefaultEndpointsProtocol=https;AccountName=a;AccountKey=${text};EndpointSuffix=core.windows.net`,
    ),
  };
  const signIn = createSignIn(
    { clientId: issuer.clientId, tenantId: issuer.tenantId, login: issuer.url },
    createHttp(),
  );
  const machine = createMachine({
    store,
    resolvers: ['127.0.0.1:9'],
    clock: { now: () => new Date(), advance: () => {} },
    notifierFor: (document, channel) => channelNotifiers(loadConfig({}), environment)(document, channel),
    ports: { localAccess: false, signIn, publicUrl },
  });
  const { app } = machine;
  const ada = { authorization: `Bearer ${await issuer.token('access', people.ada)}` };
  const seen: string[] = [];
  const call = async (method: string, path: string, headers: Record<string, string>, body?: unknown) => {
    const answer = await callDoor(app, method, path, { headers, body });
    seen.push(`${answer.text} ${JSON.stringify(answer.headers)}`);
    return answer;
  };

  // Documents: settings are named, addresses are refused, and so is every other setting.
  const channels = Object.fromEntries(
    ['CHANNEL_CONTOSO__MAIL', 'OPS_WEBHOOK', 'USER_WEBHOOK', 'NONE_WEBHOOK', 'HALF_WEBHOOK'].map((name, index) => [
      `team-${index}`,
      { kind: index === 0 ? 'teams-workflow' : 'webhook', url: `secret:${name}` },
    ]),
  );
  const document = {
    id: 'contoso',
    channels,
    evaluations: { dkim: { channels: Object.keys(channels), domains: ['contoso.com'] } },
  };
  await call('PUT', 'organizations/contoso', ada, document);
  for (const url of [
    'secret:FIELDCHECK_CLIENT_SECRET',
    'secret:AzureWebJobsStorage',
    'secret:CHANNEL_FABRIKAM__MAIL',
    secret('address with a blank', (text) => `https:// hooks.contoso.com/${text}`),
    secret('address of another scheme', (text) => `ftp://hooks.contoso.com/${text}`),
  ])
    expect(
      (await call('PUT', 'organizations/contoso', ada, { ...document, channels: { x: { kind: 'webhook', url } } }))
        .status,
    ).toBe(400);
  await call('PUT', 'organizations/fabrikam', ada, {
    id: 'fabrikam',
    channels: {
      out: { kind: 'webhook', url: secret('address written out', (text) => `https://hooks.contoso.com/${text}`) },
    },
    evaluations: {},
  });

  // Whoever calls: keys, tokens and cookies, good ones and others.
  const key = (await app.addKey('contoso', { name: 'EX1', role: 'reader' })).key;
  secrets.set('a key of an organization', key.slice(15));
  const endedKey = await app.addKey('contoso', { name: 'EX2' });
  await app.endKey('contoso', endedKey.id);
  secrets.set('a key that was ended', endedKey.key.slice(15));
  const session = await issuer.token('id', people.rita);
  secrets.set('an ID token', session.split('.')[2] ?? '');
  secrets.set('an access token', ada.authorization.split('.')[2] ?? '');
  for (const headers of [
    { authorization: `Bearer ${key}` },
    { authorization: `Bearer ${endedKey.key}` },
    { authorization: `Bearer ${secret('a mistyped key', (text) => `fck_${text}`)}` },
    { authorization: `Bearer ${secret('a token that is none')}` },
    { authorization: `Basic ${secret('a password', (text) => Buffer.from(`ada:${text}`).toString('base64'))}` },
    { cookie: `__Host-fieldcheck=${session}` },
    { cookie: `__Host-fieldcheck=${secret('a cookie that is none')}` },
    { 'x-functions-key': secret('a function key') },
    { 'x-ms-client-principal': secret('a principal of a proxy') },
    { 'x-forwarded-for': secret('what a proxy adds') },
  ] as Record<string, string>[])
    for (const path of [
      'organizations',
      'organizations/contoso',
      'organizations/contoso/keys',
      'runs/contoso.dkim.x',
      'health',
    ])
      await call('GET', path, headers);
  await call('GET', `organizations?code=${secret('a key in an address')}`, {});
  await call('GET', `sign-in?to=/api/${secret('an address to come back to')}`.replace(/\/api\/s3/, '/other/s3'), {});
  for (const query of [
    `code=${secret('a code of Entra ID')}&state=${secret('a state')}`,
    `error=${secret('an error of a stranger')}`,
  ])
    await call('GET', `sign-in/callback?${query}`, {
      cookie: `__Host-fieldcheck-sign-in=${secret('a sign-in under way')}`,
    });

  // Bodies: refused ones are not repeated.
  const facts = 'organizations/contoso/facts';
  await call('POST', facts, ada, exportOf('contoso'));
  await call('POST', facts, ada, secret('a body that is no JSON'));
  await call('POST', facts, ada, { password: secret('a password in a body') });
  await call('PUT', 'organizations/contoso', ada, {
    ...document,
    [secret('an unknown property').slice(0, 8)]: secret('its value'),
  });
  await call('POST', 'organizations/contoso/keys', ada, { name: 'EX3', key: secret('a key that somebody wants') });
  await call('POST', 'explanations', ada, secret('a text that is no message'));
  await call('POST', 'organizations/contoso/import', ada, secret('a file that is no export'));

  // A run, its cards that no channel takes, and everything that can be read afterwards.
  await call('POST', 'organizations/contoso/evaluations/dkim/runs', {
    ...ada,
    'idempotency-key': secret('an idempotency key'),
  });
  await machine.work();
  await app.superviseRuns();
  await app.deliver();
  await app.heartbeat();
  await app.retain();
  for (const door of doors.filter(({ method, id }) => method === 'GET' && !id.startsWith('sign'))) {
    const values: Record<string, string> = {
      organization: 'contoso',
      evaluation: 'dkim',
      subject: 'contoso.com',
      runId: 'contoso.dkim.x',
    };
    await call(
      'GET',
      door.path.replace(/\{(\w+)\}/g, (_, name: string) => values[name] ?? 'x'),
      ada,
    );
  }
  await call('GET', 'organizations/fabrikam', ada);
  await call('GET', 'organizations/fabrikam/export', ada);
  await app
    .look('dkim', { name: 'message', content: Buffer.from('x') })
    .catch((error: Error) => seen.push(error.message));
  await app.startRun('contoso', 'nothing', 'request').catch((error: Problem) => seen.push(error.message));

  expect(secrets.size).toBeGreaterThanOrEqual(30);
  const places: Record<string, string> = {
    answers: seen.join('\n'),
    log: JSON.stringify(machine.log),
    rows: rows.join('\n'),
  };
  let looks = 0;
  for (const [kind, text] of secrets) {
    for (const [place, all] of Object.entries(places)) {
      // What the document of a local host holds is stored, and never shown: access to the storage is access to it.
      if (kind === 'address written out' && place === 'rows') continue;
      for (const spelling of spellings(text)) {
        looks += 1;
        expect(all.includes(spelling), `${kind} in ${place}, as ${spelling.slice(0, 12)}`).toBe(false);
      }
    }
  }
  // So that what is searched is what was done.
  expect(places.answers?.length).toBeGreaterThan(20_000);
  expect(places.rows).toContain('EX1');
  expect(places.log).toContain('caller refused');
  expect(looks).toBe((secrets.size * 3 - 1) * 6);
  signIn.close();
});

/** A store that notes whatever is written to it. */
function noting(store: Store, rows: string[]): Store {
  return new Proxy(store, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      return (...given: unknown[]) => {
        if (/^(put|commit|create|restore|remove|note|keep|finish|settle|claim)/.test(String(name)))
          rows.push(JSON.stringify(given));
        return member.apply(target, given);
      };
    },
  });
}
