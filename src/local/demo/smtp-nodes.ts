// The SMTP service smtp-in: what Collect-SmtpSourceIpFacts.ps1 would write on its two nodes. Direct Server Return was
// switched on too early: EX1 is set up and takes mail from clients; on EX2 somebody stopped half-way. Its loopback adapter
// carries the VIP, but has Windows' own settings, and nothing but the load balancer's health probes comes through.
import { dayMs } from '../../domain/time.ts';

const vip = '192.0.2.25';
const loadBalancer = '192.0.2.5';

/** What Contoso's document says about the service. */
export const smtpService = {
  id: 'smtp-in',
  mode: 'dsr',
  vips: [`${vip}:25`],
  loadBalancerAddresses: [loadBalancer],
  nodes: [
    { name: 'EX1', address: '192.0.2.11' },
    { name: 'EX2', address: '192.0.2.12' },
  ],
  relayClients: ['203.0.113.0/28'],
};

/** What the field note's steps set (on an adapter nobody touched, Windows has other values), and what comes of it. */
interface NodeSettings {
  readonly loopbackMetric: number | 'automatic';
  readonly netbios: 'DisableNetbios' | 'EnableNetbiosViaDhcp';
  readonly weakHostReceiveOnLan: boolean;
  readonly weakHostOnLoopback: boolean;
  /** What reaches the node at the VIP: mail sessions by client address. */
  readonly mailSessions: Readonly<Record<string, number>>;
}

const readyForDsr: NodeSettings = {
  loopbackMetric: 254,
  netbios: 'DisableNetbios',
  weakHostReceiveOnLan: true,
  weakHostOnLoopback: true,
  mailSessions: { '198.51.100.40': 61, '198.51.100.41': 54, '198.51.100.77': 12 },
};

const halfConfigured: NodeSettings = {
  loopbackMetric: 'automatic',
  netbios: 'EnableNetbiosViaDhcp',
  weakHostReceiveOnLan: false,
  weakHostOnLoopback: false,
  mailSessions: {},
};

/** The fact file of EX1, collected at `now`. */
export function ex1File(now: Date): object {
  return nodeFile('EX1', '192.0.2.11', readyForDsr, now);
}

/** The fact file of EX2, collected at `now`: half configured, unless somebody `mended` it. */
export function ex2File(mended: boolean, now: Date): object {
  return nodeFile('EX2', '192.0.2.12', mended ? readyForDsr : halfConfigured, now);
}

/** A fact file `smtp-source-ip/1` (src/collectors/README.md). */
function nodeFile(name: string, address: string, settings: NodeSettings, now: Date): object {
  const [lanGuid, loopbackGuid] = [1, 2].map((n) => `{11111111-0000-0000-${address.slice(-2)}00-00000000000${n}}`);
  const automatic = settings.loopbackMetric === 'automatic';
  const loopbackMetric = settings.loopbackMetric === 'automatic' ? 25 : settings.loopbackMetric;
  const interfaces = [
    {
      alias: 'LAN',
      guid: lanGuid,
      interfaceMetric: 15,
      automaticMetric: 'Enabled',
      weakHostSend: 'Disabled',
      weakHostReceive: onOff(settings.weakHostReceiveOnLan),
    },
    {
      alias: 'Loopback',
      guid: loopbackGuid,
      interfaceMetric: loopbackMetric,
      automaticMetric: onOff(automatic),
      weakHostSend: onOff(settings.weakHostOnLoopback),
      weakHostReceive: onOff(settings.weakHostOnLoopback),
    },
  ];
  const connector = (named: string, changes: object) => ({
    identity: `${name}\\${named}`,
    dn: `CN=${named},CN=SMTP Receive Connectors,CN=Protocols,CN=${name},DC=contoso,DC=com`,
    enabled: true,
    transportRole: 'FrontendTransport',
    bindings: ['0.0.0.0:25', '[::]:25'],
    remoteIPRanges: ['0.0.0.0-255.255.255.255', '::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
    permissionGroups: 'AnonymousUsers, ExchangeServers, ExchangeLegacyServers',
    authMechanism: 'Tls, Integrated, BasicAuth, BasicAuthRequireTLS, ExchangeServer',
    protocolLoggingLevel: 'Verbose',
    fqdn: `${name.toLowerCase()}.contoso.com`,
    maxInboundConnectionPerSource: '20',
    maxInboundConnectionPercentagePerSource: 2,
    whenChangedUtc: '2026-09-01T10:00:00.000Z',
    ...changes,
  });
  const mayDo = (connectorName: string, extendedRights: string[]) => ({
    connector: `${name}\\${connectorName}`,
    sid: 'S-1-5-7',
    extendedRights,
    deny: false,
    inherited: false,
  });
  const frontend = { connector: `${name}\\Default Frontend ${name}`, anyRecipientSessions: 0 };
  return {
    schema: 'smtp-source-ip/1',
    collectedAt: now.toISOString(),
    collector: { version: '1.0.0', psVersion: '5.1.20348.2700' },
    host: { name, os: 'Windows Server 2022 Datacenter', build: '20348.2700' },
    adapters: [
      {
        name: 'LAN',
        interfaceDescription: 'vmxnet3 Ethernet Adapter',
        interfaceGuid: lanGuid,
        status: 'Up',
        componentId: 'PCI\\VEN_15AD',
      },
      {
        name: 'Loopback',
        interfaceDescription: 'Microsoft KM-TEST Loopback Adapter',
        interfaceGuid: loopbackGuid,
        status: 'Up',
        componentId: '*msloop',
      },
    ],
    bindings: [
      { name: 'LAN', componentId: 'ms_tcpip', enabled: true },
      { name: 'Loopback', componentId: 'ms_tcpip', enabled: true },
      { name: 'Loopback', componentId: 'ms_tcpip6', enabled: false },
      { name: 'Loopback', componentId: 'ms_msclient', enabled: false },
      { name: 'Loopback', componentId: 'ms_server', enabled: false },
    ],
    ipInterfaces: ['active', 'persistent'].flatMap((store) =>
      interfaces.map((one) => ({ ...one, addressFamily: 'IPv4', store, dhcp: 'Disabled' })),
    ),
    ipAddresses: [
      { alias: 'LAN', ipAddress: address, prefixLength: 24, addressState: 'Preferred', skipAsSource: false },
      { alias: 'Loopback', ipAddress: vip, prefixLength: 32, addressState: 'Preferred', skipAsSource: true },
    ],
    routes: [
      { prefix: '0.0.0.0/0', nextHop: '192.0.2.1', alias: 'LAN', routeMetric: 1, interfaceMetric: 15 },
      { prefix: '192.0.2.0/24', nextHop: '0.0.0.0', alias: 'LAN', routeMetric: 256, interfaceMetric: 15 },
      {
        prefix: `${vip}/32`,
        nextHop: '0.0.0.0',
        alias: 'Loopback',
        routeMetric: 256,
        interfaceMetric: loopbackMetric,
      },
    ],
    neighbors: [],
    netbios: [{ guid: loopbackGuid, option: settings.netbios, source: 'registry' }],
    dnsClients: [
      { alias: 'LAN', registers: true, servers: ['192.0.2.53'] },
      { alias: 'Loopback', registers: false, servers: [] },
    ],
    dnsAnswers: [{ name: `${name.toLowerCase()}.contoso.com`, addresses: [address] }],
    firewall: {
      profiles: ['Domain', 'Private', 'Public'].map((profile) => ({
        name: profile,
        enabled: 'True',
        defaultInbound: 'Block',
        disabledAliases: [],
      })),
      connectionProfiles: [{ alias: 'LAN', category: 'DomainAuthenticated' }],
      inbound25: [{ profile: 'Any', action: 'Allow', enabled: true }],
    },
    exchange: {
      version: '15.2.2562.53',
      receiveConnectors: [
        connector(`Default Frontend ${name}`, {}),
        connector('Relay', { remoteIPRanges: ['203.0.113.10', '203.0.113.11'], permissionGroups: 'AnonymousUsers' }),
      ],
      adPermissions: [
        mayDo(`Default Frontend ${name}`, ['ms-Exch-SMTP-Submit']),
        mayDo('Relay', ['ms-Exch-SMTP-Submit', 'ms-Exch-SMTP-Accept-Any-Recipient']),
      ],
      frontendTransport: {
        receiveProtocolLogPath: 'C:\\Logs',
        maxAge: '30.00:00:00',
        maxDirectorySize: '250 MB',
        maxFileSize: '10 MB',
      },
    },
    logSummary: {
      from: new Date(now.getTime() - dayMs).toISOString(),
      to: now.toISOString(),
      files: 24,
      truncated: false,
      byRemote: [
        {
          ...frontend,
          remoteIp: loadBalancer,
          localIps: [address],
          sessions: 900,
          mailSessions: 0,
          probeSessions: 900,
          ehloNames: 0,
        },
        ...Object.entries(settings.mailSessions).map(([remoteIp, count]) => ({
          ...frontend,
          remoteIp,
          localIps: [vip],
          sessions: count,
          mailSessions: count,
          probeSessions: 0,
          ehloNames: 2,
        })),
      ],
    },
    errors: [],
  };
}

function onOff(on: boolean): string {
  return on ? 'Enabled' : 'Disabled';
}
