// The demo on one machine. Storage, name servers, Teams channel and host are real programs on loopback; nothing here is
// deployed. Nothing of the demo reaches the network; what a person puts beside it is looked at in the real world, by the
// settings of the shell's environment.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { called } from '../../cli/shell.ts';
import { createTableStore } from '../../store/table-store.ts';
import { startDnsServer } from '../dns-server.ts';
import { app } from '../place.ts';
import { freePort, startRoles } from '../roles.ts';
import { forget, startRuntime } from '../runtime.ts';
import { startTeamsSink, type TeamsSink } from '../teams-sink.ts';
import { createDemo, type Demo, type DemoState, makeDemoKeys } from './contoso.ts';
import { startMending } from './mending.ts';
import { applyDemo, demoId, waitForCards, whatToTry } from './show.ts';

export interface DemoOptions {
  readonly port: number;
  /** Where everything is kept. */
  readonly data: string;
  /** Forget what earlier starts have left there. */
  readonly fresh: boolean;
  /** People have to sign in. */
  readonly signIn: boolean;
  readonly verbose: boolean;
}

/** Runs until Ctrl-C or the system asks it to end; the process ends with it. */
export async function runDemo(options: DemoOptions): Promise<void> {
  const closers: (() => Promise<unknown>)[] = [];
  let isStopping = false;
  const stop = async (code: number): Promise<void> => {
    if (isStopping) return;
    isStopping = true;
    console.log('\nStopping …');
    for (const close of closers.reverse()) await close().catch((error: unknown) => console.error(error));
    process.exit(code);
  };
  process.on('SIGINT', () => void stop(0));
  process.on('SIGTERM', () => void stop(0));
  try {
    await start(options, closers, () => isStopping);
  } catch (error) {
    console.error(`fieldcheck could not start: ${error instanceof Error ? error.message : String(error)}`);
    await stop(3);
  }
}

/** @param closers gets what has to be closed, in the order in which it was opened */
async function start(
  { port: wantedPort, data, fresh, signIn, verbose }: DemoOptions,
  closers: (() => Promise<unknown>)[],
  isStopping: () => boolean,
): Promise<void> {
  const startedAt = performance.now();
  if (fresh) await forget(data);
  await mkdir(data, { recursive: true });
  const demoFile = join(data, 'demo.json');
  const state = await readState(demoFile);
  const sink = await startChannel(state.channelPort);
  closers.push(() => sink.close());
  const keep = (changes: Partial<DemoState>) => saveState(demoFile, Object.assign(state, changes));
  const port = Number(new URL(sink.url).port);
  if (state.channelPort === undefined) await keep({ channelPort: port });
  else if (port !== state.channelPort)
    console.log(`Port ${state.channelPort} of the Teams channel is taken; using ${port} this time.`);
  const demo = createDemo(state, sink.url, new Date());
  // Two, as anybody has: what one denies is asked of the other at once, and not of the same one after a pause.
  const [dns, second] = await Promise.all([startDnsServer({ zone: demo.zone }), startDnsServer({ zone: demo.zone })]);
  closers.push(dns.close, second.close);

  const hostPort = await freePort(wantedPort);
  const roles = signIn ? await startRoles(`http://localhost:${hostPort}`) : undefined;
  closers.push(async () => roles?.close());

  const settings = {
    FIELDCHECK_LOG_LEVEL: verbose ? 'info' : 'warn',
    FIELDCHECK_DUE_SCHEDULE: '0 * * * * *',
    FIELDCHECK_DELIVERY_SCHEDULE: '*/5 * * * * *',
    FIELDCHECK_RETENTION_SCHEDULE: '0 0 3 * * *',
    FIELDCHECK_HEARTBEAT_SCHEDULE: '0 0 8 * * *',
    // What the button of a card opens.
    FIELDCHECK_PUBLIC_URL: `http://127.0.0.1:${hostPort}`,
    ...process.env,
    FIELDCHECK_LOCAL_CHANNELS: 'true',
    ...roles?.settings,
    // Nobody can collect anything of the demo's Exchange organization: it is made up.
    FIELDCHECK_SAVED_FACTS: demoId,
    // The name servers of the demo are asked for the demo's names alone; whom others are asked of, the environment says.
    FIELDCHECK_ZONE_RESOLVERS: [
      process.env.FIELDCHECK_ZONE_RESOLVERS,
      `${dns.address} ${second.address}=${demo.zones.join(' ')}`,
    ]
      .filter(Boolean)
      .join(','),
  } as Record<string, string>;
  // Own storage, whatever the shell's environment says: nothing is written elsewhere.
  const runtime = await startRuntime({ data, app, settings, port: hostPort, verbose });
  const { host, storageConnection } = runtime;
  closers.push(() => runtime.stop());
  if (host.port !== wantedPort) console.log(`Port ${wantedPort} is taken; using ${host.port}.`);

  const mending = await startMending({
    demo,
    mended: state.mended,
    save: (mended) => keep({ mended }),
    folder: data,
    factsUrl: `${host.url}/api/organizations/contoso/facts`,
    ...(roles === undefined ? {} : { headers: roles.headers }),
  });
  closers.push(() => mending.close());

  console.log(
    `fieldcheck is ready after ${((performance.now() - startedAt) / 1000).toFixed(1)} s: ${host.url}/api/pages`,
  );

  if (roles === undefined) console.log('Whoever calls from this machine has all rights; --sign-in tries roles.');

  let evaluations: readonly string[] = [];
  try {
    const since = new Date().toISOString();
    const applied = await applyDemo(host.url, demo, state.etag, roles?.headers);
    await roles?.give(`${host.url}/api/organizations/${demoId}`);
    if (applied.etag !== undefined) await keep({ etag: applied.etag });
    for (const remark of applied.remarks) console.log(remark);
    evaluations = applied.evaluations;
    const store = createTableStore({ connectionString: storageConnection });
    const shown = await waitForCards(store, applied.runs, sink, since);
    if (shown !== undefined)
      console.log(`${shown}, ${((performance.now() - startedAt) / 1000).toFixed(1)} s after the start.`);
  } catch (error) {
    // What a person keeps beside the demo goes on without it.
    if (!isStopping())
      console.error(
        `The demo is not complete: ${error instanceof Error ? error.message : String(error)}. ${host.url}/api/health shows its runs, --verbose the log.`,
      );
  }
  if (!isStopping()) {
    const explain = await writeBounce(demo, data, dns.address);
    const at = { host: host.url, cards: sink.page, dns: dns.address, mending: mending.url, explain };
    console.log(whatToTry(at, demo, evaluations));
    if (roles !== undefined) console.log(roles.whatToTry(`http://localhost:${host.port}`));
  }
}

/** A message that has just come back, and the document whose history explains it. @returns what to type to have that explained */
async function writeBounce(demo: Demo, data: string, resolver: string): Promise<string | undefined> {
  // Mail counts whole seconds: in the next one, so that it came back after the look.
  const bounce = demo.bounce(new Date(Date.now() + 1000));
  if (bounce === undefined) return undefined;
  const [report, document] = [join(data, 'bounce.eml'), join(data, 'contoso.json')];
  await writeFile(report, bounce);
  await writeFile(document, JSON.stringify(demo.document, undefined, 2));
  const [file, organization] = [report, document].map((path) => relative(process.cwd(), path));
  return `${called} explain ${file} --organization ${organization} --resolver ${resolver}`;
}

/** On the port of earlier starts, because documents hold the channel's address; on any other while somebody has that one. */
async function startChannel(port = 0): Promise<TeamsSink> {
  try {
    return await startTeamsSink({ port });
  } catch (error) {
    if (port === 0 || (error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    return startTeamsSink();
  }
}

async function readState(file: string): Promise<DemoState> {
  try {
    const kept = JSON.parse(await readFile(file, 'utf8')) as DemoState;
    if (kept.privateKey !== undefined) return kept;
    return await newState(file, kept);
  } catch {
    return newState(file, { mended: [] });
  }
}

async function newState(file: string, kept: Omit<DemoState, 'keys'>): Promise<DemoState> {
  const state: DemoState = { ...kept, ...makeDemoKeys() };
  await saveState(file, state);
  return state;
}

function saveState(file: string, state: DemoState): Promise<void> {
  return writeFile(file, JSON.stringify(state));
}
