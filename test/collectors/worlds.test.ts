import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { smtpNodeFile } from '../../src/sources/bindings/smtp-source-ip/collector-file.ts';
import { parseInteropCollectorFile } from '../../src/sources/bindings/teams-exchange-interop/collector.ts';
import { openPwsh, type PowerShellHost, type RunRequest } from '../powershell/host.ts';
import { accessDenied, collect, hanging, type StandIn } from './collectors.ts';
import {
  anything,
  entraConnect,
  entraConnectProgram,
  entry,
  healthyOrganization,
  server,
} from './exchange-stand-ins.ts';
import { healthyNode } from './node-stand-ins.ts';

// What each collector makes of the worlds that it meets, in a real pwsh and through a real remoting connection. The tables
// stand in worlds.md (UPDATE_GOLDEN=1 writes them); every file must be one that the product reads.

vi.setConfig({ testTimeout: 180_000 });
const host = await openPwsh();
const engine = host as PowerShellHost;

type World = { standIns: Record<string, StandIn> } & Omit<RunRequest, 'path' | 'standIns'>;
type File = {
  sections: { section: string; complete: boolean }[];
  errors: { section: string; message: string }[];
};

const sample = { SampleMailbox: ['adele@contoso.com'], OAuthTestMailbox: 'adele@contoso.com' };
const hang = { SectionSeconds: 2, MailboxSeconds: 2 };

const organizations: Record<string, World> = {
  well: { standIns: healthyOrganization, parameters: sample },
  'well, German': { standIns: healthyOrganization, parameters: sample, culture: 'de-DE' },
  'snap-in': { standIns: { ...healthyOrganization, 'Get-PSSession': [] }, parameters: sample },
  denied: {
    standIns: Object.fromEntries(Object.keys(healthyOrganization).map((name) => [name, accessDenied])),
    parameters: sample,
  },
  hanging: {
    standIns: { ...healthyOrganization, 'Get-AuthServer': hanging, 'Get-RemoteMailbox': hanging },
    parameters: { ...sample, ...hang },
  },
  'child domain unreadable': {
    standIns: {
      ...healthyOrganization,
      'Set-ADServerSettings': accessDenied,
      'Get-Mailbox': {
        parameters: ['Server', 'Identity', 'OrganizationalUnit'],
        body: `
          if ($OrganizationalUnit -eq 'Child.contoso.local') { throw "The organizational unit 'Child.contoso.local' couldn't be found." }
          [pscustomobject] @{ PrimarySmtpAddress = 'adele@contoso.com'; OrganizationalUnit = 'contoso.local/Users'; GrantSendOnBehalfTo = @() }`,
      },
    },
    parameters: sample,
  },
  'with 2010 and Edge': {
    standIns: {
      ...healthyOrganization,
      'Get-ExchangeServer': [
        server('EX1'),
        { ...server('OLD10'), AdminDisplayVersion: 'Version 14.3 (Build 123.4)' },
        { ...server('EDGE1'), ServerRole: 'Edge' },
      ],
    },
    parameters: sample,
  },
  empty: {
    standIns: Object.fromEntries(Object.keys(healthyOrganization).map((name) => [name, []])),
    parameters: { Part: 'Exchange' },
  },
  'Entra Connect': { standIns: entraConnect([entry(anything, anything)]) },
  'Entra Connect, staging': {
    standIns: {
      ...entraConnect([entry(anything, anything)]),
      'Get-ADSyncScheduler': [{ SyncCycleEnabled: true, StagingModeEnabled: true }],
    },
  },
  'Entra Connect without its module': {
    standIns: entraConnect([entry(anything, anything)]),
    environment: { ProgramFiles: '/nowhere' },
  },
};

const nodes: Record<string, (logs: string) => World> = {
  'member of a DAG': (logs) => ({ standIns: healthyNode(logs) }),
  'German, without a DAG': (logs) => ({
    standIns: {
      ...healthyNode(logs),
      'Get-MailboxServer': [{ Name: 'EX1', DatabaseAvailabilityGroup: null }],
      'Get-ClusterNetwork': { body: "throw 'Der Clusterdienst wird nicht ausgeführt.'" },
    },
    culture: 'de-DE',
  }),
  denied: (logs) => ({
    standIns: Object.fromEntries(Object.keys(healthyNode(logs)).map((name) => [name, accessDenied])),
  }),
  hanging: (logs) => ({
    standIns: { ...healthyNode(logs), 'Get-NetRoute': hanging, 'Get-ReceiveConnector': hanging },
    parameters: { SectionSeconds: 2 },
  }),
  'Edge Transport': (logs) => {
    const { 'Get-ClusterNetwork': _, 'Get-MailboxServer': __, ...rest } = healthyNode(logs);
    return {
      standIns: {
        ...rest,
        'Get-ReceiveConnector': [
          { Identity: 'EDGE1\\Default', DistinguishedName: 'CN=Default', Enabled: true, TransportRole: 'HubTransport' },
        ],
        'Get-ADPermission': [],
        'Get-TransportService': [{ ReceiveProtocolLogPath: logs }],
      },
    };
  },
};

/** What a section came to: everything, what the file has of it is incomplete, or nothing of it is there. */
function verdictOf(file: File, section: string): string {
  const read = file.sections.find((one) => one.section === section);
  if (read === undefined) return '';
  if (read.complete) return 'complete';
  const value = section
    .split('.')
    .reduce<unknown>((from, name) => (from as Record<string, unknown> | undefined)?.[name], file);
  return value === undefined ? 'missing' : 'incomplete';
}

/** Markdown: a row for each section, a column for each world, the collector's own verdict below. */
function tableOf(worlds: readonly (readonly [name: string, file: File, verdict: string])[]): string {
  const sections = [...new Set(worlds.flatMap(([, file]) => file.sections.map(({ section }) => section)))];
  const rows = [
    ['section', ...worlds.map(([name]) => name)],
    ...sections.map((section) => [section, ...worlds.map(([, file]) => verdictOf(file, section))]),
    ['**verdict**', ...worlds.map(([, , verdict]) => verdict)],
  ];
  // Aligned, as the formatter has it.
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const [head, ...rest] = rows.map((row) => line(row.map((cell, column) => cell.padEnd(widths[column] ?? 0))));
  return [head, line(widths.map((width) => '-'.repeat(width))), ...rest].join('\n');
}

async function held(heading: string, table: string): Promise<void> {
  const path = join(import.meta.dirname, 'worlds.md');
  const text = await readFile(path, 'utf8');
  const place = new RegExp(`(## ${heading}\n\n)[^]*?(?=\n\n## |\n*$)`);
  if (process.env.UPDATE_GOLDEN === '1') await writeFile(path, text.replace(place, `$1${table}`));
  expect(place.exec(await readFile(path, 'utf8'))?.[0]).toBe(`## ${heading}\n\n${table}`);
}

/** Commands of the shell itself. */
const shellCommands = new Set([
  'Add-PSSnapin',
  'ConvertTo-Json',
  'ForEach-Object',
  'Set-StrictMode',
  'Start-Sleep',
  'Where-Object',
  'Write-Progress',
  'Write-Verbose',
  'Write-Warning',
]);

/** What was called of Windows, Exchange and Entra Connect that is no Get and no Test. */
function otherCalls(calls: readonly string[]): string[] {
  return calls.filter(
    (call) =>
      !/^(Get|Test)-/i.test(call) && !shellCommands.has(call) && !/^Fc[A-Z]/.test(call) && !call.endsWith('.ps1'),
  );
}

describe.runIf(host)(`worlds on ${host?.name}`, () => {
  let programs = '';
  let logs = '';
  beforeAll(async () => {
    programs = await entraConnectProgram();
    logs = await mkdtemp(join(tmpdir(), 'fieldcheck-logs-'));
    const at = new Date(Date.now() - 3_600_000).toISOString();
    await writeFile(
      join(logs, `RECV${at.slice(0, 13).replaceAll(/[-T]/g, '')}-1.LOG`),
      `${at},EX1\\Relay,08DD5A0C11E2F3A1,0,192.0.2.25:25,203.0.113.40:50917,+,,\r\n`,
    );
  });
  afterAll(async () => {
    await rm(programs, { recursive: true });
    await rm(logs, { recursive: true });
  });

  const verdictLine = (output: readonly string[]) =>
    output
      .find((line) => line.startsWith('VERDICT '))
      ?.replace(/: .*$/, '')
      .replace('VERDICT ', '') ?? 'none';

  it('Collect-TeamsInteropFacts: what is read of each world, with commands that read', async () => {
    const rows: [string, File, string][] = [];
    for (const [name, { standIns, ...request }] of Object.entries(organizations)) {
      const environment = { ProgramFiles: programs, ...request.environment };
      const answer = await collect<File>(engine, 'Collect-TeamsInteropFacts.ps1', standIns, {
        ...request,
        environment,
      });
      expect([name, answer.errors]).toEqual([name, []]);
      expect(() => parseInteropCollectorFile(answer.facts), name).not.toThrow();
      // The first widens the view of the script's own session, which ends with it; a stand-in refuses any other setting.
      const known = ['Set-ADServerSettings', 'Import-Module'];
      expect([name, otherCalls(answer.calls).filter((call) => !known.includes(call))]).toEqual([name, []]);
      rows.push([name, answer.facts, verdictLine(answer.output)]);
    }
    await held('Collect-TeamsInteropFacts.ps1', tableOf(rows));
  });

  it('Collect-SmtpSourceIpFacts: what is read of each world, with commands that read', async () => {
    const rows: [string, File, string][] = [];
    for (const [name, world] of Object.entries(nodes)) {
      const { standIns, ...request } = world(logs);
      const answer = await collect<File>(engine, 'Collect-SmtpSourceIpFacts.ps1', standIns, request);
      expect([name, answer.errors]).toEqual([name, []]);
      expect(() => smtpNodeFile.parse(answer.facts), name).not.toThrow();
      expect([name, otherCalls(answer.calls).filter((call) => call !== 'Resolve-DnsName')]).toEqual([name, []]);
      rows.push([name, answer.facts, verdictLine(answer.output)]);
    }
    await held('Collect-SmtpSourceIpFacts.ps1', tableOf(rows));
  });
});
