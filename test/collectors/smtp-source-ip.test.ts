import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { smtpNodeFile } from '../../src/sources/bindings/smtp-source-ip/collector-file.ts';
import { openPwsh, type PowerShellHost } from '../powershell/host.ts';
import {
  accessDenied,
  allowList,
  collect,
  collectorFolder,
  foreignCalls,
  hanging,
  type StandIn,
  unused,
} from './collectors.ts';
import { healthyNode, lan, loopback } from './node-stand-ins.ts';

const script = 'Collect-SmtpSourceIpFacts.ps1';
const path = join(collectorFolder, script);
// The first run of a host compiles the engine: some seconds, more where others work on the same machine.
vi.setConfig({ testTimeout: 90_000 });
const host = await openPwsh();
const engine = host as PowerShellHost;

const allowed = allowList({
  commands: [
    'Get-ADPermission',
    'Get-ClusterNetwork',
    'Get-DnsClient',
    'Get-DnsClientServerAddress',
    'Get-FrontendTransportService',
    'Get-MailboxServer',
    'Get-NetAdapter',
    'Get-NetAdapterBinding',
    'Get-NetConnectionProfile',
    'Get-NetFirewallAddressFilter',
    'Get-NetFirewallApplicationFilter',
    'Get-NetFirewallInterfaceFilter',
    'Get-NetFirewallPortFilter',
    'Get-NetFirewallProfile',
    'Get-NetFirewallRule',
    'Get-NetIPAddress',
    'Get-NetIPInterface',
    'Get-NetNeighbor',
    'Get-NetRoute',
    'Get-ReceiveConnector',
    'Get-TransportService',
    'Resolve-DnsName',
  ],
  members: [
    '.AddHours',
    '.BeginConnect',
    '.EndConnect',
    '.EndsWith',
    '.GetStream',
    '.PadLeft',
    '.ReadLine',
    '.Split',
    '.StartsWith',
    '.Translate',
    '.TrimEnd',
    '.TrimStart',
    '.TryGetValue',
    '[System.Collections.Generic.Dictionary[string,object[]]]::new',
    '[System.Collections.Generic.Dictionary[string,object]]::new',
    '[System.Collections.Generic.HashSet[string]]::new',
    '[System.Collections.Generic.SortedDictionary[string,string]]::new',
    '[System.IO.Compression.CompressionMode]::Decompress',
    '[System.IO.Compression.GZipStream]::new',
    '[System.IO.Directory]::GetFiles',
    '[System.IO.Path]::GetFileName',
    '[System.IO.StreamReader]::new',
    '[System.Net.IPAddress]::Parse',
    '[System.Net.NetworkInformation.IPGlobalProperties]::GetIPGlobalProperties',
    '[System.Net.Sockets.TcpClient]::new',
    '[System.Security.Principal.NTAccount]::new',
    '[System.Text.Encoding]::ASCII',
    '[System.Text.Encoding]::GetEncoding',
    '[array]::Reverse',
    '[array]::Sort',
    '[int]::TryParse',
    '[string]::CompareOrdinal',
  ],
  types: [
    'System.Collections.Generic.Dictionary[string,object[]]',
    'System.Collections.Generic.Dictionary[string,object]',
    'System.Collections.Generic.HashSet[string]',
    'System.Collections.Generic.SortedDictionary[string,string]',
    'System.IO.Compression.CompressionMode',
    'System.IO.Compression.GZipStream',
    'System.IO.Directory',
    'System.IO.Path',
    'System.IO.StreamReader',
    'System.Net.IPAddress',
    'System.Net.NetworkInformation.IPGlobalProperties',
    'System.Net.Sockets.TcpClient',
    'System.Security.Principal.NTAccount',
    'array',
    'char[]',
    'int[]',
    'ref',
  ],
  exact: [
    "[System.IO.File]::Open($file, 'Open', 'Read', 'ReadWrite, Delete')",
    '$client.ReceiveTimeout = 15000',
    '$stream.Write($greeting, 0, $greeting.Length)',
    '$stream.Write($leave, 0, $leave.Length)',
  ],
});

describe.runIf(host)('Collect-SmtpSourceIpFacts as a text', () => {
  it('has no syntax error', async () => {
    expect(await engine.parse({ path })).toEqual([]);
  });

  it('has nothing newer than Windows PowerShell 5.1 (by the list; 5.1 itself runs on Windows only)', async () => {
    expect(await engine.compat51({ path })).toEqual([]);
  });

  it('only reads: it uses what is on the list and the list holds nothing else', async () => {
    const { violations, ...used } = await engine.readOnly({ path, ...allowed });
    expect(violations).toEqual([]);
    expect(unused(allowed, used)).toEqual([]);
  });

  it('shares its bookkeeping, word for word, with the other collector', async () => {
    const region = async (name: string) =>
      /#region shared[\s\S]*#endregion/.exec(await readFile(join(collectorFolder, name), 'utf8'))?.[0];
    expect(await region(script)).toBe(await region('Collect-TeamsInteropFacts.ps1'));
  });
});

const logHeader = [
  '#Software: Microsoft Exchange Server',
  '#Version: 15.0.0.0',
  '#Log-type: SMTP Receive Protocol Log',
  '#Date: 2025-03-04T09:00:08.310Z',
  '#Fields: date-time,connector-id,session-id,sequence-number,local-endpoint,remote-endpoint,event,data,context',
];

/** One session of the receive log at a time within the last hours. */
function session(id: string, at: Date, remote: string, rows: [event: string, data: string][], local = '192.0.2.25:25') {
  return rows.map(
    ([event, data], sequence) => `${at.toISOString()},EX1\\Relay,${id},${sequence},${local},${remote},${event},${data}`,
  );
}

const stamp = (at: Date) => at.toISOString().slice(0, 13).replaceAll(/[-T]/g, '');
const hoursAgo = (hours: number) => new Date(Date.now() - hours * 3_600_000);
const opening: [string, string][] = [
  ['+', ','],
  ['*', 'SMTPSubmit SMTPAcceptAnySender SMTPAcceptAnyRecipient AcceptRoutingHeaders,Set Session Permissions'],
  ['>', '"220 EX1.contoso.com Microsoft ESMTP MAIL Service ready at Tue, 4 Mar 2025 10:00:10 +0100",'],
];
const mail = (name: string): [string, string][] => [
  ['<', `EHLO ${name},`],
  ['>', '250  EX1.contoso.com Hello [203.0.113.40] SIZE 36700160 STARTTLS,'],
  ['<', 'MAIL FROM:<scan@contoso.com>,'],
  ['*', ',User Name: app@contoso.com'],
];
const closing: [string, string][] = [
  ['<', 'QUIT,'],
  ['-', ',Local'],
];

/** A log over two files: mail over a file's end, a health probe, managed availability, a cut last row. */
async function writeLog(folder: string): Promise<{ first: string; last: string }> {
  const [older, newer] = [hoursAgo(3), hoursAgo(1)];
  const carried = session('08DD5A0C11E2F3A1', older, '203.0.113.40:50917', [
    ...opening,
    ...mail('printer7.contoso.com'),
  ]);
  const rest = session('08DD5A0C11E2F3A1', newer, '203.0.113.40:50917', closing);
  const lines = [
    ...session('08DD5A0C11E2F3A2', newer, '203.0.113.40:50918', [
      ...opening,
      ...mail('printer8.contoso.com'),
      ...closing,
    ]),
    ...session(
      '08DD5A0C11E2F3A3',
      newer,
      '192.0.2.5:41822',
      [
        ['+', ','],
        ['>', '220 EX1,'],
        ['-', ',Remote(SocketError)'],
      ],
      '192.0.2.11:25',
    ),
    ...session(
      '08DD5A0C11E2F3A4',
      newer,
      '[2001:db8:5::40]:50920',
      [
        ['+', ','],
        ['<', 'EHLO v6.contoso.com,'],
        ['<', 'MAIL FROM:<a@contoso.com>,'],
        ['-', ','],
      ],
      '[2001:db8::25]:25',
    ),
    ...session('08DD5A0C11E2F3A5', newer, '192.0.2.12:2600', [
      ['+', ','],
      ['<', 'EHLO SMTP.AVAILABILITY.CONTOSO.COM,'],
      ['<', 'MAIL FROM:<a@contoso.com>,'],
      ['-', ','],
    ]),
    ...session('08DD5A0C11E2F3A6', newer, '127.0.0.1:2601', [
      ['+', ','],
      ['<', 'EHLO self.contoso.com,'],
      ['-', ','],
    ]),
    ...session(
      '08DD5A0C11E2F3A7',
      newer,
      '192.0.2.12:2602',
      [
        ['+', ','],
        ['<', 'EHLO ex2.contoso.com,'],
        ['-', ','],
      ],
      '192.0.2.11:717',
    ),
    `${newer.toISOString()},EX1\\Relay,08DD5A0C11E2F3A8,0,192.0.2.25:25,203.0.1`,
  ];
  await writeFile(join(folder, `RECV${stamp(older)}-1.LOG`), [...logHeader, ...carried].join('\r\n'), 'latin1');
  await writeFile(join(folder, `RECV${stamp(newer)}-1.LOG`), [...logHeader, ...rest, ...lines].join('\r\n'), 'latin1');
  await writeFile(join(folder, `RECV${stamp(hoursAgo(100))}-1.LOG`), 'not read: outside of the window');
  await writeFile(join(folder, 'SEND2026010100-1.LOG'), 'not read: another log');
  return { first: older.toISOString(), last: newer.toISOString() };
}

/** A log without an end. Its rows come when it has been open for some seconds: nothing has to be read until then. */
function endlessLog(path: string, rows: string, seconds: number): ChildProcess {
  execFileSync('mkfifo', [path]);
  return spawn('sh', ['-c', '{ sleep "$1"; yes "$2"; } > "$0"', path, String(seconds), rows], { stdio: 'ignore' });
}

type Facts = {
  schema: string;
  errors: { section: string; message: string }[];
  probes: Record<string, unknown>[];
  logSummary: { byRemote: Record<string, unknown>[] };
};

describe.runIf(host)(`Collect-SmtpSourceIpFacts on ${host?.name}`, () => {
  const logs = mkdtempSync(join(tmpdir(), 'fieldcheck-receive-log-'));
  const node = healthyNode(logs);
  const run = (standIns: Record<string, StandIn>, request: Parameters<typeof collect>[3] = {}) =>
    collect<Facts>(engine, script, standIns, request);
  afterAll(() => rm(logs, { recursive: true }));

  it('writes every section of a healthy node', async () => {
    const { first, last } = await writeLog(logs);
    const { facts, json, output, errors, calls } = await run(node);
    expect(errors).toEqual([]);
    expect(output.at(-1)).toMatch(/^VERDICT complete: /);
    expect(facts).toEqual({
      schema: 'smtp-source-ip/1',
      collectedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      collector: { version: '1.2.0', psVersion: expect.stringMatching(/^\d+\.\d+/) },
      host: { name: 'EX1', os: 'Windows Server 2022 Datacenter', build: '20348.2700' },
      adapters: [
        expect.objectContaining({ name: 'LAN' }),
        {
          name: 'Loopback',
          interfaceDescription: 'Microsoft KM-TEST Loopback Adapter',
          interfaceGuid: loopback,
          ifIndex: 9,
          status: 'Up',
          componentId: '*msloop',
          pnpDeviceId: 'ROOT\\NET\\0000',
        },
      ],
      bindings: [
        { name: 'Loopback', componentId: 'ms_tcpip', enabled: true },
        { name: 'Loopback', componentId: 'ms_msclient', enabled: false },
      ],
      ipInterfaces: expect.arrayContaining([
        {
          alias: 'Loopback',
          guid: loopback,
          addressFamily: 'IPv4',
          store: 'persistent',
          interfaceMetric: 254,
          automaticMetric: 'Disabled',
          weakHostSend: 'Enabled',
          weakHostReceive: 'Enabled',
          dhcp: 'Disabled',
          dadTransmits: 3,
        },
        expect.objectContaining({ alias: 'Loopback', store: 'active' }),
        expect.objectContaining({ alias: 'Loopback Pseudo-Interface 1', guid: '' }),
      ]),
      ipAddresses: [
        expect.objectContaining({ ipAddress: '192.0.2.11', prefixLength: 24 }),
        { alias: 'Loopback', ipAddress: '192.0.2.25', prefixLength: 32, addressState: 'Preferred', skipAsSource: true },
      ],
      routes: [{ prefix: '0.0.0.0/0', nextHop: '192.0.2.1', alias: 'LAN', routeMetric: 256, interfaceMetric: 15 }],
      neighbors: [{ alias: 'LAN', ipAddress: '192.0.2.25', linkLayerAddress: '00-00-5E-00-53-05', state: 'Stale' }],
      netbios: [
        { guid: lan, option: 0, source: 'registry' },
        { guid: loopback, option: 2, source: 'registry' },
        { guid: '{00000000-0000-4000-8000-000000000003}', option: null, source: 'registry' },
      ],
      dnsClients: [
        { alias: 'LAN', registers: true, servers: ['192.0.2.53', '192.0.2.54'] },
        { alias: 'Loopback', registers: false, servers: [] },
      ],
      dnsAnswers: [{ name: expect.stringMatching(/^EX1/), addresses: ['192.0.2.11'] }],
      clusterNetworks: [{ name: 'MAPI', role: 'ClusterAndClient', address: '192.0.2.0', mask: '255.255.255.0' }],
      firewall: {
        profiles: [{ name: 'Public', enabled: 'True', defaultInbound: 'Block', disabledAliases: [] }],
        connectionProfiles: [{ alias: 'LAN', category: 'DomainAuthenticated' }],
        inbound: [
          {
            profile: 'Any',
            action: 'Allow',
            enabled: true,
            localPorts: ['25', '587'],
            interfaces: ['Loopback', 'LAN'],
          },
          { profile: 'Domain, Private', action: 'Block', enabled: true, localPorts: ['20-30'], interfaces: [] },
          { profile: 'Any', action: 'Allow', enabled: true, localPorts: ['443'], interfaces: [] },
        ],
      },
      exchange: {
        version: '15.2.2562.53',
        receiveConnectors: [
          {
            identity: 'EX1\\Relay',
            dn: 'CN=Relay,CN=EX1,DC=contoso,DC=local',
            enabled: true,
            transportRole: 'FrontendTransport',
            bindings: ['0.0.0.0:25', '[::]:25'],
            remoteIPRanges: ['192.0.2.5', '203.0.113.0/24'],
            permissionGroups: 'AnonymousUsers',
            authMechanism: 'Tls',
            protocolLoggingLevel: 'Verbose',
            fqdn: 'mail.contoso.com',
            maxInboundConnectionPerSource: '20',
            maxInboundConnectionPercentagePerSource: 2,
            whenChangedUtc: '2026-11-01T08:00:00.000Z',
          },
        ],
        adPermissions: [
          {
            connector: 'EX1\\Relay',
            sid: 'S-1-5-7',
            extendedRights: ['ms-Exch-SMTP-Submit', 'ms-Exch-SMTP-Accept-Any-Recipient'],
            accessRights: [],
            deny: false,
            inherited: false,
          },
          {
            connector: 'EX1\\Relay',
            sid: 'S-1-5-11',
            extendedRights: ['ms-Exch-SMTP-Submit'],
            accessRights: [],
            deny: true,
            inherited: true,
          },
          {
            connector: 'EX1\\Relay',
            sid: 'S-1-5-32-544',
            extendedRights: [],
            accessRights: ['GenericAll'],
            deny: false,
            inherited: true,
          },
          {
            connector: 'EX1\\Relay',
            sid: 'S-1-9-1419165041-1139599005-3936102811-1022490595-23',
            extendedRights: [],
            accessRights: ['ExtendedRight'],
            deny: false,
            inherited: false,
          },
        ],
        frontendTransport: {
          receiveProtocolLogPath: logs,
          maxAge: '30.00:00:00',
          maxDirectorySize: '250 MB',
          maxFileSize: '10 MB',
        },
      },
      logSummary: {
        from: first,
        to: last,
        files: 2,
        truncated: false,
        byRemote: expect.arrayContaining([
          {
            connector: 'EX1\\Relay',
            remoteIp: '203.0.113.40',
            localIps: ['192.0.2.25'],
            localPort: 25,
            sessions: 2,
            mailSessions: 2,
            probeSessions: 0,
            ehloNames: 2,
            anyRecipientSessions: 2,
          },
          {
            connector: 'EX1\\Relay',
            remoteIp: '192.0.2.5',
            localIps: ['192.0.2.11'],
            localPort: 25,
            sessions: 1,
            mailSessions: 0,
            probeSessions: 1,
            ehloNames: 0,
            anyRecipientSessions: 0,
          },
          expect.objectContaining({ remoteIp: '2001:db8:5::40', localIps: ['2001:db8::25'], mailSessions: 1 }),
        ]),
      },
      sections: expect.arrayContaining([{ section: 'clusterNetworks', complete: true, elapsedMs: expect.any(Number) }]),
      errors: [],
    });
    expect(facts.logSummary.byRemote).toHaveLength(3);
    expect(json).not.toMatch(/@contoso|printer7|app@/);
    expect(foreignCalls(calls, allowed)).toEqual([]);
  });

  it('writes what the product reads, whatever failed', async () => {
    const denied = Object.fromEntries(Object.keys(node).map((name) => [name, accessDenied]));
    const empty = Object.fromEntries(Object.keys(node).map((name) => [name, []]));
    const runs = [
      await run(node),
      await run(denied),
      await run(empty),
      await run({}),
      await run({}, { parameters: { ProbeOnly: true } }),
    ];
    for (const { facts } of runs) expect(smtpNodeFile.safeParse(facts).error).toBeUndefined();
    expect(smtpNodeFile.parse(runs[0]?.facts).exchange?.receiveConnectors?.[0]).toMatchObject({
      transportRole: ['FrontendTransport'],
      permissionGroups: ['AnonymousUsers'],
      protocolLoggingLevel: 'Verbose',
    });
    // Every section is missing, and every one is named.
    expect(runs[1]?.facts.errors).toHaveLength(19);
  });

  it('keeps every other section when access is denied, and says which is missing', async () => {
    const { facts, output, warnings } = await run({
      ...node,
      'Get-ADPermission': accessDenied,
      'Get-NetRoute': accessDenied,
    });
    expect(facts.errors).toEqual([
      { section: 'routes', message: 'Access is denied.' },
      { section: 'exchange.adPermissions', message: 'Access is denied.' },
    ]);
    expect(facts).not.toHaveProperty('routes');
    expect(facts).toHaveProperty('exchange.receiveConnectors');
    expect(facts).not.toHaveProperty('exchange.adPermissions');
    expect(warnings).toEqual(['routes: Access is denied.', 'exchange.adPermissions: Access is denied.']);
    expect(output.at(-1)).toMatch(/^VERDICT incomplete, 2 errors: /);
  });

  it('runs where a command is missing, as on a server that is no Exchange server', async () => {
    const windows = Object.fromEntries(
      Object.entries(node).filter(([name]) => !/Connector|ADPermission|Frontend|ClusterNetwork/.test(name)),
    );
    const { facts } = await run(windows);
    expect(facts.errors).toEqual([
      {
        section: 'exchange.receiveConnectors',
        message: expect.stringContaining("'Get-ReceiveConnector' is not recognized"),
      },
      { section: 'exchange.adPermissions', message: 'not read: the receive connectors are not known' },
      {
        section: 'exchange.frontendTransport',
        message: expect.stringContaining("'Get-FrontendTransportService' is not recognized"),
      },
      { section: 'logSummary', message: 'not read: the folder of the receive log is not known; name it with -LogPath' },
    ]);
    expect(facts).toHaveProperty('clusterNetworks', []);
    expect(facts).toHaveProperty('adapters');
  });

  it('ends a hanging command at the time limit and goes on', async () => {
    const { facts, timedOut } = await run(
      { ...node, 'Get-NetAdapterBinding': hanging },
      { parameters: { SectionSeconds: 3 } },
    );
    expect(timedOut).toBe(false);
    expect(facts.errors).toEqual([
      { section: 'bindings', message: 'Get-NetAdapterBinding was stopped: it did not end in time' },
    ]);
    expect(facts).toHaveProperty('ipAddresses');
    expect(facts).toHaveProperty('exchange.version');
  });

  it("reads connectors through the shell's remote session as it does through its snap-in", async () => {
    const remote = await run(node);
    const local = await run({ ...node, 'Get-PSSession': [] });
    expect(remote.facts.errors).toEqual([]);
    const plain = { collectedAt: '', sections: [] };
    expect({ ...remote.facts, ...plain }).toEqual({ ...local.facts, ...plain });
  });

  it('writes empty lists for a node without connectors', async () => {
    const { facts } = await run({ ...node, 'Get-ReceiveConnector': [], 'Get-NetNeighbor': [] });
    expect(facts.errors).toEqual([]);
    expect(facts).toMatchObject({ neighbors: [], exchange: { receiveConnectors: [], adPermissions: [] } });
  });

  it('reads an Edge Transport server, whose transport service listens to the world itself', async () => {
    const { facts } = await run({
      ...node,
      'Get-ReceiveConnector': [
        {
          Identity: 'EX1\\Default internal receive connector EX1',
          DistinguishedName: 'CN=Relay,CN=EX1,DC=contoso,DC=local',
          Enabled: true,
          TransportRole: 'HubTransport',
          Bindings: ['0.0.0.0:25'],
        },
      ],
      'Get-FrontendTransportService': { body: "throw 'there is no front end'" },
      'Get-TransportService': [{ ReceiveProtocolLogPath: logs, ReceiveProtocolLogMaxAge: '30.00:00:00' }],
    });
    expect(facts.errors).toEqual([]);
    expect(facts).toMatchObject({ exchange: { frontendTransport: { receiveProtocolLogPath: logs } } });
  });

  it('writes the same on a German server', async () => {
    const german = await run(node, { culture: 'de-DE' });
    const english = await run(node, { culture: 'en-US' });
    expect(german.facts.errors).toEqual([]);
    const plain = { collectedAt: '', sections: [] };
    expect({ ...german.facts, ...plain }).toEqual({ ...english.facts, ...plain });
  });

  it('leaves out, and says so, accounts that have no SID', async () => {
    const { facts, json } = await run({
      ...node,
      'Get-ADPermission': [
        { User: 'CONTOSO\\adele', ExtendedRights: ['ms-Exch-SMTP-Submit'], Deny: false, IsInherited: false },
      ],
    });
    expect(facts).toMatchObject({ exchange: { adPermissions: [] } });
    expect(facts.errors).toEqual([
      {
        section: 'exchange.adPermissions',
        message: '1 permissions name an account that could not be turned into a SID; they are left out',
      },
    ]);
    expect(json).not.toContain('adele');
  });

  it('keeps mail addresses out of its errors', async () => {
    const { facts, json } = await run({
      ...node,
      'Get-NetRoute': { body: "throw 'mailbox <adele@contoso.com> not found'" },
    });
    expect(facts.errors).toContainEqual({ section: 'routes', message: 'mailbox <<address>> not found' });
    expect(json).not.toContain('adele');
  });

  it('counts thousands of sessions of fifty clients', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'fieldcheck-receive-log-'));
    const at = hoursAgo(1);
    const lines = Array.from({ length: 5_000 }, (_, index) =>
      session(index.toString(16).padStart(16, '0'), at, `203.0.113.${index % 50}:${1024 + index}`, [
        ...opening,
        ...mail(`client${index % 7}.contoso.com`),
        ...closing,
      ]),
    ).flat();
    await writeFile(join(folder, `RECV${stamp(at)}-1.LOG`), [...logHeader, ...lines].join('\r\n'));
    const { facts } = await run(node, { parameters: { LogPath: folder } });
    await rm(folder, { recursive: true });
    const { byRemote } = facts.logSummary;
    expect(byRemote).toHaveLength(50);
    expect(byRemote.every((remote) => remote.sessions === 100 && remote.ehloNames === 7)).toBe(true);
  });

  it('keeps the remotes with the most sessions when there are too many, and marks it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'fieldcheck-receive-log-'));
    const at = hoursAgo(1);
    const remotes = Array.from({ length: 5_100 }, (_, index) => `198.18.${index >> 8}.${index & 255}`);
    const sessions = [...remotes, ...remotes.slice(-50)].flatMap((remote, index) =>
      session(index.toString(16).padStart(16, '0'), at, `${remote}:1024`, [opening[0] ?? ['+', ''], ...closing]),
    );
    await writeFile(join(folder, `RECV${stamp(at)}-1.LOG`), [...logHeader, ...sessions].join('\r\n'));
    const { facts } = await run(node, { parameters: { LogPath: folder } });
    await rm(folder, { recursive: true });
    expect(facts.logSummary).toMatchObject({ truncated: true });
    expect(facts.logSummary.byRemote).toHaveLength(5_000);
    expect(facts.logSummary.byRemote.filter((remote) => remote.sessions === 2)).toHaveLength(50);
  });

  it('keeps what it read of a log that is too long for the time limit, and marks it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'fieldcheck-receive-log-'));
    const at = hoursAgo(1);
    const rows = session('08DD5A0C11E2F3A1', at, '203.0.113.40:50917', [...opening, ...mail('printer7.contoso.com')]);
    const writing = endlessLog(join(folder, `RECV${stamp(at)}-1.LOG`), rows.join('\r\n'), 1);
    const { facts } = await run(node, { parameters: { LogPath: folder, LogSeconds: 1 } });
    writing.kill();
    await rm(folder, { recursive: true });
    expect(facts.errors).toEqual([]);
    expect(facts.logSummary).toMatchObject({ files: 1, truncated: true, byRemote: [{ sessions: 1 }] });
  });

  it('counts like the product: local endpoints apart, rights before signing in alone, a compressed copy once', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'fieldcheck-receive-log-'));
    const [older, newer] = [hoursAgo(3), hoursAgo(1)];
    const granted = opening[1] ?? ['*', ''];
    const signedIn = session('08DD5A0C11E2F3B1', older, '203.0.113.41:5000', [
      ['+', ','],
      ['<', 'EHLO pc.contoso.com,'],
      ['<', 'AUTH LOGIN,'],
    ]);
    const afterwards = session('08DD5A0C11E2F3B1', newer, '203.0.113.41:5000', [
      granted,
      ['<', 'MAIL FROM:<scan@contoso.com>,'],
      ...closing,
    ]);
    const own = session('08DD5A0C11E2F3B2', newer, '203.0.113.40:5000', [
      ...opening,
      ...mail('a.contoso.com'),
      ...closing,
    ]);
    const other = session(
      '08DD5A0C11E2F3B3',
      newer,
      '203.0.113.40:5001',
      [...opening, ...mail('b.contoso.com'), ...closing],
      '192.0.2.11:2525',
    );
    const text = [...logHeader, ...afterwards, ...own, ...other].join('\r\n');
    await writeFile(join(folder, `RECV${stamp(older)}-1.LOG.gz`), gzipSync([...logHeader, ...signedIn].join('\r\n')));
    await writeFile(join(folder, `RECV${stamp(newer)}-1.LOG`), text);
    await writeFile(join(folder, `RECV${stamp(newer)}-1.LOG.gz`), gzipSync(text));
    const { facts } = await run(node, { parameters: { LogPath: folder } });
    await rm(folder, { recursive: true });
    expect(facts.errors).toEqual([]);
    expect(facts.logSummary).toMatchObject({ files: 2 });
    expect(facts.logSummary.byRemote).toHaveLength(3);
    expect(facts.logSummary.byRemote).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ remoteIp: '203.0.113.41', sessions: 1, mailSessions: 1, anyRecipientSessions: 0 }),
        expect.objectContaining({
          remoteIp: '203.0.113.40',
          localPort: 25,
          sessions: 1,
          ehloNames: 2,
          anyRecipientSessions: 1,
        }),
        expect.objectContaining({ remoteIp: '203.0.113.40', localPort: 2525, localIps: ['192.0.2.11'], sessions: 1 }),
      ]),
    );
  });

  it('says when the log is missing or of another kind', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'fieldcheck-receive-log-'));
    const empty = await run(node, { parameters: { LogPath: folder } });
    await writeFile(join(folder, `RECV${stamp(hoursAgo(1))}-1.LOG`), '#Fields: date-time,session-id\r\n');
    const other = await run(node, { parameters: { LogPath: folder } });
    await writeFile(join(folder, `RECV${stamp(hoursAgo(1))}-1.LOG`), '#Log-type: SMTP Send Protocol Log\r\n');
    const send = await run(node, { parameters: { LogPath: folder } });
    await rm(folder, { recursive: true });
    expect(send.facts.errors.at(-1)?.message).toMatch(/\.LOG is no receive log: Log-type: SMTP Send Protocol Log$/);
    expect(empty.facts.errors.at(-1)?.message).toBe(
      'no receive log of the last 24 hours in this folder: is protocol logging on?',
    );
    expect(other.facts.errors.at(-1)?.message).toMatch(/^RECV\d{10}-1\.LOG has other columns than a receive log$/);
  });
});

describe.runIf(host)('Collect-SmtpSourceIpFacts -ProbeOnly', () => {
  const servers: Server[] = [];
  afterAll(() => {
    for (const server of servers) server.close();
  });
  const smtp = async (
    answers: Record<string, string>,
    banner = '220 EX2.contoso.com Microsoft ESMTP MAIL Service ready',
  ) => {
    const said: string[] = [];
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.write(`${banner}\r\n`);
      socket.on('data', (data) => {
        const line = data.toString().trim();
        said.push(line);
        socket.write(`${answers[line.slice(0, 4)] ?? '500 what?'}\r\n`);
      });
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return { target: `127.0.0.1:${(server.address() as AddressInfo).port}`, said };
  };
  const probe = (parameters: Record<string, string[] | boolean | number>) =>
    collect<Facts>(engine, script, {}, { parameters: { ProbeOnly: true, ...parameters } });

  it('greets, reads the address shown and takes leave, and nothing else', async () => {
    const { target, said } = await smtp({
      EHLO: '250-EX2.contoso.com Hello [127.0.0.1]\r\n250 STARTTLS',
      QUIT: '221 bye',
    });
    const { facts } = await probe({ ProbeVip: [target], ProbeTries: 2, ProbeNode: [`EX2=${target}`] });
    const seen = {
      target,
      at: expect.any(String),
      sourceIp: '127.0.0.1',
      banner: '220 EX2.contoso.com Microsoft ESMTP MAIL Service ready',
      helloIp: '127.0.0.1',
      elapsedMs: expect.any(Number),
      error: null,
    };
    expect(facts.probes).toEqual([
      { ...seen, via: 'vip' },
      { ...seen, via: 'vip' },
      { ...seen, via: 'node:EX2' },
    ]);
    expect(said).toEqual(Array(3).fill(['EHLO fieldcheck.invalid', 'QUIT']).flat());
    expect(facts).not.toHaveProperty('adapters');
    expect(facts.errors).toEqual([]);
  });

  it('keeps what a server said that does not show an address, refuses, or is not there', async () => {
    const silent = await smtp({ EHLO: '250 mx.contoso.com', QUIT: '221 bye' });
    const busy = await smtp({ EHLO: '421 4.3.2 Service not active', QUIT: '221 bye' });
    const { facts } = await probe({
      ProbeNode: [`A=${silent.target}`, `B=${busy.target}`, 'C=127.0.0.1:1', 'D=nowhere'],
    });
    expect(facts.probes).toMatchObject([
      { via: 'node:A', helloIp: '', error: null },
      { via: 'node:B', helloIp: '', error: 'EHLO was answered with 421 4.3.2 Service not active' },
      { via: 'node:C', banner: '', error: expect.stringMatching(/refused/i) },
      { via: 'node:D', error: "'nowhere' is not ADDRESS:PORT" },
    ]);
  });

  it('does not greet the VIP from a node that owns it', async () => {
    const { facts } = await collect<Facts>(engine, script, healthyNode(''), {
      parameters: { ProbeVip: ['192.0.2.25:25'] },
    });
    expect(facts.probes).toEqual([]);
    expect(facts.errors.at(-1)).toEqual({
      section: 'probes',
      message:
        '192.0.2.25:25 is an address of this node: probe it from a server that is no node of the service, with -ProbeOnly',
    });
  });
});

describe.runIf(host)(`Collect-SmtpSourceIpFacts -UploadUri on ${host?.name}`, () => {
  const upload = async (statuses: readonly number[], secret: object = { Key: 'fck_of-the-organization' }) => {
    const received: { url: string | undefined; key: string | undefined; bearer: string | undefined; body: string }[] =
      [];
    const server = createHttpServer(async (request, response) => {
      let body = '';
      for await (const chunk of request) body += chunk;
      const { authorization: bearer, 'x-functions-key': key } = request.headers;
      received.push({ url: request.url, key: key?.toString(), bearer, body });
      response.writeHead(statuses[received.length - 1] ?? 500).end('{}');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const uri = `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/organizations/contoso/facts`;
    const answer = await collect<Facts>(
      engine,
      script,
      { 'Start-Sleep': { parameters: ['Seconds'], body: 'Write-Verbose "a pause of $Seconds s" -Verbose' } },
      { parameters: { ProbeOnly: true, ProbeNode: ['no endpoint'], UploadUri: uri, ...secret } },
    );
    server.close();
    return { received, ...answer };
  };

  it('posts the file as written, with the key in a header and nowhere else', async () => {
    const { received, json, output, verbose, warnings } = await upload([202]);
    const bearer = 'Bearer fck_of-the-organization';
    expect(received).toEqual([{ url: '/api/organizations/contoso/facts', bearer, key: undefined, body: json }]);
    expect(output[0]).toBe('posted to 127.0.0.1');
    expect([json, ...output, ...verbose, ...warnings].join()).not.toContain('fck_of-the-organization');
  });

  it('still takes the key of an older function app', async () => {
    const { received } = await upload([202], { FunctionKey: 'key-of-the-app' });
    expect(received).toMatchObject([{ key: 'key-of-the-app', bearer: undefined }]);
  });

  it('fails with a sentence when the door refuses, keeps the file, and prints warnings and verdict all the same', async () => {
    const { errors, facts, received, output, warnings } = await upload([401]);
    expect(errors.join()).toMatch(
      /The file was not posted: Response status code does not indicate success: 401 .*\. It is kept: post .*facts\.json later/,
    );
    expect(facts.schema).toBe('smtp-source-ip/1');
    expect(received).toHaveLength(1);
    expect(warnings).toEqual(["probes: 'no endpoint' is not NODE=ADDRESS:PORT"]);
    expect(output).toEqual([expect.stringMatching(/^VERDICT incomplete, 1 errors: .*facts\.json$/)]);
  });

  it('posts again what a busy door did not take', async () => {
    const { received, errors, json, output, verbose } = await upload([503, 429, 202]);
    expect(errors).toEqual([]);
    expect(verbose).toEqual(['a pause of 2 s', 'a pause of 5 s']);
    expect(received.map(({ body }) => body)).toEqual([json, json, json]);
    expect(output[0]).toBe('posted to 127.0.0.1');
  });

  it('posts over https only', async () => {
    const { errors } = await collect<Facts>(
      engine,
      script,
      {},
      { parameters: { ProbeOnly: true, UploadUri: 'http://fieldcheck.contoso.com/api/organizations/contoso/facts' } },
    );
    expect(errors.join()).toContain("UploadUri is 'http' to fieldcheck.contoso.com: facts are posted over https only");
  });
});
