import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { App } from '../../src/app/index.ts';
import { loadConfig } from '../../src/config.ts';
import { startTeamsSink, type TeamsSink } from '../../src/local/teams-sink.ts';
import type { Store } from '../../src/store/store.ts';
import { createTableStore } from '../../src/store/table-store.ts';
import { useAzurite } from '../azurite.ts';
import { copyOfTables } from '../store/copy-tables.ts';
import { createMachine, type Machine } from './machine.ts';
import { useResolvers } from './resolvers.ts';
import { acceptedRow, createTenant, type Tenant } from './tenant.ts';

const azurite = useAzurite();
const watch = { organization: 'contoso', evaluation: 'dkim' } as const;
const domains = ['contoso.com', 'mail.contoso.com', 'shop.contoso.com'];

let tenant: Tenant;
let sink: TeamsSink;
let store: Store;
let made: Machine;
let stores = 0;

const resolvers = useResolvers(() => tenant.zone);

const prefixOf = (number: number) => `u${number}`;
const newStore = (): Store => {
  stores += 1;
  return createTableStore({ connectionString: azurite.connectionString, tablePrefix: prefixOf(stores) });
};
const machineOver = (over: Store) => createMachine({ store: over, resolvers: resolvers.addresses });

beforeEach(async () => {
  tenant = createTenant(['contoso.com', 'mail.contoso.com'], ['shop.contoso.com']);
  sink = await startTeamsSink();
  store = newStore();
  made = machineOver(store);
  return () => sink.close();
});

function organization(changes: object = {}, channel: object = {}): object {
  return {
    id: 'contoso',
    name: 'Contoso',
    channels: { 'mail-team': { url: sink.url, ...channel } },
    evaluations: { dkim: { channels: ['mail-team'] } },
    ...changes,
  };
}

async function prepared(document: object): Promise<void> {
  await made.app.putOrganization('contoso', document, undefined);
  const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  await made.app.acceptFacts('contoso', json(tenant.rows), false);
  await made.app.acceptFacts('contoso', json(tenant.rows.map(({ Domain }) => acceptedRow(Domain))), false);
}

async function runOnce(): Promise<void> {
  await made.app.startRun('contoso', 'dkim', 'request');
  expect(await made.work()).toEqual([]);
  await made.app.deliver();
}

/** Shop is mended and broken in turn, a day each, so that each run supersedes one state. */
async function runDays(days: number): Promise<void> {
  for (let day = 0; day < days; day += 1) {
    await runOnce();
    made.clock.advance({ days: 1 });
    if (day % 2 === 0) tenant.mend('shop.contoso.com');
    else tenant.lose('shop.contoso.com');
  }
}

async function countsOf(of: Store) {
  const [states, history, facts, runs] = await Promise.all([
    of.listStates(watch, 1_000),
    of.listHistory(watch, 1_000),
    of.facts(watch),
    of.runs(watch, 1_000),
  ]);
  return {
    states: states.items.length,
    history: history.items.length,
    facts: facts.length,
    runs: runs.length,
  };
}

const linesOf = (lines: readonly string[], name = 'contoso.ndjson') => ({
  name,
  async *lines() {
    for (const line of lines) yield line.trimEnd();
  },
});

async function exported(app: App = made.app): Promise<string[]> {
  const lines: string[] = [];
  await app.exportOrganization('contoso', async (line) => void lines.push(line));
  return lines;
}

describe('retention', () => {
  test('deletes what the organization does not want kept any longer, and keeps the last known states', async () => {
    await prepared(organization({ retentionDays: 3 }));
    await runDays(6);
    const before = await countsOf(store);
    expect(before).toEqual({ states: 3, history: 5, facts: 6, runs: 6 });
    // Three days back from the sixth day: what is older goes, with the index and the slice of its runs.
    made.clock.advance({ hours: 1 });
    const deleted = await made.app.retain();
    const after = await countsOf(store);
    expect(after).toEqual({ states: 3, history: 1, facts: 6, runs: 2 });
    expect(deleted).toEqual([{ ...watch, rows: 4 + 4 * 3 }]);
    expect(made.log.filter(({ message }) => message === 'old rows deleted').map(({ fields }) => fields)).toEqual([
      { ...watch, rows: 16, before: '2026-11-27T07:00:00.000Z' },
    ]);
    expect(await made.app.retain()).toEqual([]);
  });

  test('keeps for 400 days when the document says nothing', async () => {
    await prepared(organization());
    await runDays(2);
    made.clock.advance({ days: 397 });
    expect(await made.app.retain()).toEqual([]);
    made.clock.advance({ days: 5 });
    expect((await made.app.retain())[0]?.rows).toBeGreaterThan(0);
    expect(await countsOf(store)).toEqual({ states: 3, history: 0, facts: 6, runs: 0 });
  });

  test('deleting an organization deletes all that is kept about it', async () => {
    await prepared(organization());
    await runDays(3);
    await made.app.deleteOrganization('contoso');
    expect(await countsOf(store)).toEqual({ states: 0, history: 0, facts: 0, runs: 0 });
    // A run that was under way wrote once more: deleting again takes that away, too.
    await store.noteDelivery(watch, {
      channel: 'mail-team',
      runId: 'contoso.dkim.late',
      at: made.clock.now().toISOString(),
    });
    await made.app.deleteOrganization('contoso');
    expect(await store.lastDeliveries(watch)).toEqual([]);
    await expect(made.app.deleteOrganization('contoso')).rejects.toThrow('The organization "contoso" does not exist.');
  });

  test('what an organization was before a change goes with the rest that is old, and with the organization', async () => {
    const former = async () =>
      (await store.organizationHistory('contoso', 10)).items.map(({ document }) => document.name);
    await prepared(organization({ name: 'One', retentionDays: 3 }));
    await made.app.putOrganization('contoso', organization({ name: 'Two', retentionDays: 3 }), undefined);
    made.clock.advance({ days: 2 });
    await made.app.putOrganization('contoso', organization({ name: 'Three', retentionDays: 3 }), undefined);
    await made.app.retain();
    expect(await former()).toEqual(['Two', 'One']);
    made.clock.advance({ days: 2 });
    await made.app.retain();
    expect(await former()).toEqual(['Two']);
    expect(made.log.find(({ message }) => message === 'old documents deleted')?.fields).toMatchObject({
      organization: 'contoso',
      rows: 1,
    });
    await made.app.deleteOrganization('contoso');
    expect(await former()).toEqual([]);
  });
});

test('a run that is over is one line in the log: how many, how long, which answers and verdicts', async () => {
  await prepared(organization());
  await made.app.startRun('contoso', 'dkim', 'request', 'once');
  await made.work();
  made.clock.advance({ seconds: 5 });
  await made.app.deliver();
  const status = await made.app.runStatus('contoso.dkim.once');
  expect(status.answers['verifiable-now']).toEqual({ yes: 2, no: 1 });
  expect(made.log.filter(({ message }) => message === 'run finished')).toEqual([
    {
      level: 'info',
      message: 'run finished',
      fields: { runId: 'contoso.dkim.once', subjects: 3, ms: 0, answers: status.answers, verdicts: status.verdicts },
    },
  ]);
});

describe('the heartbeat', () => {
  const heartbeats = () => made.log.filter(({ message }) => message === 'heartbeat').map(({ fields }) => fields);

  test('logs the last run and the last delivery of every channel, also when there was none', async () => {
    await prepared(organization({ channels: { 'mail-team': { url: sink.url }, ops: { kind: 'console' } } }));
    await made.app.heartbeat();
    await runOnce();
    made.clock.advance({ days: 1 });
    await runOnce();
    await made.app.heartbeat();
    const deliveredAt = '2026-11-24T06:00:00.000Z';
    expect(heartbeats()).toEqual([
      { organization: 'contoso', lastRun: undefined, channels: { 'mail-team': undefined, ops: undefined } },
      {
        organization: 'contoso',
        lastRun: '2026-11-25T06:00:00.000Z',
        channels: { 'mail-team': deliveredAt, ops: undefined },
      },
    ]);
    expect((await made.app.health()).lastDeliveries).toEqual([
      { organization: 'contoso', channel: 'mail-team', at: deliveredAt },
      { organization: 'contoso', channel: 'ops' },
    ]);
    // One card for the first run, none for the heartbeats: nobody asked for them.
    expect(sink.cards).toHaveLength(1);
  });

  test('posts a card a day to a channel that asks for one, with the answers of the last run', async () => {
    await prepared(organization({}, { heartbeat: true }));
    await runOnce();
    made.clock.advance({ days: 1 });
    await made.app.heartbeat();
    expect(sink.cards.map(({ payload }) => (payload as { summary: string }).summary)).toEqual([
      'Contoso: 1 new problem in DKIM for shop.contoso.com',
      'Contoso: nothing new in DKIM',
    ]);
    expect(JSON.stringify(sink.cards[1]?.payload)).toContain('2 yes, 1 no of 3');
    expect((await made.app.health()).lastDeliveries).toEqual([
      { organization: 'contoso', channel: 'mail-team', at: '2026-11-25T06:00:00.000Z' },
    ]);
  });

  test('a channel that cannot be used is in the log by name, its address is not', async () => {
    await prepared(organization({}, { heartbeat: true, url: 'secret:MAIL_TEAM_WEBHOOK' }));
    made.environment.MAIL_TEAM_WEBHOOK = sink.url;
    await runOnce();
    delete made.environment.MAIL_TEAM_WEBHOOK;
    await made.app.heartbeat();
    expect(made.log.find(({ message }) => message === 'heartbeat not delivered')).toEqual({
      level: 'warn',
      message: 'heartbeat not delivered',
      fields: {
        ...watch,
        channel: 'mail-team',
        outcome: 'retry',
        detail:
          'channel "mail-team" of contoso: the setting MAIL_TEAM_WEBHOOK, which should hold its address, is not set',
      },
    });
    expect(JSON.stringify(made.log)).not.toContain(sink.url);
  });
});

/** Four days of the organization, lived through once: a copy of its storage for whoever goes on from there, and its export. */
interface FourDays {
  readonly copyTo: (tablePrefix: string) => Promise<void>;
  readonly lines: readonly string[];
}
let fourDays: FourDays | undefined;
async function livedFourDays(): Promise<FourDays> {
  const tablePrefix = 'days4';
  made = machineOver(createTableStore({ connectionString: azurite.connectionString, tablePrefix }));
  made.environment.MAIL_TEAM_WEBHOOK = sink.url;
  await prepared(organization({}, { url: 'secret:MAIL_TEAM_WEBHOOK' }));
  await runDays(4);
  return { copyTo: await copyOfTables(azurite.connectionString, tablePrefix), lines: await exported() };
}

describe('export and import', () => {
  beforeEach(async () => {
    fourDays ??= await livedFourDays();
    await fourDays.copyTo(prefixOf(stores));
    made = machineOver(store);
    made.environment.MAIL_TEAM_WEBHOOK = sink.url;
    made.clock.advance({ days: 4 });
  });

  test('another storage knows the same afterwards, and goes on from there without telling anything again', async () => {
    const silence = { match: { subject: 'www.*' }, until: '2026-12-24', reason: 'Move.' };
    await made.app.addSilence('contoso', silence, 'Adele');
    const lines = await exported();
    expect(await countsOf(store)).toEqual({ states: 3, history: 3, facts: 6, runs: 4 });
    expect(JSON.parse(lines[0] ?? '')).toEqual({
      kind: 'fieldcheck organization',
      version: 1,
      organization: 'contoso',
      exportedAt: '2026-11-28T06:00:00.000Z',
    });
    expect(JSON.parse(lines.at(-1) ?? '')).toEqual({
      kind: 'end',
      counts: { states: 3, history: 3, facts: 6, statements: 1 },
    });
    expect(lines).toHaveLength(3 + 1 + 3 + 3 + 6);

    const otherStore = newStore();
    const other = machineOver(otherStore);
    expect(await other.app.importOrganization(linesOf(lines), false)).toEqual({
      organization: 'contoso',
      counts: { states: 3, history: 3, facts: 6, statements: 1 },
    });
    // Runs stay behind; everything else is the same, line by line.
    expect(await countsOf(otherStore)).toEqual({ states: 3, history: 3, facts: 6, runs: 0 });
    expect((await exported(other.app)).slice(1)).toEqual(lines.slice(1));
    expect(await other.app.statements('contoso', 'silence')).toMatchObject([{ by: 'Adele', reason: 'Move.' }]);
    for (const domain of domains) {
      expect(await other.app.history('contoso', 'dkim', domain, 10)).toEqual(
        await made.app.history('contoso', 'dkim', domain, 10),
      );
    }

    const cards = sink.cards.length;
    other.environment.MAIL_TEAM_WEBHOOK = sink.url;
    other.clock.advance({ days: 4 });
    tenant.mend('shop.contoso.com');
    await other.app.startRun('contoso', 'dkim', 'request');
    await other.work();
    tenant.mend('shop.contoso.com');
    await other.app.deliver();
    const told = sink.cards.slice(cards).map(({ payload }) => (payload as { summary: string }).summary);
    expect(told.filter((heading) => heading.includes('new problem'))).toEqual([]);
  });

  test('refuses an organization that exists, unless it is to be replaced; then nothing of the old one is left', async () => {
    const lines = await exported();
    await expect(made.app.importOrganization(linesOf(lines), false)).rejects.toThrow(
      'The organization "contoso" exists. Import with --replace to put the file in its place; what is stored of it now is then gone.',
    );
    await runDays(3);
    expect((await countsOf(store)).history).toBeGreaterThan(3);
    await made.app.importOrganization(linesOf(lines), true);
    expect(await countsOf(store)).toEqual({ states: 3, history: 3, facts: 6, runs: 0 });
  });

  test('an import that is cut short leaves no organization, says so, and can be done again', async () => {
    const lines = await exported();
    const failing = newStore();
    const broken = createMachine({
      resolvers: resolvers.addresses,
      store: { ...failing, restore: () => Promise.reject(new Error('storage went away')) },
    });
    await expect(broken.app.importOrganization(linesOf(lines), false)).rejects.toThrow(
      'The import of "contoso" was cut short (storage went away). The organization does not exist until it is complete: import the file again.',
    );
    expect(await failing.organizations()).toEqual([]);
    await machineOver(failing).app.importOrganization(linesOf(lines), false);
    expect(await countsOf(failing)).toEqual({ states: 3, history: 3, facts: 6, runs: 0 });
  });

  test('a replacement that is cut short puts back what was there, and says so', async () => {
    const lines = await exported();
    const renamed = lines.map((line) => line.replace('"name":"Contoso"', '"name":"Contoso Ltd"'));
    const facts = vi.spyOn(store, 'restore').mockRejectedValueOnce(new Error('storage went away'));
    onTestFinished(() => facts.mockRestore());
    await expect(made.app.importOrganization(linesOf(renamed), true)).rejects.toThrow(
      'The import of "contoso" was cut short (storage went away). What an export holds of what was there before is back.',
    );
    expect((await exported()).slice(1)).toEqual(lines.slice(1));
    facts.mockRejectedValue(new Error('storage went away'));
    await expect(made.app.importOrganization(linesOf(renamed), true)).rejects.toThrow(
      'What was there before could not be put back (storage went away). The organization does not exist until it is complete: import the file again.',
    );
  });

  test('a replacement that cannot be written is refused before anything of the old one goes', async () => {
    const lines = await exported();
    const spoilt = lines.map((line) => line.replace(/("kind":"history".*?"at":")2026/, '$11026'));
    expect(spoilt).not.toEqual(lines);
    await expect(made.app.importOrganization(linesOf(spoilt), true)).rejects.toThrow(/no time that can be kept/);
    expect((await exported()).slice(1)).toEqual(lines.slice(1));
  });

  test('an address that is written out is not exported; a replaced document keeps its own', async () => {
    await made.app.putOrganization('contoso', organization(), undefined);
    const lines = await exported();
    expect(lines.join('')).not.toContain(sink.url);
    await expect(machineOver(newStore()).app.importOrganization(linesOf(lines), false)).rejects.toThrow(
      /channels\.mail-team\.url: .* write the address or secret:NAME/,
    );
    await made.app.importOrganization(linesOf(lines), true);
    expect((await store.organization('contoso'))?.value.channels['mail-team']?.url).toBe(sink.url);
  });
});

describe('an import', () => {
  const empty = { states: 0, history: 0, facts: 0, runs: 0 };

  test.each<[string, (lines: readonly string[]) => readonly string[], string]>([
    [
      'cut off',
      (lines) => lines.slice(0, -1),
      'is cut off after line 14: its last line, which counts the others, is missing',
    ],
    ['a line missing', (lines) => lines.toSpliced(3, 1), 'holds 2 lines of states, but its last line says 3'],
    ['broken JSON', (lines) => lines.toSpliced(4, 1, '{"kind":"state"'), 'line 5: is no JSON'],
    [
      'a state without its run',
      (lines) => lines.toSpliced(2, 1, '{"kind":"state","state":{}}'),
      'line 3: state.runId: ',
    ],
    [
      'no export',
      () => ['{"id":"contoso"}'],
      'line 1: is not the start of an export; write one with "fieldcheck export"',
    ],
    ['nothing', () => [], 'is empty'],
    [
      'a later version',
      (lines) => lines.toSpliced(0, 1, lines[0]?.replace('"version":1', '"version":2') ?? ''),
      'line 1: is of version 2, and this release reads up to version 1; import it with the release that wrote it, or a later one',
    ],
    [
      "facts of another's",
      (lines) =>
        lines.map((line) =>
          line.replace(
            '{"kind":"facts","facts":{"organization":"contoso"',
            '{"kind":"facts","facts":{"organization":"fabrikam"',
          ),
        ),
      'line 9: is about "fabrikam", but the file is of "contoso"',
    ],
    ['two in one file', (lines) => [...lines, ...lines.slice(1)], 'line 16: stands behind the end'],
    [
      'two documents',
      (lines) => lines.toSpliced(1, 0, lines[1] ?? ''),
      'line 3: is a second document of "contoso"; keep the one that counts',
    ],
    [
      'two states of one subject',
      (lines) => lines.toSpliced(2, 0, lines[2] ?? ''),
      'line 4: is a second last known state of "contoso.com"',
    ],
    [
      'the same facts twice',
      (lines) => lines.toSpliced(9, 0, lines[8] ?? ''),
      'line 10: is a second "export/accepted-domain" about "contoso.com"',
    ],
    [
      'a line that no export has',
      (lines) => lines.toSpliced(2, 0, JSON.stringify({ kind: 'state', state: 'x'.repeat(8_000_000) })),
      'line 3: is longer than 8000000 characters; no line of an export is',
    ],
    [
      'a state of another',
      (lines) => lines.map((line) => line.replace('"runId":"contoso.', '"runId":"fabrikam.')),
      'line 3: is about "fabrikam", but the file is of "contoso"',
    ],
    [
      'a state that nothing reads',
      (lines) => lines.map((line) => line.replace('"evaluation":"dkim"', '"evaluation":"spf"')),
      'line 3: is about "spf", an evaluation that this release does not have',
    ],
    [
      'a name that would be lost',
      (lines) => lines.map((line) => line.replace('"answers":{', '"answers":{"__proto__":{},')),
      'line 3: has a property "__proto__", which is a name that programs keep for themselves; choose another',
    ],
    [
      'a time that no row can be filed under',
      (lines) => lines.map((line) => line.replace(/("kind":"history".*?"at":")2026/, '$11026')),
      '"1026-11-2',
    ],
  ])('a file with %s is refused by line, and nothing of it is written', async (_, spoil, sentence) => {
    fourDays ??= await livedFourDays();
    const { app } = machineOver(store);
    await expect(app.importOrganization(linesOf(spoil(fourDays.lines)), false)).rejects.toThrow(
      `contoso.ndjson: ${sentence}`,
    );
    await store.open();
    expect(await countsOf(store)).toEqual(empty);
    expect(await store.organizations()).toEqual([]);
  });
});

describe('health', () => {
  test('tells of runs that were due twice and did not start', async () => {
    await prepared(organization());
    await runOnce();
    made.clock.advance({ days: 1 });
    expect(await made.app.health()).toMatchObject({ status: 'ok', faults: [] });
    made.clock.advance({ days: 1, minutes: 15 });
    expect(await made.app.health()).toMatchObject({
      status: 'degraded',
      faults: [
        'dkim of contoso: a run was due at 2026-11-25T06:00:00.000Z and at 2026-11-26T06:00:00.000Z, and none has started since 2026-11-24T06:00:00.000Z. Does the timer startDueRuns run?',
      ],
    });
  });

  test('tells of a schedule that cannot be read, and the app works on', async () => {
    vi.stubEnv('FIELDCHECK_DUE_SCHEDULE', 'every minute');
    onTestFinished(() => void vi.unstubAllEnvs());
    expect(loadConfig(process.env).FIELDCHECK_DUE_SCHEDULE).toBe('0 * * * * *');
    expect(await made.app.health()).toMatchObject({
      status: 'degraded',
      faults: [expect.stringMatching(/^FIELDCHECK_DUE_SCHEDULE is "every minute", and must be NCRONTAB: .* holds\.$/)],
    });
  });
});
