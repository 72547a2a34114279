import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTeamsSink, type TeamsSink } from '../../src/local/teams-sink.ts';
import { createMemoryStore } from '../../src/store/memory-store.ts';
import { createMachine } from './machine.ts';
import { useResolvers } from './resolvers.ts';
import { createTenant } from './tenant.ts';

const tenant = createTenant(['contoso.com', 'mail.contoso.com', 'shop.contoso.com']);
const resolvers = useResolvers(() => tenant.zone);
let sink: TeamsSink;

beforeAll(async () => {
  sink = await startTeamsSink();
});
afterAll(() => sink.close());

test('a domain that came with a slice whose message was lost is told with the slice that is sent again', async () => {
  const made = createMachine({ store: createMemoryStore(), resolvers: resolvers.addresses });
  const start = async (...domains: string[]) => {
    const evaluations = { dkim: { domains } };
    await made.app.putOrganization('contoso', { id: 'contoso', evaluations });
    await made.app.startRun('contoso', 'dkim', 'request');
    made.slices.splice(0);
    made.clock.advance({ minutes: 11 });
    await made.app.superviseRuns();
    return made.slices.map(({ added }) => added);
  };
  expect(await start('contoso.com', 'mail.contoso.com')).toEqual([[]]);
  expect(await made.work()).toEqual([]);
  expect(await start('contoso.com', 'mail.contoso.com', 'shop.contoso.com')).toEqual([['shop.contoso.com']]);
});

test('no domain is told as added by what a first run sends again', async () => {
  const made = createMachine({ store: createMemoryStore(), resolvers: resolvers.addresses });
  const domains = Array.from({ length: 101 }, (_, index) => `d${index}.contoso.com`);
  await made.app.putOrganization('contoso', { id: 'contoso', evaluations: { dkim: { domains } } });
  await made.app.startRun('contoso', 'dkim', 'request');
  const [first] = made.slices.splice(0);
  if (first !== undefined) await made.app.workSlice(first);
  made.clock.advance({ minutes: 11 });
  await made.app.superviseRuns();
  expect(made.slices.map(({ slice, added }) => [slice, added])).toEqual([[1, []]]);
});

test('domains that come and go are told once each, and their history stays', async () => {
  const store = createMemoryStore();
  const made = createMachine({ store, resolvers: resolvers.addresses });
  const watching = async (...domains: string[]) => {
    const dkim = { channels: ['mail-team'], domains };
    const channels = { 'mail-team': { url: sink.url } };
    await made.app.putOrganization('contoso', { id: 'contoso', name: 'Contoso', channels, evaluations: { dkim } });
    await made.app.acceptFacts('contoso', new TextEncoder().encode(JSON.stringify(tenant.rows)), false);
    await made.app.startRun('contoso', 'dkim', 'request');
    expect(await made.work()).toEqual([]);
    await made.app.deliver();
  };
  const headings = () => sink.cards.map(({ payload }) => (payload as { summary: string }).summary);

  await watching('contoso.com', 'mail.contoso.com');
  expect(headings()).toEqual([]);

  await watching('contoso.com', 'shop.contoso.com');
  expect(headings()).toEqual([
    expect.stringMatching(
      /1 added to the watch.*1 removed from the watch|1 removed from the watch.*1 added to the watch/,
    ),
  ]);
  const card = JSON.stringify(sink.cards[0]?.payload);
  expect(card).toContain('shop.contoso.com is watched from now on.');
  expect(card).toContain('mail.contoso.com is no longer watched; what was found about it stays in the history.');
  const watch = { organization: 'contoso', evaluation: 'dkim' } as const;
  expect((await store.history(watch, 'mail.contoso.com', 10)).items).toHaveLength(1);
  expect((await made.app.subjects('contoso', 'dkim', 10)).items.map(({ run }) => run.subject)).toEqual([
    'contoso.com',
    'shop.contoso.com',
  ]);

  await watching('contoso.com', 'shop.contoso.com');
  expect(headings()).toHaveLength(1);
});
