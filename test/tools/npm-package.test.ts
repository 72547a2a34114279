// The package as somebody installs it: packed, put into an empty folder, called.
import { execFile, execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { XMLParser } from 'fast-xml-parser';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type DnsServer, startDnsServer } from '../../src/local/dns-server.ts';
import { createTenant, signingRow } from '../app/tenant.ts';
import { header, sessionRows } from '../sources/smtp-log/receive-log.ts';
import { builtPackage } from './built-package.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'fieldcheck-npm-'));
const home = join(folder, 'home');
const installed = join(home, 'node_modules/fieldcheck');
const own = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const tenant = createTenant(['contoso.com'], []);
const { files, folder: outdir } = await builtPackage();
const paths = files.map(({ path }) => path);
let dns: DnsServer;

beforeAll(async () => {
  mkdirSync(home);
  writeFileSync(join(home, 'package.json'), '{"private":true}');
  // Packed as `npm pack` does, and not linked. Offline: it needs nothing besides itself.
  const options = ['--install-links', '--offline', '--no-audit', '--no-fund', '--loglevel=error'];
  execFileSync('npm', ['install', ...options, outdir], { cwd: home, stdio: 'pipe' });
  dns = await startDnsServer({ zone: tenant.zone });
});
afterAll(async () => {
  await dns.close();
  rmSync(folder, { recursive: true, force: true });
});

async function fieldcheck(...args: string[]) {
  const env = { PATH: process.env.PATH };
  const call = promisify(execFile)(process.execPath, [join(installed, 'dist/cli.js'), ...args], { env, cwd: home });
  return call.then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code, stdout, stderr }: { code: number; stdout: string; stderr: string }) => ({ code, stdout, stderr }),
  );
}

const evaluate = (...args: string[]) => {
  const config = join(home, 'signing.json');
  writeFileSync(config, JSON.stringify([signingRow('contoso.com')]));
  const asked = ['--signing-config', config, '--resolver', dns.address, '--now', '2026-11-24T09:30:00Z'];
  return fieldcheck('evaluate', 'dkim', 'contoso.com', ...asked, ...args);
};

test('brings what it needs and nothing of what it was made with', () => {
  expect(readdirSync(join(home, 'node_modules')).filter((name) => !name.startsWith('.'))).toEqual(['fieldcheck']);
  const manifest = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
  expect(manifest).toMatchObject({
    name: 'fieldcheck',
    version: own.version,
    license: 'MIT',
    engines: own.engines,
    bin: { fieldcheck: 'dist/cli.js' },
    peerDependenciesMeta: { azurite: { optional: true } },
  });
  expect(manifest.dependencies).toBeUndefined();
  expect(manifest.devDependencies).toBeUndefined();
  expect(paths.filter((path) => /\.(?:ts|map)$/.test(path))).toEqual([]);
  // The thread in which the served app reads large files stands beside its bundle.
  expect(paths).toEqual(expect.arrayContaining(['app/dist/functions.js', 'app/dist/reading-thread.js']));
  expect(paths).toEqual(expect.arrayContaining(['LICENSE', 'README.md', 'CHANGELOG.md', 'THIRD-PARTY-LICENSES.txt']));
});

test('says its version, lists its commands, explains a rule', async () => {
  expect(await fieldcheck('--version')).toEqual({ code: 0, stdout: `${own.version}\n`, stderr: '' });
  const { stdout } = await fieldcheck('--help');
  for (const command of ['evaluate', 'serve', 'demo', 'history']) expect(stdout).toContain(`\n  ${command} `);
  expect((await fieldcheck('evaluate', 'dkim', '--explain', 'active-key-published')).stdout).toMatch(
    /^# dkim\/active-key-published\n/,
  );
});

test('evaluates, as JSON and as JUnit for a pipeline', async () => {
  const { code, stdout, stderr } = await evaluate('--json');
  expect([code, stderr]).toEqual([0, '']);
  expect(JSON.parse(stdout)[0]).toMatchObject({ subject: 'contoso.com', answers: { 'verifiable-now': 'yes' } });
  const junit = await evaluate('--format', 'junit');
  const { testsuites } = new XMLParser({ ignoreAttributes: false }).parse(junit.stdout);
  expect(Number(testsuites['@_tests'])).toBeGreaterThan(10);
  expect(testsuites['@_failures']).toBe('0');
});

test('counts a receive log that is large enough for the worker that it brings along', async () => {
  const log = join(home, 'RECV20261124-1.LOG');
  const at = new Date('2026-11-24T08:00:00Z');
  const part = Array.from({ length: 1000 }, (_, index) => sessionRows(index, at, '203.0.113.7').join('\r\n')).join(
    '\r\n',
  );
  const parts = Math.ceil((33 << 20) / part.length);
  writeFileSync(log, header);
  for (let written = 0; written < parts; written++) appendFileSync(log, `${part}\r\n`);
  const service = join(home, 'service.json');
  writeFileSync(
    service,
    JSON.stringify({
      id: 'smtp-in',
      mode: 'dsr',
      vips: ['192.0.2.25:25'],
      loadBalancerAddresses: ['192.0.2.5'],
      nodes: [{ name: 'EX1', address: '192.0.2.11' }],
    }),
  );
  const counted = await fieldcheck('smtp-logs', log, '--service', service, '--now', '2026-11-24T10:00:00Z', '--json');
  expect(counted.stderr).toBe('');
  expect(JSON.parse(counted.stdout)).toMatchObject({ log: { rows: parts * 16_000 } });
});

test('serve and demo say what they need when the embedded storage is not installed', async () => {
  for (const command of ['serve', 'demo']) {
    const { code, stderr } = await fieldcheck(command, '--port', '0');
    expect(code).toBe(3);
    expect(stderr).toContain(
      'The embedded storage is the package azurite, which is not installed: "npm install azurite"',
    );
  }
});
