import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ex1File, ex2File, smtpService } from '../../src/local/demo/smtp-nodes.ts';
import { fieldcheck as callOf } from './shell.ts';

const now = '2026-11-24T09:30:00.000Z';
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fieldcheck-runbook-'));
  const files = {
    'service.json': smtpService,
    'snat.json': { ...smtpService, mode: 'snat-accepted' },
    'ex1.json': ex1File(new Date(now)),
    'ex2.json': ex2File(false, new Date(now)),
    'planned.json': ex2File(true, new Date(now)),
  };
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), JSON.stringify(content));
  await writeFile(
    join(folder, 'haproxy.cfg'),
    'listen smtp\n  bind 192.0.2.25:25\n  source 192.0.2.5\n  server ex1 192.0.2.11:25\n  server ex2 192.0.2.12:25\n',
  );
});
afterAll(() => rm(folder, { recursive: true }));

/** Names of files are those above. */
const fieldcheck = (...args: readonly string[]) => callOf(args, { cwd: folder });

const runbook = ['runbook', 'smtp-source-ip', '--now', now];
const service = ['--service', 'service.json', '--facts', 'ex1.json', '--facts', 'ex2.json'];

test('runbook prints what the half configured node of the demo misses; as JSON with the same exit code', async () => {
  const text = await fieldcheck(...runbook, ...service);
  expect(text.code).toBe(1);
  expect(text.stdout).toMatch(/^# Direct Server Return for smtp-in\n\nAs of 2026-11-24T09:30:00\.000Z\. Nothing here/);
  expect(text.stdout).toMatch(/## 1\. EX1\n\nNo step is missing\.\n\n## 2\. EX2\n\n### 2\.1 /);
  const json = await fieldcheck(...runbook, ...service, '--json');
  expect(json.code).toBe(1);
  expect(JSON.parse(json.stdout)).toMatchObject({ subject: 'smtp-in', answer: 'no', nodes: [{ name: 'EX1' }, {}] });
});

test('runbook judges what is planned first, and its answer is the exit code', async () => {
  const { code, stdout } = await fieldcheck(...runbook, ...service, '--assume', 'planned.json');
  expect(code).toBe(0);
  expect(stdout).toContain('As planned, with what is assumed: dsr-ready: yes.\n');
  expect(stdout).toContain('dsr-ready: no.');
  expect(stdout).toContain('### 2.1 ');
});

test('runbook says what the load balancer whose configuration is given can and cannot', async () => {
  const { stdout, stderr } = await fieldcheck(...runbook, ...service, '--facts', 'haproxy.cfg');
  expect(stderr).toContain('haproxy.cfg: HAProxy; virtual services read: 1;');
  expect(stdout).toContain(
    '### 3.1 Let listen smtp connect with the address of the client\n\nBefore: source 192.0.2.5',
  );
  expect(stdout).toContain('HAProxy is a proxy and cannot do Direct Server Return.');
});

test.each([
  [['runbook', 'dkim', ...service], 'runbook: there is none for dkim; write: runbook smtp-source-ip.'],
  [[...runbook, '--service', 'snat.json'], 'declare mode "dsr" to plan that'],
  [[...runbook], 'There is nothing to look at'],
])('runbook refuses a call with a sentence: %j', async (args, sentence) => {
  const { code, stderr } = await fieldcheck(...args);
  expect([code, stderr]).toEqual([3, expect.stringContaining(sentence)]);
});

test('reports of one file hold the runbook, closed', async () => {
  const { stdout } = await fieldcheck('evaluate', 'smtp-source-ip', '--now', now, ...service, '--format', 'md');
  expect(stdout).toContain('<summary>Runbook: Direct Server Return for smtp-in</summary>');
  expect(stdout).toContain(
    "```powershell\nSet-NetIPInterface -InterfaceAlias 'LAN' -AddressFamily IPv4 -WeakHostReceive Enabled\n```",
  );
});
