// A live tenant on one machine: npm run tenant [-- DOMAIN … | --once]
//
// Login, Exchange Online and Graph of a made-up tenant, a name server and a Teams channel on loopback; before them the
// product as deployed, on the local host. Its organization names a tenant and no domain. Shows what comes of that in
// three runs, then stays for whoever wants to try things, until Ctrl+C; with --once it ends.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startAzurite } from '../../src/local/azurite.ts';
import { startDnsServer } from '../../src/local/dns-server.ts';
import { type Host, startHost } from '../../src/local/host/host.ts';
import { startTeamsSink } from '../../src/local/teams-sink.ts';
import { createTenant } from '../app/tenant.ts';
import { contoso } from './access.ts';
import { startFakeCloud } from './fake-cloud.ts';
import { acceptedDomainRow, fakeTenant } from './fake-tenant.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const runLimitMs = 60_000;

const { values, positionals } = parseArgs({
  options: { once: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const domains =
  positionals.length > 0 ? positionals : Array.from({ length: 10 }, (_, index) => `d${index}.contoso.com`);
// Of the last domain Microsoft has lost the key.
const lost = domains.slice(-1);
const [broken = ''] = lost;

await using stack = new AsyncDisposableStack();
const folder = mkdtempSync(join(tmpdir(), 'fieldcheck-tenant-'));
stack.defer(() => rmSync(folder, { recursive: true }));

const [azurite, cloud, sink] = await Promise.all([startAzurite(), startFakeCloud(), startTeamsSink()]);
stack.defer(() => azurite.stop());
stack.defer(() => cloud.close());
stack.defer(() => sink.close());
const published = createTenant(domains.slice(0, -1), lost);
const dns = await startDnsServer({ zone: published.zone });
stack.defer(() => dns.close());
cloud.tenants.set(contoso.id, {
  ...fakeTenant(contoso.id, domains),
  cmdlets: {
    'Get-DkimSigningConfig': published.rows.map((row) => ({ ...row })),
    'Get-AcceptedDomain': domains.map((domain) => acceptedDomainRow(domain)),
  },
});
const certificate = join(folder, 'root.pem');
writeFileSync(certificate, cloud.ca);
setDefaultCACertificates([...getCACertificates(), cloud.ca]);

const access = {
  FIELDCHECK_ENDPOINT_LOGIN: cloud.endpoints.login,
  FIELDCHECK_ENDPOINT_EXCHANGE_ONLINE: cloud.endpoints.exchangeOnline,
  FIELDCHECK_ENDPOINT_GRAPH: cloud.endpoints.graph,
  FIELDCHECK_CLIENT_ID: cloud.application.clientId,
  FIELDCHECK_CLIENT_SECRET: cloud.application.secret,
  FIELDCHECK_RESOLVERS: dns.address,
};
const host = await startHost({
  root,
  entry: 'functions/index.ts',
  hostJson: JSON.parse(readFileSync(join(root, 'host.json'), 'utf8')),
  settings: {
    ...access,
    AzureWebJobsStorage: azurite.connectionString,
    FIELDCHECK_LOCAL_CHANNELS: 'true',
    FIELDCHECK_LOG_LEVEL: 'warn',
    FIELDCHECK_DUE_SCHEDULE: '0 * * * * *',
    FIELDCHECK_DELIVERY_SCHEDULE: '*/2 * * * * *',
    FIELDCHECK_RETENTION_SCHEDULE: '0 0 3 * * *',
    FIELDCHECK_HEARTBEAT_SCHEDULE: '0 0 8 * * *',
  },
  storageConnection: azurite.connectionString,
  port: 0,
  log: ({ level, message }) => {
    if (level === 'error' || level === 'critical') console.error(message);
  },
});
stack.defer(() => host.stop());

const tenant = { id: contoso.id };
console.log(`The organization: tenant ${contoso.id}, no domain named; login, Exchange Online and Graph on loopback.`);
await call(host, 'PUT', 'organizations/contoso', {
  id: 'contoso',
  name: 'Contoso',
  tenant,
  channels: { 'mail-team': { kind: 'teams-workflow', url: sink.url } },
  evaluations: { dkim: { channels: ['mail-team'] } },
});
await show('First run');
await show('Second run, nothing changed');
published.mend(broken);
await show(`Third run, Microsoft publishes the key of ${broken} again`);

if (!values.once) {
  console.log(`
Look at
  the Teams cards    ${sink.page}
  the whole report   ${host.url}/api/organizations/contoso/evaluations/dkim/report

For the shell, with organization.json: ${JSON.stringify({ id: 'contoso', tenant, evaluations: { dkim: {} } })}
${Object.entries({ ...access, NODE_EXTRA_CA_CERTS: certificate })
  .map(([name, value]) => `  export ${name}=${value}`)
  .join('\n')}
  npm run fieldcheck -- evaluate dkim --organization organization.json

Ctrl-C ends it.`);
  await new Promise<void>((resolve) => process.once('SIGINT', () => resolve()));
}

/** Asks for a run, waits until it is over and its cards are out, and says what it found and told. */
async function show(title: string): Promise<void> {
  const before = sink.cards.length;
  const { runId } = (await call(host, 'POST', 'organizations/contoso/evaluations/dkim/runs')) as { runId: string };
  const { subjects, answers } = await finished(runId);
  const counts = Object.entries(answers['verifiable-now'] ?? {}).map(([answer, count]) => `${count} ${answer}`);
  const cards = sink.cards.slice(before).map(({ payload }) => `card "${(payload as { summary: string }).summary}"`);
  console.log(`${title}: ${subjects} domains of the tenant; verifiable now: ${counts.join(', ')}.`);
  console.log(`  ${cards.length === 0 ? 'Nothing is told.' : cards.join('\n  ')}`);
}

interface RunStatus {
  readonly state: string;
  readonly subjects: number;
  readonly answers: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

async function finished(runId: string): Promise<RunStatus> {
  for (const deadline = Date.now() + runLimitMs; Date.now() < deadline; await sleep(100)) {
    const status = (await call(host, 'GET', `runs/${runId}`)) as RunStatus;
    const { oldestUndelivered } = (await call(host, 'GET', 'health')) as { oldestUndelivered?: string };
    if (status.state === 'finished' && oldestUndelivered === undefined) return status;
  }
  throw new Error(`${runId} and its cards were not done within ${runLimitMs / 1000} s`);
}

async function call(to: Host, method: string, path: string, body?: unknown): Promise<unknown> {
  const response = await fetch(`${to.url}/api/${path}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return JSON.parse(text);
}
