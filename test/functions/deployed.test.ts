// What is deployed, as it is deployed: the packaged folder in a host, against a tenant, a mail server and a collector on
// loopback. What the bundle alone breaks shows here and in no test of the sources.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import readXlsxFile from 'read-excel-file/node';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type DnsServer, startDnsServer } from '../../src/local/dns-server.ts';
import { type Host, startHost } from '../../src/local/host/host.ts';
import { createTenant } from '../app/tenant.ts';
import { useAzurite } from '../azurite.ts';
import { type Loopback, startLoopback } from '../notifiers/loopback.ts';
import { startSubmissionServer } from '../notifiers/submission-server.ts';
import { contoso } from '../tenant/access.ts';
import { type FakeCloud, startFakeCloud } from '../tenant/fake-cloud.ts';
import { acceptedDomainRow, fakeTenant } from '../tenant/fake-tenant.ts';
import { builtPackage } from '../tools/built-package.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

const root = join((await builtPackage()).folder, 'app');
const account = { user: 'fieldcheck@contoso.com', password: 'generated for this test' };
const trusted = getCACertificates();
const azurite = useAzurite();
const published = createTenant(['contoso.com'], ['shop.contoso.com']);

let cloud: FakeCloud;
let dns: DnsServer[];
let mails: Awaited<ReturnType<typeof startSubmissionServer>>;
let collector: Loopback;
let host: Host;

beforeAll(async () => {
  cloud = await startFakeCloud();
  const tenant = fakeTenant(contoso.id);
  cloud.tenants.set(contoso.id, {
    ...tenant,
    cmdlets: {
      'Get-DkimSigningConfig': published.rows.map((row) => ({ ...row })),
      'Get-AcceptedDomain': published.rows.map(({ Domain }) => acceptedDomainRow(Domain)),
    },
    graph: {
      ...tenant.graph,
      '/v1.0/domains': published.rows.map(({ Domain }) => ({
        id: Domain,
        isVerified: true,
        supportedServices: ['Email'],
      })),
      '/v1.0/admin/serviceAnnouncement/issues': [
        {
          id: 'EX123456',
          title: "Some users' messages may fail DKIM validation",
          service: 'Exchange Online',
          startDateTime: '2026-11-23T04:30:00Z',
          isResolved: false,
        },
      ],
    },
    mailboxes: { 'robot@contoso.com': true },
  });
  dns = await Promise.all([published.zone, published.zone].map((zone) => startDnsServer({ zone })));
  mails = await startSubmissionServer(cloud.tls, account);
  collector = await startLoopback((_, response) => void response.end('{}'));
  setDefaultCACertificates([...trusted, cloud.ca]);
  host = await startHost({
    root,
    entry: 'dist/functions.js',
    hostJson: JSON.parse(readFileSync(join(root, 'host.json'), 'utf8')),
    settings: {
      AzureWebJobsStorage: azurite.connectionString,
      FIELDCHECK_ENDPOINT_LOGIN: cloud.endpoints.login,
      FIELDCHECK_ENDPOINT_EXCHANGE_ONLINE: cloud.endpoints.exchangeOnline,
      FIELDCHECK_ENDPOINT_GRAPH: cloud.endpoints.graph,
      FIELDCHECK_TENANT_ID: contoso.id,
      FIELDCHECK_CLIENT_ID: cloud.application.clientId,
      FIELDCHECK_CLIENT_SECRET: cloud.application.secret,
      FIELDCHECK_RESOLVERS: dns.map(({ address }) => address).join(),
      FIELDCHECK_LOCAL_CHANNELS: 'true',
      FIELDCHECK_DELIVERY_SCHEDULE: '* * * * * *',
      CHANNEL_MAIL: `smtp://${Object.values(account).map(encodeURIComponent).join(':')}@localhost:${mails.port}`,
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${collector.port}`,
    },
    storageConnection: azurite.connectionString,
    port: 0,
    log: () => {},
  });
});
afterAll(async () => {
  await host.stop();
  setDefaultCACertificates(trusted);
  await Promise.all([cloud.close(), ...dns.map(({ close }) => close()), mails.close(), collector.close()]);
});

async function call(method: string, path: string, body?: unknown): Promise<Response> {
  const response = await fetch(`${host.url}/api/${path}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return response;
}

const incident = `Open at Microsoft for Exchange Online: EX123456 "Some users' messages may fail DKIM validation"`;

test('evaluates a tenant by Exchange Online, Microsoft Graph and DNS', async () => {
  const subject = { kind: 'mail-domain', id: 'shop.contoso.com', tenantId: contoso.id };
  const evaluated = await call('POST', 'evaluations/dkim', { subject });
  expect(await evaluated.text()).toContain(JSON.stringify(incident).slice(1, -1));
});

test('finds the domains of a tenant, tells by SMTP and by Graph, and keeps what it saw', async () => {
  const channel = { kind: 'email', from: account.user, to: ['mail-team@contoso.com'] };
  await call('PUT', 'organizations/contoso', {
    id: 'contoso',
    tenant: { id: contoso.id },
    channels: {
      smtp: { ...channel, url: 'secret:CHANNEL_MAIL' },
      graph: { ...channel, from: 'robot@contoso.com' },
    },
    evaluations: { dkim: { channels: ['smtp', 'graph'] } },
  });
  const started = await call('POST', 'organizations/contoso/evaluations/dkim/runs');
  const { runId } = (await started.json()) as { runId: string };
  await vi.waitFor(
    async () => {
      expect(await (await call('GET', `runs/${runId}`)).json()).toMatchObject({ state: 'finished', subjects: 2 });
      expect(mails.submitted).toHaveLength(1);
      expect(cloud.tenants.get(contoso.id)?.sent).toHaveLength(1);
    },
    { timeout: 50_000, interval: 200 },
  );
  expect(mails.submitted[0]).toMatchObject({ secure: true, recipients: ['mail-team@contoso.com'] });
  expect(mails.submitted[0]?.mail.text).toContain(incident);
  expect(cloud.tenants.get(contoso.id)?.sent?.[0]).toContain('EX123456');
});

test('gives metrics, workbooks, pages and its own description', async () => {
  const metrics = await (await call('GET', 'metrics')).text();
  expect(metrics).toContain(
    'fieldcheck_subjects{organization="contoso",evaluation="dkim",question="verifiable-now",answer="no"} 1\n',
  );
  const workbook = await (await call('GET', 'organizations/contoso/report?format=xlsx')).arrayBuffer();
  expect(JSON.stringify(await readXlsxFile(Buffer.from(workbook)))).toContain('shop.contoso.com');
  expect(await (await call('GET', 'openapi.json')).json()).toHaveProperty('openapi');
  expect(await (await call('GET', 'pages/rules/dkim/active-key-published')).text()).toContain('<h2');
  expect(await (await call('GET', 'doctor')).json()).toMatchObject({ checks: expect.any(Array) });
});

test('reads a message that somebody hands in', async () => {
  const message = [
    'Received: from mail.contoso.com by mx.fabrikam.com; Tue, 24 Nov 2026 09:30:00 +0000',
    'DKIM-Signature: v=1; a=rsa-sha256; d=shop.contoso.com; s=selector1; h=From; bh=AAAA; b=AAAA',
    'From: Adele <adele@shop.contoso.com>',
    '',
  ].join('\r\n');
  const response = await fetch(`${host.url}/api/organizations/contoso/explanations`, { method: 'POST', body: message });
  expect(await response.json()).toMatchObject({ answer: 'no', owner: 'microsoft' });
});

test('reads a large one in the thread that stands beside the bundle', async () => {
  const head = ['From: Adele <adele@shop.contoso.com>', 'Date: Tue, 24 Nov 2026 09:30:00 +0000', 'Subject: a long one'];
  const message = `${head.join('\r\n')}\r\n\r\n${'words and words\r\n'.repeat(20_000)}`;
  const response = await fetch(`${host.url}/api/explanations`, { method: 'POST', body: message });
  expect([response.status, await response.json()]).toEqual([200, expect.objectContaining({ answer: 'no' })]);
});

test('sends traces and metrics of runs to the collector that the standard variables name', async () => {
  await host.stop();
  const paths = new Set(collector.arrived.map(({ target }) => target));
  expect([...paths].sort()).toEqual(['/v1/metrics', '/v1/traces']);
  expect(collector.arrived.map(({ body }) => body).join()).toContain('run dkim');
});
