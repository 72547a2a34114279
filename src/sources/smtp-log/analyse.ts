import { availableParallelism } from 'node:os';
import { basename } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { SmtpLog } from '../../facts/smtp-service/log.ts';
import { nodesWith } from '../../facts/smtp-service/service.ts';
import type { SmtpService } from '../../facts/smtp-service/subject.ts';
import type { LogFile } from './files.ts';
import { PostfixScanner } from './postfix.ts';
import { type LineReader, readLogFile, whyNotRead } from './read.ts';
import { RowScanner } from './scanner.ts';
import { type SessionCounts, SessionTable } from './sessions.ts';
import type { LogCounts } from './summary.ts';

/** Below this many bytes a worker costs more than it brings. */
const worthAWorker = 32 << 20;

/** Rows leave short-lived strings behind. A small young generation clears them where they are; a large one only grows. */
const workerLimits = { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 128 };

/** More workers than this wait for the disk, and each takes its 25 MB. */
const mostWorkers = 4;

export interface AnalyseOptions {
  readonly signal?: AbortSignal | undefined;
  /** Workers at most; as many as there are cores, up to four, when left out. */
  readonly workers?: number;
  /** Tells the year of time stamps that lack it. */
  readonly now?: Date;
}

interface FileCounts extends SessionCounts {
  readonly from: string;
  readonly to: string;
  readonly rows: number;
  readonly malformedRows: number;
  readonly noReceiveLogs: readonly (readonly [string, number])[];
  readonly unreadable: SmtpLog['unreadable'];
}

/**
 * Counts the sessions in receive logs: streaming, with memory that does not grow with the files. Large logs are read by
 * workers, several files by several, each a run of neighbouring files; sessions that lie with two are put together. Logs of
 * Postfix count when the service has Linux nodes, and are read in this thread, one after the other: searching them is as
 * fast as reading them. A file that cannot be read to its end is named; what was read of it counts, and so do the others.
 *
 * @param all in the order of `findLogFiles`
 */
export async function readLogCounts(
  all: readonly LogFile[],
  service: SmtpService,
  options: AnalyseOptions = {},
): Promise<LogCounts> {
  const postfix = nodesWith(service, 'linux').length === 0 ? [] : all.filter((file) => file.postfix === true);
  const files = all.filter((file) => !postfix.includes(file));
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  const most = options.workers ?? Math.min(availableParallelism(), mostWorkers);
  const count = total < worthAWorker ? countFiles : countInWorker;
  const counted = await Promise.all(
    shareOut(files, total, most).map((run) =>
      count(
        run.map(({ path }) => path),
        service,
        options.signal,
      ),
    ),
  );
  const table = new SessionTable(service);
  for (const one of counted) table.merge(one);
  table.finish();
  const mail = new PostfixScanner(service, options.now ?? new Date());
  const unreadable = [
    ...counted.flatMap((one) => one.unreadable),
    ...(await readAll(
      postfix.map(({ path }) => path),
      mail,
      options.signal,
    )),
  ];
  mail.finish();
  const kinds = new Map<string, number>();
  for (const { noReceiveLogs } of counted) {
    for (const [kind, files] of noReceiveLogs) kinds.set(kind, (kinds.get(kind) ?? 0) + files);
  }
  const times = (pick: (one: Pick<FileCounts, 'from' | 'to'>) => string) =>
    [...counted, mail]
      .map(pick)
      .filter((time) => time !== '')
      .sort();
  return {
    from: times(({ from }) => from)[0],
    to: times(({ to }) => to).at(-1),
    files: all.length,
    rows: counted.reduce((sum, { rows }) => sum + rows, mail.rows),
    malformedRows: counted.reduce((sum, { malformedRows }) => sum + malformedRows, 0),
    truncated: false,
    remotes: [...table.remotes, ...mail.remotes],
    otherPorts: [...table.otherPorts, ...mail.otherPorts],
    noReceiveLogs: [...kinds].map(([kind, files]) => ({ kind, files })),
    unreadable,
    exchangeServers: [],
  };
}

/** Counts a run of neighbouring files, in this thread. What is open at its ends is handed on. */
export async function countFiles(
  paths: readonly string[],
  service: SmtpService,
  signal?: AbortSignal,
): Promise<FileCounts> {
  const table = new SessionTable(service);
  const scanner = new RowScanner(table);
  const unreadable = await readAll(paths, scanner, signal);
  const { from, to, rows, malformedRows, noReceiveLogs } = scanner;
  return { ...table.counts, from, to, rows, malformedRows, noReceiveLogs: [...noReceiveLogs], unreadable };
}

/** Reads one file after the other. @returns those that could not be read to their end, and why */
async function readAll(
  paths: readonly string[],
  scanner: LineReader,
  signal: AbortSignal | undefined,
): Promise<SmtpLog['unreadable']> {
  const unreadable: SmtpLog['unreadable'] = [];
  for (const path of paths) {
    try {
      await readLogFile(path, scanner, signal);
    } catch (error) {
      signal?.throwIfAborted();
      unreadable.push({ file: basename(path), why: whyNotRead(error) });
    }
  }
  return unreadable;
}

/** Sources run as they are; a bundle has the worker beside it. */
const workerFile = import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js';

function countInWorker(paths: readonly string[], service: SmtpService, signal?: AbortSignal): Promise<FileCounts> {
  const worker = new Worker(new URL(workerFile, import.meta.url), {
    workerData: { paths, service },
    resourceLimits: workerLimits,
  });
  const stop = () => void worker.terminate();
  signal?.addEventListener('abort', stop, { once: true });
  return new Promise<FileCounts>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', () => reject(signal?.reason ?? new Error('a worker ended without a result')));
  }).finally(() => {
    signal?.removeEventListener('abort', stop);
    return worker.terminate();
  });
}

/** Neighbouring files in runs of about equal size, at most `most` and each worth a worker. */
function shareOut(files: readonly LogFile[], total: number, most: number): LogFile[][] {
  const count = Math.max(1, Math.min(most, files.length, Math.floor(total / worthAWorker)));
  const runs: LogFile[][] = Array.from({ length: count }, () => []);
  let before = 0;
  for (const file of files) {
    const middle = before + file.bytes / 2;
    runs[Math.min(count - 1, Math.floor((middle / Math.max(total, 1)) * count))]?.push(file);
    before += file.bytes;
  }
  return runs.filter((run) => run.length > 0);
}
