// `explain` and `history --at` as a shell calls them: exit codes, files, standard input, and what is kept about an organization.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { explanation } from '../../src/evaluations/dkim/explanation.ts';
import { type DnsServer, startDnsServer } from '../../src/local/dns-server.ts';
import { createTableStore } from '../../src/store/table-store.ts';
import { createClock, createMachine } from '../app/machine.ts';
import { createTenant, signingRow } from '../app/tenant.ts';
import { useAzurite } from '../azurite.ts';
import { plainMessage, rsaKey, signed } from '../sources/mail/signing.ts';
import { fieldcheck as callOf, type Ended } from './shell.ts';

vi.setConfig({ testTimeout: 60_000 });

const folder = mkdtempSync(join(tmpdir(), 'fieldcheck-explain-'));
const azurite = useAzurite();

const key = rsaKey(2048);
const tenant = createTenant([]);
const row = signingRow('contoso.com', { Selector1PublicKey: key.record });
const document = { id: 'contoso', evaluations: { dkim: { domains: ['contoso.com'] } } };
const message = signed(plainMessage({ received: 'Thu, 19 Nov 2026 09:30:00 +0000' }), { by: key });
let dns: DnsServer;

function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}
const whole = file('bounce.eml', message);
const organization = file('contoso.json', JSON.stringify(document));
const configuration = file('signing.json', JSON.stringify([row]));

beforeAll(async () => {
  tenant.publish(row, 'selector1');
  dns = await startDnsServer({ zone: tenant.zone });
  const store = createTableStore({ connectionString: azurite.connectionString });
  const clock = createClock(new Date('2026-11-17T06:00:00Z'));
  const { app, work } = createMachine({ store, resolvers: [dns.address], clock });
  await app.putOrganization('contoso', document, undefined);
  await app.acceptFacts('contoso', new TextEncoder().encode(JSON.stringify([row])), false);
  for (const day of [17, 18, 19, 20]) {
    tenant.publish(row, ...(day === 18 || day === 19 ? [] : (['selector1'] as const)));
    await app.startRun('contoso', 'dkim', 'test');
    expect(await work()).toEqual([]);
    clock.advance({ days: 1 });
  }
});
afterAll(async () => {
  await dns.close();
  rmSync(folder, { recursive: true });
});

function fieldcheck(args: readonly string[], { input = '', kept = false } = {}): Promise<Ended> {
  return callOf(args, {
    input,
    settings: kept ? { AzureWebJobsStorage: azurite.connectionString } : {},
    cwd: folder,
  });
}
const explain = (args: readonly string[], options?: Parameters<typeof fieldcheck>[1]) =>
  fieldcheck(['explain', ...args, '--resolver', dns.address, '--now', '2026-11-20T12:00:00Z'], options);

describe('explain', () => {
  test('a file, by DNS alone: 0, and nothing but the explanation', async () => {
    const { code, stdout, stderr } = await explain([whole]);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^YES {12}Would receivers verify this message now\?\n/);
    expect(stdout).toContain(
      'd=contoso.com s=selector1 a=rsa-sha256\n    key answers; header verifies; body verifies\n',
    );
    expect(stdout).not.toMatch(/garden|ben@|adele@/);
  });

  test('with what the storage keeps of the organization: from when until when the key was missing', async () => {
    const { code, stdout } = await explain([whole, '--organization', organization], { kept: true });
    expect(code).toBe(0);
    expect(stdout).toContain(
      'selector1 of contoso.com was missing at Microsoft from 18 November 06:00 to 20 November 06:00 UTC.',
    );
    expect(stdout).toContain('Owner: Microsoft\nStep:  Send the message again.\n');
  });

  test('with a configuration from a file, and without a storage', async () => {
    const { code, stdout } = await explain([whole, '--organization', organization, '--facts', configuration]);
    expect(code).toBe(0);
    expect(stdout).toContain('key answers, the configured key');
    expect(stdout).toContain('Nothing is known of contoso.com: no run has looked at it.');
  });

  test('what is piped in; a no is 1, and --json is the contract’s', async () => {
    const changed = message.replace('as  agreed', 'as  agreed (EXTERNAL)');
    const { code, stdout } = await explain(['-', '--json'], { input: changed });
    expect(code).toBe(1);
    expect(explanation.strict().parse(JSON.parse(stdout))).toMatchObject({
      at: '2026-11-20T12:00:00.000Z',
      in: 'message',
      answer: 'no',
      owner: 'network',
      signatures: [{ header: 'verifies', body: 'differs' }],
    });
  });

  test('what nobody can tell is 2', async () => {
    const header = message.slice(0, message.indexOf('\r\n\r\n'));
    const { code, stdout } = await explain(['-'], { input: header.replace('The  offer', '[EXTERNAL] The offer') });
    expect(code).toBe(2);
    expect(stdout).toContain('saved as .eml');
  });

  test.each([
    ['what is no message', ['-'], 'Why does our mail come back?', 'what was typed: is no message'],
    ['nothing', ['-'], '', 'what was typed: is empty'],
    [
      'what is too long',
      ['-'],
      'x'.repeat(32_000_001),
      'what was typed is longer than 32 MB; hand in its header alone',
    ],
    ['a file that is not there', ['none.eml'], '', 'Cannot read none.eml'],
    ['a folder', ['.'], '', 'Cannot read .'],
    ['a document that is none', ['-', '--organization', whole], message, 'is no JSON'],
    ['facts that are none', ['-', '--facts', whole], message, 'bounce.eml'],
  ])('%s is 3, one sentence on stderr, nothing on stdout', async (_, args, input, sentence) => {
    const { code, stdout, stderr } = await explain(args, { input });
    expect([code, stdout]).toEqual([3, '']);
    expect(stderr).toContain(`fieldcheck: `);
    expect(stderr).toContain(sentence);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });
});

describe('history --at', () => {
  const history = (at: string, ...more: string[]) =>
    fieldcheck(['history', 'contoso', 'dkim', 'contoso.com', '--at', at, ...more], { kept: true });

  test('says what was known, and from when until when', async () => {
    const { code, stdout } = await history('2026-11-19T09:30:00Z');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^contoso\.com at 2026-11-19T09:30:00\.000Z: verifiable-now: no, /);
    expect(stdout).toMatch(
      /dkim\/active-key-published \[selector1\] fail from 18 November( 2026)? 06:00 to 20 November( 2026)? 06:00 UTC\n {8}The active selector selector1/,
    );
    // What another finding blocks is not told.
    expect(stdout).not.toContain('active-key-single');
  });

  test('the same as JSON', async () => {
    const past = JSON.parse((await history('2026-11-19T09:30:00Z', '--json')).stdout);
    expect(past).toMatchObject({ subject: 'contoso.com', first: '2026-11-17T06:00:00.000Z', state: { runs: 2 } });
    expect(past.episodes).toContainEqual(
      expect.objectContaining({ from: '2026-11-18T06:00:00.000Z', until: '2026-11-20T06:00:00.000Z' }),
    );
  });

  test('says since when anything is known; a time that is none is a bad call', async () => {
    expect(await history('2026-11-01')).toEqual({
      code: 2,
      stdout:
        'Nothing was known of contoso.com at 2026-11-01 00:00 UTC: it was first looked at 2026-11-17 06:00 UTC.\n',
      stderr: '',
    });
    const bad = await history('yesterday');
    expect([bad.code, bad.stdout]).toEqual([3, '']);
    expect(bad.stderr).toContain('Write a time as 2026-11-24T09:30:00Z.');
  });
});
