// One app with two customers, called at its doors as a host calls them: by nobody, by keys, by people who signed in.
import { expect } from 'vitest';
import type { Door, DoorAnswer } from '../../src/doors/door.ts';
import { answerOf, doorsOf } from '../../src/doors/index.ts';
import { evaluations } from '../../src/evaluations/index.ts';
import { createHttp } from '../../src/http/client.ts';
import { type FakeIssuer, type Person, startFakeIssuer } from '../../src/local/fake-issuer.ts';
import { createSignIn, type SignIn } from '../../src/sources/entra.ts';
import { createMemoryStore } from '../../src/store/memory-store.ts';
import type { Store } from '../../src/store/store.ts';
import { createMachine, type Machine } from '../app/machine.ts';
import { signingRow } from '../app/tenant.ts';
import { healthy } from '../evaluations/smtp-source-ip/service.ts';

export const publicUrl = 'https://fieldcheck.contoso.com';
export const doors = doorsOf(evaluations);

const id = (digit: number) => `${String(digit).repeat(8)}-0000-0000-0000-000000000000`;

/** Who works for whom: Ada runs the deployment, Otto and Rita look after contoso, Gus does by his group, Mia has no row. */
export const people = {
  ada: { id: id(1), name: 'Ada', roles: ['Administrator'] },
  otto: { id: id(2), name: 'Otto', roles: ['Member'] },
  rita: { id: id(3), name: 'Rita', roles: ['Member'] },
  gus: { id: id(4), name: 'Gus', roles: ['Member'], groups: [id(9)] },
  mia: { id: id(5), name: 'Mia', roles: ['Member'] },
  nora: { id: id(6), name: 'Nora', roles: [] },
  oscar: { id: id(7), name: 'Oscar', roles: ['Operator.All'] },
  rob: { id: id(8), name: 'Rob', roles: ['Reader.All'] },
} as const satisfies Readonly<Record<string, Person>>;

export interface Called {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly cookies: DoorAnswer['cookies'];
  readonly json: unknown;
  readonly text: string;
  readonly detail: string;
}

export interface Customers extends Machine {
  readonly store: Store;
  readonly issuer: FakeIssuer;
  /** Keys of contoso and of fabrikam, by role. */
  readonly keys: Readonly<
    Record<'contoso' | 'fabrikam', Readonly<Record<'collector' | 'reader' | 'operator', string>>>
  >;
  /** `Authorization` of a person or an application. */
  bearer(person: Person, kind?: 'access' | 'application'): Promise<Record<string, string>>;
  call(method: string, address: string, options?: CallOptions): Promise<Called>;
}

export interface CallOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

export const key = (text: string) => ({ authorization: `Bearer ${text}` });

const { kind: _, ...service } = healthy().service;

export const documentOf = (organization: string) => ({
  id: organization,
  evaluations: { dkim: { domains: [`${organization}.com`] }, 'smtp-source-ip': { services: [service] } },
});

export const exportOf = (organization: string) => [signingRow(`${organization}.com`)];

interface Shared {
  readonly issuer: FakeIssuer;
  /** Has asked for the issuer's keys once. */
  readonly signIn: SignIn;
  /** Of people, by kind: as long as a test file lives, they are good. */
  readonly tokens: Map<string, Promise<string>>;
}
let shared: Promise<Shared> | undefined;
/** One for a test file: making its key takes longest of all. */
function share(): Promise<Shared> {
  shared ??= startFakeIssuer(Object.values(people)).then((issuer) => {
    const { clientId, tenantId, url } = issuer;
    const signIn = createSignIn({ clientId, tenantId, login: url }, createHttp());
    return { issuer, signIn, tokens: new Map() };
  });
  return shared;
}

export async function issuerOfTests(): Promise<FakeIssuer> {
  return (await share()).issuer;
}

/** Behind the last test of a file: the next file in the same process gets another one. */
export async function closeIssuer(): Promise<void> {
  const closing = await shared;
  shared = undefined;
  closing?.signIn.close();
  await closing?.issuer.close();
}

/**
 * @param options.keys those of customers that the store holds already; left out, they are made
 * @param options.resolvers left out, nobody answers for any name
 */
export async function startCustomers(
  options: {
    readonly store?: Store;
    readonly signIn?: false;
    readonly keys?: Customers['keys'];
    readonly resolvers?: readonly string[];
  } = {},
): Promise<Customers> {
  const { issuer, tokens, ...ofFile } = await share();
  const store = options.store ?? createMemoryStore();
  const signIn = options.signIn === false ? undefined : ofFile.signIn;
  const machine = createMachine({
    store,
    resolvers: options.resolvers ?? ['127.0.0.1:9'],
    clock: { now: () => new Date(), advance: () => {} },
    ports: { localAccess: false, signIn, publicUrl },
  });
  const { app } = machine;
  const keys = options.keys ?? (await makeCustomers(app));
  return {
    ...machine,
    store,
    issuer,
    keys,
    async bearer(person, kind = 'access') {
      const name = `${kind} ${person.id}`;
      const token = tokens.get(name) ?? issuer.token(kind, person);
      tokens.set(name, token);
      return key(await token);
    },
    call: (method, address, given) => callDoor(app, method, address, given),
  };
}

async function makeCustomers(app: Machine['app']): Promise<Customers['keys']> {
  const keys: Record<string, Record<string, string>> = {};
  for (const organization of ['contoso', 'fabrikam']) {
    await app.putOrganization(organization, documentOf(organization));
    keys[organization] = {};
    for (const role of ['collector', 'reader', 'operator'] as const)
      keys[organization][role] = (await app.addKey(organization, { name: `${organization} ${role}`, role })).key;
  }
  await app.putGrant('contoso', { kind: 'user', id: people.otto.id }, { role: 'operator' });
  await app.putGrant('contoso', { kind: 'user', id: people.rita.id }, { role: 'reader' });
  await app.putGrant('contoso', { kind: 'group', id: people.gus.groups[0] ?? '' }, { role: 'reader' });
  return keys as unknown as Customers['keys'];
}

const patterns = doors.map((door) => ({
  door,
  pattern: new RegExp(`^${door.path.replace(/\{(\w+)\}/g, '(?<$1>[^/]+)').replaceAll('.', '\\.')}$`),
}));

export async function callDoor(
  app: Machine['app'],
  method: string,
  address: string,
  { headers = {}, body }: CallOptions = {},
): Promise<Called> {
  const [path = '', search] = address.split('?');
  const found = patterns.find(({ door, pattern }) => door.method === method && pattern.test(path));
  if (found === undefined) throw new Error(`no door ${method} ${path}`);
  const params = Object.fromEntries(
    Object.entries({ ...found.pattern.exec(path)?.groups }).map(([name, value]) => [name, decodeURIComponent(value)]),
  );
  return calledWith(app, found.door, params, { search, headers, body });
}

export async function calledWith(
  app: Machine['app'],
  door: Door,
  params: Readonly<Record<string, string>>,
  { search, headers = {}, body }: CallOptions & { readonly search?: string | undefined },
): Promise<Called> {
  const faults: unknown[][] = [];
  const bytes =
    body instanceof Uint8Array
      ? body
      : new TextEncoder().encode(typeof body === 'string' ? body : JSON.stringify(body ?? ''));
  const answer = await answerOf(
    door,
    () => app,
    {
      params,
      query: new URLSearchParams(search),
      headers: new Headers(headers),
      url: `${publicUrl}/api/x${search === undefined ? '' : `?${search}`}`,
      body: new Blob([bytes.slice()]).stream(),
    },
    (...fault) => faults.push(fault),
  );
  expect(faults, `${door.method} ${door.path} ${JSON.stringify(params)} ${search}`).toEqual([]);
  const given = answer.body ?? (answer.jsonBody === undefined ? '' : JSON.stringify(answer.jsonBody));
  const text = typeof given === 'string' ? given : new TextDecoder().decode(given);
  const json: unknown =
    answer.jsonBody ?? (/^[{[]/.test(text) && !text.includes('}\n{') ? JSON.parse(text) : undefined);
  const { detail = '' } = (json ?? {}) as { detail?: string };
  return { status: answer.status ?? 200, headers: answer.headers ?? {}, cookies: answer.cookies, json, text, detail };
}
