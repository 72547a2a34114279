import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvalidDocument } from '../../../../src/domain/organization.ts';
import {
  interopFactsOf,
  isInteropCollectorFile,
  parseInteropCollectorFile,
} from '../../../../src/sources/bindings/teams-exchange-interop/collector.ts';

const thumbprint = 'A1B2C3D4E5F60718293A4B5C6D7E8F9001122334';

const file = (change: Record<string, unknown> = {}) => ({
  schema: 'teams-exchange-interop/1',
  collectedAt: '2026-11-24T08:00:00.000Z',
  collector: { version: '1.0.0', psVersion: '5.1' },
  host: { name: 'EX1' },
  parts: ['exchange'],
  exchange: {
    servers: [
      {
        name: 'EX1',
        fqdn: 'EX1.contoso.local',
        adminDisplayVersion: 'Version 15.2 (Build 2562.17)',
        serverRole: 'Mailbox',
        site: 'S',
        edition: 'Enterprise',
      },
      {
        name: 'EX2',
        fqdn: 'ex2.contoso.local',
        adminDisplayVersion: 'Version 15.1 (Build 2375.7)',
        serverRole: 'Mailbox',
        site: 'S',
        edition: 'Standard',
      },
    ],
    builds: [{ server: 'EX1', build: '15.2.2562.53' }],
    mailboxes: { byServer: [{ server: 'EX1', count: 12, truncated: false }], byDomain: [] },
    webServicesVirtualDirectories: [
      {
        server: 'EX1',
        name: 'EWS',
        internalUrl: 'https://ex1.contoso.local/EWS/Exchange.asmx',
        externalUrl: 'https://mail.contoso.com/EWS/Exchange.asmx',
        oauth: true,
        wsSecurity: null,
      },
      { server: 'EX2', name: 'EWS', internalUrl: '', externalUrl: '', oauth: null, wsSecurity: null },
    ],
    authConfig: {
      currentCertificateThumbprint: thumbprint,
      nextCertificateThumbprint: '',
      nextCertificateEffectiveDate: null,
    },
    authCertificates: [
      {
        server: 'EX1',
        thumbprint,
        present: true,
        subject: '',
        status: 'Valid',
        hasPrivateKey: true,
        notAfter: '2030-01-01T00:00:00.000Z',
      },
    ],
    partnerApplications: {
      name: 'Exchange Online',
      applicationIdentifier: '00000002-0000-0ff1-ce00-000000000000',
      enabled: true,
      realm: '',
      authMetadataUrl: '',
      useAuthServer: true,
      hasLinkedAccount: true,
      linkedAccount: null,
    },
  },
  sections: [],
  errors: [
    { section: 'exchange.builds', message: 'EX2: access is denied' },
    { section: 'exchange.authCertificates', message: 'EX2: the RPC server is unavailable' },
    { section: 'exchange.hybridConfiguration', message: 'Get-HybridConfiguration was stopped: it did not end in time' },
    {
      section: 'exchange.authServers',
      message:
        'The running command stopped because the preference variable "ErrorActionPreference" or common parameter is set to Stop: access is denied',
    },
  ],
  ...change,
});

const factsOf = (...files: unknown[]) => interopFactsOf(files.map(parseInteropCollectorFile)).facts;

describe('the collector’s file', () => {
  it('becomes facts: builds of ExSetup before those of the directory, which know the cumulative update only', () => {
    expect(factsOf(file())['exchange-servers']).toEqual({
      status: 'known',
      source: 'Collect-TeamsInteropFacts.ps1 on EX1',
      observedAt: '2026-11-24T08:00:00.000Z',
      value: {
        servers: [
          {
            name: 'EX1',
            fqdn: 'ex1.contoso.local',
            role: 'Mailbox',
            build: { text: '15.2.2562.53', parts: [15, 2, 2562, 53] },
            mailboxes: 12,
          },
          {
            name: 'EX2',
            fqdn: 'ex2.contoso.local',
            role: 'Mailbox',
            build: { text: '15.1.2375', parts: [15, 1, 2375] },
          },
        ],
        externalHosts: [{ server: 'EX1', host: 'mail.contoso.com' }],
      },
    });
  });

  it('reads times as somebody may have saved them anew', () => {
    const [first] = file().exchange.authCertificates;
    const certificates = (notAfter: string) => ({ ...file().exchange, authCertificates: [{ ...first, notAfter }] });
    for (const [collectedAt, notAfter] of [
      ['/Date(1795507200000)/', '/Date(1893456000000)/'],
      ['2026-11-24T09:00:00+01:00', '2030-01-01T01:00:00+01:00'],
    ] as const) {
      expect(factsOf(file({ collectedAt, exchange: certificates(notAfter) }))['auth-certificate']).toMatchObject({
        observedAt: '2026-11-24T08:00:00.000Z',
        value: { servers: [{ notAfter: '2030-01-01T00:00:00.000Z' }] },
      });
    }
  });

  it('mixes no two Exchange organizations', () => {
    const of = (name: string, guid: string) =>
      file({ host: { name }, exchange: { ...file().exchange, organizationConfig: { guid } } });
    expect(factsOf(of('EX1', 'a'), of('EX2', 'A'))['exchange-servers']).toMatchObject({ status: 'known' });
    expect(factsOf(of('EX1', 'a'), of('FAB1', 'b'))['exchange-servers']).toMatchObject({
      status: 'unobtainable',
      reason: 'insufficient',
      detail:
        "the collector's files are of 2 Exchange organizations (EX1 and FAB1), and one evaluation looks at one: watch each as an organization of its own, with its own files",
    });
  });

  it('tells mailboxes by mail domain only when every one of the forest was counted', () => {
    const domainsOf = (change: Record<string, unknown>, errors: unknown[] = []) => {
      const base = file();
      const byServer = [
        { server: 'EX1', count: 12, truncated: false },
        { server: 'EX2', count: 1, truncated: false },
      ];
      const mailboxes = { byServer, byDomain: { domain: 'Contoso.com', count: 13 } };
      const facts = factsOf({ ...base, exchange: { ...base.exchange, mailboxes, ...change }, errors });
      const servers = facts['exchange-servers'];
      return servers?.status === 'known' ? (servers.value as { domains?: unknown }).domains : servers;
    };
    expect(domainsOf({})).toEqual([{ domain: 'contoso.com', mailboxes: 13 }]);
    expect(domainsOf({ scope: { entireForest: false } })).toBeUndefined();
    expect(
      domainsOf({ mailboxes: { byServer: [{ server: 'EX1', count: 12, truncated: false }], byDomain: [] } }),
    ).toBeUndefined();
    expect(domainsOf({}, [{ section: 'exchange.mailboxes', message: 'EX2: access is denied' }])).toBeUndefined();
  });

  it('takes one element for a list, as Windows PowerShell 5.1 may write it, and knows an account that could not be read', () => {
    expect(factsOf(file())['partner-applications']).toMatchObject({
      value: { applications: [{ name: 'Exchange Online', linkedAccount: 'unreadable', roles: [] }] },
    });
  });

  it('names the servers that a section lacks', () => {
    expect(factsOf(file())['auth-certificate']).toMatchObject({ value: { current: thumbprint, unreadable: ['EX2'] } });
  });

  it('says why a section is missing', () => {
    const facts = factsOf(file());
    expect(facts['on-premises-hybrid']).toMatchObject({
      reason: 'timeout',
      detail: 'exchange.hybridConfiguration: Get-HybridConfiguration was stopped: it did not end in time',
    });
    expect(facts['auth-servers']).toMatchObject({ reason: 'denied' });
    expect(facts['setting-overrides']).toMatchObject({ reason: 'not_supplied' });
    expect(facts['entra-connect']).toBeUndefined();
  });

  it('completes another file, the newer one first, and a failed section hides nothing older', () => {
    const entra = file({
      collectedAt: '2026-11-24T07:00:00.000Z',
      host: { name: 'SYNC1' },
      exchange: undefined,
      errors: [],
      entraConnect: {
        globalSettings: { exchangeHybrid: true, version: '2' },
        rules: [{ name: 'Out to AD - User Exchange Hybrid', enabled: true }],
      },
    });
    const older = file({
      collectedAt: '2026-11-20T08:00:00.000Z',
      exchange: { authServers: [], settingOverrides: [] },
      errors: [],
    });
    const facts = factsOf(file(), entra, older);
    expect(facts['entra-connect']).toMatchObject({ status: 'known', source: 'Collect-TeamsInteropFacts.ps1 on SYNC1' });
    expect(facts['auth-servers']).toMatchObject({ status: 'known', observedAt: '2026-11-20T08:00:00.000Z' });
    expect(facts['exchange-servers']).toMatchObject({ observedAt: '2026-11-24T08:00:00.000Z' });
  });

  it('expects an Auth certificate of servers of version 15 only', () => {
    const base = file();
    const [first] = base.exchange.servers;
    const others = [
      { ...first, name: 'OLD10', adminDisplayVersion: 'Version 14.3 (Build 123.4)' },
      { ...first, name: 'EDGE1', serverRole: 'Edge' },
    ];
    const facts = factsOf(
      file({
        exchange: {
          ...base.exchange,
          servers: [...base.exchange.servers, ...others],
          authCertificates: [
            ...base.exchange.authCertificates,
            { server: 'OLD10', thumbprint, present: false, status: '', notAfter: null },
          ],
        },
        errors: [{ section: 'exchange.authCertificates', message: 'EDGE1: the RPC server is unavailable' }],
      }),
    );
    expect(facts['auth-certificate']).toMatchObject({ value: { servers: [{ server: 'EX1' }], unreadable: [] } });
  });

  it('takes no count of 0 for none where only a part of the forest was in view', () => {
    const base = file();
    const counted = (scope: object) =>
      factsOf(
        file({
          exchange: {
            ...base.exchange,
            ...scope,
            mailboxes: {
              byServer: [
                { server: 'EX1', count: 12 },
                { server: 'EX2', count: 0 },
              ],
            },
          },
        }),
      )['exchange-servers'];
    expect(counted({})).toMatchObject({ value: { servers: [{ mailboxes: 12 }, { mailboxes: 0 }] } });
    const part = counted({ scope: { entireForest: false } });
    expect(part).toMatchObject({ value: { servers: [{ mailboxes: 12 }, { name: 'EX2' }] } });
    expect(JSON.stringify(part)).not.toContain('"mailboxes":0');
    expect(counted({ forest: { notLookedAt: [] } })).toMatchObject({ value: { servers: [{}, { mailboxes: 0 }] } });
    const childUnseen = counted({ scope: { entireForest: true }, forest: { notLookedAt: ['child.contoso.local'] } });
    expect(JSON.stringify(childUnseen)).not.toContain('"mailboxes":0');
  });

  it('lets no staging server of Entra Connect speak for the one that exports', () => {
    const entra = (day: string, name: string, staging: boolean) =>
      file({
        collectedAt: `2026-11-${day}T07:00:00.000Z`,
        host: { name },
        exchange: undefined,
        errors: [],
        entraConnect: {
          globalSettings: { exchangeHybrid: !staging },
          scheduler: { stagingModeEnabled: staging },
          rules: [],
          writeback: [],
          writebackEffect: [],
        },
      });
    for (const files of [
      [entra('20', 'SYNC1', false), entra('22', 'SYNC2', true)],
      [entra('20', 'SYNC2', true), entra('22', 'SYNC1', false)],
    ]) {
      const facts = factsOf(...files);
      expect(facts['entra-connect']).toMatchObject({ source: 'Collect-TeamsInteropFacts.ps1 on SYNC1' });
      expect(facts.writeback).toMatchObject({ source: 'Collect-TeamsInteropFacts.ps1 on SYNC1' });
    }
    expect(factsOf(entra('22', 'SYNC2', true))['entra-connect']).toMatchObject({ value: { staging: true } });
  });

  it('is refused with the path of every fault', () => {
    expect(() => parseInteropCollectorFile(file({ collectedAt: 'yesterday', exchange: { servers: [{}] } }))).toThrow(
      InvalidDocument,
    );
    expect(() => parseInteropCollectorFile(file({ exchange: { servers: [{}] } }))).toThrow(
      'collector file: exchange.servers[0].name: ',
    );
    expect(isInteropCollectorFile({ schema: 'smtp-source-ip/1' })).toBe(false);
    expect(isInteropCollectorFile(null)).toBe(false);
  });

  it('never fails in another way, whatever the file holds', () => {
    fc.assert(
      fc.property(
        fc.jsonValue(),
        fc.constantFrom('servers', 'builds', 'partnerApplications', 'authConfig', 'delegates'),
        (value, section) => {
          try {
            factsOf(file({ exchange: { [section]: value } }));
          } catch (error) {
            expect(error).toBeInstanceOf(InvalidDocument);
          }
        },
      ),
    );
  });
});
