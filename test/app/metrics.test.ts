import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startTeamsSink, type TeamsSink } from '../../src/local/teams-sink.ts';
import { createMemoryStore } from '../../src/store/memory-store.ts';
import type { Store } from '../../src/store/store.ts';
import { createMachine, type Machine } from './machine.ts';
import { useResolvers } from './resolvers.ts';
import { acceptedRow, createTenant, type Tenant } from './tenant.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** Debian's; where there is none these tests say that they did not run. */
const hasPromtool = spawnSync('promtool', ['--version']).status === 0;

let tenant: Tenant;
let sink: TeamsSink;
let made: Machine;
let store: Store;
/** Reads of the store, by method. */
let reads: Record<string, number>;

const resolvers = useResolvers(() => tenant.zone);
beforeAll(async () => {
  sink = await startTeamsSink();
});
afterAll(() => sink.close());
beforeEach(() => {
  tenant = createTenant(['contoso.com', 'mail.contoso.com'], ['shop.contoso.com']);
  reads = {};
  const inner = createMemoryStore();
  store = new Proxy(inner, {
    get(target, name: keyof Store) {
      reads[name] = (reads[name] ?? 0) + 1;
      return target[name];
    },
  });
  made = createMachine({ store, resolvers: resolvers.addresses });
});

/** Writes the document, supplies the exports and runs once. */
async function watched(changes: object = {}): Promise<void> {
  await made.app.putOrganization(
    'contoso',
    {
      id: 'contoso',
      channels: { 'mail-team': { url: sink.url } },
      evaluations: { dkim: { channels: ['mail-team'] } },
      ...changes,
    },
    undefined,
  );
  const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  await made.app.acceptFacts('contoso', json(tenant.rows), false);
  await made.app.acceptFacts('contoso', json(tenant.rows.map(({ Domain }) => acceptedRow(Domain))), false);
}

async function ran(): Promise<void> {
  await made.app.startRun('contoso', 'dkim', 'request');
  made.clock.advance({ seconds: 40 });
  expect(await made.work()).toEqual([]);
  await made.app.superviseRuns();
}

const all = () => made.app.metrics({ subjects: false });
/** The series without comments. */
const seriesIn = (text: string) => text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
const contoso = 'organization="contoso",evaluation="dkim"';

describe('metrics', () => {
  test('of an organization that was looked at: answers, open findings, ages, what waits', async () => {
    await watched();
    await ran();
    made.clock.advance({ hours: 1 });
    const text = await all();
    expect(text.endsWith('# EOF\n')).toBe(true);
    expect(text).toContain(
      '# HELP fieldcheck_subjects Subjects with this answer to this question, as of the last run.\n',
    );
    const series = seriesIn(text);
    expect(series).toEqual(
      expect.arrayContaining([
        'fieldcheck_organizations 1',
        `fieldcheck_subjects{${contoso},question="verifiable-now",answer="yes"} 2`,
        `fieldcheck_subjects{${contoso},question="verifiable-now",answer="no"} 1`,
        `fieldcheck_subjects{${contoso},question="verifiable-now",answer="undetermined"} 0`,
        `fieldcheck_open_findings{${contoso},severity="critical",owner="microsoft"} 1`,
        `fieldcheck_hushed_incidents{${contoso},by="acceptance"} 0`,
        `fieldcheck_hushed_incidents{${contoso},by="silence"} 0`,
        `fieldcheck_unknown_findings{${contoso}} 0`,
        `fieldcheck_last_run_age_seconds{${contoso}} 3640`,
        `fieldcheck_last_run_duration_seconds{${contoso}} 40`,
        `fieldcheck_last_run_incomplete{${contoso}} 0`,
        `fieldcheck_undelivered_notices{${contoso}} 0`,
        `fieldcheck_rejected_notices{${contoso}} 0`,
        `fieldcheck_unrouted_changes{${contoso}} 0`,
      ]),
    );
    const facts = series.filter((line) => line.startsWith('fieldcheck_supplied_facts_age_seconds'));
    expect(facts.map((line) => /which="(\w+)"/.exec(line)?.[1])).toEqual(['oldest', 'newest']);
    expect(text).not.toContain('shop.contoso.com');
  });

  test('what nobody looked at is not there, rather than zero', async () => {
    await watched();
    expect(seriesIn(await all())).toEqual([
      'fieldcheck_organizations 1',
      `fieldcheck_undelivered_notices{${contoso}} 0`,
      `fieldcheck_rejected_notices{${contoso}} 0`,
      `fieldcheck_unrouted_changes{${contoso}} 0`,
    ]);
  });

  test('a notice that nobody took is counted, and a run that was cut short is told', async () => {
    await watched({ channels: { 'mail-team': { url: 'http://127.0.0.1:9/closed' } } });
    await ran();
    expect(seriesIn(await all())).toContain(`fieldcheck_undelivered_notices{${contoso}} 1`);
    await made.app.startRun('contoso', 'dkim', 'request');
    made.clock.advance({ days: 1 });
    await made.app.superviseRuns();
    const series = seriesIn(await all());
    expect(series).toContain(`fieldcheck_last_run_incomplete{${contoso}} 1`);
    expect(series).toContain(`fieldcheck_subjects{${contoso},question="verifiable-now",answer="no"} 1`);
  });

  test('subjects are series of their own only when asked for, of one organization', async () => {
    await watched();
    await ran();
    const series = seriesIn(await made.app.metrics({ organization: 'contoso', subjects: true }));
    expect(series).toContain(
      `fieldcheck_subject_answer{${contoso},subject="shop.contoso.com",question="verifiable-now",answer="no"} 1`,
    );
    await expect(made.app.metrics({ subjects: true })).rejects.toThrow(
      'subjects=true wants organization=ID: each subject is a series of its own.',
    );
    await expect(made.app.metrics({ organization: 'fabrikam', subjects: false })).rejects.toThrow(
      'The organization "fabrikam" does not exist.',
    );
  });

  test('costs the same whatever the number of subjects', async () => {
    await watched();
    await ran();
    reads = {};
    await all();
    expect(reads).toEqual({ organizations: 1, summary: 1, runs: 1, pending: 1, rejected: 1, watchMemory: 1 });
  });

  test.runIf(hasPromtool)('are what promtool takes: format, names, help', async () => {
    await watched();
    await ran();
    const input = await made.app.metrics({ organization: 'contoso', subjects: true });
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input, encoding: 'utf8' });
    expect([status, stdout, stderr]).toEqual([0, '', '']);
    const broken = spawnSync('promtool', ['check', 'metrics'], {
      input: `${input.split('\n')[2]}x"`,
      encoding: 'utf8',
    });
    expect(broken.status).not.toBe(0);
  });
  test.skipIf(hasPromtool)('promtool is not on this machine: the metrics were not checked by it', () => {});
});

describe('alert rules and dashboard', () => {
  const rules = join(root, 'infra/operations/prometheus/alerts.yaml');
  const dashboard = readFileSync(join(root, 'infra/operations/prometheus/dashboard.json'), 'utf8');

  test('ask for metrics that there are, and no other', async () => {
    await watched();
    await ran();
    const known = new Set((await all()).match(/fieldcheck_\w+/g));
    for (const text of [readFileSync(rules, 'utf8'), dashboard]) {
      const asked = new Set(text.match(/fieldcheck_\w+/g));
      expect(asked.size).toBeGreaterThan(4);
      expect([...asked].filter((name) => !known.has(name))).toEqual([]);
    }
  });

  test('every panel has a title, a sentence about it, and a query of its own', () => {
    const { panels, templating, title, uid } = JSON.parse(dashboard);
    expect([title, uid]).toEqual(['fieldcheck', 'fieldcheck']);
    expect(templating.list.map(({ name }: { name: string }) => name)).toEqual(['datasource', 'organization']);
    expect(panels.length).toBeGreaterThan(5);
    for (const { title: name, description, targets, datasource, gridPos } of panels) {
      expect(name).toMatch(/^[A-Z]/);
      expect(description).toMatch(/\.$/);
      expect(datasource.uid).toMatch(/^\$\{datasource\}$/);
      expect(targets.every(({ expr }: { expr: string }) => expr.includes('$organization'))).toBe(true);
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
    }
    expect(new Set(panels.map(({ id }: { id: number }) => id)).size).toBe(panels.length);
  });

  test.runIf(hasPromtool)('are what promtool takes, and fire when they should', () => {
    const { status, stdout } = spawnSync('promtool', ['check', 'rules', rules], { encoding: 'utf8' });
    expect([status, stdout]).toEqual([0, expect.stringMatching(/SUCCESS: \d+ rules found/)]);
    const tested = spawnSync('promtool', ['test', 'rules', join(root, 'test/app/alerts.yaml')], { encoding: 'utf8' });
    expect([tested.status, tested.stdout, tested.stderr]).toEqual([0, expect.stringContaining('SUCCESS'), '']);
  });
  test.skipIf(hasPromtool)('promtool is not on this machine: the rules were not checked by it', () => {});
});

describe('a badge', () => {
  const dkimBadge = () => made.app.badge('contoso', 'dkim');
  const said = (svg: string) => /aria-label="([^"]*)"/.exec(svg)?.[1];

  test('says how many of how many have the worst answer, and when nobody has looked', async () => {
    await watched({ badge: true });
    expect(said(await dkimBadge())).toBe('DKIM: not looked at yet');
    await ran();
    expect(said(await dkimBadge())).toBe('DKIM: no: 1 of 3');
    tenant.mend('shop.contoso.com');
    await ran();
    expect(said(await dkimBadge())).toBe('DKIM: yes: 3 of 3');
    await made.app.startRun('contoso', 'dkim', 'request');
    made.clock.advance({ hours: 20 });
    await made.app.superviseRuns();
    expect(said(await dkimBadge())).toBe('DKIM: last run incomplete');
    made.clock.advance({ days: 3 });
    expect(said(await dkimBadge())).toBe('DKIM: not looked at since 2026-11-24');
  });

  test('is not shown unless the document says so, and does not tell who is watched', async () => {
    await watched();
    await ran();
    const refusals = [dkimBadge(), made.app.badge('fabrikam', 'dkim'), made.app.badge('contoso', 'spf')];
    for (const refused of refusals) await expect(refused).rejects.toThrow(/^There is no such badge\.$/);
    await watched({ badge: false });
    await expect(dkimBadge()).rejects.toThrow('There is no such badge.');
  });
});
