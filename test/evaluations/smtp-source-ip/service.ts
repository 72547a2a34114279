import { readSupplied } from '../../../src/app/supplied/read.ts';
import { type FactSet, known, mergeFactSets, noFacts } from '../../../src/domain/fact-set.ts';
import type { Run } from '../../../src/domain/finding.ts';
import { gather } from '../../../src/domain/gather.ts';
import { judge } from '../../../src/domain/judge.ts';
import { bound } from '../../../src/domain/source.ts';
import { evaluations } from '../../../src/evaluations/index.ts';
import { smtpSourceIp } from '../../../src/evaluations/smtp-source-ip/index.ts';
import type { SmtpRelayTest } from '../../../src/facts/smtp-service/probe.ts';
import { type SmtpService, smtpService } from '../../../src/facts/smtp-service/subject.ts';
import { smtpSources } from '../../../src/sources/bindings/smtp-source-ip/sources.ts';

export const now = new Date('2026-11-24T09:30:00.000Z');
export const collectedAt = '2026-11-24T06:00:00.000Z';

/** A fact file as the collector writes it, with the names of the sheet; tests change what they are about. */
// biome-ignore lint/suspicious/noExplicitAny: a JSON document that every test bends in another place
export type FactFile = any;

export interface Scene {
  readonly service: SmtpService;
  /** One for each node, by the node's name. */
  readonly files: Record<string, FactFile>;
  /** What was accepted as right. */
  accepted?: FactSet | undefined;
  /** What the opt-in relay test got, which no file tells. */
  relayTest?: SmtpRelayTest;
}

/** A service of two nodes that is ready for Direct Server Return. */
export function healthy(): Scene {
  return {
    service: smtpService.parse({
      kind: 'smtp-service',
      id: 'smtp-in',
      mode: 'dsr',
      vips: ['192.0.2.25:25'],
      loadBalancerAddresses: ['192.0.2.5'],
      nodes: [
        { name: 'EX1', address: '192.0.2.11' },
        { name: 'EX2', address: '192.0.2.12' },
      ],
      relayClients: ['203.0.113.0/28'],
    }),
    files: { EX1: factFile('EX1', '192.0.2.11'), EX2: factFile('EX2', '192.0.2.12') },
  };
}

export function factFile(name: string, address: string): FactFile {
  const guid = `{3F2504E0-4F89-41D3-9A0C-0305E82C33${address.slice(-2)}}`;
  const lan = {
    alias: 'LAN',
    addressFamily: 2,
    interfaceMetric: 15,
    automaticMetric: 1,
    weakHostSend: 0,
    weakHostReceive: 1,
    dhcp: 0,
  };
  const loopback = {
    alias: 'Loopback',
    addressFamily: 2,
    interfaceMetric: 254,
    automaticMetric: 0,
    weakHostSend: 1,
    weakHostReceive: 1,
    dhcp: 0,
  };
  return {
    schema: 'smtp-source-ip/1',
    collectedAt,
    collector: { version: '1.0.0', psVersion: '5.1.20348.2700' },
    host: { name, os: 'Windows Server 2022 Datacenter', build: '20348.2700' },
    adapters: [
      {
        name: 'LAN',
        interfaceDescription: 'vmxnet3 Ethernet Adapter',
        interfaceGuid: '{11111111-0000-0000-0000-000000000001}',
        ifIndex: 4,
        status: 'Up',
        componentId: 'PCI\\VEN_15AD',
      },
      {
        name: 'Loopback',
        interfaceDescription: 'Microsoft KM-TEST Loopback Adapter',
        interfaceGuid: guid,
        ifIndex: 9,
        status: 'Up',
        componentId: '*msloop',
        pnpDeviceId: 'ROOT\\NET\\0000',
      },
    ],
    bindings: [
      { name: 'Loopback', componentId: 'ms_tcpip', enabled: true },
      { name: 'Loopback', componentId: 'ms_tcpip6', enabled: false },
      { name: 'Loopback', componentId: 'ms_msclient', enabled: false },
      { name: 'Loopback', componentId: 'ms_server', enabled: false },
      { name: 'LAN', componentId: 'ms_tcpip', enabled: true },
      { name: 'LAN', componentId: 'ms_server', enabled: true },
    ],
    ipInterfaces: ['active', 'persistent'].flatMap((store) => [
      { ...lan, store },
      { ...loopback, store },
    ]),
    ipAddresses: [
      { alias: 'LAN', ipAddress: address, prefixLength: 24, addressState: 4, skipAsSource: false },
      { alias: 'Loopback', ipAddress: '192.0.2.25', prefixLength: 32, addressState: 4, skipAsSource: true },
      {
        alias: 'Loopback Pseudo-Interface 1',
        ipAddress: '127.0.0.1',
        prefixLength: 8,
        addressState: 4,
        skipAsSource: false,
      },
    ],
    routes: [
      { prefix: '0.0.0.0/0', nextHop: '192.0.2.1', alias: 'LAN', routeMetric: 1, interfaceMetric: 15 },
      { prefix: '192.0.2.0/24', nextHop: '0.0.0.0', alias: 'LAN', routeMetric: 256, interfaceMetric: 15 },
      { prefix: '192.0.2.25/32', nextHop: '0.0.0.0', alias: 'Loopback', routeMetric: 256, interfaceMetric: 254 },
    ],
    netbios: [{ guid, option: 2, source: 'registry' }],
    dnsClients: [
      { alias: 'LAN', registers: true, servers: ['192.0.2.53'] },
      { alias: 'Loopback', registers: false, servers: [] },
    ],
    dnsAnswers: [{ name: `${name.toLowerCase()}.contoso.com`, addresses: [address] }],
    firewall: {
      profiles: [
        { name: 'Domain', enabled: 1, defaultInbound: 4, disabledAliases: 'NotConfigured' },
        { name: 'Private', enabled: 1, defaultInbound: 4, disabledAliases: [] },
        { name: 'Public', enabled: 1, defaultInbound: 4, disabledAliases: [] },
      ],
      connectionProfiles: [{ alias: 'LAN', category: 2 }],
      inbound25: [{ profile: 'Any', action: 'Allow', enabled: true }],
    },
    exchange: {
      version: '15.2.1748.10',
      receiveConnectors: [
        connector(name, `Default Frontend ${name}`, {}),
        connector(name, 'Relay', {
          remoteIPRanges: ['203.0.113.10', '203.0.113.11'],
          permissionGroups: 'AnonymousUsers, Custom',
        }),
        connector(name, `Default ${name}`, {
          transportRole: 32,
          bindings: ['0.0.0.0:2525', '[::]:2525'],
          permissionGroups: 14,
          protocolLoggingLevel: 0,
        }),
      ],
      adPermissions: [
        {
          connector: `${name}\\Relay`,
          sid: 'S-1-5-7',
          extendedRights: ['Ms-Exch-SMTP-Submit', 'Ms-Exch-SMTP-Accept-Any-Recipient'],
          deny: false,
          inherited: false,
        },
        {
          connector: `${name}\\Default Frontend ${name}`,
          sid: 'S-1-5-7',
          extendedRights: ['Ms-Exch-SMTP-Submit'],
          deny: false,
          inherited: true,
        },
      ],
      frontendTransport: {
        receiveProtocolLogPath: 'C:\\Logs',
        maxAge: '30.00:00:00',
        maxDirectorySize: '250 MB',
        maxFileSize: '10 MB',
      },
    },
    errors: [],
  };
}

export function connector(node: string, name: string, changes: Record<string, unknown>): FactFile {
  return {
    identity: `${node}\\${name}`,
    dn: `CN=${name},CN=SMTP Receive Connectors,CN=Protocols,CN=${node},DC=contoso,DC=com`,
    enabled: true,
    transportRole: 16384,
    bindings: ['0.0.0.0:25', '[::]:25'],
    remoteIPRanges: ['0.0.0.0-255.255.255.255', '::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
    permissionGroups: 13,
    authMechanism: 31,
    protocolLoggingLevel: 1,
    fqdn: `${node.toLowerCase()}.contoso.com`,
    maxInboundConnectionPerSource: '20',
    maxInboundConnectionPercentagePerSource: 2,
    whenChangedUtc: '2026-09-01T10:00:00Z',
    ...changes,
  };
}

/** The summary of a receive log in which `nat` of 100 mail sessions come from the load balancer. */
export function logSummary(node: string, nat: number, changes: Record<string, unknown> = {}): FactFile {
  const row = (remoteIp: string, mailSessions: number, more: Record<string, unknown> = {}) => ({
    connector: `${node}\\Default Frontend ${node}`,
    remoteIp,
    localIps: ['192.0.2.25'],
    sessions: mailSessions,
    mailSessions,
    probeSessions: 0,
    ehloNames: 3,
    anyRecipientSessions: 0,
    ...more,
  });
  return {
    from: '2026-11-23T05:30:00Z',
    to: '2026-11-24T05:59:00Z',
    files: 24,
    truncated: false,
    byRemote: [
      row('192.0.2.5', nat, { sessions: nat + 900, probeSessions: 900, ehloNames: nat > 0 ? 12 : 0 }),
      ...(nat < 100
        ? [row('198.51.100.40', Math.floor((100 - nat) / 2)), row('198.51.100.41', Math.ceil((100 - nat) / 2))]
        : []),
    ],
    ...changes,
  };
}

/** Probes as a collector on another server makes them: through the VIP, and to each node directly. */
export function probes(helloThroughVip: string | undefined, changes: Record<string, unknown> = {}): FactFile[] {
  const probe = (target: string, via: string, node: string, helloIp: string | undefined) => ({
    target,
    via,
    at: '2026-11-24T06:00:10Z',
    sourceIp: '198.51.100.7',
    banner: `220 ${node.toLowerCase()}.contoso.com Microsoft ESMTP MAIL Service ready`,
    helloIp: helloIp ?? null,
    elapsedMs: 40,
    error: null,
  });
  return [
    { ...probe('192.0.2.25:25', 'vip', 'EX1', helloThroughVip), ...changes },
    { ...probe('192.0.2.25:25', 'vip', 'EX2', helloThroughVip), ...changes },
    probe('192.0.2.11:25', 'node:EX1', 'EX1', '198.51.100.7'),
    probe('192.0.2.12:25', 'node:EX2', 'EX2', '198.51.100.7'),
  ];
}

export async function factsOf(scene: Scene): Promise<FactSet> {
  const files = Object.entries(scene.files).map(([name, file]) => ({
    name: `${name}.json`,
    // A configuration of the load balancer is text.
    content: Buffer.from(typeof file === 'string' ? file : JSON.stringify(file)),
    writtenAt: collectedAt,
  }));
  const supplied = readSupplied(evaluations.of('smtp-source-ip'), files).factsFor(scene.service);
  const { accepted = noFacts, relayTest } = scene;
  const more: FactSet = {
    facts: {
      ...accepted.facts,
      ...(relayTest === undefined ? {} : { 'smtp-relay-test': known(relayTest, 'live probe', now.toISOString()) }),
    },
    parts: {},
  };
  return gather(smtpSourceIp, scene.service, bound(smtpSources()), {
    now,
    supplied: mergeFactSets(more, supplied),
  });
}

export async function runOf(scene: Scene): Promise<{ run: Run; facts: FactSet }> {
  const facts = await factsOf(scene);
  const run = judge(smtpSourceIp, scene.service, facts, {
    now,
    onRuleError: (_, error) => {
      throw error;
    },
  });
  return { run, facts };
}
