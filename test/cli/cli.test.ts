import { mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { z } from 'zod';
import { run as runSchema } from '../../src/domain/finding.ts';
import { dkim as dkimEvaluation } from '../../src/evaluations/dkim/index.ts';
import { type DnsServer, startDnsServer } from '../../src/local/dns-server.ts';
import { startTeamsSink, type TeamsSink } from '../../src/local/teams-sink.ts';
import { createTableStore } from '../../src/store/table-store.ts';
import { createMachine } from '../app/machine.ts';
import { acceptedRow, createTenant, signingRow } from '../app/tenant.ts';
import { useAzurite } from '../azurite.ts';
import { dkimKey, txtData } from '../dns-server/dkim-zone.ts';
import { fieldcheck as callOf, type Ended } from './shell.ts';

// Each call is a process of its own, and some tests make many.
vi.setConfig({ testTimeout: 60_000 });

const folder = mkdtempSync(join(tmpdir(), 'fieldcheck-cli-'));
const now = '2026-11-24T09:30:00Z';

const tenant = createTenant(['contoso.com', 'mail.contoso.com'], ['shop.contoso.com']);
// Rotates two days after `now`: selector2 signs now, selector1 then.
const rotating = signingRow('news.contoso.com', { RotateOnDate: '2026-11-26T08:00:00Z' });
tenant.publish(rotating, 'selector1', 'selector2');
const exportRows = [...tenant.rows, rotating];
// Without a configuration: both selectors answer, one of two, none.
tenant.publish(signingRow('both.fabrikam.com'), 'selector1', 'selector2');
tenant.publish(signingRow('one.fabrikam.com'), 'selector1');
tenant.publish(signingRow('none.fabrikam.com'));

let dns: DnsServer;
let second: DnsServer;

beforeAll(async () => {
  [dns, second] = await Promise.all([startDnsServer({ zone: tenant.zone }), startDnsServer({ zone: tenant.zone })]);
});
afterAll(async () => {
  await Promise.all([dns.close(), second.close()]);
  rmSync(folder, { recursive: true });
});

/** In the folder of this file, with nothing in its environment but what is given. */
function fieldcheck(args: readonly string[], settings: Record<string, string> = {}): Promise<Ended> {
  return callOf(args, { settings, cwd: folder });
}

/** `evaluate dkim …` against both embedded resolvers, as of `now`. */
function dkim(args: readonly string[], environment?: Record<string, string>): Promise<Ended> {
  const resolvers = ['--resolver', dns.address, '--resolver', second.address];
  return fieldcheck(['evaluate', 'dkim', ...resolvers, '--now', now, ...args], environment);
}

function runsOf({ stdout }: Ended) {
  return z.array(runSchema.strict()).parse(JSON.parse(stdout));
}

function answersOf(ended: Ended): Record<string, string | undefined> {
  return Object.fromEntries(runsOf(ended).map(({ subject, answers }) => [subject, answers['verifiable-now']]));
}

let files = 0;
function file(content: unknown, name = 'file.json'): string {
  files += 1;
  const path = join(folder, `${files}-${name}`);
  const raw = typeof content === 'string' || content instanceof Uint8Array;
  writeFileSync(path, raw ? content : JSON.stringify(content));
  const written = new Date('2026-11-24T09:00:00Z');
  utimesSync(path, written, written);
  return path;
}

/** A call that cannot be carried out: 3, the sentence on stderr, nothing on stdout. */
function expectBadCall({ code, stdout, stderr }: Ended, sentence: string | RegExp): void {
  expect([code, stdout]).toEqual([3, '']);
  expect(stderr).toMatch(sentence);
  expect(stderr).toMatch(/^fieldcheck: /);
  expect(stderr).not.toMatch(/^ {4}at /m);
}

describe('the exit code', () => {
  test('is 0 when every answer is yes', async () => {
    const ended = await dkim(['--signing-config', file(tenant.rows.slice(0, 2))]);
    expect([ended.code, ended.stderr]).toEqual([0, '']);
    expect(ended.stdout).toContain('2 domains, looked at 2026-11-24 09:30 UTC');
    expect(ended.stdout).toMatch(/2 looked at/);
    const each = await dkim(['--signing-config', file(tenant.rows.slice(0, 2)), '--verbose']);
    expect(each.stdout).toContain('contoso.com  (dkim, 2026-11-24T09:30:00.000Z)');
  });

  test('is 1 when an answer is no, and the finding is said with owner and remedy', async () => {
    const ended = await dkim(['--signing-config', file(tenant.rows)]);
    expect(ended.code).toBe(1);
    expect(ended.stdout).toContain('✗ FAIL     dkim/active-key-published  critical, to mend: Microsoft');
    expect(ended.stdout).toContain('The active selector selector1 of shop.contoso.com has no key: the CNAME is right');
    expect(ended.stdout).toContain('→ Open a support case with Microsoft');
  });

  test('is 2 when an answer is undetermined and none is no', async () => {
    expect((await dkim(['one.fabrikam.com'])).code).toBe(2);
  });

  test('is 0 for help and version of a call', async () => {
    const ended = await fieldcheck(['--help']);
    expect([ended.code, ended.stderr]).toEqual([0, '']);
    expect(ended.stdout).toContain('Usage: fieldcheck');
  });
});

describe('--explain', () => {
  test.each([
    ['dkim', 'active-key-strong'],
    ['teams-exchange-interop', 'teams-exchange-interop/tls-trusted#mail.contoso.com'],
    ['smtp-source-ip', 'smtp-source-ip/nodes-alike'],
  ])('prints the page of a rule of %s', async (evaluation, rule) => {
    const ended = await fieldcheck(['evaluate', evaluation, '--explain', rule]);
    expect([ended.code, ended.stderr]).toEqual([0, '']);
    const name = rule.replace(/^.*\//, '').replace(/#.*$/, '');
    expect(ended.stdout).toMatch(new RegExp(`^# ${evaluation}/${name}\n`));
    expect(ended.stdout).toContain('## How to fix');
  });

  test('names the rules there are where there is none of that name', async () => {
    expectBadCall(
      await fieldcheck(['evaluate', 'dkim', '--explain', 'active-key']),
      /dkim has no rule "active-key"\. Its rules: signing-configured, /,
    );
  });
});

describe('--json', () => {
  test('prints runs as the contract has them, one for each subject', async () => {
    const ended = await dkim(['--json', '--signing-config', file(exportRows)]);
    expect([ended.code, ended.stderr]).toEqual([1, '']);
    const runs = runsOf(ended);
    expect(runs.map(({ evaluation, subject, at }) => [evaluation, subject, at])).toEqual(
      ['contoso.com', 'mail.contoso.com', 'news.contoso.com', 'shop.contoso.com'].map((domain) => [
        'dkim',
        domain,
        '2026-11-24T09:30:00.000Z',
      ]),
    );
    const failed = runs[3]?.findings.find(({ verdict }) => verdict === 'fail');
    expect(failed).toMatchObject({
      rule: 'dkim/active-key-published',
      target: 'selector1',
      severity: 'critical',
      owner: 'microsoft',
    });
    expect(failed?.evidence[0]).toMatchObject({ fact: 'selector-key', source: expect.any(String) });
    const rules = new Set(runs[0]?.findings.map(({ rule }) => rule));
    expect(rules.size).toBe(dkimEvaluation.rules.length);
    for (const { verdict, severity, owner } of runs.flatMap(({ findings }) => findings))
      expect([verdict, severity !== undefined, owner !== undefined]).toEqual([
        verdict,
        verdict === 'fail',
        verdict === 'fail',
      ]);
  });

  test('a failing answer is confirmed by the second resolver, and the evidence says so', async () => {
    const [run] = runsOf(await dkim(['--json', 'shop.contoso.com', '--signing-config', file(tenant.rows)]));
    const failed = run?.findings.find(({ rule }) => rule === 'dkim/active-key-published');
    expect(failed?.evidence[0]?.observed).toMatch(
      new RegExp(
        `^NXDOMAIN from ${dns.address} and ${second.address}$|^NXDOMAIN from ${second.address} and ${dns.address}$`,
      ),
    );
  });
});

describe.concurrent('where subjects come from', () => {
  test('a signing configuration alone: all of its domains', async () => {
    expect(Object.keys(answersOf(await dkim(['--json', '--signing-config', file(exportRows)])))).toHaveLength(4);
  });

  test('a domain named on the command line: only that, with what the export says about it', async () => {
    const ended = await dkim(['--json', 'Contoso.COM.', '--signing-config', file(exportRows)]);
    expect(answersOf(ended)).toEqual({ 'contoso.com': 'yes' });
  });

  test('accepted domains join: one without configuration fails, one that cannot publish does not apply', async () => {
    const accepted = [
      ...exportRows.map(({ Domain }) => acceptedRow(Domain)),
      acceptedRow('new.contoso.com'),
      acceptedRow('contoso.mail.onmicrosoft.com', { IsCoexistenceDomain: true }),
    ];
    const ended = await dkim(['--json', '--signing-config', file(exportRows), '--accepted-domains', file(accepted)]);
    const runs = runsOf(ended);
    expect(runs).toHaveLength(6);
    const messageOf = (domain: string) => runs.find(({ subject }) => subject === domain)?.findings[0]?.message;
    expect(messageOf('new.contoso.com')).toBe(
      'new.contoso.com has no DKIM signing configuration: Exchange Online signs nothing for it.',
    );
    expect(messageOf('contoso.mail.onmicrosoft.com')).toBe(
      'contoso.mail.onmicrosoft.com is a coexistence domain: nobody can publish DNS records in it.',
    );
    expect(runs.find(({ subject }) => subject === 'contoso.mail.onmicrosoft.com')?.answers).toEqual({
      'verifiable-now': 'not_applicable',
      'verifiable-after-rotation': 'not_applicable',
    });
  });

  test('an organization document: its domains, ignore list and policies', async () => {
    const organization = {
      id: 'contoso',
      evaluations: {
        dkim: {
          domains: ['contoso.com', 'shop.contoso.com'],
          ignore: ['shop.*', 'shop.contoso.com'],
          rules: { 'dkim/rotation-on-schedule': { severity: 'medium', maxAgeDays: 10 } },
        },
      },
    };
    const ended = await dkim(['--json', '--organization', file(organization), '--signing-config', file(tenant.rows)]);
    const runs = runsOf(ended);
    expect(runs.map(({ subject, findings }) => [subject, findings[0]?.message])).toEqual([
      ['contoso.com', 'contoso.com has a DKIM signing configuration.'],
      ['shop.contoso.com', 'shop.contoso.com is on the ignore list (shop.contoso.com).'],
    ]);
    expect(runs[0]?.findings.find(({ rule }) => rule === 'dkim/rotation-on-schedule')).toMatchObject({
      verdict: 'fail',
      severity: 'medium',
    });
  });

  test('an organization document without domains: those of the export', async () => {
    const organization = { id: 'contoso', evaluations: { dkim: {} } };
    const ended = await dkim(['--json', '--organization', file([organization]), '--facts', file(exportRows)]);
    expect(Object.keys(answersOf(ended))).toHaveLength(4);
  });
});

describe.concurrent('without a signing configuration', () => {
  test.each([
    ['both.fabrikam.com', 'yes', 0],
    ['one.fabrikam.com', 'undetermined', 2],
    ['none.fabrikam.com', 'no', 1],
  ])('%s: %s', async (domain, answer, code) => {
    const ended = await dkim(['--json', domain]);
    expect([ended.code, answersOf(ended)]).toEqual([code, { [domain]: answer }]);
    const said = runsOf(ended).flatMap(({ findings }) => findings.map(({ message }) => message));
    expect(said.join(' ')).toMatch(/signing configuration/);
  });

  test('--selector names the ones to look at', async () => {
    const ended = await dkim(['--json', 'one.fabrikam.com', '--selector', 'selector1']);
    expect([ended.code, answersOf(ended)]).toEqual([0, { 'one.fabrikam.com': 'yes' }]);
  });
});

describe.concurrent('facts', () => {
  test('saved by one call give the same findings in another, without any resolver', async () => {
    const saved = join(folder, 'saved', 'facts.json');
    const first = await dkim(['--json', '--signing-config', file(exportRows), '--save-facts', saved]);
    const again = await fieldcheck([
      'evaluate',
      'dkim',
      '--json',
      '--now',
      now,
      '--facts',
      saved,
      '--resolver',
      '127.0.0.1:9',
    ]);
    expect([again.code, again.stderr]).toEqual([first.code, '']);
    expect(JSON.parse(again.stdout)).toEqual(JSON.parse(first.stdout));
    expect(JSON.parse(readFileSync(saved, 'utf8'))[0]).toMatchObject({
      fieldcheck: 'facts/1',
      evaluation: 'dkim',
      subject: { kind: 'mail-domain', id: 'contoso.com' },
    });
  });

  test.each([
    [
      'PowerShell 5',
      JSON.stringify(tenant.rows).replace(
        /"(\d{4}-\d\d-\d\dT[^"]+Z)"/g,
        (_, time) => `"\\/Date(${Date.parse(time)})\\/"`,
      ),
    ],
    ['UTF-16 with a byte order mark', Buffer.from(`\ufeff${JSON.stringify(tenant.rows)}`, 'utf16le')],
    [
      'the REST wire shape',
      JSON.stringify({ value: tenant.rows.map((row) => ({ 'Enabled@data.type': 'System.Boolean', ...row })) }),
    ],
  ])('from an export of %s', async (_, content) => {
    expect(answersOf(await dkim(['--json', '--facts', file(content)]))).toEqual({
      'contoso.com': 'yes',
      'mail.contoso.com': 'yes',
      'shop.contoso.com': 'no',
    });
  });

  test('from several files: a signing configuration and accepted domains', async () => {
    const accepted = file([acceptedRow('contoso.com'), acceptedRow('new.contoso.com')]);
    const ended = await dkim(['--json', '--facts', file(tenant.rows[0]), '--facts', accepted]);
    expect(answersOf(ended)).toEqual({ 'contoso.com': 'yes', 'new.contoso.com': 'no' });
  });
});

describe.concurrent('--assume', () => {
  // The keys are at Microsoft, the CNAMEs are only planned.
  const planned = signingRow('planned.contoso.com');
  tenant.publish(planned, 'selector1');
  for (const selector of ['selector1', 'selector2']) tenant.zone.delete(`${selector}._domainkey.planned.contoso.com`);
  const lines = `$ORIGIN planned.contoso.com.
selector1._domainkey IN CNAME ${planned.Selector1CNAME}. ; asked at Microsoft
selector2._domainkey IN CNAME ${planned.Selector2CNAME}.
`;
  const rows = ['--signing-config', file([tenant.rows[0], planned])];

  test('judges as if the records stood in DNS, asks where they lead, and says which no that turns', async () => {
    expect(answersOf(await dkim(['--json', ...rows]))).toEqual({ 'contoso.com': 'yes', 'planned.contoso.com': 'no' });
    const zone = file(`${lines}selector1._domainky IN CNAME x.\n`, 'planned.zone');
    const ended = await dkim(['--json', ...rows, '--assume', zone]);
    expect(ended.code).toBe(0);
    expect(ended.stderr).toBe(
      `${zone}, line 4: nobody asked for selector1._domainky.planned.contoso.com, so assuming its CNAME changed nothing.\n`,
    );
    const [real, assumed] = runsOf(ended);
    expect(JSON.stringify(real)).not.toContain('assumed');
    expect(assumed?.assumed?.['verifiable-now']).toEqual({
      without: 'no',
      sentence: 'Would be yes with what is assumed; is no without.',
    });
    const finding = (rule: string) => assumed?.findings.find((one) => one.rule === `dkim/${rule}`);
    expect(finding('active-cname-correct')).toMatchObject({ verdict: 'pass', assumed: true });
    expect(finding('active-cname-correct')?.message).toMatch(
      /^selector1\._domainkey\.planned\.contoso\.com points to .+ \(Rests on what is assumed: .*CNAME of the selector.*\)$/,
    );
    expect(finding('active-key-published')?.evidence[0]?.source).toMatch(
      /^assumed \(.*planned\.zone, line 2\), 127\.0\.0\.1:\d+$/,
    );
    // What DNS has no part in does not rest on it.
    expect(finding('signing-configured')).not.toHaveProperty('assumed');
  });

  test('a key that is not there is told as it will be: the fault of who has to publish it', async () => {
    const ended = await dkim([
      '--json',
      ...rows,
      '--assume',
      file(lines.replaceAll('selector1-', 'selector3-'), 'x.zone'),
    ]);
    expect(ended.code).toBe(1);
    const failed = runsOf(ended)[1]?.findings.find(({ verdict }) => verdict === 'fail');
    expect(failed).toMatchObject({ rule: 'dkim/active-cname-correct', owner: 'customer-dns', assumed: true });
  });

  test('a key is assumed as well, for saved facts and without any resolver', async () => {
    const saved = join(folder, 'planned-facts.json');
    await dkim([...rows, '--save-facts', saved]);
    const key = `${planned.Selector1CNAME}. TXT ${txtData(planned.Selector1PublicKey)}\n`;
    const again = ['evaluate', 'dkim', '--json', '--now', now, '--facts', saved, '--resolver', '127.0.0.1:9'];
    const ended = await fieldcheck([...again, '--assume', file(lines, 'a.zone'), '--assume', file(key, 'b.zone')]);
    expect(answersOf(ended)).toEqual({ 'contoso.com': 'yes', 'planned.contoso.com': 'yes' });
    const without = await fieldcheck([...again, '--assume', file(lines, 'a.zone')]);
    expect(answersOf(without)).toEqual({ 'contoso.com': 'yes', 'planned.contoso.com': 'undetermined' });
    // A configuration that is assumed is what the saved key is compared with, so that is asked anew: here nobody answers.
    const other = { ...tenant.rows[0], Selector1PublicKey: dkimKey(2048) };
    const compared = await fieldcheck([...again, '--assume', file([other])]);
    expect(answersOf(compared)['contoso.com']).toBe('undetermined');
  });

  test('what stands in the way has to go first, which is assumed with it and said', async () => {
    const row = signingRow('text.contoso.com');
    tenant.publish(row, 'selector1');
    tenant.zone.set('selector1._domainkey.text.contoso.com', { type: 'TXT', data: ['v=spf1 -all'] });
    const zone = file(`selector1._domainkey.text.contoso.com. CNAME ${row.Selector1CNAME}.`, 'text.zone');
    const options = ['--signing-config', file([row]), '--assume', zone];
    const [run] = runsOf(await dkim(['--json', ...options]));
    expect(run?.answers['verifiable-now']).toBe('yes');
    expect(run?.findings.find(({ rule }) => rule === 'dkim/active-cname-correct')?.message).toMatch(
      /\) Assumed with it: the TXT at selector1\._domainkey\.text\.contoso\.com is deleted first\.$/,
    );
    const resolvers = ['--resolver', dns.address, '--resolver', second.address];
    const records = await fieldcheck(['dkim-records', ...resolvers, '--now', now, ...options]);
    expect([records.code, records.stdout.split('\n')[0]]).toEqual([
      0,
      '; DKIM records, looked at 2026-11-24 09:30 UTC, with what is assumed: no record to publish or delete for the domain; 1 complete. Nothing was changed.',
    ]);
  });

  test('lines that cannot be read are a bad call, with the line', async () => {
    const zone = file('selector1._domainkey.contoso.com IN CNAME x.example.\n', 'relative.zone');
    expectBadCall(
      await dkim([...rows, '--assume', zone]),
      'relative.zone: line 1: selector1._domainkey.contoso.com has no dot at its end, so it is relative',
    );
  });
});

describe('--now', () => {
  const answersAt = async (time: string, environment?: Record<string, string>) => {
    const args = ['--signing-config', file(rotating), '--resolver', dns.address, '--resolver', second.address];
    const ended = await fieldcheck(['evaluate', 'dkim', '--json', '--now', time, ...args], environment);
    const [run] = runsOf(ended);
    const active = run?.findings.find(({ rule }) => rule === 'dkim/active-key-published')?.target;
    const next = run?.findings.find(({ rule }) => rule === 'dkim/next-selector-ready');
    return { at: run?.at, active, next: next?.message };
  };

  test('a second before RotateOnDate the selector before it is active, at RotateOnDate the one after it', async () => {
    expect(await answersAt('2026-11-26T07:59:59Z')).toEqual({
      at: '2026-11-26T07:59:59.000Z',
      active: 'selector2',
      next: 'selector1 signs from 2026-11-26 08:00 UTC on, in 1 min; its CNAME and its key are in place.',
    });
    expect(await answersAt('2026-11-26T08:00:00Z')).toEqual({
      at: '2026-11-26T08:00:00.000Z',
      active: 'selector1',
      next: 'No rotation is pending.',
    });
  });

  test.each(['America/Los_Angeles', 'Pacific/Auckland'])(
    'is UTC on a machine in %s, with and without Z',
    async (TZ) => {
      for (const time of ['2026-11-26T07:59:59', '2026-11-26T07:59:59Z', '2026-11-25T23:59:59-08:00'])
        expect(await answersAt(time, { TZ })).toMatchObject({ at: '2026-11-26T07:59:59.000Z', active: 'selector2' });
      expect(await answersAt('2026-11-26', { TZ })).toMatchObject({ at: '2026-11-26T00:00:00.000Z' });
    },
  );
});

describe('resolvers', () => {
  test('one that cannot be reached leaves everything undetermined, and says why', async () => {
    const ended = await fieldcheck(['evaluate', 'dkim', 'contoso.com', '--json', '--resolver', '127.0.0.1:9']);
    expect(ended.code).toBe(2);
    const [run] = runsOf(ended);
    expect(run?.answers).toEqual({ 'verifiable-now': 'undetermined', 'verifiable-after-rotation': 'undetermined' });
    const key = run?.findings.find(({ rule }) => rule === 'dkim/active-key-published');
    expect(key?.verdict).toBe('unknown');
    expect(key?.message).toContain('127.0.0.1:9');
    expect(run?.findings.some(({ verdict }) => verdict === 'fail')).toBe(false);
  });

  test('come from the setting when the call names none', async () => {
    const ended = await fieldcheck(['evaluate', 'dkim', 'both.fabrikam.com', '--json'], {
      FIELDCHECK_RESOLVERS: `${dns.address}, ${second.address}`,
    });
    expect(answersOf(ended)).toEqual({ 'both.fabrikam.com': 'yes' });
  });
});

describe.concurrent('a bad call', () => {
  test.each([
    [
      'an evaluation that does not exist',
      ['evaluate', 'spf', 'contoso.com'],
      /There is no evaluation "spf"; there are dkim, /,
    ],
    [
      'a domain that is none',
      ['evaluate', 'dkim', 'someone@contoso.com'],
      /"someone@contoso\.com" is no domain name; write the part after the @/,
    ],
    [
      'nothing to look at',
      ['evaluate', 'dkim'],
      /There is no domain to look at: name one \(evaluate dkim contoso\.com\)/,
    ],
    [
      'a subject that is not named by the call',
      ['evaluate', 'smtp-source-ip', 'smtp-in'],
      /smtp-source-ip takes its subject from /,
    ],
    ['an option that does not exist', ['evaluate', 'dkim', 'contoso.com', '--fast'], /unknown option '--fast'/],
    ['a command that does not exist', ['check'], /unknown command 'check'/],
    ['no evaluation', ['evaluate'], /missing required argument 'evaluation'/],
    [
      'a time that is none',
      ['evaluate', 'dkim', 'contoso.com', '--now', 'yesterday'],
      /Write a time as 2026-11-24T09:30:00Z\./,
    ],
    [
      'a resolver that is none',
      ['evaluate', 'dkim', 'contoso.com', '--resolver', 'not a host'],
      /is no resolver address: it names no host/,
    ],
    ['a file that is not there', ['evaluate', 'dkim', '--facts', 'nowhere.json'], /Cannot read nowhere\.json: ENOENT/],
    ['a folder in place of a file', ['evaluate', 'dkim', '--facts', '.'], /Cannot read \.: EISDIR/],
  ])('%s', async (_, args, sentence) => {
    expectBadCall(await fieldcheck(args), sentence);
  });

  test.each([
    [
      'an empty file',
      '',
      /is empty: the command wrote nothing.*; run this line and supply its file: Get-DkimSigningConfig \| /,
    ],
    [
      'a table',
      'Domain      Enabled\n------      -------\ncontoso.com True',
      /is a table \(Format-Table\).*; run this line/,
    ],
    ['a file cut short', JSON.stringify(tenant.rows).slice(0, 500), /is no JSON, or was cut short/],
    ['a list of names', '["contoso.com"]', /holds no rows: what stands there is no object with properties/],
    [
      'another cmdlet',
      [{ Name: 'Default', Guid: 'x' }],
      /is no export of Get-DkimSigningConfig; its first row has the properties Name, Guid/,
    ],
    ['a domain that is none', [{ ...tenant.rows[0], Domain: 'contoso com' }], /"contoso com" is no domain name/],
  ])('--signing-config with %s', async (_, content, sentence) => {
    const path = file(content);
    const ended = await fieldcheck(['evaluate', 'dkim', '--signing-config', path]);
    expectBadCall(ended, sentence);
    expect(ended.stderr).toContain(path);
  });

  test('a row that cannot be read costs its domain and no other, and one without a domain is told', async () => {
    const [first, second] = tenant.rows;
    const rows = [first, { ...second, RotateOnDate: 'soon' }, { ...first, Domain: 'contoso com' }];
    const { code, stdout, stderr } = await dkim(['--signing-config', file(rows)]);
    expect(code).toBe(2);
    expect(stdout).toContain('cannot be read: RotateOnDate: "soon" is no time in ISO 8601');
    expect(stderr).toMatch(/row 3: "contoso com" is no domain name; .*; the other rows count\n$/);
  });

  test('accepted domains where the signing configuration belongs', async () => {
    expectBadCall(
      await fieldcheck(['evaluate', 'dkim', '--signing-config', file([acceptedRow('contoso.com')])]),
      /is no export of Get-DkimSigningConfig; its first row has the properties DomainName, DomainType, /,
    );
  });

  test('an organization document with a key that nobody knows', async () => {
    expectBadCall(
      await fieldcheck([
        'evaluate',
        'dkim',
        '--organization',
        file({ id: 'contoso', evaluations: { dkim: { domain: [] } } }),
      ]),
      /organization document: evaluations\.dkim: Unrecognized key: "domain"/,
    );
  });

  test('facts that cannot be written: nothing is printed', async () => {
    expectBadCall(
      await dkim(['both.fabrikam.com', '--save-facts', join(file('a file, no folder'), 'facts.json')]),
      /Cannot write .*facts\.json: E(NOTDIR|EXIST)/,
    );
  });

  test('a setting that is bad', async () => {
    expectBadCall(
      await fieldcheck(['evaluate', 'dkim', 'contoso.com'], { FIELDCHECK_RESOLVER_RATE: 'fast' }),
      /settings: FIELDCHECK_RESOLVER_RATE: /,
    );
  });
});

describe('with storage', () => {
  const azurite = useAzurite();
  let sink: TeamsSink;
  const stored = (args: readonly string[], more: Record<string, string> = {}) =>
    fieldcheck(args, {
      AzureWebJobsStorage: azurite.connectionString,
      FIELDCHECK_LOCAL_CHANNELS: 'true',
      MAIL_TEAM_WEBHOOK: sink.url,
      ...more,
    });
  const document = (changes: object = {}) => ({
    id: 'contoso',
    name: 'Contoso',
    channels: { 'mail-team': { url: 'secret:MAIL_TEAM_WEBHOOK' } },
    evaluations: { dkim: { channels: ['mail-team'], domains: ['contoso.com', 'shop.contoso.com'], ...changes } },
  });

  beforeAll(async () => {
    sink = await startTeamsSink();
  });
  afterAll(() => sink.close());

  test('apply shows what changes before it writes, and --dry-run writes nothing', async () => {
    const dry = await stored(['apply', '--dry-run', file(document())]);
    expect(dry).toEqual({ code: 0, stdout: 'contoso: new\n', stderr: '' });
    expect((await stored(['apply', file([document(), { id: 'fabrikam' }])])).stdout).toBe(
      'contoso: new\nfabrikam: new\n',
    );
    expect((await stored(['apply', file(document())])).stdout).toBe('contoso: unchanged\n');
    const changed = file(
      document({ schedule: '0 0 7 * * *', domains: ['a.contoso.com', 'contoso.com', 'shop.contoso.com'] }),
    );
    const difference = [
      'contoso:',
      '- evaluations.dkim.schedule: "0 0 6 * * *"',
      '+ evaluations.dkim.schedule: "0 0 7 * * *"',
      '+ evaluations.dkim.domains: "a.contoso.com"',
      '',
    ].join('\n');
    expect((await stored(['apply', '--dry-run', changed])).stdout).toBe(difference);
    expect((await stored(['apply', changed])).stdout).toBe(difference);
    expect((await stored(['apply', changed])).stdout).toBe('contoso: unchanged\n');
    await stored(['apply', file(document())]);
  });

  test('apply never prints an address that is written out', async () => {
    const written = { ...document(), id: 'litware', channels: { 'mail-team': { url: sink.url } } };
    const ended = await stored(['apply', file(written)]);
    expect(ended).toEqual({ code: 0, stdout: 'litware: new\n', stderr: '' });
    const renamed = await stored(['apply', file({ ...written, name: 'Litware' })]);
    expect(renamed.stdout).toBe('litware:\n- name: "Contoso"\n+ name: "Litware"\n');
  });

  test('apply refuses the whole file when one document is bad, or may not hold an address here', async () => {
    const bad = await stored(['apply', file([{ id: 'adatum' }, { id: 'Bad Id' }])]);
    expectBadCall(bad, /organization document: id: is no organization id/);
    const address = [
      { id: 'adatum' },
      { id: 'proseware', channels: { ops: { kind: 'webhook', url: 'https://proseware.com/x' } } },
    ];
    const refused = await stored(['apply', '--dry-run', file(address)], { FIELDCHECK_LOCAL_CHANNELS: 'false' });
    expectBadCall(refused, /channels\.ops\.url: an address is a secret and is not stored; put it into a setting/);
    expect(refused.stderr).not.toContain('proseware.com/x');
    expect((await stored(['apply', '--dry-run', file({ id: 'adatum' })])).stdout).toBe('adatum: new\n');
  });

  test('deliver sends what waits, says what is left, and history shows what was found', async () => {
    const store = createTableStore({ connectionString: azurite.connectionString });
    const made = createMachine({ store, resolvers: [dns.address, second.address] });
    await made.app.acceptFacts('contoso', new TextEncoder().encode(JSON.stringify(tenant.rows)), false);
    await made.app.startRun('contoso', 'dkim', 'request');
    const [message] = made.slices;
    if (message !== undefined) await made.app.workSlice(message);

    const missing = await stored(['deliver'], { MAIL_TEAM_WEBHOOK: '' });
    expect(missing.code).toBe(1);
    expect(missing.stdout).toMatch(
      /^retry {2}mail-team {2}contoso\.dkim\.\S+ {2}1 subject\(s\): channel "mail-team" of contoso: the setting MAIL_TEAM_WEBHOOK, which should hold its address, is not set\n$/,
    );
    expect(sink.cards).toEqual([]);
    expect(await stored(['deliver'])).toMatchObject({ code: 0, stdout: 'Nothing waits.\n' });
    // The notice was put off by a minute of the real clock; the test does not wait for a day of tries but gives it up.
    const watch = { organization: 'contoso', evaluation: 'dkim' } as const;
    const rows = await store.pending(watch, 10);
    await store.settle(watch, rows, { outcome: 'rejected', at: new Date().toISOString(), reason: 'not set' });
    expect(await stored(['deliver'])).toMatchObject({ code: 0, stdout: 'Nothing waits.\n' });
    const delivered = await stored(['deliver', '--rejected']);
    expect(delivered.code).toBe(0);
    expect(delivered.stdout).toMatch(
      /^1 refused notice\(s\) put back\.\ndelivered {2}mail-team {2}contoso\.dkim\.\S+ {2}1 subject\(s\): /,
    );
    expect(delivered.stdout).not.toContain(new URL(sink.url).search);
    expect(sink.cards).toHaveLength(1);

    const history = await stored(['history', 'contoso', 'dkim', 'Shop.contoso.com']);
    expect(history.code).toBe(0);
    expect(history.stdout).toBe(
      '2026-11-24T06:00:00.000Z … 2026-11-24T06:00:00.000Z  (1 run)  verifiable-now: no, verifiable-after-rotation: yes\n    dkim/active-key-published [selector1]\n',
    );
    const json = await stored(['history', 'contoso', 'dkim', 'shop.contoso.com', '--json', '--limit', '1']);
    expect(JSON.parse(json.stdout)).toMatchObject([{ run: { subject: 'shop.contoso.com' }, runs: 1 }]);
  });

  test('history of what is not watched is a bad call, and so is a limit that is none', async () => {
    expectBadCall(
      await stored(['history', 'contoso', 'dkim', 'www.contoso.com']),
      'fieldcheck: The subject "www.contoso.com" of dkim in "contoso" does not exist.',
    );
    expectBadCall(
      await stored(['history', 'contoso', 'dkim', 'contoso.com', '--limit', 'few']),
      /limit.*Write a whole number from 1 to 9999\./,
    );
  });

  test('that is not there is an error of ours, and not "new" or "nothing waits"', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    const gone = azurite.connectionString.replace(/127\.0\.0\.1:\d+/g, `127.0.0.1:${port}`);
    onTestFinished(() => void server.close());
    for (const args of [['apply', '--dry-run', file({ id: 'adatum' })], ['deliver']])
      expectBadCall(
        await stored(args, { AzureWebJobsStorage: gone }),
        /The storage is not available: 127\.0\.0\.1:\d+ cannot be reached/,
      );
  });

  test('that is not configured is said', async () => {
    const ended = await stored(['deliver'], { AzureWebJobsStorage: '' });
    expect([ended.code, ended.stdout]).toEqual([3, '']);
    expect(ended.stderr).toContain('No storage is configured. Set AzureWebJobsStorage__accountName');
  });
});
