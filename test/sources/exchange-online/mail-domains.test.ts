import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { MailDomain } from '../../../src/facts/mail-domain/subject.ts';
import { tenantSources } from '../../../src/sources/exchange-online/mail-domains.ts';
import { type Access, accessTo, contoso, fabrikam } from '../../tenant/access.ts';
import { type FakeCloud, startFakeCloud } from '../../tenant/fake-cloud.ts';
import { acceptedDomainRow, type FakeTenant, fakeTenant, signingRow } from '../../tenant/fake-tenant.ts';
import { context, domain } from '../../tenant/looking.ts';
import { refusal } from '../../tenant/refusal.ts';

let cloud: FakeCloud;
let tenant: FakeTenant;
let access: Access;

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

const signing = (subject: MailDomain, lists = access.lists) =>
  tenantSources(lists)['signing-configuration'].gather(subject, context);
const accepted = (subject: MailDomain, lists = access.lists) =>
  tenantSources(lists)['accepted-domain'].gather(subject, context);

describe('a mail domain in Exchange Online', () => {
  it('has its row of the signing configuration', async () => {
    expect(await signing(domain('contoso.com'))).toMatchObject({
      status: 'known',
      source: 'Exchange Online (Get-DkimSigningConfig)',
      value: {
        state: 'configured',
        row: {
          domain: 'contoso.com',
          enabled: true,
          status: 'Valid',
          rotateOnDate: '2026-07-14T18:54:40.706Z',
          selectorAfterRotateOnDate: 'selector1',
          selectors: {
            selector1: { cname: 'selector1-contoso-com._domainkey.contoso.y-v1.dkim.mail.microsoft', keySize: 2048 },
          },
        },
      },
    });
    expect(await accepted(domain('contoso.com'))).toMatchObject({
      status: 'known',
      source: 'Exchange Online (Get-AcceptedDomain)',
      value: { listed: true, domainType: 'Authoritative', initialDomain: false },
    });
  });

  it('without a row has that as its state, in an empty list too', async () => {
    expect(await signing(domain('contoso.net'))).toMatchObject({ status: 'known', value: { state: 'no-row' } });
    expect(await accepted(domain('contoso.net'))).toMatchObject({ status: 'known', value: { listed: false } });
    cloud.tenants.set(fabrikam.id, fakeTenant(fabrikam.id));
    const there = domain('fabrikam.com', { tenantId: fabrikam.id, cloud: 'gcc-high' });
    expect(await signing(there)).toMatchObject({ status: 'known', value: { state: 'no-row' } });
  });

  it('is not asked about without credentials or without a tenant', async () => {
    const without = tenantSources(undefined)['signing-configuration'];
    expect(await refusal(without.gather(domain('contoso.com'), context))).toEqual({
      reason: 'not_supplied',
      says: 'supply the output of Get-DkimSigningConfig',
    });
    expect(await refusal(accepted(domain('contoso.com', {})))).toEqual({
      reason: 'not_supplied',
      says: "supply the output of Get-AcceptedDomain, or name the tenant (tenant.id in the organization's document)",
    });
    expect(cloud.login.arrived).toEqual([]);
  });

  it('found in a list that was cut short is known; another is not proven to be missing', async () => {
    const cut = { '@odata.nextLink': 'https://localhost/next' };
    cloud.exchangeOnline.reply({ status: 200, body: { value: [signingRow('contoso.com')], ...cut } });
    expect(await signing(domain('contoso.com'))).toMatchObject({ status: 'known' });
    expect(await refusal(signing(domain('fabrikam.com')))).toEqual({
      reason: 'insufficient',
      says: 'Exchange Online sent only part of Get-DkimSigningConfig (1 row: page 2 is said to be at another host), and fabrikam.com is not among them, which proves nothing',
    });
  });

  it('with a row that cannot be read blinds no other', async () => {
    tenant.cmdlets['Get-DkimSigningConfig'] = [
      signingRow('contoso.com', { RotateOnDate: 'soon' }),
      signingRow('fabrikam.com'),
    ];
    expect(await signing(domain('fabrikam.com'))).toMatchObject({ status: 'known' });
    expect(await signing(domain('contoso.com'))).toMatchObject({
      status: 'unobtainable',
      reason: 'malformed',
      detail:
        'the row of Get-DkimSigningConfig for contoso.com cannot be read: RotateOnDate: "soon" is no time in ISO 8601',
    });
    expect(await signing(domain('contoso.net'))).toMatchObject({ status: 'known', value: { state: 'no-row' } });
  });

  it('is not called missing when a row has no readable name', async () => {
    tenant.cmdlets['Get-AcceptedDomain'] = [acceptedDomainRow('contoso.com'), { DomainType: 'Authoritative' }];
    expect(await accepted(domain('contoso.com'))).toMatchObject({ status: 'known' });
    expect((await refusal(accepted(domain('contoso.net')))).says).toBe(
      '1 row of Get-AcceptedDomain has no readable domain name, and contoso.net is not among them, which proves nothing',
    );
  });

  it('with two rows that contradict each other is neither', async () => {
    tenant.cmdlets['Get-DkimSigningConfig'] = [
      signingRow('contoso.com'),
      signingRow('contoso.com', { Enabled: false }),
      signingRow('fabrikam.com'),
      signingRow('fabrikam.com'),
    ];
    expect(await signing(domain('contoso.com'))).toMatchObject({
      status: 'unobtainable',
      reason: 'malformed',
      detail: 'Get-DkimSigningConfig has two different rows for contoso.com',
    });
    expect(await signing(domain('fabrikam.com'))).toMatchObject({ status: 'known' });
  });

  it('is not mistaken for its sub-domains', async () => {
    const own = acceptedDomainRow('contoso.com');
    const below = acceptedDomainRow('*.contoso.com', { DomainType: 'InternalRelay' });
    for (const rows of [
      [own, below],
      [below, own],
    ]) {
      tenant.cmdlets['Get-AcceptedDomain'] = rows;
      const { lists, http } = accessTo(cloud);
      expect(await accepted(domain('contoso.com'), lists)).toMatchObject({ value: { domainType: 'Authoritative' } });
      http.close();
    }
  });

  it('is unknown, and every other of the tenant too, when the tenant refuses; of that too one answer is enough', async () => {
    tenant.directoryRole = false;
    const asked = await Promise.all(['contoso.com', 'fabrikam.com'].map((id) => refusal(signing(domain(id)))));
    expect(asked.map(({ reason }) => reason)).toEqual(['denied', 'denied']);
    expect(cloud.exchangeOnline.arrived).toHaveLength(1);
  });
});

describe('10,000 domains of one tenant', () => {
  const names = Array.from({ length: 10_000 }, (_, index) => `d${index}.contoso.com`);

  it('are two lists of ten pages and one token, however many ask at a time', async () => {
    cloud.tenants.set(contoso.id, fakeTenant(contoso.id, names));
    const sources = tenantSources(access.lists);
    const found = await Promise.all(
      names.map(async (name) => [
        await sources['signing-configuration'].gather(domain(name), context),
        await sources['accepted-domain'].gather(domain(name), context),
      ]),
    );
    expect(found.flat().filter(({ status }) => status !== 'known')).toEqual([]);
    const configured = found.filter(
      ([configuration], index) =>
        configuration?.status === 'known' &&
        'row' in configuration.value &&
        configuration.value.row.domain === names[index],
    );
    expect(configured).toHaveLength(10_000);
    expect(cloud.exchangeOnline.arrived).toHaveLength(20);
    expect(cloud.login.arrived.filter(({ method }) => method === 'POST')).toHaveLength(1);
  });

  it('of two tenants are never mixed up', async () => {
    cloud.tenants.set(fabrikam.id, fakeTenant(fabrikam.id, ['fabrikam.net']));
    const [here, there] = await Promise.all([
      signing(domain('fabrikam.net')),
      signing(domain('fabrikam.net', { tenantId: fabrikam.id })),
    ]);
    expect(here).toMatchObject({ value: { state: 'no-row' } });
    expect(there).toMatchObject({ value: { state: 'configured' } });
  });
});
