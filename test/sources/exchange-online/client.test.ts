import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createPatientHttp } from '../../../src/http/retry.ts';
import { createExchangeOnline } from '../../../src/sources/exchange-online/client.ts';
import { diagnose } from '../../../src/sources/exchange-online/failure.ts';
import { exchangeOnlineReader } from '../../../src/sources/exchange-online/reader.ts';
import { type Access, accessTo, contoso } from '../../tenant/access.ts';
import { type FakeCloud, invalid, startFakeCloud } from '../../tenant/fake-cloud.ts';
import { type FakeTenant, fakeTenant, signingRow } from '../../tenant/fake-tenant.ts';
import { refusal } from '../../tenant/refusal.ts';

let cloud: FakeCloud;
let tenant: FakeTenant;
let access: Access;

beforeEach(async () => {
  cloud = await startFakeCloud();
  tenant = fakeTenant(contoso.id, ['contoso.com']);
  cloud.tenants.set(contoso.id, tenant);
  access = accessTo(cloud);
});
afterEach(async () => {
  access.http.close();
  await cloud.close();
});

const invoke = (cmdlet = 'Get-DkimSigningConfig', parameters = {}) =>
  access.exchangeOnline.invoke(contoso, cmdlet, parameters, AbortSignal.timeout(20_000));

const appId = '99999999-8888-7777-6666-555555555555';
const grant = `run infra/access/grant-access.sh apply --app-id ${appId} --evaluations dkim`;

describe('InvokeCommand', () => {
  it('sends what the official module sends', async () => {
    await invoke('Get-AcceptedDomain');
    const [request] = cloud.exchangeOnline.arrived;
    expect(request?.method).toBe('POST');
    expect(request?.target).toBe(`/adminapi/beta/${contoso.id}/InvokeCommand`);
    expect(request?.headers).toMatchObject({
      'content-type': 'application/json',
      prefer: 'odata.maxpagesize=1000',
      'x-anchormailbox': `APP:SystemMailbox{bb558c35-97f1-4cb9-8ff7-d53741dc928c}@${contoso.id}`,
      'x-responseformat': 'json',
    });
    expect(request?.headers['client-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    expect(JSON.parse(request?.body ?? '')).toEqual({
      CmdletInput: { CmdletName: 'Get-AcceptedDomain', Parameters: { ResultSize: 'Unlimited' } },
    });
  });

  it('is sent to a tenant once a second, where nobody names another pace', async () => {
    const http = createPatientHttp(access.http);
    const sent = vi.spyOn(http, 'send');
    const exchangeOnline = createExchangeOnline({ http, identity: access.identity, endpoints: cloud.endpoints });
    await exchangeOnline.invoke(contoso, 'Get-AcceptedDomain', {}, AbortSignal.timeout(20_000));
    expect(sent.mock.calls.map(([{ pace }]) => pace)).toEqual([{ key: `exchange-online ${contoso.id}`, perSecond: 1 }]);
  });

  it('drops the side keys that tell types, and no rows are rows too', async () => {
    const { rows, cutShort } = await invoke();
    expect(Object.keys(rows[0] ?? {}).filter((key) => key.includes('@'))).toEqual([]);
    expect(rows[0]).toMatchObject({ Domain: 'contoso.com', Selector1KeySize: 2048 });
    expect(cutShort).toBeUndefined();
    tenant.cmdlets['Get-DkimSigningConfig'] = [];
    expect((await invoke()).rows).toEqual([]);
  });

  it('follows the links of a list page by page, with the same request', async () => {
    const domains = Array.from({ length: 2_500 }, (_, index) => `d${index}.contoso.com`);
    tenant.cmdlets['Get-DkimSigningConfig'] = domains.map((domain) => signingRow(domain));
    const { rows, cutShort } = await invoke();
    expect(rows.map(({ Domain }) => Domain)).toEqual(domains);
    expect(cutShort).toBeUndefined();
    const [first, second, third] = cloud.exchangeOnline.arrived;
    expect(cloud.exchangeOnline.arrived).toHaveLength(3);
    expect([second?.target, third?.target]).toEqual([1000, 2000].map((from) => `${first?.target}?$skiptoken=${from}`));
    expect([second?.method, second?.body, second?.headers.prefer]).toEqual([
      'POST',
      first?.body,
      first?.headers.prefer,
    ]);
  });

  it.each([
    [
      'a page that is refused',
      (base: string) => ({ link: `${base}/adminapi/beta/${contoso.id}/InvokeCommand?$skiptoken=1`, status: 400 }),
      'page 2 was answered with 400: Expired or Invalid pagination request',
    ],
    [
      'a page at another host, where no token is sent',
      () => ({ link: 'https://elsewhere.contoso.com/next', status: 200 }),
      'page 2 is said to be at another host',
    ],
  ])('keeps what came before %s, and says so', async (_, next, why) => {
    const { link, status } = next(cloud.endpoints.exchangeOnline);
    cloud.exchangeOnline.reply(
      { status: 200, body: { value: [signingRow('contoso.com')], '@odata.nextLink': link } },
      { status, body: { error: { message: 'Expired or Invalid pagination request' } } },
    );
    const { rows, cutShort } = await invoke();
    expect([rows.length, cutShort]).toEqual([1, why]);
    expect(cloud.exchangeOnline.arrived).toHaveLength(status === 400 ? 2 : 1);
  });

  it('reads warnings, and knows the one that tells of a cut', async () => {
    const warning = 'There are more results available than are currently displayed.';
    cloud.exchangeOnline.reply(
      { status: 200, body: { value: [], '@adminapi.warnings': ['The command completed, but nothing was there.'] } },
      { status: 200, body: { value: [], '@adminapi.warnings': [warning] } },
    );
    expect(await invoke()).toMatchObject({
      warnings: ['The command completed, but nothing was there.'],
      cutShort: undefined,
    });
    expect(await invoke()).toMatchObject({ warnings: [warning], cutShort: warning });
  });

  it.each([
    ['no JSON', '<html>maintenance</html>', 'what Exchange Online answered to Get-DkimSigningConfig is no JSON'],
    [
      'no list',
      '{"value":{"Domain":"contoso.com"}}',
      'what Exchange Online answered to Get-DkimSigningConfig is no list of rows',
    ],
    [
      'no rows',
      '{"value":["contoso.com"]}',
      'what Exchange Online answered to Get-DkimSigningConfig is no list of rows',
    ],
  ])('calls an answer with %s malformed', async (_, body, says) => {
    cloud.exchangeOnline.reply({ status: 200, body });
    expect(await refusal(invoke())).toEqual({ reason: 'malformed', says });
  });

  it('follows one redirect to a host of its own, with body and token', async () => {
    const [path = ''] = [`/adminapi/beta/${contoso.id}/InvokeCommand`];
    cloud.exchangeOnline.reply({ status: 307, headers: { location: `${path}?own=host` } });
    expect((await invoke()).rows).toHaveLength(1);
    const [first, second] = cloud.exchangeOnline.arrived;
    expect(second).toMatchObject({ method: 'POST', target: `${path}?own=host`, body: first?.body });
    expect(second?.headers.authorization).toBe(first?.headers.authorization);
  });

  it.each([
    ['another method', 302, '/adminapi/elsewhere'],
    ['another host: its token would go there', 307, 'https://elsewhere.contoso.com/'],
    ['plain http', 308, 'http://localhost/'],
  ])('follows no redirect to %s', async (_, status, location) => {
    cloud.exchangeOnline.reply({ status, headers: { location } });
    expect(await refusal(invoke())).toEqual({
      reason: 'refused',
      says: `Exchange Online redirects (${status}), which is not followed`,
    });
    expect(cloud.exchangeOnline.arrived).toHaveLength(1);
  });

  it('follows no second redirect', async () => {
    const there = { status: 307, headers: { location: `/adminapi/beta/${contoso.id}/InvokeCommand` } };
    cloud.exchangeOnline.reply(there, there);
    expect((await refusal(invoke())).reason).toBe('refused');
    expect(cloud.exchangeOnline.arrived).toHaveLength(2);
  });
});

describe('the two grants', () => {
  it('names the application permission when the token does not hold it', async () => {
    tenant.permissions = [];
    expect(await refusal(invoke())).toEqual({
      reason: 'denied',
      says: `Exchange Online answered 401 to Get-DkimSigningConfig: the application ${appId} lacks the application permission Exchange.ManageAsApp (Office 365 Exchange Online, with admin consent). To grant it, as an administrator of tenant ${contoso.id} ${grant}`,
    });
  });

  const noRole = (status: number) =>
    `Exchange Online answered ${status} to Get-DkimSigningConfig: the application ${appId} is admitted but has no directory role that lets it read. To assign Security Reader, as an administrator of tenant ${contoso.id} ${grant}; it takes up to an hour to reach Exchange Online`;

  it('names the directory role when the application is admitted and gets 403, its body zero bytes only', async () => {
    tenant.directoryRole = false;
    expect(await refusal(invoke())).toEqual({ reason: 'denied', says: noRole(403) });
  });

  it('names the directory role also where a server says 401', async () => {
    const body = { error: { code: 'Unauthorized', message: 'User is not allowed to call Get-DkimSigningConfig' } };
    cloud.exchangeOnline.reply({ status: 401, body }, { status: 401, body });
    expect(await refusal(invoke())).toEqual({ reason: 'denied', says: noRole(401) });
  });

  it('names a role that does not reach a cmdlet', async () => {
    expect(await refusal(invoke('Get-MigrationEndpoint'))).toEqual({
      reason: 'denied',
      says: `the directory role of the application ${appId} does not reach Get-MigrationEndpoint: as an administrator of tenant ${contoso.id} ${grant.replace('dkim', 'teams-exchange-interop')}, which assigns Global Reader`,
    });
  });

  it('names a tenant without Exchange Online, by the sign-in and by Exchange Online itself', async () => {
    const type = 'Microsoft.Exchange.Data.Directory.CannotResolveExternalDirectoryOrganizationIdException';
    cloud.exchangeOnline.reply(invalid(400, type, 'No such organization.'));
    expect(await refusal(invoke())).toEqual({
      reason: 'denied',
      says: `tenant ${contoso.id} has no Exchange Online: Exchange Online answered 400 to Get-DkimSigningConfig (No such organization.). Subscribe, or take the tenant's mail evaluations out of the organization's document`,
    });
    tenant.exchangeOnline = false;
    access.http.close();
    access = accessTo(cloud);
    expect(await refusal(invoke())).toEqual({
      reason: 'denied',
      says: `no token for Exchange Online: tenant ${contoso.id} has no Exchange Online, or it is switched off: a subscription that includes it is missing or has lapsed. Subscribe again, or take the tenant's evaluations out of the organization's document (AADSTS500014)`,
    });
  });
});

describe('a token that cannot be read', () => {
  const whose = { tenant: contoso, clientId: appId, token: 'opaque' };
  it.each([
    [401, 'lacks the application permission Exchange.ManageAsApp or a directory role. To grant both, '],
    [403, 'is admitted but has no directory role that lets it read. To assign Security Reader, '],
  ])('leaves %s to tell what it can', (status, says) => {
    const { message } = diagnose('Get-AcceptedDomain', { status, type: undefined, text: 'it gave no reason' }, whose);
    expect(message).toContain(
      `Exchange Online answered ${status} to Get-AcceptedDomain: the application ${appId} ${says}`,
    );
  });
});

describe('errors', () => {
  const text = "The operation couldn't be performed because object 'x' couldn't be found.";
  it.each([
    [
      'innererror.internalexception',
      { innererror: { internalexception: { message: text } }, details: [{ message: 'Ex6F9304|A.B|less' }] },
    ],
    [
      'innererror.internalException',
      { innererror: { internalException: { message: text } }, details: [{ message: 'Ex6F9304|A.B|less' }] },
    ],
    ['innerError.internalException', { innerError: { internalException: { message: text } } }],
    ['what was thrown inside, with id and type', { innererror: { internalexception: { message: `Ex1|A.B|${text}` } } }],
    ['details, with id and type', { details: [{ message: `Ex6F9304|Microsoft.Exchange.SomeException|${text}` }] }],
    ['details, with its type alone', { details: [{ message: `|Microsoft.Exchange.SomeException|${text}` }] }],
    ['Details', { Details: [{ Message: `Ex6F9304|A.B|${text}` }] }],
  ])('are read from %s', async (_, error) => {
    cloud.exchangeOnline.reply({ status: 404, body: { error: { message: 'Invalid Operation', ...error } } });
    expect(await refusal(invoke())).toEqual({
      reason: 'unreachable',
      says: `Exchange Online answered 404 to Get-DkimSigningConfig: ${text}`,
    });
  });

  it('are short, of one line, and say so when there is no reason', async () => {
    cloud.exchangeOnline.reply(
      { status: 400, body: { error: { message: 'Invalid Operation' } } },
      { status: 400, body: { error: { details: [{ message: `a\nb${'c'.repeat(1000)}` }] } } },
      { status: 400, body: Buffer.alloc(40) },
    );
    expect((await refusal(invoke())).says).toBe(
      'Exchange Online answered 400 to Get-DkimSigningConfig: Invalid Operation',
    );
    expect((await refusal(invoke())).says).toMatch(/: a bc{297}…$/);
    expect((await refusal(invoke())).says).toBe(
      'Exchange Online answered 400 to Get-DkimSigningConfig: it gave no reason',
    );
  });

  it('that there is no such object are no rows for a reader of one tenant', async () => {
    tenant.cmdlets['Get-MailUser'] = ({ Identity }) => (Identity === 'adele@contoso.com' ? [{ Name: 'Adele' }] : []);
    const reader = exchangeOnlineReader(access.exchangeOnline, contoso);
    const signal = AbortSignal.timeout(20_000);
    const rows = (user: string) => reader.rows('Get-MailUser', { Identity: user }, signal);
    expect(await rows('nobody@contoso.com')).toEqual([]);
    expect(await rows('adele@contoso.com')).toEqual([{ Name: 'Adele' }]);
    const type = 'Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException';
    const text = "The operation couldn't be performed because object 'adele@contoso.com' couldn't be found.";
    cloud.exchangeOnline.reply(
      // Without an id, as servers sent it in 2023.
      invalid(400, type, text, ''),
      { status: 404, body: { error: { innererror: { internalexception: { message: text, type } } } } },
      invalid(400, 'Microsoft.Exchange.Configuration.Tasks.ManagementObjectAmbiguousException', 'Ex6F9304|a|b'),
    );
    expect(await rows('adele@contoso.com')).toEqual([]);
    expect(await rows('adele@contoso.com')).toEqual([]);
    expect(await refusal(rows('adele@contoso.com'))).toEqual({
      reason: 'unreachable',
      says: 'Exchange Online answered 400 to Get-MailUser: Ex6F9304|a|b',
    });
    cloud.exchangeOnline.reply({ status: 200, body: { value: [{}], '@odata.nextLink': 'https://localhost/' } });
    expect(await refusal(reader.rows('Get-MigrationEndpoint', {}, signal))).toEqual({
      reason: 'insufficient',
      says: 'Exchange Online sent only part of Get-MigrationEndpoint (1 row: page 2 is said to be at another host)',
    });
  });
});

describe('throttling and faults', () => {
  it('waits as long as it is told, and goes on', async () => {
    const throttled = { status: 429, headers: { 'retry-after': '0' } };
    cloud.exchangeOnline.reply(throttled, throttled, { status: 503, headers: { 'retry-after': '0' } });
    expect((await invoke()).rows).toHaveLength(1);
    expect(cloud.exchangeOnline.arrived).toHaveLength(4);
  });

  it('gives up at once when it is told to wait longer than a run waits', async () => {
    cloud.exchangeOnline.reply({ status: 429, headers: { 'retry-after': '600' } });
    expect(await refusal(invoke())).toEqual({
      reason: 'timeout',
      says: 'Exchange Online throttles (429) and asks to wait 600 s, longer than a run waits; it is asked again at the next run',
    });
  });

  it('gives up when it is throttled for as long as a run waits', async () => {
    access.http.close();
    access = accessTo(cloud, { patience: { patienceMs: 100 } });
    cloud.exchangeOnline.reply(
      ...Array.from({ length: 500 }, () => ({ status: 429, headers: { 'retry-after': '0' } })),
    );
    expect(await refusal(invoke())).toEqual({
      reason: 'timeout',
      says: 'Exchange Online throttles (429) for 0.1 s; it is asked again at the next run',
    });
  });

  it('takes no answer for an answer that did not come in time', async () => {
    const refused = refusal(access.exchangeOnline.invoke(contoso, 'Get-DkimSigningConfig', {}, AbortSignal.abort()));
    expect(await refused).toEqual({ reason: 'timeout', says: 'Exchange Online was not waited for any longer' });
  });
});

describe('tokens', () => {
  it('that expire in the middle of a run are replaced once', async () => {
    await invoke();
    cloud.expireTokens();
    expect((await invoke()).rows).toHaveLength(1);
    const asked = cloud.login.arrived.filter(({ method }) => method === 'POST');
    expect(asked).toHaveLength(2);
    expect(cloud.exchangeOnline.arrived).toHaveLength(3);
  });

  it('are not asked for again and again when a fresh one is refused too', async () => {
    const refused = { status: 401 };
    cloud.exchangeOnline.reply(refused, refused);
    expect((await refusal(invoke())).reason).toBe('denied');
    expect(cloud.exchangeOnline.arrived).toHaveLength(2);
  });

  it('are asked for once by many who ask at a time', async () => {
    await Promise.all(Array.from({ length: 20 }, () => invoke()));
    cloud.expireTokens();
    await Promise.all(Array.from({ length: 20 }, () => invoke()));
    expect(cloud.login.arrived.filter(({ method }) => method === 'POST')).toHaveLength(2);
  });

  it('cannot be had for a tenant that has vanished, which says so', async () => {
    await invoke();
    cloud.tenants.delete(contoso.id);
    cloud.expireTokens();
    expect(await refusal(invoke())).toEqual({
      reason: 'denied',
      says: `no token for Exchange Online: there is no tenant ${contoso.id} in this cloud: it was deleted, or tenant.id or tenant.cloud in the organization's document is wrong (AADSTS90002)`,
    });
  });
});
