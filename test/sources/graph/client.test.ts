import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createPatientHttp } from '../../../src/http/retry.ts';
import { createGraph } from '../../../src/sources/graph/client.ts';
import { entraDomains, openExchangeIssues } from '../../../src/sources/graph/directory.ts';
import { graphReader } from '../../../src/sources/graph/reader.ts';
import { type Access, accessTo, contoso } from '../../tenant/access.ts';
import { type FakeCloud, startFakeCloud } from '../../tenant/fake-cloud.ts';
import { type FakeTenant, fakeTenant } from '../../tenant/fake-tenant.ts';
import { refusal } from '../../tenant/refusal.ts';

let cloud: FakeCloud;
let tenant: FakeTenant;
let access: Access;
const signal = () => AbortSignal.timeout(20_000);

beforeEach(async () => {
  cloud = await startFakeCloud();
  tenant = fakeTenant(contoso.id, ['contoso.com', 'fabrikam.com']);
  cloud.tenants.set(contoso.id, tenant);
  access = accessTo(cloud);
});
afterEach(async () => {
  access.http.close();
  await cloud.close();
});

const users = () => access.graph.list(contoso, '/v1.0/users?$select=id&$top=999', signal());

describe('Microsoft Graph', () => {
  it('sends its token to an endpoint of its own, and asks as it was told', async () => {
    tenant.graph['/v1.0/organization'] = [{ id: contoso.id }];
    const path = '/v1.0/organization?$select=id,displayName';
    expect(await graphReader(access.graph, contoso).list(path, signal())).toEqual([{ id: contoso.id }]);
    const [request] = cloud.graph.arrived;
    expect(decodeURIComponent(request?.target ?? '')).toBe(path);
    expect(request?.headers.authorization).toMatch(/^Bearer e/);
  });

  it('is asked of a tenant ten times a second, where nobody names another pace', async () => {
    tenant.graph['/v1.0/organization'] = [{ id: contoso.id }];
    const http = createPatientHttp(access.http);
    const sent = vi.spyOn(http, 'send');
    const graph = createGraph({ http, identity: access.identity, endpoints: cloud.endpoints });
    await graph.list(contoso, '/v1.0/organization', signal());
    expect(sent.mock.calls.map(([{ pace }]) => pace)).toEqual([{ key: `graph ${contoso.id}`, perSecond: 10 }]);
  });

  it('keeps filters as they are written', async () => {
    const path = "/v1.0/servicePrincipals?$filter=appId eq '00000002-0000-0ff1-ce00-000000000000'&$select=id,appId";
    tenant.graph[path] = [{ id: 'a' }];
    expect(await access.graph.list(contoso, path, signal())).toEqual([{ id: 'a' }]);
  });

  it('reads all pages', async () => {
    cloud.pageSize = 10;
    tenant.graph['/v1.0/users'] = Array.from({ length: 25 }, (_, index) => ({ id: String(index) }));
    expect(await users()).toHaveLength(25);
    expect(cloud.graph.arrived).toHaveLength(3);
  });

  it('counts without a list, and says when it cannot', async () => {
    tenant.graph['/v1.0/users'] = ['a@contoso.com', 'b@contoso.com', 'c@fabrikam.com'].map((mail) => ({ mail }));
    const path = "/v1.0/users?$count=true&$top=1&$filter=endsWith(mail,'@contoso.com')";
    const counted = () => access.graph.counted(contoso, path, signal());
    expect(await counted()).toEqual({ count: 2, rows: [{ mail: 'a@contoso.com' }] });
    expect(cloud.graph.arrived[0]?.headers.consistencylevel).toBe('eventual');
    cloud.countsUsers = false;
    expect(await counted()).toBeUndefined();
    cloud.graph.reply({ status: 200, body: { value: [] } });
    expect(await counted()).toBeUndefined();
  });

  it('does not carry its token to where a page says there is more, nor round in circles', async () => {
    cloud.graph.reply({
      status: 200,
      body: { value: [], '@odata.nextLink': 'https://elsewhere.contoso.com/v1.0/users' },
    });
    expect(await refusal(users())).toEqual({
      reason: 'refused',
      says: 'Microsoft Graph names more at elsewhere.contoso.com, where its token does not go',
    });
    const again = `${cloud.endpoints.graph}/v1.0/users?$skiptoken=1`;
    const page = { status: 200, body: { value: [], '@odata.nextLink': again } };
    cloud.graph.reply(page, page);
    expect((await refusal(users())).says).toBe(
      'Microsoft Graph sends the same page of /v1.0/users?$select=id&$top=999 again',
    );
  });

  it('takes 404 for an object that is not there, and a list without rows for malformed', async () => {
    expect(await access.graph.get(contoso, '/v1.0/users/nobody@contoso.com', signal())).toBeUndefined();
    cloud.graph.reply({ status: 200, body: { id: 'a' } });
    expect(await refusal(users())).toEqual({
      reason: 'malformed',
      says: 'what Microsoft Graph answered to /v1.0/users is no list',
    });
  });

  it('waits when it is throttled, and takes a fresh token when one expires in the middle', async () => {
    tenant.graph['/v1.0/users'] = [{ id: 'a' }];
    cloud.graph.reply(
      { status: 429, headers: { 'retry-after': '0' } },
      { status: 503, headers: { 'retry-after': '0' } },
    );
    expect(await users()).toHaveLength(1);
    cloud.expireTokens();
    expect(await users()).toHaveLength(1);
    expect(cloud.login.arrived.filter(({ method }) => method === 'POST')).toHaveLength(2);
  });

  it('tells other errors in the words of Graph', async () => {
    const body = { error: { code: 'Request_UnsupportedQuery', message: 'Unsupported Query.' } };
    cloud.graph.reply({ status: 400, body });
    expect(await refusal(users())).toEqual({
      reason: 'unreachable',
      says: 'Microsoft Graph answered 400 to /v1.0/users (Request_UnsupportedQuery: Unsupported Query.)',
    });
    cloud.graph.reply({ status: 400, body: '<html>' });
    expect((await refusal(users())).says).toMatch(/^Microsoft Graph answered 400 to \/v1\.0\/users/);
  });
});

describe('a permission that is not granted', () => {
  it.each([
    ['/v1.0/domains', 'Domain.Read.All', 'dkim'],
    ['/v1.0/admin/serviceAnnouncement/issues', 'ServiceHealth.Read.All', 'dkim'],
    ['/v1.0/organization', 'Organization.Read.All', 'teams-exchange-interop'],
    ['/v1.0/subscribedSkus', 'Organization.Read.All', 'teams-exchange-interop'],
    ['/v1.0/users', 'User.Read.All', 'teams-exchange-interop'],
    ['/v1.0/applications', 'Application.Read.All', 'teams-exchange-interop'],
    ['/beta/servicePrincipals/a/synchronization/jobs', 'Synchronization.Read.All', 'teams-exchange-interop'],
  ])('%s: costs what is behind it, by its name, and no more', async (path, permission, evaluation) => {
    tenant.permissions = tenant.permissions.filter((name) => name !== permission);
    expect(await refusal(access.graph.list(contoso, path, signal()))).toEqual({
      reason: 'denied',
      says: `Microsoft Graph answered 403 to ${path}: the application 99999999-8888-7777-6666-555555555555 lacks the permission ${permission} of Microsoft Graph in tenant ${contoso.id}. To grant it, as an administrator there run infra/access/grant-access.sh apply --app-id 99999999-8888-7777-6666-555555555555 --evaluations ${evaluation}`,
    });
    const other = permission === 'Organization.Read.All' ? '/v1.0/domains' : '/v1.0/subscribedSkus';
    expect(await access.graph.list(contoso, other, signal())).toBeInstanceOf(Array);
  });

  it('is not blamed when it is there', async () => {
    const body = { error: { code: 'Forbidden', message: 'Your tenant has no licence for this.' } };
    cloud.graph.reply({ status: 403, body });
    expect(await refusal(users())).toEqual({
      reason: 'denied',
      says: `Microsoft Graph answered 403 to /v1.0/users, although the application 99999999-8888-7777-6666-555555555555 holds the permission User.Read.All in tenant ${contoso.id} (Forbidden: Your tenant has no licence for this.)`,
    });
  });
});

describe('what Entra ID knows of a tenant', () => {
  it('its domains, whether they are verified, and whether they are for mail', async () => {
    tenant.graph['/v1.0/domains'] = [
      { id: 'Contoso.com', isVerified: true, supportedServices: ['Email', 'OfficeCommunicationsOnline'] },
      { id: 'contoso.net', isVerified: false, supportedServices: [] },
    ];
    expect(await entraDomains(access.graph, contoso, signal())).toEqual([
      { name: 'contoso.com', verified: true, mail: true },
      { name: 'contoso.net', verified: false, mail: false },
    ]);
  });

  it('what is open at Exchange Online, the oldest first, and nothing else', async () => {
    const issue = (id: string, startDateTime: string, more = {}) => ({
      id,
      title: `Some users cannot ${id}`,
      service: 'Exchange Online',
      status: 'serviceDegradation',
      classification: 'incident',
      startDateTime,
      isResolved: false,
      ...more,
    });
    tenant.graph['/v1.0/admin/serviceAnnouncement/issues'] = [
      issue('EX123457', '2026-11-24T06:00:00Z'),
      issue('EX123456', '2026-11-23T04:30:00Z'),
      issue('EX123455', '2026-11-20T04:30:00Z', { isResolved: true }),
      issue('TM123456', '2026-11-20T04:30:00Z', { service: 'Microsoft Teams' }),
    ];
    expect(await openExchangeIssues(access.graph, contoso, signal())).toEqual([
      { id: 'EX123456', title: 'Some users cannot EX123456', since: '2026-11-23T04:30:00.000Z' },
      { id: 'EX123457', title: 'Some users cannot EX123457', since: '2026-11-24T06:00:00.000Z' },
    ]);
  });

  it('is malformed when it is not as documented', async () => {
    tenant.graph['/v1.0/domains'] = [{ name: 'contoso.com' }];
    expect((await refusal(entraDomains(access.graph, contoso, signal()))).says).toMatch(
      /^what Microsoft Graph sent of domains is not as documented: id: /,
    );
  });
});
