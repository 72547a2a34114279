// How all is, with very many organizations: told at once, whatever it takes to look.
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Identity } from '../../src/domain/access.ts';
import { createMemoryStore } from '../../src/store/memory-store.ts';
import type { Store } from '../../src/store/store.ts';
import { createMachine } from './machine.ts';

const stranger: Identity = { kind: 'person', id: 'x', name: 'x', via: 'browser', roles: [], groups: [] };

/** A store whose every look takes its time, as one far away does. */
async function slowStore(organizations: number, ms: number): Promise<{ store: Store; looks: () => number }> {
  const store = createMemoryStore();
  for (let n = 0; n < organizations; n += 1) {
    const document = {
      id: `o${n}`,
      channels: {},
      retentionDays: 400,
      evaluations: { dkim: { schedule: '0 0 6 * * *', channels: [], rules: {} } },
    };
    await store.putOrganization(document, undefined, '2026-11-24T06:00:00Z');
  }
  let looks = 0;
  const { runs } = store;
  store.runs = async (...given) => {
    looks += 1;
    await sleep(ms);
    return runs(...given);
  };
  return { store, looks: () => looks };
}

test('is told within two seconds by 1,500 organizations, and looked at by one at a time', async () => {
  const { store, looks } = await slowStore(1_500, 40);
  const { app } = createMachine({
    store,
    resolvers: ['127.0.0.1:9'],
    clock: { now: () => new Date(), advance: () => {} },
  });
  const startedAt = performance.now();
  const first = await Promise.all(Array.from({ length: 20 }, () => app.health()));
  expect(performance.now() - startedAt).toBeLessThan(2_000);
  // Nobody has looked yet, and nobody says that all is well.
  expect(first[0]).toMatchObject({
    status: 'degraded',
    faults: ['The organizations have not been looked at yet; ask again in a minute.'],
  });
  await app.keepHealth();
  expect(looks()).toBe(1_500);
  expect(await app.health()).toMatchObject({ status: 'ok', faults: [] });
  expect(looks()).toBe(1_500);
  // Another instance tells what this one has seen.
  const other = createMachine({
    store,
    resolvers: ['127.0.0.1:9'],
    clock: { now: () => new Date(), advance: () => {} },
  });
  const found = await other.app.health();
  expect(found.status).toBe('ok');
  expect(found.lastRuns).toHaveLength(1_500);
  expect(looks()).toBe(1_500);
  expect(await other.app.as(stranger).health()).toEqual({ status: 'ok' });
});

test('of a storage that is away everybody is told the same: down', async () => {
  const store = createMemoryStore();
  store.ping = async () => {
    throw new Error('no answer');
  };
  const { app } = createMachine({ store, resolvers: ['127.0.0.1:9'] });
  expect(await app.as(stranger).health()).toEqual({ status: 'down' });
  expect(await app.health()).toMatchObject({ status: 'down', storage: 'no answer' });
});

test('a key that expires soon is a fault, until another of its name follows', async () => {
  const { app, clock } = createMachine({ store: createMemoryStore(), resolvers: ['127.0.0.1:9'] });
  await app.putOrganization('contoso', { id: 'contoso' });
  await app.addKey('contoso', { name: 'EX1', days: 30 });
  expect((await app.health()).faults).toEqual([]);
  clock.advance({ days: 17 });
  expect((await app.health()).faults).toEqual([
    'the key "EX1" of contoso expires 2026-12-24: make another of that name, and put it where this one is.',
  ]);
  await app.addKey('contoso', { name: 'EX1' });
  expect((await app.health()).faults).toEqual([]);
});
