// Whatever arrives at the doors: an answer that the interface describes, in time, and never a fault of ours. What is sent
// is made from the OpenAPI document, as it should be, nearly so, and not at all. FUZZ=n sends n requests, FUZZ_SEED=n others.
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Door } from '../../src/doors/door.ts';
import { openApiDocument } from '../../src/doors/openapi.ts';
import { problemDetails } from '../../src/doors/problem.ts';
import { evaluations } from '../../src/evaluations/index.ts';
import { createZone, type DnsServer, startDnsServer } from '../../src/local/dns-server.ts';
import { anyText } from '../any-text.ts';
import { dkimKey, txtStrings } from '../dns-server/dkim-zone.ts';
import {
  type Called,
  type Customers,
  calledWith,
  closeIssuer,
  documentOf,
  doors,
  exportOf,
  key,
  people,
  startCustomers,
} from './two-customers.ts';

const requests = Number(process.env.FUZZ ?? 5_000);
/** An answer that takes longer is none. */
const limitMs = 10_000;

vi.setConfig({ testTimeout: 300_000 });

interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly required?: readonly string[];
}

interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly { in: string; name: string; schema: Schema }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
  readonly responses: Readonly<Record<string, unknown>>;
}

const document = JSON.parse(JSON.stringify(openApiDocument(doors, evaluations.all))) as {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
};
const operations = new Map(
  Object.values(document.paths).flatMap((methods) =>
    Object.values(methods).map((one) => [one.operationId, one] as const),
  ),
);

/** Names that mean something somewhere, and those that break programs. */
const words = fc.constantFrom(
  'contoso',
  'fabrikam',
  'dkim',
  'smtp-source-ip',
  'teams-exchange-interop',
  'contoso.com',
  'smtp-in',
  'reader',
  'user',
  '__proto__',
  'constructor',
  'toString',
  '..',
  '%2e%2e',
  "' or 1=1",
  '<script>',
  '\u0000',
  '\ud800',
  '😀',
  '*',
  '"',
  '',
  ' ',
  '0',
  '-1',
  '1e999',
  'NaN',
  'null',
  'true',
  '2026-11-24',
  '9999999999999',
  'a'.repeat(5_000),
  '_',
  '~',
  '=2f',
  'contoso.dkim.20261124T060000Z',
  '.contoso.com',
  'xn--',
  '10.0.0.0/33',
  '[::1',
  'https://',
  'secret:FIELDCHECK_CLIENT_SECRET',
);
const text = fc.oneof(words, fc.string({ maxLength: 30 }), anyText({ maxLength: 20 }));

/** What a schema allows, roughly; a tenth of it is something else. */
function valuesOf(schema: Schema, depth = 0): fc.Arbitrary<unknown> {
  const right = (): fc.Arbitrary<unknown> => {
    if (schema.$ref !== undefined)
      return valuesOf(document.components.schemas[schema.$ref.split('/').at(-1) ?? ''] ?? {}, depth);
    if (schema.const !== undefined) return fc.constant(schema.const);
    if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
    const choices = schema.anyOf ?? schema.oneOf ?? schema.allOf;
    if (choices !== undefined) return fc.oneof(...choices.map((one) => valuesOf(one, depth + 1)));
    const known = schema.examples ?? (schema.default === undefined ? [] : [schema.default]);
    if (schema.type === 'string') return fc.oneof(text, ...known.map((one) => fc.constant(one)));
    if (schema.type === 'integer') return fc.oneof(fc.integer({ min: -2, max: 500 }), fc.maxSafeInteger());
    if (schema.type === 'number') return fc.double();
    if (schema.type === 'boolean') return fc.boolean();
    if (schema.type === 'null') return fc.constant(null);
    if (schema.type === 'array')
      return depth > 5 ? fc.constant([]) : fc.array(valuesOf(schema.items ?? {}, depth + 1), { maxLength: 3 });
    if (schema.type === 'object' && depth <= 5) {
      const properties = Object.entries(schema.properties ?? {}).map(
        ([name, one]) => [name, valuesOf(one, depth + 1)] as const,
      );
      const named = fc.record(Object.fromEntries(properties), {
        requiredKeys: [...(schema.required ?? [])].filter((name) => properties.some(([one]) => one === name)),
      });
      const others =
        typeof schema.additionalProperties === 'object'
          ? valuesOf(schema.additionalProperties, depth + 1)
          : fc.jsonValue();
      const more = fc.dictionary(text, others, { maxKeys: schema.properties === undefined ? 2 : 1 });
      return fc
        .tuple(named, more, fc.nat(9))
        .map(([one, other, dice]) => (dice > 1 && schema.properties !== undefined ? one : { ...one, ...other }));
    }
    return fc.jsonValue({ maxDepth: 2 });
  };
  return fc.oneof({ arbitrary: right(), weight: 9 }, { arbitrary: fc.jsonValue({ maxDepth: 3 }), weight: 1 });
}

const asText = (value: unknown) => (typeof value === 'string' ? value : (JSON.stringify(value) ?? ''));

/** Contoso has a key; of fabrikam the servers say that they cannot look. */
const zone = createZone();
zone.set('selector1._domainkey.contoso.com', { type: 'TXT', data: txtStrings(dkimKey(2048)) });
for (const name of ['fabrikam.com', 'selector1._domainkey.fabrikam.com', 'selector2._domainkey.fabrikam.com'])
  zone.misbehave(name, 'servfail');

let dns: readonly DnsServer[];
let customers: Customers;
let callers: Record<string, string>[];
const runId = 'contoso.dkim.20261124T060000Z';

/** What some requests take away. */
async function refill(): Promise<void> {
  const { app, store } = customers;
  for (const organization of ['contoso', 'fabrikam']) {
    if ((await store.organization(organization)) !== undefined) continue;
    await app.putOrganization(organization, documentOf(organization));
    const at = '2026-11-24T06:00:00.000Z';
    const run = { evaluation: 'dkim', subject: `${organization}.com`, at, answers: {}, findings: [] };
    const state = { runId, run, since: at, runs: 1, findings: {}, answers: {} };
    await store.restore({ organization, evaluation: 'dkim' }, { states: [state], history: [state] });
  }
}

beforeAll(async () => {
  // Two that answer: one alone would be asked again after a second, and where nobody answers it is tried for as long.
  dns = await Promise.all([startDnsServer({ zone }), startDnsServer({ zone })]);
  customers = await startCustomers({ resolvers: dns.map(({ address }) => address) });
  const { bearer, keys, issuer } = customers;
  callers = [
    {},
    await bearer(people.ada),
    await bearer(people.ada),
    await bearer(people.ada),
    await bearer(people.otto),
    key(keys.contoso.collector),
    key(keys.contoso.operator),
    key(keys.fabrikam.reader),
    key('fck_wrong'),
    { authorization: 'Basic x' },
    { cookie: `__Host-fieldcheck=${await issuer.token('id', people.rita)}`, accept: 'text/html' },
    { cookie: '__Host-fieldcheck=; =; ;;', accept: '*/*' },
  ];
});
afterAll(async () => {
  await Promise.all(dns.map((server) => server.close()));
  await closeIssuer();
});

const guid = '99999999-0000-0000-0000-000000000009';

/** What there is: most requests are of it, so that they get further than the first look. */
const there: Readonly<Record<string, readonly string[]>> = {
  organization: ['contoso', 'contoso', 'fabrikam'],
  evaluation: ['dkim', 'dkim', 'smtp-source-ip', 'teams-exchange-interop'],
  subject: ['contoso.com', 'smtp-in'],
  service: ['smtp-in'],
  runId: [runId],
  kind: ['user', 'group'],
  id: [guid],
};

/** Bodies that are right, to be changed a little. */
const right: Readonly<Record<string, unknown>> = {
  putOrganization: documentOf('contoso'),
  postFacts: exportOf('contoso'),
  addKey: { name: 'EX1' },
  putAccess: { role: 'reader' },
  evaluate: { domains: ['contoso.com'] },
  explain:
    'DKIM-Signature: v=1; a=rsa-sha256; d=contoso.com; s=selector1; h=from; bh=AA==; b=AA==\r\nFrom: a@contoso.com\r\n\r\nx',
};

/** A text with a piece taken out, put in or doubled. */
const damaged = (whole: string) =>
  fc
    .tuple(fc.nat(whole.length), fc.nat(8), text)
    .map(([at, length, put]) => whole.slice(0, at) + put + whole.slice(at + length));

/** Requests for a door. */
function requestOf(door: Door) {
  const operation = operations.get(door.id);
  if (operation === undefined) throw new Error(`${door.id} is not described`);
  const of = (place: string) => (operation.parameters ?? []).filter((one) => one.in === place);
  const textsOf = (place: string) =>
    Object.fromEntries(
      of(place).map(({ name, schema }) => {
        const any = fc.oneof(valuesOf(schema), text).map(asText);
        const known = there[name];
        return [
          name,
          known === undefined
            ? any
            : fc.oneof({ arbitrary: fc.constantFrom(...known), weight: 9 }, { arbitrary: any, weight: 1 }),
        ];
      }),
    );
  /** Whichever of them. */
  const someOf = (place: string) =>
    fc.record(textsOf(place), { requiredKeys: [] }).map((given) => given as Readonly<Record<string, string>>);
  const [content] = Object.values(operation.requestBody?.content ?? {});
  const json =
    content === undefined ? fc.constant('') : valuesOf(content.schema).map((value) => JSON.stringify(value) ?? '');
  const example = right[door.id === 'explainInOrganization' ? 'explain' : door.id];
  const exact = example === undefined ? json : fc.constant(asText(example));
  const body = fc.oneof(
    { arbitrary: exact, weight: 4 },
    { arbitrary: exact.chain(damaged), weight: 3 },
    { arbitrary: json, weight: 5 },
    { arbitrary: text, weight: 1 },
    { arbitrary: fc.uint8Array({ maxLength: 60 }), weight: 1 },
    {
      arbitrary: fc.constantFrom(
        '['.repeat(20_000),
        '{"a":'.repeat(5_000),
        '\ufeff{}',
        '{"id":"contoso","id":"fabrikam"}',
        '1e400',
      ),
      weight: 1,
    },
  );
  return fc.record({
    door: fc.constant(door),
    caller: fc.nat(11),
    // Of many, so that nobody is told to wait.
    address: fc.ipV4(),
    params: fc.record(textsOf('path')),
    query: fc.oneof(fc.constant({}), someOf('query')),
    headers: fc.oneof(fc.constant({}), someOf('header')),
    body,
  });
}

/** One request, for one door; the one that looks at the whole world takes its time. */
const request = fc
  .constantFrom(
    ...doors.flatMap((door) => {
      // Made once: that takes longer than to draw from it.
      const ofDoor = requestOf(door);
      return door.id === 'doctor' ? [ofDoor] : Array<typeof ofDoor>(6).fill(ofDoor);
    }),
  )
  .chain((ofDoor) => ofDoor);

test(`${requests} requests: none a fault, each answered as described`, async () => {
  const seen = new Map<string, number>();
  await fc.assert(
    fc.asyncProperty(request, async ({ door, caller, address, params, query, headers, body }) => {
      const printable = Object.entries(headers).filter(([, value]) => /^[\x20-\x7e]*$/.test(value));
      const given = {
        search: new URLSearchParams(query).toString(),
        headers: {
          ...Object.fromEntries(printable),
          ...callers[caller],
          'x-forwarded-for': address,
        },
        body,
      };
      const late = new Promise<never>((_, reject) =>
        setTimeout(() => reject(new Error('no answer in time')), limitMs).unref(),
      );
      await refill();
      const answer = await Promise.race([calledWith(customers.app, door, params, given), late]);
      expectDescribed(door.id, answer);
      const what = `${door.id} ${Math.floor(answer.status / 100)}xx`;
      seen.set(what, (seen.get(what) ?? 0) + 1);
    }),
    { numRuns: requests, seed: Number(process.env.FUZZ_SEED ?? 22) },
  );
  // Most doors were let through, too: what stops at the first look proves little.
  const letIn = doors.filter(({ id }) => seen.has(`${id} 2xx`) || seen.has(`${id} 3xx`)).map(({ id }) => id);
  if (requests >= 5_000) expect(letIn.length).toBeGreaterThan(doors.length * 0.7);
});

function expectDescribed(id: string, { status, headers, json, text: said }: Called): void {
  const where = `${id} answered ${status} ${said.slice(0, 300)}`;
  expect(Object.keys(operations.get(id)?.responses ?? {}), where).toContain(
    // A page sends a browser that nobody knows to sign in.
    status === 302 && !['signIn', 'signInCallback'].includes(id) ? '200' : String(status),
  );
  if (status < 400) return;
  // The one door that says with its status how all is.
  if (id === 'health' && headers['content-type'] !== 'application/problem+json') return;
  expect(status, where).toBeLessThan(500);
  if (id.endsWith('Page') && headers['content-type'] !== 'application/problem+json') {
    // What a page refuses is a page that says what to do.
    expect(headers['content-type'], where).toBe('text/html; charset=utf-8');
    expect(said, where).toMatch(/<h1>[^<]+<\/h1>/);
  } else {
    expect(headers['content-type'], where).toBe('application/problem+json');
    expect(problemDetails.parse(json), where).toEqual(json);
  }
  expect(said, where).not.toMatch(/fck_\w{10}_|\bat .*\.ts:\d|node_modules/);
}
