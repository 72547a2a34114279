// What `evaluate` prints and writes in each format, what makes a pipeline fail, and what a person sees meanwhile.
import { spawn, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'csv-parse/sync';
import { XMLParser } from 'fast-xml-parser';
import { afterAll, beforeAll, describe, expect, type TestContext, test, vi } from 'vitest';
import { type DnsServer, startDnsServer } from '../../src/local/dns-server.ts';
import { createTenant, signingRow } from '../app/tenant.ts';
import { fieldcheck as callOf } from './shell.ts';

vi.setConfig({ testTimeout: 60_000 });

const root = fileURLToPath(new URL('../..', import.meta.url));
const cli = join(root, 'src/local/cli.ts');
const folder = mkdtempSync(join(tmpdir(), 'fieldcheck-reports-'));
const tenant = createTenant(['contoso.com', 'mail.contoso.com'], ['shop.contoso.com']);
tenant.publish(signingRow('one.fabrikam.com'), 'selector1');
const config = join(folder, 'dkim.json');
const organization = join(folder, 'contoso.json');

/** Two, as anybody has: what one does not know is asked of the other at once, and not of the same one after a pause. */
let dns: readonly DnsServer[];

beforeAll(async () => {
  writeFileSync(config, JSON.stringify(tenant.rows));
  writeFileSync(organization, JSON.stringify({ id: 'contoso', name: 'Contoso', evaluations: { dkim: {} } }));
  dns = await Promise.all([tenant.zone, tenant.zone].map((zone) => startDnsServer({ zone })));
});
afterAll(async () => {
  await Promise.all(dns.map(({ close }) => close()));
  rmSync(folder, { recursive: true });
});

const fieldcheck = (...args: string[]) => callOf(args, { cwd: folder });

const dkim = (...args: string[]) => {
  const resolvers = dns.flatMap(({ address }) => ['--resolver', address]);
  return fieldcheck('evaluate', 'dkim', ...resolvers, '--now', '2026-11-24T09:30:00Z', ...args);
};
const all = () => ['--signing-config', config, '--organization', organization];

describe('--format and --out', () => {
  const sentence = 'The active selector selector1 of shop.contoso.com has no key';

  test('junit: a test that fails, in a file that names its format', async () => {
    const { code, stdout } = await dkim(...all(), '--out', 'out/dkim.xml');
    expect([code, stdout]).toEqual([1, '3 looked at, written to out/dkim.xml\n']);
    const parser = new XMLParser({ ignoreAttributes: false, attributeNamePrefix: '' });
    const { testsuites } = parser.parse(readFileSync(join(folder, 'out/dkim.xml'), 'utf8'));
    expect(testsuites.name).toBe('Contoso: DKIM');
    const shop = testsuites.testsuite.find(({ name }: { name: string }) => name === 'dkim: shop.contoso.com');
    const failed = shop.testcase.filter((one: object) => 'failure' in one);
    expect(failed.map(({ name }: { name: string }) => name)).toContain('dkim/active-key-published selector1');
    expect(failed.some(({ failure }: { failure: { message: string } }) => failure.message.startsWith(sentence))).toBe(
      true,
    );
  });

  test('csv, md, html and json say the same on stdout', async () => {
    const printed = async (format: string) => {
      const { code, stdout, stderr } = await dkim(...all(), '--format', format);
      expect([code, stderr]).toEqual([1, '']);
      return stdout;
    };
    const rows = parse(await printed('csv'), { columns: true }) as Record<string, string>[];
    const failed = rows.find(({ Rule, Verdict }) => Rule === 'dkim/active-key-published' && Verdict === 'fail');
    expect(failed).toMatchObject({ Subject: 'shop.contoso.com', Target: 'selector1', Owner: 'microsoft' });
    expect(failed?.Message).toContain(sentence);
    expect(await printed('md')).toMatch(/^# Contoso: DKIM\n/);
    expect(await printed('html')).toMatch(/^<!doctype html>[\s\S]*The active selector selector1 of shop\.contoso\.com/);
    const subjects = (JSON.parse(await printed('json')) as { subject: string }[]).map(({ subject }) => subject);
    expect(subjects).toEqual(['contoso.com', 'mail.contoso.com', 'shop.contoso.com']);
  });

  test('two formats, an unknown one and a file that cannot be written are bad calls', async () => {
    const two = await dkim(...all(), '--json', '--format', 'csv');
    expect(two).toEqual({
      code: 3,
      stdout: '',
      stderr: 'fieldcheck: --json and --format csv are two formats; give one.\n',
    });
    const unknown = await dkim(...all(), '--format', 'pdf');
    expect([unknown.code, unknown.stdout]).toEqual([3, '']);
    expect(unknown.stderr).toContain('Allowed choices are text, md, csv, json, junit, html, xlsx.');
    const file = await dkim(...all(), '--out', join(config, 'report.md'));
    expect([file.code, file.stdout]).toEqual([3, '']);
    expect(file.stderr).toMatch(/^fieldcheck: Cannot write .*report\.md: /);
    expect(existsSync(join(folder, 'report.md'))).toBe(false);
  });
});

test('--fail-on says from what on a pipeline fails', async () => {
  const codes = (...args: string[]) =>
    Promise.all(['no', 'undetermined', 'advice'].map(async (on) => (await dkim(...args, '--fail-on', on)).code));
  expect(await codes('shop.contoso.com', '--signing-config', config)).toEqual([1, 1, 1]);
  expect(await codes('one.fabrikam.com')).toEqual([0, 2, 2]);
  // Two years on all is well but for the age of the keys, which is advice.
  const later = ['contoso.com', '--signing-config', config, '--now', '2028-11-24T09:30:00Z'];
  const { stdout } = await dkim(...later, '--format', 'csv');
  expect(stdout).toMatch(/rotation-on-schedule,\w*,fail,low/);
  expect(await codes(...later)).toEqual([0, 0, 1]);
});

test('--version is that of the package', async () => {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  expect(await fieldcheck('--version')).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
});

test('help tells no empty default', async () => {
  for (const command of ['evaluate', 'explain', 'smtp-logs']) {
    const { code, stdout } = await fieldcheck(command, '--help');
    expect(code).toBe(0);
    expect(stdout).not.toMatch(/\(default: (\[\]|\{\})\)/);
  }
  expect((await fieldcheck('evaluate', '--help')).stdout).toMatch(/default:\s+"undetermined"/);
});

/** A name server that says nothing to any question, until it is told to: then it says that it cannot answer. */
async function startMuteServer() {
  const socket = createSocket('udp4');
  const waiting: (() => void)[] = [];
  let isMute = true;
  socket.on('message', (question, { port, address }) => {
    const servfail = Buffer.from(question);
    servfail[2] = (question[2] ?? 0) | 0x80;
    servfail[3] = 2;
    const answer = () => socket.send(servfail, port, address);
    if (isMute) waiting.push(answer);
    else answer();
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${socket.address().port}`,
    speak() {
      isMute = false;
      for (const answer of waiting.splice(0)) answer();
    },
    close: () => void socket.close(),
  };
}

describe.concurrent('while a name server is mute', () => {
  const ask = async ({ onTestFinished }: TestContext) => {
    const { address, speak, close } = await startMuteServer();
    onTestFinished(close);
    return { words: ['evaluate', 'dkim', 'contoso.com', '--resolver', address], speak };
  };

  test('a log gets a line that says how far it is, and stdout nothing but the answer', async (context) => {
    const { words, speak } = await ask(context);
    const { code, stdout, stderr } = await callOf([...words, '--json'], { progress: speak });
    expect([code, JSON.parse(stdout)[0].answers['verifiable-now']]).toEqual([2, 'undetermined']);
    expect(stderr).toMatch(/^0 of 1 looked at, [3-9] s\n/);
  });

  const hasScript = spawnSync('script', ['--version']).status === 0;
  test.runIf(hasScript)(
    'a terminal gets a line from the first second on, which is gone before the answer',
    async (context) => {
      const { words, speak } = await ask(context);
      const command = [process.execPath, cli, ...words].map((word) => `'${word}'`).join(' ');
      const terminal = spawn('script', ['-qec', command, '/dev/null'], { cwd: folder });
      const line = /\r0 of 1 looked at, [1-9] s.\[K/;
      let shown = '';
      terminal.stdout.setEncoding('utf8').on('data', (text: string) => {
        shown += text;
        if (line.test(shown)) speak();
      });
      await once(terminal, 'close');
      expect(shown).toMatch(line);
      const [, end] = shown.slice(shown.lastIndexOf('looked at, ')).split(' s\u001b[K');
      expect(end).toMatch(/^\r/);
      expect(end?.slice(1)).toMatch(/^.\[K(?:.\[1m)?contoso\.com/);
    },
  );
  test.skipIf(hasScript)('there is no `script` on this machine: the line on a terminal was not looked at', () => {});
});
