// A process that is killed at every request to the storage in turn, and another one that goes on: nothing is lost, nothing
// invented, and nothing told twice more often than it was killed.
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import type { IncidentEvent, Notice } from '../../src/domain/notice.ts';
import { createMemoryTables } from '../../src/store/memory-store.ts';
import { createRowStore } from '../../src/store/row-store.ts';
import { type Store, StoreUnavailable } from '../../src/store/store.ts';
import { createTableStore } from '../../src/store/table-store.ts';
import { useAzurite } from '../azurite.ts';
import { copyOfTables } from '../store/copy-tables.ts';
import { startFaultyStorage } from '../store/faulty-storage.ts';
import { noted, watched } from '../store/watched-tables.ts';
import { type Clock, createClock, createMachine, type Machine } from './machine.ts';
import { useResolvers } from './resolvers.ts';
import { acceptedRow, createTenant, type Tenant } from './tenant.ts';

const azurite = useAzurite();
const organizations = ['contoso', 'fabrikam'];

let tenant: Tenant;
const resolvers = useResolvers(() => tenant.zone);
beforeEach(() => {
  tenant = createTenant(['contoso.com', 'mail.contoso.com', 'shop.contoso.com']);
});

/** What has to be told, by key and type: nothing else, and nothing less. */
const expected = organizations
  .flatMap((id) => [
    `watch.blind ${id}/dkim/*/blind#no-run`,
    `watch.seeing ${id}/dkim/*/blind#no-run`,
    `incident.opened ${id}/dkim/shop.contoso.com/dkim/active-key-published#selector1`,
    ...(id === 'contoso' ? [`incident.opened ${id}/dkim/mail.contoso.com/dkim/active-key-published#selector1`] : []),
  ])
  .sort();

/** A storage that is lived in until a moment, from which many lives go on. */
interface Beginning {
  readonly store: Store;
  /** Of what the store holds by then. */
  copies(): Promise<(killedAt: number) => Promise<Copy>>;
}

interface Copy {
  /** Does what it is asked for the `killedAt`th time, and neither answers that nor does anything after it. */
  readonly dying: Store;
  /** How often that one was asked. */
  readonly requests: () => number;
  /** The same storage for another process. */
  readonly store: Store;
}

const inAzurite = (): Beginning => {
  const { connectionString } = azurite;
  const storeIn = (tablePrefix: string, at = connectionString) =>
    createTableStore({ connectionString: at, tablePrefix });
  return {
    store: storeIn('begun'),
    async copies() {
      const copyTo = await copyOfTables(connectionString, 'begun');
      return async (killedAt) => {
        const name = `k${killedAt}`;
        await copyTo(name);
        const faulty = await startFaultyStorage(connectionString);
        onTestFinished(() => faulty.stop());
        let requests = 0;
        faulty.fate = () => {
          requests += 1;
          if (requests < killedAt) return 'pass';
          return requests === killedAt ? 'lose-answer' : { status: 403 };
        };
        return { dying: storeIn(name, faulty.connectionString), requests: () => requests, store: storeIn(name) };
      };
    },
  };
};

const inMemory = (): Beginning => {
  const { tables, writeInto } = noted(createMemoryTables());
  return {
    store: createRowStore(tables),
    copies: async () => async (killedAt) => {
      const copy = createMemoryTables();
      await writeInto(copy);
      let requests = 0;
      const failFrom = (last: number) => {
        if (requests >= last) throw new StoreUnavailable('the process was killed');
      };
      const dying = watched(
        copy,
        () => {
          failFrom(killedAt);
          requests += 1;
        },
        () => failFrom(killedAt),
      );
      return { dying: createRowStore(dying), requests: () => requests, store: createRowStore(copy) };
    },
  };
};

test.each([
  // The same store over tables that keep the same contract; in memory a request costs next to nothing.
  ['in the tables of Azurite, at every eleventh request', inAzurite, 11],
  ['in memory, at every request', inMemory, 1],
])('killed anywhere between a look and its last word, %s', { timeout: 300_000 }, async (_, begin, step) => {
  const beginning = await begun(begin());
  const matrix: { readonly killedAt: number; readonly twice: number }[] = [];
  for (let killedAt = 1; ; killedAt += step) {
    const { events, requests } = await lifeWithAKill(beginning, killedAt);
    const told = events.map(({ type, key }) => `${type} ${key}`);
    expect([...new Set(told)].sort(), `killed at request ${killedAt}`).toEqual(expected);
    const twice = told.length - new Set(events.map(({ id }) => id)).size;
    // What was sent and not yet settled is sent again: at most the one notice that was under way, of six events.
    expect(twice, `told twice when killed at request ${killedAt}`).toBeLessThanOrEqual(6);
    matrix.push({ killedAt, twice });
    if (requests < killedAt) break;
  }
  expect(matrix.length).toBeGreaterThan(10);
  const toldTwice = matrix.filter(({ twice }) => twice > 0).length;
  expect(toldTwice, `kills after which something was told twice, of ${matrix.length}`).toBeLessThanOrEqual(4);
});

/** What every life begins with: three days after a quiet look. */
interface Begun {
  readonly copy: (killedAt: number) => Promise<Copy>;
  readonly silence: string;
  readonly told: readonly Notice[];
}

async function begun({ store, copies }: Beginning): Promise<Begun> {
  const told: Notice[] = [];
  const made = machineOver(store, createClock(), told);
  await prepare(made);
  const { silence } = await quietLook(made);
  // Nothing waits but in the storage.
  expect([made.slices, made.deliveries]).toEqual([[], []]);
  return { copy: await copies(), silence, told };
}

function machineOver(store: Store, clock: Clock, taken: Notice[]): Machine {
  return createMachine({
    clock,
    store,
    resolvers: resolvers.addresses,
    notifierFor: () => ({
      id: 'kills',
      send: async (notice) => {
        taken.push(notice);
        return { outcome: 'delivered', detail: 'Taken.' };
      },
    }),
  });
}

async function lifeWithAKill(
  { copy, silence, told }: Begun,
  killedAt: number,
): Promise<{ events: IncidentEvent[]; requests: number }> {
  const { dying, requests, store } = await copy(killedAt);
  const clock = createClock();
  clock.advance({ days: 3 });
  const taken = [...told];
  const first = machineOver(dying, clock, taken);
  await troubledLook(first, silence).catch(() => undefined);

  // Another process: the queue and the storage are as they were left.
  const second = machineOver(store, clock, taken);
  second.slices.push(...first.slices.splice(0));
  second.deliveries.push(...first.deliveries.splice(0));
  clock.advance({ minutes: 3 });
  await troubledLook(second, silence);
  for (let step = 0; step < 3; step += 1) {
    clock.advance({ minutes: 61 });
    await second.work();
    await second.app.superviseRuns();
    await second.work();
    await second.app.deliver();
  }
  return { events: taken.flatMap(({ events }) => events), requests: requests() };
}

async function prepare(made: Machine): Promise<void> {
  const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  for (const id of organizations) {
    const channels = { 'mail-team': { url: 'secret:CHANNEL_MAIL' } };
    await made.app.putOrganization(id, { id, channels, evaluations: { dkim: { channels: ['mail-team'] } } }, undefined);
    await made.app.acceptFacts(id, json(tenant.rows), false);
    await made.app.acceptFacts(id, json(tenant.rows.map(({ Domain }) => acceptedRow(Domain))), false);
  }
}

/** All is well, but in fabrikam one domain is silenced while it fails. */
async function quietLook(made: Machine): Promise<{ readonly silence: string }> {
  const { id: silence } = await made.app.addSilence(
    'fabrikam',
    { match: { subject: 'mail.*' }, until: '2026-12-20', reason: 'Move.' },
    'Adele',
  );
  await made.app.startDueRuns();
  expect(await made.work()).toEqual([]);
  await made.app.superviseRuns();
  await made.app.deliver();
  // Nobody looks for three days.
  made.clock.advance({ days: 3 });
  tenant.lose('shop.contoso.com');
  tenant.lose('mail.contoso.com');
  return { silence };
}

/** One turn of the timers and queues. */
async function troubledLook(made: Machine, silence: string): Promise<void> {
  await made.app.superviseRuns();
  await made.app.startDueRuns();
  const errors = await made.work();
  if (errors.length > 0) throw errors[0];
  made.clock.advance({ minutes: 11 });
  await made.app.superviseRuns();
  await made.app.deliver();
  expect((await made.app.statements('fabrikam', 'silence')).map(({ id }) => id)).toEqual([silence]);
}
