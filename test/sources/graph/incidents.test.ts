import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { incidentSource } from '../../../src/sources/graph/incidents.ts';
import { type Access, accessTo, contoso } from '../../tenant/access.ts';
import { type FakeCloud, startFakeCloud } from '../../tenant/fake-cloud.ts';
import { type FakeTenant, fakeTenant } from '../../tenant/fake-tenant.ts';
import { context, domain } from '../../tenant/looking.ts';
import { refusal } from '../../tenant/refusal.ts';

let cloud: FakeCloud;
let tenant: FakeTenant;
let access: Access;

beforeEach(async () => {
  cloud = await startFakeCloud();
  tenant = fakeTenant(contoso.id);
  cloud.tenants.set(contoso.id, tenant);
  access = accessTo(cloud);
});
afterEach(async () => {
  access.http.close();
  await cloud.close();
});

describe('incidents of Exchange Online', () => {
  it('are asked for once for all domains of a tenant', async () => {
    tenant.graph['/v1.0/admin/serviceAnnouncement/issues'] = [
      {
        id: 'EX123456',
        title: "Some users' messages may fail DKIM validation",
        service: 'Exchange Online',
        startDateTime: '2026-11-23T04:30:00Z',
        isResolved: false,
      },
    ];
    const source = incidentSource(access.graph);
    const found = await Promise.all(
      Array.from({ length: 50 }, (_, index) => source.gather(domain(`d${index}.contoso.com`), context)),
    );
    expect(found[49]).toMatchObject({
      status: 'known',
      source: 'Microsoft Graph (service health)',
      value: { incidents: [{ id: 'EX123456', since: '2026-11-23T04:30:00.000Z' }] },
    });
    expect(cloud.graph.arrived).toHaveLength(1);
  });

  it('that may not be read are not supplied, so that the rule they add to is still judged', async () => {
    tenant.permissions = [];
    expect(await refusal(incidentSource(access.graph).gather(domain('contoso.com'), context))).toEqual({
      reason: 'not_supplied',
      says: expect.stringContaining('lacks the permission ServiceHealth.Read.All of Microsoft Graph'),
    });
    const nobody = { reason: 'not_supplied', says: 'no access to the tenant is configured' };
    expect(await refusal(incidentSource(undefined).gather(domain('contoso.com'), context))).toEqual(nobody);
    expect(await refusal(incidentSource(access.graph).gather(domain('contoso.com', {}), context))).toEqual(nobody);
  });
});
