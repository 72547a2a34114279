// `npm start`: the product on one machine. Storage, name server, Teams channel and host are real programs on loopback;
// nothing here is deployed and nothing reaches the network.
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startAzurite } from './azurite.ts';
import { createDemo, type Demo, type DemoState, factFiles, makeDemoKeys } from './demo/contoso.ts';
import { startDesk } from './demo/desk.ts';
import { startDnsServer } from './dns-server.ts';
import { type Host, startHost } from './host/host.ts';
import { startTeamsSink, type TeamsSink } from './teams-sink.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

const usage =
  'npm start [-- --fresh] [--port 7071] [--data FOLDER] [--verbose]\n\n--fresh    forget what earlier starts have left in the data folder\n--verbose  show the host’s log';

const options = readOptions();
if (options.help) {
  console.log(usage);
  process.exit(0);
}

const wantedPort = Number(options.port);
const data = options.data;
const settingsFile = join(data, 'settings.json');
const demoFile = join(data, 'demo.json');
const evaluations = ['dkim', 'teams-exchange-interop', 'smtp-source-ip'] as const;

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

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        fresh: { type: 'boolean', default: false },
        port: { type: 'string', default: '7071' },
        data: { type: 'string', default: join(root, '.fieldcheck') },
        verbose: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (/^\d{1,5}$/.test(values.port) && Number(values.port) <= 65_535) return values;
    console.error(`--port ${values.port} is no port; give a number from 0 (any) to 65535.\n\n${usage}`);
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
  }
  process.exit(3);
}

/** Forgets what earlier starts have left, unless a start that still runs is using it. */
async function forget(): Promise<void> {
  const location = join(data, 'storage');
  // The storage knows whether somebody uses the folder: it starts only where nobody does.
  if (existsSync(location)) await (await startAzurite({ location })).stop();
  await rm(data, { recursive: true, force: true });
}

async function start(): Promise<void> {
  const startedAt = performance.now();
  if (options.fresh) await forget();
  await mkdir(data, { recursive: true });
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

  // Own storage, name server and channel, whatever the shell's environment says: the demo never writes elsewhere.
  const own = {
    AzureWebJobsStorage: azurite.connectionString,
    FIELDCHECK_RESOLVERS: dns.address,
    FIELDCHECK_LOCAL_CHANNELS: 'true',
  };
  const settings = {
    FIELDCHECK_LOG_LEVEL: options.verbose ? 'info' : 'warn',
    FIELDCHECK_DUE_SCHEDULE: '0 * * * * *',
    FIELDCHECK_DELIVERY_SCHEDULE: '*/5 * * * * *',
    FIELDCHECK_RETENTION_SCHEDULE: '0 0 3 * * *',
    FIELDCHECK_HEARTBEAT_SCHEDULE: '0 0 8 * * *',
    ...process.env,
    ...own,
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

  const desk = await startDesk({
    demo,
    state,
    save: saveState,
    folder: data,
    factsUrl: `${host.url}/api/organizations/contoso/facts`,
  });
  closers.push(() => desk.close());
  // For the shell (npm run fieldcheck -- history …) while this runs.
  await writeFile(settingsFile, JSON.stringify(own));
  closers.push(() => rm(settingsFile, { force: true }));

  console.log(
    `fieldcheck is ready after ${((performance.now() - startedAt) / 1000).toFixed(1)} s: ${host.url}/api/health`,
  );
  await applyDemo(host, demo, state);
  const shown = await waitForCards(host, sink);
  console.log(`${shown}, ${((performance.now() - startedAt) / 1000).toFixed(1)} s after the start.`);
  printWhatToTry(host, sink, dns.address, desk.url, demo);
}

async function readState(): Promise<DemoState> {
  try {
    return JSON.parse(await readFile(demoFile, 'utf8')) as DemoState;
  } catch {
    const state: DemoState = { keys: makeDemoKeys(), mended: [] };
    await saveState(state);
    return state;
  }
}

function saveState(state: DemoState): Promise<void> {
  return writeFile(demoFile, JSON.stringify(state));
}

/** Does what a user would: writes the document, sends exports and fact files, asks for a run of each evaluation. */
async function applyDemo(host: Host, demo: Demo, state: DemoState): Promise<void> {
  await call(host, 'PUT', 'organizations/contoso', demo.document);
  const files = Object.entries(factFiles).map(([name, file]) => file.content(state.mended.includes(name), new Date()));
  for (const file of [demo.acceptedDomains, demo.signingConfigurations, demo.ex1, ...files])
    await call(host, 'POST', 'organizations/contoso/facts?run=false', file);
  for (const evaluation of evaluations)
    await call(host, 'POST', `organizations/contoso/evaluations/${evaluation}/runs`);
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

/** The first start posts a card for each evaluation; a later one finds nothing new and posts none. */
async function waitForCards(host: Host, sink: TeamsSink): Promise<string> {
  const limit = performance.now() + 60_000;
  while (performance.now() < limit) {
    const { lastRuns, oldestUndelivered } = (await (await fetch(`${host.url}/api/health`)).json()) as {
      lastRuns: { state?: string }[];
      oldestUndelivered?: string;
    };
    const finished = lastRuns.length === evaluations.length && lastRuns.every(({ state }) => state === 'finished');
    if (finished && oldestUndelivered === undefined) {
      const { length } = sink.cards;
      if (length === 0) return 'The runs found nothing that had not been told before, so no card was posted';
      return `The first cards were posted: ${length}`;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('the first runs and their cards were not done within a minute; start with --verbose to see why');
}

function printWhatToTry(host: Host, sink: TeamsSink, dns: string, desk: string, demo: Demo): void {
  const evaluation = `${host.url}/api/organizations/contoso/evaluations`;
  const [first = ''] = demo.failing;
  console.log(`
Look at
  the Teams cards          ${sink.page}
  DKIM, the whole report   ${evaluation}/dkim/report
  Teams with Exchange      ${evaluation}/teams-exchange-interop/report
  SMTP source IP           ${evaluation}/smtp-source-ip/report

Try
  the log for ticketing    curl ${evaluation}/dkim/failed-selectors.csv
  one domain               curl ${evaluation}/dkim/subjects/${first}
  its history              curl ${evaluation}/dkim/subjects/${first}/runs
  run again (no news)      curl -X POST ${evaluation}/dkim/runs
  mend one record          curl -X POST ${desk}/mend/${first}
  … and run again          one card: resolved
  mend Exchange (GO)       curl -X POST ${desk}/mend/interop
  mend node EX2 (ready)    curl -X POST ${desk}/mend/smtp
  from the shell           npm run fieldcheck -- evaluate dkim ${first} --resolver ${dns}

Ctrl-C stops everything; the next start goes on from here. npm start -- --fresh starts over.`);
}
