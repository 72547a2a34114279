import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readSupplied } from '../../../../src/app/supplied/read.ts';
import { smtpSourceIp } from '../../../../src/evaluations/smtp-source-ip/index.ts';
import { smtpLoadBalancer } from '../../../../src/facts/smtp-service/load-balancer.ts';
import { smtpService } from '../../../../src/facts/smtp-service/subject.ts';
import { readHaproxy } from '../../../../src/sources/bindings/smtp-source-ip/haproxy.ts';
import { readKemp } from '../../../../src/sources/bindings/smtp-source-ip/kemp.ts';
import { readNetscaler } from '../../../../src/sources/bindings/smtp-source-ip/netscaler.ts';
import { anyText } from '../../../any-text.ts';

const service = smtpService.parse({
  kind: 'smtp-service',
  id: 'smtp-in',
  vips: ['192.0.2.25:25', '[2001:db8::25]:25'],
  nodes: [{ name: 'EX1', address: '192.0.2.11' }],
});

/** Words of the three formats, and names that objects keep for themselves, in any order. */
const words = fc.constantFrom(
  ...['add', 'set', 'bind', 'enable', 'lb', 'cs', 'ns', 'vserver', 'server', 'service', 'serviceGroup', 'netProfile'],
  ...['ipset', 'ip', 'mode', 'mbf', '-usip', 'YES', '-m', 'MAC', '-netProfile', '-monitorName', '-lbvserver', '-srcIP'],
  ...['listen', 'frontend', 'backend', 'default_backend', 'source', 'usesrc', 'clientip', 'send-proxy', 'defaults'],
  ...['192.0.2.25', '192.0.2.25:25', '25', '*', 'TCP', 'ANY', 'a', '"', '\\', '#', '\n', '\n  ', "'", 'q/'],
  ...['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'prototype'],
);
const text = fc.oneof(
  anyText(),
  fc.array(words, { maxLength: 60 }).map((all) => all.join(' ')),
);

const value = fc.object({
  key: fc.constantFrom(
    'VS',
    'VSAddress',
    'VSPort',
    'Rs',
    'Addr',
    'Port',
    'Index',
    'MasterVSID',
    'Data',
    'toString',
    'a',
  ),
  values: [fc.constantFrom('192.0.2.25', '25', 25, true, null, 'constructor', '2', 2), fc.string()],
  maxDepth: 6,
});

describe('configurations of load balancers', () => {
  it('are read without an error whatever stands in them, and give what a fact may be', () => {
    fc.assert(
      fc.property(text, (written) => {
        for (const file of [readHaproxy(written), readNetscaler(written)]) {
          smtpLoadBalancer.parse({ product: 'X', ...file.of(service), ignored: file.ignored });
        }
      }),
      { numRuns: 500 },
    );
    fc.assert(
      fc.property(value, (row) => {
        const file = readKemp({ name: 'kemp.json', rows: [row as Record<string, unknown>] });
        smtpLoadBalancer.parse({ product: 'X', ...file.of(service), ignored: file.ignored });
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ['an F5 BIG-IP', 'ltm virtual /Common/vs_smtp {\n    destination /Common/192.0.2.25:25\n}\n'],
    ['nginx', 'stream {\n  upstream smtp {\n    server 192.0.2.11:25;\n  }\n}\n'],
    ['keepalived', 'virtual_server 192.0.2.25 25 {\n  lb_kind DR\n  real_server 192.0.2.11 25 {\n  }\n}\n'],
    ['an A10', 'slb virtual-server smtp 192.0.2.25\n  port 25 tcp\n'],
  ])('of %s are refused with what to say instead', (product, written) => {
    const content = new TextEncoder().encode(written);
    expect(() =>
      readSupplied(smtpSourceIp, [{ name: 'lb.conf', content, writtenAt: '2026-11-24T06:00:00.000Z' }]),
    ).toThrow(`lb.conf: is the configuration of ${product}, which is not read; say in the document what it does`);
  });

  it('may call things by names that objects keep for themselves', () => {
    const named = `add server constructor 192.0.2.11
add service toString constructor TCP 25 -usip YES -netProfile __proto__
add lb vserver __proto__ TCP 192.0.2.25 25
bind lb vserver __proto__ toString`;
    expect(readNetscaler(named).of(service).ways).toMatchObject([{ through: '__proto__', server: 'constructor' }]);
    expect(
      readHaproxy('listen __proto__\n  bind :25\n  server constructor 192.0.2.11:25').of(service).ways,
    ).toMatchObject([{ through: 'listen __proto__', server: 'constructor' }]);
  });
});
