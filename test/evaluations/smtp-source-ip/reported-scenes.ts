import { bent, bentBoth, bothStores, fail, type NamedScene, other, relay, vip } from './scenes.ts';
import { type FactFile, healthy, logSummary, probes, type Scene } from './service.ts';

/** The document's nodes, VIPs and so on changed in the healthy service. */
function declared(changes: Partial<Scene['service']>): Scene {
  const scene = healthy();
  return { ...scene, service: { ...scene.service, ...changes } };
}

/** Mail sessions of one address, as a row of a log summary. */
const clientRow = (node: string, remoteIp: string, mailSessions: number, changes: object = {}): FactFile => ({
  connector: `${node}\\Default Frontend ${node}`,
  remoteIp,
  localIps: ['192.0.2.25'],
  sessions: mailSessions,
  mailSessions,
  probeSessions: 0,
  ehloNames: 1,
  anyRecipientSessions: 0,
  ...changes,
});

const withRows = (node: string, ...byRemote: FactFile[]) => logSummary(node, 0, { byRemote });

/** A second loopback adapter with the VIP 192.0.2.26, set up like the first. */
function secondLoopback(file: FactFile): void {
  file.adapters.push({
    ...file.adapters[1],
    name: 'Loopback 2',
    interfaceGuid: '{99}',
    interfaceDescription: 'Microsoft KM-TEST Loopback Adapter #2',
  });
  file.ipAddresses.push({ ...vip(file), alias: 'Loopback 2', ipAddress: '192.0.2.26' });
  for (const one of file.ipInterfaces.filter(({ alias }: FactFile) => alias === 'Loopback')) {
    file.ipInterfaces.push({ ...one, alias: 'Loopback 2' });
  }
  for (const one of file.bindings.filter(({ name }: FactFile) => name === 'Loopback')) {
    file.bindings.push({ ...one, name: 'Loopback 2' });
  }
  file.netbios.push({ guid: '{99}', option: 2 });
  file.dnsClients.push({ alias: 'Loopback 2', registers: false, servers: [] });
}

const anonymousRow = (node: string, changes: object): FactFile => ({
  connector: `${node}\\Relay`,
  sid: 'S-1-5-7',
  extendedRights: ['Ms-Exch-SMTP-Accept-Any-Recipient'],
  deny: false,
  inherited: false,
  ...changes,
});
const openScope = (file: FactFile) => {
  relay(file).remoteIPRanges = ['0.0.0.0-255.255.255.255'];
};

/** Situations that people reported, each re-made and standing for a kind. */
export const reportedScenes: readonly NamedScene[] = [
  {
    name: 'the log of one node could not be read',
    make: bent((file, scene) => {
      scene.files.EX1.logSummary = logSummary('EX1', 0);
      file.errors = [{ section: 'logSummary', message: 'Access to the path is denied.' }];
    }),
    expected: [
      other('log-shows-client-addresses', 'EX1', 'pass', /client addresses are preserved/),
      other('log-shows-client-addresses', 'EX2', 'unknown', /the log of EX2 \(.*denied/),
      other('log-fresh', undefined, 'pass', /Not read to the end: the log of EX2 \(/),
      other('no-relay-sessions-from-load-balancer', undefined, 'manual', /could be read of the receive log\. Not read/),
      other('no-unapproved-relay-sessions', undefined, 'manual', /could be read of the receive log\. Not read/),
    ],
    answers: { 'source-ip-visible': 'undetermined', 'relay-safe': 'undetermined' },
  },
  {
    name: 'rights of the anonymous logon in one text',
    make: bent((file) => {
      openScope(file);
      const row = file.exchange.adPermissions.find(
        ({ connector, sid }: FactFile) => connector.endsWith('Relay') && sid === 'S-1-5-7',
      );
      row.extendedRights = 'Ms-Exch-SMTP-Submit Ms-Exch-SMTP-Accept-Any-Sender Ms-Exch-SMTP-Accept-Any-Recipient';
    }),
    expected: [fail('relay-scope-narrow', 'EX2/Relay', 'critical', /EX2\/Relay may relay .* is wider than a \/24/)],
    answers: { 'relay-safe': 'no' },
  },
  // Proof per node.
  {
    name: 'one node hides its clients, and the probe reached the other only',
    make: bentBoth((file, node) => {
      if (node === 'EX1') file.probes = probes('198.51.100.7').filter(({ banner }) => banner.includes('ex1'));
      const hidden = clientRow('EX2', '192.0.2.5', 80, { localIps: ['192.0.2.12'], ehloNames: 31 });
      file.logSummary = node === 'EX1' ? logSummary(node, 0) : withRows(node, hidden);
    }),
    expected: [
      other('probe-shows-client-address', 'EX1', 'pass', /^EX1: through the VIP it sees our own address/),
      other('probe-shows-client-address', 'EX2', 'unknown', /did not reach EX2 .* only EX1: what one node shows says/),
      fail('log-shows-client-addresses', 'EX2', 'critical', /^EX2: the load balancer hides the clients: 80 of 80/),
      fail('evidence-agrees', undefined, 'high', /the load balancer still hides some clients from EX2/),
    ],
    answers: { 'source-ip-visible': 'no' },
  },
  {
    name: 'a log of one node only',
    make: bentBoth((file, node) => {
      if (node === 'EX1') file.logSummary = logSummary(node, 0);
    }),
    expected: [
      other('log-shows-client-addresses', 'EX1', 'pass', /^EX1: client addresses are preserved/),
      other('log-shows-client-addresses', 'EX2', 'unknown', /the receive log holds no session of EX2/),
    ],
    answers: { 'source-ip-visible': 'undetermined' },
  },
  {
    name: 'greetings that name no node',
    make: bentBoth((file, node) => {
      if (node === 'EX1')
        file.probes = probes('198.51.100.7').map((one) => ({ ...one, banner: '220 mail.contoso.com ready' }));
    }),
    expected: [
      other('probe-shows-client-address', 'EX1', 'unknown', /answered as "mail\.contoso\.com", which names no node/),
    ],
    answers: { 'source-ip-visible': 'undetermined' },
  },
  {
    name: 'greetings that name no node and show the load balancer',
    make: bentBoth((file, node) => {
      if (node === 'EX1')
        file.probes = probes('192.0.2.5').map((one) => ({
          ...one,
          banner: '220 mail.contoso.com ready',
          helloIp: one.via === 'vip' ? one.helloIp : '198.51.100.7',
        }));
    }),
    expected: [
      fail(
        'probe-shows-client-address',
        'EX2',
        'critical',
        /through the VIP a node that does not name itself sees 192\.0\.2\.5, not us/,
      ),
    ],
    answers: { 'source-ip-visible': 'no' },
  },
  {
    name: 'clients that come past the VIP',
    make: bentBoth((file, node) => {
      file.logSummary = withRows(
        node,
        clientRow(node, '198.51.100.40', 30, { localIps: ['192.0.2.11'] }),
        clientRow(node, '198.51.100.41', 30, { localIps: ['192.0.2.11'] }),
      );
    }),
    expected: [
      other(
        'log-shows-client-addresses',
        'EX1',
        'unknown',
        /0 mail sessions are in the log, and it takes 20 to decide; 60 that did not arrive at the VIP prove nothing about it/,
      ),
    ],
    answers: { 'source-ip-visible': 'undetermined' },
  },
  {
    name: 'the log of a server that is no node',
    make: bentBoth((file, node) => {
      file.logSummary = withRows(node, clientRow('HUB9', '198.51.100.40', 30), clientRow('HUB9', '198.51.100.41', 30));
    }),
    expected: [
      other(
        'log-shows-client-addresses',
        'EX1',
        'unknown',
        /no session of EX1 on a port of the service; it holds sessions of HUB9, which is no node of the service/,
      ),
    ],
    answers: { 'source-ip-visible': 'undetermined' },
  },
  // A suspicion is not yes.
  {
    name: 'a pool of two addresses that nobody declared',
    make: bentBoth((file, node) => {
      const own = { localIps: ['192.0.2.11'], ehloNames: 20 };
      file.logSummary = withRows(node, clientRow(node, '192.0.2.7', 50, own), clientRow(node, '192.0.2.8', 50, own));
    }),
    expected: [
      fail(
        'one-address-few-clients',
        'EX1',
        'medium',
        /^EX1: 192\.0\.2\.7 and 192\.0\.2\.8 send 100 % of the clients' mail, each under 20 EHLO names or more: they look like an undeclared/,
      ),
      other('log-shows-client-addresses', 'EX2', 'unknown', /192\.0\.2\.7 \(20 greeting names\) and 192\.0\.2\.8/),
    ],
    answers: { 'source-ip-visible': 'undetermined', 'relay-safe': 'undetermined' },
  },
  {
    name: 'one address family is translated',
    make: () => {
      const scene = declared({ mode: 'transparent', vips: ['192.0.2.25:25', '[2001:db8::25]:25'] });
      for (const [node, file] of Object.entries(scene.files)) {
        file.logSummary = withRows(
          node,
          ...Array.from({ length: 30 }, (_, index) => clientRow(node, `198.51.100.${index + 1}`, 2)),
          clientRow(node, '2001:db8::7', 25, { localIps: ['2001:db8::25'], ehloNames: 4 }),
        );
      }
      return scene;
    },
    expected: [fail('one-address-few-clients', 'EX1', 'medium', /2001:db8::7 sends 29 % of the clients' mail under 4/)],
    answers: { 'source-ip-visible': 'undetermined', 'relay-safe': 'undetermined' },
  },
  {
    name: 'a branch office on the list of relay clients speaks for many',
    make: bentBoth((file, node) => {
      file.logSummary = withRows(
        node,
        clientRow(node, '203.0.113.9', 60, { ehloNames: 25 }),
        clientRow(node, '198.51.100.40', 40),
      );
    }),
    expected: [
      other('one-address-few-clients', 'EX1', 'pass', /no undeclared address speaks for many senders/),
      other('log-shows-client-addresses', 'EX1', 'pass', /preserved/),
    ],
    answers: { 'source-ip-visible': 'yes', 'relay-safe': 'yes' },
  },
  {
    name: 'the probe of every node outranks a suspicion',
    make: bentBoth((file, node) => {
      if (node === 'EX1') file.probes = probes('198.51.100.7');
      file.logSummary = withRows(node, clientRow(node, '198.51.100.99', 90, { ehloNames: 16 }));
    }),
    expected: [fail('one-address-few-clients', 'EX2', 'medium', /198\.51\.100\.99 sends 100 %/)],
    answers: { 'source-ip-visible': 'yes', 'relay-safe': 'yes' },
  },
  {
    name: 'no load balancer declared, as behind Azure',
    make: () => {
      const scene = declared({ loadBalancerAddresses: [] });
      for (const [node, file] of Object.entries(scene.files)) file.logSummary = logSummary(node, 0);
      return scene;
    },
    expected: [
      other(
        'log-shows-client-addresses',
        'EX1',
        'unknown',
        /no load-balancer address is declared.*Azure load balancer declare 168\.63\.129\.16/,
      ),
    ],
    answers: { 'source-ip-visible': 'undetermined' },
  },
  // Relaying.
  {
    name: 'a monitor that says MAIL FROM lands on the relay connector',
    make: bentBoth((file, node) => {
      file.logSummary = withRows(
        node,
        clientRow(node, '192.0.2.5', 900, { localIps: ['192.0.2.11'], anyRecipientSessions: 900 }),
        clientRow(node, '198.51.100.40', 30),
        clientRow(node, '198.51.100.41', 30),
      );
    }),
    expected: [
      other('load-balancer-only-probes', undefined, 'pass', /1800 of its sessions say MAIL FROM under one name/),
      other('no-relay-sessions-from-load-balancer', undefined, 'pass', /monitors do not count/),
      other(
        'log-shows-client-addresses',
        'EX1',
        'pass',
        /none of 60 mail sessions.*900 sessions of the load balancer's/,
      ),
    ],
    answers: { 'source-ip-visible': 'yes', 'relay-safe': 'yes' },
  },
  {
    name: 'an inherited deny does not outweigh an explicit allow',
    make: bent((file) => {
      openScope(file);
      file.exchange.adPermissions.push(anonymousRow('EX2', { deny: true, inherited: true }));
    }),
    expected: [fail('relay-scope-narrow', 'EX2/Relay', 'critical', /anonymous senders \(S-1-5-7\) have the right/)],
    answers: { 'relay-safe': 'no' },
  },
  {
    name: 'an explicit deny outweighs an inherited allow',
    make: bent((file) => {
      openScope(file);
      Object.assign(file.exchange.adPermissions[0], { inherited: true });
      file.exchange.adPermissions.push(anonymousRow('EX2', { deny: true }));
    }),
    expected: [other('relay-scope-narrow', 'EX2/Relay', 'pass', /grants nobody who has not signed in/)],
    answers: { 'relay-safe': 'yes' },
  },
  {
    name: 'an inherited allow is an open relay, and its remedy denies',
    make: bent((file) => {
      openScope(file);
      Object.assign(file.exchange.adPermissions[0], { inherited: true });
    }),
    expected: [fail('relay-scope-narrow', 'EX2/Relay', 'critical', /by inheritance/)],
    answers: { 'relay-safe': 'no' },
  },
  {
    name: 'full control of the anonymous logon, named in German',
    make: bent((file) => {
      openScope(file);
      Object.assign(file.exchange.adPermissions[0], {
        sid: 'NT-AUTORITÄT\\ANONYMOUS-ANMELDUNG',
        extendedRights: null,
        accessRights: 'GenericAll',
      });
    }),
    expected: [fail('relay-scope-narrow', 'EX2/Relay', 'critical', /have full control of it/)],
    answers: { 'relay-safe': 'no' },
  },
  {
    name: 'permissions of one connector are missing, another is an open relay',
    make: bent((file) => {
      openScope(file);
      file.exchange.adPermissions.pop();
    }),
    expected: [
      other(
        'relay-scope-narrow',
        'EX2/Default Frontend EX2',
        'manual',
        /admits anonymous senders, and the fact file does not hold what they may do there/,
      ),
      fail('relay-scope-narrow', 'EX2/Relay', 'critical', /admits too many/),
    ],
    answers: { 'relay-safe': 'no' },
  },
  {
    name: 'no permission at all in the file',
    make: bent((file) => {
      file.exchange.adPermissions = [];
    }),
    expected: [
      other('relay-connector-excludes-load-balancer', 'EX2/Relay', 'manual', /not known whether they may relay/),
    ],
    answers: { 'relay-safe': 'undetermined', 'dsr-ready': 'yes' },
  },
  {
    name: 'permissions of a connector that nobody knows',
    make: bent((file) => {
      file.exchange.adPermissions.push(anonymousRow('EX1', {}));
    }),
    expected: [
      other(
        'relay-scope-narrow',
        'EX2',
        'unknown',
        /not readable \(adPermissions: "EX1\\Relay" is no receive connector/,
      ),
    ],
    answers: { 'relay-safe': 'undetermined' },
  },
  {
    name: 'permissions of an account without a SID',
    make: bent((file) => {
      file.exchange.adPermissions.push(anonymousRow('EX2', { sid: 'CONTOSO\\scanner' }));
    }),
    expected: [other('relay-scope-narrow', 'EX2', 'unknown', /"CONTOSO\\scanner" is no SID/)],
    answers: { 'relay-safe': 'undetermined' },
  },
  {
    name: 'Exchange’s own accounts by name',
    make: bent((file) => {
      file.exchange.adPermissions.push(anonymousRow('EX2', { sid: 'MS Exchange\\Externally Secured Servers' }));
    }),
    expected: [other('relay-scope-narrow', 'EX2/Relay', 'pass', /short list/)],
    answers: { 'relay-safe': 'yes' },
  },
  {
    name: 'a client that nobody approved may relay',
    make: bentBoth((file, node) => {
      const granted = { connector: `${node}\\Relay`, anyRecipientSessions: 12 };
      file.logSummary = withRows(
        node,
        clientRow(node, '198.51.100.9', 12, granted),
        clientRow(node, '203.0.113.10', 12, granted),
      );
    }),
    expected: [
      fail(
        'no-unapproved-relay-sessions',
        undefined,
        'high',
        /^198\.51\.100\.9 was granted SMTPAcceptAnyRecipient on EX1\/Relay and EX2\/Relay without signing in, and is not on the list/,
      ),
    ],
    answers: { 'relay-safe': 'no' },
  },
  {
    name: 'clients may relay, and there is no list of them',
    make: () => {
      const scene = declared({ relayClients: [] });
      for (const [node, file] of Object.entries(scene.files)) {
        relay(file).remoteIPRanges = ['10.1.2.3'];
        file.logSummary = withRows(node, clientRow(node, '10.1.2.3', 12, { anyRecipientSessions: 12 }));
      }
      return scene;
    },
    expected: [
      other(
        'no-unapproved-relay-sessions',
        undefined,
        'not_applicable',
        /No "relayClients" .* 10\.1\.2\.3 may relay on/,
      ),
    ],
    answers: { 'relay-safe': 'yes' },
  },
  // Each VIP with its own loopback.
  {
    name: 'the loopback adapter of packet capture on one node',
    make: bent((file) => {
      file.adapters.splice(1, 0, {
        name: 'Npcap Loopback Adapter',
        interfaceDescription: 'Npcap Loopback Adapter',
        status: 'Up',
        componentId: '*msloop',
      });
      file.bindings.push({ name: 'Npcap Loopback Adapter', componentId: 'ms_server', enabled: true });
      file.netbios.push({ guid: '{77}', option: 0 });
      file.dnsClients.push({ alias: 'Npcap Loopback Adapter', registers: true, servers: [] });
      for (const one of file.ipInterfaces.filter(({ alias }: FactFile) => alias === 'Loopback')) {
        file.ipInterfaces.push({ ...one, alias: 'Npcap Loopback Adapter', weakHostSend: 0, interfaceMetric: 75 });
      }
    }),
    expected: [
      other('nodes-alike', 'EX2', 'pass', /set up like EX1/),
      other('loopback-weak-host-send', 'EX2', 'pass', /is on for Loopback \(IPv4\)/),
    ],
    answers: { 'dsr-ready': 'yes' },
  },
  {
    name: 'packet capture alone is no loopback adapter for the VIP',
    make: bent((file) => {
      Object.assign(file.adapters[1], {
        name: 'Npcap Loopback Adapter',
        interfaceDescription: 'Npcap Loopback Adapter',
      });
      file.ipAddresses.splice(1, 1);
      file.bindings[0].name = 'Npcap Loopback Adapter';
      file.dnsClients[1].alias = 'Npcap Loopback Adapter';
    }),
    expected: [fail('loopback-adapter-present', 'EX2', 'critical', /there is no loopback adapter/)],
    answers: { 'dsr-ready': 'no' },
  },
  {
    name: 'a localised loopback adapter without its component',
    make: bent((file) => {
      Object.assign(file.adapters[1], {
        interfaceDescription: 'KM-TEST-Loopbackadapter von Microsoft',
        componentId: null,
      });
    }),
    expected: [
      other('loopback-adapter-present', 'EX2', 'manual', /it cannot be told for sure that Loopback \(KM-TEST-Loopback/),
      other('vip-silent-on-lan', 'EX2', 'pass', /no interface but the loopback adapter has the VIP/),
    ],
    answers: { 'dsr-ready': 'undetermined' },
  },
  {
    name: 'a foreign driver that calls itself a loopback adapter',
    make: bent((file) => {
      Object.assign(file.adapters[1], {
        interfaceDescription: 'Fabrikam Loopback Adapter',
        componentId: 'ROOT\\FABRIKAM',
      });
    }),
    expected: [fail('loopback-adapter-present', 'EX2', 'critical', /there is no loopback adapter/)],
    answers: { 'dsr-ready': 'no' },
  },
  {
    name: 'the second of two loopback adapters is disabled',
    make: () => {
      const scene = declared({ vips: ['192.0.2.25:25', '192.0.2.26:25'] });
      for (const file of Object.values(scene.files)) secondLoopback(file);
      scene.files.EX2.adapters[2].status = 'Disabled';
      return scene;
    },
    expected: [
      fail('loopback-adapter-present', 'EX2', 'critical', /the loopback adapter Loopback 2 is not up \(Disabled\)/),
    ],
    answers: { 'dsr-ready': 'no' },
  },
  {
    name: 'the firewall exempts the first of two loopback adapters only',
    make: () => {
      const scene = declared({ vips: ['192.0.2.25:25', '192.0.2.26:25'] });
      for (const file of Object.values(scene.files)) {
        secondLoopback(file);
        file.firewall.inbound25 = [];
        file.firewall.profiles[2].disabledAliases = ['Loopback'];
      }
      return scene;
    },
    expected: [
      fail(
        'firewall-admits-smtp',
        'EX1',
        'high',
        /^EX1: nothing in the profile Public lets port 25 in on Loopback 2\.$/,
      ),
    ],
    answers: { 'dsr-ready': 'no' },
  },
  {
    name: 'an IPv4 and an IPv6 VIP, each on a loopback adapter of its own',
    make: () => {
      const scene = declared({ vips: ['192.0.2.25:25', '[2001:db8::25]:25'] });
      for (const file of Object.values(scene.files)) {
        secondLoopback(file);
        Object.assign(file.ipAddresses.at(-1), { ipAddress: '2001:db8::25', prefixLength: 128 });
        for (const one of file.bindings.filter(({ name }: FactFile) => name === 'Loopback 2')) {
          one.enabled = one.componentId === 'ms_tcpip6';
        }
        file.ipInterfaces = file.ipInterfaces.map((one: FactFile) =>
          one.alias === 'Loopback 2' ? { ...one, addressFamily: 23 } : one,
        );
        for (const one of file.ipInterfaces.filter(({ alias }: FactFile) => alias === 'LAN')) {
          file.ipInterfaces.push({ ...one, addressFamily: 23 });
        }
        file.routes.push({ prefix: '::/0', nextHop: 'fe80::1', alias: 'LAN', routeMetric: 1, interfaceMetric: 15 });
      }
      return scene;
    },
    expected: [
      other('loopback-binds-only-ipv4', 'EX1', 'pass', /only/),
      other('loopback-weak-host-send', 'EX1', 'pass', /is on for Loopback \(IPv4\), Loopback 2 \(IPv6\)/),
    ],
    answers: { 'dsr-ready': 'yes' },
  },
  {
    name: 'a port that the facts do not speak of',
    make: () => declared({ vips: ['192.0.2.25:25', '192.0.2.25:587'] }),
    expected: [
      other('firewall-admits-smtp', 'EX1', 'manual', /does not say whether the firewall lets port 587 in on Loopback/),
      fail('connector-bound-to-vip', 'EX1', 'high', /no enabled front-end connector listens on 192\.0\.2\.25:587/),
    ],
    answers: { 'dsr-ready': 'no' },
  },
  {
    name: 'rules of the firewall for other ports and other interfaces',
    make: () => {
      const scene = declared({ vips: ['192.0.2.25:25', '192.0.2.25:587'] });
      for (const file of Object.values(scene.files)) {
        file.exchange.receiveConnectors[0].bindings.push('0.0.0.0:587');
        const rule = { profile: 'Any', action: 'Allow', enabled: true, interfaces: ['Any'] };
        file.firewall.inbound = [
          { ...rule, localPorts: ['25', '465'] },
          { ...rule, localPorts: '500-600', interfaces: 'Loopback' },
        ];
      }
      scene.files.EX2.firewall.inbound[1].interfaces = ['LAN'];
      return scene;
    },
    expected: [
      other('firewall-admits-smtp', 'EX1', 'pass', /allows port 25 and a rule of the profile Public allows port 587/),
      fail('firewall-admits-smtp', 'EX2', 'high', /nothing in the profile Public lets port 587 in on Loopback/),
    ],
    answers: { 'dsr-ready': 'no' },
  },
  // Routes.
  {
    name: 'a second default route on the management card is the better one',
    make: bent((file) => {
      file.adapters.push({
        name: 'Management',
        interfaceDescription: 'vmxnet3 Ethernet Adapter #2',
        status: 'Up',
        componentId: 'PCI',
      });
      file.routes.push({
        prefix: '0.0.0.0/0',
        nextHop: '198.51.100.1',
        alias: 'Management',
        routeMetric: 0,
        interfaceMetric: 5,
      });
    }),
    expected: [
      fail(
        'return-path-symmetric',
        'EX2',
        'high',
        /replies to everybody and 203\.0\.113\.0\/28 leave by Management \(Management: 0\.0\.0\.0\/0 to 198\.51\.100\.1\), not by LAN/,
      ),
    ],
    answers: { 'dsr-ready': 'no' },
  },
  {
    name: 'a worse default route on the management card',
    make: bentBoth((file) => {
      file.routes.push({
        prefix: '0.0.0.0/0',
        nextHop: '192.0.2.5',
        alias: 'Management',
        routeMetric: 500,
        interfaceMetric: 5,
      });
    }),
    expected: [other('return-path-symmetric', 'EX2', 'pass', /replies go by 192\.0\.2\.1/)],
    answers: { 'dsr-ready': 'yes' },
  },
  {
    name: 'a static route by the load balancer',
    make: bent((file) => {
      file.routes.push({
        prefix: '10.0.0.0/8',
        nextHop: '192.0.2.5',
        alias: 'LAN',
        routeMetric: 1,
        interfaceMetric: 15,
      });
    }),
    expected: [
      fail(
        'return-path-symmetric',
        'EX2',
        'high',
        /a static route sends replies to 10\.0\.0\.0\/8 by 192\.0\.2\.5, the load balancer/,
      ),
    ],
    answers: { 'dsr-ready': 'no' },
  },
  {
    name: 'known clients are answered by another card',
    make: bent((file) => {
      file.routes.push({
        prefix: '203.0.113.0/24',
        nextHop: '198.51.100.1',
        alias: 'Management',
        routeMetric: 1,
        interfaceMetric: 5,
      });
    }),
    expected: [fail('return-path-symmetric', 'EX2', 'high', /replies to 203\.0\.113\.0\/28 leave by Management/)],
    answers: { 'dsr-ready': 'no' },
  },
  {
    name: 'a route of the management card to a network without clients',
    make: bentBoth((file) => {
      file.routes.push({
        prefix: '10.9.0.0/16',
        nextHop: '198.51.100.1',
        alias: 'Management',
        routeMetric: 1,
        interfaceMetric: 5,
      });
    }),
    expected: [other('return-path-symmetric', 'EX2', 'pass', /replies go by 192\.0\.2\.1/)],
    answers: { 'dsr-ready': 'yes' },
  },
  {
    name: 'transparent, and replies go by the router',
    make: () => {
      const scene = declared({ mode: 'transparent' });
      scene.files.EX1.routes[0].nextHop = '192.0.2.5';
      return scene;
    },
    expected: [
      other('return-path-symmetric', 'EX1', 'pass', /replies go back by 192\.0\.2\.5, the load balancer/),
      fail(
        'return-path-symmetric',
        'EX2',
        'high',
        /replies to everybody and 203\.0\.113\.0\/28 go by 192\.0\.2\.1, and a transparent load balancer/,
      ),
    ],
    answers: { 'dsr-ready': 'not_applicable' },
  },
  {
    name: 'a team whose member is declared as the LAN',
    make: bent((file, scene) => {
      scene.service.lanAlias = 'LAN';
      const text = JSON.stringify({ ...file, adapters: undefined }).replaceAll('"LAN"', '"Team1"');
      Object.assign(file, JSON.parse(text));
      file.adapters.push({
        name: 'Team1',
        interfaceDescription: 'Microsoft Network Adapter Multiplexor Driver',
        status: 'Up',
        componentId: 'COMPOSITEBUS',
      });
      bothStores(file, 'Team1', { weakHostReceive: 0 });
    }),
    expected: [
      fail('lan-weak-host-receive', 'EX2', 'critical', /weak host receive is off for Team1 \(IPv4\)/),
      other('return-path-symmetric', 'EX2', 'pass', /192\.0\.2\.1/),
    ],
    answers: { 'dsr-ready': 'no' },
  },
  {
    name: 'a node that is declared by its management address',
    make: bent((file, scene) => {
      const [ex1] = scene.service.nodes;
      Object.assign(scene.service, { nodes: [ex1, { name: 'EX2', address: '198.51.100.12' }] });
      file.ipAddresses.push({ alias: 'Management', ipAddress: '198.51.100.12', prefixLength: 24, addressState: 4 });
      file.adapters.push({
        name: 'Management',
        interfaceDescription: 'vmxnet3 Ethernet Adapter #2',
        status: 'Up',
        componentId: 'PCI',
      });
    }),
    expected: [other('lan-weak-host-receive', 'EX2', 'pass', /is on for LAN/)],
    answers: { 'dsr-ready': 'yes' },
  },
  // Nodes alike.
  {
    name: 'nodes declared by their full names',
    make: () => {
      const scene = healthy();
      const nodes = scene.service.nodes.map((node) => ({ ...node, name: `${node.name.toLowerCase()}.contoso.com` }));
      return { ...scene, service: { ...scene.service, nodes } };
    },
    expected: [other('nodes-alike', 'ex1.contoso.com', 'pass', /set up like ex2\.contoso\.com/)],
    answers: { 'dsr-ready': 'yes', 'relay-safe': 'yes' },
  },
  {
    name: 'nodes that differ in what is advice',
    make: bent((file) => {
      bothStores(file, 'Loopback', { interfaceMetric: 250 });
      bothStores(file, 'LAN', { weakHostSend: 1 });
      file.exchange.receiveConnectors[2].bindings = ['0.0.0.0:2525'];
      // The VIP is listened on either way.
      file.exchange.receiveConnectors[0].bindings = ['192.0.2.12:25', '192.0.2.25:25'];
      relay(file).protocolLoggingLevel = 0;
    }),
    expected: [fail('nodes-alike', 'EX2', 'low', /is not set up like the other nodes/)],
    answers: { 'dsr-ready': 'yes' },
  },
  {
    name: 'nodes whose relay scopes differ',
    make: bent((file) => {
      relay(file).remoteIPRanges = ['203.0.113.10'];
    }),
    expected: [fail('nodes-alike', 'EX2', 'high', /connector Relay: remote ranges is 203\.0\.113\.10 \(EX1:/)],
    answers: { 'dsr-ready': 'yes' },
  },
  {
    name: 'Edge Transport servers',
    make: bentBoth((file, node) => {
      const name = `${node}\\Default internal receive connector ${node}`;
      const [connector] = file.exchange.receiveConnectors;
      file.exchange.receiveConnectors = [{ ...connector, identity: name, dn: null, transportRole: 32 }];
      const [, anonymous] = file.exchange.adPermissions;
      file.exchange.adPermissions = [
        { ...anonymous, connector: name },
        { ...anonymous, connector: name, sid: 'MS Exchange\\Edge Transport Servers' },
      ];
      file.logSummary = logSummary(node, 0);
      for (const row of file.logSummary.byRemote) row.connector = name;
    }),
    expected: [
      other('connector-bound-to-vip', 'EX1', 'pass', /a front-end connector listens on every VIP and port/),
      other('log-shows-client-addresses', 'EX1', 'pass', /preserved/),
      other('protocol-log-verbose', 'EX1/Default internal receive connector EX1', 'pass', /writes a protocol log/),
    ],
    answers: { 'source-ip-visible': 'yes', 'dsr-ready': 'yes', 'relay-safe': 'yes' },
  },
  {
    name: 'a log of translated ports only',
    make: bentBoth((file, node) => {
      file.logSummary = withRows(node, clientRow(node, '198.51.100.40', 30, { localPort: 2526 }));
    }),
    expected: [
      fail('log-fresh', undefined, 'medium', /It holds 60 sessions on port 2526, which is none of the service/),
      other(
        'log-shows-client-addresses',
        'EX1',
        'unknown',
        /port 2526, which is none of the service: translated ports are/,
      ),
    ],
    answers: { 'source-ip-visible': 'undetermined' },
  },
  // What the load balancer itself says.
  ...(
    [
      [
        'a proxy where the document says dsr',
        'dsr',
        '',
        /declared as dsr, and HAProxy ends the connections of clients itself/,
      ],
      [
        'a proxy that hides where the document says transparent',
        'transparent',
        '',
        /HAProxy connects to ex1 and ex2 from/,
      ],
      [
        'the PROXY protocol to Exchange',
        'transparent',
        'send-proxy-v2',
        /begins its connections to ex1 and ex2 with the PROXY/,
      ],
      [
        'a source address that nobody declared',
        'snat-accepted',
        'source 192.0.2.9',
        /connects from 192\.0\.2\.9, which the document does not name/,
      ],
    ] as const
  ).map(
    ([name, mode, option, says]): NamedScene => ({
      name: `HAProxy: ${name}`,
      make: () => {
        const scene = declared({ mode });
        const text = `listen smtp\n    bind 192.0.2.25:25\n    default-server check ${option}\n    server ex1 192.0.2.11:25\n    server ex2 192.0.2.12:25\n`;
        return { ...scene, files: { ...scene.files, haproxy: text } };
      },
      expected: [fail('evidence-agrees', undefined, 'high', says)],
    }),
  ),
  {
    name: 'HAProxy: transparent, as declared',
    make: () => {
      const scene = declared({ mode: 'transparent' });
      const text =
        'frontend smtp\n    bind :25\n    default_backend nodes\nbackend nodes\n    source 0.0.0.0 usesrc clientip\n    server ex1 192.0.2.11:25 check\n';
      return { ...scene, files: { ...scene.files, haproxy: text } };
    },
    expected: [
      other('evidence-agrees', undefined, 'pass', /So does the configuration \(HAProxy: 1 way to servers; none to EX2/),
    ],
  },
  // What Exchange does not do.
  {
    name: 'the PROXY protocol',
    make: () => {
      const scene = declared({ mode: 'proxy-protocol' });
      for (const [node, file] of Object.entries(scene.files)) file.logSummary = logSummary(node, 100);
      return scene;
    },
    expected: [
      other('vip-on-loopback', undefined, 'not_applicable', /Exchange does not speak the PROXY protocol/),
      fail('log-shows-client-addresses', 'EX1', 'critical', /hides the clients/),
    ],
    answers: { 'source-ip-visible': 'no', 'dsr-ready': 'not_applicable', 'relay-safe': 'yes' },
  },
  {
    name: 'Windows Server 2008 R2',
    make: bentBoth((file) => {
      file.host.os = 'Windows Server 2008 R2 Standard';
      bothStores(file, 'Loopback', { weakHostSend: 0 });
    }),
    expected: [fail('loopback-weak-host-send', 'EX1', 'critical', /weak host send is off for Loopback/)],
  },
  {
    name: 'two VIPs that no connector listens on',
    make: () => {
      const scene = declared({ vips: ['192.0.2.25:25', '192.0.2.26:25'] });
      for (const [node, file] of Object.entries(scene.files)) {
        secondLoopback(file);
        const own = node === 'EX1' ? '192.0.2.11:25' : '192.0.2.12:25';
        for (const one of file.exchange.receiveConnectors.slice(0, 2)) one.bindings = [own];
      }
      return scene;
    },
    expected: [
      fail(
        'connector-bound-to-vip',
        'EX1',
        'high',
        /listens on 192\.0\.2\.25:25; no enabled front-end connector listens on 192/,
      ),
    ],
    answers: { 'dsr-ready': 'no' },
  },
];
