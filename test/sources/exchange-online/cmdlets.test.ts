import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cmdlets } from '../../../src/sources/exchange-online/cmdlets.ts';
import { exchangeOnlineReader } from '../../../src/sources/exchange-online/reader.ts';
import { graphPermissions } from '../../../src/sources/graph/permissions.ts';
import { type Access, accessTo, contoso } from '../../tenant/access.ts';
import { type FakeCloud, startFakeCloud } from '../../tenant/fake-cloud.ts';
import { fakeTenant } from '../../tenant/fake-tenant.ts';

let cloud: FakeCloud;
let access: Access;

beforeEach(async () => {
  cloud = await startFakeCloud();
  cloud.tenants.set(contoso.id, fakeTenant(contoso.id, ['contoso.com']));
  access = accessTo(cloud);
});
afterEach(async () => {
  access.http.close();
  await cloud.close();
});

describe('what fieldcheck can ask of a tenant', () => {
  it('is a list of cmdlets that read, and nothing else', () => {
    expect(Object.keys(cmdlets).filter((name) => !/^(Get|Test)-[A-Z][A-Za-z]+$/.test(name))).toEqual([]);
  });

  it.each([
    'Set-DkimSigningConfig',
    'Rotate-DkimSigningConfig',
    'New-DkimSigningConfig',
    'get-dkimsigningconfig',
    'Get-DkimSigningConfig; Remove-Mailbox',
    'Get-Unknown',
    'toString',
  ])('refuses %s before anything is sent', async (name) => {
    const signal = AbortSignal.timeout(5000);
    await expect(access.exchangeOnline.invoke(contoso, name, {}, signal)).rejects.toThrow(
      `${name} is not among the cmdlets that fieldcheck asks`,
    );
    await expect(exchangeOnlineReader(access.exchangeOnline, contoso).rows(name, {}, signal)).rejects.toThrow(
      TypeError,
    );
    expect(cloud.exchangeOnline.arrived).toEqual([]);
    expect(cloud.login.arrived).toEqual([]);
  });

  it('reads Microsoft Graph with permissions that only read, and no path beside them', async () => {
    expect(graphPermissions.map(([, name]) => name).filter((name) => !name.endsWith('.Read.All'))).toEqual([]);
    await expect(access.graph.list(contoso, '/v1.0/me/messages', AbortSignal.timeout(5000))).rejects.toThrow(
      '/v1.0/me/messages is not among what fieldcheck reads in Microsoft Graph',
    );
    expect(cloud.graph.arrived).toEqual([]);
  });
});
