// `fieldcheck serve` as a process, of the package that is installed for it: it is killed while it works, started again, backed up and restored elsewhere.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createZone, type DnsServer, startDnsServer } from '../../src/local/dns-server.ts';
import { startTeamsSink, type TeamsSink } from '../../src/local/teams-sink.ts';
import { signingRow } from '../app/tenant.ts';
import { builtPackage } from '../tools/built-package.ts';

vi.setConfig({ testTimeout: 180_000 });

/** How often it is killed. */
const kills = Number(process.env.FIELDCHECK_TEST_KILLS ?? 3);

const cli = join((await builtPackage()).folder, 'dist/cli.js');
const folder = mkdtempSync(join(tmpdir(), 'fieldcheck-serve-'));
const domains = Array.from({ length: 30 }, (_, index) => `d${index}.contoso.com`);
const running = new Set<ChildProcess>();
let dns: DnsServer;
let sink: TeamsSink;

beforeAll(async () => {
  // Nothing that is configured is in DNS: each domain has something to tell.
  [dns, sink] = await Promise.all([startDnsServer({ zone: createZone() }), startTeamsSink()]);
});
afterAll(async () => {
  for (const child of running) child.kill('SIGKILL');
  await Promise.all([dns.close(), sink.close()]);
  rmSync(folder, { recursive: true, force: true });
});

interface Serving {
  readonly process: ChildProcess;
  readonly url: string;
  readonly said: () => string;
  readonly ended: Promise<number | null>;
}

const settings = () => ({
  PATH: process.env.PATH,
  FIELDCHECK_RESOLVERS: dns.address,
  FIELDCHECK_LOCAL_CHANNELS: 'true',
  CHANNEL_MAIL: sink.url,
  FIELDCHECK_DELIVERY_SCHEDULE: '*/2 * * * * *',
});

function spawned(data: string, ...args: string[]) {
  const child = spawn(process.execPath, [cli, 'serve', '--data', data, '--port', '0', ...args], {
    env: settings(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const ended = new Promise<number | null>((resolve) =>
    child.once('exit', (code) => {
      running.delete(child);
      resolve(code);
    }),
  );
  return { process: child, said: () => said, ended };
}

async function serving(data: string, ...args: string[]): Promise<Serving> {
  const child = spawned(data, ...args);
  const url = await vi.waitFor(
    () => /fieldcheck serves (http:\S+)\/api\/health/.exec(child.said())?.[1] ?? expect.fail(child.said()),
    {
      timeout: 60_000,
      interval: 50,
    },
  );
  return { ...child, url };
}

const shell = (data: string, ...args: string[]) =>
  execFileSync(process.execPath, [cli, ...args], {
    env: { PATH: process.env.PATH, FIELDCHECK_DATA: data },
    encoding: 'utf8',
  });

const toldOf = (text: string) => domains.filter((domain) => text.includes(domain));

/** The folder to which all is restored, served on an address that others reach; the tests below go on with it. */
const kept = join(folder, 'kept');
let open: Serving;
const organizationThere = () => `${open.url.replace('0.0.0.0', '127.0.0.1')}/api/organizations/contoso`;
let authorization: string;

test('killed again and again while it works, and restored elsewhere, it has all that it told', async () => {
  const data = join(folder, 'data');
  const document = {
    id: 'contoso',
    channels: { mail: { kind: 'teams-workflow', url: 'secret:CHANNEL_MAIL' } },
    evaluations: { dkim: { domains, channels: ['mail'] } },
  };
  let current = await serving(data);
  const put = await fetch(`${current.url}/api/organizations/contoso`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json', 'if-none-match': '*' },
    body: JSON.stringify(document),
  });
  expect(put.status, await put.text()).toBe(200);
  const facts = await fetch(`${current.url}/api/organizations/contoso/facts`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(domains.map((domain) => signingRow(domain))),
  });
  expect(facts.status, await facts.text()).toBe(202);
  for (let kill = 0; kill < kills; kill++) {
    const run = await fetch(`${current.url}/api/organizations/contoso/evaluations/dkim/runs`, { method: 'POST' });
    expect([202, 409]).toContain(run.status);
    await sleep(100 + 150 * (kill % 5));
    current.process.kill('SIGKILL');
    expect(await current.ended).toBeNull();
    current = await serving(data);
  }
  await fetch(`${current.url}/api/organizations/contoso/evaluations/dkim/runs`, { method: 'POST' });
  await vi.waitFor(() => expect(sink.cards.length).toBeGreaterThan(0), { timeout: 60_000, interval: 200 });

  const backup = join(folder, 'backup');
  shell(data, 'export', '--all', '--out', backup);
  const stopped = current.ended;
  current.process.kill('SIGTERM');
  expect(await stopped).toBe(0);
  expect(current.said()).toContain('Stopping: what is in flight ends first.');

  open = await serving(kept, '--address', '0.0.0.0');
  shell(kept, 'import', backup);
  const [key = ''] = shell(kept, 'keys', 'add', 'contoso', 'desk', '--role', 'reader').split('\n');
  authorization = `Bearer ${key}`;
  const told = toldOf(sink.cards.map(({ payload }) => JSON.stringify(payload)).join());
  expect(told.length).toBeGreaterThan(0);
  for (const domain of told) {
    const address = `${organizationThere()}/evaluations/dkim/subjects/${domain}`;
    const answer = await fetch(address, { headers: { authorization } });
    const { run } = (await answer.json()) as { run: { answers: Record<string, string> } };
    expect([domain, run.answers['verifiable-now']]).toEqual([domain, 'no']);
  }
});

test('on an address that others reach nobody has a right without a key, and a folder serves one at a time', async () => {
  expect((await fetch(organizationThere())).status).toBe(401);
  const known = await fetch(organizationThere(), { headers: { authorization } });
  expect([known.status, await known.json()]).toMatchObject([200, { id: 'contoso' }]);

  const second = spawned(kept);
  expect(await second.ended).toBe(3);
  expect(second.said()).toMatch(/storage is in use by process \d+/);

  open.process.kill('SIGTERM');
  expect(await open.ended).toBe(0);
  expect(existsSync(join(kept, 'settings.json'))).toBe(false);
  expect(JSON.parse(readFileSync(join(kept, 'layout.json'), 'utf8'))).toEqual({ layout: 1 });
});

test('a folder of a later release is left alone, with what to do', async () => {
  writeFileSync(join(kept, 'layout.json'), '{"layout":2}');
  const child = spawned(kept);
  expect(await child.ended).toBe(3);
  expect(child.said()).toContain(
    `${kept} was written by a later release (layout 2, this one knows 1). Use that release, or export there and import here.`,
  );
});
