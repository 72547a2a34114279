// infra/access/grants.json grants what is asked of a tenant and nothing else: everything is asked of the fake tenant, and
// what came there is compared with the list. The tables of the product say what each request needs; the fake tenant has a
// table of its own and refuses what lacks it.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { noFacts } from '../../src/domain/fact-set.ts';
import { gather } from '../../src/domain/gather.ts';
import { dkim } from '../../src/evaluations/dkim/index.ts';
import { teamsExchangeInterop } from '../../src/evaluations/teams-exchange-interop/index.ts';
import { exchangeOrganization } from '../../src/facts/exchange-organization/subject.ts';
import { roleFor } from '../../src/sources/exchange-online/cmdlets.ts';
import { grants } from '../../src/sources/grants.ts';
import { permissionFor } from '../../src/sources/graph/permissions.ts';
import { createWorld, type World } from '../../src/sources/world.ts';
import { useResolvers } from '../app/resolvers.ts';
import { createTenant } from '../app/tenant.ts';
import { contoso } from './access.ts';
import { type FakeCloud, startFakeCloud } from './fake-cloud.ts';
import { type FakeTenant, fakeTenant } from './fake-tenant.ts';

let cloud: FakeCloud;
let tenant: FakeTenant;

const now = new Date('2026-11-24T09:30:00Z');
const options = { now, supplied: noFacts };
const adele = 'adele@contoso.com';

const published = createTenant(['contoso.com']);
const resolvers = useResolvers(() => published.zone);

beforeEach(async () => {
  cloud = await startFakeCloud();
  tenant = fakeTenant(contoso.id, ['contoso.com']);
  const list = ['Get-IntraOrganizationConnector', 'Get-OnPremisesOrganization', 'Get-OrganizationRelationship'];
  for (const cmdlet of [...list, 'Get-MigrationEndpoint', 'Get-MailUser', 'Get-Mailbox']) tenant.cmdlets[cmdlet] = [];
  tenant.cmdlets['Get-OrganizationConfig'] = [{ EwsEnabled: null }];
  tenant.graph['/v1.0/organization'] = [{ onPremisesSyncEnabled: true, verifiedDomains: [] }];
  tenant.graph['/v1.0/users'] = [{ userPrincipalName: adele, mail: adele, onPremisesSyncEnabled: true }];
  tenant.graph['/v1.0/applications'] = [{ appId: 'a', displayName: 'ExchangeServerApp-1' }];
  tenant.graph['/v1.0/servicePrincipals'] = [{ id: 'p', appId: 'a' }];
  tenant.graph["/v1.0/servicePrincipals(appId='a')/appRoleAssignments"] = [{ resourceId: 'r', appRoleId: 'x' }];
  tenant.graph['/v1.0/servicePrincipals/r'] = { id: 'r', appRoles: [] };
  tenant.graph['/beta/servicePrincipals/p/synchronization/jobs'] = [{ id: 'job' }];
  cloud.tenants.set(contoso.id, tenant);
});
afterEach(() => cloud.close());

/** Facts that are learned from a tenant; the others come from probes and collectors. */
const ofTheTenant = {
  ...teamsExchangeInterop,
  rules: [],
  reads: [
    'directory-synchronisation',
    'users-in-scope',
    'tenant-subscriptions',
    'service-principals',
    'hybrid-application',
    'cloud-sync-jobs',
    'exchange-online-recipients',
    'exchange-online-hybrid',
    'exchange-online-ews',
  ],
};

const looks: Record<string, (world: World, tenantId: string) => Promise<readonly unknown[]>> = {
  dkim: async (world, tenantId) => {
    const subject = { kind: 'mail-domain', id: 'contoso.com', selectors: ['selector1'], tenantId } as const;
    const found = world.discover({ id: tenantId, cloud: 'worldwide' }).catch(String);
    return [await found, await gather(dkim, subject, dkim.bind(world), options)];
  },
  'teams-exchange-interop': async (world, tenantId) => {
    const of = (sampleUsers: readonly string[]) => {
      const named = { kind: 'exchange-organization', id: 'contoso', domains: ['contoso.com'], tenantId };
      const subject = exchangeOrganization.parse({ ...named, sampleUsers });
      return gather(ofTheTenant, subject, teamsExchangeInterop.bind(world), options);
    };
    return Promise.all([of([adele]), of([])]);
  },
};

/** Everything is asked of a tenant by a product that has just started; what it says of that, as text. */
async function look(evaluation: string, tenantId = contoso.id): Promise<string> {
  const world = createWorld({
    resolvers: resolvers.addresses,
    identity: { clientId: cloud.application.clientId, clientSecret: cloud.application.secret },
    endpoints: cloud.endpoints,
    tenantRequestsPerSecond: 1000,
    ca: [cloud.ca],
  });
  try {
    return JSON.stringify(await looks[evaluation]?.(world, tenantId));
  } finally {
    world.close();
  }
}

const granted = (evaluation: string) => {
  const own = grants.filter((grant) => grant.evaluations.includes(evaluation));
  const names = (kind: string, resource?: string) =>
    own
      .filter((grant) => grant.kind === kind && ('resource' in grant ? grant.resource : undefined) === resource)
      .map(({ role }) => role.name)
      .sort();
  return {
    graph: names('app-role', 'graph'),
    exchangeOnline: names('app-role', 'exchange-online'),
    roles: names('directory-role'),
  };
};

const unique = (names: readonly string[]) => [...new Set(names)].sort();

describe.each(Object.keys(looks))('%s', (evaluation) => {
  it('asks for what it was granted, and for nothing else', async () => {
    await look(evaluation);
    const paths = cloud.graph.arrived.map(({ target }) => decodeURIComponent(target));
    const cmdlets = cloud.exchangeOnline.arrived.map(
      ({ body }) => (JSON.parse(body) as { CmdletInput: { CmdletName: string } }).CmdletInput.CmdletName,
    );
    expect({
      graph: unique(paths.map(permissionFor)),
      exchangeOnline: cmdlets.length > 0 ? ['Exchange.ManageAsApp'] : [],
      roles: unique(cmdlets.map(roleFor)),
    }).toEqual(granted(evaluation));
  });

  it('lacks nothing with exactly that, and says what it lacks without any one of it', async () => {
    const { graph, exchangeOnline } = granted(evaluation);
    const everything = [...graph, ...exchangeOnline];
    // Each permission is missing in a tenant of its own, and all are looked at at a time.
    const lacks = async (permissions: string[], index: number) => {
      const id = `11111111-2222-3333-4444-${String(index).padStart(12, '0')}`;
      cloud.tenants.set(id, { ...tenant, id, permissions });
      const said = await look(evaluation, id);
      return unique(
        [...said.matchAll(/lacks the (?:application )?permission ([\w.]+\w)/g)].map(([, name = '']) => name),
      );
    };
    const without = ['', ...everything];
    expect(
      await Promise.all(
        without.map((missing, index) =>
          lacks(
            everything.filter((name) => name !== missing),
            index,
          ),
        ),
      ),
    ).toEqual([[], ...everything.map((missing) => [missing])]);
  });
});
