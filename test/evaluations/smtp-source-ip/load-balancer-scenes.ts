import { fail, type NamedScene, other, relay } from './scenes.ts';
import { type FactFile, healthy, logSummary, type Scene } from './service.ts';

const nsHead = `#NS13.1 Build 49.13
set ns config -IPAddress 198.51.100.4 -netmask 255.255.255.0
enable ns feature LB
enable ns mode FR L3 MBF Edge USNIP PMTUD
add ns ip 192.0.2.5 255.255.255.0 -vServer DISABLED
add ns ip 192.0.2.25 255.255.255.255 -type VIP
add server EX1 192.0.2.11
add server EX2 192.0.2.12
`;

/** An `ns.conf` with one virtual server for both nodes. */
export function netscaler({ usip = 'NO', type = 'TCP', vserver = '', monitor = 'tcp', port = 25, vip = '192.0.2.25' }) {
  return `${nsHead}add serviceGroup sg_smtp ${type} -maxClient 0 -usip ${usip} -useproxyport NO
add lb vserver lb_smtp ${type} ${vip} 25 -persistenceType NONE ${vserver}
bind lb vserver lb_smtp sg_smtp
add lb monitor mon_smtp SMTP -scriptName nssmtp.pl
bind serviceGroup sg_smtp EX1 ${port}
bind serviceGroup sg_smtp EX2 ${port}
bind serviceGroup sg_smtp -monitorName ${monitor}
`;
}

/** What a LoadMaster answers to listvs, with one virtual service for both nodes. */
export function kemp({ settings = '', forward = 'nat', more = '' }) {
  return `<?xml version="1.0" encoding="ISO-8859-1"?>
<Response stat="200" code="ok"><Success><Data>
<VS><Status>Up</Status><Index>2</Index><NickName>SMTP</NickName><VSAddress>192.0.2.25</VSAddress><VSPort>25</VSPort>${settings}<CheckType>tcp</CheckType>
<Rs><Addr>192.0.2.11</Addr><Port>25</Port><Forward>${forward}</Forward></Rs>
<Rs><Addr>192.0.2.12</Addr><Port>25</Port><Forward>${forward}</Forward></Rs>${more}
</VS></Data></Success></Response>`;
}

const haproxy = (options: string, source = '') =>
  `listen smtp\n  bind 192.0.2.25:25\n${source}  server ex1 192.0.2.11:25 ${options}\n  server ex2 192.0.2.12:25 ${options}\n`;

/** The healthy service with the configuration of its load balancer. */
function given(balancer: string, service: Partial<Scene['service']> = {}, bend: (file: FactFile) => void = () => {}) {
  return (): Scene => {
    const scene = healthy();
    for (const file of Object.values(scene.files)) bend(file);
    return { ...scene, service: { ...scene.service, ...service }, files: { ...scene.files, balancer } };
  };
}

const direct = { usip: 'YES', type: 'ANY', vserver: '-m MAC -connfailover STATELESS -cltTimeout 120' };
const byBalancer = (file: FactFile) => {
  file.routes[0].nextHop = '192.0.2.5';
};
const agrees = (verdict: 'pass' | 'manual', says: RegExp) => other('evidence-agrees', undefined, verdict, says);
const disagrees = (says: RegExp) => fail('evidence-agrees', undefined, 'high', says);

/** What a load balancer's own configuration says against the document, and what it declares. */
export const loadBalancerScenes: readonly NamedScene[] = [
  {
    name: 'NetScaler: not switched to Direct Server Return',
    make: given(netscaler({ vserver: '-cltTimeout 9000' })),
    expected: [disagrees(/declared as dsr, and NetScaler passes connections to EX1 and EX2 on to their own addresses/)],
    answers: { 'dsr-ready': 'yes' },
  },
  {
    name: 'Windows Network Load Balancing',
    make: () => {
      const scene = healthy();
      for (const file of Object.values(scene.files)) {
        file.ipAddresses[1].alias = 'LAN';
        file.bindings.push({ name: 'LAN', componentId: 'ms_wlbs', enabled: true });
      }
      return scene;
    },
    expected: [
      fail('vip-silent-on-lan', 'EX1', 'critical', /Network Load Balancing is bound to LAN: .* It is not supported\.$/),
    ],
    answers: { 'dsr-ready': 'no' },
  },
  {
    name: 'NetScaler: Direct Server Return as declared',
    make: given(netscaler(direct)),
    expected: [agrees('pass', /So does the configuration \(NetScaler: 2 ways to servers; 3 other directives/)],
  },
  {
    name: 'NetScaler redirects by MAC, and a script alone looks after the servers',
    make: given(netscaler({ ...direct, vserver: '-m MAC -connfailover STATELESS', monitor: 'mon_smtp' })),
    expected: [disagrees(/looks after EX1 and EX2 with scripts only \(SMTP\)/)],
  },
  {
    name: 'NetScaler redirects by MAC without MAC-based forwarding',
    make: given(netscaler(direct).replace(' MBF ', ' ')),
    expected: [disagrees(/MAC-based forwarding \(mode MBF\) is off there, which Direct Server Return needs/)],
  },
  {
    name: 'NetScaler redirects by MAC where the document says snat-accepted',
    make: given(netscaler(direct), { mode: 'snat-accepted' }),
    expected: [disagrees(/passes connections to EX1 and EX2 on as they came: that is Direct Server Return/)],
  },
  {
    name: 'NetScaler: use of the source address where the document says snat-accepted',
    make: given(netscaler({ usip: 'YES', vserver: '-cltTimeout 9000' }), { mode: 'snat-accepted' }),
    expected: [disagrees(/declared as snat-accepted, and NetScaler connects to EX1 and EX2 with the address of the/)],
  },
  {
    name: 'NetScaler: subnet address that only its configuration declares on a relay connector',
    make: given(
      netscaler({ vserver: '-cltTimeout 9000' }),
      { mode: 'snat-accepted', loadBalancerAddresses: [] },
      (file) => relay(file).remoteIPRanges.push('192.0.2.5'),
    ),
    expected: [
      fail('relay-connector-excludes-load-balancer', 'EX1/Relay', 'critical', /holds a load-balancer address/),
      fail('landing-connector-known', 'EX1', 'critical', /the load balancer 192\.0\.2\.5 land on Relay/),
    ],
    answers: { 'relay-safe': 'no' },
  },
  {
    name: 'NetScaler: subnet address that only its configuration declares hides the clients in the log',
    make: given(netscaler(direct), { loadBalancerAddresses: [] }, (file) => {
      file.logSummary = logSummary(file.host.name, 100);
    }),
    expected: [
      fail('log-shows-client-addresses', 'EX1', 'critical', /EX1: the load balancer hides the clients: 100 of 100/),
    ],
    answers: { 'source-ip-visible': 'no' },
  },
  {
    name: 'NetScaler: one of two VIPs is not switched',
    make: given(
      `${netscaler(direct)}add serviceGroup sg_submission TCP -usip NO
add lb vserver lb_submission TCP 192.0.2.25 587
bind lb vserver lb_submission sg_submission
bind serviceGroup sg_submission EX1 587
`,
      { vips: ['192.0.2.25:25', '192.0.2.25:587'] },
    ),
    expected: [disagrees(/NetScaler passes connections to EX1 \(192\.0\.2\.25:587\) on to their own addresses/)],
  },
  {
    name: 'NetScaler translates the port',
    make: given(netscaler({ vserver: '-cltTimeout 9000', port: 2525 }), { mode: 'snat-accepted' }),
    expected: [agrees('manual', /on to port 2525 of EX1 and EX2: translated ports are not supported/)],
  },
  {
    name: 'Kemp: Subnet Originating Requests where the document says transparent',
    make: given(
      kemp({
        settings:
          '<ForceL4>N</ForceL4><ForceL7>Y</ForceL7><Transparent>N</Transparent><SubnetOriginating>Y</SubnetOriginating>',
      }),
      { mode: 'transparent' },
      byBalancer,
    ),
    expected: [disagrees(/declared as transparent, and Kemp LoadMaster connects to .* from its own address/)],
  },
  {
    name: 'Kemp: direct return as declared',
    make: given(
      kemp({
        settings:
          '<ForceL4>Y</ForceL4><ForceL7>N</ForceL7><Transparent>Y</Transparent><SubnetOriginating>N</SubnetOriginating>',
        forward: 'route',
      }),
    ),
    expected: [agrees('pass', /So does the configuration \(Kemp LoadMaster: 2 ways to servers/)],
  },
  {
    name: 'Kemp: layer 4 without direct return where the document says dsr',
    make: given(kemp({ settings: '<ForceL4>Y</ForceL4><ForceL7>N</ForceL7><Transparent>Y</Transparent>' })),
    expected: [disagrees(/Kemp LoadMaster passes connections to .* on to their own addresses/)],
  },
  {
    name: 'a configuration of another load balancer',
    make: given(netscaler({ ...direct, vip: '192.0.2.99' })),
    expected: [agrees('manual', /has no way from 192\.0\.2\.25:25 to a server: it is of another load balancer/)],
  },
  {
    name: 'a server behind the VIP that is no node',
    make: given(
      kemp({
        settings: '<ForceL4>Y</ForceL4>',
        forward: 'route',
        more: '<Rs><Addr>192.0.2.13</Addr><Port>25</Port><DnsName>ex3.contoso.com</DnsName><Forward>route</Forward></Rs>',
      }),
    ),
    expected: [agrees('manual', /passes connections on to ex3\.contoso\.com, which smtp-in does not name as nodes/)],
  },
  {
    name: 'transparent, and the gateway is an address that only the configuration declares',
    make: given(
      haproxy('check', '  source 192.0.2.5 usesrc clientip\n'),
      { mode: 'transparent', loadBalancerAddresses: [] },
      byBalancer,
    ),
    expected: [
      other('return-path-symmetric', 'EX1', 'pass', /replies go back by 192\.0\.2\.5, the load balancer/),
      agrees('pass', /So does the configuration \(HAProxy: 2 ways to servers/),
    ],
  },
  {
    name: 'HAProxy: defaults of another proxy keep the client, those of this one do not',
    make: given(
      `defaults\n  source 0.0.0.0 usesrc clientip\nlisten web\n  bind *:443\n  server web1 192.0.2.80:443\ndefaults\n  mode tcp\n${haproxy('check')}`,
      { mode: 'transparent' },
      byBalancer,
    ),
    expected: [disagrees(/declared as transparent, and HAProxy connects to ex1 and ex2 from its own address/)],
  },
  {
    name: 'HAProxy: a server in maintenance that would hide the clients',
    make: given(
      `${haproxy('check', '  source 0.0.0.0 usesrc clientip\n')}  server old 192.0.2.60:25 source 192.0.2.5 disabled\n`,
      { mode: 'transparent' },
      byBalancer,
    ),
    expected: [agrees('pass', /So does the configuration \(HAProxy: 2 ways to servers/)],
  },
  {
    name: 'NetScaler: a disabled virtual server at the same VIP',
    make: given(
      `${netscaler(direct)}add serviceGroup sg_old TCP -usip NO
bind serviceGroup sg_old EX1 25
add lb vserver lb_old TCP 192.0.2.25 25 -state DISABLED
bind lb vserver lb_old sg_old
`,
    ),
    expected: [agrees('pass', /So does the configuration \(NetScaler: 2 ways to servers/)],
  },
  {
    name: 'the PROXY protocol, as declared',
    make: given(haproxy('send-proxy-v2'), { mode: 'proxy-protocol' }),
    expected: [agrees('pass', /So does the configuration/)],
  },
  {
    name: 'no PROXY protocol where the document says so',
    make: given(haproxy('check'), { mode: 'proxy-protocol' }),
    expected: [disagrees(/declared as proxy-protocol, and HAProxy connects to ex1 and ex2 without it/)],
  },
  {
    name: 'NetScaler redirects by MAC to another port',
    make: given(netscaler({ ...direct, port: 2525 })),
    expected: [disagrees(/Direct Server Return cannot, they arrive at the port of the VIP/)],
  },
];
