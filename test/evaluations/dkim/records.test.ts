// What is missing until the domains sign, from the findings of every golden case, in every format.
import { parse } from 'csv-parse/sync';
import { describe, expect, it } from 'vitest';
import type { Run } from '../../../src/domain/finding.ts';
import { dkim } from '../../../src/evaluations/dkim/index.ts';
import { answerOfPlan, recordsPlan } from '../../../src/evaluations/dkim/records.ts';
import { recordsFormats, recordsText } from '../../../src/evaluations/dkim/records-text.ts';
import { readZoneLines } from '../../../src/sources/dns/zone-lines.ts';
import { openPowerShellHost } from '../../powershell/host.ts';
import { type GoldenCase, goldenCases, judgeCase } from '../cases.ts';

const host = await openPowerShellHost();

const cases = goldenCases(dkim);
const goldenCase = (name: string): GoldenCase => {
  const found = cases.find((one) => one.name === name);
  if (found === undefined) throw new Error(`there is no case ${name}`);
  return found;
};
/** The run of a case, as that of another domain where several stand side by side. */
const runOf = (name: string, domain = 'contoso.com'): Run => {
  const text = JSON.stringify(judgeCase(dkim, goldenCase(name)));
  return JSON.parse(domain === 'contoso.com' ? text : text.replaceAll('contoso.com', domain)) as Run;
};
const planOf = (...names: string[]) =>
  recordsPlan(
    names.map((name) => runOf(name)),
    [],
  );
const selector1 = 'selector1._domainkey.contoso.com';
const target = 'selector1-contoso-com._domainkey.contoso.onmicrosoft.com';
/** Lines that are no comments. */
const linesOf = (text: string, comment = ';') =>
  text.split('\n').filter((line) => line !== '' && !line.startsWith(comment));
const commentsOf = (text: string) => text.split('\n').flatMap((line) => (/^[;#] ./.test(line) ? [line.slice(2)] : []));

describe('what has to go and what has to come', () => {
  it.each([
    ['active-cname-missing', [`publish CNAME ${target}`]],
    ['active-cname-txt-instead', ['remove TXT', `publish CNAME ${target}`]],
    ['active-cname-beside-txt', ['remove TXT']],
    ['active-cname-twice', ['remove CNAME selector1-contoso-com._domainkey.fabrikam.onmicrosoft.com']],
    ['active-cname-address-instead', ['remove A', `publish CNAME ${target}`]],
    ['active-cname-from-a-wildcard', [`publish CNAME ${target}`]],
    ['active-cname-without-last-dot', [`remove CNAME ${target}.contoso.com`, `publish CNAME ${target}`]],
    ['active-cname-flattened', ['remove TXT', `publish CNAME ${target}`]],
  ])('%s', (name, wanted) => {
    const { records, domains } = planOf(name);
    const own = records.filter((record) => record.name === selector1);
    expect(own.map(({ action, type, data }) => [action, type, data].filter(Boolean).join(' '))).toEqual(wanted);
    expect(own.map(({ zone, relativeName, zoneKnown }) => [zone, relativeName, zoneKnown])).toEqual(
      wanted.map(() => ['contoso.com', 'selector1._domainkey', false]),
    );
    expect(domains[0]?.state).toBe('to_publish');
  });

  it('a record at the doubled name goes from the zone that was appended, its own comes into the zone that denied it', () => {
    const { records } = planOf('active-cname-zone-doubled-as-text');
    expect(records.map(({ action, zone, relativeName, type }) => [action, type, relativeName, zone])).toEqual([
      ['publish', 'CNAME', 'selector1', '_domainkey.contoso.com'],
      ['remove', 'TXT', 'selector1._domainkey.contoso.com', 'contoso.com'],
    ]);
  });

  it('names the zone that a call names: the longest that fits', () => {
    const run = runOf('active-cname-missing', 'mail.contoso.com');
    const [record] = recordsPlan([run], ['contoso.com', 'com', 'fabrikam.com']).records;
    expect(record).toMatchObject({ zone: 'contoso.com', relativeName: 'selector1._domainkey.mail', zoneKnown: true });
  });
});

describe('what is nothing for DNS', () => {
  it.each([
    ['healthy', 'complete', 'yes', ''],
    ['active-key-missing-at-microsoft', 'complete', 'yes', ''],
    ['domain-initial', 'complete', 'yes', ''],
    ['domain-initial-one-key-elsewhere', 'complete', 'yes', ''],
    ['domain-coexistence', 'not_applicable', 'not_applicable', 'is a coexistence domain'],
    ['domain-fallback-keys-elsewhere', 'not_applicable', 'not_applicable', 'without DNS of its own'],
    [
      'configuration-denied',
      'could_not_look',
      'undetermined',
      'Could not look: DKIM signing configuration: access denied',
    ],
    ['dns-only-none-verifies', 'could_not_look', 'undetermined', 'not supplied'],
    ['next-cname-missing-minutes-before', 'to_publish', 'no', ''],
    ['configuration-without-targets', 'to_look_at', 'undetermined', 'does not name the target of selector1'],
    ['configuration-enabled-absent', 'to_look_at', 'undetermined', 'does not say whether signing is enabled'],
  ])('%s: %s', (name, state, answer, because) => {
    const plan = planOf(name);
    expect(plan.domains[0]?.state).toBe(state);
    expect(plan.domains[0]?.because.join(' ')).toContain(because);
    expect(answerOfPlan(plan)).toBe(answer);
    if (state !== 'to_publish') expect(plan.records).toEqual([]);
    // A table of what is to be done has no row for what does not apply.
    for (const format of recordsFormats)
      if (format !== 'csv' || state !== 'not_applicable') expect(recordsText(plan, format)).toContain(because);
  });

  it('a selector that could not be looked at is not missing, also beside one that is', () => {
    const run = runOf('active-cname-missing');
    const blind = {
      ...run,
      findings: run.findings.map((finding) =>
        finding.rule === 'dkim/passive-cname-correct'
          ? {
              rule: finding.rule,
              target: 'selector2',
              verdict: 'unknown',
              message: 'Could not look: SERVFAIL.',
              evidence: [],
            }
          : finding,
      ),
    } as Run;
    const plan = recordsPlan([blind], []);
    expect(plan.records.map(({ name }) => name)).toEqual([selector1]);
    expect(commentsOf(recordsText(plan, 'zone')).slice(-2)).toEqual([
      'Beside the records above, could not look: 1',
      '- contoso.com: Could not look: SERVFAIL.',
    ]);
    const missing = run.findings.filter(({ rule }) => rule !== 'dkim/active-cname-correct');
    const only = recordsPlan(
      [{ ...blind, findings: blind.findings.filter(({ rule }) => rule !== 'dkim/active-cname-correct') }],
      [],
    );
    expect(missing.length).toBeGreaterThan(0);
    expect(only.domains[0]).toMatchObject({ state: 'could_not_look', because: ['Could not look: SERVFAIL.'] });
  });
});

describe('Exchange Online', () => {
  it('makes keys for domains without, then switches signing on where all records are there, the sure ones first', () => {
    const disabled = runOf('configuration-disabled', 'b.contoso.com');
    const keyless = {
      ...runOf('configuration-disabled', 'a.contoso.com'),
      findings: runOf('configuration-disabled', 'a.contoso.com').findings.map((finding) =>
        finding.rule === 'dkim/active-key-published'
          ? { ...finding, verdict: 'fail', message: 'No key there.' }
          : finding,
      ),
    } as Run;
    const plan = recordsPlan(
      [
        keyless,
        disabled,
        runOf('configuration-no-row', 'c.contoso.com'),
        runOf('configuration-no-keys', 'd.contoso.com'),
        runOf('healthy'),
      ],
      [],
    );
    expect(plan.records).toEqual([]);
    expect(linesOf(recordsText(plan, 'powershell'), '#')).toEqual([
      'New-DkimSigningConfig -DomainName c.contoso.com -KeySize 2048 -Enabled $false',
      'New-DkimSigningConfig -DomainName d.contoso.com -KeySize 2048 -Enabled $false',
      'Set-DkimSigningConfig -Identity b.contoso.com -Enabled $true',
      'Set-DkimSigningConfig -Identity a.contoso.com -Enabled $true',
    ]);
    const comments = commentsOf(recordsText(plan, 'zone'));
    expect(comments[0]).toBe(
      'DKIM records, looked at 2026-11-24 09:30 UTC: no record to publish or delete for 5 domains; 2 without keys; 2 to switch on; 1 complete. Nothing was changed.',
    );
    expect(comments).toContain('New-DkimSigningConfig -DomainName c.contoso.com -KeySize 2048 -Enabled $false');
    expect(comments.find((line) => line.startsWith('2. '))).toMatch(
      /^2\. Signing, for the domains whose records are all there, .+ try again after an hour; Microsoft names up to four days\.$/,
    );
    expect(comments.find((line) => line.startsWith('The key of a.contoso.com'))).toMatch(
      /^The key of a\.contoso\.com does not answer yet \(No key there\.\)\. .+ look again an hour later/,
    );
    // Signing is switched on only when the records stand.
    const missing = { ...runOf('active-cname-missing'), findings: [...runOf('active-cname-missing').findings] };
    missing.findings[1] = disabled.findings[1] as (typeof missing.findings)[number];
    expect(recordsPlan([missing], []).enable).toEqual([]);
  });
});

describe('in every format', () => {
  const all = recordsPlan(
    cases.map((one, index) => runOf(one.name, `d${index}.contoso.com`)),
    ['contoso.com'],
  );
  const published = all.records.filter(({ action }) => action === 'publish');

  it('zone lines are read back as the records to publish, and as nothing else', () => {
    expect(published.length).toBeGreaterThan(25);
    const { records } = readZoneLines('printed', recordsText(all, 'zone'));
    expect(records.map(({ name, type, data, ttl }) => ({ name, type, data, ttl }))).toEqual(
      published.map(({ name, type, data }) => ({ name, type, data: data?.toLowerCase(), ttl: 3600 })),
    );
    const deleted = recordsText(all, 'zone')
      .split('\n')
      .filter((line) => line.startsWith('; delete: '));
    expect(deleted).toHaveLength(all.records.length - published.length);
    expect(deleted).toContain(`; delete: ${all.records.find(({ type }) => type === 'AAAA')?.name}. IN AAAA`);
  });

  it('CSV has a row for each record and each line to run, and one for what could not be looked at', () => {
    const rows: Record<string, string>[] = parse(recordsText(all, 'csv'), { columns: true });
    const by = (action: string) => rows.filter(({ Action }) => Action === action);
    expect([by('publish').length, by('delete').length, by('run').length]).toEqual([
      published.length,
      all.records.length - published.length,
      all.configure.length + all.enable.length,
    ]);
    expect(by('publish')[0]).toMatchObject({ Zone: 'contoso.com', Type: 'CNAME', TTL: '3600' });
    expect(by('look').length).toBeGreaterThan(10);
  });

  it('az has one line for each record, a replaced CNAME none to delete, and the resource group that was named', () => {
    const lines = linesOf(recordsText(planOf('active-cname-txt-instead'), 'az', "Zones of O'Neill"), '#');
    const where = `--resource-group 'Zones of O'\\''Neill' --zone-name contoso.com`;
    expect(lines).toEqual([
      `az network dns record-set txt delete ${where} --name selector1._domainkey --yes`,
      `az network dns record-set cname set-record ${where} --record-set-name selector1._domainkey --cname ${target} --ttl 3600`,
    ]);
    expect(linesOf(recordsText(planOf('active-cname-without-last-dot'), 'az'), '#')).toEqual([
      `: "\${RESOURCE_GROUP:?name the resource group of the zones}"`,
      expect.stringMatching(/^az network dns record-set cname set-record --resource-group "\$RESOURCE_GROUP" /),
    ]);
  });

  it('PowerShell has a line for each record and each step', () => {
    const lines = linesOf(recordsText(planOf('active-cname-twice', 'active-cname-missing'), 'powershell'), '#');
    const where = "-ZoneName 'contoso.com' -Name 'selector1._domainkey'";
    expect(lines).toEqual([
      `Remove-DnsServerResourceRecord ${where} -RRType 'CNAME' -RecordData 'selector1-contoso-com._domainkey.fabrikam.onmicrosoft.com.' -Force`,
      `Add-DnsServerResourceRecordCName ${where} -HostNameAlias '${target}.' -TimeToLive 01:00:00`,
    ]);
    expect(linesOf(recordsText(all, 'powershell'), '#')).toHaveLength(
      all.records.length + all.configure.length + all.enable.length,
    );
  });

  it.runIf(host)('PowerShell parses it, and finds nothing but the commands that it should', async () => {
    const text = recordsText(all, 'powershell');
    expect(await host?.parse({ text })).toEqual([]);
    const wanted = [
      'Add-DnsServerResourceRecordCName',
      'New-DkimSigningConfig',
      'Remove-DnsServerResourceRecord',
      'Set-DkimSigningConfig',
    ];
    const answer = await host?.readOnly({
      text,
      commands: wanted,
      members: [],
      types: [],
      exact: [],
      invokers: {},
      prefix: 'Fc',
    });
    expect([answer?.violations, answer?.commands.sort()]).toEqual([[], wanted]);
  });
});
