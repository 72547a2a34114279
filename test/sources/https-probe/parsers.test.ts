import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readAutodiscover } from '../../../src/sources/https-probe/autodiscover.ts';
import { decodeBearer, parseChallenges, schemesOf } from '../../../src/sources/https-probe/challenge.ts';
import { readTenant } from '../../../src/sources/https-probe/tenant.ts';
import { concludeVersion, readVersions } from '../../../src/sources/https-probe/version.ts';

const acs = '00000001-0000-0000-c000-000000000000';
const tenantId = '11111111-2222-3333-4444-555555555555';
const client = 'client_id="00000002-0000-0ff1-ce00-000000000000"';

describe('challenges', () => {
  it('reads several challenges in one line, quoted commas and empty realms', () => {
    const value = `Bearer ${client}, trusted_issuers="${acs}@*", token_types="a b", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize",Basic Realm=""`;
    const challenges = parseChallenges(value);
    expect(challenges?.map(({ scheme }) => scheme)).toEqual(['Bearer', 'Basic']);
    expect(challenges?.[0]?.parameters.get('token_types')).toBe('a b');
    expect(challenges?.[1]?.parameters.get('realm')).toBe('');
  });

  it('reads schemes alone, with padded and unpadded tokens, and escaped quotes', () => {
    expect(schemesOf(['Negotiate', 'NTLM', 'Basic realm="a \\"b\\", c"'])).toEqual(['Negotiate', 'NTLM', 'Basic']);
    expect(schemesOf(['Negotiate oYG2MIGzoAMKAQ==, NTLM TlRMTVNT'])).toEqual(['Negotiate', 'NTLM']);
    expect(parseChallenges('Basic realm="never closed')).toBeUndefined();
    expect(parseChallenges('')).toBeUndefined();
  });

  it.each([
    [
      'this tenant and a Skype for Business Server',
      `Bearer ${client}, trusted_issuers="${acs}@${tenantId},00000004-0000-0ff1-ce00-000000000000@contoso.com"`,
      [
        { issuer: acs, realm: tenantId },
        { issuer: '00000004-0000-0ff1-ce00-000000000000', realm: 'contoso.com' },
      ],
    ],
    ['AD FS only', `Bearer ${client}, token_types="x", error="invalid_token"`, []],
    [
      '21Vianet with a blank realm',
      `Bearer ${client}, trusted_issuers="00000001-0002-0000-c000-000000000000@", authorization_uri="https://login.chinacloudapi.cn/common/oauth2/authorize"`,
      [{ issuer: '00000001-0002-0000-c000-000000000000', realm: '' }],
    ],
  ])('decodes %s', (_, value, trustedIssuers) => {
    expect(decodeBearer(['Negotiate', value])).toMatchObject({ challenge: 'bearer', trustedIssuers });
  });

  it('tells no Bearer from one that cannot be read', () => {
    expect(decodeBearer(['Negotiate', 'Basic realm="bearer of news"'])).toEqual({
      challenge: 'none',
      trustedIssuers: [],
    });
    expect(decodeBearer(['Bearer client_id="0000'])).toEqual({
      challenge: 'malformed',
      trustedIssuers: [],
      raw: 'Bearer client_id="0000',
    });
  });

  it('never throws and always ends, whatever comes', () => {
    const piece = fc.constantFrom(
      'Bearer',
      'Basic',
      ' ',
      ',',
      '=',
      '"',
      '\\',
      'realm',
      'trusted_issuers',
      '@',
      '*',
      acs,
      '\t',
      '==',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, fc.string({ maxLength: 5 })), { maxLength: 40 }), (pieces) => {
        const value = pieces.join('');
        expect(['bearer', 'none', 'malformed']).toContain(decodeBearer([value]).challenge);
        schemesOf([value]);
      }),
    );
  });

  it('reads back what it was made of', () => {
    const token = fc.stringMatching(/^[a-z][a-z0-9_-]{0,8}$/);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(token, fc.stringMatching(/^[ -~]{0,12}$/)), { minLength: 1, maxLength: 5 }),
        (pairs) => {
          const parameters = new Map(pairs);
          const text = [...parameters]
            .map(([name, value]) => `${name}="${value.replace(/["\\]/g, '\\$&')}"`)
            .join(', ');
          expect(parseChallenges(`Bearer ${text}`)).toEqual([{ scheme: 'Bearer', parameters }]);
        },
      ),
    );
  });
});

describe('answers of Autodiscover V2', () => {
  const answer = (status: number, body: string, location?: string) => ({
    url: 'https://autodiscover.contoso.com/autodiscover/autodiscover.json',
    status,
    header: (name: string) => (name === 'location' && location !== undefined ? [location] : []),
    body,
  });

  it.each([
    [200, '{"Protocol":"EWS","Url":"https://mail.contoso.com/EWS/Exchange.asmx"}', 'answer'],
    [200, '<html>', 'page'],
    [200, '"a text"', 'page'],
    [200, '{"Protocol":"EWS"}', 'page'],
    [400, '{"ErrorCode":"InvalidProtocol","ErrorMessage":"x"}', 'error'],
    [404, '{"ErrorCode":"UserNotFound"}', 'error'],
    [404, '<html>not found</html>', 'page'],
    [403, 'Forbidden', 'blocked'],
    [401, '', 'error'],
  ])('%i %s is %s', (status, body, outcome) => {
    expect(readAutodiscover(answer(status, body)).outcome).toBe(outcome);
  });

  it('tells a redirect to Exchange Online from any other', () => {
    expect(
      readAutodiscover(answer(302, '', 'https://outlook.office365.com/autodiscover/autodiscover.json')).outcome,
    ).toBe('exchange-online');
    expect(readAutodiscover(answer(302, '', '/adfs/ls')).outcome).toBe('redirect');
    expect(readAutodiscover(answer(302, '', 'https://evil-outlook.office365.com.example/')).outcome).toBe('redirect');
  });

  it('never throws, whatever the body and the location are', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 100, max: 599 }),
        fc.oneof(fc.string(), fc.json()),
        fc.option(fc.string(), { nil: undefined }),
        (status, body, location) => {
          readAutodiscover(answer(status, body, location));
        },
      ),
    );
  });
});

describe('versions', () => {
  const page = (headers: Record<string, string>, body = '', location?: string) => ({
    header: (name: string) => (headers[name] === undefined ? [] : [headers[name]]),
    body,
    hops: location === undefined ? [] : [{ url: '', status: 302, location }],
  });

  it('reads every method', () => {
    const readings = readVersions([
      page({ 'x-owa-version': '15.1.2507.39' }),
      page({ 'x-serverapplication': 'Exchange/15.01.2507.039' }),
      page({}, '<link href="/owa/auth/15.1.2507/themes/x.ico">'),
      page({}, '<assemblyIdentity name="x.application" version="15.1.2507.35" publicKeyToken="0" />'),
    ]);
    expect(readings.map(({ method, build }) => `${method} ${build.text}`)).toEqual([
      'x-owa-version 15.1.2507.39',
      'x-server-application 15.1.2507.39',
      'owa-path 15.1.2507',
      'export-tool 15.1.2507.35',
    ]);
    expect(concludeVersion(readings)).toMatchObject({ build: { text: '15.1.2507.39' }, confidence: 'high' });
  });

  it('knows 2010 by its path, is less sure of one method, and unsure when two contradict', () => {
    const old = readVersions([page({}, '/owa/14.3.513.0/themes/')]);
    expect(concludeVersion(old)).toMatchObject({ build: { text: '14.3.513.0' }, confidence: 'medium' });
    const split = readVersions([page({ 'x-owa-version': '15.2.2562.53' }, '/owa/auth/15.1.466/themes/')]);
    expect(concludeVersion(split)?.confidence).toBe('low');
    expect(concludeVersion([])).toBeUndefined();
  });

  it('never throws, whatever the page says', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (header, body) => {
        readVersions([page({ 'x-owa-version': header, 'x-serverapplication': header }, body)]);
      }),
    );
  });
});

describe('the tenant of a domain', () => {
  const configuration = (change: object) =>
    JSON.stringify({
      issuer: `https://sts.windows.net/${tenantId}/`,
      token_endpoint: `https://login.microsoftonline.com/${tenantId}/oauth2/token`,
      tenant_region_scope: 'EU',
      ...change,
    });

  it.each([
    [{}, 'worldwide'],
    [{ tenant_region_scope: 'USGov', tenant_region_sub_scope: 'DODCON' }, 'gcc-high'],
    [{ tenant_region_scope: 'USGov', tenant_region_sub_scope: 'DOD' }, 'dod'],
    [{ token_endpoint: `https://login.partner.microsoftonline.cn/${tenantId}/oauth2/token` }, '21vianet'],
  ])('%o is %s', (change, cloud) => {
    expect(readTenant('contoso.com', configuration(change))).toEqual({ domain: 'contoso.com', tenantId, cloud });
  });

  it('is in GCC, which is part of the worldwide cloud, by its sub-scope', () => {
    const { cloud, gcc } = readTenant('contoso.com', configuration({ tenant_region_sub_scope: 'GCC' })) ?? {};
    expect({ cloud, gcc }).toEqual({ cloud: 'worldwide', gcc: true });
  });

  it('says nothing about the cloud without a region', () => {
    expect(readTenant('contoso.com', configuration({ tenant_region_scope: null }))).toEqual({
      domain: 'contoso.com',
      tenantId,
    });
  });

  it('is not there in anything else', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (body) => {
        expect(readTenant('contoso.com', body)).toBeUndefined();
      }),
    );
  });
});
