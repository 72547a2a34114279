import { describe, expect, it } from 'vitest';
import { smtpService } from '../../../../src/facts/smtp-service/subject.ts';
import { haproxyFiles, readHaproxy } from '../../../../src/sources/bindings/smtp-source-ip/haproxy.ts';

const service = smtpService.parse({
  kind: 'smtp-service',
  id: 'smtp-in',
  vips: ['192.0.2.25:25', '[2001:db8::25]:25'],
  nodes: [{ name: 'EX1', address: '192.0.2.11' }],
});

const way = { vip: '192.0.2.25:25', server: 'ex1', address: '192.0.2.11', keepsClient: false, sendsProxy: false };

describe('haproxy.cfg', () => {
  it('gives the ways from a VIP to its servers, with what defaults, backends and servers say of them', () => {
    const file = readHaproxy(
      `
global
    log /dev/log local0
defaults
    mode tcp
    default-server check send-proxy
frontend smtp-in
    bind 192.0.2.25:25 name smtp   # the VIP
    use_backend relays if { src 203.0.113.0/24 }
    default_backend "nodes"
backend nodes
    source 192.0.2.5
    server ex1 192.0.2.11:25 no-send-proxy
    server ex2 192.0.2.12:25 source 0.0.0.0 usesrc clientip
backend relays
    server ex1 192.0.2.11:2525
listen web
    bind *:443
    server web1 192.0.2.80:443
`,
    );
    const { ways, addresses, written } = file.of(service);
    const nodes = { ...way, through: 'backend nodes', monitors: ['tcp'] };
    expect(ways).toEqual([
      { ...way, through: 'backend relays', port: 2525, sendsProxy: true, monitors: ['tcp'] },
      { ...nodes, source: '192.0.2.5' },
      { ...nodes, server: 'ex2', address: '192.0.2.12', keepsClient: true, sendsProxy: true },
    ]);
    expect(addresses).toEqual(['192.0.2.5']);
    expect(written).toContain('    source 192.0.2.5');
    expect(file).toMatchObject({ services: 2, ignored: 2 });
  });

  it.each([
    ['bind *:25', 1],
    ['bind :25', 1],
    ['bind :20-30', 1],
    ['bind 0.0.0.0:25,192.0.2.25:587', 1],
    ['bind [::]:25', 1],
    ['bind :::25', 1],
    ['bind ipv6@[2001:db8::25]:25', 1],
    ['bind ipv4@192.0.2.25:25', 1],
    ['bind 192.0.2.26:25', 0],
    ['bind 192.0.2.25:2525', 0],
    ['bind /run/haproxy.sock', 0],
  ])('takes "%s" for %i of the two VIPs', (bind, count) => {
    expect(readHaproxy(`listen smtp\n    ${bind}\n    server ex1 192.0.2.11:25\n`).of(service).ways).toHaveLength(
      count,
    );
  });

  it('knows a node by its name, and which check a server has', () => {
    const { ways } = readHaproxy(
      'listen smtp\n  bind :25\n  option smtpchk EHLO hi\n  server one ex1.contoso.com:25 check\n',
    ).of(service);
    expect(ways).toEqual([{ ...way, through: 'listen smtp', server: 'one', monitors: ['smtpchk'] }]);
  });

  it.each([
    ['192.0.2.11', '192.0.2.11', undefined],
    ['192.0.2.11:2525', '192.0.2.11', 2525],
    ['[2001:db8::11]:25', '2001:db8::11', undefined],
    ['2001:db8::11:2525', '2001:db8::11', 2525],
    ['ipv4@192.0.2.11:25', '192.0.2.11', undefined],
    ['EX1:25', '192.0.2.11', undefined],
    ['elsewhere.contoso.com:25', 'elsewhere.contoso.com', undefined],
  ])('reads the server %s', (written, address, port) => {
    const [found] = readHaproxy(`listen smtp\n  bind 192.0.2.25:25\n  server a ${written}\n`).of(service).ways;
    expect([found?.address, found?.port]).toEqual([address, port]);
  });

  it('takes a template for the servers that it stands for', () => {
    const { ways } = readHaproxy('listen smtp\n  bind :25\n  server-template ex 2 ex1.contoso.com:25 check\n').of(
      service,
    );
    expect(ways).toEqual([{ ...way, through: 'listen smtp', server: 'ex', monitors: ['tcp'] }]);
  });

  it('begins defaults anew, and gives a proxy those that it names', () => {
    const text = (from: string) => `
defaults shown
  source 0.0.0.0 usesrc clientip
defaults plain
  mode tcp
listen smtp${from}
  bind 192.0.2.25:25
  server ex1 192.0.2.11:25
`;
    const keeps = (from: string) => readHaproxy(text(from)).of(service).ways[0]?.keepsClient;
    expect([keeps(''), keeps(' from shown'), keeps(' from plain')]).toEqual([false, true, false]);
  });

  it('leads nobody to a server or by a proxy that is disabled', () => {
    const servers = (options: string, more = '') =>
      readHaproxy(`listen smtp\n  bind :25\n${more}  server ex1 192.0.2.11:25 ${options}\n`).of(service).ways.length;
    expect([servers('disabled'), servers('disabled enabled'), servers('', '  disabled\n')]).toEqual([0, 1, 0]);
  });

  it('shows the address behind usesrc', () => {
    const { ways } = readHaproxy('listen smtp\n  bind :25\n  source 192.0.2.5 usesrc 192.0.2.6\n  server ex1 EX1\n').of(
      service,
    );
    expect(ways).toMatchObject([{ keepsClient: false, source: '192.0.2.6' }]);
  });

  it('does not look at indentation, and takes addresses behind the name of a proxy as old versions wrote them', () => {
    const indented = '  listen smtp\nbind :25\nserver ex1 192.0.2.11:25\n';
    const old = 'listen smtp 192.0.2.25:25\n  server ex1 192.0.2.11:25\n';
    for (const text of [indented, old]) {
      expect(haproxyFiles.isText?.(text)).toBe(true);
      expect(readHaproxy(text).of(service).ways).toEqual([{ ...way, through: 'listen smtp' }]);
    }
    expect(haproxyFiles.isText?.('server {\n  listen 25;\n  server 192.0.2.11:25;\n}\n')).toBe(false);
  });

  it('is told from other text by its sections', () => {
    expect(haproxyFiles.isText?.('listen smtp\n  bind :25\n  server ex1 192.0.2.11:25\n')).toBe(true);
    expect(haproxyFiles.isText?.('{"schema":"smtp-source-ip/1"}')).toBe(false);
    expect(haproxyFiles.isText?.('listen to me\nno more\n')).toBe(false);
  });
});
