import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { TableServiceClient } from '@azure/data-tables';
import { QueueServiceClient } from '@azure/storage-queue';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Check } from '../../src/app/doctor/check.ts';
import { examine } from '../../src/app/index.ts';
import { organizationDocument, parseDocument } from '../../src/domain/organization.ts';
import { evaluations } from '../../src/evaluations/index.ts';
import { createZone, type DnsServer, startDnsServer } from '../../src/local/dns-server.ts';
import { createStorageQueue } from '../../src/queue/storage-queue.ts';
import { createTableStore } from '../../src/store/table-store.ts';
import { useAzurite } from '../azurite.ts';
import { contoso, fabrikam } from '../tenant/access.ts';
import { type FakeCloud, startFakeCloud } from '../tenant/fake-cloud.ts';
import { fakeTenant } from '../tenant/fake-tenant.ts';

const secretPath = '/workflows/0123456789abcdef/triggers/manual/paths/invoke?api-version=1&sig=ThisMustNeverBeShown';
const workflow = `https://default0123456789.01.environment.api.powerplatform.com:443/powerautomate/automations/direct${secretPath}`;

const document = parseDocument('organization document', evaluations.document, {
  id: 'contoso',
  name: 'Contoso',
  tenant: { id: contoso.id },
  channels: {
    'mail-team': { url: 'secret:MAIL_TEAM_WEBHOOK' },
    ops: { url: 'secret:OPS_WEBHOOK' },
    desk: { kind: 'webhook', url: 'secret:DESK_WEBHOOK' },
  },
  evaluations: {
    dkim: { domains: ['contoso.com'], channels: ['mail-team', 'ops', 'desk'] },
    'teams-exchange-interop': {},
  },
});

const azurite = useAzurite();
let dns: DnsServer;
let internal: DnsServer;
let cloud: FakeCloud;
let silent: Socket;

beforeAll(async () => {
  silent = createSocket('udp4');
  silent.bind(0, '127.0.0.1');
  const names = createZone();
  names.set('microsoft.com', { type: 'NS', data: 'ns1-39.azure-dns.com' });
  [dns, internal, cloud] = await Promise.all([
    startDnsServer({ zone: names }),
    startDnsServer({ zone: createZone() }),
    startFakeCloud(),
  ]);
  if (silent.address === undefined) await once(silent, 'listening');
});
afterAll(async () => {
  silent.close();
  await Promise.all([dns.close(), internal.close(), cloud.close()]);
});

/** Everything as it should be around the storage: a tenant that granted everything, and the settings. */
function settingsFor(tenantId: string): Record<string, string> {
  const tenant = fakeTenant(tenantId, ['contoso.com']);
  tenant.cmdlets['Get-OrganizationConfig'] = [{ Name: 'contoso' }];
  cloud.tenants.set(tenantId, tenant);
  return {
    AzureWebJobsStorage: azurite.connectionString,
    FIELDCHECK_RESOLVERS: dns.address,
    FIELDCHECK_ZONE_RESOLVERS: `${internal.address}=contoso.com`,
    FIELDCHECK_LOCAL_CHANNELS: 'true',
    FIELDCHECK_CLIENT_ID: cloud.application.clientId,
    FIELDCHECK_CLIENT_SECRET: cloud.application.secret,
    FIELDCHECK_ENDPOINT_LOGIN: cloud.endpoints.login,
    FIELDCHECK_ENDPOINT_GRAPH: cloud.endpoints.graph,
    FIELDCHECK_ENDPOINT_EXCHANGE_ONLINE: cloud.endpoints.exchangeOnline,
    MAIL_TEAM_WEBHOOK: workflow,
    OPS_WEBHOOK: workflow,
    DESK_WEBHOOK: 'https://desk.contoso.com/hook',
  };
}

/** A set-up in which everything is as it should be: storage opened, one organization, a tenant that granted everything. */
async function healthy(): Promise<Record<string, string>> {
  const store = createTableStore({ connectionString: azurite.connectionString });
  await store.open();
  await store.putOrganization(document, '*', new Date().toISOString());
  await createStorageQueue(QueueServiceClient.fromConnectionString(azurite.connectionString)).open();
  return settingsFor(contoso.id);
}

const examined = (environment: Record<string, string>, options: Parameters<typeof examine>[2] = {}) =>
  examine(evaluations, environment, { ca: [cloud.ca], tenantRequestsPerSecond: 1000, ...options });

const bad = (checks: readonly Check[]) =>
  checks
    .filter(({ state }) => state !== 'ok')
    .map(({ area, what, state, detail }) => `${state}: ${area} ${what}: ${detail}`);

describe('on a healthy set-up', () => {
  test('every line is ok, and every area was looked at', async () => {
    const { state, checks, text } = await examined(await healthy());
    expect(bad(checks)).toEqual([]);
    expect(state).toBe('ok');
    const areas = [...new Set(checks.map(({ area }) => area))];
    expect(areas).toEqual(['setting', 'storage', 'clock', 'resolver', 'channel', 'route', 'endpoint', 'grant']);
    expect(text).toContain(
      'ok              channel       mail-team of contoso: has an address that notices may go to\n',
    );
    expect(text).toContain(
      'ok              grant         Security Reader in the tenant of contoso: Get-AcceptedDomain is allowed\n',
    );
    expect(text).toContain('ok              storage       queue slices: answers\n');
    for (const { address } of [dns, internal])
      expect(text).toContain(`ok              resolver      ${address}: answers\n`);
    expect(text).not.toMatch(/ThisMustNeverBeShown|AccountKey|a-secret-of-the-fake-cloud/);
  });

  test('routes that leave something untaken are told, and do not count', async () => {
    const fabrikam = evaluations.document.parse({
      id: 'fabrikam',
      tenant: { id: contoso.id },
      channels: { desk: { kind: 'console', when: { severity: 'high', kinds: ['opened'] } } },
      evaluations: { dkim: { channels: ['desk'] } },
    });
    const { state, text } = await examined(await healthy(), { documents: [fabrikam] });
    expect(state).toBe('ok');
    expect(text).toContain(
      'missing         route         dkim of fabrikam: no channel hears of medium findings, that a finding is over and that nobody can look (optional)\n',
    );
    expect(text).toContain(
      'ok              route         dkim of contoso: everything worth telling goes to a channel\n',
    );
    expect(text).toContain('teams-exchange-interop of contoso: has no channel: nobody is told what changes\n');
  });

  test('every kind of channel is looked at by what it takes, and nothing is posted', async () => {
    const [from, to] = ['fieldcheck@contoso.com', ['mail-team@contoso.com']];
    const fabrikam = organizationDocument.parse({
      id: 'fabrikam',
      tenant: { id: contoso.id },
      channels: {
        signed: { kind: 'webhook', url: 'secret:DESK_WEBHOOK', signWith: 'secret:DESK_SECRET' },
        weak: { kind: 'webhook', url: 'secret:DESK_WEBHOOK', signWith: 'secret:WEAK_SECRET' },
        unsigned: { kind: 'webhook', url: 'secret:DESK_WEBHOOK' },
        graph: { kind: 'email', from, to },
        smtp: { kind: 'email', url: 'secret:SMTP', from, to },
        misspelt: { kind: 'email', url: 'secret:DESK_WEBHOOK', from, to },
        alive: { kind: 'ping', url: 'secret:DESK_WEBHOOK' },
        log: { kind: 'console' },
      },
    });
    const settings = {
      ...(await healthy()),
      DESK_SECRET: 'ThisMustNeverBeShown-and-is-long-enough',
      WEAK_SECRET: 'ThisMustNeverBeShown',
      SMTP: 'smtp://ThisMustNeverBeShown:ThisMustNeverBeShown@mail.contoso.com:587',
    };
    const { checks, text } = await examined(settings, { documents: [fabrikam] });
    const lines = checks.flatMap(({ what, state, detail }) => {
      const [, channel] = /^(\w+) of fabrikam$/.exec(what) ?? [];
      return channel === undefined ? [] : [`${channel} ${state}: ${detail}`];
    });
    expect(lines).toEqual([
      'signed ok: has an address that notices may go to',
      expect.stringMatching(/^weak missing: The shared secret is shorter than 24 bytes: make one with /),
      'unsigned ok: has an address that notices may go to; its posts are not signed (signWith)',
      'graph ok: sends as fieldcheck@contoso.com through Microsoft Graph; whether it may, only a mail shows: notify test',
      'smtp ok: has a server that takes mails; sends as fieldcheck@contoso.com',
      expect.stringMatching(/^misspelt missing: The address is none of an SMTP server: write smtp:/),
      'alive ok: has an address that is called after every run',
      'log ok: prints',
    ]);
    expect(text).not.toContain('ThisMustNeverBeShown');
  });

  test('without an identity nothing is asked of a tenant, and that is said with the step', async () => {
    const { FIELDCHECK_CLIENT_ID: _, FIELDCHECK_CLIENT_SECRET: __, ...environment } = await healthy();
    const before = cloud.login.arrived.length;
    const { state, checks } = await examined(environment);
    expect(state).toBe('could not look');
    expect(new Set(bad(checks).map((line) => line.replace(/grant .* in the/, 'grant … in the')))).toEqual(
      new Set(['could not look: grant … in the tenant of contoso: no identity is configured that could sign in']),
    );
    expect(checks.find(({ area }) => area === 'grant')?.step).toContain('FIELDCHECK_IDENTITY_CLIENT_ID');
    expect(cloud.login.arrived).toHaveLength(before);
  });

  test('an optional grant that is missing is told with what is lost, and makes nothing red', async () => {
    const environment = await healthy();
    const tenant = cloud.tenants.get(contoso.id);
    if (tenant) tenant.permissions = tenant.permissions.filter((name) => name !== 'ServiceHealth.Read.All');
    const { state, checks, text } = await examined(environment);
    expect(state).toBe('ok');
    expect(bad(checks)).toEqual([
      'missing: grant ServiceHealth.Read.All in the tenant of contoso: not granted: the token does not hold it. Failures owned by Microsoft are reported without the incident they belong to.',
    ]);
    expect(text).toContain('(optional)');
  });
});

describe('on a set-up that is broken on purpose', () => {
  // Both wait until nothing was tried in vain for long enough: beside each other, with a tenant each.
  test.concurrent('every break is named, with the step that mends it and without any secret', async () => {
    const environment = await healthy();
    const tenant = cloud.tenants.get(contoso.id);
    if (tenant) {
      tenant.permissions = tenant.permissions.filter((name) => name !== 'User.Read.All');
      tenant.directoryRole = false;
    }
    await TableServiceClient.fromConnectionString(azurite.connectionString, {
      allowInsecureConnection: true,
    }).deleteTable('facts');
    await QueueServiceClient.fromConnectionString(azurite.connectionString).deleteQueue('deliveries');
    const silentAddress = `127.0.0.1:${silent.address().port}`;
    const { state, checks, text } = await examined(
      {
        ...environment,
        FIELDCHECK_RESOLVER_RATE: '-5',
        FIELDCHECK_PUBLIC_URL: 'ftp://fieldcheck.contoso.com',
        FIELDCHECK_LOG_LEVEL: 'loud',
        FIELDCHECK_DUE_SCHEDULE: 'every minute',
        FIELDCHECK_RESOLVERS: internal.address,
        FIELDCHECK_ZONE_RESOLVERS: `${silentAddress}=contoso.com`,
        FIELDCHECK_ENDPOINT_GRAPH: 'https://localhost:1',
        MAIL_TEAM_WEBHOOK: '',
        OPS_WEBHOOK: '@Microsoft.KeyVault(SecretUri=https://kv.vault.azure.net/secrets/ops-webhook)',
        DESK_WEBHOOK: `https://contoso.webhook.office.com${secretPath}`,
      },
      { now: () => new Date(Date.now() + 600_000) },
    );
    expect(state).toBe('missing');
    const found = bad(checks);
    const breaks = [
      'missing: setting FIELDCHECK_RESOLVER_RATE: must be a number above 0',
      'missing: setting FIELDCHECK_PUBLIC_URL: is no http(s) address',
      'missing: setting FIELDCHECK_LOG_LEVEL: must be info, warn or error',
      'missing: setting FIELDCHECK_DUE_SCHEDULE: is "every minute", and must be NCRONTAB: six fields, {second} {minute} {hour} {day} {month} {day of week}, in UTC, for example "0 */5 * * * *"; until then its default "0 * * * * *" holds',
      'missing: setting OPS_WEBHOOK: is a Key Vault reference that was not resolved',
      /^missing: storage table facts: .* 404 TableNotFound/,
      /^missing: storage queue deliveries: .* 404 QueueNotFound/,
      /^missing: clock against .*: this machine is (599|600|601) s ahead/,
      `missing: resolver ${internal.address}: says that microsoft.com does not exist, so it does not know the public names`,
      `missing: resolver ${silentAddress}: does not answer (timeout)`,
      'missing: channel mail-team of contoso: channel "mail-team" of contoso: the setting MAIL_TEAM_WEBHOOK, which should hold its address, is not set',
      /^missing: channel ops of contoso: The setting holds the text of a Key Vault reference/,
      /^missing: channel desk of contoso: This is the address of an Office 365 connector/,
      /^missing: endpoint localhost:1: /,
      'missing: grant User.Read.All in the tenant of contoso: not granted: the token does not hold it',
      /^missing: grant Security Reader in the tenant of contoso: .*infra\/access\/grant-access\.sh apply/,
    ];
    for (const expected of breaks)
      expect(found).toContainEqual(typeof expected === 'string' ? expected : expect.stringMatching(expected));
    // Nothing else is wrong: what breaks is told once, and what is well stays well.
    expect(found.filter((line) => !line.includes('Global Reader'))).toHaveLength(breaks.length);
    expect(checks.filter(({ state: of, step }) => of !== 'ok' && (step === undefined || step === ''))).toEqual([]);
    expect(text).not.toMatch(/ThisMustNeverBeShown|AccountKey|a-secret-of-the-fake-cloud/);
    expect(text).toMatch(/or name another resolver in FIELDCHECK_ZONE_RESOLVERS\.$/m);
    expect(text).toContain("→ Store the channel's address as the secret of MAIL_TEAM_WEBHOOK");
  });

  test.concurrent('a storage that does not answer blinds nothing else', async () => {
    const environment = settingsFor(fabrikam.id);
    const gone = azurite.connectionString.replace(/127\.0\.0\.1:\d+/g, '127.0.0.1:1');
    const { state, checks } = await examined(
      { ...environment, AzureWebJobsStorage: gone, MAIL_TEAM_WEBHOOK: '' },
      { documents: [{ ...document, tenant: fabrikam }] },
    );
    expect(state).toBe('missing');
    expect(bad(checks).map((line) => line.split(': ').slice(0, 2).join(': '))).toEqual([
      'could not look: storage table organizations',
      'could not look: storage table evaluations',
      'could not look: storage table facts',
      'could not look: storage queue slices',
      'could not look: storage queue deliveries',
      'could not look: clock against 127.0.0.1:1',
      'missing: channel mail-team of contoso',
    ]);
  });

  test('no storage at all, and settings of an identity that contradict each other, are told by name', async () => {
    const { state, checks } = await examined(
      {
        FIELDCHECK_RESOLVERS: dns.address,
        FIELDCHECK_LOCAL_CHANNELS: 'true',
        FIELDCHECK_CLIENT_ID: cloud.application.clientId,
      },
      { documents: [document] },
    );
    expect(state).toBe('missing');
    const found = bad(checks);
    expect(found[0]).toMatch(/^missing: storage account: No storage is configured\./);
    expect(found.at(-1)).toMatch(/^missing: setting identity: FIELDCHECK_CLIENT_ID needs something to prove itself by/);
  });

  test.each([
    [{}, []],
    [
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318' },
      ['ok: telemetry OpenTelemetry: traces and metrics of runs go to the collector as http/json'],
    ],
    [
      { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://127.0.0.1:4317', OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'grpc' },
      [
        'missing: telemetry OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: grpc is not offered; traces and metrics go as http/json all the same',
      ],
    ],
    [
      { OTEL_SERVICE_NAME: 'fieldcheck', OTEL_EXPORTER_OTLP_HEADERS: 'authorization=ThisMustNeverBeShown' },
      [
        'missing: telemetry OpenTelemetry: OTEL_EXPORTER_OTLP_HEADERS and OTEL_SERVICE_NAME set, but no collector; nothing is sent',
      ],
    ],
    [
      { OTEL_SDK_DISABLED: 'true', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318' },
      ['ok: telemetry OpenTelemetry: switched off by OTEL_SDK_DISABLED; nothing is sent'],
    ],
  ])('the variables of OpenTelemetry %o are told for what they come to', async (variables, told) => {
    const environment = { FIELDCHECK_RESOLVERS: dns.address, ...variables };
    const { checks, text } = await examined(environment, { documents: [document] });
    const lines = checks
      .filter(({ area }) => area === 'telemetry')
      .map(({ state, what, detail }) => `${state}: telemetry ${what}: ${detail}`);
    expect(lines).toEqual(told);
    expect(text).not.toContain('ThisMustNeverBeShown');
    // Nothing that is watched depends on it.
    expect(checks.filter(({ area, state, optional }) => area === 'telemetry' && state !== 'ok' && !optional)).toEqual(
      [],
    );
  });
});
