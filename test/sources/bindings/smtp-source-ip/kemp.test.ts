import { describe, expect, it } from 'vitest';
import { readSupplied } from '../../../../src/app/supplied/read.ts';
import { smtpSourceIp } from '../../../../src/evaluations/smtp-source-ip/index.ts';
import { smtpService } from '../../../../src/facts/smtp-service/subject.ts';

const service = smtpService.parse({
  kind: 'smtp-service',
  id: 'smtp-in',
  vips: ['192.0.2.25:25'],
  nodes: [{ name: 'EX1', address: '192.0.2.11' }],
});

// In the shape of Kemp's "RESTful API" (listvs): an answer around virtual services, each with its real servers.
const xml = (settings: string, forward = 'nat') => `<?xml version="1.0" encoding="ISO-8859-1"?>
<Response stat="200" code="ok">
<Success><Data>
<VS><Status>Up</Status><Index>1</Index><VSAddress>192.0.2.80</VSAddress><VSPort>443</VSPort><Enable>Y</Enable></VS>
<VS><Status>Up</Status><Index>2</Index><NickName>SMTP &amp; relay</NickName><VSAddress>192.0.2.25</VSAddress><VSPort>25</VSPort>
<Enable>Y</Enable>${settings}<Protocol>tcp</Protocol><CheckType>smtp</CheckType><NumberOfRSs>2</NumberOfRSs>
<Rs><Status>Up</Status><VSIndex>2</VSIndex><RsIndex>1</RsIndex><Addr>192.0.2.11</Addr><Port>25</Port><DnsName></DnsName><Forward>${forward}</Forward></Rs>
<Rs><Status>Up</Status><VSIndex>2</VSIndex><RsIndex>2</RsIndex><Addr>192.0.2.12</Addr><Port>2525</Port><Forward>${forward}</Forward></Rs>
</VS>
</Data></Success></Response>`;

function read(text: string) {
  const file = { name: 'kemp.xml', content: new TextEncoder().encode(text), writtenAt: '2026-11-24T06:00:00.000Z' };
  const supply = readSupplied(smtpSourceIp, [file]);
  const fact = supply.factsFor(service).facts['smtp-load-balancer'];
  // biome-ignore lint/suspicious/noExplicitAny: what it holds is what the tests look at
  return { supply, value: (fact?.status === 'known' ? fact.value : undefined) as any };
}

const way = {
  vip: '192.0.2.25:25',
  through: 'SMTP & relay',
  server: '192.0.2.11',
  address: '192.0.2.11',
  sendsProxy: false,
  monitors: ['smtp'],
};

describe('the answer of a Kemp LoadMaster', () => {
  it.each([
    ['layer 4', '<ForceL4>Y</ForceL4><ForceL7>N</ForceL7><Transparent>N</Transparent>', { keepsClient: true }],
    ['layer 4 of an older release', '<ForceL7>N</ForceL7><Transparent>N</Transparent>', { keepsClient: true }],
    ['transparent', '<ForceL7>Y</ForceL7><Transparent>Y</Transparent>', { keepsClient: true }],
    [
      'Subnet Originating Requests',
      '<ForceL7>Y</ForceL7><Transparent>N</Transparent><SubnetOriginating>Y</SubnetOriginating>',
      { keepsClient: false },
    ],
    [
      'neither: the server sees the virtual service',
      '<ForceL7>Y</ForceL7><Transparent>N</Transparent><SubnetOriginating>N</SubnetOriginating>',
      { keepsClient: false, source: '192.0.2.25' },
    ],
  ])('says what the server sees: %s', (_, settings, seen) => {
    const { ways } = read(xml(settings)).value;
    expect(ways).toEqual([
      { ...way, ...seen },
      { ...way, server: '192.0.2.12', address: '192.0.2.12', port: 2525, ...seen },
    ]);
  });

  it('leads nobody by a virtual service that is not enabled, nor to such a server', () => {
    expect(read(xml('').replaceAll('<Enable>Y', '<Enable>N')).value.ways).toEqual([]);
    expect(read(xml('')).value.ways).toHaveLength(2);
    const server = { Addr: '192.0.2.11', Port: 25, Forward: 'nat', Enable: false };
    const main = { Index: 2, VSAddress: '192.0.2.25', VSPort: '25', Rs: [server, { ...server, Enable: true }] };
    expect(read(JSON.stringify({ code: 200, VS: [main], status: 'ok' })).value.ways).toHaveLength(1);
  });

  it('knows direct return, which layer 7 has not', () => {
    expect(read(xml('<ForceL4>Y</ForceL4>', 'route')).value.ways[0]).toMatchObject({ direct: true, keepsClient: true });
    expect(read(xml('<ForceL7>Y</ForceL7>', 'route')).value.ways[0]).not.toHaveProperty('direct');
  });

  it('is read as JSON of the second version of the interface, whole or one service, with what stands in sub-services', () => {
    const server = { Addr: '192.0.2.11', Port: 25, Forward: 'nat' };
    const main = { Index: 2, VSAddress: '192.0.2.25', VSPort: '25', ForceL7: true, Transparent: true, MasterVSID: 0 };
    const sub = { Index: 3, VSAddress: '', VSPort: '', Transparent: true, MasterVSID: 2, Rs: [server] };
    const whole = read(JSON.stringify({ code: 200, VS: [main, sub], status: 'ok' })).value;
    expect(whole.ways).toMatchObject([{ server: '192.0.2.11', keepsClient: true }]);
    const one = read(JSON.stringify({ code: 200, status: 'ok', ...main, Rs: [server] })).value;
    expect(one.ways).toMatchObject([{ server: '192.0.2.11', keepsClient: true }]);
  });

  it('says how much of it was read', () => {
    expect(read(xml('<ForceL4>Y</ForceL4><Idletime>0</Idletime>')).supply.notes).toEqual([
      'kemp.xml: Kemp LoadMaster; virtual services read: 2; directives passed over because they say nothing of the way of a connection: 5.',
    ]);
  });

  it.each([
    [
      'an answer that was cut short',
      xml('<ForceL4>Y</ForceL4>').slice(0, 700),
      /kemp\.xml: is no XML, or was cut short/,
    ],
    ['an exported template', '\u0001Kemp LoadMaster template\u0002', /curl .*\/access\/listvs/],
    ['an answer about something else', '<Response stat="200"><Success/></Response>', /curl .*\/access\/listvs/],
  ])('refuses %s with what to do instead', (_, text, message) => {
    expect(() => read(text)).toThrow(message);
  });
});
