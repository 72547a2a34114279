import { describe, expect, it } from 'vitest';
import { type FactSetOf, savedFactsSchema } from '../../../../src/domain/fact-set.ts';
import { smtpSourceIp } from '../../../../src/evaluations/smtp-source-ip/index.ts';
import type { SmtpServiceFacts } from '../../../../src/facts/smtp-service/index.ts';
import {
  declaredService,
  isSmtpNodeFile,
  readSmtpNodeFiles,
  smtpFactsOf,
} from '../../../../src/sources/bindings/smtp-source-ip/collector.ts';
import { decodeText } from '../../../../src/sources/supplied/powershell-json.ts';
import { readRows } from '../../../../src/sources/supplied/rows.ts';
import { type FactFile, factFile, factsOf, healthy, probes } from '../../../evaluations/smtp-source-ip/service.ts';

const { service } = healthy();

/** A file as it is opened: read once, by its rows. */
function opened(name: string, content: Uint8Array) {
  return { name, rows: readRows(name, decodeText(content)).rows };
}

const asJson = (file: FactFile) => Buffer.from(JSON.stringify(file));

function factsFrom(...files: FactFile[]): FactSetOf<SmtpServiceFacts> {
  const read = readSmtpNodeFiles(files.map((file, index) => opened(`file${index}.json`, asJson(file))));
  return smtpFactsOf(read, service) as FactSetOf<SmtpServiceFacts>;
}

const ex1 = (change: (file: FactFile) => void = () => {}) => {
  const file = factFile('EX1', '192.0.2.11');
  change(file);
  return file;
};

const nodeOf = (...files: FactFile[]) => factsFrom(...files).parts.node?.EX1 ?? {};

describe('spellings of one thing', () => {
  it.each([
    ['commas, as a CSV has them', 'Ms-Exch-SMTP-Submit, Ms-Exch-SMTP-Accept-Any-Recipient'],
    ['blanks, as ConvertTo-Json flattens', 'Ms-Exch-SMTP-Submit Ms-Exch-SMTP-Accept-Any-Recipient'],
    ['braces, as Format-List prints', '{Ms-Exch-SMTP-Submit, Ms-Exch-SMTP-Accept-Any-Recipient}'],
  ])('takes a list that became one text: %s', (_, extendedRights) => {
    const node = nodeOf(
      ex1((file) => {
        file.exchange.adPermissions = [{ connector: 'EX1\\Relay', sid: 'S-1-5-7', extendedRights }];
        const [connector] = file.exchange.receiveConnectors;
        connector.bindings = '[::]:25 0.0.0.0:25';
        connector.remoteIPRanges = ['::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff, 192.0.2.1 - 192.0.2.9'];
      }),
    );
    expect(node['node-connector-permissions']).toMatchObject({
      value: [{ extendedRights: ['Ms-Exch-SMTP-Submit', 'Ms-Exch-SMTP-Accept-Any-Recipient'] }],
    });
    expect(node['node-receive-connectors']).toMatchObject({
      value: expect.arrayContaining([
        expect.objectContaining({
          bindings: ['[::]:25', '0.0.0.0:25'],
          remoteIPRanges: ['::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', '192.0.2.1-192.0.2.9'],
        }),
      ]),
    });
  });

  it('refuses the name of a type where a list should be: it would read as "no rights"', () => {
    const file = ex1((one) => {
      one.exchange.adPermissions = [{ connector: 'EX1\\Relay', sid: 'S-1-5-7', extendedRights: 'System.Object[]' }];
    });
    expect(() => factsFrom(file)).toThrow(/extendedRights.*is "System\.Object\[\]", the name of a type and no value/);
  });

  it.each([
    ['numbers', 1, 0, 2, 'active'],
    ['numbers in quotes', '1', '0', '2', '1'],
    ['names', 'Enabled', 'Disabled', 'IPv4', 'ActiveStore'],
    ['booleans', true, false, 'IPv4', 1],
    ['names in other case', 'enabled', 'DISABLED', 'ipv4', 'ACTIVE'],
  ])('takes %s', (_, on, off, family, store) => {
    const file = ex1((one) => {
      one.ipInterfaces = {
        alias: 'Loopback',
        addressFamily: family,
        store,
        interfaceMetric: '254',
        automaticMetric: off,
        weakHostSend: on,
        weakHostReceive: on,
        dhcp: null,
      };
    });
    expect(nodeOf(file)['node-ip-interfaces']).toMatchObject({
      status: 'known',
      value: [
        {
          alias: 'Loopback',
          addressFamily: 'ipv4',
          interfaceMetric: 254,
          automaticMetric: false,
          weakHostSend: true,
          weakHostReceive: true,
        },
      ],
    });
  });

  it('takes flags as sum and as names, IPRange objects, limits in words, PowerShell dates', () => {
    const file = ex1((one) => {
      one.collectedAt = '/Date(1795500000000)/';
      Object.assign(one.exchange.receiveConnectors[1], {
        transportRole: 'FrontendTransport',
        permissionGroups: '33',
        authMechanism: 'Tls, ExternalAuthoritative',
        remoteIPRanges: { LowerBound: 'x', Expression: '192.0.2.0(255.255.255.0)' },
        maxInboundConnectionPerSource: 'unlimited',
        whenChangedUtc: '/Date(1795400000000)/',
      });
    });
    const connectors = nodeOf(file)['node-receive-connectors'];
    expect(connectors?.observedAt).toBe('2026-11-24T06:00:00.000Z');
    expect(connectors?.status === 'known' && connectors.value[1]).toMatchObject({
      name: 'Relay',
      permissionGroups: ['AnonymousUsers', 'Custom'],
      authMechanism: ['Tls', 'ExternalAuthoritative'],
      remoteIPRanges: ['192.0.2.0(255.255.255.0)'],
      maxInboundConnectionPerSource: undefined,
      whenChanged: '2026-11-23T02:13:20.000Z',
    });
  });

  it('reads UTF-16 with a byte order mark, and the newer of two files of one node', () => {
    const newer = Buffer.from(
      `\ufeff${JSON.stringify(
        ex1((one) => {
          one.collectedAt = '2026-11-24T07:00:00Z';
          one.host.name = 'ex1.contoso.com';
        }),
      )}`,
      'utf16le',
    );
    const facts = smtpFactsOf(
      readSmtpNodeFiles([opened('new.json', newer), opened('old.json', asJson(ex1()))]),
      service,
    );
    expect(facts.parts.node?.EX1?.['node-adapters']).toMatchObject({
      source: 'Collect-SmtpSourceIpFacts.ps1 on ex1.contoso.com',
      observedAt: '2026-11-24T07:00:00.000Z',
    });
  });
});

describe('what a file does not say', () => {
  it('is unobtainable, section by section', () => {
    const facts = nodeOf(
      ex1((one) => {
        delete one.routes;
        one.ipInterfaces[0].weakHostReceive = '';
        one.errors = {
          section: 'exchange',
          message: 'Get-ReceiveConnector was stopped: it did not end within the time limit of its section',
        };
      }),
    );
    expect(facts['node-routes']).toMatchObject({
      reason: 'not_supplied',
      detail: expect.stringContaining('no section routes'),
    });
    expect(facts['node-ip-interfaces']).toMatchObject({
      reason: 'insufficient',
      detail: 'ipInterfaces: weakHostReceive of LAN, IPv4, active store is empty',
    });
    for (const fact of ['node-receive-connectors', 'node-connector-permissions', 'node-frontend-transport'] as const) {
      expect(facts[fact]).toMatchObject({ status: 'unobtainable', reason: 'timeout' });
    }
    expect(facts['node-adapters']?.status).toBe('known');
  });

  it('does not matter for interfaces that are no adapters', () => {
    const facts = nodeOf(
      ex1((one) =>
        one.ipInterfaces.push({
          alias: 'Loopback Pseudo-Interface 1',
          addressFamily: 2,
          store: 'active',
          weakHostSend: null,
        }),
      ),
    );
    expect(facts['node-ip-interfaces']?.status).toBe('known');
  });

  it('does not blind a rule when it is extra evidence only', () => {
    expect(
      nodeOf(
        ex1((one) => {
          one.errors = [{ section: 'neighbors', message: 'Access is denied.' }];
        }),
      )['node-neighbors'],
    ).toMatchObject({
      reason: 'not_supplied',
    });
  });
});

describe('a broken file', () => {
  it.each([
    [
      'another schema',
      (one: FactFile) => {
        one.schema = 'smtp-source-ip/9';
      },
      /schema: is not "smtp-source-ip\/1"/,
    ],
    [
      'an enum that means nothing',
      (one: FactFile) => {
        one.ipInterfaces[1].weakHostSend = 'Sometimes';
      },
      /ipInterfaces\[1\]\.weakHostSend: is none of Disabled \(0\), Enabled \(1\)/,
    ],
    [
      'a date that is none',
      (one: FactFile) => {
        one.collectedAt = 'yesterday';
      },
      /collectedAt: is no date; write ISO 8601/,
    ],
    [
      'a flag nobody knows',
      (one: FactFile) => {
        one.exchange.receiveConnectors[0].authMechanism = 'Tls, Magic';
      },
      /authMechanism: "Magic" is none of/,
    ],
    [
      'a probe by an unknown way',
      (one: FactFile) => {
        one.probes = [{ ...probes('192.0.2.5')[0], via: 'somehow' }];
      },
      /probes\[0\]\.via: is neither "vip" nor "node:NAME"/,
    ],
  ])('with %s is refused by file and path, with what to do', (_, change, message) => {
    expect(() => factsFrom(ex1(change))).toThrow(message);
    expect(() => factsFrom(ex1(change))).toThrow(
      /^file0\.json: .*collect it again with Collect-SmtpSourceIpFacts\.ps1$/,
    );
  });
});

it('uses the probes of a host that is no node, and drops what a node said to itself', () => {
  const prober = {
    schema: 'smtp-source-ip/1',
    collectedAt: '2026-11-24T06:00:00Z',
    host: { name: 'TOOLS1' },
    errors: [],
  };
  const all = probes('192.0.2.5');
  const facts = factsFrom(
    { ...prober, probes: [...all, { ...all[0], sourceIp: '192.0.2.25' }, { ...all[0], target: '198.51.100.99:25' }] },
    ex1(),
  );
  expect(facts.facts['smtp-supplied-probes']).toMatchObject({ status: 'known', value: { length: 4 } });
  expect(Object.keys(facts.parts.node ?? {})).not.toContain('TOOLS1');
});

it('builds a service from what files declare, and knows fact files', () => {
  const file = ex1((one) => {
    one.declared = { mode: 'snat', vips: '192.0.2.25', ports: ['25', 587], lbAddresses: ['192.0.2.5'] };
  });
  expect(isSmtpNodeFile(file)).toBe(true);
  const hosts = readSmtpNodeFiles([opened('EX1.json', asJson(file))]);
  expect(declaredService(hosts)).toMatchObject({
    kind: 'smtp-service',
    mode: 'snat-accepted',
    vips: ['192.0.2.25:25', '192.0.2.25:587'],
    loadBalancerAddresses: ['192.0.2.5'],
    nodes: [{ name: 'EX1', address: '192.0.2.11' }],
  });
});

it('makes facts that can be saved and read again', async () => {
  const facts = await factsOf(healthy());
  const saved = JSON.parse(
    JSON.stringify({ fieldcheck: 'facts/1', evaluation: 'smtp-source-ip', subject: service, ...facts }),
  );
  expect(savedFactsSchema(smtpSourceIp).parse(saved).parts).toEqual(saved.parts);
});
