import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { discoverDomains } from '../../../src/sources/exchange-online/discovery.ts';
import { entraDomains } from '../../../src/sources/graph/directory.ts';
import { type Access, accessTo, contoso } from '../../tenant/access.ts';
import { type FakeCloud, startFakeCloud } from '../../tenant/fake-cloud.ts';
import { acceptedDomainRow, type FakeTenant, fakeTenant, signingRow } from '../../tenant/fake-tenant.ts';
import { refusal } from '../../tenant/refusal.ts';

let cloud: FakeCloud;
let tenant: FakeTenant;
let access: Access;

beforeEach(async () => {
  cloud = await startFakeCloud();
  tenant = fakeTenant(contoso.id, ['fabrikam.com', 'contoso.com']);
  cloud.tenants.set(contoso.id, tenant);
  access = accessTo(cloud);
});
afterEach(async () => {
  access.http.close();
  await cloud.close();
});

const discover = () =>
  discoverDomains(access.lists, contoso, (of) => entraDomains(access.graph, of, AbortSignal.timeout(20_000)));

describe('discovery', () => {
  it('finds the accepted domains, sorted, with nothing to tell when all agree', async () => {
    expect(await discover()).toMatchObject({ domains: ['contoso.com', 'fabrikam.com'], complete: true, notes: [] });
  });

  it('tells of a signing configuration that no accepted domain stands behind', async () => {
    tenant.cmdlets['Get-DkimSigningConfig'] = ['contoso.com', 'contoso.net'].map((name) => signingRow(name));
    expect(await discover()).toMatchObject({
      domains: ['contoso.com', 'fabrikam.com'],
      notes: [
        "contoso.net has a signing configuration, but Exchange Online does not list it as accepted: not watched. Name a domain in the organization's document to watch it all the same.",
      ],
    });
  });

  it('tells where Entra ID and Exchange Online contradict each other', async () => {
    tenant.graph['/v1.0/domains'] = ['contoso.com', 'contoso.net'].map((id) => ({
      id,
      isVerified: true,
      supportedServices: ['Email', 'OfficeCommunicationsOnline'],
    }));
    expect((await discover()).notes).toEqual([
      'Entra ID and Exchange Online disagree: contoso.net is verified for mail in Entra ID, but no accepted domain of Exchange Online. Not watched; a domain that was just added shows up within a day.',
      'Entra ID and Exchange Online disagree: fabrikam.com is an accepted domain of Exchange Online, but not verified in Entra ID. Watched as Exchange Online says.',
    ]);
  });

  it('goes without what it may not read, and says what it went without', async () => {
    tenant.permissions = ['Exchange.ManageAsApp'];
    tenant.cmdlets = { 'Get-AcceptedDomain': ['fabrikam.com', 'contoso.com'].map((name) => acceptedDomainRow(name)) };
    const found = await discover();
    expect(found).toMatchObject({ domains: ['contoso.com', 'fabrikam.com'], complete: true });
    expect(found.notes[0]).toMatch(
      /^Signing configurations were not read: the directory role of the application \S+ does not reach Get-DkimSigningConfig/,
    );
    expect(found.notes[1]).toMatch(
      /^Not compared with Entra ID: Microsoft Graph answered 403 to \/v1\.0\/domains: the application \S+ lacks the permission Domain\.Read\.All/,
    );
  });

  it('takes what it gets of a list that was cut short, and does not call it the whole', async () => {
    const cut = { value: [acceptedDomainRow('contoso.com')], '@odata.nextLink': 'https://localhost/next' };
    tenant.graph['/v1.0/domains'] = [];
    await access.lists.signingConfigurations(contoso);
    cloud.exchangeOnline.reply({ status: 200, body: cut });
    expect(await discover()).toMatchObject({
      domains: ['contoso.com', 'fabrikam.com'],
      complete: false,
      notes: [
        'Exchange Online sent only part of Get-AcceptedDomain (1 row: page 2 is said to be at another host): the tenant may have more domains than were found.',
        expect.stringContaining('contoso.com, fabrikam.com are accepted domains of Exchange Online, but not verified'),
      ],
    });
  });

  it('finds nothing rather than too little when Exchange Online refuses', async () => {
    tenant.permissions = [];
    expect(await refusal(discover())).toMatchObject({
      reason: 'denied',
      says: expect.stringContaining('lacks the application permission Exchange.ManageAsApp'),
    });
  });
});
