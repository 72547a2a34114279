import { describe, expect, it } from 'vitest';
import { smtpService } from '../../../../src/facts/smtp-service/subject.ts';
import { netscalerFiles, readNetscaler } from '../../../../src/sources/bindings/smtp-source-ip/netscaler.ts';

const service = smtpService.parse({
  kind: 'smtp-service',
  id: 'smtp-in',
  vips: ['192.0.2.25:25'],
  nodes: [
    { name: 'EX1', address: '192.0.2.11' },
    { name: 'EX2', address: '192.0.2.12' },
  ],
});

// Lines in the shapes of the NetScaler command reference, as "save ns config" writes them.
const head = `#NS13.1 Build 49.13
# Last modified by \`save config\`, Mon Nov 23 09:12:44 2026
set ns config -IPAddress 198.51.100.4 -netmask 255.255.255.0
enable ns feature LB
enable ns mode FR L3 Edge USNIP PMTUD
add ns ip 198.51.100.5 255.255.255.0 -vServer DISABLED
add ns ip 192.0.2.5 255.255.255.0 -vServer DISABLED -mgmtAccess ENABLED
add ns ip 192.0.2.25 255.255.255.255 -type VIP -snmp DISABLED
add server EX1 192.0.2.11
add server EX2 192.0.2.12
`;
const group = `add serviceGroup sg_smtp TCP -maxClient 0 -maxReq 0 -cip DISABLED -usip NO -useproxyport YES -cltTimeout 9000
add lb vserver lb_smtp TCP 192.0.2.25 25 -persistenceType SOURCEIP -timeout 30 -cltTimeout 9000
bind lb vserver lb_smtp sg_smtp
add lb monitor mon_smtp SMTP -scriptName nssmtp.pl -dispatcherIP 127.0.0.1 -dispatcherPort 3013 -LRTM DISABLED
bind serviceGroup sg_smtp EX1 25
bind serviceGroup sg_smtp EX2 25
bind serviceGroup sg_smtp -monitorName mon_smtp
`;

const way = {
  vip: '192.0.2.25:25',
  through: 'lb_smtp',
  server: 'EX1',
  address: '192.0.2.11',
  keepsClient: false,
  source: '192.0.2.5',
  sendsProxy: false,
  monitors: ['SMTP'],
};

describe('ns.conf', () => {
  it('gives the ways of a service group, from the subnet address beside the servers', () => {
    const file = readNetscaler(head + group);
    expect(file).toMatchObject({ services: 1, ignored: 3 });
    expect(file.of(service)).toEqual({
      addresses: ['192.0.2.5'],
      ways: [way, { ...way, server: 'EX2', address: '192.0.2.12' }],
      written: expect.arrayContaining([
        'enable ns mode FR L3 EDGE USNIP PMTUD',
        'add lb vserver lb_smtp TCP 192.0.2.25 25 -persistenceType SOURCEIP -timeout 30 -cltTimeout 9000',
      ]),
    });
  });

  it('gives Direct Server Return by -m MAC and -usip YES, of services bound one by one', () => {
    const { ways, addresses } = readNetscaler(`${head}
add service "svc ex1" EX1 ANY * -gslb NONE -usip YES -useproxyport NO
add service svc_ex2 192.0.2.12 ANY 25
set service svc_ex2 -usip YES
bind service "svc ex1" -monitorName ping
add lb vserver lb_smtp ANY 192.0.2.25 * -persistenceType NONE -m MAC -connfailover STATELESS -cltTimeout 120
bind lb vserver lb_smtp "svc ex1"
bind lb vserver lb_smtp svc_ex2 -weight 2
`).of(service);
    const direct = { vip: way.vip, through: 'lb_smtp', keepsClient: true, direct: true, sendsProxy: false };
    expect(ways).toEqual([
      { ...direct, server: 'EX1', address: '192.0.2.11', monitors: ['ping'] },
      { ...direct, server: '192.0.2.12', address: '192.0.2.12' },
    ]);
    // Health checks come from there whatever clients come with.
    expect(addresses).toEqual(['192.0.2.5']);
  });

  it('gives each address of a SNAT pool, the PROXY protocol and a translated port', () => {
    const { ways, addresses } = readNetscaler(`${head}
add ipset pool
bind ipset pool 192.0.2.6
bind ipset pool 192.0.2.7
add netProfile np_smtp -srcIP pool -proxyProtocol ENABLED -proxyProtocolTxVersion V1
add service svc EX1 TCP 2525 -usip NO -netProfile np_smtp
add lb vserver lb_smtp TCP 192.0.2.25 25
bind lb vserver lb_smtp svc
`).of(service);
    expect(ways.map(({ source, sendsProxy, port }) => ({ source, sendsProxy, port }))).toEqual([
      { source: '192.0.2.6', sendsProxy: true, port: 2525 },
      { source: '192.0.2.7', sendsProxy: true, port: 2525 },
    ]);
    expect(addresses).toEqual(['192.0.2.6', '192.0.2.5', '192.0.2.7']);
  });

  it('goes through a content switch, and uses the mode of the appliance where a service says nothing', () => {
    const { ways } = readNetscaler(`${head}
enable ns mode USIP
add service svc ex1.contoso.com TCP 25
add lb vserver lb_behind TCP 0.0.0.0 0
bind lb vserver lb_behind svc
add cs vserver cs_smtp TCP 192.0.2.25 25
bind cs vserver cs_smtp -lbvserver lb_behind
`).of(service);
    expect(ways).toEqual([
      {
        vip: way.vip,
        through: 'lb_behind',
        server: 'ex1.contoso.com',
        address: '192.0.2.11',
        keepsClient: true,
        sendsProxy: false,
      },
    ]);
  });

  it('names every subnet address where none is beside the servers', () => {
    const far = smtpService.parse({ ...service, nodes: [{ name: 'EX9', address: '203.0.113.9' }] });
    const { addresses, ways } = readNetscaler(`${head}
add service svc 203.0.113.9 TCP 25 -usip NO
add lb vserver lb_smtp TCP 192.0.2.25 25
bind lb vserver lb_smtp svc
`).of(far);
    expect(addresses).toEqual(['198.51.100.5', '192.0.2.5']);
    expect(ways[0]).not.toHaveProperty('source');
  });

  it.each([
    ['the service', 'add service svc EX1 TCP 25 -state DISABLED', ''],
    ['the server', 'add server EX9 192.0.2.11 -state DISABLED\nadd service svc EX9 TCP 25', ''],
    ['the virtual server', 'add service svc EX1 TCP 25', '-state DISABLED'],
    ['the member of a group', 'add serviceGroup svc TCP\nbind serviceGroup svc EX1 25 -state DISABLED', ''],
  ])('leads nobody by what is disabled: %s', (_, made, state) => {
    const lines = (text: string, at: string) => `${head}${text}
add lb vserver lb_smtp TCP 192.0.2.25 25 ${at}
bind lb vserver lb_smtp svc
`;
    expect(readNetscaler(lines(made, state)).of(service).ways).toEqual([]);
    expect(readNetscaler(lines(made.replace('DISABLED', 'ENABLED'), '')).of(service).ways).toHaveLength(1);
  });

  it('has no way from another address or port', () => {
    expect(readNetscaler(head + group.replace('192.0.2.25 25', '192.0.2.26 25')).of(service).ways).toEqual([]);
    expect(readNetscaler(head + group.replace('192.0.2.25 25', '192.0.2.25 587')).of(service).ways).toEqual([]);
  });

  it('is told from other text by its virtual servers', () => {
    expect(netscalerFiles.isText?.(head + group)).toBe(true);
    expect(netscalerFiles.isText?.('add lb vserver is what one types\n')).toBe(false);
    expect(netscalerFiles.isText?.('listen smtp\n  bind :25\n  server ex1 192.0.2.11:25\n')).toBe(false);
  });
});
