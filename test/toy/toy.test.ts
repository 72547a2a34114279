// The measure of the slices: an evaluation that this folder alone knows is watched, scheduled, run in slices, judged,
// stored, told, reported, exported and imported, described and called, and no file of the product names it.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { runShell } from '../../src/cli/index.ts';
import type { Finding } from '../../src/domain/finding.ts';
import type { Notice } from '../../src/domain/notice.ts';
import { answerOf, doorsOf } from '../../src/doors/index.ts';
import { evaluations } from '../../src/evaluations/index.ts';
import { createRegistry } from '../../src/evaluations/registry.ts';
import { renderCard } from '../../src/notifiers/teams-workflow/card.ts';
import { createMemoryStore } from '../../src/store/memory-store.ts';
import { createMachine, type Machine } from '../app/machine.ts';
import { toy } from './evaluation.ts';

const registry = createRegistry([...evaluations.all, toy]);

/** More boxes than go into one slice; only the attic's is of interest. */
const boxes = Object.fromEntries([
  ['attic', ['red', 'blue', 'green']],
  ...Array.from({ length: 100 }, (_, index) => [`cellar-${index}`, []] as const),
]);

const document = {
  id: 'contoso',
  name: 'Contoso',
  channels: { toys: { kind: 'console' } },
  evaluations: { toy: { boxes, channels: ['toys'], rules: { 'toy/colours-differ': { severity: 'info' } } } },
};

const contents = {
  box: 'attic',
  closed: false,
  marbles: {
    red: { colour: 'red', grams: 6 },
    blue: { colour: 'blue', grams: 2 },
    green: { colour: 'blue', grams: 7 },
  },
};

let machine: Machine;
const notices: Notice[] = [];

const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

async function call(method: string, path: string, body?: unknown) {
  const found = doorsOf(registry)
    .filter((door) => door.method === method)
    .map((door) => ({ door, match: new RegExp(`^${door.path.replace(/\{(\w+)\}/g, '(?<$1>[^/]+)')}$`).exec(path) }))
    .find(({ match }) => match !== null);
  if (found?.match == null) throw new Error(`there is no door ${method} ${path}`);
  const answer = await answerOf(
    found.door,
    () => machine.app,
    {
      params: { ...found.match.groups },
      query: new URLSearchParams(),
      headers: new Headers(),
      body: ReadableStream.from([bytes(body)]),
    },
    (error) => {
      throw error;
    },
  );
  return { status: answer.status ?? 200, body: (answer.jsonBody ?? answer.body) as never };
}

beforeAll(async () => {
  machine = createMachine({
    store: createMemoryStore(),
    resolvers: ['192.0.2.53'],
    evaluations: registry,
    notifierFor: () => ({
      id: 'toys',
      send: async (notice) => {
        notices.push(notice);
        return { outcome: 'delivered', detail: 'told' };
      },
    }),
  });
});

describe('an evaluation that the test alone registers', () => {
  it('is watched by a document, which is checked to the last property', async () => {
    expect(await call('PUT', 'organizations/contoso', document)).toMatchObject({
      status: 200,
      body: { evaluations: { toy: { schedule: '0 15 6 * * *' } } },
    });
    const wrong = { ...document, evaluations: { toy: { crates: 3, rules: { 'toy/no-such': {} } } } };
    expect(await call('PUT', 'organizations/contoso', wrong)).toMatchObject({
      status: 400,
      body: expect.stringContaining('Unrecognized key: \\"crates\\"'),
    });
  });

  it('takes its own file, and names it to people who send another', async () => {
    const accepted = await call('POST', 'organizations/contoso/facts', contents);
    expect(accepted).toMatchObject({ status: 202, body: { evaluation: 'toy', subjects: ['attic'] } });
    expect(await call('POST', 'organizations/contoso/facts', { cat: 1 })).toMatchObject({
      status: 400,
      body: expect.stringContaining('nor a list of what is in a box'),
    });
    machine.slices.splice(0);
  });

  it('is run by its schedule in slices, judged and stored', async () => {
    machine.clock.advance({ minutes: 16 });
    const [started] = await machine.app.startDueRuns();
    expect(started).toMatchObject({ evaluation: 'toy', subjects: 101, slices: 2 });
    expect(await machine.work()).toEqual([]);
    const { run } = await machine.app.subject('contoso', 'toy', 'attic');
    expect(run.answers).toEqual({ 'nothing-lost': 'no' });
    expect(run.findings.map(({ target = '', verdict, message }) => `${target} ${verdict}: ${message}`)).toEqual([
      ' fail: The lid of attic is open.',
      'red pass: red weighs 6 g.',
      'blue fail: blue weighs 2 g only.',
      'green pass: green weighs 7 g.',
      'red pass: No other marble is red.',
      'blue fail: blue is blue, like green.',
      'green fail: green is blue, like blue.',
    ]);
    expect(await call('GET', `runs/${started?.runId}`)).toMatchObject({ body: { done: 101 } });
  });

  it('is told on a card and stands in the report', async () => {
    await machine.app.deliver();
    const [notice] = notices;
    expect(notice?.evaluation).toMatchObject({ id: 'toy', title: 'Boxes of marbles' });
    const card = JSON.stringify(notice && renderCard(notice));
    expect(card).toContain('2 new problems in Boxes of marbles for attic');
    expect(card).toContain('The lid of attic is open.');
    const { body } = await call('GET', 'organizations/contoso/evaluations/toy/report');
    expect(body).toContain('Contoso: Boxes of marbles');
    expect(body).toContain('blue weighs 2 g only.');
  });

  it('says what is too old, of a peer too', async () => {
    machine.clock.advance({ days: 2 });
    await machine.app.startRun('contoso', 'toy', 'request');
    expect(await machine.work()).toEqual([]);
    const { run } = await machine.app.subject('contoso', 'toy', 'attic');
    expect(run.findings.filter(({ verdict }) => verdict === 'unknown').map(({ rule }) => rule)).toEqual([
      ...Array(3).fill('toy/marble-heavy'),
      ...Array(3).fill('toy/colours-differ'),
    ]);
  });

  it('is exported, and imported as it was', async () => {
    const lines: string[] = [];
    await machine.app.exportOrganization('contoso', async (line) => void lines.push(line));
    const other = createMachine({ store: createMemoryStore(), resolvers: ['192.0.2.53'], evaluations: registry });
    async function* read() {
      for (const line of lines) yield line.trimEnd();
    }
    await other.app.importOrganization({ name: 'contoso.ndjson', lines: read }, false);
    expect(await other.app.subject('contoso', 'toy', 'attic')).toEqual(
      await machine.app.subject('contoso', 'toy', 'attic'),
    );
  });

  it('is listed in OpenAPI and in the schema of the document', async () => {
    const openApi = JSON.stringify((await call('GET', 'openapi.json')).body);
    expect(openApi).toContain('"enum":["dkim","teams-exchange-interop","smtp-source-ip","toy"]');
    expect(openApi).toContain('a box (toy)');
    expect(openApi).toContain('"const":"box"');
    const schema = z.toJSONSchema(registry.document, { io: 'input' });
    expect(JSON.stringify(schema)).toContain('"boxes"');
  });

  it('is judged ad hoc at its door', async () => {
    expect(await call('POST', 'evaluations/toy', { facts: contents })).toMatchObject({
      status: 200,
      body: [{ evaluation: 'toy', subject: 'attic', answers: { 'nothing-lost': 'no' } }],
    });
    expect(
      await call('POST', 'evaluations/toy', { subject: { kind: 'mail-domain', id: 'contoso.com' } }),
    ).toMatchObject({
      status: 400,
      body: expect.stringContaining('toy looks at subjects of kind \\"box\\"'),
    });
  });
});

describe('in a shell', () => {
  const folder = mkdtempSync(join(tmpdir(), 'toy-'));
  afterEach(() => {
    process.exitCode = 0;
    vi.restoreAllMocks();
    rmSync(folder, { recursive: true, force: true });
  });

  it('evaluate calls it', async () => {
    const file = join(folder, 'attic.json');
    writeFileSync(file, JSON.stringify(contents));
    const said: string[] = [];
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => said.push(String(text)) > 0);
    await runShell(registry, ['node', 'fieldcheck', 'evaluate', 'toy', '--facts', file]);
    expect(process.exitCode).toBe(1);
    expect(said.join('')).toContain('NO             Can nothing get lost?');
    expect(said.join('')).toContain('The lid of attic is open.');
  });
});

describe('what is assumed in a shell', () => {
  const folder = mkdtempSync(join(tmpdir(), 'toy-'));
  const file = (name: string, content: unknown) => {
    const path = join(folder, name);
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
    return path;
  };
  const facts = file('attic.json', contents);
  afterEach(() => {
    process.exitCode = 0;
    vi.restoreAllMocks();
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  async function evaluate(...options: string[]) {
    const said: string[] = [];
    const noted: string[] = [];
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => said.push(String(text)) > 0);
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => noted.push(String(text)) > 0);
    await runShell(registry, ['node', 'fieldcheck', 'evaluate', 'toy', '--now', '2026-11-24T09:30:00Z', ...options]);
    return { code: process.exitCode, said: said.join(''), noted: noted.join('') };
  }
  const saved = (subject: string, closed: boolean) => ({
    fieldcheck: 'facts/1',
    evaluation: 'toy',
    subject: { kind: 'box', id: subject, marbles: [] },
    facts: { lid: { status: 'known', value: { closed }, source: 'plan', observedAt: '2026-11-01T00:00:00Z' } },
    parts: {
      marble: {
        blue: {
          marble: {
            status: 'known',
            value: { colour: 'blue', grams: 9 },
            source: 'plan',
            observedAt: '2026-11-01T00:00:00Z',
          },
        },
      },
    },
  });

  it('outranks what is supplied, says so at every finding and in the answer, and is not saved as a fact', async () => {
    const plan = file('plan.json', [saved('attic', true), saved('cellar', true)]);
    const kept = join(folder, 'kept.json');
    const { code, said, noted } = await evaluate('--facts', facts, '--assume', plan, '--save-facts', kept);
    expect(code).toBe(0);
    expect(said).toContain('Would be yes with what is assumed; is no without.');
    expect(said).toContain('  assumed    toy/lid-closed passes\n  assumed    toy/marble-heavy [blue] passes\n');
    expect(said).toContain('blue is blue, like green. (Rests on what is assumed: marble.)');
    expect(noted).toBe('cellar was not looked at, so what is assumed of it changed nothing.\n');
    expect(readFileSync(kept, 'utf8')).not.toMatch(/assumed|plan/);

    const { said: json } = await evaluate('--facts', facts, '--assume', plan, '--json');
    const [run] = JSON.parse(json);
    expect(run.assumed).toEqual({
      'nothing-lost': { without: 'no', sentence: 'Would be yes with what is assumed; is no without.' },
    });
    expect(
      run.findings.map(({ rule, target = '', assumed }: Finding) => `${rule} ${target} ${assumed === true}`),
    ).toEqual([
      'toy/lid-closed  true',
      'toy/marble-heavy red false',
      'toy/marble-heavy blue true',
      'toy/marble-heavy green false',
      // Each is compared with the others.
      'toy/colours-differ red true',
      'toy/colours-differ blue true',
      'toy/colours-differ green true',
    ]);
    expect(run.findings[2].evidence).toEqual([]);
  });

  it('names the subjects when nothing else does', async () => {
    const { code, said } = await evaluate('--assume', file('plan.json', [saved('attic', true)]));
    expect(code).toBe(0);
    expect(said).toContain('Would be yes with what is assumed; is undetermined without.');
  });

  it.each([
    ['garbage', 'hello', 'is neither JSON nor CSV, Format-List or CLIXML'],
    [
      'facts of another evaluation',
      [{ ...saved('attic', true), evaluation: 'tin' }],
      'holds facts for tin, not for toy',
    ],
    ['a fact that is none', [{ ...saved('attic', true), facts: { lid: { status: 'known' } } }], '[0].facts.lid.value'],
  ])('refuses %s', async (_, content, sentence) => {
    const { code, said, noted } = await evaluate('--facts', facts, '--assume', file('bad.json', content));
    expect([code, said]).toEqual([3, '']);
    expect(noted).toContain('bad.json');
    expect(noted).toContain(sentence);
  });
});

describe('the product', () => {
  const root = new URL('../../', import.meta.url);
  /** Rooms in which an evaluation may be named: its own, its sources, the demo. */
  const own = /^src\/(evaluations|sources\/bindings|local\/demo|collectors)\//;
  const files = ['src', 'functions'].flatMap((folder) =>
    readdirSync(new URL(`${folder}/`, root), { recursive: true, encoding: 'utf8' }).map((name) => `${folder}/${name}`),
  );
  const named = (names: RegExp, among: readonly string[]) =>
    among
      .filter((file) => /\.(ts|mjs|json|html)$/.test(file))
      .flatMap((file) =>
        readFileSync(new URL(file, root), 'utf8')
          .split('\n')
          .flatMap((line, index) => (names.test(line) ? [`${file}:${index + 1}: ${line.trim()}`] : [])),
      );

  it('names no evaluation outside the rooms of evaluations', () => {
    const names = new RegExp(evaluations.ids.join('|'));
    expect(
      named(
        names,
        files.filter((file) => !own.test(file)),
      ),
    ).toEqual([]);
    // The search finds something where there is something to find.
    expect(named(names, files).length).toBeGreaterThan(100);
  });
});
