// From a tenant id to findings: everything as deployed, against the fake tenant and real name servers on loopback.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { evaluateAdHoc } from '../../src/app/evaluations/ad-hoc.ts';
import { silentLog } from '../../src/app/log.ts';
import { noFacts } from '../../src/domain/fact-set.ts';
import type { Run } from '../../src/domain/finding.ts';
import { gather } from '../../src/domain/gather.ts';
import { judge } from '../../src/domain/judge.ts';
import { dkim } from '../../src/evaluations/dkim/index.ts';
import { teamsExchangeInterop } from '../../src/evaluations/teams-exchange-interop/index.ts';
import { exchangeOrganization } from '../../src/facts/exchange-organization/subject.ts';
import type { MailDomain } from '../../src/facts/mail-domain/subject.ts';
import { createWorld, type World } from '../../src/sources/world.ts';
import { useResolvers } from '../app/resolvers.ts';
import { createTenant, type Tenant } from '../app/tenant.ts';
import { contoso } from './access.ts';
import { type FakeCloud, startFakeCloud } from './fake-cloud.ts';
import { acceptedDomainRow, type FakeTenant, fakeTenant, skuIdOf, subscribedSkuRow } from './fake-tenant.ts';

let published: Tenant;
let cloud: FakeCloud;
let tenant: FakeTenant;
let world: World;

const resolvers = useResolvers(() => published.zone);

beforeEach(async () => {
  published = createTenant(['contoso.com'], ['shop.contoso.com']);
  cloud = await startFakeCloud();
  tenant = fakeTenant(contoso.id);
  tenant.cmdlets = {
    'Get-DkimSigningConfig': published.rows.map((row) => ({ ...row })),
    'Get-AcceptedDomain': published.rows.map(({ Domain }) => acceptedDomainRow(Domain)),
  };
  cloud.tenants.set(contoso.id, tenant);
  world = createWorld({
    resolvers: resolvers.addresses,
    identity: { clientId: cloud.application.clientId, clientSecret: cloud.application.secret },
    endpoints: cloud.endpoints,
    tenantRequestsPerSecond: 1000,
    ca: [cloud.ca],
  });
});
afterEach(async () => {
  world.close();
  await cloud.close();
});

const domain = (id: string, more: Partial<MailDomain> = { tenantId: contoso.id }): MailDomain => ({
  kind: 'mail-domain',
  id,
  selectors: ['selector1', 'selector2'],
  ...more,
});

const now = new Date('2026-11-24T09:30:00Z');

async function evaluate(subjects: readonly MailDomain[]): Promise<readonly Run[]> {
  const ports = { sources: dkim.bind(world), log: silentLog, world };
  return (await evaluateAdHoc(ports, { evaluation: dkim, subjects, now })).runs;
}

const says = (run: Run | undefined, rule: string) => run?.findings.find((finding) => finding.rule === rule);

describe('dkim of a live tenant', () => {
  it('needs nothing but its id', async () => {
    const found = await world.discover(contoso);
    expect(found?.complete).toBe(true);
    const runs = await evaluate((found?.domains ?? []).map((id) => domain(id)));
    expect(runs.map(({ subject, answers }) => [subject, answers['verifiable-now']])).toEqual([
      ['contoso.com', 'yes'],
      ['shop.contoso.com', 'no'],
    ]);
    expect(says(runs[1], 'dkim/active-key-published')).toMatchObject({ verdict: 'fail', owner: 'microsoft' });
  });

  it('is asked for what its scope reads: a domain that may not send is out of every alarm', async () => {
    tenant.cmdlets['Get-AcceptedDomain'] = [acceptedDomainRow('shop.contoso.com', { SendingFromDomainDisabled: true })];
    const [run] = await evaluate([domain('shop.contoso.com')]);
    expect(run?.answers['verifiable-now']).toBe('not_applicable');
    expect(run?.findings[0]?.message).toBe(
      'Sending from shop.contoso.com is switched off (SendingFromDomainDisabled).',
    );
  });

  it('names what Microsoft has open beside a failure of Microsoft', async () => {
    tenant.graph['/v1.0/admin/serviceAnnouncement/issues'] = [
      {
        id: 'EX123456',
        title: "Some users' messages may fail DKIM validation",
        service: 'Exchange Online',
        startDateTime: '2026-11-23T04:30:00Z',
        isResolved: false,
      },
    ];
    const [run] = await evaluate([domain('shop.contoso.com')]);
    expect(says(run, 'dkim/active-key-published')?.message).toMatch(
      /Open at Microsoft for Exchange Online: EX123456 "Some users' messages may fail DKIM validation" \(since 2026-11-23\)\.$/,
    );
  });

  it('is judged as well where service health may not be read', async () => {
    tenant.permissions = ['Exchange.ManageAsApp'];
    const [run] = await evaluate([domain('shop.contoso.com')]);
    expect(says(run, 'dkim/active-key-published')).toMatchObject({
      verdict: 'fail',
      message: expect.stringMatching(/Receivers cannot verify what is signed now\.$/),
    });
  });

  it.each<[string, (one: FakeTenant) => void, string]>([
    [
      'the application permission',
      (one) => {
        one.permissions = [];
      },
      'lacks the application permission Exchange.ManageAsApp',
    ],
    [
      'the directory role',
      (one) => {
        one.directoryRole = false;
      },
      'is admitted but has no directory role that lets it read. To assign Security Reader',
    ],
    [
      'Exchange Online',
      (one) => {
        one.exchangeOnline = false;
      },
      'has no Exchange Online, or it is switched off',
    ],
  ])('without %s is undetermined, and says what mends it', async (_, takeAway, sentence) => {
    takeAway(tenant);
    const [run] = await evaluate([domain('contoso.com')]);
    expect(run?.answers['verifiable-now']).toBe('undetermined');
    expect(says(run, 'dkim/signing-configured')).toMatchObject({
      verdict: 'unknown',
      message: expect.stringMatching(/^Could not look: DKIM signing configuration: access denied \(/),
    });
    expect(says(run, 'dkim/signing-configured')?.message).toContain(sentence);
  });

  it('that vanished while a run was under way leaves what was seen standing', async () => {
    await evaluate([domain('contoso.com')]);
    cloud.tenants.delete(contoso.id);
    cloud.expireTokens();
    const [run] = await evaluate([domain('contoso.com')]);
    expect(run?.answers['verifiable-now']).toBe('yes');
  });

  it('is asked for nothing by a domain whose tenant nobody named', async () => {
    const [run] = await evaluate([domain('contoso.com', {})]);
    expect(says(run, 'dkim/signing-configured')?.message).toBe(
      "Could not look: DKIM signing configuration: not supplied (supply the output of Get-DkimSigningConfig, or name the tenant (tenant.id in the organization's document)).",
    );
    expect(cloud.login.arrived).toEqual([]);
  });
});

describe('a cmdlet that the role does not reach', () => {
  it('costs what it alone tells, and says so', async () => {
    tenant.cmdlets['Get-IntraOrganizationConnector'] = [{ Name: 'IOC', Enabled: true }];
    tenant.cmdlets['Get-OnPremisesOrganization'] = [];
    tenant.cmdlets['Get-OrganizationRelationship'] = [];
    const organization = exchangeOrganization.parse({
      kind: 'exchange-organization',
      id: 'contoso',
      domains: ['contoso.com'],
      tenantId: contoso.id,
    });
    const evaluation = {
      ...teamsExchangeInterop,
      rules: teamsExchangeInterop.rules.filter(({ id }) => id === 'teams-exchange-interop/hybrid-configured'),
    };
    const options = { now, supplied: noFacts };
    const { facts } = await gather(evaluation, organization, teamsExchangeInterop.bind(world), options);
    expect(facts['exchange-online-hybrid']).toMatchObject({
      status: 'known',
      value: {
        connectors: [{ name: 'IOC', enabled: true }],
        sharingEndpoints: [],
        endpointsUnseen: expect.stringContaining('does not reach Get-MigrationEndpoint'),
      },
    });
  });
});

describe('licences of a live tenant', () => {
  const adele = 'adele@contoso.com';
  const subject = exchangeOrganization.parse({
    kind: 'exchange-organization',
    id: 'contoso',
    domains: ['contoso.com'],
    sampleUsers: [adele],
    intents: ['compliance'],
    tenantId: contoso.id,
  });
  const assign =
    'Microsoft 365 admin center > Users > Licenses and apps: assign a licence with Microsoft Teams and leave';

  beforeEach(() => {
    tenant.graph['/v1.0/users'] = [{ userPrincipalName: adele, onPremisesSyncEnabled: true, assignedPlans: [] }];
  });

  const licensed = ['teams-licensed', 'compliance-licensed', 'users-synchronised'].map(
    (rule) => `teams-exchange-interop/${rule}`,
  );
  /** What Graph alone tells; nothing else of the organization is looked at. */
  const evaluation = {
    ...teamsExchangeInterop,
    rules: teamsExchangeInterop.rules.filter(({ id }) => licensed.includes(id)),
  };

  async function lookAt() {
    const facts = await gather(evaluation, subject, teamsExchangeInterop.bind(world), { now, supplied: noFacts });
    const run = judge(evaluation, subject, facts, { now });
    return {
      teams: says(run, 'teams-exchange-interop/teams-licensed'),
      compliance: says(run, 'teams-exchange-interop/compliance-licensed'),
      synchronised: says(run, 'teams-exchange-interop/users-synchronised'),
      subscriptions: facts.facts['tenant-subscriptions'],
    };
  }

  it.each([
    ['counts', true, 3],
    ['does not count', false, 54],
  ])('are looked at for 50,000 people without a sample where Graph %s', async (_, countsUsers, requests) => {
    const plans = ['57ff2da0-773e-42df-b2af-ffb7a2317929', 'efb87545-963c-4e0d-99df-69c6916d9eb0'];
    const assignedPlans = plans.map((servicePlanId) => ({ servicePlanId, capabilityStatus: 'Enabled' }));
    const assignedLicenses = [{ skuId: skuIdOf('SPE_E3'), disabledPlans: [] }];
    const person = (index: number) => `person${String(index).padStart(5, '0')}@contoso.com`;
    tenant.graph['/v1.0/organization'] = [
      { onPremisesSyncEnabled: true, onPremisesLastSyncDateTime: now.toISOString(), verifiedDomains: [] },
    ];
    tenant.graph['/v1.0/users'] = Array.from({ length: 50_000 }, (_, index) => ({
      userPrincipalName: person(index),
      mail: person(index),
      onPremisesSyncEnabled: true,
      assignedPlans: index % 1000 === 0 ? [] : assignedPlans,
      assignedLicenses: index % 1000 === 0 ? [] : assignedLicenses,
    }));
    cloud.pageSize = 999;
    cloud.countsUsers = countsUsers;
    const everybody = { ...subject, sampleUsers: [] };
    const facts = await gather(evaluation, everybody, teamsExchangeInterop.bind(world), { now, supplied: noFacts });
    const run = judge(evaluation, everybody, facts, { now });
    expect(says(run, 'teams-exchange-interop/teams-licensed')).toMatchObject({
      verdict: 'fail',
      message: `Without an enabled Teams plan (TEAMS1): ${[0, 1000, 2000, 3000, 4000].map(person).join(', ')} and 45 more.`,
      evidence: [{ observed: '49950 of 50000 users have TEAMS1 enabled' }, {}],
    });
    expect(says(run, 'teams-exchange-interop/users-synchronised')?.message).toMatch(
      /all 50000 users in the domains are synchronised\.$/,
    );
    const asked = cloud.graph.arrived.filter(({ target }) => target.startsWith('/v1.0/users'));
    expect(asked).toHaveLength(requests);
  });

  it('are named where some are free for people without a plan', async () => {
    const { teams, compliance } = await lookAt();
    expect(teams).toMatchObject({
      verdict: 'fail',
      message: 'Without an enabled Teams plan (TEAMS1): adele@contoso.com.',
      remedy: `${assign} the app on. 12 free licences with Teams: SPE_E3.`,
      evidence: [
        { fact: 'users-in-scope', observed: '0 of 1 users have TEAMS1 enabled' },
        { fact: 'tenant-subscriptions', observed: 'SPE_E3: 13 of 25 used', source: 'Microsoft Graph' },
      ],
    });
    expect(compliance?.remedy).toMatch(
      / their mailboxes stay on premises\. 12 free licences with Exchange Online: SPE_E3\.$/,
    );
  });

  it('are counted as they are: one left, more assigned than paid for, and none with the plan', async () => {
    const exchangeOnly = [{ servicePlanId: '9aaf7827-d63c-4b61-89c3-182f06f82e5c', provisioningStatus: 'Success' }];
    tenant.graph['/v1.0/subscribedSkus'] = [
      subscribedSkuRow('SPE_E3', { enabled: 25, consumed: 26 }),
      subscribedSkuRow('EXCHANGESTANDARD', { enabled: 2, consumed: 1 }, exchangeOnly),
    ];
    const some = await lookAt();
    expect(some.teams?.remedy).toBe(
      `${assign} the app on. No subscription of the tenant with Teams has a free licence (SPE_E3: 26 of 25 used).`,
    );
    expect(some.compliance?.remedy).toMatch(/ 1 free licence with Exchange Online: EXCHANGESTANDARD\.$/);
    tenant.graph['/v1.0/subscribedSkus'] = [];
    expect((await lookAt()).teams?.remedy).toBe(
      `${assign} the app on. No subscription of the tenant includes Teams: buy one first.`,
    );
  });

  it('that may not be read leave the finding as it is, and say which permission is missing', async () => {
    tenant.permissions = tenant.permissions.filter((name) => name !== 'Organization.Read.All');
    const { teams, compliance, synchronised, subscriptions } = await lookAt();
    expect(teams).toMatchObject({
      verdict: 'fail',
      remedy: `${assign} the app on.`,
      evidence: [{ fact: 'users-in-scope' }],
    });
    expect(compliance).toMatchObject({ verdict: 'fail', remedy: expect.stringMatching(/stay on premises\.$/) });
    expect(synchronised?.verdict).toBe('unknown');
    expect(subscriptions).toMatchObject({
      status: 'unobtainable',
      reason: 'not_supplied',
      detail: expect.stringContaining('lacks the permission Organization.Read.All of Microsoft Graph'),
    });
  });
});

describe('sample users in Exchange Online', () => {
  const subject = exchangeOrganization.parse({
    kind: 'exchange-organization',
    id: 'contoso',
    domains: ['contoso.com'],
    sampleUsers: ['adele@contoso.com'],
    tenantId: contoso.id,
  });
  const option = 'teams-exchange-interop/exchange-hybrid-option-enabled';
  const evaluation = { ...teamsExchangeInterop, rules: teamsExchangeInterop.rules.filter(({ id }) => id === option) };

  async function lookAt() {
    const facts = await gather(evaluation, subject, teamsExchangeInterop.bind(world), { now, supplied: noFacts });
    return says(judge(evaluation, subject, facts, { now }), option);
  }

  it('with a mailbox on premises are mail users there, and no mailbox of that name is no failure', async () => {
    tenant.cmdlets['Get-MailUser'] = [
      { ExternalEmailAddress: 'SMTP:adele@contoso.com', ExchangeGuid: '0e11ccd8-8ac2-4d2a-9d4a-5e3e7a4f1c2b' },
    ];
    tenant.cmdlets['Get-Mailbox'] = [];
    expect(await lookAt()).toMatchObject({
      verdict: 'fail',
      severity: 'low',
      message:
        'The option seems to be on (mail users in Exchange Online have an ExchangeGuid), but nothing proves it: run the collector on the Entra Connect server.',
      evidence: [
        { observed: 'ExchangeGuid is set for 1 of 1 mail users in Exchange Online', source: 'Exchange Online' },
      ],
    });
  });

  it('whom it does not know are for a person to look at', async () => {
    tenant.cmdlets['Get-MailUser'] = [];
    tenant.cmdlets['Get-Mailbox'] = [];
    expect(await lookAt()).toMatchObject({
      verdict: 'manual',
      message:
        'Nothing shows that the option is on, and Exchange Online does not know adele@contoso.com: not synchronised, or the sample is wrong.',
      evidence: [
        {
          fact: 'hybrid-option',
          observed: 'adele@contoso.com: no such recipient in Exchange Online',
          source: 'Exchange Online',
        },
      ],
    });
  });
});
