// Keys of organizations: how they look, what they open, and that nobody sees them twice.
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { hashOfKey, idOfKey, makeKey } from '../../src/app/access/key-text.ts';
import { loadConfig } from '../../src/config.ts';
import type { OrganizationKey } from '../../src/domain/access.ts';
import { createMemoryStore } from '../../src/store/memory-store.ts';
import { StoreUnavailable } from '../../src/store/store.ts';
import { createClock, createMachine, type Machine } from '../app/machine.ts';
import {
  type Customers,
  callDoor,
  closeIssuer,
  documentOf,
  exportOf,
  key,
  people,
  startCustomers,
} from './two-customers.ts';

afterAll(closeIssuer);

describe('the text of a key', () => {
  test('has 64 characters, its id in it, and is never made twice', () => {
    const made = Array.from({ length: 1_000 }, makeKey);
    for (const { id, text } of made) {
      expect(text).toMatch(/^fck_[0-9A-Za-z]{10}_[0-9A-Za-z]{49}$/);
      expect(idOfKey(text)).toBe(id);
    }
    expect(new Set(made.map(({ text }) => text)).size).toBe(1_000);
    expect(new Set(made.map(({ id }) => id)).size).toBe(1_000);
  });

  test('one character changed, wherever, is found without a look-up', () => {
    const { text } = makeKey();
    for (let at = 0; at < text.length; at += 1) {
      const other = text[at] === 'x' ? 'y' : 'x';
      expect(idOfKey(text.slice(0, at) + other + text.slice(at + 1))).toBeUndefined();
    }
    expect(idOfKey(text.slice(0, -1))).toBeUndefined();
    expect(idOfKey(`${text}0`)).toBeUndefined();
  });
});

describe('a key over time', () => {
  const clock = createClock();
  let machine: Machine;
  let made: string;
  const store = createMemoryStore();
  const list = (headers: Record<string, string>) => callDoor(machine.app, 'GET', 'organizations/contoso', { headers });

  beforeEach(async () => {
    machine = createMachine({ store, resolvers: ['127.0.0.1:9'], clock, ports: { localAccess: false } });
    await machine.app.putOrganization('contoso', documentOf('contoso'));
    for (const one of await machine.app.keys('contoso')) await machine.app.endKey('contoso', one.id);
    ({ key: made } = await machine.app.addKey('contoso', { name: 'EX1', role: 'reader' }));
  });

  test('counts for a year, then says that it has expired', async () => {
    expect((await list(key(made))).status).toBe(200);
    clock.advance({ days: 364, hours: 23 });
    expect((await list(key(made))).status).toBe(200);
    clock.advance({ hours: 2 });
    expect(await list(key(made))).toMatchObject({
      status: 401,
      detail: expect.stringMatching(/^The key has expired 2027-11-24T06:00:00\.000Z; make a new one\.$/),
      headers: { 'www-authenticate': 'Bearer realm="fieldcheck"' },
    });
  });

  test('two of a name count while one follows the other, no third', async () => {
    const second = await machine.app.addKey('contoso', { name: 'EX1', role: 'reader' });
    for (const one of [made, second.key]) expect((await list(key(one))).status).toBe(200);
    await expect(machine.app.addKey('contoso', { name: 'EX1' })).rejects.toMatchObject({
      status: 409,
      message: 'contoso has 2 keys named "EX1" that count; end the one that is no longer used first.',
    });
    await machine.app.endKey('contoso', idOfKey(made) ?? '');
    expect((await list(key(made))).detail).toMatch(/^The key was ended /);
    expect((await list(key(second.key))).status).toBe(200);
    await machine.app.addKey('contoso', { name: 'EX1' });
  });

  test('that another instance has ended counts for a minute at most', async () => {
    expect((await list(key(made))).status).toBe(200);
    const other = createMachine({ store, resolvers: ['127.0.0.1:9'], clock, ports: { localAccess: false } });
    await other.app.endKey('contoso', idOfKey(made) ?? '');
    clock.advance({ seconds: 61 });
    expect((await list(key(made))).status).toBe(401);
  });

  test('its last use is noted, once a day', async () => {
    const used = async () => (await machine.app.keys('contoso')).find(({ id }) => id === idOfKey(made))?.lastUsedAt;
    expect(await used()).toBeUndefined();
    await list(key(made));
    const first = await used();
    expect(first).toBe(clock.now().toISOString());
    clock.advance({ hours: 3 });
    await list(key(made));
    expect(await used()).toBe(first);
    clock.advance({ days: 1 });
    await list(key(made));
    expect(await used()).toBe(clock.now().toISOString());
  });

  test('a name or a life that is none is refused with a sentence', async () => {
    for (const [wanted, sentence] of [
      [{ name: '' }, 'name: is no name of a key'],
      [{ name: 'constructor' }, 'name: is a name that programs keep for themselves'],
      [{ name: 'EX1', days: 0 }, 'days: '],
      [{ name: 'EX1', role: 'administrator' }, 'role: '],
    ] as const)
      await expect(machine.app.addKey('contoso', wanted)).rejects.toThrow(sentence);
  });

  test('goes with its organization', async () => {
    await machine.app.deleteOrganization('contoso');
    expect((await list(key(made))).status).toBe(401);
    expect(await store.keys('contoso')).toEqual([]);
  });
});

describe('what keys open', () => {
  let customers: Customers;
  beforeEach(async () => {
    customers = await startCustomers();
  });

  test('a collector posts facts of its organization and learns nothing but what it sent', async () => {
    const { call, keys } = customers;
    await call('POST', 'organizations/contoso/facts', {
      headers: key(keys.contoso.operator),
      body: exportOf('contoso'),
    });
    const sent = await call('POST', 'organizations/contoso/facts?run=false', {
      headers: key(keys.contoso.collector),
      body: exportOf('contoso'),
    });
    expect(sent).toMatchObject({ status: 202, json: { subjects: ['contoso.com'] } });
    const foreign = await call('POST', 'organizations/contoso/facts', {
      headers: key(keys.contoso.collector),
      body: exportOf('adatum'),
    });
    expect([foreign.status, foreign.detail]).toEqual([
      422,
      'This list would change a lot of what contoso watches; an operator has to send it.',
    ]);
    const confirmed = await call('POST', 'organizations/contoso/facts?confirm=true', {
      headers: key(keys.contoso.collector),
      body: exportOf('adatum'),
    });
    expect([confirmed.status, confirmed.detail]).toEqual([
      403,
      'That a list changes the watch a lot is confirmed by an operator.',
    ]);
  });

  test('who sent facts, and when, stands where they decide', async () => {
    await customers.call('POST', 'organizations/contoso/facts?run=false', {
      headers: key(customers.keys.contoso.collector),
      body: exportOf('contoso'),
    });
    await customers.app.startRun('contoso', 'dkim', 'request');
    await customers.work();
    const state = await customers.app.subject('contoso', 'dkim', 'contoso.com');
    const today = new Date().toISOString().slice(0, 10);
    expect(state.run.findings.flatMap(({ evidence }) => evidence.map(({ source }) => source))).toContainEqual(
      expect.stringMatching(new RegExp(`, sent ${today} by key contoso collector$`)),
    );
  });

  test('an operator handles keys of collectors alone, and a key none', async () => {
    const { call, bearer, keys } = customers;
    const otto = await bearer(people.otto);
    const listed = (await call('GET', 'organizations/contoso/keys', { headers: otto })).json as OrganizationKey[];
    expect(listed.map(({ name }) => name)).toEqual(['contoso collector']);
    const refused = 'An operator makes and ends keys of collectors; the others are an administrator’s.';
    for (const role of ['reader', 'operator'])
      expect(
        await call('POST', 'organizations/contoso/keys', { headers: otto, body: { name: 'Mine', role } }),
      ).toMatchObject({ status: 403, detail: refused });
    const readers = `organizations/contoso/keys/${idOfKey(keys.contoso.reader)}`;
    expect(await call('DELETE', readers, { headers: otto })).toMatchObject({ status: 403, detail: refused });
    expect(
      await call('POST', 'organizations/contoso/keys', { headers: key(keys.contoso.operator), body: { name: 'Mine' } }),
    ).toMatchObject({ status: 403, detail: 'contoso operator may not do this: it needs an operator who is no key.' });
    const ada = await bearer(people.ada);
    expect((await call('GET', 'organizations/contoso/keys', { headers: ada })).json).toHaveLength(3);
    expect((await call('DELETE', readers, { headers: ada })).status).toBe(200);
    // Also of another organization's key an administrator of this path learns nothing.
    const foreign = `organizations/contoso/keys/${idOfKey(keys.fabrikam.reader)}`;
    expect((await call('DELETE', foreign, { headers: ada })).status).toBe(404);
  });

  test('a tenant is named for an evaluation by nobody who works for one organization', async () => {
    const { call, bearer, keys } = customers;
    const subject = { kind: 'mail-domain', id: 'fabrikam.com', tenantId: '11111111-2222-3333-4444-555555555555' };
    const saved = { fieldcheck: 'facts/1', evaluation: 'dkim', subject, facts: {}, parts: {} };
    for (const body of [{ subject }, { facts: [saved] }]) {
      for (const headers of [await bearer(people.otto), key(keys.contoso.operator)])
        expect(await call('POST', 'evaluations/dkim', { headers, body })).toMatchObject({
          status: 403,
          detail: expect.stringMatching(/^A tenant is read for the organization whose document names it; /),
        });
      const headers = await bearer(people.oscar);
      expect((await call('POST', 'evaluations/dkim', { headers, body })).status).toBe(200);
    }
  });

  test('twenty wrong ones a minute from an address, then it has to wait; a good one elsewhere does not', async () => {
    // As the front end of the platform writes it: what a caller says of himself stands before, and each has a port.
    let port = 50_000;
    const from = (address: string) => ({ 'x-forwarded-for': `203.0.113.9, ${address}:${port++}` });
    const wrong = () => ({ ...key(makeKey().text), ...from('198.51.100.7') });
    const statuses: number[] = [];
    for (let n = 0; n < 22; n += 1)
      statuses.push((await customers.call('GET', 'organizations', { headers: wrong() })).status);
    expect(statuses).toEqual([...Array(20).fill(401), 429, 429]);
    const last = await customers.call('GET', 'organizations', { headers: wrong() });
    expect(last).toMatchObject({ headers: { 'retry-after': '60' }, detail: expect.stringMatching(/^Too many keys/) });
    const good = { ...key(customers.keys.contoso.reader), ...from('198.51.100.8') };
    expect((await customers.call('GET', 'organizations', { headers: good })).status).toBe(200);
  });

  test('are shown once: never in a list, the audit, an export, a log line or a row', async () => {
    const { call, bearer, keys, store, log } = customers;
    const ada = await bearer(people.ada);
    const texts = [...Object.values(keys.contoso), ...Object.values(keys.fabrikam)];
    const shown = await Promise.all(
      ['organizations/contoso/keys', 'organizations/contoso/audit', 'audit', 'organizations/contoso/export'].map(
        async (path) => (await call('GET', path, { headers: ada })).text,
      ),
    );
    shown.push(
      JSON.stringify(log),
      JSON.stringify(await store.keys()),
      JSON.stringify(await store.audit(undefined, 100)),
    );
    for (const text of texts) {
      for (const one of shown) expect(one).not.toContain(text);
      for (const one of shown.slice(0, 4)) expect(one).not.toContain(hashOfKey(text));
    }
    expect(shown[3]).toContain('"contoso collector"');
  });
});

describe('the audit', () => {
  test('has every change, who made it and by what, newest first', async () => {
    const customers = await startCustomers();
    const { call, bearer, keys } = customers;
    const otto = await bearer(people.otto);
    const ada = await bearer(people.ada);
    const contoso = 'organizations/contoso';
    await call('PUT', contoso, { headers: otto, body: { ...documentOf('contoso'), name: 'Contoso' } });
    await call('POST', `${contoso}/facts?run=false`, {
      headers: key(keys.contoso.collector),
      body: exportOf('contoso'),
    });
    await call('POST', `${contoso}/evaluations/dkim/runs`, { headers: otto });
    const made = (await call('POST', `${contoso}/keys`, { headers: otto, body: { name: 'EX9' } })).json as {
      id: string;
    };
    await call('DELETE', `${contoso}/keys/${made.id}`, { headers: otto });
    const rita = `${contoso}/access/user/${people.rita.id}`;
    await call('PUT', rita, { headers: ada, body: { role: 'operator', name: 'Rita' } });
    await call('DELETE', rita, { headers: ada });
    await call('DELETE', contoso, { headers: ada });
    const { items } = (await call('GET', 'audit', { headers: ada })).json as {
      items: { by: { name: string }; via: string; action: string; target?: string; detail?: string }[];
    };
    expect(
      items.map(({ by, via, action, target = '', detail = '' }) =>
        `${by.name} ${via} ${action} ${target} ${detail}`.trim(),
      ),
    ).toEqual([
      'Ada token document.delete',
      `Ada token access.take user ${people.rita.id}`,
      `Ada token access.give user ${people.rita.id} operator`,
      `Otto token key.end EX9 (${made.id})`,
      `Otto token key.add EX9 (${made.id}) collector, 365 days`,
      'Otto token run.start dkim',
      expect.stringMatching(/^contoso collector key facts\.send dkim .*1 subjects$/),
      'Otto token document.write  name',
    ]);
    // It outlives the organization.
    expect((await call('GET', `${contoso}/audit`, { headers: ada })).json).toEqual({ items });
  });

  test('that cannot be written down is not done', async () => {
    const store = createMemoryStore();
    const customers = await startCustomers({ store });
    const before = JSON.stringify([await store.organization('contoso'), await store.keys(), await store.grants()]);
    store.putAudit = async () => {
      throw new StoreUnavailable('the table audit refuses');
    };
    const ada = await customers.bearer(people.ada);
    const contoso = 'organizations/contoso';
    for (const [method, path, body] of [
      ['PUT', contoso, { ...documentOf('contoso'), name: 'New' }],
      ['DELETE', contoso],
      ['POST', `${contoso}/facts`, exportOf('contoso')],
      ['POST', `${contoso}/evaluations/dkim/runs`],
      ['POST', `${contoso}/keys`, { name: 'EX9' }],
      ['DELETE', `${contoso}/keys/${idOfKey(customers.keys.contoso.reader)}`],
      ['PUT', `${contoso}/access/user/${people.mia.id}`, { role: 'reader' }],
      ['DELETE', `${contoso}/access/user/${people.rita.id}`],
    ] as const) {
      const { status, detail } = await customers.call(method, path, { headers: ada, body });
      expect([method, path, status, detail]).toEqual([
        method,
        path,
        503,
        'The storage is not available: the table audit refuses',
      ]);
    }
    expect(JSON.stringify([await store.organization('contoso'), await store.keys(), await store.grants()])).toBe(
      before,
    );
    expect(customers.slices).toEqual([]);
    expect(await store.facts({ organization: 'contoso', evaluation: 'dkim' })).toEqual([]);
  });

  test.each([
    ['tenant', { tenant: { id: '11111111-2222-3333-4444-555555555555' } }],
    ['channels', { channels: { mine: { kind: 'console' as const } } }],
    ['retentionDays', { retentionDays: 1 }],
    ['badge', { badge: true }],
  ])('an operator does not change %s', async (name, changes) => {
    const { call, bearer, app } = await startCustomers();
    const before = await app.organization('contoso');
    const answer = await call('PUT', 'organizations/contoso', {
      headers: await bearer(people.oscar),
      body: { ...documentOf('contoso'), ...changes },
    });
    expect([answer.status, answer.detail]).toEqual([
      403,
      `${name} of an organization is changed by an administrator; you may change name and evaluations.`,
    ]);
    expect(await app.organization('contoso')).toEqual(before);
    const fresh = await call('PUT', 'organizations/adatum', {
      headers: await bearer(people.oscar),
      body: { id: 'adatum' },
    });
    expect([fresh.status, fresh.detail]).toEqual([403, 'A new organization is made by an administrator.']);
  });
});

test('two customers in one app see nothing of each other', async () => {
  const { call, bearer, keys } = await startCustomers();
  const seen = async (headers: Record<string, string>) =>
    ((await call('GET', 'organizations', { headers })).json as { id: string }[]).map(({ id }) => id);
  expect(await seen(key(keys.contoso.reader))).toEqual(['contoso']);
  expect(await seen(key(keys.fabrikam.reader))).toEqual(['fabrikam']);
  expect(await seen(await bearer(people.rita))).toEqual(['contoso']);
  expect(await seen(await bearer(people.gus))).toEqual(['contoso']);
  expect(await seen(await bearer(people.rob))).toEqual(['contoso', 'fabrikam']);
  const health = (await call('GET', 'health', { headers: key(keys.contoso.reader) })).text;
  expect(health).toContain('contoso');
  expect(health).not.toContain('fabrikam');
  const metrics = (await call('GET', 'metrics', { headers: key(keys.fabrikam.reader) })).text;
  expect(metrics).toContain('fieldcheck_organizations 1');
  expect(metrics).not.toContain('contoso');
  expect((await call('GET', 'metrics?organization=contoso', { headers: key(keys.fabrikam.reader) })).status).toBe(404);
  expect((await call('GET', 'health')).json).toEqual({ status: 'ok' });
});

describe('whoever calls from this machine', () => {
  const local = () =>
    createMachine({ store: createMemoryStore(), resolvers: ['127.0.0.1:9'], ports: { localAccess: true } }).app;

  test.each(['127.0.0.1:7071', 'localhost:7071', 'LOCALHOST', '[::1]:7071'])('by %s has all rights', async (host) => {
    expect((await callDoor(local(), 'GET', 'audit', { headers: { host } })).status).toBe(200);
  });

  test.each(['fabrikam.com', '127.0.0.1.fabrikam.com', 'localhost.fabrikam.com:7071', '198.51.100.7', ''])(
    'by a name that somebody made lead here (%o) has none',
    async (host) => {
      expect((await callDoor(local(), 'GET', 'audit', { headers: { host } })).status).toBe(401);
    },
  );

  test('is nobody with a wrong key all the same', async () => {
    const headers = { host: 'localhost', ...key(makeKey().text) };
    expect((await callDoor(local(), 'GET', 'audit', { headers })).status).toBe(401);
  });

  test.each(['WEBSITE_SITE_NAME', 'WEBSITE_SKU'])('is a setting that the app refuses in Azure (%s)', (name) => {
    expect(() => loadConfig({ FIELDCHECK_LOCAL_ACCESS: 'true', [name]: 'x' })).toThrow(
      'FIELDCHECK_LOCAL_ACCESS: gives all rights to whoever calls, and this is Azure; remove it',
    );
    expect(loadConfig({ [name]: 'x' }).FIELDCHECK_LOCAL_ACCESS).toBe(false);
  });
});
