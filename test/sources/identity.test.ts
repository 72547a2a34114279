import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createRoots } from '../../src/http/roots.ts';
import { endpointsOf } from '../../src/sources/cloud-endpoints.ts';
import { claimsOf, createTenantIdentity, type IdentitySettings } from '../../src/sources/identity.ts';
import { type Loopback, selfSigned, startLoopback } from '../notifiers/loopback.ts';
import { contoso, fabrikam } from '../tenant/access.ts';
import { type FakeCloud, startFakeCloud } from '../tenant/fake-cloud.ts';
import { fakeTenant } from '../tenant/fake-tenant.ts';
import { refusal } from '../tenant/refusal.ts';

let cloud: FakeCloud;

beforeEach(async () => {
  cloud = await startFakeCloud();
  cloud.tenants.set(contoso.id, fakeTenant(contoso.id));
});
afterEach(() => cloud.close());

const identityOf = (settings: IdentitySettings) => {
  const identity = createTenantIdentity(settings, { endpoints: cloud.endpoints, roots: createRoots([cloud.ca]) });
  if (identity === undefined) throw new Error('no identity was configured');
  return identity;
};

/** A key and its certificate, as an administrator registers them with an application. */
function clientCertificate(): { pem: string; certificate: string } {
  const { key, cert } = selfSigned('fieldcheck', 'rsa');
  return { pem: `${key}${cert}`, certificate: cert };
}

describe('signing in', () => {
  it('is not done when nothing is configured', () => {
    expect(createTenantIdentity({})).toBeUndefined();
    expect(createTenantIdentity({ ownTenantId: contoso.id })).toBeUndefined();
  });

  it('proves an application by its secret', async () => {
    const { clientId, secret } = cloud.application;
    const token = await identityOf({ clientId, clientSecret: secret }).token(contoso, 'exchangeOnline');
    expect(claimsOf(token)).toMatchObject({ tid: contoso.id, roles: ['Exchange.ManageAsApp'] });
    const request = new URLSearchParams(cloud.login.arrived.at(-1)?.body);
    expect(request.get('scope')).toBe('https://outlook.office365.com/.default');
  });

  it('proves an application by its certificate, line breaks written out or not', async () => {
    const { pem, certificate } = clientCertificate();
    cloud.certificate = certificate;
    const { clientId } = cloud.application;
    for (const written of [pem, pem.replaceAll('\n', '\\n')]) {
      const token = await identityOf({ clientId, clientCertificate: written }).token(contoso, 'graph');
      expect(claimsOf(token).roles).toContain('Domain.Read.All');
    }
  });

  it('goes through the login server of the tenant’s own cloud', async () => {
    const { clientId, secret } = cloud.application;
    await identityOf({ clientId, clientSecret: secret }).token({ ...contoso, cloud: 'dod' }, 'graph');
    const request = new URLSearchParams(cloud.login.arrived.at(-1)?.body);
    expect(request.get('scope')).toBe('https://dod-graph.microsoft.us/.default');
  });

  it('keeps a token, and replaces one that was rejected', async () => {
    const { clientId, secret } = cloud.application;
    const identity = identityOf({ clientId, clientSecret: secret });
    const first = await identity.token(contoso, 'graph');
    expect(await identity.token(contoso, 'graph')).toBe(first);
    const second = await identity.token(contoso, 'graph', first);
    expect(second).not.toBe(first);
    expect(await identity.token(contoso, 'graph', first)).toBe(second);
  });
});

describe('a managed identity', () => {
  let platform: Loopback;
  /** As App Service and Functions give it. */
  const tokenFor = (tenantId: string, resource: string) =>
    ['{"alg":"none"}', JSON.stringify({ tid: tenantId, aud: resource, roles: ['Exchange.ManageAsApp'] })]
      .map((part) => Buffer.from(part).toString('base64url'))
      .join('.');

  // One for all of them: the SDK keeps the first address it finds for as long as the process lives.
  beforeAll(async () => {
    platform = await startLoopback((_, response) => {
      const url = new URL(platform.arrived.at(-1)?.target ?? '', 'http://localhost');
      const resource = url.searchParams.get('resource') ?? '';
      response.setHeader('content-type', 'application/json');
      response.end(
        JSON.stringify({
          access_token: tokenFor(contoso.id, resource),
          expires_on: String(Math.floor(Date.now() / 1000) + 3600),
          resource,
          token_type: 'Bearer',
          client_id: url.searchParams.get('client_id'),
        }),
      );
    });
  });
  afterAll(() => platform.close());
  beforeEach(() => {
    vi.stubEnv('IDENTITY_ENDPOINT', `http://127.0.0.1:${platform.port}/msi/token`);
    vi.stubEnv('IDENTITY_HEADER', 'header-of-the-platform');
  });
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  it('is not asked for anything when none is configured, however near it is', async () => {
    const { clientId, secret } = cloud.application;
    expect(createTenantIdentity({})).toBeUndefined();
    await identityOf({ clientId, clientSecret: secret }).token(contoso, 'exchangeOnline');
    expect(platform.arrived).toEqual([]);
  });

  it('reads its own tenant by itself', async () => {
    const managedIdentityClientId = 'aaaaaaaa-0000-0000-0000-000000000001';
    const identity = identityOf({ managedIdentityClientId, ownTenantId: contoso.id });
    expect(identity.clientIdFor(contoso)).toBe(managedIdentityClientId);
    expect(claimsOf(await identity.token(contoso, 'exchangeOnline'))).toMatchObject({ tid: contoso.id });
    const asked = new URL(platform.arrived.at(-1)?.target ?? '', 'http://localhost').searchParams;
    expect(asked.get('client_id')).toBe(managedIdentityClientId);
    expect(asked.get('resource')).toBe('https://outlook.office365.com');
    expect(cloud.login.arrived).toEqual([]);
  });

  it('cannot read another tenant, and says what can', async () => {
    const identity = identityOf({ managedIdentityClientId: 'aaaaaaaa-0000-0000-0000-000000000002' });
    expect(await refusal(identity.token(fabrikam, 'exchangeOnline'))).toEqual({
      reason: 'denied',
      says: `the managed identity reads its own tenant ${contoso.id} only, not ${fabrikam.id}; for other tenants let it vouch for an application: infra/access/grant-access.sh federate, then set FIELDCHECK_CLIENT_ID`,
    });
  });

  it('vouches for the application in another tenant, without any secret', async () => {
    cloud.tenants.set(fabrikam.id, fakeTenant(fabrikam.id));
    cloud.voucher = tokenFor(contoso.id, 'api://AzureADTokenExchange');
    const identity = identityOf({
      managedIdentityClientId: 'aaaaaaaa-0000-0000-0000-000000000003',
      ownTenantId: contoso.id,
      clientId: cloud.application.clientId,
    });
    expect(identity.clientIdFor(fabrikam)).toBe(cloud.application.clientId);
    expect(claimsOf(await identity.token(fabrikam, 'exchangeOnline'))).toMatchObject({ tid: fabrikam.id });
    const sent = new URLSearchParams(cloud.login.arrived.at(-1)?.body);
    expect(sent.get('client_secret')).toBeNull();
    expect(sent.get('client_assertion_type')).toBe('urn:ietf:params:oauth:client-assertion-type:jwt-bearer');
  });
});

describe('what does not fit together is refused at the start, by setting', () => {
  it.each([
    [{ clientId: 'a' }, /^FIELDCHECK_CLIENT_ID needs something to prove itself by: FIELDCHECK_IDENTITY_CLIENT_ID/],
    [{ clientSecret: 'hush' }, /^FIELDCHECK_CLIENT_SECRET and FIELDCHECK_CLIENT_CERTIFICATE belong to an application/],
    [{ clientId: 'a', clientCertificate: 'hush' }, /^FIELDCHECK_CLIENT_CERTIFICATE has to hold both a private key/],
  ])('%j', (settings, says) => {
    expect(() => createTenantIdentity(settings)).toThrow(says);
    expect(() => createTenantIdentity(settings)).not.toThrow(/hush/);
  });
});

describe('a refused sign-in says what mends it', () => {
  const sign = (settings: Partial<IdentitySettings> = {}, tenant = contoso) => {
    const { clientId, secret } = cloud.application;
    return refusal(identityOf({ clientId, clientSecret: secret, ...settings }).token(tenant, 'exchangeOnline'));
  };

  it('a wrong secret, which is not shown', async () => {
    expect(await sign({ clientSecret: 'hush' })).toEqual({
      reason: 'denied',
      says: 'no token for Exchange Online: the client secret is wrong: FIELDCHECK_CLIENT_SECRET has to hold the value of the secret, not its id; store it again (AADSTS7000215)',
    });
  });

  it('a certificate that nobody registered', async () => {
    const { pem } = clientCertificate();
    expect(await sign({ clientSecret: undefined, clientCertificate: pem })).toEqual({
      reason: 'denied',
      says: 'no token for Exchange Online: the certificate in FIELDCHECK_CLIENT_CERTIFICATE is not registered with the application 99999999-8888-7777-6666-555555555555, or has expired; upload its public part under Certificates & secrets (AADSTS700027)',
    });
  });

  it('an application that the tenant has not admitted', async () => {
    const clientId = '12345678-1234-1234-1234-123456789012';
    expect(await sign({ clientId })).toEqual({
      reason: 'denied',
      says: `no token for Exchange Online: tenant ${contoso.id} does not know the application ${clientId}: its administrator has not admitted it yet; there, run infra/access/grant-access.sh apply --app-id ${clientId} --evaluations dkim (AADSTS700016)`,
    });
  });

  it.each([
    ['AADSTS7000222', 'the client secret has expired; make a new one, or better let the managed identity vouch'],
    ['AADSTS700213', 'does not trust the managed identity; run infra/access/grant-access.sh federate'],
    ['AADSTS650052', `tenant ${contoso.id} has no Exchange Online, or it is switched off`],
    ['AADSTS53003', 'a Conditional Access policy'],
    ['AADSTS999999', 'look the code up at https://login.microsoftonline.com/error'],
  ])('%s', async (code, says) => {
    const body = { error: 'invalid_client', error_description: `${code}: … Trace ID: 1`, error_codes: [1] };
    cloud.login.reply(metadata(), { status: 401, body });
    const refused = await sign();
    expect(refused.reason).toBe('denied');
    expect(refused.says).toContain(says);
    expect(refused.says).toMatch(new RegExp(`\\(${code}\\)$`));
  });

  it('a login server that cannot be reached', async () => {
    const identity = createTenantIdentity(
      { clientId: cloud.application.clientId, clientSecret: 'x' },
      { endpoints: { login: 'https://localhost:1' } },
    );
    expect(await refusal(identity?.token(contoso, 'graph') ?? Promise.resolve())).toEqual({
      reason: 'unreachable',
      says: 'no token for Microsoft Graph: the sign-in at localhost:1 failed; check that it can be reached from here',
    });
  }, 60_000);

  /** The metadata that the login server would have given. */
  const metadata = () => {
    const base = `${cloud.endpoints.login}/${contoso.id}`;
    return {
      status: 200,
      body: {
        token_endpoint: `${base}/oauth2/v2.0/token`,
        authorization_endpoint: `${base}/oauth2/v2.0/authorize`,
        issuer: `${base}/v2.0`,
        jwks_uri: `${base}/discovery/v2.0/keys`,
      },
    };
  };
});

describe('endpoints', () => {
  it('are those of the cloud', () => {
    const hosts = (['worldwide', 'gcc-high', 'dod', '21vianet'] as const).map((one) => {
      const { exchangeOnline, graph, login } = endpointsOf(one);
      return [exchangeOnline, graph, login].map((address) => new URL(address).host);
    });
    expect(hosts).toEqual([
      ['outlook.office365.com', 'graph.microsoft.com', 'login.microsoftonline.com'],
      ['outlook.office365.us', 'graph.microsoft.us', 'login.microsoftonline.us'],
      ['outlook-dod.office365.us', 'dod-graph.microsoft.us', 'login.microsoftonline.us'],
      ['outlook.office365.cn', 'microsoftgraph.chinacloudapi.cn', 'login.chinacloudapi.cn'],
    ]);
  });

  it('may be others by name, while tokens stay those of the cloud', () => {
    const { graph, login, scopes } = endpointsOf('gcc-high', { graph: 'https://graph.contoso.com:8443/' });
    expect(graph).toBe('https://graph.contoso.com:8443');
    expect(login).toBe('https://login.microsoftonline.us');
    expect(scopes.graph).toBe('https://graph.microsoft.us/.default');
  });
});
