// Tables as the release before incidents left them (commit 35159a5, run over three domains with a channel that had stopped
// to answer): states, an outbox that waits, a document, supplied facts that have expired.
import { readFile } from 'node:fs/promises';
import { TableClient, type TableEntity } from '@azure/data-tables';
import { expect, test } from 'vitest';
import type { Notice } from '../../src/domain/notice.ts';
import { renderCard } from '../../src/notifiers/teams-workflow/card.ts';
import { createTableStore } from '../../src/store/table-store.ts';
import { useAzurite } from '../azurite.ts';
import { createClock, createMachine } from './machine.ts';
import { useResolvers } from './resolvers.ts';
import { acceptedRow, createTenant } from './tenant.ts';

const azurite = useAzurite();
const tenant = createTenant(['contoso.com'], ['mail.contoso.com', 'shop.contoso.com']);
const resolvers = useResolvers(() => tenant.zone);

interface Left {
  readonly at: string;
  readonly tables: Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>>;
}

/** @returns when they were left */
async function putBack(): Promise<Date> {
  const { at, tables } = JSON.parse(
    await readFile(new URL('../store/before-incidents.json', import.meta.url), 'utf8'),
  ) as Left;
  for (const [name, rows] of Object.entries(tables)) {
    const table = TableClient.fromConnectionString(azurite.connectionString, `old${name}`, {
      allowInsecureConnection: true,
    });
    await table.createTable();
    for (const row of rows) {
      const cells = Object.entries(row).map(([key, value]) => {
        const isBinary = typeof value === 'object' && value !== null && 'base64' in value;
        return [key, isBinary ? Buffer.from(String(value.base64), 'base64') : value];
      });
      await table.createEntity(Object.fromEntries(cells) as TableEntity);
    }
  }
  return new Date(at);
}

test('what the release before has left is read: nothing is told again, and what was told is closed once', async () => {
  const clock = createClock(await putBack());
  const taken: Notice[] = [];
  const { app, work } = createMachine({
    clock,
    store: createTableStore({ connectionString: azurite.connectionString, tablePrefix: 'old' }),
    resolvers: resolvers.addresses,
    notifierFor: () => ({
      id: 'after',
      send: async (notice) => {
        taken.push(notice);
        return { outcome: 'delivered', detail: 'Taken.' };
      },
    }),
  });
  const look = async () => {
    clock.advance({ days: 1 });
    await app.startRun('contoso', 'dkim', 'request');
    expect(await work()).toEqual([]);
    await app.superviseRuns();
    await app.deliver();
  };
  const told = () => taken.flatMap(({ events }) => events.map(({ type, key }) => `${type} ${key.split('/')[2]}`));

  expect((await app.organization('contoso')).document).toMatchObject({ name: 'Contoso' });
  expect((await app.incidents('contoso')).map(({ subject, state, since }) => [subject, state, since])).toEqual([
    ['mail.contoso.com', 'open', '2026-12-02T06:00:00.000Z'],
    ['shop.contoso.com', 'open', '2026-11-24T06:00:00.000Z'],
  ]);

  // Its outbox goes out as it was written, as one notice.
  clock.advance({ hours: 2 });
  await app.deliver();
  expect(taken.map((notice) => renderCard(notice).summary)).toEqual([
    'Contoso: 1 new problem, 39 could not be looked at, 1 still failing in DKIM',
  ]);
  expect(told()).toEqual(['incident.opened mail.contoso.com', 'incident.reminded shop.contoso.com']);

  // That nobody can look is told in the words of this release, once.
  await look();
  await look();
  expect(told().slice(2)).toEqual(['watch.blind *']);
  expect((await app.health()).faults).toEqual([expect.stringContaining('3 subject(s) cannot be looked at')]);

  const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  await app.acceptFacts('contoso', json(tenant.rows), false);
  await app.acceptFacts('contoso', json(tenant.rows.map(({ Domain }) => acceptedRow(Domain))), false);
  await look();
  expect(told().slice(3)).toEqual(['watch.seeing *']);
  tenant.mend('shop.contoso.com');
  tenant.mend('mail.contoso.com');
  await look();
  await look();
  expect(told().slice(4)).toEqual(['incident.resolved mail.contoso.com', 'incident.resolved shop.contoso.com']);
  expect(await app.incidents('contoso')).toEqual([]);
});
