// What the timer of every minute asks the storage, and that nothing is lost by asking so little.
import { readFile } from 'node:fs/promises';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { Notice } from '../../src/domain/notice.ts';
import { createMemoryStore } from '../../src/store/memory-store.ts';
import type { Store } from '../../src/store/store.ts';
import { createMachine, type Machine } from './machine.ts';
import { useResolvers } from './resolvers.ts';
import { createTenant } from './tenant.ts';

const tenant = createTenant(['contoso.com'], ['shop.contoso.com']);
const resolvers = useResolvers(() => tenant.zone);

/** A store that notes what it is asked. */
function asked(store: Store): { readonly store: Store; readonly calls: string[] } {
  const calls: string[] = [];
  const counting = new Proxy(store, {
    get: (target, name: keyof Store) => {
      const method = target[name] as (...given: unknown[]) => unknown;
      return (...given: unknown[]) => {
        calls.push(name);
        return method(...given);
      };
    },
  });
  return { store: counting, calls };
}

async function watching(store: Store, ...ids: string[]): Promise<Machine & { readonly taken: readonly Notice[] }> {
  const taken: Notice[] = [];
  const made = createMachine({
    store,
    resolvers: resolvers.addresses,
    notifierFor: () => ({
      id: 'taken',
      send: async (notice) => {
        taken.push(notice);
        return { outcome: 'delivered', detail: 'Taken.' };
      },
    }),
  });
  for (const id of ids) {
    const channels = { 'mail-team': { url: 'secret:CHANNEL_MAIL' } };
    const dkim = { channels: ['mail-team'], domains: ['contoso.com', 'shop.contoso.com'] };
    await made.app.putOrganization(id, { id, channels, evaluations: { dkim } }, undefined);
    await made.app.acceptFacts(id, new TextEncoder().encode(JSON.stringify(tenant.rows)), false);
  }
  return { ...made, taken };
}

/** As if a release that notes nothing had done all of it. */
async function forgetAtHand(store: Store): Promise<void> {
  await store.doneAtHand((await store.atHand()).map(({ id }) => id));
}

test('of organizations with nothing at hand the timer asks nothing, however many there are', async () => {
  const { store, calls } = asked(createMemoryStore());
  const { app, clock, work, slices } = await watching(store, 'contoso', 'fabrikam', 'adatum');
  const minute = async () => {
    clock.advance({ minutes: 1 });
    calls.length = 0;
    await app.superviseRuns();
    await app.deliver();
    await app.keepHealth();
    return calls.filter((name) => name !== 'open');
  };
  await app.startDueRuns();
  expect(await work()).toEqual([]);
  // Organizations that share an address wait for each other for ten minutes.
  for (let at = 0; at < 12; at += 1) await minute();
  // Entries are as old as this machine says: the cause of a younger one may still be on its way.
  expect(await store.atHand()).not.toEqual([]);
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 11 * 60_000 });
  onTestFinished(() => void vi.useRealTimers());
  await minute();
  expect(await store.atHand()).toEqual([]);
  const quiet = await minute();
  expect(quiet).toEqual(['lookedThrough', 'atHand', 'lookedThrough', 'atHand', 'keptHealth']);
  const costs = JSON.parse(await readFile(new URL('../../infra/costs.json', import.meta.url), 'utf8'));
  expect(costs.measured.tableTransactionsPerFiring.value).toBe(quiet.length);
  // What is kept for monitors asks no quiet watch either, but for the deliveries of its channels.
  calls.length = 0;
  const { lastRuns, status } = await app.health();
  expect([status, lastRuns?.map(({ organization, state }) => `${organization} ${state}`)]).toEqual([
    'ok',
    ['adatum finished', 'contoso finished', 'fabrikam finished'],
  ]);
  expect(calls.filter((name) => ['runs', 'pending', 'rejected', 'watchMemory'].includes(name))).toEqual([]);
  // A run of one slice ends by itself, or has its slice sent again after ten minutes.
  await app.startRun('contoso', 'dkim', 'request');
  expect(await minute()).toEqual(quiet);
  clock.advance({ minutes: 10 });
  expect(await minute()).toEqual(expect.arrayContaining(['organization', 'runs', 'run']));
  expect(slices).toHaveLength(2);
});

test('runs of small organizations that are due together share a message, of which one fault keeps no other', async () => {
  const store = createMemoryStore();
  let broken = true;
  const damaged: Store = {
    ...store,
    commit: async (of, ...given) => {
      if (broken && of.organization === 'contoso') throw new Error('a row of contoso is damaged');
      return store.commit(of, ...given);
    },
  };
  const { app, slices } = await watching(damaged, 'contoso', 'fabrikam', 'adatum');
  expect(await app.startDueRuns()).toHaveLength(3);
  const batch = slices.splice(0);
  expect(batch.map(({ organization }) => organization).sort()).toEqual(['adatum', 'contoso', 'fabrikam']);
  await expect(app.workSlices(batch)).rejects.toThrow('a row of contoso is damaged');
  const states = async () => Promise.all(batch.map(async ({ runId }) => (await store.run(runId))?.run.state));
  expect((await states()).sort()).toEqual(['finished', 'finished', 'running']);
  // The message comes again: what was done stays as it is.
  broken = false;
  await app.workSlices(batch);
  expect(await states()).toEqual(['finished', 'finished', 'finished']);
});

test('a run and a notice that a release before has left are found and looked after', async () => {
  const store = createMemoryStore();
  const { app, clock, slices, taken, log } = await watching(store, 'contoso', 'fabrikam');
  const { runId } = await app.startRun('contoso', 'dkim', 'request');
  const { runId: lost } = await app.startRun('fabrikam', 'dkim', 'request');
  const [{ begun: _, ...message } = { begun: undefined }] = slices.splice(0);
  await app.workSlice(message as Parameters<typeof app.workSlice>[0]);
  await forgetAtHand(store);
  clock.advance({ minutes: 11 });
  await app.superviseRuns();
  expect((await store.run(runId))?.run.state).toBe('finished');
  expect(slices.map((slice) => slice.runId)).toEqual([lost]);
  await app.deliver();
  expect(taken.map(({ organization }) => organization.id)).toEqual(['contoso']);
  expect(log.filter(({ message: said }) => said === 'watches looked through')).toEqual([
    { level: 'info', message: 'watches looked through', fields: { found: 3 } },
  ]);
});

test('what a fault of ours left without an entry is found within a day', async () => {
  const store = createMemoryStore();
  const { app, clock, slices, taken } = await watching(store, 'contoso');
  await app.superviseRuns();
  await app.startRun('contoso', 'dkim', 'request');
  const [message] = slices.splice(0);
  if (message !== undefined) await app.workSlice(message);
  await forgetAtHand(store);
  clock.advance({ hours: 23 });
  await app.deliver();
  expect(taken).toEqual([]);
  clock.advance({ hours: 2 });
  await app.deliver();
  expect(taken.flatMap(({ events }) => events.map(({ type, key }) => `${type} ${key}`))).toEqual([
    'incident.opened contoso/dkim/shop.contoso.com/dkim/active-key-published#selector1',
  ]);
});

test('what is at hand in an organization that is gone is forgotten', async () => {
  const store = createMemoryStore();
  const { app, slices } = await watching(store, 'contoso');
  await store.noteAtHand({ organization: 'nobody', evaluation: 'dkim' }, 'run');
  await app.startRun('contoso', 'dkim', 'request');
  expect(slices).toHaveLength(1);
  await app.deleteOrganization('contoso');
  expect((await store.atHand()).map(({ organization }) => organization)).toEqual(['nobody']);
});
