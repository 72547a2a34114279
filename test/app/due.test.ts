// Runs of small watches with nothing at hand: handed over by the timer, started and done together by whoever takes the message.
import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { Notice } from '../../src/domain/notice.ts';
import { createMemoryStore, createMemoryTables } from '../../src/store/memory-store.ts';
import { createRowStore } from '../../src/store/row-store.ts';
import { type Store, StoreUnavailable } from '../../src/store/store.ts';
import { noted, watched } from '../store/watched-tables.ts';
import { type Clock, createClock, createMachine, type Machine } from './machine.ts';
import { useResolvers } from './resolvers.ts';
import { acceptedRow, createTenant, type Tenant } from './tenant.ts';

const ids = ['adatum', 'contoso', 'fabrikam'];
const names = ['contoso.com', 'shop.contoso.com'];

let tenant: Tenant;
const resolvers = useResolvers(() => tenant.zone);
beforeEach(() => {
  tenant = createTenant(names);
});

interface Watching extends Machine {
  readonly taken: Notice[];
}

function machineOver(store: Store, clock: Clock = createClock(), taken: Notice[] = []): Watching {
  const made = createMachine({
    store,
    clock,
    resolvers: resolvers.addresses,
    notifierFor: () => ({
      id: 'taken',
      send: async (notice) => {
        taken.push(notice);
        return { outcome: 'delivered', detail: 'Taken.' };
      },
    }),
  });
  return { ...made, taken };
}

const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

async function supply({ app }: Machine, id: string): Promise<void> {
  await app.acceptFacts(id, bytes(tenant.rows), false);
  await app.acceptFacts(id, bytes(tenant.rows.map(({ Domain }) => acceptedRow(Domain))), false);
}

/** The first run of every organization is over, nothing is at hand, and a day has gone by. */
async function aDayLater(made: Watching, organizations: readonly string[] = ids): Promise<Watching> {
  for (const id of organizations) {
    const channels = { 'mail-team': { url: `secret:CHANNEL_${id.toUpperCase().replaceAll('-', '_')}` } };
    await made.app.putOrganization(id, { id, channels, evaluations: { dkim: { channels: ['mail-team'] } } }, undefined);
    await supply(made, id);
  }
  await made.app.startDueRuns();
  expect(made.due).toEqual([]);
  expect(await made.work()).toEqual([]);
  await made.app.superviseRuns();
  await made.app.deliver();
  expect(made.taken).toEqual([]);
  made.clock.advance({ days: 1 });
  return made;
}

const second = (id: string) => `${id}.dkim.20261125T060000Z`;
const opened = (id: string) => `incident.opened ${id}/dkim/shop.contoso.com/dkim/active-key-published#selector1`;
const told = ({ taken }: Watching) =>
  taken.flatMap(({ events }) => events.map(({ type, key }) => `${type} ${key}`)).sort();

/** What is kept of the second day, of each organization: its run, its state, its history and its summary. */
async function kept(store: Store, organizations: readonly string[] = ids): Promise<unknown[]> {
  return Promise.all(
    organizations.map(async (organization) => {
      const watch = { organization, evaluation: 'dkim' };
      const states = [...(await store.states(watch, names)).values()].map(({ value }) => value);
      const summary = await store.summary(watch);
      return {
        run: (await store.run(second(organization)))?.run.state,
        runs: (await store.runs(watch, 10)).map(({ runId, state }) => `${runId} ${state}`),
        states: states.map(({ runId, runs, run }) => `${runId} ${runs} ${run.answers['verifiable-now']}`),
        history: (await store.listHistory(watch, 10)).items.map(({ run }) => `${run.subject} ${run.at}`),
        summary: [summary?.runId, summary?.counts.worst],
      };
    }),
  );
}

test('they are handed over in one message, and what comes of them is what comes of runs that are started one by one', async () => {
  const store = createMemoryStore();
  const made = await aDayLater(machineOver(store));
  tenant.lose('shop.contoso.com');
  const started = await made.app.startDueRuns();
  expect(started.map(({ runId, trigger }) => `${runId} ${trigger}`)).toEqual(ids.map((id) => `${second(id)} schedule`));
  expect(made.due.map(({ organization, subjects }) => `${organization} ${subjects}`)).toEqual(
    ids.map((id) => `${id} 2`),
  );
  expect(made.slices).toEqual([]);
  made.clock.advance({ minutes: 1 });
  expect(await made.app.startDueRuns()).toEqual([]);
  made.clock.advance({ minutes: -1 });
  expect(await made.work()).toEqual([]);
  await made.app.deliver();
  expect(told(made)).toEqual(ids.map(opened));

  tenant.mend('shop.contoso.com');
  const other = createMemoryStore();
  const oneByOne = await aDayLater(machineOver(other));
  tenant.lose('shop.contoso.com');
  await oneByOne.app.startDueRuns();
  const messages = oneByOne.due.splice(0);
  for (const { organization } of messages)
    await oneByOne.app.startRun(organization, 'dkim', 'schedule', '20261125T060000Z');
  expect(oneByOne.slices).toHaveLength(3);
  expect(await oneByOne.work()).toEqual([]);
  await oneByOne.app.deliver();
  expect(told(oneByOne)).toEqual(told(made));
  expect(await kept(store)).toEqual(await kept(other));
  const summaries = async (of: Store) => [...(await of.summaries('dkim'))];
  expect(await summaries(store)).toEqual(await summaries(other));
  // Told notices aside, nothing is left to look after.
  const kinds = (await store.atHand()).map(({ kind }) => kind);
  expect(new Set(kinds)).toEqual(new Set(['notice']));
  const lines = (of: Watching) => of.log.map(({ message, fields }) => `${message} ${fields.runId ?? ''}`).sort();
  expect(lines(made)).toEqual(lines(oneByOne));
});

test('of an unchanged run the storage is asked four times, and six times for all that share a message', async () => {
  const tables = createMemoryTables();
  let requests = 0;
  const organizations = Array.from({ length: 10 }, (_, index) => `organization-${index}`);
  const made = await aDayLater(machineOver(createRowStore(watched(tables, () => (requests += 1)))), organizations);
  await made.app.startDueRuns();
  const due = made.due.splice(0);
  expect(due).toHaveLength(10);
  requests = 0;
  await made.app.workDue(due);
  expect(requests).toBe(4 * 10 + 6);
  expect(made.deliveries).toEqual([]);
  expect(await createRowStore(tables).atHand()).toEqual([]);
});

test('a run is seen to run while it does; one that was only handed over is not there yet', async () => {
  const store = createMemoryStore();
  const seen: unknown[] = [];
  const asking: Store = {
    ...store,
    commit: async (of, ...given) => {
      seen.push(await made.app.runStatus(second(of.organization)).catch(String));
      return store.commit(of, ...given);
    },
  };
  const made = machineOver(asking);
  await aDayLater(made, ['contoso']);
  await made.app.startDueRuns();
  await expect(made.app.runStatus(second('contoso'))).rejects.toThrow('does not exist');
  seen.length = 0;
  expect(await made.work()).toEqual([]);
  expect(seen).toMatchObject([{ state: 'running', done: 0, subjects: 2, slices: 1, trigger: 'schedule' }]);
  expect(await made.app.runStatus(second('contoso'))).toMatchObject({ state: 'finished', done: 2 });
});

test('a message that comes twice, one after the other or at once, runs and tells once', async () => {
  const store = createMemoryStore();
  const made = await aDayLater(machineOver(store));
  tenant.lose('shop.contoso.com');
  await made.app.startDueRuns();
  const due = made.due.splice(0);
  await Promise.all([made.app.workDue(due), machineOver(store, made.clock, made.taken).app.workDue(due)]);
  await made.app.workDue(due);
  for (const watch of made.deliveries.splice(0)) {
    await made.app.superviseRuns(watch);
    await made.app.deliver(watch);
  }
  expect(told(made)).toEqual(ids.map(opened));
  for (const one of await kept(store))
    expect(one).toMatchObject({ run: 'finished', runs: { length: 2 }, history: { length: 1 } });
});

test('a message that is lost is sent again after ten minutes, and at once by a timer that starts anew', async () => {
  const store = createMemoryStore();
  const made = await aDayLater(machineOver(store));
  await made.app.startDueRuns();
  made.due.splice(0);
  made.clock.advance({ minutes: 9 });
  expect(await made.app.startDueRuns()).toEqual([]);
  const other = machineOver(store, made.clock);
  expect(await other.app.startDueRuns()).toHaveLength(3);
  other.due.splice(0);
  made.clock.advance({ minutes: 1 });
  expect(await made.app.startDueRuns()).toHaveLength(3);
  expect(await made.work()).toEqual([]);
  expect(await kept(store)).toMatchObject(ids.map(() => ({ run: 'finished' })));
});

test('what somebody has run meanwhile, what is not watched any more and what is gone is not run', async () => {
  const store = createMemoryStore();
  const made = await aDayLater(machineOver(store));
  await made.app.startDueRuns();
  const due = made.due.splice(0);
  const { runId } = await made.app.startRun('adatum', 'dkim', 'request');
  expect(await made.work()).toEqual([]);
  await made.app.putOrganization('contoso', { id: 'contoso', evaluations: {} }, undefined);
  await made.app.deleteOrganization('fabrikam');
  await made.app.workDue(due);
  const runsOf = async (organization: string) =>
    (await store.runs({ organization, evaluation: 'dkim' }, 10)).map((run) => run.runId);
  expect(await runsOf('adatum')).toEqual([runId, 'adatum.dkim.20261124T060000Z']);
  expect(await runsOf('contoso')).toEqual(['contoso.dkim.20261124T060000Z']);
  expect(await runsOf('fabrikam')).toEqual([]);
  expect(await store.atHand()).toEqual([]);
});

test('a fault of one keeps no other from its run; the message comes again and does the rest', async () => {
  const store = createMemoryStore();
  let broken = false;
  const damaged: Store = {
    ...store,
    commit: async (of, ...given) => {
      if (broken && of.organization === 'contoso') throw new Error('a row of contoso is damaged');
      return store.commit(of, ...given);
    },
  };
  const made = await aDayLater(machineOver(damaged));
  broken = true;
  await made.app.startDueRuns();
  expect(await made.work()).toEqual([new Error('a row of contoso is damaged')]);
  expect((await kept(store)).map((one) => (one as { run: string }).run)).toEqual(['finished', 'running', 'finished']);
  expect(await made.app.runStatus(second('contoso'))).toMatchObject({ state: 'running', done: 0, subjects: 2 });
  broken = false;
  expect(await made.work()).toEqual([]);
  expect((await kept(store)).map((one) => (one as { run: string }).run)).toEqual(['finished', 'finished', 'finished']);
  expect(await store.atHand()).toEqual([]);
});

test('a watch that has grown beyond a slice goes on in messages of its own; one without subjects is not run', async () => {
  const store = createMemoryStore();
  const made = await aDayLater(machineOver(store));
  await made.app.startDueRuns();
  const domains = Array.from({ length: 101 }, (_, index) => `d${index}.contoso.com`);
  const { document, etag } = await made.app.organization('contoso');
  const grown = { ...document, evaluations: { dkim: { channels: ['mail-team'], domains } } };
  await made.app.putOrganization('contoso', grown, { ifMatch: [etag] });
  await store.purge({ organization: 'fabrikam', evaluation: 'dkim' });
  expect(await made.work()).toEqual([]);
  expect((await store.run(second('contoso')))?.run).toMatchObject({ subjects: 101, slices: 2 });
  expect(await store.run(second('fabrikam'))).toBeUndefined();
  expect((await store.run(second('adatum')))?.run.state).toBe('finished');
});

test('what could not be looked at is told to be seen again, also when another run has found that out meanwhile', async () => {
  const store = createMemoryStore();
  const made = await aDayLater(machineOver(store), ['contoso']);
  await made.app.startDueRuns();
  const due = made.due.splice(0);
  // Somebody else's run, of a clock behind ours, finds that the facts have expired.
  const watch = { organization: 'contoso', evaluation: 'dkim' };
  const told = ['contoso.com', 'shop.contoso.com'];
  const blind = { since: '2026-11-25T05:00:00.000Z', wideLooks: 1, told, message: 'Expired.', remedy: 'Supply it.' };
  await store.putWatchMemory(watch, { digests: {}, blind: { 'expired:signing-configuration': blind } }, undefined, []);
  const summary = await store.summary(watch);
  if (summary === undefined) throw new Error('no summary was kept');
  await store.putSummary(watch, { ...summary, runId: 'contoso.dkim.by-hand' });
  await made.app.workDue(due);
  await made.app.deliver();
  expect(made.taken.flatMap(({ events }) => events.map(({ type }) => type))).toEqual(['watch.seeing']);
});

test('a summary that somebody else writes at the same time is counted anew, or stays when it is newer', async () => {
  const store = createMemoryStore();
  let meanwhile: Parameters<Store['putSummary']>[1] | undefined;
  const racing: Store = {
    ...store,
    commit: async (of, ...given) => {
      if (meanwhile !== undefined) await store.putSummary(of, meanwhile);
      return store.commit(of, ...given);
    },
  };
  const made = await aDayLater(machineOver(racing), ['adatum', 'contoso']);
  const watch = { organization: 'contoso', evaluation: 'dkim' };
  const before = await store.summary(watch);
  if (before === undefined) throw new Error('no summary was kept');
  await made.app.startDueRuns();
  const due = made.due.splice(0);
  meanwhile = { ...before, runId: 'contoso.dkim.other', counts: { ...before.counts, subjects: 7 } };
  await made.app.workDue(due.slice(0, 1));
  expect(await store.summary({ ...watch, organization: 'adatum' })).toMatchObject({
    runId: second('adatum'),
    counts: { subjects: 2 },
  });
  meanwhile = { ...meanwhile, startedAt: '2026-11-25T06:01:01.000Z' };
  made.clock.advance({ minutes: 1 });
  await made.app.workDue(due.slice(1));
  expect(await store.summary(watch)).toEqual(meanwhile);
  expect(await store.atHand()).toEqual([]);
});

describe('killed at any request to the storage', () => {
  test.each([['before it is done'], ['after it is done']])('%s', async (moment) => {
    const two = ids.slice(1);
    const firstDay = noted(createMemoryTables());
    const { clock: secondDay } = await aDayLater(machineOver(createRowStore(firstDay.tables)), two);
    tenant.lose('shop.contoso.com');
    let worked = 0;
    for (let killedAt = 1; ; killedAt += 1) {
      const tables = createMemoryTables();
      await firstDay.writeInto(tables);
      let requests = Number.NEGATIVE_INFINITY;
      const die = () => {
        if (requests >= killedAt) throw new StoreUnavailable('the process was killed');
      };
      const dying = watched(
        tables,
        () => {
          requests += 1;
          if (moment === 'before it is done' || requests > killedAt) die();
        },
        die,
      );
      const first = machineOver(createRowStore(dying), createClock(secondDay.now()));
      requests = 0;
      await first.app.startDueRuns().catch(() => undefined);
      await first.work().catch(() => undefined);
      const reached = requests;
      requests = Number.NEGATIVE_INFINITY;

      // Another process, which finds the queue as it was left: at every second kill the message is lost besides.
      const next = machineOver(createRowStore(tables), first.clock, first.taken);
      const isLost = killedAt % 2 === 0;
      if (!isLost) next.due.push(...first.due);
      next.slices.push(...first.slices);
      vi.useFakeTimers({ toFake: ['Date'] });
      for (let turn = 0; turn < 4; turn += 1) {
        await next.app.startDueRuns();
        expect(await next.work()).toEqual([]);
        await next.app.superviseRuns();
        await next.app.deliver();
        next.clock.advance({ minutes: 11 });
        vi.setSystemTime(Date.now() + 11 * 60_000);
      }
      vi.useRealTimers();
      const where = `killed at request ${killedAt}, ${moment}`;
      expect([...new Set(told(next))], where).toEqual(two.map(opened));
      const results = await kept(createRowStore(tables), two);
      expect(results, where).toEqual(
        two.map((id) => ({
          run: 'finished',
          runs: [`${second(id)} finished`, `${id}.dkim.20261124T060000Z finished`],
          states: expect.arrayContaining([expect.stringMatching(/ 2 yes$/), expect.stringMatching(/ 1 no$/)]),
          history: [expect.stringContaining('shop.contoso.com')],
          summary: [second(id), { yes: 1, no: 1 }],
        })),
      );
      expect(
        (await createRowStore(tables).atHand()).filter(({ kind }) => kind === 'run'),
        where,
      ).toEqual([]);
      worked = killedAt;
      if (reached < killedAt) break;
    }
    expect(worked).toBeGreaterThan(15);
  });
});
