// The host of the bench of heavy requests, in a process of its own: node requests-host.ts JOB-AS-JSON. It sends its
// address, and on each message how long its loop was silent at most since the one before, and its memory.
import { startHost } from '../../src/local/host/host.ts';

export interface HostJob {
  /** The built functions. */
  readonly entry: string;
  readonly root: string;
  readonly hostJson: unknown;
  readonly storageConnection: string;
  readonly resolver: string;
}

export interface HostReport {
  readonly url: string;
  readonly silenceMs: number;
  /** The most that this thread computed between two turns, by its own clock; what else a silence has it waited for a processor. */
  readonly computedMs: number;
  readonly megabytes: number;
  readonly peakMegabytes: number;
}

const tickMs = 5;
const job = JSON.parse(process.argv[2] ?? '{}') as HostJob;
const quiet = ['workSlice', 'deliverNudged', 'startDueRuns', 'deliver', 'retain', 'heartbeat'];
const host = await startHost({
  root: job.root,
  entry: job.entry,
  hostJson: job.hostJson,
  // Measured are requests alone: nothing comes by timer, and slices of runs stay in their queue.
  settings: {
    FIELDCHECK_RESOLVERS: job.resolver,
    ...Object.fromEntries(quiet.map((name) => [`AzureWebJobs.${name}.Disabled`, 'true'])),
  },
  storageConnection: job.storageConnection,
  port: 0,
  log: ({ level, message }) => {
    if (level === 'error' || level === 'critical') console.error(message);
  },
});

let longest = { silenceMs: 0, computedMs: 0 };
// Looked at, because what the system keeps as the most begins with what the program that started this one had.
let peakBytes = 0;
let before = { at: performance.now(), cpu: cpuMs() };
setInterval(() => {
  const now = { at: performance.now(), cpu: cpuMs() };
  const silenceMs = now.at - before.at - tickMs;
  longest = {
    silenceMs: Math.max(longest.silenceMs, silenceMs),
    computedMs: Math.max(longest.computedMs, now.cpu - before.cpu),
  };
  before = now;
  peakBytes = Math.max(peakBytes, process.memoryUsage.rss());
}, tickMs);

process.on('message', report);
process.on('disconnect', () => process.exit());
report();

function report(): void {
  const told: HostReport = {
    url: host.url,
    ...longest,
    megabytes: process.memoryUsage.rss() / 2 ** 20,
    peakMegabytes: peakBytes / 2 ** 20,
  };
  longest = { silenceMs: 0, computedMs: 0 };
  process.send?.(told);
}

function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
