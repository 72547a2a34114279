import { describe, expect, it } from 'vitest';
import {
  cloudSyncJobsOf,
  graphRequests,
  hybridApplicationOf,
  ownHybridApplication,
  servicePrincipalsOf,
  synchronisationOf,
  tallyUsers,
  tenantSubscriptionsOf,
  usersInScopeOf,
} from '../../../../src/sources/bindings/teams-exchange-interop/graph.ts';

describe('Microsoft Graph', () => {
  it('is asked about one user by every address that user may have, whatever stands in it', () => {
    const url = new URL(`https://graph.microsoft.com${graphRequests.user("o'neil+x&y@contoso.com")}`);
    const address = "o''neil+x&y@contoso.com";
    expect(url.pathname).toBe('/v1.0/users');
    expect(url.searchParams.get('$filter')).toBe(
      `userPrincipalName eq '${address}' or mail eq '${address}' or proxyAddresses/any(p:p eq 'smtp:${address}') or proxyAddresses/any(p:p eq 'SMTP:${address}')`,
    );
  });

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
    // The time of the tenant is Entra Connect's; Cloud Sync's jobs tell their own.
    const jobs = [
      {
        id: '1',
        template: 'AD2AADProvisioning',
        scheduled: true,
        status: 'Active',
        lastSuccess: '2026-11-24T09:10:00Z',
      },
      {
        id: '2',
        template: 'AAD2ADExchangeHybridWriteback',
        scheduled: true,
        status: 'Active',
        lastSuccess: '2027-01-01',
      },
    ];
    expect(synchronisationOf({ value: [{ onPremisesSyncEnabled: true }] }, { jobs }).lastSync).toBe(
      '2026-11-24T09:10:00Z',
    );
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

  it('takes a plan for enabled where a licence of a subscription that is in force brings it, and is not switched off', () => {
    const teams = '57ff2da0-773e-42df-b2af-ffb7a2317929';
    const exchange = 'efb87545-963c-4e0d-99df-69c6916d9eb0';
    const servicePlans = [teams, exchange].map((servicePlanId) => ({ servicePlanId, provisioningStatus: 'Success' }));
    const tally = tallyUsers(
      ['contoso.com'],
      [
        { skuId: 'AAAA', capabilityStatus: 'Enabled', skuPartNumber: 'SPE_E3', servicePlans },
        { skuId: 'bbbb', capabilityStatus: 'Suspended', skuPartNumber: 'SPE_E5', servicePlans },
      ],
    );
    const person = (name: string, assignedLicenses: object[], more = {}) => ({
      userPrincipalName: `${name}@contoso.com`,
      mail: `${name}@contoso.com`,
      onPremisesSyncEnabled: true,
      assignedLicenses,
      ...more,
    });
    tally.add([
      person('both', [{ skuId: 'aaaa', disabledPlans: [] }]),
      person('no-teams', [{ skuId: 'aaaa', disabledPlans: [teams.toUpperCase()] }]),
      person('expired', [{ skuId: 'bbbb' }]),
      person('in-the-cloud', [], { onPremisesSyncEnabled: null }),
      person('elsewhere', [], { mail: 'elsewhere@fabrikam.com' }),
    ]);
    tally.add([person('nothing', []), { userPrincipalName: 'no-mail@contoso.com', onPremisesSyncEnabled: true }]);
    const named = (name: string, on: object) => ({
      user: `${name}@contoso.com`,
      found: true,
      synchronised: true,
      teams: false,
      exchange: false,
      ...on,
    });
    expect(tally.value()).toEqual({
      scope: 'domain',
      users: [named('no-teams', { exchange: true }), named('expired', {}), named('nothing', {})],
      counted: { users: 4, withoutTeams: 3, withoutExchange: 2 },
    });
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
    expect(hybridApplicationOf(ownHybridApplication([], undefined), [], [], [])).toEqual({
      found: false,
      keyCredentials: [],
      consented: [],
    });
    const app = hybridApplicationOf(
      { appId: 'AAAAAAAA-0000-1111-2222-BBBBBBBBBBBB', displayName: 'ExchangeServerApp-x', keyCredentials: [] },
      [
        { resourceId: 'r1', appRoleId: 'full' },
        { resourceId: 'r1', appRoleId: 'other' },
      ],
      [{ id: 'r1', appRoles: [{ id: 'full', value: 'full_access_as_app' }] }],
      [{ appId: 'aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb', accountEnabled: false }],
    );
    expect(app).toMatchObject({
      enabled: false,
      appId: 'aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb',
      consented: ['full_access_as_app', 'other'],
    });
  });

  it('takes of several hybrid applications the one that the AuthServer names, and guesses none', () => {
    const apps = ['1', '2'].map((name) => ({
      appId: `APP-${name}`,
      displayName: `ExchangeServerApp-${name}`,
      keyCredentials: [],
    }));
    const evoSts = { name: 'EvoSts', type: 'AzureAD', enabled: true, domains: [] };
    const named = (applicationIdentifier: string) => ({ servers: [{ ...evoSts, applicationIdentifier }] });
    expect(ownHybridApplication(apps, named('app-2'))?.displayName).toBe('ExchangeServerApp-2');
    expect(ownHybridApplication(apps.slice(0, 1), undefined)?.displayName).toBe('ExchangeServerApp-1');
    expect(() => ownHybridApplication(apps, undefined)).toThrow(
      'the tenant has 2 dedicated hybrid applications (ExchangeServerApp-1 and ExchangeServerApp-2), and the collector, which tells which of them this organization uses, was not run',
    );
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
