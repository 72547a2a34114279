// Azurite, Microsoft's storage emulator, as a child process: the storage of the local host and of the tests.
import { type ChildProcess, fork } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire, getCompileCacheDir } from 'node:module';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface AzuriteOptions {
  /** Folder that keeps the data between starts; left out, everything stays in memory. */
  location?: string;
}

export interface Azurite {
  /** For the storage SDKs. Its `http://` needs `allowInsecureConnection: true` in the table client. */
  connectionString: string;
  pid: number;
  ports: Readonly<Record<Service, number>>;
  /** Resolves when it has ended, whoever ended it. */
  ended: Promise<void>;
  /** Ends Azurite after it has written its data. Safe to call twice. */
  stop(): Promise<void>;
}

type Service = 'queue' | 'table';
const services: readonly Service[] = ['queue', 'table'];

const require = createRequire(import.meta.url);

/** How long idle connections stay open: its own five seconds are over while a busy machine still thinks of its next request. */
const keptAliveSeconds = '60';

const startLimitMs = 60_000;
const stopLimitMs = 20_000;
const claimLimitMs = 10_000;

// The emulator's account and key are public: https://learn.microsoft.com/azure/storage/common/storage-use-azurite
const account = 'devstoreaccount1';
const key = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';

/**
 * Runs inside the child before Azurite.
 *
 * When the connection to this process ends, because `stop` ended it or because this process died in whatever way, Azurite
 * gets the signal on which it writes its data and closes. Before Azurite listens for that signal there is nothing to write.
 * The connection alone does not keep the child alive. A dead parent also leaves broken pipes, and what Azurite prints into
 * them must not end it before it has written.
 *
 * Nobody here has blobs, tokens or its log, and its telemetry is off (`--disableTelemetry`); but it would load all of that,
 * which is most of what it loads. What stands in for blobs is started and closed, the others are never asked. A release
 * that has other modules loads what it has.
 */
const beforeAzurite = `
  import { createRequire } from 'node:module';
  process.on('disconnect', () => process.emit('SIGTERM') || process.exit());
  process.channel.unref();
  process.stdout.on('error', () => {});
  process.stderr.on('error', () => {});
  const require = createRequire(process.argv[1]);
  const standIn = (name, exports = {}) => {
    try {
      require.cache[require.resolve(name)] = { loaded: true, exports };
    } catch {}
  };
  const blobs = { config: { getHttpServerAddress() {} }, async start() {}, async close() {}, getStatus() {}, getHttpServerAddress() {} };
  standIn('./blob/BlobServerFactory', { BlobServerFactory: class { createServer() { return blobs; } } });
  standIn('./common/WinstonLoggerStrategy');
  standIn('applicationinsights');
  standIn('jsonwebtoken');
`;

/**
 * Starts Azurite on free ports of 127.0.0.1 and waits until queue and table are ready (about a second).
 * The child never outlives this process, however it ends, and Ctrl-C in the terminal does not reach it, so that it
 * is there until `stop`.
 *
 * @throws Error when it ends before it is ready, with what it said, or when another process uses `location`
 */
export async function startAzurite({ location }: AzuriteOptions = {}): Promise<Azurite> {
  const file = program();
  const claimed = location === undefined ? undefined : await claim(location);
  const ports = services.flatMap((service) => [
    `--${service}Port`,
    '0',
    `--${service}KeepAliveTimeout`,
    keptAliveSeconds,
  ]);
  const persistence = location === undefined ? ['--inMemoryPersistence'] : ['--location', location];
  const args = [...persistence, ...ports, '--blobPort', '0', '--skipApiVersionCheck', '--disableTelemetry', '--silent'];
  const child = fork(file, args, {
    execArgv: [
      // As large as it may become anyway (MB): what Azurite makes for one request would grow old on the way there.
      '--min-semi-space-size=16',
      '--import',
      `data:text/javascript,${encodeURIComponent(beforeAzurite)}`,
    ],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: environment(),
    // A process group of its own: the Ctrl-C that stops the host must not stop its storage first.
    detached: true,
  });
  // Not 'close', which never comes once this side has ended the connection.
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve())).then(() => claimed?.release());
  if (child.pid !== undefined) claimed?.handOver(child.pid);
  try {
    const found = await readPorts(child);
    return {
      connectionString: connectionString(found),
      pid: child.pid ?? 0,
      ports: found,
      ended,
      stop: () => end(child, ended, claimed),
    };
  } catch (error) {
    await end(child, ended, claimed);
    throw error;
  }
}

/** Ours; what is compiled is kept where this process keeps it, below a folder for the version of Node. */
function environment(): NodeJS.ProcessEnv {
  const compiled = getCompileCacheDir();
  return {
    ...process.env,
    ...(compiled === undefined ? {} : { NODE_COMPILE_CACHE: dirname(compiled) }),
  };
}

/** @throws Error with what to do, when the package is not installed: the published one leaves it to who needs it */
function program(): string {
  try {
    return require.resolve('azurite/dist/src/azurite.js');
  } catch {
    throw new Error(
      'The embedded storage is the package azurite, which is not installed: "npm install azurite" where fieldcheck is installed, or set AzureWebJobsStorage to a storage of your own.',
    );
  }
}

/** Reads the port of each service from the line with which Azurite says that it is ready. */
async function readPorts(child: ChildProcess): Promise<Record<Service, number>> {
  const found: Partial<Record<Service, number>> = {};
  let said = '';
  let timer: NodeJS.Timeout | undefined;
  const ready = new Promise<Record<Service, number>>((resolve, reject) => {
    const fail = (how: string) =>
      reject(new Error(`Azurite ${how}. It said: ${said.trim().slice(-2000) || '(nothing)'}`));
    timer = setTimeout(() => fail(`was not ready after ${startLimitMs / 1000} s`), startLimitMs);
    child.once('error', (error) => fail(`could not be started: ${error.message}`));
    child.once('close', () => fail('ended before it was ready'));
    const read = (chunk: Buffer) => {
      said += chunk.toString('utf8');
      for (const [, name = '', port] of said.matchAll(
        /Azurite (\w+) service is successfully listening at \S+:(\d+)/g,
      )) {
        found[name.toLowerCase() as Service] = Number(port);
      }
      const { queue, table } = found;
      if (queue !== undefined && table !== undefined) resolve({ queue, table });
    };
    child.stdout?.on('data', read);
    child.stderr?.on('data', read);
  });
  try {
    return await ready;
  } finally {
    clearTimeout(timer);
    // Keeps the pipes flowing without keeping what comes.
    child.stdout?.removeAllListeners('data').resume();
    child.stderr?.removeAllListeners('data').resume();
  }
}

async function end(child: ChildProcess, ended: Promise<void>, claimed: Claim | undefined): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) claimed?.ending();
  if (child.connected) child.disconnect();
  const timer = setTimeout(() => child.kill('SIGKILL'), stopLimitMs);
  await ended;
  clearTimeout(timer);
}

function connectionString(ports: Readonly<Record<Service, number>>): string {
  const endpoints = services.map((service) => {
    const name = `${service[0]?.toUpperCase()}${service.slice(1)}Endpoint`;
    return `${name}=http://127.0.0.1:${ports[service]}/${account}`;
  });
  return ['DefaultEndpointsProtocol=http', `AccountName=${account}`, `AccountKey=${key}`, ...endpoints, ''].join(';');
}

/**
 * Marks a data folder as in use: two emulators on one folder would overwrite each other's data. The mark names the emulator
 * and its parent. While both live the folder is in use. An emulator whose parent has ended, or has asked it to end, still
 * writes: that is waited for.
 *
 * @throws Error when another process uses the folder
 */
export async function claim(location: string): Promise<Claim> {
  mkdirSync(location, { recursive: true });
  const mark = join(location, 'in-use-by.pid');
  for (const deadline = Date.now() + claimLimitMs; ; await sleep(50)) {
    const [owner, parent] = readOwners(mark);
    if (owner === undefined || !isAlive(owner)) break;
    if ((parent !== undefined && isAlive(parent)) || Date.now() > deadline) {
      throw new Error(
        `${location} is in use by process ${owner}. Stop that first, or delete ${mark} if it is another program.`,
      );
    }
  }
  let emulator = process.pid;
  const write = (...owners: readonly number[]) => writeFileSync(mark, owners.join(' '));
  write(emulator, process.pid);
  return {
    handOver(pid) {
      emulator = pid;
      write(emulator, process.pid);
    },
    ending: () => write(emulator),
    release() {
      // Whoever waited for it may have put theirs there.
      if (readOwners(mark)[0] === emulator) rmSync(mark, { force: true });
    },
  };
}

interface Claim {
  /** Names the emulator as the owner, once it has a process id. */
  handOver(pid: number): void;
  /** The emulator is asked to end. */
  ending(): void;
  release(): void;
}

function readOwners(mark: string): number[] {
  try {
    return readFileSync(mark, 'utf8').split(' ').map(Number);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return !hasEnded(pid);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** On Linux a process that has ended keeps its number until somebody asks how; who takes over orphans may be slow at that. */
function hasEnded(pid: number): boolean {
  try {
    return /\) [ZX] [^)]*$/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
