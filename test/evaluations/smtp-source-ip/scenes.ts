import { baselineOf } from '../../../src/evaluations/smtp-source-ip/baseline.ts';
import { connector, type FactFile, factsOf, healthy, logSummary, now, probes, type Scene } from './service.ts';

/** What a scene has to show: verdict and severity of a finding, and a piece of its sentence. */
export interface Expected {
  readonly rule: string;
  readonly target?: string;
  readonly verdict: string;
  readonly severity?: string;
  readonly says: RegExp;
}

export interface NamedScene {
  readonly name: string;
  readonly make: () => Scene | Promise<Scene>;
  readonly expected: readonly Expected[];
  readonly answers?: Readonly<Record<string, string>>;
}

/** The healthy service with one thing bent on EX2. */
export function bent(change: (file: FactFile, scene: Scene) => void): () => Scene {
  return () => {
    const scene = healthy();
    change(scene.files.EX2, scene);
    return scene;
  };
}

/** The healthy service with one thing bent on both nodes. */
export function bentBoth(
  change: (file: FactFile, node: string) => void,
  service: Partial<Scene['service']> = {},
): () => Scene {
  return () => {
    const scene = healthy();
    for (const [node, file] of Object.entries(scene.files)) change(file, node);
    return { ...scene, service: { ...scene.service, ...service } };
  };
}

const row = (file: FactFile, alias: string, store = 'active') =>
  file.ipInterfaces.find((one: FactFile) => one.alias === alias && one.store === store);
export const bothStores = (file: FactFile, alias: string, changes: object) => {
  for (const store of ['active', 'persistent']) Object.assign(row(file, alias, store), changes);
};
export const relay = (file: FactFile) => file.exchange.receiveConnectors[1];
export const vip = (file: FactFile) => file.ipAddresses[1];

export const fail = (rule: string, target: string | undefined, severity: string, says: RegExp): Expected => ({
  rule,
  ...(target === undefined ? {} : { target }),
  verdict: 'fail',
  severity,
  says,
});
export const other = (rule: string, target: string | undefined, verdict: string, says: RegExp): Expected => ({
  rule,
  ...(target === undefined ? {} : { target }),
  verdict,
  says,
});

export const scenes: readonly NamedScene[] = [
  {
    name: 'healthy configuration alone',
    make: healthy,
    expected: [
      other('log-shows-client-addresses', 'EX1', 'unknown', /there is no receive log/),
      other('probe-shows-client-address', 'EX2', 'unknown', /was not probed/),
      other('vip-path-answers', undefined, 'not_applicable', /Nobody probed/),
      other('evidence-agrees', undefined, 'unknown', /not supplied \(only the configuration/),
    ],
    answers: { 'source-ip-visible': 'undetermined', 'dsr-ready': 'yes', 'relay-safe': 'yes' },
  },
  {
    name: 'no loopback adapter',
    make: bent((file) => {
      file.adapters.pop();
      file.ipAddresses.splice(1, 1);
    }),
    expected: [
      fail('loopback-adapter-present', 'EX2', 'critical', /^EX2: there is no loopback adapter/),
      other('vip-on-loopback', 'EX2', 'unknown', /blocked by smtp-source-ip\/loopback-adapter-present/),
      other('vip-on-loopback', 'EX1', 'pass', /192\.0\.2\.25 is on Loopback/),
    ],
    answers: { 'dsr-ready': 'no', 'relay-safe': 'yes' },
  },
  {
    name: 'loopback adapter disabled',
    make: bent((file) => {
      file.adapters[1].status = 'Disabled';
    }),
    expected: [fail('loopback-adapter-present', 'EX2', 'critical', /is not up \(Disabled\)/)],
  },
  {
    name: 'loopback adapter with another name',
    make: bent((file) => {
      const text = JSON.stringify(file).replaceAll('"Loopback"', '"Ethernet 2"');
      Object.assign(file, JSON.parse(text));
    }),
    expected: [
      fail('loopback-adapter-named', 'EX2', 'info', /is named Ethernet 2, not Loopback/),
      other('vip-on-loopback', 'EX2', 'pass', /is on Ethernet 2/),
    ],
    answers: { 'dsr-ready': 'yes' },
  },
  {
    name: 'file sharing bound to the loopback adapter',
    make: bent((file) => {
      file.bindings[3].enabled = true;
    }),
    expected: [
      fail(
        'loopback-binds-only-ipv4',
        'EX2',
        'medium',
        /File and Printer Sharing \(ms_server\) on Loopback is bound without need/,
      ),
    ],
    answers: { 'dsr-ready': 'no' },
  },
  {
    name: 'IPv6 bound without an IPv6 VIP',
    make: bent((file) => {
      file.bindings[1].enabled = 'True';
    }),
    expected: [fail('loopback-binds-only-ipv4', 'EX2', 'low', /IPv6 \(ms_tcpip6\) on Loopback/)],
  },
  {
    name: 'IPv4 not bound to the loopback adapter',
    make: bent((file) => {
      file.bindings[0].enabled = 0;
    }),
    expected: [fail('loopback-binds-only-ipv4', 'EX2', 'critical', /IPv4 \(ms_tcpip\) is not bound to Loopback/)],
  },
  {
    name: 'VIP missing',
    make: bent((file) => {
      file.ipAddresses.splice(1, 1);
    }),
    expected: [
      fail('vip-on-loopback', 'EX2', 'critical', /the VIP 192\.0\.2\.25 is not on Loopback/),
      other('vip-mask-fits', 'EX2', 'unknown', /blocked by/),
    ],
    answers: { 'dsr-ready': 'no' },
  },
  {
    name: 'VIP a duplicate',
    make: bent((file) => {
      vip(file).addressState = 'Duplicate';
    }),
    expected: [fail('vip-on-loopback', 'EX2', 'critical', /is a duplicate: another host on the wire claims it/)],
  },
  {
    name: 'automatic address beside the VIP',
    make: bent((file) => {
      file.ipAddresses.push({
        alias: 'Loopback',
        ipAddress: '169.254.10.1',
        prefixLength: 16,
        addressState: 4,
        skipAsSource: false,
      });
    }),
    expected: [fail('vip-on-loopback', 'EX2', 'low', /has 169\.254\.10\.1, which is no VIP/)],
    answers: { 'dsr-ready': 'yes' },
  },
  {
    name: 'mask of the subnet and a low metric',
    make: bent((file) => {
      vip(file).prefixLength = 24;
      bothStores(file, 'Loopback', { interfaceMetric: 10 });
    }),
    expected: [
      fail('vip-mask-fits', 'EX2', 'low', /192\.0\.2\.25\/24 puts a route to the subnet on the loopback adapter/),
      fail('loopback-metric-high', 'EX2', 'high', /the metric of Loopback is 10, not 254, and the mask/),
    ],
    answers: { 'dsr-ready': 'no' },
  },
  {
    name: 'mask of the subnet and metric 254',
    make: bentBoth((file) => {
      vip(file).prefixLength = 24;
    }),
    expected: [
      other('vip-mask-fits', 'EX2', 'pass', /192\.0\.2\.25\/24/),
      other('loopback-metric-high', 'EX2', 'pass', /254/),
    ],
    answers: { 'dsr-ready': 'yes' },
  },
  {
    name: 'automatic metric turned on again',
    make: bentBoth((file) => bothStores(file, 'Loopback', { automaticMetric: 'Enabled' })),
    expected: [fail('loopback-metric-high', 'EX2', 'low', /somebody has turned the automatic metric on again/)],
    answers: { 'dsr-ready': 'yes' },
  },
  {
    name: 'NetBIOS left to DHCP',
    make: bent((file) => {
      file.netbios = { guid: file.netbios[0].guid, option: '0' };
    }),
    expected: [fail('netbios-disabled', 'EX2', 'medium', /is left to DHCP on Loopback/)],
    answers: { 'dsr-ready': 'yes' },
  },
  {
    name: 'NetBIOS setting not told',
    make: bent((file) => {
      file.netbios[0].option = null;
    }),
    expected: [other('netbios-disabled', 'EX2', 'unknown', /netbios: option of Loopback is empty/)],
  },
  {
    name: 'VIP registered in DNS',
    make: bent((file) => {
      file.dnsAnswers[0].addresses.push('192.0.2.25');
    }),
    expected: [
      fail('vip-not-registered-in-dns', 'EX2', 'medium', /DNS answers 192\.0\.2\.25, the VIP, for ex2\.contoso\.com/),
    ],
  },
  {
    name: 'DNS registration on, without a DNS server',
    make: bent((file) => {
      file.dnsClients[1].registers = true;
    }),
    expected: [fail('vip-not-registered-in-dns', 'EX2', 'low', /though it has no DNS server/)],
  },
  {
    name: 'gateway on the loopback adapter',
    make: bent((file) => {
      file.routes.push({
        prefix: '0.0.0.0/0',
        nextHop: '192.0.2.1',
        alias: 'Loopback',
        routeMetric: 1,
        interfaceMetric: 254,
      });
    }),
    expected: [fail('loopback-without-gateway', 'EX2', 'high', /Loopback has a default gateway \(192\.0\.2\.1\)/)],
    answers: { 'dsr-ready': 'no' },
  },
  {
    name: 'DNS server on the loopback adapter',
    make: bent((file) => {
      file.dnsClients[1].servers = '192.0.2.53';
    }),
    expected: [fail('loopback-without-gateway', 'EX2', 'low', /Loopback has DNS servers/)],
  },
  {
    name: 'half configured node',
    make: bent((file) => {
      bothStores(file, 'LAN', { weakHostReceive: '0' });
      bothStores(file, 'Loopback', { weakHostSend: 'Disabled', weakHostReceive: false });
    }),
    expected: [
      fail('lan-weak-host-receive', 'EX2', 'critical', /weak host receive is off for LAN \(IPv4\)/),
      fail('loopback-weak-host-send', 'EX2', 'critical', /weak host send is off for Loopback \(IPv4\)/),
      fail('loopback-weak-host-receive', 'EX2', 'critical', /weak host receive is off for Loopback \(IPv4\)/),
      fail('nodes-alike', 'EX2', 'high', /LAN IPv4 weak host receive is off \(EX1: on\)/),
    ],
    answers: { 'dsr-ready': 'no', 'relay-safe': 'yes' },
  },
  {
    name: 'set in the active store only',
    make: bent((file) => {
      Object.assign(row(file, 'Loopback', 'persistent'), { weakHostSend: 0 });
    }),
    expected: [
      fail('settings-persistent', 'EX2', 'high', /weak host send of Loopback will be another after a restart/),
    ],
    answers: { 'dsr-ready': 'no' },
  },
  {
    name: 'VIP on the LAN interface',
    make: bent((file) => {
      vip(file).alias = 'LAN';
    }),
    expected: [
      fail('vip-silent-on-lan', 'EX2', 'critical', /the VIP 192\.0\.2\.25 is on LAN, so the node answers ARP/),
    ],
  },
  {
    name: 'neighbour saw the node answer ARP for the VIP',
    make: bent((_, scene) => {
      scene.files.EX1.neighbors = [
        { alias: 'LAN', ipAddress: '192.0.2.12', linkLayerAddress: '00-50-56-AA-00-12', state: 4 },
        { alias: 'LAN', ipAddress: '192.0.2.25', linkLayerAddress: '00-50-56-AA-00-12', state: 4 },
      ];
    }),
    expected: [fail('vip-silent-on-lan', 'EX2', 'critical', /its neighbour EX1 has the hardware address of EX2/)],
  },
  {
    name: 'firewall blocks the loopback adapter',
    make: bent((file) => {
      file.firewall.inbound25 = [
        { profile: 1, action: 2, enabled: 1 },
        { profile: 'Public, Private', action: 'Block', enabled: true },
      ];
    }),
    expected: [fail('firewall-admits-smtp', 'EX2', 'high', /a block rule of the profile Public stops port 25/)],
    answers: { 'dsr-ready': 'no' },
  },
  {
    name: 'firewall exempts the loopback adapter',
    make: bentBoth((file) => {
      file.firewall.inbound25 = [{ profile: 4, action: 4, enabled: 1 }];
      file.firewall.profiles[2].disabledAliases = 'Loopback';
    }),
    expected: [other('firewall-admits-smtp', 'EX2', 'pass', /Loopback is exempt from the profile Public/)],
  },
  {
    name: 'load balancer as gateway',
    make: bent((file) => {
      file.routes[0].nextHop = '192.0.2.5';
    }),
    expected: [fail('return-path-symmetric', 'EX2', 'high', /its default gateway 192\.0\.2\.5 is the load balancer/)],
    answers: { 'dsr-ready': 'no' },
  },
  {
    name: 'connector bound to another address',
    make: bent((file) => {
      file.exchange.receiveConnectors[0].bindings = ['192.0.2.99:25'];
      relay(file).bindings = ['192.0.2.12:25'];
    }),
    expected: [
      fail(
        'connector-bound-to-vip',
        'EX2',
        'high',
        /no enabled front-end connector listens on 192\.0\.2\.25:25; .*192\.0\.2\.99:25, an address that the node does not have/,
      ),
    ],
    answers: { 'dsr-ready': 'no' },
  },
  {
    name: 'hidden open relay',
    make: bentBoth((file, node) => {
      file.logSummary = logSummary(node, 100);
      relay(file).remoteIPRanges = ['203.0.113.10', '192.0.2.1-192.0.2.9'];
    }),
    expected: [
      fail(
        'relay-connector-excludes-load-balancer',
        'EX2/Relay',
        'critical',
        /EX2\/Relay may relay .* holds a load-balancer address, and clients come with the load balancer's address: a hidden open relay/,
      ),
      fail('landing-connector-known', 'EX2', 'critical', /land on Relay, which may relay: every client does/),
      fail(
        'log-shows-client-addresses',
        'EX1',
        'critical',
        /^EX1: the load balancer hides the clients: 100 of 100 mail sessions \(100 %\) come from its address/,
      ),
      fail(
        'load-balancer-only-probes',
        undefined,
        'critical',
        /Mail of clients comes with the load balancer's address/,
      ),
      fail('evidence-agrees', undefined, 'high', /not switched to Direct Server Return yet/),
      fail('per-source-limits-fit', 'EX2/Default Frontend EX2', 'medium', /takes 20 connections and 2 % per source/),
    ],
    answers: { 'source-ip-visible': 'no', 'dsr-ready': 'yes', 'relay-safe': 'no' },
  },
  {
    name: 'relay connector with the load balancer, mode not known',
    make: bentBoth((file) => {
      relay(file).remoteIPRanges = ['192.0.2.5'];
    }),
    expected: [
      fail('relay-connector-excludes-load-balancer', 'EX1/Relay', 'high', /it is not known whether/),
      other('relay-scope-narrow', 'EX1/Relay', 'pass', /short list/),
    ],
    answers: { 'relay-safe': 'no' },
  },
  {
    name: 'relay connector with the load balancer, addresses preserved',
    make: bentBoth((file, node) => {
      file.logSummary = logSummary(node, 0);
      relay(file).remoteIPRanges = ['192.0.2.5'];
    }),
    expected: [
      fail(
        'relay-connector-excludes-load-balancer',
        'EX1/Relay',
        'low',
        /becomes an open relay when the load balancer's mode flips/,
      ),
      other(
        'log-shows-client-addresses',
        'EX2',
        'pass',
        /none of 100 mail sessions from 2 addresses comes from any of the 1 declared load-balancer addresses/,
      ),
      other('log-shows-vip-as-local', undefined, 'pass', /200 of 200/),
      other('evidence-agrees', undefined, 'pass', /preserved/),
    ],
    answers: { 'source-ip-visible': 'yes', 'relay-safe': 'yes' },
  },
  {
    name: 'no relay right on the connector with the load balancer',
    make: bentBoth((file, node) => {
      file.logSummary = logSummary(node, 100);
      relay(file).remoteIPRanges = ['192.0.2.5'];
      file.exchange.adPermissions.unshift({
        connector: relay(file).dn,
        sid: 'S-1-5-7',
        extendedRights: 'ms-exch-smtp-accept-any-recipient',
        deny: 'True',
        inherited: false,
      });
    }),
    expected: [other('relay-connector-excludes-load-balancer', 'EX1/Relay', 'pass', /grants nobody/)],
    answers: { 'relay-safe': 'yes' },
  },
  {
    name: 'relay for the whole world',
    make: bent((file) => {
      relay(file).remoteIPRanges = ['0.0.0.0-255.255.255.255'];
    }),
    expected: [
      fail(
        'relay-scope-narrow',
        'EX2/Relay',
        'critical',
        /admits too many: 0\.0\.0\.0-255\.255\.255\.255 is wider than a \/24/,
      ),
    ],
    answers: { 'relay-safe': 'no' },
  },
  {
    name: 'relay for a public address nobody approved',
    make: bent((file) => {
      relay(file).remoteIPRanges = ['198.51.100.9', '10.1.2.0/24', '203.0.113.0(255.255.255.240)'];
    }),
    expected: [fail('relay-scope-narrow', 'EX2/Relay', 'critical', /198\.51\.100\.9 holds public addresses\. It is/)],
  },
  {
    name: 'externally secured for a campus',
    make: bent((file) => {
      file.exchange.receiveConnectors.push(
        connector('EX2', 'Appliances', {
          authMechanism: 'Tls, ExternalAuthoritative',
          permissionGroups: 'ExchangeServers',
          remoteIPRanges: '10.0.0.0/8',
        }),
      );
    }),
    expected: [
      fail(
        'externally-secured-scope-narrow',
        'EX2/Appliances',
        'critical',
        /is externally secured and admits too many: 10\.0\.0\.0\/8/,
      ),
      fail('relay-scope-narrow', 'EX2/Appliances', 'critical', /ExternalAuthoritative with ExchangeServers/),
      fail('nodes-alike', 'EX2', 'high', /connector Appliances/),
    ],
    answers: { 'relay-safe': 'no' },
  },
  {
    name: 'permissions not read on one node',
    make: bent((file) => {
      file.errors = [{ section: 'exchange.adPermissions', message: 'Access is denied.' }];
    }),
    expected: [
      other(
        'relay-connector-excludes-load-balancer',
        'EX2',
        'unknown',
        /access denied \(exchange\.adPermissions: Access is denied\.\)/,
      ),
      other('relay-connector-excludes-load-balancer', 'EX1/Relay', 'pass', /no load-balancer address/),
      other('vip-on-loopback', 'EX2', 'pass', /preferred/),
    ],
    answers: { 'relay-safe': 'undetermined', 'dsr-ready': 'yes' },
  },
  {
    name: 'no facts of one node',
    make: bent((_, scene) => {
      delete scene.files.EX2;
    }),
    expected: [
      other('vip-on-loopback', 'EX2', 'unknown', /there is no fact file of this node/),
      other('vip-on-loopback', 'EX1', 'pass', /preferred/),
      other('nodes-alike', 'EX1', 'unknown', /network adapters of EX2: not supplied/),
    ],
    answers: { 'dsr-ready': 'undetermined', 'relay-safe': 'undetermined' },
  },
  {
    name: 'facts of the week before',
    make: bent((file) => {
      file.collectedAt = '\\/Date(1794902400000)\\/'.replaceAll('\\', '');
    }),
    expected: [
      fail('facts-fresh', 'EX2', 'medium', /its facts are of 2026-11-17/),
      other('vip-on-loopback', 'EX2', 'unknown', /too old/),
      other('facts-fresh', 'EX1', 'pass', /collected/),
    ],
    answers: { 'dsr-ready': 'undetermined' },
  },
  {
    name: 'no protocol log',
    make: bent((file) => {
      relay(file).protocolLoggingLevel = 'None';
    }),
    expected: [fail('protocol-log-verbose', 'EX2/Relay', 'medium', /writes no protocol log/)],
  },
  {
    name: 'log partly from the load balancer',
    make: () => {
      const scene = healthy();
      scene.files.EX1.logSummary = logSummary('EX1', 0);
      scene.files.EX2.logSummary = logSummary('EX2', 50);
      return scene;
    },
    expected: [
      other('log-shows-client-addresses', 'EX1', 'pass', /^EX1: client addresses are preserved/),
      fail(
        'log-shows-client-addresses',
        'EX2',
        'critical',
        /^EX2: the load balancer hides some clients: 50 of 100 mail sessions \(50 %\)/,
      ),
    ],
    answers: { 'source-ip-visible': 'no' },
  },
  {
    name: 'mail of the load balancer itself',
    make: () => {
      const scene = healthy();
      scene.files.EX1.logSummary = logSummary('EX1', 4);
      scene.files.EX1.logSummary.byRemote[0].ehloNames = 1;
      scene.files.EX2.logSummary = logSummary('EX2', 0);
      return scene;
    },
    expected: [
      fail('load-balancer-only-probes', undefined, 'low', /itself sent mail in 4 of 200 mail sessions/),
      other(
        'log-shows-client-addresses',
        'EX1',
        'pass',
        /none of 96 mail sessions.*4 sessions of the load balancer's own mail are left out/,
      ),
    ],
    answers: { 'source-ip-visible': 'yes' },
  },
  {
    name: 'too few sessions in the log',
    make: () => {
      const scene = healthy();
      scene.files.EX1.logSummary = logSummary('EX1', 0);
      scene.files.EX1.logSummary.byRemote = [
        { ...scene.files.EX1.logSummary.byRemote[1], mailSessions: 19, sessions: 19 },
      ];
      return scene;
    },
    expected: [
      other('log-shows-client-addresses', 'EX1', 'unknown', /19 mail sessions are in the log, and it takes 20/),
      other('evidence-agrees', undefined, 'unknown', /not enough to go by \(only the configuration/),
    ],
    answers: { 'source-ip-visible': 'undetermined' },
  },
  {
    name: 'old and short log',
    make: () => {
      const scene = healthy();
      scene.files.EX1.logSummary = logSummary('EX1', 100, { from: '2026-11-23T04:00:00Z', to: '2026-11-23T06:00:00Z' });
      return scene;
    },
    expected: [
      fail('log-fresh', undefined, 'medium', /is of 2026-11-23T06:00:00\.000Z, 27 h ago/),
      other('log-shows-client-addresses', 'EX1', 'unknown', /too old/),
      other('load-balancer-only-probes', undefined, 'unknown', /blocked by smtp-source-ip\/log-fresh/),
    ],
    answers: { 'source-ip-visible': 'undetermined' },
  },
  {
    name: 'log rotated away, sessions past the VIP, one undeclared address',
    make: () => {
      const scene = healthy();
      const summary = logSummary('EX1', 0, { from: '2026-11-24T02:00:00Z' });
      Object.assign(summary.byRemote[1], { mailSessions: 96, sessions: 96, ehloNames: 40, localIps: '192.0.2.11' });
      Object.assign(summary.byRemote[2], { mailSessions: 4, sessions: 4 });
      scene.files.EX1.logSummary = summary;
      return scene;
    },
    expected: [
      fail('log-retention-sufficient', undefined, 'low', /reaches back 7 h only/),
      fail('log-shows-vip-as-local', undefined, 'low', /4 of 100 mail sessions have the VIP as local address/),
      fail(
        'one-address-few-clients',
        'EX1',
        'medium',
        /198\.51\.100\.40 sends 96 % of the clients' mail under 40 EHLO names/,
      ),
    ],
  },
  {
    name: 'sessions of the load balancer with the right to relay',
    make: bentBoth((file, node) => {
      file.logSummary = logSummary(node, 4);
      Object.assign(file.logSummary.byRemote[0], { anyRecipientSessions: 12, ehloNames: 2 });
    }),
    expected: [
      fail(
        'no-relay-sessions-from-load-balancer',
        undefined,
        'critical',
        /24 sessions from a load-balancer address were granted SMTPAcceptAnyRecipient, without signing in, on EX1\/Default Frontend EX1 and EX2/,
      ),
    ],
    answers: { 'relay-safe': 'no' },
  },
  {
    name: 'probe sees the load balancer, log says preserved',
    make: bentBoth((file, node) => {
      file.logSummary = logSummary(node, 0);
      if (node === 'EX1') file.probes = probes('192.0.2.5');
    }),
    expected: [
      fail(
        'probe-shows-client-address',
        'EX2',
        'critical',
        /^EX2: the load balancer hides the client: through the VIP it sees 192\.0\.2\.5, not us/,
      ),
      other('control-shows-client-address', 'EX1', 'pass', /our address 198\.51\.100\.7/),
      other('every-node-answered', 'EX2', 'pass', /EX2 answered through the VIP/),
      other('vip-path-answers', undefined, 'pass', /192\.0\.2\.25:25 answers/),
      fail(
        'evidence-agrees',
        undefined,
        'high',
        /^EX1 and EX2: the probe says that clients are hidden, the log says that client addresses are preserved/,
      ),
    ],
    answers: { 'source-ip-visible': 'no' },
  },
  {
    name: 'probe sees the prober',
    make: bentBoth((file, node) => {
      if (node === 'EX1') file.probes = probes('198.51.100.7');
    }),
    expected: [
      other(
        'probe-shows-client-address',
        'EX1',
        'pass',
        /through the VIP it sees our own address 198\.51\.100\.7, none of the 1 declared load-balancer addresses/,
      ),
    ],
    answers: { 'source-ip-visible': 'yes' },
  },
  {
    name: 'one node never answers, and an address is translated on the way',
    make: bentBoth((file, node) => {
      if (node !== 'EX1') return;
      const all = probes('198.51.100.99');
      file.probes = [all[0], { ...all[2], helloIp: '198.51.100.99' }];
    }),
    expected: [
      fail('every-node-answered', 'EX2', 'low', /EX2 did not answer through the VIP in 1 try/),
      fail('control-shows-client-address', 'EX1', 'low', /sees 198\.51\.100\.99, not our address/),
      other('control-shows-client-address', 'EX2', 'unknown', /nobody greeted EX2 directly/),
      other('probe-shows-client-address', 'EX1', 'pass', /198\.51\.100\.99/),
      other(
        'probe-shows-client-address',
        'EX2',
        'unknown',
        /the probe did not reach EX2 through 192\.0\.2\.25:25, only EX1/,
      ),
    ],
  },
  {
    name: 'VIP hangs while the nodes answer',
    make: bentBoth((file, node) => {
      if (node === 'EX1') file.probes = probes(undefined, { banner: '', error: 'no connection within 15 s' });
    }),
    expected: [
      fail(
        'vip-path-answers',
        undefined,
        'high',
        /192\.0\.2\.25:25 does not answer, while the nodes answer directly: Direct Server Return is half set up/,
      ),
      other('probe-shows-client-address', 'EX1', 'unknown', /no connection within 15 s/),
    ],
    answers: { 'dsr-ready': 'no', 'source-ip-visible': 'undetermined' },
  },
  {
    name: 'VIP hangs for one of the nodes',
    make: bentBoth((file, node) => {
      if (node !== 'EX1') return;
      const [first, second, ...direct] = probes('198.51.100.7');
      const silent = { ...second, banner: '', helloIp: null, error: 'no connection within 15 s' };
      file.probes = [first, silent, silent, ...direct];
    }),
    expected: [
      fail(
        'vip-path-answers',
        undefined,
        'high',
        /192\.0\.2\.25:25 answers some connections only, while the nodes answer directly: Direct Server Return is half/,
      ),
      fail('every-node-answered', 'EX2', 'low', /EX2 did not answer through the VIP in 1 try/),
    ],
    answers: { 'dsr-ready': 'no' },
  },
  {
    name: 'everything times out',
    make: bentBoth((file, node) => {
      if (node === 'EX1')
        file.probes = probes(undefined).map((one) => ({
          ...one,
          banner: '',
          helloIp: '',
          error: 'no connection within 15 s',
        }));
    }),
    expected: [
      other('vip-path-answers', undefined, 'unknown', /port 25 may be blocked/),
      other('probe-shows-client-address', 'EX1', 'unknown', /no answer in time/),
    ],
    answers: { 'source-ip-visible': 'undetermined', 'dsr-ready': 'yes' },
  },
  {
    name: 'source NAT accepted',
    make: bentBoth(
      (file, node) => {
        file.logSummary = logSummary(node, 100);
        relay(file).remoteIPRanges = ['192.0.2.5'];
      },
      { mode: 'snat-accepted' },
    ),
    expected: [
      fail('log-shows-client-addresses', 'EX1', 'info', /hides the clients/),
      other('vip-on-loopback', undefined, 'not_applicable', /declared as snat-accepted/),
      fail('relay-connector-excludes-load-balancer', 'EX1/Relay', 'critical', /hidden open relay/),
    ],
    answers: { 'source-ip-visible': 'not_applicable', 'dsr-ready': 'not_applicable', 'relay-safe': 'no' },
  },
  {
    name: 'transparent',
    make: bentBoth(
      (file, node) => {
        file.logSummary = logSummary(node, 0);
      },
      { mode: 'transparent' },
    ),
    expected: [other('nodes-alike', undefined, 'not_applicable', /declared as transparent/)],
    answers: { 'source-ip-visible': 'yes', 'dsr-ready': 'not_applicable', 'relay-safe': 'yes' },
  },
  {
    name: 'IPv6 VIP on nodes that are set up for IPv4',
    make: bentBoth(() => {}, { vips: ['192.0.2.25:25', '[2001:db8::25]:25'] }),
    expected: [
      fail('lan-weak-host-receive', 'EX1', 'critical', /LAN \(IPv6, which Windows does not list there\)/),
      fail('vip-on-loopback', 'EX1', 'critical', /the VIP 2001:db8::25 is not on Loopback/),
      fail('loopback-binds-only-ipv4', 'EX1', 'critical', /IPv6 \(ms_tcpip6\) is not bound to Loopback/),
      fail('loopback-metric-high', 'EX1', 'low', /Windows lists no IPv6 settings for Loopback/),
      fail('return-path-symmetric', 'EX1', 'high', /no default gateway for IPv6/),
      other('connector-bound-to-vip', 'EX1', 'pass', /every VIP and port/),
    ],
    answers: { 'dsr-ready': 'no' },
  },
  {
    name: 'nothing told about the loopback adapter',
    make: bent((file) => {
      file.dnsClients.pop();
      file.netbios = [];
      file.bindings.splice(0, 4);
    }),
    expected: [
      other('vip-not-registered-in-dns', 'EX2', 'unknown', /registers of Loopback is empty/),
      other('netbios-disabled', 'EX2', 'unknown', /option of Loopback is empty/),
      other('loopback-binds-only-ipv4', 'EX2', 'unknown', /none is listed for Loopback/),
    ],
    answers: { 'dsr-ready': 'undetermined' },
  },
  {
    name: 'two loopback adapters, a VIP on each',
    make: bentBoth(
      (file) => {
        file.adapters.push({
          ...file.adapters[1],
          name: 'Loopback 2',
          interfaceGuid: '{99}',
          interfaceDescription: 'Microsoft KM-TEST Loopback Adapter #2',
          componentId: null,
        });
        file.ipAddresses.push({ ...vip(file), alias: 'Loopback 2', ipAddress: '192.0.2.26' });
        for (const store of ['active', 'persistent'])
          file.ipInterfaces.push({ ...row(file, 'Loopback', store), alias: 'Loopback 2', weakHostSend: 0 });
        file.bindings.push({ name: 'Loopback 2', componentId: 'ms_tcpip', enabled: true });
        file.netbios.push({ guid: '{99}', option: 2 });
        file.dnsClients.push({ alias: 'Loopback 2', registers: false, servers: [] });
      },
      { vips: ['192.0.2.25:25', '192.0.2.26:25'] },
    ),
    expected: [
      fail('loopback-weak-host-send', 'EX1', 'critical', /off for Loopback 2 \(IPv4\):/),
      other('vip-on-loopback', 'EX1', 'pass', /192\.0\.2\.25 and 192\.0\.2\.26 are on Loopback and Loopback 2/),
    ],
  },
  {
    name: 'relay test accepted',
    make: () => ({
      ...healthy(),
      relayTest: [{ target: '192.0.2.25:25', reply: '250 2.1.5 Recipient OK', accepted: true }],
    }),
    expected: [
      fail('relay-refused', undefined, 'critical', /192\.0\.2\.25:25 accepted a recipient of a foreign domain/),
    ],
    answers: { 'relay-safe': 'no' },
  },
  {
    name: 'relay test refused, roomy limits under source NAT',
    make: () => {
      const scene = bentBoth((file, node) => {
        file.logSummary = logSummary(node, 100);
        for (const one of file.exchange.receiveConnectors) {
          one.maxInboundConnectionPerSource = 'unlimited';
          one.maxInboundConnectionPercentagePerSource = '100';
        }
      })();
      const test = { target: '192.0.2.25:25', node: 'EX1', reply: '550 5.7.54 SMTP; Unable to relay', accepted: false };
      return { ...scene, relayTest: [test] };
    },
    expected: [
      other('relay-refused', undefined, 'pass', /refused a recipient of a foreign domain/),
      other('per-source-limits-fit', 'EX1/Relay', 'pass', /does not throttle/),
    ],
    answers: { 'relay-safe': 'yes' },
  },
  {
    name: 'changed since the baseline',
    make: async () => {
      const accepted = healthy();
      for (const file of Object.values(accepted.files)) file.collectedAt = '2026-11-01T06:00:00.000Z';
      const scene = healthy();
      scene.accepted = baselineOf(scene.service, await factsOf(accepted), {
        at: '2026-11-01T08:00:00.000Z',
        by: 'Mail team',
      })?.facts;
      bothStores(scene.files.EX2, 'LAN', { weakHostReceive: 0 });
      relay(scene.files.EX2).whenChangedUtc = '2026-11-20T10:00:00Z';
      return scene;
    },
    expected: [
      fail(
        'baseline-kept',
        'EX2',
        'critical',
        /EX2 has changed since 2026-11-01T08:00:00\.000Z: LAN IPv4 weak host receive was on, is off/,
      ),
      other('baseline-kept', 'EX1', 'pass', /as accepted on 2026-11-01T08:00:00\.000Z by Mail team/),
      fail(
        'connectors-unchanged',
        'EX2/Relay',
        'medium',
        /was changed on 2026-11-20.*after the baseline of 2026-11-01T06:00/,
      ),
      other('connectors-unchanged', 'EX1/Relay', 'pass', /unchanged/),
    ],
  },
];

/** Scenes that are kept as golden cases: together they show every rule passing and failing. */
export const goldenScenes: readonly string[] = [
  'healthy configuration alone',
  'no loopback adapter',
  'loopback adapter with another name',
  'file sharing bound to the loopback adapter',
  'VIP missing',
  'mask of the subnet and a low metric',
  'NetBIOS left to DHCP',
  'VIP registered in DNS',
  'gateway on the loopback adapter',
  'half configured node',
  'set in the active store only',
  'VIP on the LAN interface',
  'firewall blocks the loopback adapter',
  'load balancer as gateway',
  'connector bound to another address',
  'hidden open relay',
  'relay connector with the load balancer, addresses preserved',
  'relay for the whole world',
  'externally secured for a campus',
  'facts of the week before',
  'no protocol log',
  'mail of the load balancer itself',
  'old and short log',
  'log rotated away, sessions past the VIP, one undeclared address',
  'sessions of the load balancer with the right to relay',
  'probe sees the load balancer, log says preserved',
  'probe sees the prober',
  'one node never answers, and an address is translated on the way',
  'VIP hangs while the nodes answer',
  'VIP hangs for one of the nodes',
  'source NAT accepted',
  'relay test accepted',
  'relay test refused, roomy limits under source NAT',
  'changed since the baseline',
];

export { now };
