// The steps of the GitHub action, run as a runner runs them: its inputs as variables, its files as GitHub names them.
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { XMLParser } from 'fast-xml-parser';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { parse } from 'yaml';
import { type DnsServer, startDnsServer } from '../../src/local/dns-server.ts';
import { createTenant, signingRow } from '../app/tenant.ts';

vi.setConfig({ testTimeout: 60_000 });

interface Action {
  readonly inputs: Readonly<Record<string, { readonly default?: string; readonly required?: boolean }>>;
  readonly runs: {
    readonly using: string;
    readonly steps: readonly {
      readonly id?: string;
      readonly run?: string;
      readonly shell?: string;
      readonly env?: Readonly<Record<string, string>>;
    }[];
  };
}

const root = fileURLToPath(new URL('../..', import.meta.url));
const action = parse(readFileSync(join(root, 'action.yml'), 'utf8')) as Action;
const folder = mkdtempSync(join(tmpdir(), 'fieldcheck-action-'));
const tenant = createTenant(['contoso.com'], ['lost.contoso.com']);
const config = join(folder, 'signing.json');
let dns: DnsServer;

beforeAll(async () => {
  writeFileSync(config, JSON.stringify(['contoso.com', 'lost.contoso.com'].map((domain) => signingRow(domain))));
  dns = await startDnsServer({ zone: tenant.zone });
});
afterAll(async () => {
  await dns.close();
  rmSync(folder, { recursive: true, force: true });
});

let steps = 0;

/** Runs the action's own step. */
async function act(inputs: Readonly<Record<string, string>>) {
  const given = (name: string) => inputs[name] ?? action.inputs[name]?.default ?? '';
  const step = action.runs.steps.find(({ run }) => run !== undefined);
  const files = { output: join(folder, `output-${++steps}`), summary: join(folder, `summary-${steps}`) };
  const variables = Object.entries(step?.env ?? {}).map(([name, value]) => [
    name,
    value.replace(/\$\{\{ inputs\.([\w-]+) \}\}/g, (_, input: string) => given(input)),
  ]);
  const env = {
    PATH: process.env.PATH,
    HOME: folder,
    TMPDIR: folder,
    GITHUB_ACTION_PATH: root,
    GITHUB_OUTPUT: files.output,
    GITHUB_STEP_SUMMARY: files.summary,
    ...Object.fromEntries(variables),
  };
  // As the runner calls `shell: bash`.
  const flags = ['--noprofile', '--norc', '-eo', 'pipefail', '-c', step?.run ?? ''];
  const { code, said } = await new Promise<{ code: number; said: string }>((resolve) => {
    const child = execFile('bash', flags, { env, cwd: folder }, (_, stdout, stderr) =>
      resolve({ code: child.exitCode ?? -1, said: stdout + stderr }),
    );
  });
  const read = (path: string) => (existsSync(path) ? readFileSync(path, 'utf8') : '');
  return { code, said, output: read(files.output), summary: read(files.summary) };
}

const asked = () => `--signing-config ${config}\n  --resolver ${dns.address}`;

test('a domain that verifies passes: a report, a summary, 0', async () => {
  const { code, output, summary } = await act({ evaluation: 'dkim', arguments: `contoso.com ${asked()}` });
  expect([code, output]).toEqual([0, 'exit-code=0\n']);
  const { testsuites } = new XMLParser({ ignoreAttributes: false }).parse(
    readFileSync(join(folder, 'fieldcheck-junit.xml'), 'utf8'),
  );
  expect(testsuites['@_failures']).toBe('0');
  expect(summary).toMatch(/^# /);
  expect(summary).toContain('contoso.com');
});

test('one that does not fails the step with 1, and the summary says why', async () => {
  const { code, output, summary } = await act({
    evaluation: 'dkim',
    arguments: `lost.contoso.com ${asked()}`,
    report: 'lost.xml',
  });
  expect([code, output]).toEqual([1, 'exit-code=1\n']);
  expect(summary).toContain('lost.contoso.com');
  expect(readFileSync(join(folder, 'lost.xml'), 'utf8')).toContain('<failure');
});

test('a bad call is 3; what stands in an input is never run', async () => {
  const bait = join(folder, 'run-by-mistake');
  const { code, said, summary } = await act({ evaluation: 'dkim', arguments: `$(touch ${bait}) ; touch ${bait}` });
  expect(code).toBe(3);
  expect(said).toContain('fieldcheck: ');
  expect(summary).toBe('');
  expect(existsSync(bait)).toBe(false);
});

test('every input is described, and the step asks for no other', () => {
  const step = action.runs.steps.find(({ run }) => run !== undefined);
  const used = Object.values(step?.env ?? {}).map((value) => /inputs\.([\w-]+)/.exec(value)?.[1]);
  expect(used.sort()).toEqual(Object.keys(action.inputs).sort());
  expect(step?.run).not.toContain('${{');
});
