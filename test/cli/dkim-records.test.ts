// `dkim-records` from a shell: what it prints goes into a real zone, and then the evaluation says yes; `--assume` said so
// before. And for the demo, where every record stands.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Run } from '../../src/domain/finding.ts';
import type { RecordsPlan } from '../../src/evaluations/dkim/records.ts';
import { createDemo, makeDemoKeys } from '../../src/local/demo/contoso.ts';
import { startDnsServer } from '../../src/local/dns-server.ts';
import { dnsLine } from '../../src/reports/dns-lines.ts';
import { txtData } from '../dns-server/dkim-zone.ts';
import { findProgram } from '../dns-server/installed.ts';
import { startNsd, zoneHead } from '../dns-server/nsd.ts';
import { startUnbound } from '../dns-server/unbound.ts';
import { fieldcheck as callOf } from './shell.ts';

const nsdProgram = findProgram('nsd', 'dkim-records is not applied to a zone of NSD');
const unboundProgram = findProgram('unbound', 'dkim-records is not applied to a zone of NSD behind Unbound');

const folder = mkdtempSync(join(tmpdir(), 'fieldcheck-records-'));
const cleanups: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  rmSync(folder, { recursive: true });
});

const fieldcheck = (...args: string[]) => callOf(args);
function file(name: string, content: string | object): string {
  const path = join(folder, name);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

const now = new Date('2026-11-24T09:30:00Z');
const demo = createDemo({ ...makeDemoKeys(), mended: [] }, 'http://127.0.0.1/teams', now);
const [accepted = [], rows = []] = demo.facts.dkim as readonly (readonly Row[])[];
const exported = ['--accepted-domains', file('accepted.json', accepted), '--signing-config', file('dkim.json', rows)];
const at = ['--now', now.toISOString()];

interface Row {
  readonly Domain: string;
  readonly Selector1CNAME: string;
  readonly Selector1PublicKey: string;
  readonly Selector2CNAME: string;
  readonly Selector2PublicKey: string;
  readonly SelectorAfterRotateOnDate: string;
}

/** Microsoft's zones, with the active key of every domain whose key it has not lost. */
const microsoft = ['contoso.onmicrosoft.com', 'contoso.n-v1.dkim.mail.microsoft'];
const keysIn = (zone: string) =>
  rows
    .filter(({ Domain }) => !demo.failing.includes(Domain))
    .map((row) =>
      row.SelectorAfterRotateOnDate === 'selector1'
        ? ([row.Selector1CNAME, row.Selector1PublicKey] as const)
        : ([row.Selector2CNAME, row.Selector2PublicKey] as const),
    )
    .filter(([target]) => target.endsWith(`.${zone}`))
    .map(([target, key]) => `${target}. IN TXT ${txtData(key)}`);
/** The tenant's own: one zone for contoso.com and what lies in it, and one for each domain under fabrikam.com. */
const own = demo.zones.filter((zone) => !zone.includes('microsoft'));

/** The options that name resolvers. With two, what one does not know is asked of the other at once. */
const resolvers = (servers: readonly { readonly address: string }[]) =>
  servers.flatMap(({ address }) => ['--resolver', address]);

/** Real servers for all of it: an authoritative one, and two resolvers in front that have not heard of anything yet. */
async function serve(lines: Readonly<Record<string, readonly string[]>>): Promise<string[]> {
  const zones = Object.fromEntries(
    [...own, ...microsoft].map((zone) => [
      zone,
      `${zoneHead(zone)}${[...keysIn(zone), ...(lines[zone] ?? [])].join('\n')}\n`,
    ]),
  );
  const nsd = await startNsd(nsdProgram ?? '', zones);
  cleanups.push(() => nsd.close());
  const stubs = Object.fromEntries(Object.keys(zones).map((zone) => [zone, nsd.address]));
  const unbounds = await Promise.all([1, 2].map(() => startUnbound(unboundProgram ?? '', { zones: stubs })));
  cleanups.push(...unbounds.map(({ close }) => close));
  return resolvers(unbounds);
}

const answersOf = (runs: readonly Run[]) =>
  Object.fromEntries(runs.map(({ subject, answers }) => [subject, answers['verifiable-now']]));
/** As it should be: yes for all that send but those whose key Microsoft lost. */
const wanted = Object.fromEntries([
  ...rows.map(({ Domain }) => [Domain, demo.failing.includes(Domain) ? 'no' : 'yes']),
  ...['archive.fabrikam.com', 'contoso.mail.onmicrosoft.com', 'contoso.onmicrosoft.com'].map((domain) => [
    domain,
    'not_applicable',
  ]),
]);

describe.runIf(nsdProgram && unboundProgram)('a tenant with nothing published, behind Unbound and NSD', () => {
  it('prints what to publish; assumed and then in the zone, the evaluation says yes', async () => {
    const before = await serve({});
    const asked = [...exported, ...at, ...before];
    const printed = await fieldcheck('dkim-records', ...asked);
    expect([printed.code, printed.stderr]).toEqual([1, '']);
    expect(printed.stdout.split('\n')[0]).toBe(
      '; DKIM records, looked at 2026-11-24 09:30 UTC: 142 to publish and 0 to delete, for 71 of 74 domains; 0 complete. Nothing was changed.',
    );
    const json = await fieldcheck('dkim-records', ...asked, '--json');
    const plan = JSON.parse(json.stdout) as RecordsPlan;
    // Servers say which zone a name lies in: contoso.com holds what lies beneath, each department is a zone.
    expect(plan.records.every(({ zoneKnown }) => zoneKnown)).toBe(true);
    expect([...new Set(plan.records.map(({ zone }) => zone))].sort()).toEqual(
      own.filter((zone) => zone !== 'archive.fabrikam.com').sort(),
    );

    const zone = file('printed.zone', printed.stdout);
    const assumed = await fieldcheck('evaluate', 'dkim', ...asked, '--assume', zone, '--json');
    const runs = JSON.parse(assumed.stdout) as Run[];
    expect([assumed.code, assumed.stderr]).toEqual([1, '']);
    expect(answersOf(runs)).toEqual(wanted);
    const turned = runs.filter(({ assumed: of }) => of?.['verifiable-now']?.without === 'no');
    expect(turned.map(({ subject }) => subject)).toEqual(rows.map(({ Domain }) => Domain).sort());
    expect(turned.find(({ subject }) => subject === 'contoso.com')?.assumed?.['verifiable-now']?.sentence).toBe(
      'Would be yes with what is assumed; is no without.',
    );

    const after = await serve(
      Object.fromEntries(
        [...Map.groupBy(plan.records, (record) => record.zone)].map(([name, of]) => [name, of.map(dnsLine)]),
      ),
    );
    const asks = [...exported, ...at, ...after];
    const real = await fieldcheck('evaluate', 'dkim', ...asks, '--json');
    expect(answersOf(JSON.parse(real.stdout) as Run[])).toEqual(wanted);
    expect(real.stdout).not.toContain('assumed');

    const done = await fieldcheck('dkim-records', ...asks);
    expect([done.code, done.stdout.split('\n')[0]]).toEqual([
      0,
      '; DKIM records, looked at 2026-11-24 09:30 UTC: no record to publish or delete for 74 domains; 71 complete. Nothing was changed.',
    ]);
    // Signing is off: it is switched on where the records stand.
    const off = file(
      'off.json',
      rows.map((row) => ({ ...row, Enabled: false, Status: 'CnameMissing' })),
    );
    const enabling = await fieldcheck('dkim-records', ...asks, '--format', 'powershell', '--signing-config', off);
    const lines = enabling.stdout.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    expect([enabling.code, lines.length]).toEqual([1, 71]);
    expect(lines[0]).toBe('Set-DkimSigningConfig -Identity athens.contoso.com -Enabled $true');
    expect(lines.at(-1)).toMatch(/^Set-DkimSigningConfig -Identity \S+ -Enabled \$true$/);
    expect(enabling.stdout.match(/^# The key of .+ does not answer yet/gm)).toHaveLength(demo.failing.length);
  }, 240_000);
});

describe('the demo', () => {
  it('has every record: nothing to publish, whatever Microsoft lost', async () => {
    const servers = await Promise.all([1, 2].map(() => startDnsServer({ zone: demo.zone })));
    cleanups.push(...servers.map(({ close }) => close));
    const asked = [...exported, ...at, ...resolvers(servers)];
    const { code, stdout, stderr } = await fieldcheck('dkim-records', ...asked);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout.split('\n').filter((line) => line !== '' && !line.startsWith(';'))).toEqual([]);
    expect(stdout).toContain('no record to publish or delete for 74 domains; 71 complete. Nothing was changed.');
    expect(stdout).toContain(
      '; Does not apply: 3\n; - archive.fabrikam.com: Sending from archive.fabrikam.com is switched off',
    );
  }, 60_000);
});

describe('a bad call', () => {
  it.each([
    [
      'a format that there is not',
      ['--format', 'bind'],
      "argument 'bind' is invalid. Allowed choices are zone, csv, powershell, az.",
    ],
    ['nothing to look at', [], 'There is no domain to look at'],
    [
      'a zone that is no name',
      ['contoso.com', '--zone', 'http://x', '--resolver', '127.0.0.1:9'],
      '"http://x" is no domain name',
    ],
  ])('%s', async (_, args, sentence) => {
    const { code, stdout, stderr } = await fieldcheck('dkim-records', ...args);
    expect([code, stdout]).toEqual([3, '']);
    expect(stderr).toContain(sentence);
  });
});
