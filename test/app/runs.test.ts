import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { Problem } from '../../src/app/index.ts';
import { Unobtainable } from '../../src/domain/fact-set.ts';
import type { MailDomain } from '../../src/facts/mail-domain/subject.ts';
import { startAzurite } from '../../src/local/azurite.ts';
import { startDnsServer } from '../../src/local/dns-server.ts';
import { startTeamsSink, type TeamsSink } from '../../src/local/teams-sink.ts';
import { createNotifier } from '../../src/notifiers/index.ts';
import type { SliceMessage } from '../../src/queue/queue.ts';
import type { Discovery } from '../../src/sources/exchange-online/discovery.ts';
import { createMemoryStore } from '../../src/store/memory-store.ts';
import { type Store, StoreUnavailable, type Watch } from '../../src/store/store.ts';
import { createTableStore } from '../../src/store/table-store.ts';
import { useAzurite } from '../azurite.ts';
import { startLoopback } from '../notifiers/loopback.ts';
import { startFaultyStorage } from '../store/faulty-storage.ts';
import { createClock, createMachine, type Machine, type MachineOptions } from './machine.ts';
import { useResolvers } from './resolvers.ts';
import { acceptedRow, createTenant, signingRow, type Tenant } from './tenant.ts';

const azurite = useAzurite();
const watch = { organization: 'contoso', evaluation: 'dkim' } as const;

let tenant: Tenant;
let sink: TeamsSink;
let prefixes = 0;

const resolvers = useResolvers(() => tenant.zone);

beforeEach(async () => {
  tenant = createTenant(['contoso.com', 'mail.contoso.com'], ['shop.contoso.com']);
  sink = await startTeamsSink();
  return () => sink.close();
});

function tables(connectionString = azurite.connectionString): Store {
  prefixes += 1;
  return createTableStore({ connectionString, tablePrefix: `r${prefixes}` });
}

function machine(options: Partial<MachineOptions> = {}): Machine {
  return createMachine({ store: createMemoryStore(), resolvers: resolvers.addresses, ...options });
}

function organization(changes: object = {}): object {
  return {
    id: 'contoso',
    name: 'Contoso',
    channels: { 'mail-team': { url: sink.url } },
    evaluations: { dkim: { channels: ['mail-team'], ...changes } },
  };
}

/** The organization is there, and so are its exports. */
async function prepared(made: Machine, document = organization()): Promise<Machine> {
  await made.app.putOrganization('contoso', document, undefined);
  await supply(made);
  return made;
}

async function supply(made: Machine): Promise<void> {
  const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  await made.app.acceptFacts('contoso', json(tenant.rows), false);
  await made.app.acceptFacts('contoso', json(tenant.rows.map(({ Domain }) => acceptedRow(Domain))), false);
}

async function runOnce({ app, work }: Machine): Promise<string> {
  const { runId } = await app.startRun('contoso', 'dkim', 'request');
  expect(await work()).toEqual([]);
  await app.deliver();
  return runId;
}

const headings = (from: TeamsSink = sink) => from.cards.map(({ payload }) => (payload as { summary: string }).summary);

/** What a card says in one of its items, in the order of the card. */
const textOf = (index: number) => JSON.stringify(sink.cards[index]?.payload);

/** A tenant so large that a first run, with a card for each domain, is several slices and several transactions each. */
function largeTenant(count: number): Tenant {
  return createTenant(
    [],
    Array.from({ length: count }, (_, index) => `d${String(index).padStart(3, '0')}.contoso.com`),
  );
}

const stores: readonly (readonly [string, () => Store])[] = [
  ['the tables of Azurite', () => tables()],
  ['memory', createMemoryStore],
];

describe.each(stores)('runs over %s', (_, storeOf) => {
  test('the first run tells what fails, a second one posts nothing and only counts', async () => {
    const made = await prepared(machine({ store: storeOf() }));
    await runOnce(made);
    expect(headings()).toEqual(['Contoso: 1 new problem in DKIM for shop.contoso.com']);
    expect(textOf(0)).toContain('The active selector selector1 of shop.contoso.com has no key');
    made.clock.advance({ hours: 1 });
    await runOnce(made);
    expect(sink.cards).toHaveLength(1);
    const { items } = await made.app.history('contoso', 'dkim', 'shop.contoso.com', 10);
    expect(items.map(({ runs, since, run }) => [runs, since, run.at])).toEqual([
      [2, '2026-11-24T06:00:00.000Z', '2026-11-24T07:00:00.000Z'],
    ]);
  });

  test('mending one record posts one notice with one resolved', async () => {
    const made = await prepared(machine({ store: storeOf() }));
    await runOnce(made);
    made.clock.advance({ hours: 1 });
    tenant.mend('shop.contoso.com');
    await runOnce(made);
    made.clock.advance({ hours: 1 });
    await runOnce(made);
    expect(headings()).toEqual([
      'Contoso: 1 new problem in DKIM for shop.contoso.com',
      'Contoso: 1 resolved in DKIM for shop.contoso.com',
    ]);
    const { items } = await made.app.history('contoso', 'dkim', 'shop.contoso.com', 10);
    expect(items.map(({ runs, run }) => [runs, run.answers['verifiable-now']])).toEqual([
      [2, 'yes'],
      [1, 'no'],
    ]);
  });

  test('a record that is mended after days is one resolved as well: what it had blocked was never told', async () => {
    const made = await prepared(machine({ store: storeOf() }));
    for (let day = 0; day < 5; day += 1) {
      await runOnce(made);
      made.clock.advance({ days: 1 });
    }
    tenant.mend('shop.contoso.com');
    await runOnce(made);
    expect(headings()).toEqual([
      'Contoso: 1 new problem in DKIM for shop.contoso.com',
      'Contoso: 1 resolved in DKIM for shop.contoso.com',
    ]);
  });

  test('two timers that fire for one slot start one run', async () => {
    const store = storeOf();
    const clock = createClock();
    const one = await prepared(machine({ store, clock }));
    const other = machine({ store, clock });
    const started = (await Promise.all([one.app.startDueRuns(), other.app.startDueRuns()])).flat();
    expect(started.map(({ runId, trigger }) => [runId, trigger])).toEqual([
      ['contoso.dkim.20261124T060000Z', 'schedule'],
    ]);
    expect(one.slices.length + other.slices.length).toBe(1);
    clock.advance({ minutes: 1 });
    expect(await one.app.startDueRuns()).toEqual([]);
    clock.advance({ days: 1 });
    expect((await other.app.startDueRuns()).map(({ runId }) => runId)).toEqual(['contoso.dkim.20261125T060000Z']);
  });

  test('a slot that has its run is not looked for every minute again', async () => {
    const store = storeOf();
    let lookedFor = 0;
    const counting: Store = {
      ...store,
      runs: (of, limit) => {
        lookedFor++;
        return store.runs(of, limit);
      },
    };
    const made = await prepared(machine({ store: counting }));
    expect(await made.app.startDueRuns()).toHaveLength(1);
    for (let minute = 0; minute < 9; minute++) {
      made.clock.advance({ minutes: 1 });
      expect(await made.app.startDueRuns()).toEqual([]);
    }
    expect(lookedFor).toBe(1);
    made.clock.advance({ minutes: 1 });
    expect(await made.app.startDueRuns()).toEqual([]);
    expect(lookedFor).toBe(2);
  });

  test('a slot that was missed is made up for once, also a weekly one from days ago', async () => {
    const weekly = organization({ schedule: '0 0 6 * * 1' });
    const made = await prepared(
      machine({ store: storeOf(), clock: createClock(new Date('2026-11-23T06:00:00Z')) }),
      weekly,
    );
    expect((await made.app.startDueRuns()).map(({ runId }) => runId)).toEqual(['contoso.dkim.20261123T060000Z']);
    made.clock.advance({ days: 12 });
    expect((await made.app.startDueRuns()).map(({ runId }) => runId)).toEqual(['contoso.dkim.20261130T060000Z']);
    made.clock.advance({ hours: 1 });
    expect(await made.app.startDueRuns()).toEqual([]);
  });

  test('a clock that ran ahead stops no run and drops no result', async () => {
    const made = await prepared(machine({ store: storeOf(), clock: createClock(new Date('2026-12-14T06:00:00Z')) }));
    await runOnce(made);
    made.clock.advance({ days: -20 });
    expect((await made.app.health()).faults).toEqual([
      'dkim of contoso: its last run is said to have started at 2026-12-14T06:00:00.000Z, which is yet to come: a clock went wrong.',
    ]);
    expect((await made.app.startDueRuns()).map(({ runId }) => runId)).toEqual(['contoso.dkim.20261124T060000Z']);
    tenant.mend('shop.contoso.com');
    expect(await made.work()).toEqual([]);
    const { run } = await made.app.subject('contoso', 'dkim', 'shop.contoso.com');
    expect([run.at, run.answers['verifiable-now']]).toEqual(['2026-11-24T06:00:00.000Z', 'yes']);
  });

  test('a slot that was missed for hours is made up for; a new watch does not make up for one from days ago', async () => {
    const made = await prepared(machine({ store: storeOf(), clock: createClock(new Date('2026-11-24T17:00:00Z')) }));
    expect((await made.app.startDueRuns()).map(({ runId }) => runId)).toEqual(['contoso.dkim.20261124T060000Z']);
    const weekly = organization({ schedule: '0 0 6 * * 1' });
    await made.app.putOrganization('contoso', weekly, undefined);
    made.clock.advance({ days: 3 });
    expect(await made.app.startDueRuns()).toEqual([]);
  });

  test('a slice that is delivered twice, one after the other or at once, changes and tells nothing twice', async () => {
    const made = await prepared(machine({ store: storeOf() }));
    await made.app.startRun('contoso', 'dkim', 'request');
    const [message] = made.slices.splice(0);
    if (message === undefined) throw new Error('no slice was sent');
    const results = await Promise.all([made.app.workSlice(message), made.app.workSlice(message)]);
    made.clock.advance({ minutes: 1 });
    results.push(await made.app.workSlice(message));
    expect(new Set(results.map((result) => JSON.stringify(result))).size).toBe(1);
    await Promise.all([made.app.deliver(), made.app.deliver()]);
    await made.app.workSlice(message);
    await made.app.deliver();
    expect(headings()).toEqual(['Contoso: 1 new problem in DKIM for shop.contoso.com']);
    const { items } = await made.app.history('contoso', 'dkim', 'shop.contoso.com', 10);
    expect(items.map(({ runs }) => runs)).toEqual([1]);
  });

  test('a worker that is killed between gathering and committing loses nothing', async () => {
    const store = storeOf();
    let killed = false;
    const dying: Store = {
      ...store,
      commit: (...given) => {
        if (killed) return store.commit(...given);
        killed = true;
        throw new Error('the worker was killed');
      },
    };
    const made = await prepared(machine({ store: dying }));
    const { runId } = await made.app.startRun('contoso', 'dkim', 'request');
    expect(await made.work()).toEqual([new Error('the worker was killed')]);
    expect(await made.app.runStatus(runId)).toMatchObject({ state: 'running', done: 0 });
    await made.app.deliver();
    expect(sink.cards).toEqual([]);
    expect(await made.work()).toEqual([]);
    expect(await made.app.runStatus(runId)).toMatchObject({
      state: 'finished',
      done: 3,
      answers: { 'verifiable-now': { yes: 2, no: 1 } },
    });
    await made.app.deliver();
    expect(headings()).toEqual(['Contoso: 1 new problem in DKIM for shop.contoso.com']);
  });

  test('lost slices are sent again after ten minutes, not more often, and only they', async () => {
    tenant = largeTenant(200);
    const made = await prepared(machine({ store: storeOf() }));
    const { runId, slices } = await made.app.startRun('contoso', 'dkim', 'request');
    expect([slices, made.slices.map(({ slice }) => slice)]).toEqual([3, [0, 1, 2]]);
    const [, second] = made.slices.splice(0);
    if (second !== undefined) await made.app.workSlice(second);
    made.clock.advance({ minutes: 9 });
    await made.app.superviseRuns();
    expect(made.slices).toEqual([]);
    made.clock.advance({ minutes: 2 });
    await made.app.superviseRuns();
    made.clock.advance({ minutes: 1 });
    await made.app.superviseRuns();
    await made.app.deliver();
    expect(made.slices.map(({ slice }) => slice)).toEqual([0, 2]);
    expect(made.log.filter(({ level }) => level === 'warn')).toEqual([
      { level: 'warn', message: 'slices without result sent again', fields: { runId, slices: 3, done: 1 } },
    ]);
    expect(sink.cards).toEqual([]);
    expect(await made.work()).toEqual([]);
    await made.app.deliver();
    expect(await made.app.runStatus(runId)).toMatchObject({ state: 'finished', done: 200 });
    expect(headings()).toEqual(['Contoso: 200 new problems in DKIM']);
  });

  test('a run that never gets all its slices is closed at its deadline, and what it found is told', async () => {
    tenant = largeTenant(110);
    const made = await prepared(machine({ store: storeOf() }));
    const { runId } = await made.app.startRun('contoso', 'dkim', 'request');
    const [first] = made.slices.splice(0);
    if (first !== undefined) await made.app.workSlice(first);
    made.clock.advance({ minutes: 30 });
    await made.app.superviseRuns();
    await made.app.deliver();
    expect(await made.app.runStatus(runId)).toMatchObject({ state: 'incomplete', subjects: 110, done: 96 });
    expect(made.log.find(({ level }) => level === 'error')).toEqual({
      level: 'error',
      message: 'run incomplete at its deadline',
      fields: { runId, slices: 2, done: 1 },
    });
    expect(headings()).toEqual(['Contoso: 96 new problems in DKIM']);
  });

  test('a run of one slice ends with it: nobody is woken where there is nothing to tell', async () => {
    const store = storeOf();
    const made = await prepared(machine({ store }));
    const look = async () => {
      const { runId } = await made.app.startRun('contoso', 'dkim', 'request');
      const [message] = made.slices.splice(0);
      if (message === undefined) throw new Error('no slice was sent');
      await made.app.workSlice(message);
      return { message, run: (await store.run(runId))?.run };
    };
    const first = await look();
    expect(first.run).toMatchObject({ state: 'finished', finishedAt: made.clock.now().toISOString() });
    expect(made.log.filter(({ message }) => message === 'run finished')).toHaveLength(1);
    expect(made.deliveries.splice(0)).toEqual([watch]);
    expect((await store.summary(watch))?.counts.worst).toEqual({ yes: 2, no: 1 });
    await made.app.deliver();
    expect(headings()).toEqual(['Contoso: 1 new problem in DKIM for shop.contoso.com']);

    made.clock.advance({ hours: 1 });
    const second = await look();
    expect(second.run).toMatchObject({ state: 'finished', subjects: 3 });
    expect(made.deliveries).toEqual([]);
    expect(await store.summary(watch)).toMatchObject({ runId: second.run?.runId, state: 'finished' });
    // The first message once more, late: it is over, and the summary stays that of the newest.
    await made.app.workSlice(first.message);
    expect((await store.summary(watch))?.runId).toBe(second.run?.runId);
    expect(made.log.filter(({ message }) => message === 'run finished')).toHaveLength(2);
  });

  test('a slice in the queue from a release before ends its run by way of the supervisor', async () => {
    const store = storeOf();
    const made = await prepared(machine({ store }));
    const { runId } = await made.app.startRun('contoso', 'dkim', 'request');
    const { begun: _, ...before } = made.slices.splice(0)[0] ?? { begun: undefined };
    await made.app.workSlice(before as SliceMessage);
    expect((await store.run(runId))?.run.state).toBe('running');
    expect(made.deliveries).toEqual([watch]);
    expect(await made.work()).toEqual([]);
    expect((await store.run(runId))?.run.state).toBe('finished');
  });

  test('a run that has its results is finished for whoever asks and is told, but only supervising writes so', async () => {
    const store = storeOf();
    const names = Array.from({ length: 101 }, (_, index) => `d${String(index).padStart(3, '0')}.contoso.com`);
    tenant = createTenant(names, ['shop.contoso.com']);
    const made = await prepared(machine({ store }));
    const { runId } = await made.app.startRun('contoso', 'dkim', 'request');
    for (const message of made.slices.splice(0)) await made.app.workSlice(message);
    const lines = made.log.length;
    expect(await made.app.runStatus(runId)).toMatchObject({ state: 'finished', done: 102 });
    await made.app.deliver();
    expect(headings()).toEqual(['Contoso: 1 new problem in DKIM for shop.contoso.com']);
    expect((await store.run(runId))?.run).toMatchObject({ state: 'running' });
    expect(made.log.slice(lines).map(({ message }) => message)).toEqual(['notice delivered']);
    await Promise.all([
      made.app.superviseRuns(),
      made.app.superviseRuns({ organization: 'contoso', evaluation: 'dkim' }),
    ]);
    expect((await store.run(runId))?.run).toMatchObject({
      state: 'finished',
      finishedAt: made.clock.now().toISOString(),
    });
    expect(made.log.slice(lines + 1).map(({ message }) => message)).toEqual(['run finished']);
    expect(await made.app.runStatus(runId)).toMatchObject({ state: 'finished', done: 102 });
  });

  test('supplied facts that have expired are unknown, not silence and not a pass', async () => {
    const made = await prepared(machine({ store: storeOf() }));
    await runOnce(made);
    made.clock.advance({ days: 31 });
    await runOnce(made);
    const { run } = await made.app.subject('contoso', 'dkim', 'contoso.com');
    expect(run.answers).toEqual({ 'verifiable-now': 'undetermined', 'verifiable-after-rotation': 'undetermined' });
    const configured = run.findings.find(({ rule }) => rule === 'dkim/signing-configured');
    expect(configured?.verdict).toBe('unknown');
    expect(configured?.message).toContain('supplied facts expired 2026-12-24; supply them again');
    const told = ['Contoso: 1 new problem in DKIM for shop.contoso.com', 'Contoso: 3 could not be looked at in DKIM'];
    expect(headings()).toEqual(told);
    expect(textOf(1)).toContain('contoso.com, mail.contoso.com, shop.contoso.com');
    expect(textOf(1)).toContain('Supply it again: the export or the collector’s file.');
    for (let day = 0; day < 2; day += 1) {
      made.clock.advance({ days: 1 });
      await runOnce(made);
    }
    expect(headings()).toEqual(told);
    await supply(made);
    await runOnce(made);
    await runOnce(made);
    expect(headings()).toEqual([...told, 'Contoso: 3 can be judged again in DKIM']);
  });

  test('of two people that change a document at once one is told, and neither change is lost unseen', async () => {
    const { app } = await prepared(machine({ store: storeOf() }));
    const { etag } = await app.organization('contoso');
    const written = await Promise.allSettled(
      ['Contoso A', 'Contoso B'].map((name) =>
        app.putOrganization('contoso', { ...organization(), name }, { ifMatch: [etag] }),
      ),
    );
    expect(written.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const refused = written.find(({ status }) => status === 'rejected') as PromiseRejectedResult;
    expect(refused.reason).toEqual(
      new Problem(
        412,
        '"contoso" was changed by somebody else meanwhile; read it again, put your change in and send it again.',
      ),
    );
  });

  test('what is stored about an Exchange organization does not become one of its domains', async () => {
    const made = machine({ store: storeOf() });
    await made.app.putOrganization(
      'contoso',
      { id: 'contoso', evaluations: { 'teams-exchange-interop': {} } },
      undefined,
    );
    const collected = {
      schema: 'teams-exchange-interop/1',
      collectedAt: '2026-11-24T06:00:00Z',
      host: { name: 'EX1' },
      exchange: { servers: [] },
    };
    await made.app.acceptFacts('contoso', new TextEncoder().encode(JSON.stringify(collected)));
    expect(made.slices.map(({ subjects }) => subjects)).toMatchObject([
      [{ kind: 'exchange-organization', id: 'contoso', domains: [] }],
    ]);
  });
});

describe('the domains of a tenant', () => {
  const inTenant = () => ({ ...organization(), tenant: { id: '11111111-2222-4333-8444-555555555555' } });
  const listed = (domains: readonly string[], notes: readonly string[] = []): Discovery => ({
    domains,
    complete: notes.length === 0,
    notes,
    observedAt: '2026-11-24T06:00:00.000Z',
  });

  test('that a list cut short leaves out stay watched; those that a whole list leaves out are told to be gone', async () => {
    let now = listed(['contoso.com', 'mail.contoso.com', 'shop.contoso.com']);
    const made = await prepared(machine({ discover: async () => now }), inTenant());
    await runOnce(made);
    now = listed(['contoso.com'], ['The answer was cut short: the tenant may have more domains than were found.']);
    made.clock.advance({ hours: 1 });
    const second = await runOnce(made);
    expect(await made.app.runStatus(second)).toMatchObject({ subjects: 3, done: 3 });
    expect(made.log.filter(({ message }) => message === 'domains of the tenant')).toMatchObject([
      {
        level: 'warn',
        fields: { note: 'The answer was cut short: the tenant may have more domains than were found.' },
      },
    ]);
    expect(sink.cards).toHaveLength(1);
    now = listed(['contoso.com', 'shop.contoso.com']);
    made.clock.advance({ hours: 1 });
    await runOnce(made);
    expect(headings()[1]).toBe('Contoso: 1 removed from the watch in DKIM for mail.contoso.com');
    expect(textOf(1)).toContain('mail.contoso.com is no longer watched; what was found about it stays in the history.');
  });

  test('stay watched when the tenant does not answer any more', async () => {
    let gone = false;
    const made = await prepared(
      machine({
        discover: async () => {
          if (gone) throw new Unobtainable('denied', 'the tenant was not found (AADSTS90002)');
          return listed(['contoso.com', 'shop.contoso.com']);
        },
      }),
      inTenant(),
    );
    await runOnce(made);
    gone = true;
    made.clock.advance({ hours: 1 });
    const runId = await runOnce(made);
    expect(await made.app.runStatus(runId)).toMatchObject({ subjects: 2, done: 2 });
    expect(made.log.filter(({ level }) => level === 'error')).toMatchObject([
      { message: 'domains of the tenant not listed', fields: { detail: 'the tenant was not found (AADSTS90002)' } },
    ]);
    expect(headings()).toEqual(['Contoso: 1 new problem in DKIM for shop.contoso.com']);
  });
});

describe('one organization’s fault', () => {
  /** A machine whose channels take every notice, after what `send` does with the organization's id. */
  const telling = (send: (organization: string) => Promise<void>): Promise<Machine> =>
    prepared(
      machine({
        notifierFor: ({ id }) => ({
          id: 'channel',
          send: async () => {
            await send(id);
            return { outcome: 'delivered', detail: 'HTTP 202' };
          },
        }),
      }),
    );

  test('a channel that hangs does not keep the others’ notices waiting', async () => {
    const contosoTold = Promise.withResolvers<void>();
    const made = await telling(async (id) => {
      if (id === 'adatum') await contosoTold.promise;
      else contosoTold.resolve();
    });
    const shop = organization({ domains: ['shop.contoso.com'] });
    const channels = { 'mail-team': { url: 'secret:ADATUM_WEBHOOK' } };
    await made.app.putOrganization('adatum', { ...shop, id: 'adatum', channels }, undefined);
    await made.app.startDueRuns();
    for (const message of made.slices.splice(0)) await made.app.workSlice(message);
    expect((await made.app.deliver()).map((one) => [one.organization, one.delivery.outcome])).toEqual([
      ['adatum', 'delivered'],
      ['contoso', 'delivered'],
    ]);
  });

  test('a channel that organizations share waits ten minutes for all of them, and then gets one notice', async () => {
    const underway: string[] = [];
    const sent: string[][] = [];
    const made = await telling(async (id) => {
      sent.push([...underway, id]);
      underway.push(id);
      await new Promise((resolve) => setImmediate(resolve));
      underway.pop();
    });
    const shop = organization({ domains: ['shop.contoso.com'] });
    for (const id of ['adatum', 'fabrikam']) await made.app.putOrganization(id, { ...shop, id }, undefined);
    await made.app.startDueRuns();
    for (const message of made.slices.splice(0)) await made.app.workSlice(message);
    expect(await made.app.deliver()).toEqual([]);
    made.clock.advance({ minutes: 10 });
    expect((await made.app.deliver()).map(({ organization: id }) => id)).toEqual(['adatum', 'contoso', 'fabrikam']);
    expect(sent).toEqual([['adatum']]);
  });

  test('an organization that takes its time does not keep the others waiting', async () => {
    const store = createMemoryStore();
    const othersStarted = Promise.withResolvers<void>();
    const slow: Store = {
      ...store,
      runs: async (of, limit) => {
        if (of.organization === 'adatum') await othersStarted.promise;
        return store.runs(of, limit);
      },
      createRun: async (run) => {
        if (run.organization === 'contoso') othersStarted.resolve();
        return store.createRun(run);
      },
    };
    const made = await prepared(machine({ store: slow }));
    const document = { id: 'adatum', evaluations: { dkim: { domains: ['contoso.com'] } } };
    await made.app.putOrganization('adatum', document, undefined);
    expect((await made.app.startDueRuns()).map(({ organization: id }) => id)).toEqual(['adatum', 'contoso']);
  });

  test('keeps no other from its runs and its notices', async () => {
    const store = createMemoryStore();
    let broken = false;
    const damaged = (of: Watch) => {
      if (broken && of.organization === 'adatum') throw new Error('a row of adatum is damaged');
    };
    const faulty: Store = {
      ...store,
      runs: async (of, limit) => {
        damaged(of);
        return store.runs(of, limit);
      },
      pending: async (of, limit, dueAt) => {
        damaged(of);
        return store.pending(of, limit, dueAt);
      },
    };
    const made = await prepared(machine({ store: faulty }));
    await made.app.putOrganization(
      'adatum',
      { id: 'adatum', evaluations: { dkim: { domains: ['contoso.com'] } } },
      undefined,
    );
    broken = true;
    await expect(made.app.startDueRuns()).rejects.toThrow('1 run(s) could not be started');
    const [message] = made.slices.splice(0);
    if (message === undefined) throw new Error('no slice was sent');
    expect(message.organization).toBe('contoso');
    await made.app.workSlice(message);
    await expect(made.app.superviseRuns()).rejects.toThrow('the runs of 1 watch(es) were not supervised');
    expect(made.log.filter(({ message: said }) => said === 'run finished')).toHaveLength(1);
    await expect(made.app.deliver()).rejects.toThrow('the notices of 1 watch(es) were not looked at');
    expect(headings()).toEqual(['Contoso: 1 new problem in DKIM for shop.contoso.com']);
    const detail = { organization: 'adatum', evaluation: 'dkim', detail: 'Error: a row of adatum is damaged' };
    expect(
      made.log.filter(({ level }) => level === 'error').map(({ message: said, fields }) => [said, fields]),
    ).toEqual([
      ['run not started', detail],
      ['runs not supervised', detail],
      ['notices not looked at', detail],
    ]);
  });
});

describe('the storage', () => {
  test('fails between two transactions of a slice: redelivery does the rest, and tells each domain once', async () => {
    tenant = largeTenant(96);
    const faulty = await startFaultyStorage(azurite.connectionString);
    onTestFinished(() => faulty.stop());
    const made = await prepared(machine({ store: tables(faulty.connectionString) }));
    const { runId } = await made.app.startRun('contoso', 'dkim', 'request');
    let commits = 0;
    faulty.fate = ({ url }) => {
      if (!url.includes('$batch')) return 'pass';
      commits += 1;
      return commits === 1 ? 'pass' : { status: 403 };
    };
    expect(await made.work()).toEqual([expect.any(StoreUnavailable)]);
    expect(commits).toBeGreaterThan(1);
    expect(await made.app.runStatus(runId)).toMatchObject({ state: 'running', done: 0 });
    faulty.fate = () => 'pass';
    made.clock.advance({ minutes: 1 });
    expect(await made.work()).toEqual([]);
    await made.app.deliver();
    expect(await made.app.runStatus(runId)).toMatchObject({ state: 'finished', done: 96 });
    expect(headings()).toEqual(['Contoso: 96 new problems in DKIM']);
    const { items } = await made.app.history('contoso', 'dkim', 'd000.contoso.com', 10);
    expect(items.map(({ runs }) => runs)).toEqual([1]);
  });

  test('does what it is told but its answer is lost: nothing twice', async () => {
    const faulty = await startFaultyStorage(azurite.connectionString);
    onTestFinished(() => faulty.stop());
    const made = await prepared(machine({ store: tables(faulty.connectionString) }));
    await made.app.startRun('contoso', 'dkim', 'request');
    let lost = false;
    faulty.fate = ({ url }) => {
      if (lost || !url.includes('$batch')) return 'pass';
      lost = true;
      return 'lose-answer';
    };
    await made.work();
    expect(lost).toBe(true);
    await made.work();
    await made.app.deliver();
    expect(headings()).toEqual(['Contoso: 1 new problem in DKIM for shop.contoso.com']);
  });

  test('is killed in the middle of a run and comes back: no notice is lost', { timeout: 60_000 }, async () => {
    const location = mkdtempSync(join(tmpdir(), 'fieldcheck-storage-'));
    onTestFinished(() => rmSync(location, { recursive: true, force: true }));
    const clock = createClock();
    const first = await startAzurite({ location });
    onTestFinished(() => first.stop());
    const before = await prepared(
      machine({ clock, store: createTableStore({ connectionString: first.connectionString }) }),
    );
    const { runId } = await before.app.startRun('contoso', 'dkim', 'request');
    const [message] = before.slices;
    if (message === undefined) throw new Error('no slice was sent');
    await first.stop();
    // What is tried again for a while is not waited for: another one, at another port, starts meanwhile.
    const [second] = await Promise.all([
      startAzurite({ location }),
      expect(before.work()).resolves.toEqual([expect.any(StoreUnavailable)]),
      expect(before.app.deliver()).rejects.toThrow(/^The storage is not available: 127\.0\.0\.1:\d+ /),
    ]);
    onTestFinished(() => second.stop());
    const after = machine({ clock, store: createTableStore({ connectionString: second.connectionString }) });
    await after.app.workSlice(message);
    await second.stop();
    const [third] = await Promise.all([
      startAzurite({ location }),
      expect(after.app.deliver()).rejects.toThrow(StoreUnavailable),
    ]);
    onTestFinished(() => third.stop());
    expect(sink.cards).toEqual([]);
    const last = machine({ clock, store: createTableStore({ connectionString: third.connectionString }) });
    clock.advance({ minutes: 5 });
    expect(await last.app.deliver()).toMatchObject([{ runId, subjects: 1, delivery: { outcome: 'delivered' } }]);
    expect(await last.app.deliver()).toEqual([]);
    expect(headings()).toEqual(['Contoso: 1 new problem in DKIM for shop.contoso.com']);
  });
});

describe('the channel', () => {
  async function withOneNotice(options: Partial<MachineOptions> = {}, document?: object): Promise<Machine> {
    const made = await prepared(machine(options), document);
    await made.app.startRun('contoso', 'dkim', 'request');
    await made.work();
    return made;
  }
  const waitingIn = async (made: Machine) => (await made.app.health()).oldestUndelivered;
  const once = 'Contoso: 1 new problem in DKIM for shop.contoso.com';

  test('asks to wait: the notice stays in the outbox for as long, and is delivered once', async () => {
    sink.respondWith(429, { headers: { 'retry-after': '120' }, times: 1 });
    const made = await withOneNotice();
    expect(made.log.filter(({ level }) => level === 'warn')).toMatchObject([
      { message: 'notice put off', fields: { channel: 'mail-team', seconds: 120, subjects: 1 } },
    ]);
    expect(await waitingIn(made)).toBe('2026-11-24T06:00:00.000Z');
    made.clock.advance({ seconds: 119 });
    expect(await made.app.deliver()).toEqual([]);
    made.clock.advance({ seconds: 2 });
    expect(await made.app.deliver()).toMatchObject([{ delivery: { outcome: 'delivered' } }]);
    expect(await made.app.deliver()).toEqual([]);
    expect(headings()).toEqual([once]);
    expect(await waitingIn(made)).toBeUndefined();
  });

  test('has a fault: it is tried again after longer and longer waits', async () => {
    sink.respondWith(500);
    const made = await withOneNotice();
    const waits: unknown[] = [];
    for (let attempt = 0; attempt < 5; attempt += 1) {
      const last = made.log.findLast(({ message }) => message === 'notice put off');
      const seconds = Number(last?.fields.seconds);
      waits.push(seconds);
      made.clock.advance({ seconds: seconds - 1 });
      expect(await made.app.deliver()).toEqual([]);
      made.clock.advance({ seconds: 1 });
      if (attempt === 4) sink.respondWith(202);
      await made.app.deliver();
    }
    expect(waits).toEqual([60, 300, 900, 3600, 3600]);
    expect(headings()).toEqual([once]);
  });

  test.each([
    [
      400,
      'the flow does not accept the card. Check that it starts with "When a Teams webhook request is received" and is switched on.',
      '',
    ],
    [
      401,
      "the signature in the address is not accepted. In Teams open the channel's Workflows, create the webhook again and store the new address.",
      '',
    ],
    [
      400,
      'the flow is switched off. Switch it on: in Power Automate, "My flows", the flow, "Turn on"; and look at who owns it.',
      '{"error":{"code":"WorkflowTriggerIsNotEnabled"}}',
    ],
  ])('refuses with %i: the notice is kept apart for a person, and health says so', async (status, advice, body) => {
    sink.respondWith(status, { body });
    const store = createMemoryStore();
    const made = await withOneNotice({ store });
    const refusal = made.log.find(({ message }) => message === 'notice not deliverable');
    expect(refusal).toMatchObject({ level: 'error', fields: { outcome: 'rejected', channel: 'mail-team' } });
    expect(refusal?.fields.detail).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/…#[0-9a-f]{8} answered/);
    expect(refusal?.fields.detail).toContain(advice);
    expect(await made.app.health()).toMatchObject({ status: 'degraded', rejectedNotices: 1 });
    expect(await waitingIn(made)).toBeUndefined();
    expect(await store.rejected(watch, 10)).toMatchObject([{ notice: { subject: 'shop.contoso.com' } }]);
    sink.respondWith(202);
    made.clock.advance({ hours: 2 });
    expect(await made.app.deliver()).toEqual([]);
    expect(sink.cards).toEqual([]);
    // The channel is mended, and somebody wants it to get what it missed.
    expect(await made.app.requeueRejected()).toBe(1);
    expect(await made.app.deliver()).toMatchObject([{ subjects: 1, delivery: { outcome: 'delivered' } }]);
    expect(headings()).toEqual([once]);
    expect(await made.app.health()).toMatchObject({ status: 'ok', rejectedNotices: 0 });
    expect(await made.app.requeueRejected()).toBe(0);
  });

  test('hangs: it is given up on in time, and the notice waits', async () => {
    const silent = await startLoopback(() => {});
    onTestFinished(() => silent.close());
    let url = `http://127.0.0.1:${silent.port}/hook`;
    const made = await withOneNotice({
      notifierFor: () => createNotifier({ kind: 'teams-workflow', url }, { allowLocal: true, timeLimitMs: 200 }),
    });
    expect(silent.arrived).toHaveLength(1);
    const putOff = made.log.find(({ message }) => message === 'notice put off');
    expect(putOff?.fields.detail).toMatch(
      /^http:\/\/127\.0\.0\.1:\d+\/…#[0-9a-f]{8} did not answer within 0\.2 s\. It may have taken the notice all the same; then it comes twice\.$/,
    );
    url = sink.url;
    made.clock.advance({ minutes: 1 });
    await made.app.deliver();
    expect(headings()).toEqual([once]);
  });

  test('is gone and comes back at the same address: nothing is lost', async () => {
    const { port } = new URL(sink.url);
    await sink.close();
    const made = await withOneNotice();
    const putOff = made.log.find(({ message }) => message === 'notice put off');
    expect(putOff?.fields.detail).toMatch(/ cannot be reached \(ECONNREFUSED\); it is tried again\.$/);
    sink = await startTeamsSink({ port: Number(port) });
    made.clock.advance({ minutes: 1 });
    await made.app.deliver();
    expect(headings()).toEqual([once]);
  });

  test('is named by a setting that does not exist: the notice waits, and the log says which setting', async () => {
    const document = { ...organization(), channels: { 'mail-team': { url: 'secret:MAIL_TEAM_WEBHOOK' } } };
    const made = await withOneNotice({}, document);
    expect(made.log.find(({ message }) => message === 'notice put off')?.fields.detail).toBe(
      'channel "mail-team" of contoso: the setting MAIL_TEAM_WEBHOOK, which should hold its address, is not set',
    );
    expect(await waitingIn(made)).toBe('2026-11-24T06:00:00.000Z');
    made.environment.MAIL_TEAM_WEBHOOK = sink.url;
    made.clock.advance({ minutes: 1 });
    await made.app.deliver();
    expect(headings()).toEqual([once]);
  });

  test('does not hold up another channel of the same organization', async () => {
    const other = await startTeamsSink();
    onTestFinished(() => other.close());
    sink.respondWith(500);
    const made = await withOneNotice(
      {},
      {
        id: 'contoso',
        name: 'Contoso',
        channels: { 'mail-team': { url: sink.url }, security: { url: other.url } },
        evaluations: { dkim: { channels: ['mail-team', 'security'] } },
      },
    );
    expect(headings(other)).toEqual([once]);
    sink.respondWith(202);
    made.clock.advance({ minutes: 1 });
    await made.app.deliver();
    expect([headings(), headings(other)]).toEqual([[once], [once]]);
  });

  test('gets one notice from two that deliver at once', async () => {
    const store = tables();
    const clock = createClock();
    const one = await prepared(machine({ store, clock }));
    const other = machine({ store, clock });
    await one.app.startRun('contoso', 'dkim', 'request');
    const [message] = one.slices.splice(0);
    if (message !== undefined) await one.app.workSlice(message);
    await Promise.all([one.app.deliver(), other.app.deliver(), one.app.deliver(), other.app.deliver()]);
    expect(headings()).toEqual([once]);
  });

  test('is told later by somebody else when the one that took the notice was killed', async () => {
    const store = createMemoryStore();
    const clock = createClock();
    const dying: Store = {
      ...store,
      settle: () => {
        throw new Error('the deliverer was killed');
      },
    };
    sink.respondWith(500, { times: 1 });
    const one = await prepared(machine({ store: dying, clock }));
    await one.app.startRun('contoso', 'dkim', 'request');
    await expect(one.work()).rejects.toThrow('the deliverer was killed');
    const other = machine({ store, clock });
    expect(await other.app.deliver()).toEqual([]);
    clock.advance({ minutes: 2 });
    expect(await other.app.deliver()).toMatchObject([{ delivery: { outcome: 'delivered' } }]);
    expect(headings()).toEqual([once]);
  });
});

describe('stopping', () => {
  test('lets work in flight finish and commit, and takes on no more', async () => {
    const { zone } = tenant;
    const slow = await Promise.all([300, 300].map((delayMs) => startDnsServer({ zone, delayMs })));
    onTestFinished(() => void Promise.all(slow.map((server) => server.close())));
    const store = createMemoryStore();
    const made = await prepared(machine({ store, resolvers: slow.map(({ address }) => address) }));
    await made.app.startRun('contoso', 'dkim', 'request');
    const [message] = made.slices.splice(0);
    if (message === undefined) throw new Error('no slice was sent');
    const slice = made.app.workSlice(message);
    const mailDomain: MailDomain = { kind: 'mail-domain', id: 'contoso.com', selectors: ['selector1'] };
    const adHoc = made.app.evaluate({
      evaluation: made.app.evaluation('dkim'),
      subjects: [mailDomain],
    });
    await made.app.stop();
    await expect(made.app.workSlice(message)).rejects.toEqual(
      new Problem(503, 'fieldcheck is stopping; try again in a moment.'),
    );
    expect((await adHoc).runs[0]?.answers['verifiable-now']).toBe('yes');
    expect(await slice).toMatchObject({ subjects: 3, answers: { 'verifiable-now': { yes: 2, no: 1 } } });
    const states = await store.states(watch, ['contoso.com', 'shop.contoso.com']);
    expect([...states.values()].map(({ value }) => value.run.answers['verifiable-now'])).toEqual(['yes', 'no']);
  });
});

describe('stopping in the middle of a slice', () => {
  test('puts it back at once and commits nothing of it; whoever takes it next does it whole', async () => {
    const mute = await startDnsServer({ zone: tenant.zone, delayMs: 60_000 });
    onTestFinished(() => mute.close());
    const store = createMemoryStore();
    const made = await prepared(machine({ store, resolvers: [mute.address] }));
    await made.app.startRun('contoso', 'dkim', 'request');
    const [message] = made.slices.splice(0);
    if (message === undefined) throw new Error('no slice was sent');
    const slice = made.app.workSlice(message);
    await vi.waitFor(() => expect(mute.statistics().udp).toBeGreaterThan(0));
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const stopped = made.app.stop();
    // For as long as Azure leaves.
    await vi.advanceTimersByTimeAsync(3_500);
    await stopped;
    vi.useRealTimers();
    expect(made.slices).toEqual([message]);
    expect(made.log).toContainEqual({
      level: 'info',
      message: 'unfinished slice put back',
      fields: { runId: message.runId, slice: 0 },
    });
    expect(await slice).toBeUndefined();
    expect((await store.states(watch, ['contoso.com'])).size).toBe(0);

    const next = machine({ store });
    expect(await next.app.workSlice(message)).toMatchObject({ answers: { 'verifiable-now': { yes: 2, no: 1 } } });
  });
});

describe('a next selector', () => {
  test('that is not ready is told with the time that is left, and its answer comes before the rotation', async () => {
    const row = signingRow('shop.contoso.com', { RotateOnDate: '2026-11-25T06:00:00Z' });
    tenant = { ...createTenant([]), rows: [row] };
    tenant.publish(row, 'selector2');
    const made = await prepared(machine());
    await runOnce(made);
    expect(headings()).toEqual(['Contoso: 1 new problem in DKIM for shop.contoso.com']);
    expect(textOf(0)).toContain('24 h');
    const { run } = await made.app.subject('contoso', 'dkim', 'shop.contoso.com');
    expect(run.answers).toEqual({ 'verifiable-now': 'yes', 'verifiable-after-rotation': 'no' });
  });
});
