import { baselineOf } from '../../../src/evaluations/smtp-source-ip/baseline.ts';
import { smtpService } from '../../../src/facts/smtp-service/subject.ts';
import { netscaler } from './load-balancer-scenes.ts';
import { fail, type NamedScene, other } from './scenes.ts';
import { collectedAt, type FactFile, factsOf, healthy, type Scene } from './service.ts';

/** What `ip -json` (iproute2 6.1), `nft -j` (1.0.6), `ss` and `postconf` (3.7) printed on Debian 12, with other names. */
export function linuxFile(name: string, address: string): FactFile {
  const link = (ifname: string, flags: string[], addresses: [string, number][]) => ({
    ifname,
    flags,
    operstate: ifname === 'lo' ? 'UNKNOWN' : 'UP',
    link_type: ifname === 'lo' ? 'loopback' : 'ether',
    addr_info: addresses.map(([local, prefixlen]) => ({
      family: local.includes(':') ? 'inet6' : 'inet',
      local,
      prefixlen,
      scope: 'global',
    })),
  });
  return {
    schema: 'smtp-source-ip/1',
    collectedAt,
    collector: { version: '1.0' },
    host: { name, os: 'Debian GNU/Linux 12 (bookworm)', build: '6.1.0-18-amd64', system: 'linux' },
    linux: {
      links: [
        link(
          'lo',
          ['LOOPBACK', 'UP', 'LOWER_UP'],
          [
            ['127.0.0.1', 8],
            ['192.0.2.25', 32],
            ['::1', 128],
          ],
        ),
        link('eth0', ['BROADCAST', 'MULTICAST', 'UP', 'LOWER_UP'], [[address, 24]]),
        link('eth1', ['BROADCAST', 'MULTICAST', 'UP', 'LOWER_UP'], [[`198.51.100.${address.slice(-2)}`, 24]]),
      ],
      routes: [
        { dst: 'default', gateway: '192.0.2.1', dev: 'eth0', flags: [] },
        { dst: '192.0.2.0/24', dev: 'eth0', protocol: 'kernel', scope: 'link', prefsrc: address, flags: [] },
        { dst: '198.51.100.0/24', dev: 'eth1', protocol: 'kernel', scope: 'link', flags: [] },
      ],
      routes6: [],
      rules: [
        { priority: 0, src: 'all', table: 'local' },
        { priority: 32766, src: 'all', table: 'main' },
        { priority: 32767, src: 'all', table: 'default' },
      ],
      rules6: [
        { priority: 0, src: 'all', table: 'local' },
        { priority: 32766, src: 'all', table: 'main' },
      ],
      neighbors: [{ dst: '192.0.2.1', dev: 'eth0', lladdr: '00:00:5E:00:53:01', state: ['REACHABLE'] }],
      kernelSettings: [
        { scope: 'all', arpIgnore: 1, arpAnnounce: 2, rpFilter: 0 },
        { scope: 'default', arpIgnore: 0, arpAnnounce: 0, rpFilter: 0 },
        { scope: 'eth0', arpIgnore: 0, arpAnnounce: 0, rpFilter: 0 },
        { scope: 'eth1', arpIgnore: 0, arpAnnounce: 0, rpFilter: 0 },
        { scope: 'lo', arpIgnore: 0, arpAnnounce: 0, rpFilter: 0 },
      ],
      storedKernelSettings: [
        { scope: 'default', setting: 'rp_filter', value: 0 },
        { scope: 'all', setting: 'arp_ignore', value: 1 },
        { scope: 'all', setting: 'arp_announce', value: 2 },
      ],
      listeners: ['0.0.0.0:25', '[::]:25', '127.0.0.1%lo:53'],
      packetFilter: { nftables: [{ metainfo: { version: '1.0.6', json_schema_version: 1 } }] },
      postfix: {
        settings: {
          mail_version: '3.7.11',
          inet_interfaces: 'all',
          inet_protocols: 'all',
          mynetworks: '127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128 203.0.113.10',
          smtpd_relay_restrictions: 'permit_mynetworks permit_sasl_authenticated defer_unauth_destination',
          smtpd_recipient_restrictions: '',
          smtpd_upstream_proxy_protocol: '',
          postscreen_upstream_proxy_protocol: '',
          smtpd_client_connection_count_limit: '50',
          smtpd_client_event_limit_exceptions: '127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128 203.0.113.10',
        },
        services: ['smtp       inet  n       -       y       -       -       smtpd'],
        overrides: [],
      },
    },
    errors: [],
  };
}

const addressOf: Readonly<Record<string, string>> = { MX1: '192.0.2.13', MX2: '192.0.2.14' };

/** A service of two Linux nodes that is ready for Direct Server Return. */
export function healthyLinux(): Scene {
  const { service } = healthy();
  return {
    service: smtpService.parse({
      ...service,
      nodes: Object.entries(addressOf).map(([name, address]) => ({ name, address, system: 'linux' })),
    }),
    files: Object.fromEntries(Object.entries(addressOf).map(([name, address]) => [name, linuxFile(name, address)])),
  };
}

/** The healthy Linux service with one thing bent on MX2. */
export function bentLinux(change: (file: FactFile) => void, service: Partial<Scene['service']> = {}): () => Scene {
  return () => {
    const scene = healthyLinux();
    change(scene.files.MX2);
    return { ...scene, service: { ...scene.service, ...service } };
  };
}

/** As {@link bentLinux}, on both nodes. */
function bentLinuxBoth(
  change: (file: FactFile, node: string) => void,
  service: Partial<Scene['service']> = {},
): () => Scene {
  return () => {
    const scene = healthyLinux();
    for (const [node, file] of Object.entries(scene.files)) change(file, node);
    return { ...scene, service: { ...scene.service, ...service } };
  };
}

/** As {@link bentLinuxBoth}, with the configuration of the load balancer. */
function withConfiguration(balancer: string, service: Partial<Scene['service']>, change: (file: FactFile) => void) {
  return (): Scene => {
    const scene = bentLinuxBoth(change, service)();
    const ofLinux = balancer
      .replaceAll('EX', 'MX')
      .replace('192.0.2.11', '192.0.2.13')
      .replace('192.0.2.12', '192.0.2.14');
    return { ...scene, files: { ...scene.files, balancer: ofLinux } };
  };
}

/** Two Windows and two Linux nodes behind one VIP, one of each with a fault. */
export function mixedPool(): Scene {
  const [windows, linux] = [healthy(), healthyLinux()];
  const files = { ...windows.files, ...linux.files };
  for (const store of ['active', 'persistent']) {
    const lan = files.EX2.ipInterfaces.find((one: FactFile) => one.alias === 'LAN' && one.store === store);
    lan.weakHostReceive = 0;
  }
  kernel(files.MX2, 'all').arpIgnore = 0;
  const service = smtpService.parse({
    ...windows.service,
    nodes: [...windows.service.nodes, ...linux.service.nodes],
  });
  return { service, files };
}

const kernel = (file: FactFile, scope: string) =>
  file.linux.kernelSettings.find((one: FactFile) => one.scope === scope);
const settings = (file: FactFile) => file.linux.postfix.settings;
const link = (file: FactFile, name: string) => file.linux.links.find((one: FactFile) => one.ifname === name);

/** What the shell collector counts of a Postfix log: `nat` of 100 mail sessions come from the load balancer. */
function postfixSummary(nat: number, ...more: FactFile[]): FactFile {
  const row = (remoteIp: string, mailSessions: number, changes: object = {}) => ({
    connector: 'smtpd',
    remoteIp,
    localIps: [],
    sessions: mailSessions,
    mailSessions,
    probeSessions: 0,
    senderDomains: 1,
    ...changes,
  });
  return {
    kind: 'postfix',
    from: '2026-11-23T05:30:00Z',
    to: '2026-11-24T05:59:00Z',
    files: 2,
    truncated: false,
    byRemote: [
      row('192.0.2.5', nat, { sessions: nat + 900, probeSessions: 900, senderDomains: nat > 0 ? 31 : 0 }),
      ...(more.length > 0
        ? more
        : [row('203.0.113.40', Math.floor((100 - nat) / 2)), row('203.0.113.41', Math.ceil((100 - nat) / 2))].filter(
            ({ sessions }) => sessions > 0,
          )),
    ],
  };
}

/** A table of nftables with one chain that sees what comes in. */
export const inputChain = (policy: string, ...rules: FactFile[][]): FactFile => [
  { table: { family: 'inet', name: 'filter', handle: 1 } },
  {
    chain: {
      family: 'inet',
      table: 'filter',
      name: 'input',
      handle: 1,
      type: 'filter',
      hook: 'input',
      prio: 0,
      policy,
    },
  },
  ...rules.map((expr, handle) => ({ rule: { family: 'inet', table: 'filter', chain: 'input', handle, expr } })),
];
const redirectChain = (...rules: FactFile[][]): FactFile => [
  {
    chain: {
      family: 'ip',
      table: 'nat',
      name: 'PREROUTING',
      type: 'nat',
      hook: 'prerouting',
      prio: -100,
      policy: 'accept',
    },
  },
  ...rules.map((expr) => ({ rule: { family: 'ip', table: 'nat', chain: 'PREROUTING', expr } })),
];
const payload = (protocol: string, field: string, right: unknown) => ({
  match: { op: '==', left: { payload: { protocol, field } }, right },
});
const established = [
  { match: { op: 'in', left: { ct: { key: 'state' } }, right: ['established', 'related'] } },
  { accept: null },
];
const onLo = [{ match: { op: '==', left: { meta: { key: 'iifname' } }, right: 'lo' } }, { accept: null }];

const ready = { 'dsr-ready': 'yes', 'relay-safe': 'yes' };

export const linuxScenes: readonly NamedScene[] = [
  {
    name: 'Linux nodes that are ready',
    make: healthyLinux,
    expected: [
      other('loopback-adapter-present', 'MX1', 'pass', /^MX1: lo can carry the VIP, and is up/),
      other('vip-on-loopback', 'MX1', 'pass', /^MX1: 192\.0\.2\.25 is on lo/),
      other('vip-mask-fits', 'MX1', 'pass', /^MX1: 192\.0\.2\.25\/32 makes no route/),
      other('vip-silent-on-lan', 'MX1', 'pass', /eth0 answers no ARP .*\(arp_ignore 1, arp_announce 2\)/),
      other('return-path-symmetric', 'MX1', 'pass', /replies go by 192\.0\.2\.1, .*rp_filter 0 drops nothing/),
      other('firewall-admits-smtp', 'MX1', 'pass', /the packet filter lets port 25 in on eth0/),
      other('connector-bound-to-vip', 'MX1', 'pass', /something listens on every VIP and port/),
      other('relay-scope-narrow', 'MX1/smtp', 'pass', /relays for a short list of addresses only/),
      other('relay-connector-excludes-load-balancer', 'MX1/smtp', 'pass', /holds no load-balancer address/),
      other('nodes-alike', 'MX1', 'pass', /^MX1: set up like MX2/),
      other('netbios-disabled', 'MX1', 'not_applicable', /^MX1 runs Linux: NetBIOS is no matter/),
      other('loopback-weak-host-send', 'MX1', 'not_applicable', /^MX1 runs Linux: /),
    ],
    answers: ready,
  },
  {
    name: 'two Windows and two Linux nodes, one of each with a fault',
    make: mixedPool,
    expected: [
      fail('lan-weak-host-receive', 'EX2', 'critical', /^EX2: weak host receive is off for LAN/),
      other('lan-weak-host-receive', 'MX2', 'not_applicable', /^MX2 runs Linux/),
      fail('vip-silent-on-lan', 'MX2', 'critical', /^MX2: eth0 answers ARP for the VIP \(arp_ignore 0 in force\)/),
      other('vip-silent-on-lan', 'EX2', 'pass', /^EX2: no interface but the loopback adapter/),
      fail('nodes-alike', 'EX1', 'high', /^EX1 is not set up like the other Windows nodes: /),
      fail(
        'nodes-alike',
        'MX1',
        'high',
        /^MX1 is not set up like the other Linux nodes: kernel arp_ignore is 1 \(MX2: 0\)/,
      ),
    ],
    answers: { 'dsr-ready': 'no', 'relay-safe': 'yes' },
  },
  {
    name: 'Linux: the VIP is missing',
    make: bentLinux((file) => link(file, 'lo').addr_info.splice(1, 1)),
    expected: [fail('vip-on-loopback', 'MX2', 'critical', /the VIP 192\.0\.2\.25 is on no interface like lo/)],
    answers: { 'dsr-ready': 'no' },
  },
  {
    name: 'Linux: a redirect rule stands in place of the VIP',
    make: bentLinuxBoth((file) => {
      link(file, 'lo').addr_info.splice(1, 1);
      file.linux.packetFilter.nftables.push(
        ...redirectChain([
          payload('ip', 'daddr', '192.0.2.25'),
          payload('tcp', 'dport', 25),
          { redirect: { port: 2525 } },
        ]),
      );
    }),
    expected: [
      other(
        'vip-on-loopback',
        'MX2',
        'manual',
        /192\.0\.2\.25 is on no interface like lo, and ip nat PREROUTING leads/,
      ),
      other(
        'connector-bound-to-vip',
        'MX2',
        'manual',
        /ip nat PREROUTING leads connections to 192\.0\.2\.25:25 elsewhere/,
      ),
    ],
    answers: { 'dsr-ready': 'undetermined' },
  },
  {
    name: 'Linux: lo is down',
    make: bentLinux((file) => Object.assign(link(file, 'lo'), { flags: ['LOOPBACK'], operstate: 'DOWN' })),
    expected: [fail('loopback-adapter-present', 'MX2', 'critical', /^MX2: lo is not up/)],
    answers: { 'dsr-ready': 'no' },
  },
  {
    name: 'Linux: the VIP on lo has the mask of the subnet',
    make: bentLinux((file) => Object.assign(link(file, 'lo').addr_info[1], { prefixlen: 24 })),
    expected: [fail('vip-mask-fits', 'MX2', 'critical', /with 192\.0\.2\.25\/24 on lo Linux takes the whole network/)],
    answers: { 'dsr-ready': 'no' },
  },
  {
    name: 'Linux: the VIP is on the LAN interface',
    make: bentLinux((file) => link(file, 'eth0').addr_info.push(...link(file, 'lo').addr_info.splice(1, 1))),
    expected: [
      fail('vip-silent-on-lan', 'MX2', 'critical', /the VIP 192\.0\.2\.25 is on eth0, so the node answers ARP/),
    ],
    answers: { 'dsr-ready': 'no' },
  },
  {
    name: 'Linux: another host claims the VIP of IPv6',
    make: bentLinuxBoth(
      (file, node) => {
        link(file, 'lo').addr_info.push({
          family: 'inet6',
          local: '2001:db8::25',
          prefixlen: 128,
          ...(node === 'MX2' ? { dadfailed: true } : {}),
        });
        file.linux.routes6.push({ dst: 'default', gateway: '2001:db8::1', dev: 'eth0', metric: 1024, flags: [] });
        link(file, 'eth0').addr_info.push({ family: 'inet6', local: `2001:db8::${node.at(-1)}`, prefixlen: 64 });
      },
      { vips: ['[2001:db8::25]:25'] },
    ),
    expected: [
      fail('vip-on-loopback', 'MX2', 'critical', /the VIP 2001:db8::25 on lo is duplicate/),
      other('vip-silent-on-lan', 'MX1', 'pass', /answers no neighbour discovery for an address of lo/),
    ],
    answers: { 'dsr-ready': 'no' },
  },
  {
    name: 'Linux: the node answers ARP for the VIP',
    make: bentLinux((file) => Object.assign(kernel(file, 'all'), { arpIgnore: 0, arpAnnounce: 0 })),
    expected: [
      fail(
        'vip-silent-on-lan',
        'MX2',
        'critical',
        /eth0 answers ARP for the VIP \(arp_ignore 0 in force\) and names the VIP when it asks by ARP itself \(arp_announce 0 in force\)/,
      ),
    ],
    answers: { 'dsr-ready': 'no' },
  },
  {
    name: 'Linux: ARP settings that no file keeps',
    make: bentLinux((file) => {
      file.linux.storedKernelSettings = [{ scope: 'eth0', setting: 'arp_announce', value: 2 }];
    }),
    expected: [
      other('settings-persistent', 'MX2', 'manual', /no file of sysctl keeps arp_ignore: after a restart it answers/),
      other('settings-persistent', 'MX1', 'pass', /the files of sysctl keep its ARP settings/),
    ],
    answers: ready,
  },
  {
    name: 'Linux: a pattern of sysctl keeps the ARP settings of one node, and of the other those of other cards',
    make: bentLinuxBoth((file) => {
      const scope = file.host.name === 'MX1' ? 'et*' : 'ens?';
      file.linux.storedKernelSettings = [
        { scope, setting: 'arp_ignore', value: 1 },
        { scope: '*', setting: 'arp_announce', value: 2 },
      ];
    }),
    expected: [
      other('settings-persistent', 'MX1', 'pass', /the files of sysctl keep its ARP settings/),
      other('settings-persistent', 'MX2', 'manual', /no file of sysctl keeps arp_ignore: after a restart it answers/),
    ],
    answers: ready,
  },
  {
    name: 'Linux: ARP is silenced at the interface alone',
    make: bentLinux((file) => {
      Object.assign(kernel(file, 'all'), { arpIgnore: 0, arpAnnounce: 1 });
      Object.assign(kernel(file, 'eth0'), { arpIgnore: 2, arpAnnounce: 2 });
    }),
    expected: [
      other('vip-silent-on-lan', 'MX2', 'pass', /\(arp_ignore 2, arp_announce 2\)/),
      fail('nodes-alike', 'MX2', 'low', /kernel arp_ignore is 2 \(MX1: 1\)/),
    ],
    answers: ready,
  },
  {
    name: 'Linux: rules about ARP stand in place of kernel settings',
    make: bentLinux((file) => {
      Object.assign(kernel(file, 'all'), { arpIgnore: 0, arpAnnounce: 0 });
      file.linux.packetFilter.nftables.push({
        rule: { family: 'arp', table: 'filter', chain: 'input', handle: 3, expr: [{ drop: null }] },
      });
    }),
    expected: [
      other('vip-silent-on-lan', 'MX2', 'manual', /it has 1 rules about ARP packets, which may keep it silent/),
    ],
    answers: { 'dsr-ready': 'no' },
  },
  {
    name: 'Linux: a neighbour saw the node answer for the VIP',
    make: bentLinuxBoth((file, node) => {
      if (node !== 'MX1') return;
      for (const dst of ['192.0.2.14', '192.0.2.25']) {
        file.linux.neighbors.push({ dst, dev: 'eth0', lladdr: '00:00:5e:00:53:14', state: ['STALE'] });
      }
    }),
    expected: [fail('vip-silent-on-lan', 'MX2', 'critical', /its neighbour MX1 has the hardware address of MX2/)],
    answers: { 'dsr-ready': 'no' },
  },
  {
    name: 'Linux: the load balancer is the gateway',
    make: bentLinux((file) => Object.assign(file.linux.routes[0], { gateway: '192.0.2.5' })),
    expected: [fail('return-path-symmetric', 'MX2', 'high', /its default gateway 192\.0\.2\.5 is the load balancer/)],
    answers: { 'dsr-ready': 'no' },
  },
  {
    name: 'Linux: a strict rp_filter drops clients whose replies leave by another card',
    make: bentLinux((file) => {
      file.linux.routes.push({ dst: '203.0.113.0/24', gateway: '198.51.100.1', dev: 'eth1', flags: [] });
      kernel(file, 'eth0').rpFilter = 1;
    }),
    expected: [
      fail(
        'return-path-symmetric',
        'MX2',
        'high',
        /replies to 203\.0\.113\.0\/28 leave by eth1 .*; and rp_filter is strict at eth0, so what these clients send is dropped/,
      ),
    ],
    answers: { 'dsr-ready': 'no' },
  },
  {
    name: 'Linux: a strict rp_filter drops nothing where replies leave by the LAN',
    make: bentLinuxBoth((file) => {
      kernel(file, 'all').rpFilter = 1;
    }),
    expected: [other('return-path-symmetric', 'MX2', 'pass', /rp_filter 1 drops nothing/)],
    answers: ready,
  },
  {
    name: 'Linux: a routing rule of its own decides where replies go',
    make: bentLinux((file) => file.linux.rules.splice(1, 0, { priority: 100, src: '192.0.2.25', table: '100' })),
    expected: [
      other(
        'return-path-symmetric',
        'MX2',
        'manual',
        /a routing rule decides where some replies go \(src 192\.0\.2\.25 table 100\)/,
      ),
    ],
    answers: { 'dsr-ready': 'undetermined' },
  },
  {
    name: 'Linux: transparent, and replies go by the router',
    make: bentLinuxBoth(() => {}, { mode: 'transparent' }),
    expected: [
      fail('return-path-symmetric', 'MX2', 'high', /replies to everybody and 203\.0\.113\.0\/28 go by 192\.0\.2\.1/),
    ],
  },
  {
    name: 'Linux: nothing listens on the VIP',
    make: bentLinux((file) => {
      file.linux.listeners = ['127.0.0.1:25', '[::1]:25'];
      settings(file).inet_interfaces = 'loopback-only';
    }),
    expected: [
      fail(
        'connector-bound-to-vip',
        'MX2',
        'high',
        /nothing listens on 192\.0\.2\.25:25 \(inet_interfaces = loopback-only\)/,
      ),
    ],
    answers: { 'dsr-ready': 'no' },
  },
  {
    name: 'Linux: Postfix expects the PROXY protocol where nobody sends it',
    make: bentLinux((file) => file.linux.postfix.overrides.push('smtp/inet/smtpd_upstream_proxy_protocol = haproxy')),
    expected: [
      fail('connector-bound-to-vip', 'MX2', 'high', /^MX2: smtp expects the PROXY protocol, which no client sends/),
    ],
    answers: { 'dsr-ready': 'no' },
  },
  {
    name: 'Linux: the PROXY protocol of HAProxy to Postfix',
    make: () => {
      const scene = bentLinuxBoth(
        (file) => {
          settings(file).smtpd_upstream_proxy_protocol = 'haproxy';
          file.logSummary = postfixSummary(0);
        },
        { mode: 'proxy-protocol' },
      )();
      scene.files['haproxy.cfg'] =
        'frontend smtp\n  mode tcp\n  bind 192.0.2.25:25\n  default_backend mx\nbackend mx\n  mode tcp\n  server MX1 192.0.2.13:25 send-proxy\n  server MX2 192.0.2.14:25 send-proxy\n';
      return scene;
    },
    expected: [
      other('vip-on-loopback', undefined, 'not_applicable', /Postfix speaks the PROXY protocol where/),
      other('evidence-agrees', undefined, 'pass', /The evidence agrees: that client addresses are preserved/),
    ],
    answers: { 'source-ip-visible': 'yes' },
  },
  {
    name: 'Linux: the packet filter keeps SMTP out',
    make: bentLinux((file) =>
      file.linux.packetFilter.nftables.push(
        ...inputChain('drop', established, onLo, [
          payload('tcp', 'dport', { set: [22, { range: [80, 443] }] }),
          { accept: null },
        ]),
      ),
    ),
    expected: [
      fail('firewall-admits-smtp', 'MX2', 'high', /nothing in the chain inet filter input lets port 25 in on eth0/),
    ],
    answers: { 'dsr-ready': 'no' },
  },
  {
    name: 'Linux: the packet filter lets SMTP in, and keeps attackers out',
    make: bentLinuxBoth((file) =>
      file.linux.packetFilter.nftables.push(
        ...inputChain(
          'drop',
          established,
          onLo,
          [payload('ip', 'saddr', '@attackers'), { drop: null }],
          [payload('tcp', 'dport', { set: [25, 587] }), { counter: { packets: 1, bytes: 60 } }, { accept: null }],
        ),
      ),
    ),
    expected: [other('firewall-admits-smtp', 'MX2', 'pass', /lets port 25 in on eth0/)],
    answers: ready,
  },
  {
    name: 'Linux: the packet filter lets some senders in',
    make: bentLinuxBoth((file) =>
      file.linux.packetFilter.nftables.push(
        ...inputChain('drop', established, [
          payload('ip', 'saddr', { prefix: { addr: '203.0.113.0', len: 24 } }),
          payload('tcp', 'dport', 25),
          { accept: null },
        ]),
      ),
    ),
    expected: [
      other(
        'firewall-admits-smtp',
        'MX2',
        'manual',
        /the chain inet filter input lets port 25 in for some senders only/,
      ),
    ],
    answers: { 'dsr-ready': 'undetermined' },
  },
  {
    name: 'Linux: what could not be read',
    make: bentLinux((file) => {
      const { kernelSettings: _, packetFilter: __, postfix: ___, ...rest } = file.linux;
      file.linux = rest;
      file.errors = [
        { section: 'linux.kernelSettings', message: 'arp_ignore in /proc/sys/net/ipv4/conf cannot be read' },
        { section: 'linux.packetFilter', message: 'nft -j list ruleset: Operation not permitted (permission denied)' },
        { section: 'linux.postfix', message: 'postconf is not installed: this is no Postfix server' },
      ];
    }),
    expected: [
      other('vip-silent-on-lan', 'MX2', 'unknown', /Could not look: kernel network settings: .*cannot be read/),
      other('firewall-admits-smtp', 'MX2', 'unknown', /Could not look: packet filter: access denied/),
      other('relay-scope-narrow', 'MX2', 'unknown', /Could not look: Postfix configuration: .*not installed/),
      other('vip-on-loopback', 'MX2', 'pass', /is on lo/),
    ],
    answers: { 'dsr-ready': 'undetermined', 'relay-safe': 'undetermined' },
  },
  {
    name: 'Linux: a node without a fact file',
    make: () => {
      const scene = healthyLinux();
      const { MX1 } = scene.files;
      return { ...scene, files: { MX1 } };
    },
    expected: [
      other(
        'vip-on-loopback',
        'MX2',
        'unknown',
        /there is no fact file of this node; run Collect-SmtpSourceIpFacts\.sh there/,
      ),
      other('nodes-alike', 'MX1', 'unknown', /of MX2/),
    ],
    answers: { 'dsr-ready': 'undetermined' },
  },
  {
    name: 'Linux: the file of a node that is declared as Windows',
    make: () => {
      const scene = healthyLinux();
      const nodes = scene.service.nodes.map((node) => ({ ...node, system: 'windows' as const }));
      return { ...scene, service: { ...scene.service, nodes } };
    },
    expected: [
      other(
        'loopback-adapter-present',
        'MX2',
        'unknown',
        /Collect-SmtpSourceIpFacts\.sh wrote the file of MX2, and smtp-in declares it as a Windows node; set "system": "linux"/,
      ),
    ],
    answers: { 'dsr-ready': 'undetermined' },
  },
  {
    name: 'Linux: mynetworks holds the load balancer, which hides its clients',
    make: bentLinuxBoth((file) => {
      settings(file).mynetworks = '127.0.0.0/8 [::1]/128 192.0.2.5 203.0.113.10';
      file.logSummary = postfixSummary(100);
    }),
    expected: [
      fail('log-shows-client-addresses', 'MX2', 'critical', /^MX2: the load balancer hides the clients: 100 of 100/),
      fail(
        'relay-connector-excludes-load-balancer',
        'MX2/smtp',
        'critical',
        /relays for mynetworks, whose 192\.0\.2\.5 holds a load-balancer address, .*a hidden open relay/,
      ),
    ],
    answers: { 'source-ip-visible': 'no', 'relay-safe': 'no' },
  },
  {
    name: 'Linux: mynetworks holds an address that only the ns.conf names',
    make: withConfiguration(
      netscaler({ vserver: '-cltTimeout 9000' }),
      { mode: 'snat-accepted', loadBalancerAddresses: [] },
      (file) => {
        settings(file).mynetworks = '127.0.0.0/8 [::1]/128 192.0.2.5 203.0.113.10';
      },
    ),
    expected: [
      fail(
        'relay-connector-excludes-load-balancer',
        'MX2/smtp',
        'critical',
        /relays for mynetworks, whose 192\.0\.2\.5 holds a load-balancer address, .*a hidden open relay/,
      ),
      fail('per-source-limits-fit', 'MX2/smtp', 'medium', /takes 50 connections per source/),
    ],
    answers: { 'relay-safe': 'no' },
  },
  {
    name: 'Linux: a network of mynetworks holds the source address of a haproxy.cfg',
    make: withConfiguration(
      'frontend smtp\n  mode tcp\n  bind 192.0.2.25:25\n  default_backend mx\nbackend mx\n  mode tcp\n  source 192.0.2.6\n  server MX1 192.0.2.13:25\n  server MX2 192.0.2.14:25\n',
      { mode: 'snat-accepted', relayClients: ['192.0.2.0/28'] },
      (file) => {
        settings(file).mynetworks = '127.0.0.0/8 !192.0.2.5 192.0.2.0/28';
      },
    ),
    expected: [
      fail(
        'relay-connector-excludes-load-balancer',
        'MX2/smtp',
        'critical',
        /relays for mynetworks, whose 192\.0\.2\.0\/28 holds a load-balancer address/,
      ),
    ],
    answers: { 'relay-safe': 'no' },
  },
  {
    name: 'Linux: an address that only the ns.conf names hides the clients in the log of Postfix',
    make: withConfiguration(
      netscaler({ usip: 'YES', type: 'ANY', vserver: '-m MAC -connfailover STATELESS' }),
      { loadBalancerAddresses: [] },
      (file) => {
        file.logSummary = postfixSummary(100);
      },
    ),
    expected: [
      fail('log-shows-client-addresses', 'MX2', 'critical', /^MX2: the load balancer hides the clients: 100 of 100/),
    ],
    answers: { 'source-ip-visible': 'no' },
  },
  {
    name: 'Linux: the gateway is an address that only the ns.conf names',
    make: withConfiguration(
      netscaler({ usip: 'YES', type: 'ANY', vserver: '-m MAC -connfailover STATELESS' }),
      { loadBalancerAddresses: [] },
      (file) => {
        file.linux.routes[0].gateway = '192.0.2.5';
      },
    ),
    expected: [fail('return-path-symmetric', 'MX2', 'high', /its default gateway 192\.0\.2\.5 is the load balancer/)],
    answers: { 'dsr-ready': 'no' },
  },
  {
    name: 'Linux: a network of mynetworks holds the load balancer',
    make: bentLinuxBoth(
      (file) => {
        settings(file).mynetworks = '127.0.0.0/8 [::1]/128 192.0.2.0/24';
        file.logSummary = postfixSummary(0);
      },
      { relayClients: ['192.0.2.0/24'] },
    ),
    expected: [
      fail('relay-connector-excludes-load-balancer', 'MX2/smtp', 'low', /but client addresses are preserved now/),
      other('log-shows-client-addresses', 'MX2', 'pass', /A Postfix log does not show at which address/),
    ],
    answers: { 'source-ip-visible': 'yes', 'relay-safe': 'yes' },
  },
  {
    name: 'Linux: mynetworks is too wide',
    make: bentLinux((file) => {
      settings(file).mynetworks = '127.0.0.0/8 [::1]/128 10.0.0.0/8';
    }),
    expected: [fail('relay-scope-narrow', 'MX2/smtp', 'critical', /10\.0\.0\.0\/8 in mynetworks is wider than a \/24/)],
    answers: { 'relay-safe': 'no' },
  },
  {
    name: 'Linux: mynetworks is a table',
    make: bentLinux((file) => {
      settings(file).mynetworks = '127.0.0.0/8 cidr:/etc/postfix/networks';
    }),
    expected: [
      other('relay-scope-narrow', 'MX2/smtp', 'manual', /relays for whoever cidr:\/etc\/postfix\/networks lists/),
    ],
    answers: { 'relay-safe': 'undetermined' },
  },
  {
    name: 'Linux: whoever shows a certificate may relay',
    make: bentLinux((file) => {
      settings(file).smtpd_relay_restrictions =
        'permit_mynetworks, permit_tls_all_clientcerts, our_own_class, reject_unauth_destination';
    }),
    expected: [
      other(
        'relay-scope-narrow',
        'MX2/smtp',
        'manual',
        /may relay for more than mynetworks: permit_tls_all_clientcerts and our_own_class may let others past/,
      ),
    ],
    answers: { 'relay-safe': 'undetermined' },
  },
  {
    name: 'Linux: a table among the restrictions on recipients lets nobody past those on relaying',
    make: bentLinuxBoth((file) => {
      settings(file).smtpd_recipient_restrictions =
        'check_client_access hash:/etc/postfix/clients, check_policy_service unix:private/policy, permit';
    }),
    expected: [other('relay-scope-narrow', 'MX2/smtp', 'pass', /relays for a short list of addresses only/)],
    answers: { 'relay-safe': 'yes' },
  },
  {
    name: 'Linux: mynetworks is too wide, beside a table',
    make: bentLinux((file) => {
      settings(file).mynetworks = '127.0.0.0/8 [::1]/128 10.0.0.0/8';
      settings(file).smtpd_relay_restrictions =
        'permit_mynetworks, check_client_access hash:/etc/postfix/clients, reject_unauth_destination';
    }),
    expected: [fail('relay-scope-narrow', 'MX2/smtp', 'critical', /10\.0\.0\.0\/8 in mynetworks is wider than a \/24/)],
    answers: { 'relay-safe': 'no' },
  },
  {
    name: 'Linux: an open relay',
    make: bentLinux((file) => {
      settings(file).smtpd_relay_restrictions = 'permit_mynetworks, permit';
    }),
    expected: [fail('relay-scope-narrow', 'MX2/smtp', 'critical', /^MX2\/smtp is an open relay: neither/)],
    answers: { 'relay-safe': 'no' },
  },
  {
    name: 'Linux: postscreen, and the smtpd behind it relays for all',
    make: bentLinux((file) => {
      file.linux.postfix.services = [
        'smtp       inet  n       -       y       -       1       postscreen',
        'smtpd      pass  -       -       y       -       -       smtpd',
        'submission inet  n       -       y       -       -       smtpd',
      ];
      file.linux.postfix.overrides = ['smtpd/pass/smtpd_relay_restrictions = permit'];
    }),
    expected: [fail('relay-scope-narrow', 'MX2/smtp', 'critical', /is an open relay/)],
    answers: { 'relay-safe': 'no' },
  },
  {
    name: 'Linux: no service of Postfix at the port of the VIP',
    make: bentLinux((file) => {
      file.linux.postfix.services = ['2525 inet n - y - - smtpd'];
    }),
    expected: [other('relay-scope-narrow', 'MX2', 'manual', /no service of Postfix in master\.cf takes mail/)],
    answers: { 'relay-safe': 'undetermined' },
  },
  {
    name: 'Linux: the log proves client addresses',
    make: bentLinuxBoth((file) => {
      file.logSummary = postfixSummary(0);
    }),
    expected: [
      other(
        'log-shows-client-addresses',
        'MX1',
        'pass',
        /^MX1: client addresses are preserved: none of 100 mail sessions/,
      ),
      other(
        'no-relay-sessions-from-load-balancer',
        undefined,
        'not_applicable',
        /Postfix does not log who was granted/,
      ),
    ],
    answers: { ...ready, 'source-ip-visible': 'yes' },
  },
  {
    name: 'Linux: the log of one node shows the load balancer',
    make: bentLinuxBoth((file, node) => {
      file.logSummary = postfixSummary(node === 'MX2' ? 60 : 0);
    }),
    expected: [
      fail('log-shows-client-addresses', 'MX2', 'critical', /^MX2: the load balancer hides some clients: 60 of 100/),
      other('log-shows-client-addresses', 'MX1', 'pass', /^MX1: client addresses are preserved/),
    ],
    answers: { 'source-ip-visible': 'no' },
  },
  {
    name: 'Linux: two addresses that nobody declared speak for many senders',
    make: bentLinuxBoth((file) => {
      const pool = ['192.0.2.6', '192.0.2.7'].map((remoteIp) => ({
        connector: 'smtpd',
        remoteIp,
        localIps: [],
        sessions: 50,
        mailSessions: 50,
        senderDomains: 14,
      }));
      file.logSummary = postfixSummary(0, ...pool);
    }),
    expected: [
      fail('one-address-few-clients', 'MX2', 'medium', /each under 14 domains of senders or more/),
      other('log-shows-client-addresses', 'MX2', 'unknown', /192\.0\.2\.6 \(14 domains of senders\)/),
    ],
    answers: { 'source-ip-visible': 'undetermined', 'relay-safe': 'undetermined' },
  },
  {
    name: 'Linux: source NAT is accepted, and Postfix throttles one address',
    make: bentLinuxBoth(() => {}, { mode: 'snat-accepted' }),
    expected: [fail('per-source-limits-fit', 'MX1/smtp', 'medium', /takes 50 connections per source/)],
  },
  {
    name: 'Linux: source NAT is accepted, and the load balancer is exempt from limits',
    make: bentLinuxBoth(
      (file) => {
        settings(file).smtpd_client_event_limit_exceptions = '127.0.0.0/8 192.0.2.5';
      },
      { mode: 'snat-accepted' },
    ),
    expected: [other('per-source-limits-fit', 'MX1/smtp', 'pass', /does not throttle/)],
  },
  {
    name: 'Linux: a node has changed since it was accepted',
    make: async () => {
      const before = healthyLinux();
      const accepted = baselineOf(before.service, await factsOf(before), {
        at: '2026-11-23T10:00:00.000Z',
        by: undefined,
      });
      const scene = bentLinux((file) => {
        settings(file).mynetworks = '127.0.0.0/8 203.0.113.10 203.0.113.11';
      })();
      return { ...scene, accepted: accepted?.facts };
    },
    expected: [
      fail(
        'baseline-kept',
        'MX2',
        'critical',
        /^MX2 has changed since 2026-11-23T10:00:00\.000Z: postfix smtp: mynetworks was/,
      ),
      other('baseline-kept', 'MX1', 'pass', /as accepted/),
      fail('nodes-alike', 'MX2', 'high', /postfix smtp: mynetworks is /),
    ],
    answers: ready,
  },
];
