import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { known, notKnown, Unobtainable } from '../../../src/domain/fact-set.ts';
import { composeHybridOption, composeKnownBuilds, composeMailboxHomes } from '../../../src/sources/interop-compose.ts';
import {
  exchangeOnlineEwsOf,
  exchangeOnlineHybridOf,
  recipientOf,
} from '../../../src/sources/interop-exchange-online.ts';
import {
  cloudSyncJobsOf,
  hybridApplicationOf,
  servicePrincipalsOf,
  synchronisationOf,
  tenantSubscriptionsOf,
  usersInScopeOf,
} from '../../../src/sources/interop-graph.ts';
import { looksLikeMessageHeaders, mailBuildsOf } from '../../../src/sources/interop-mail.ts';

const nothing = notKnown('not_supplied', 'no credentials');
const at = '2026-11-24T09:00:00.000Z';

describe('Microsoft Graph', () => {
  it('reads synchronisation and the domains that carry mail', () => {
    expect(
      synchronisationOf({
        value: [
          {
            onPremisesSyncEnabled: true,
            onPremisesLastSyncDateTime: '2026-11-24T08:40:00Z',
            verifiedDomains: [
              { name: 'Contoso.com', capabilities: 'Email, OfficeCommunicationsOnline' },
              { name: 'contoso.onmicrosoft.com', capabilities: 'None' },
            ],
          },
        ],
      }),
    ).toEqual({
      enabled: true,
      lastSync: '2026-11-24T08:40:00Z',
      domains: [
        { name: 'contoso.com', mail: true },
        { name: 'contoso.onmicrosoft.com', mail: false },
      ],
    });
    expect(() => synchronisationOf({ error: {} })).toThrow(
      'the reply of Microsoft Graph for organization is not as expected: value: ',
    );
  });

  const adele = {
    userPrincipalName: 'adele@contoso.onmicrosoft.com',
    mail: 'adele@contoso.com',
    proxyAddresses: ['SMTP:Adele@contoso.com', 'smtp:avance@contoso.com'],
    onPremisesSyncEnabled: true,
    assignedPlans: [
      { servicePlanId: '57ff2da0-773e-42df-b2af-ffb7a2317929', capabilityStatus: 'Enabled' },
      { servicePlanId: 'efb87545-963c-4e0d-99df-69c6916d9eb0', capabilityStatus: 'Suspended' },
    ],
  };

  it('counts a plan by its state on the user, and finds sample users by any address', () => {
    const scope = usersInScopeOf([adele], {
      sampleUsers: ['avance@contoso.com', 'lost@contoso.com'],
      domains: ['contoso.com'],
    });
    expect(scope).toEqual({
      scope: 'sample',
      users: [
        { user: 'avance@contoso.com', found: true, synchronised: true, teams: true, exchange: false },
        { user: 'lost@contoso.com', found: false, synchronised: false, teams: false, exchange: false },
      ],
    });
  });

  it('without sample users takes synchronised people of the domains', () => {
    const cloudOnly = { userPrincipalName: 'x@contoso.com', mail: 'x@contoso.com' };
    const scope = usersInScopeOf([adele, cloudOnly], { sampleUsers: [], domains: ['contoso.com'] });
    expect(scope.users.map(({ user }) => user)).toEqual(['adele@contoso.com']);
  });

  it('counts the licences of a subscription, and names the plans in it that can be had', () => {
    const plan = (servicePlanId: string, provisioningStatus: string) => ({ servicePlanId, provisioningStatus });
    const teams = '57FF2DA0-773E-42DF-B2AF-FFB7A2317929';
    const exchange = '9aaf7827-d63c-4b61-89c3-182f06f82e5c';
    expect(
      tenantSubscriptionsOf([
        {
          skuPartNumber: 'O365_BUSINESS_ESSENTIALS',
          consumedUnits: 14,
          prepaidUnits: { enabled: 25, suspended: 5, warning: 0 },
          servicePlans: [plan(teams, 'PendingProvisioning'), plan(exchange, 'Disabled')],
        },
        { skuPartNumber: 'EXCHANGESTANDARD', consumedUnits: 3, servicePlans: [plan(exchange, 'Success')] },
        { skuPartNumber: 'AAD_PREMIUM', prepaidUnits: { enabled: 1 } },
      ]),
    ).toEqual({
      subscriptions: [
        { name: 'O365_BUSINESS_ESSENTIALS', enabled: 25, consumed: 14, teams: true, exchange: false },
        { name: 'EXCHANGESTANDARD', enabled: 0, consumed: 3, teams: false, exchange: true },
        { name: 'AAD_PREMIUM', enabled: 1, consumed: 0, teams: false, exchange: false },
      ],
    });
    expect(() => tenantSubscriptionsOf([{ consumedUnits: 1 }])).toThrow(
      'the reply of Microsoft Graph for subscribedSkus is not as expected: skuPartNumber: ',
    );
  });

  it('reads thumbprints as Base64 of bytes, as Base64 of text and as text', () => {
    const thumbprint = 'A1B2C3D4E5F60718293A4B5C6D7E8F9001122334';
    const forms = [
      Buffer.from(thumbprint, 'hex').toString('base64'),
      Buffer.from(thumbprint).toString('base64'),
      thumbprint,
      null,
    ];
    const [principal] = servicePrincipalsOf([
      {
        appId: '00000002-0000-0FF1-CE00-000000000000',
        servicePrincipalNames: ['https://mail.contoso.com/'],
        keyCredentials: forms.map((customKeyIdentifier) => ({
          customKeyIdentifier,
          endDateTime: '2030-01-01T00:00:00Z',
        })),
      },
    ]).principals;
    expect(principal?.appId).toBe('00000002-0000-0ff1-ce00-000000000000');
    expect(principal?.keyCredentials.map((key) => key.thumbprint)).toEqual([
      thumbprint,
      thumbprint,
      thumbprint,
      undefined,
    ]);
  });

  it('names the permissions of the hybrid application, or that there is none', () => {
    expect(hybridApplicationOf([], [], [])).toEqual({ found: false, keyCredentials: [], consented: [] });
    const app = hybridApplicationOf(
      [{ appId: 'AAAAAAAA-0000-1111-2222-BBBBBBBBBBBB', displayName: 'ExchangeServerApp-x', keyCredentials: [] }],
      [
        { resourceId: 'r1', appRoleId: 'full' },
        { resourceId: 'r1', appRoleId: 'other' },
      ],
      [{ id: 'r1', appRoles: [{ id: 'full', value: 'full_access_as_app' }] }],
    );
    expect(app).toMatchObject({
      appId: 'aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb',
      consented: ['full_access_as_app', 'other'],
    });
  });

  it('reads Cloud Sync jobs, with or without a template id', () => {
    const { jobs } = cloudSyncJobsOf([
      {
        id: 'AAD2ADExchangeHybridWriteback.1111',
        schedule: { interval: 'PT40M', state: 'Active' },
        status: { code: 'Active', lastSuccessfulExecution: { timeEnded: '2026-11-24T08:00:00Z' } },
      },
    ]);
    expect(jobs).toEqual([
      {
        id: 'AAD2ADExchangeHybridWriteback.1111',
        template: 'AAD2ADExchangeHybridWriteback',
        scheduled: true,
        status: 'Active',
        lastSuccess: '2026-11-24T08:00:00Z',
      },
    ]);
  });
});

describe('Exchange Online', () => {
  it('reads the hybrid configuration, one element in place of a list included', () => {
    expect(
      exchangeOnlineHybridOf({
        connectors: [
          { Name: 'IOC', Enabled: 'True', TargetAddressDomains: 'Contoso.com', DiscoveryEndpoint: 'https://a/' },
        ],
        organizations: [{ Name: 'O', HybridDomains: ['contoso.com'], OrganizationGuid: null }],
        relationships: [{ TargetSharingEpr: '' }],
        endpoints: [{ RemoteServer: 'x.resource.mailboxmigration.his.msappproxy.net' }],
      }),
    ).toEqual({
      connectors: [{ name: 'IOC', enabled: true, domains: ['contoso.com'], discoveryEndpoint: 'https://a/' }],
      onPremisesOrganizations: [{ name: 'O', domains: ['contoso.com'] }],
      sharingEndpoints: ['x.resource.mailboxmigration.his.msappproxy.net'],
    });
  });

  it('keeps "not set" apart from "off"', () => {
    expect(exchangeOnlineEwsOf([{ EwsEnabled: null }])).toEqual({ allowedAppIds: [], allowList: [], blockList: [] });
    expect(exchangeOnlineEwsOf([{ EwsEnabled: false, EwsAllowedAppIDs: 'a,b' }])).toMatchObject({
      enabled: false,
      allowedAppIds: ['a', 'b'],
    });
    expect(() => exchangeOnlineEwsOf([])).toThrow(Unobtainable);
  });

  it('tells mail users, mailboxes and strangers apart', () => {
    const guid = {
      ExternalEmailAddress: 'SMTP:adele@mail.contoso.com',
      ExchangeGuid: 'b0000000-0000-0000-0000-000000000001',
    };
    expect(recipientOf('adele@contoso.com', [guid], [])).toEqual({
      user: 'adele@contoso.com',
      kind: 'mail-user',
      externalAddress: 'adele@mail.contoso.com',
      hasExchangeGuid: true,
    });
    const zero = { ExchangeGuid: '00000000-0000-0000-0000-000000000000' };
    expect(recipientOf('a@contoso.com', [zero], []).hasExchangeGuid).toBe(false);
    expect(recipientOf('a@contoso.com', [], [{}]).kind).toBe('mailbox');
    expect(recipientOf('a@contoso.com', [], []).kind).toBe('not-found');
  });
});

describe('mail headers', () => {
  const headers = [
    'Received: from EX05.contoso.local (192.0.2.5) by EX01.contoso.local (192.0.2.1)',
    ' with Microsoft SMTP Server (version=TLS1_2, cipher=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384)',
    ' id 15.2.1544.11; Mon, 21 Sep 2026 10:45:16 +0300',
    'Received: from EX05.contoso.local ([192.0.2.5]) by EX05.contoso.local',
    '\t([192.0.2.5]) with mapi id 15.02.2562.027; Mon, 21 Sep 2026 10:45:16 +0300',
    'Received: from X (2001:db8::1) by X.eurprd00.prod.outlook.com (2001:db8::2) with Microsoft SMTP Server (version=TLS1_3) id 15.20.9000.1; Mon, 21 Sep 2026',
    'Subject: hello',
    '',
    'Received: from forged by OLD.contoso.local with mapi id 14.3.513.0',
  ].join('\r\n');

  it('tell transport and mailbox home, folded and zero-padded, without Exchange Online and without the body', () => {
    expect(looksLikeMessageHeaders(headers)).toBe(true);
    expect(mailBuildsOf(headers).hops).toEqual([
      { server: 'EX01.contoso.local', kind: 'transport', build: { text: '15.2.1544.11', parts: [15, 2, 1544, 11] } },
      { server: 'EX05.contoso.local', kind: 'mailbox', build: { text: '15.2.2562.27', parts: [15, 2, 2562, 27] } },
    ]);
  });

  it('never throw and always end, whatever they say', () => {
    const piece = fc.constantFrom(
      'Received:',
      ' by ',
      'from ',
      'with mapi id ',
      'with Microsoft SMTP Server ',
      'id ',
      '15.2.1.1',
      '\r\n',
      '\n ',
      'EX1',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, fc.string({ maxLength: 4 })), { maxLength: 60 }), (pieces) => {
        mailBuildsOf(pieces.join(''));
      }),
    );
  });
});

describe('facts that several worlds tell', () => {
  const build = (text: string) => ({ text, parts: text.split('.').map(Number) });
  const servers = known(
    {
      servers: [
        { name: 'EX1', fqdn: 'ex1.contoso.local', role: 'Mailbox', build: build('15.2.2562.53'), mailboxes: 12 },
        { name: 'EDGE', role: 'Edge' },
      ],
      externalHosts: [],
    },
    'collector',
    '2026-11-20T00:00:00.000Z',
  );
  const mail = known(
    { hops: [{ server: 'EX1.contoso.local', kind: 'mailbox' as const, build: build('15.2.2562.49') }] },
    'message',
    at,
  );
  const declarations = known(
    { statements: [{ statement: 'mailboxes-on-supported-version', value: true, by: 'Mail team', at: '2026-11-01' }] },
    'document',
    at,
  );
  const now = new Date(at);

  it('homes: collector before mail before declaration, else why not', () => {
    const of = (from: Partial<Parameters<typeof composeMailboxHomes>[0]>) =>
      composeMailboxHomes({ servers: nothing, mail: nothing, declarations: nothing, ...from }, now);
    expect(of({ servers, mail, declarations }).value).toEqual({
      basis: 'collector',
      servers: [{ server: 'EX1', build: build('15.2.2562.53'), mailboxes: 12 }],
    });
    expect(of({ mail, declarations }).value.basis).toBe('mail-headers');
    expect(of({ declarations }).value).toMatchObject({ basis: 'declared', declared: { value: true, by: 'Mail team' } });
    expect(() => of({ servers: notKnown('denied', 'exchange.servers: access is denied') })).toThrow(
      'exchange.servers: access is denied',
    );
  });

  it('builds: of one server under one name, as old as the oldest part', () => {
    const builds = composeKnownBuilds({ servers, mail, published: {} });
    expect(builds.observedAt).toBe('2026-11-20T00:00:00.000Z');
    expect(builds.value.builds.map(({ where, from, build: { text } }) => `${where} ${from} ${text}`)).toEqual([
      'EX1 collector 15.2.2562.53',
      'EX1 mail-headers 15.2.2562.49',
    ]);
    expect(() => composeKnownBuilds({ servers: nothing, mail: nothing, published: {} })).toThrow('no credentials');
  });

  it('the hybrid option: each proof on its own', () => {
    const all = { entraConnect: nothing, cloudSync: nothing, writeback: nothing, recipients: nothing };
    expect(() => composeHybridOption(all)).toThrow(Unobtainable);
    const off = known(
      { exchangeHybrid: true, rules: [{ name: 'Out to AD - User Exchange Hybrid', enabled: false }] },
      'collector',
      at,
    );
    expect(composeHybridOption({ ...all, entraConnect: off }).value.proofs).toEqual([
      {
        from: 'entra-connect',
        on: false,
        observed: 'Entra Connect: the rule "Out to AD - User Exchange Hybrid" is disabled',
      },
    ]);
    const recipients = known(
      { recipients: [{ user: 'a@contoso.com', kind: 'mail-user' as const, hasExchangeGuid: true }] },
      'EXO',
      at,
    );
    expect(composeHybridOption({ ...all, recipients }).value.proofs).toEqual([
      { from: 'exchange-guid', on: true, observed: 'ExchangeGuid is set for 1 of 1 mail users in Exchange Online' },
    ]);
  });
});
