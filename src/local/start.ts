// `npm start`: the product on one machine. Storage, name server, Teams channel and host are real programs on loopback;
// nothing here is deployed and nothing reaches the network.
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startAzurite } from './azurite.ts';
import { createDemo, type Demo, type DemoState, makeDemoKeys } from './demo/contoso.ts';
import { startDnsServer } from './dns-server.ts';
import { type Host, startHost } from './host/host.ts';
import { startTeamsSink, type TeamsSink } from './teams-sink.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

const { values: options } = parseArgs({
  options: {
    fresh: { type: 'boolean', default: false },
    port: { type: 'string', default: '7071' },
    data: { type: 'string', default: join(root, '.fieldcheck') },
    verbose: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
if (options.help) {
  console.log(
    'npm start [-- --fresh] [--port 7071] [--data FOLDER] [--verbose]\n\n--fresh    forget what earlier starts have left in the data folder\n--verbose  show the host’s log',
  );
  process.exit(0);
}

const wantedPort = Number(options.port);
const data = options.data;
const settingsFile = join(data, 'settings.json');
const demoFile = join(data, 'demo.json');

if (options.fresh) await rm(data, { recursive: true, force: true });
await mkdir(data, { recursive: true });

const closers: (() => Promise<unknown>)[] = [];
let stopping = false;
async function stop(code: number): Promise<void> {
  if (stopping) return;
  stopping = true;
  console.log('\nStopping …');
  for (const close of closers.reverse()) await close().catch((error: unknown) => console.error(error));
  process.exit(code);
}
process.on('SIGINT', () => void stop(0));
process.on('SIGTERM', () => void stop(0));

try {
  await start();
} catch (error) {
  console.error(`fieldcheck could not start: ${error instanceof Error ? error.message : String(error)}`);
  await stop(3);
}

async function start(): Promise<void> {
  const startedAt = performance.now();
  const [azurite, sink, state] = await Promise.all([
    startAzurite({ location: join(data, 'storage') }),
    startTeamsSink(),
    readState(),
  ]);
  closers.push(
    () => azurite.stop(),
    () => sink.close(),
  );
  const demo = createDemo(state, sink.url, new Date());
  const dns = await startDnsServer({ zone: demo.zone });
  closers.push(() => dns.close());

  const settings = {
    AzureWebJobsStorage: azurite.connectionString,
    FIELDCHECK_RESOLVERS: dns.address,
    FIELDCHECK_LOCAL_CHANNELS: 'true',
    FIELDCHECK_LOG_LEVEL: options.verbose ? 'info' : 'warn',
    FIELDCHECK_DUE_SCHEDULE: '0 * * * * *',
    FIELDCHECK_DELIVERY_SCHEDULE: '*/5 * * * * *',
    FIELDCHECK_RETENTION_SCHEDULE: '0 0 3 * * *',
    FIELDCHECK_HEARTBEAT_SCHEDULE: '0 0 8 * * *',
    ...process.env,
  } as Record<string, string>;
  const host = await startHost({
    root,
    entry: 'functions/index.ts',
    hostJson: JSON.parse(await readFile(join(root, 'host.json'), 'utf8')),
    settings,
    storageConnection: azurite.connectionString,
    port: wantedPort,
    dataFolder: data,
    log: ({ level, message }) => {
      if (options.verbose || level === 'error' || level === 'critical') console.error(message);
    },
  });
  closers.push(() => host.stop());
  if (host.port !== wantedPort) console.log(`Port ${wantedPort} is taken; using ${host.port}.`);

  const desk = await startDesk(demo, state);
  closers.push(() => closeServer(desk.server));
  // For the shell (npm run fieldcheck -- history …) while this runs.
  await writeFile(
    settingsFile,
    JSON.stringify({
      AzureWebJobsStorage: azurite.connectionString,
      FIELDCHECK_LOCAL_CHANNELS: 'true',
      FIELDCHECK_RESOLVERS: dns.address,
    }),
  );
  closers.push(() => rm(settingsFile, { force: true }));

  console.log(
    `fieldcheck is ready after ${((performance.now() - startedAt) / 1000).toFixed(1)} s: ${host.url}/api/health`,
  );
  await applyDemo(host, demo);
  const shown = await waitForCard(host, sink);
  console.log(`${shown}, ${((performance.now() - startedAt) / 1000).toFixed(1)} s after the start.`);
  printWhatToTry(host, sink, dns.address, desk.url, demo);
}

async function readState(): Promise<DemoState> {
  try {
    return JSON.parse(await readFile(demoFile, 'utf8')) as DemoState;
  } catch {
    const state: DemoState = { keys: makeDemoKeys(), mended: [] };
    await writeFile(demoFile, JSON.stringify(state));
    return state;
  }
}

/** Does what a user would: writes the document, sends both exports, asks for a run. */
async function applyDemo(host: Host, demo: Demo): Promise<void> {
  await call(host, 'PUT', 'organizations/contoso', demo.document);
  await call(host, 'POST', 'organizations/contoso/facts?run=false', demo.acceptedDomains);
  await call(host, 'POST', 'organizations/contoso/facts?run=false', demo.signingConfigurations);
  await call(host, 'POST', 'organizations/contoso/evaluations/dkim/runs');
}

async function call(host: Host, method: string, path: string, body?: unknown): Promise<unknown> {
  const response = await fetch(`${host.url}/api/${path}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return text === '' ? undefined : JSON.parse(text);
}

/** The first start posts a card; a later one finds nothing new and posts none. */
async function waitForCard(host: Host, sink: TeamsSink): Promise<string> {
  const limit = performance.now() + 60_000;
  while (performance.now() < limit) {
    if (sink.cards.length > 0) return `The first card was posted`;
    const { lastRuns } = (await (await fetch(`${host.url}/api/health`)).json()) as { lastRuns: { state?: string }[] };
    if (lastRuns.length > 0 && lastRuns.every(({ state }) => state === 'finished')) {
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      return sink.cards.length > 0
        ? 'The first card was posted'
        : 'The run found nothing that had not been told before, so no card was posted';
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('the first run did not finish within a minute; start with --verbose to see why');
}

/** A little door of the demo only: lets Microsoft publish a missing key, or takes one away. */
async function startDesk(demo: Demo, state: DemoState): Promise<{ server: Server; url: string }> {
  const mended = new Set(state.mended);
  const server = createServer((request, response) => {
    const [, action, domain = ''] = (request.url ?? '').split('/');
    const done =
      request.method === 'POST' &&
      ((action === 'mend' && demo.mend(domain)) || (action === 'break' && demo.break(domain)));
    if (!done) {
      response
        .writeHead(404)
        .end(`POST /mend/DOMAIN or /break/DOMAIN; the broken ones are ${demo.failing.join(', ')}\n`);
      return;
    }
    if (action === 'mend') mended.add(domain);
    else mended.delete(domain);
    writeFile(demoFile, JSON.stringify({ ...state, mended: [...mended] })).then(
      () => response.end(`${domain}: ${action === 'mend' ? 'the key is published now' : 'the key is gone'}\n`),
      (error: unknown) => response.writeHead(500).end(`${String(error)}\n`),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

function printWhatToTry(host: Host, sink: TeamsSink, dns: string, desk: string, demo: Demo): void {
  const organization = `${host.url}/api/organizations/contoso`;
  const [first = ''] = demo.failing;
  console.log(`
Look at
  the Teams cards          ${sink.page}
  the whole report         ${organization}/evaluations/dkim/report

Try
  the log for ticketing    curl ${organization}/evaluations/dkim/failed-selectors.csv
  one domain               curl ${organization}/evaluations/dkim/subjects/${first}
  its history              curl ${organization}/evaluations/dkim/subjects/${first}/runs
  run again (no news)      curl -X POST ${organization}/evaluations/dkim/runs
  mend one record          curl -X POST ${desk}/mend/${first}
  … and run again          one card: resolved
  from the shell           npm run fieldcheck -- evaluate dkim ${first} --resolver ${dns}

Ctrl-C stops everything; the next start goes on from here. npm start -- --fresh starts over.`);
}
