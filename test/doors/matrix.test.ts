// Who may do what, tried at every door; the table in infra/access/README.md is made here.
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { decide, type Grant, type Identity, type Need } from '../../src/domain/access.ts';
import type { Finding } from '../../src/domain/finding.ts';
import type { Door } from '../../src/doors/door.ts';
import { createMemoryTables } from '../../src/store/memory-store.ts';
import { createRowStore } from '../../src/store/row-store.ts';
import { healthy } from '../evaluations/smtp-source-ip/service.ts';
import { noted } from '../store/watched-tables.ts';
import {
  type Called,
  type CallOptions,
  type Customers,
  closeIssuer,
  documentOf,
  doors,
  exportOf,
  key,
  people,
  startCustomers,
} from './two-customers.ts';

afterAll(closeIssuer);

const roles = ['nobody', 'collector', 'reader', 'operator', 'administrator'] as const;
type Role = (typeof roles)[number];

/** What a door is called with, and what it answers whoever is let in. */
interface Tried {
  readonly path?: string;
  readonly options?: (organization: string) => CallOptions;
  readonly answers: number;
}

const guid = '99999999-0000-0000-0000-000000000009';
const runId = (organization: string) => `${organization}.dkim.20261124T060000Z`;

/** What a silence and an acceptance need. */
const said = () => ({ until: new Date(Date.now() + 3_600_000).toISOString(), reason: 'Move of the zone.' });

/** Every door, by its name. Whoever adds one says here how it is tried. */
const tried: Readonly<Record<string, Tried>> = {
  acceptBaseline: { answers: 200 },
  acceptPage: { answers: 400, options: () => ({ body: '' }) },
  addAcceptance: {
    answers: 404,
    options: (organization) => ({
      body: { key: `${organization}/dkim/gone.${organization}.com/dkim/active-key-published`, ...said() },
    }),
  },
  addSilence: { answers: 201, options: () => ({ body: { match: { evaluation: 'dkim' }, ...said() } }) },
  addKey: { answers: 201, options: () => ({ body: { name: 'EX2' } }) },
  audit: { answers: 200 },
  badge: { answers: 404 },
  deleteAccess: { answers: 204 },
  deleteOrganization: { answers: 204 },
  doctor: { answers: 200 },
  doctorPage: { answers: 200 },
  endAcceptance: { answers: 404 },
  endKey: { answers: 200 },
  endSilence: { answers: 404 },
  endStatementPage: { answers: 400, options: () => ({ body: '' }) },
  evaluate: { answers: 400, options: () => ({ body: { domains: [] } }) },
  explain: { answers: 400, options: () => ({ body: 'no message' }) },
  explainFormPage: { answers: 400, options: () => ({ body: 'message=' }) },
  explainPage: { answers: 200 },
  explainInOrganization: { answers: 400, options: () => ({ body: 'no message' }) },
  exportOrganization: { answers: 200 },
  failedSelectors: { answers: 200 },
  getOrganization: { answers: 200 },
  getRun: { answers: 200 },
  getSubject: { answers: 200 },
  health: { answers: 200 },
  healthPage: { answers: 200 },
  importOrganization: { answers: 400, options: () => ({ body: 'no export' }) },
  incidentsCsv: { answers: 200 },
  listAcceptances: { answers: 200 },
  listIncidents: { answers: 200 },
  listSilences: { answers: 200 },
  listAccess: { answers: 200 },
  listKeys: { answers: 200 },
  listOrganizations: { answers: 200 },
  listSubjects: { answers: 200 },
  metrics: { answers: 200 },
  openApi: { answers: 200 },
  organizationAudit: { answers: 200 },
  organizationHistory: { answers: 200 },
  organizationPage: { answers: 200 },
  organizationReport: { answers: 200 },
  organizationSchema: { answers: 200 },
  overviewPage: { answers: 200 },
  pageScript: { answers: 200 },
  pageStyle: { answers: 200 },
  postFacts: { answers: 202, options: (organization) => ({ body: exportOf(organization) }) },
  putAccess: { answers: 200, options: () => ({ body: { role: 'reader' } }) },
  putOrganization: {
    answers: 200,
    options: (organization) => ({ body: { ...documentOf(organization), name: 'New' } }),
  },
  report: { answers: 200 },
  rulePage: { answers: 200 },
  rulesPage: { answers: 200 },
  runbook: { answers: 404 },
  runPage: { answers: 200 },
  signIn: { answers: 302 },
  signInCallback: { answers: 400 },
  signOut: { answers: 200 },
  silencePage: { answers: 400, options: () => ({ body: '' }) },
  startRun: { answers: 202 },
  startRunPage: { answers: 400, options: () => ({ body: '' }) },
  subjectHistory: { answers: 200 },
  subjectPage: { answers: 200 },
  testChannel: { answers: 404 },
  watchPage: { answers: 200 },
};

test('every door is tried', () => {
  expect(Object.keys(tried).sort()).toEqual(doors.map(({ id }) => id).sort());
});

const isOfOrganization = ({ path }: Pick<Door, 'path'>) => /\{(organization|runId)\}/.test(path);

/** The rights of each role, as a caller of contoso has them: what a cell of the table says. */
const callers: Readonly<Record<Exclude<Role, 'nobody'>, Identity>> = {
  collector: identity({ kind: 'key', key: { organization: 'contoso', role: 'collector' } }),
  reader: identity({ roles: ['Member'] }),
  operator: identity({ roles: ['Member'] }),
  administrator: identity({ roles: ['Administrator'] }),
};

function identity(given: Partial<Identity>): Identity {
  return { kind: 'person', id: guid, name: 'Somebody', via: 'token', roles: [], groups: [], ...given };
}

function expected(door: Door, role: Role, organization: 'contoso' | 'fabrikam'): 'yes' | '401' | '403' | '404' {
  const grants: Grant[] =
    role === 'reader' || role === 'operator'
      ? [{ organization: 'contoso', kind: 'user', id: guid, role, by: 'Ada', at: '2026-11-24T06:00:00Z' }]
      : [];
  const there = isOfOrganization(door) ? organization : undefined;
  const caller = role === 'nobody' ? undefined : callers[role];
  return ({ allowed: 'yes', unknown: '401', refused: '403', hidden: '404' } as const)[
    decide(door.needs, caller, there, grants)
  ];
}

/** What a cell says beside yes. */
const notes: Readonly<Record<string, Partial<Record<Role, string>>>> = {
  addKey: { operator: 'yes (1)' },
  listKeys: { operator: 'yes (1)' },
  endKey: { operator: 'yes (1)' },
  putOrganization: { operator: 'yes (2)' },
  listOrganizations: { reader: 'yes (3)', operator: 'yes (3)' },
  metrics: { reader: 'yes (3)', operator: 'yes (3)' },
  health: { nobody: 'yes (4)', collector: 'yes (4)', reader: 'yes (3)', operator: 'yes (3)' },
};

function markdownTable(): string {
  const rows = doors.map((door) => [
    `\`${door.method} ${door.path}\``,
    ...roles.map((role) => notes[door.id]?.[role] ?? expected(door, role, 'contoso')),
    isOfOrganization(door) ? expected(door, 'operator', 'fabrikam') : '',
  ]);
  const head = [
    'door',
    'nobody',
    'collector key',
    'reader',
    'operator',
    'administrator',
    'who is of another organization',
  ];
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[], filler = ' ') =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0, filler)).join(' | ')} |`;
  return [
    line(head),
    line(
      head.map(() => ''),
      '-',
    ),
    ...rows.map((row) => line(row)),
  ].join('\n');
}

test('the table of infra/access/README.md is that of the doors (UPDATE_GOLDEN=1 writes it)', async () => {
  const file = fileURLToPath(new URL('../../infra/access/README.md', import.meta.url));
  const readme = await readFile(file, 'utf8');
  const table = /(?<=\n)\| door .*?(?=\n\n)/s;
  if (process.env.UPDATE_GOLDEN === '1') await writeFile(file, readme.replace(table, markdownTable));
  expect((await readFile(file, 'utf8')).match(table)?.[0]).toBe(markdownTable());
});

/** Customers that are made once, and written to tables of their own for each test. */
function madeOnce(fill: (customers: Customers) => Promise<void>): () => Promise<Customers> {
  const make = async () => {
    const { tables, writeInto } = noted(createMemoryTables());
    const customers = await startCustomers({ store: createRowStore(tables) });
    await fill(customers);
    return { keys: customers.keys, writeInto };
  };
  let made: ReturnType<typeof make> | undefined;
  return async () => {
    made ??= make();
    const { keys, writeInto } = await made;
    const tables = createMemoryTables();
    await writeInto(tables);
    return startCustomers({ store: createRowStore(tables), keys });
  };
}

/** Both with something to see, change and delete. */
async function fill({ app, store }: Customers): Promise<void> {
  for (const organization of ['contoso', 'fabrikam']) {
    const at = new Date().toISOString();
    const run = { evaluation: 'dkim', subject: `${organization}.com`, at, answers: {}, findings: [] };
    const state = { runId: runId(organization), run, since: at, runs: 1, findings: {}, answers: {} };
    await store.restore({ organization, evaluation: 'dkim' }, { states: [state], history: [] });
    await store.createRun({
      organization,
      evaluation: 'dkim',
      runId: runId(organization),
      trigger: 'request',
      startedAt: at,
      deadline: at,
      subjects: 1,
      slices: 1,
      state: 'running',
    });
    await app.putGrant(organization, { kind: 'group', id: guid }, { role: 'reader' });
    const { files } = healthy();
    const node = { ...files.EX1, collectedAt: at };
    await app.acceptFacts(organization, new TextEncoder().encode(JSON.stringify(node)), false);
  }
}
const prepared = madeOnce(fill);

async function headersOf(customers: Customers, role: Role): Promise<Record<string, string>> {
  switch (role) {
    case 'nobody':
      return {};
    case 'collector':
      return key(customers.keys.contoso.collector);
    case 'reader':
      return customers.bearer(people.rita);
    case 'operator':
      return customers.bearer(people.otto);
    case 'administrator':
      return customers.bearer(people.ada);
  }
}

function pathOf(door: Door, organization: string, keyText: string): string {
  const values: Readonly<Record<string, string>> = {
    organization,
    evaluation: 'dkim',
    subject: `${organization}.com`,
    service: 'smtp-in',
    runId: runId(organization),
    kind: 'group',
    id: guid,
    key: keyText.split('_')[1] ?? '',
    silence: 'none',
    statement: 'silence-none',
    acceptance: 'none',
    channel: 'none',
    rule: 'active-key-published',
  };
  return door.path.replace(/\{(\w+)\}/g, (_, name: string) => values[name] ?? '');
}

async function tryDoor(
  customers: Customers,
  door: Door,
  organization: 'contoso' | 'fabrikam',
  headers: Record<string, string>,
): Promise<Called> {
  const path = pathOf(door, organization, customers.keys[organization].collector);
  return customers.call(door.method, path, { ...tried[door.id]?.options?.(organization), headers });
}

describe.each(doors.map((door) => [`${door.method} ${door.path}`, door] as const))('%s', (_, door) => {
  const organizations = isOfOrganization(door) ? (['contoso', 'fabrikam'] as const) : (['contoso'] as const);
  test.each(roles.flatMap((role) => organizations.map((organization) => [role, organization] as const)))(
    'by %s, of %s',
    async (role, organization) => {
      const customers = await prepared();
      const { status, detail } = await tryDoor(customers, door, organization, await headersOf(customers, role));
      const wanted = expected(door, role, organization);
      expect([status, detail]).toEqual([
        wanted === 'yes' ? tried[door.id]?.answers : Number(wanted),
        wanted === '404' ? expect.stringMatching(/does not exist\.$/) : expect.any(String),
      ]);
    },
  );
});

test('an organization that is none of the caller’s is as one that does not exist', async () => {
  const customers = await prepared();
  const headers = await customers.bearer(people.otto);
  for (const door of doors.filter(isOfOrganization)) {
    const there = await tryDoor(customers, door, 'fabrikam', headers);
    await customers.app.deleteOrganization('fabrikam');
    const gone = await tryDoor(customers, door, 'fabrikam', headers);
    expect(gone, door.id).toEqual(there);
    await customers.app.putOrganization('fabrikam', documentOf('fabrikam'));
  }
});

/** Two customers, each with a word that stands in everything that is kept of it and in nothing else. */
const words = { contoso: 'amber', fabrikam: 'zircon' } as const;
type Customer = keyof typeof words;

const marked = madeOnce(async (customers) => {
  await fill(customers);
  const { app, store } = customers;
  for (const [organization, word] of Object.entries(words)) {
    const domain = `${word}.${organization}.com`;
    await app.putOrganization(organization, {
      ...documentOf(organization),
      name: `${word} GmbH`,
      channels: { [`${word}-team`]: { kind: 'console' } },
      evaluations: {
        ...documentOf(organization).evaluations,
        dkim: { domains: [domain], channels: [`${word}-team`] },
      },
    });
    await app.addKey(organization, { name: `${word} EX1` });
    const at = new Date().toISOString();
    const failing: Finding = {
      rule: 'dkim/active-key-published',
      target: 'selector1',
      verdict: 'fail',
      severity: 'critical',
      owner: 'microsoft',
      message: `${domain} has no key.`,
      remedy: `Mend ${word}.`,
      evidence: [],
    };
    const run = {
      evaluation: 'dkim',
      subject: domain,
      at,
      answers: { 'verifiable-now': 'no' as const },
      findings: [failing],
    };
    const memory = { verdict: 'fail' as const, since: at, unknownRuns: 0, open: { since: at } };
    const findings = { 'dkim/active-key-published#selector1': memory };
    const state = { runId: runId(organization), run, since: at, runs: 1, findings, answers: {} };
    await store.restore({ organization, evaluation: 'dkim' }, { states: [state], history: [state] });
    await app.addSilence(organization, { match: { subject: domain }, ...said(), reason: `${word} moves.` }, word);
  }
  await app.putGrant('fabrikam', { kind: 'user', id: people.mia.id }, { role: 'operator' });
});

const ofAllOrganizations = new Set([
  ...['audit', 'doctor', 'doctorPage', 'health', 'healthPage', 'listOrganizations', 'metrics', 'overviewPage'],
]);
const isOfAllOrganizations = ({ id }: Door) => ofAllOrganizations.has(id);

describe.each([
  ['contoso', 'fabrikam', people.otto],
  ['fabrikam', 'contoso', people.mia],
] as const)('%s in one app with %s', (own, other, person) => {
  const callersOf = async (customers: Customers): Promise<readonly Record<string, string>[]> => [
    ...Object.values(customers.keys[own]).map(key),
    await customers.bearer(person),
  ];
  /** All that a caller gets, and what was logged meanwhile. */
  const received = ({ text, headers, cookies }: Called, log: Customers['log']) =>
    JSON.stringify([text, headers, cookies ?? [], log]);

  test('sees nothing of it at any door, in no body, header or log line', async () => {
    let customers = await marked();
    let tries = 0;
    const showsOwn = new Set<string>();
    for (const door of doors) {
      for (const which of [0, 1, 2, 3]) {
        const headers = (await callersOf(customers))[which];
        const before = customers.log.length;
        const answer = await tryDoor(customers, door, own, headers ?? {});
        const all = received(answer, customers.log.slice(before));
        expect(all, door.id).not.toContain(words[other]);
        // Names of examples stand in pages and schemas that are the same for everybody.
        if (isOfAllOrganizations(door)) expect(all, door.id).not.toContain(other);
        tries += 1;
        if (all.includes(words[own])) showsOwn.add(door.id);
        if (door.method === 'GET') continue;
        // What it has just changed or deleted is there again for the next one.
        customers = await marked();
      }
    }
    expect(tries).toBe(doors.length * 4);
    // What would be seen of it if anything were: each sees its own there.
    expect([...showsOwn].sort()).toEqual(
      expect.arrayContaining(['listOrganizations', 'overviewPage', 'report', 'watchPage']),
    );
    expect(showsOwn.size).toBeGreaterThanOrEqual(20);
  });

  test('finds nothing there, and nothing of it stands in what it is told or in the log', async () => {
    const customers = await marked();
    const { app } = customers;
    for (const door of doors.filter((one) => isOfOrganization(one) && one.needs !== 'open')) {
      for (const headers of await callersOf(customers)) {
        const before = customers.log.length;
        const answer = await tryDoor(customers, door, other, headers);
        expect(answer.status, door.id).toBe(404);
        const all = received(answer, customers.log.slice(before));
        expect(all, door.id).not.toContain(words[other as Customer]);
        // It is told what it asked for, and nothing else.
        const asked = new RegExp(`${runId(other)}|(\\\\*"|&quot;)${other}\\\\*\\1`, 'g');
        expect(all.replaceAll(asked, ''), door.id).not.toContain(other);
      }
    }
    expect((await app.organization(other)).document).toMatchObject({ name: `${words[other as Customer]} GmbH` });
  });
});

test('nobody of one organization gets anything from another one (property)', async () => {
  const customers = await prepared();
  const ofContoso = [
    ...Object.values(customers.keys.contoso).map(key),
    ...(await Promise.all([people.otto, people.rita, people.gus, people.mia].map((one) => customers.bearer(one)))),
  ];
  const secret = /fabrikam\.com|fabrikam (collector|reader|operator)/;
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...doors.filter((door) => isOfOrganization(door) && door.needs !== 'open')),
      fc.constantFrom(...ofContoso),
      fc.constantFrom('', '?limit=1', '?organization=contoso', '?continuation=Zm9v', '?replace=true', '?by=Otto'),
      async (door, headers, search) => {
        const path = pathOf(door, 'fabrikam', customers.keys.fabrikam.collector);
        const options = tried[door.id]?.options?.('fabrikam');
        const { status, text } = await customers.call(door.method, `${path}${search}`, { ...options, headers });
        expect(status).toBe(404);
        expect(text.replaceAll(runId('fabrikam'), '')).not.toMatch(secret);
      },
    ),
    { numRuns: 500 },
  );
  expect((await customers.app.organization('fabrikam')).document).toMatchObject(documentOf('fabrikam'));
});

test('rights add up, and no right is had without a role (property)', () => {
  const needs: readonly Need[] = ['send', 'read', 'keys', 'operate', 'administer'];
  const role = fc.constantFrom<Grant['role']>('reader', 'operator');
  const grantOf = (organization: string, granted: Grant['role']): Grant => ({
    organization,
    kind: 'user',
    id: guid,
    role: granted,
    by: 'Ada',
    at: '2026-11-24T06:00:00Z',
  });
  fc.assert(
    fc.property(
      fc.constantFrom(...needs),
      fc.array(role),
      fc.array(role),
      fc.array(fc.string()),
      (need, own, others, named) => {
        const grants = [...own.map((one) => grantOf('contoso', one)), ...others.map((one) => grantOf('fabrikam', one))];
        const member = identity({ roles: ['Member'] });
        const alone = own.map((one) => decide(need, member, 'contoso', [grantOf('contoso', one)]));
        const together = decide(need, member, 'contoso', grants);
        expect(together === 'allowed').toBe(alone.includes('allowed'));
        const strangers = named.filter(
          (one) => !['Administrator', 'Operator.All', 'Reader.All', 'Member'].includes(one),
        );
        expect(decide(need, identity({ roles: strangers }), 'contoso', grants)).toBe('hidden');
        expect(decide(need, undefined, 'contoso', grants)).toBe('unknown');
      },
    ),
  );
});
