// The analysis of a generated receive log of about 1 GB, beside `wc -l`, `grep -c` and csv-parse on the same bytes.
// `npm run bench -- smtp-logs [megabytes]`
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writePostfixLog } from '../sources/smtp-log/postfix-log.ts';
import { writeReceiveLog } from '../sources/smtp-log/receive-log.ts';
import { figure, printGoal, printTable } from './report.ts';
import type { SmtpLogsJob, SmtpLogsResult } from './smtp-logs-run.ts';

const files = 4;
const bytesPerSession = 2740;
const bytesPerMail = 915;
const rounds = 5;
/** Where the system has no way to bind a process to one core, figures are of all cores. */
const oneCore = existsSync('/usr/bin/taskset') ? ['/usr/bin/taskset', '-c', '0'] : [];

export async function run([megabytes = '1000']: string[]): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'fieldcheck-bench-'));
  try {
    const sessions = Math.round((Number(megabytes) * 1e6) / bytesPerSession / files);
    const paths: string[] = [];
    for (let file = 0; file < files; file++) {
      const path = join(folder, `RECV202611240${file}-1.LOG`);
      await writeReceiveLog(path, { sessions, natShare: 0.4, malformed: 0.03, server: `EX${file + 1}` });
      paths.push(path);
    }
    const packed = join(folder, 'RECV2026112404-1.LOG.gz');
    await writeReceiveLog(packed, { sessions: Math.round(sessions / 2), natShare: 0.4, malformed: 0.03, gzip: true });
    const mail = join(folder, 'mail.log');
    await writePostfixLog(mail, { mails: Math.round((Number(megabytes) * 1e6) / 2 / bytesPerMail), natShare: 0.4 });
    const size = (of: readonly string[]) => of.reduce((sum, path) => sum + statSync(path).size, 0) / 1e6;
    const [first = ''] = paths;
    console.log(`${figure(size(paths))} MB in ${files} files, ${sessions * files} sessions, 3 % malformed lines\n`);

    const wc = timed(['wc', '-l', ...paths]);
    const grep = timed(['grep', '-c', ',-,', ...paths]);
    const grepMail = timed(['grep', '-c', 'disconnect from', mail]);
    const postfix = pass({ pass: 'analysis', system: 'linux', paths: [mail], workers: 1 });
    const analysis = pass({ pass: 'analysis', paths, workers: 1 });
    const half = pass({ pass: 'analysis', paths: [first], workers: 1 });
    const many = pass({ pass: 'analysis', paths }, []);
    const gzip = pass({ pass: 'analysis', paths: [packed], workers: 1 });
    const csv = pass({ pass: 'csv-parse', paths: [first], workers: 1 });
    const row = (name: string, megabytesRead: number, wallMs: number, result?: SmtpLogsResult) => ({
      pass: name,
      seconds: figure(wallMs / 1000),
      'MB/s': figure(megabytesRead / (wallMs / 1000)),
      'CPU s': result === undefined ? '' : figure(result.cpuMs / 1000),
      'peak MB': result === undefined ? '' : figure(result.peakMb),
      rows: result === undefined ? '' : figure(result.rows),
      malformed: result === undefined ? '' : figure(result.malformedRows),
    });
    printTable([
      row('wc -l', size(paths), wc),
      row('grep -c', size(paths), grep),
      row('analysis, one core', size(paths), analysis.wallMs, analysis),
      row('analysis, one file', size([first]), half.wallMs, half),
      row('analysis, all cores', size(paths), many.wallMs, many),
      row('analysis, gzip', size([packed]), gzip.wallMs, gzip),
      row('csv-parse, one file', size([first]), csv.wallMs, csv),
      row('grep -c, Postfix log', size([mail]), grepMail),
      row('analysis, Postfix log', size([mail]), postfix.wallMs, postfix),
    ]);
    console.log('');
    const speed = size(paths) / analysis.wallMs;
    printGoal('speed of the analysis beside csv-parse', speed / (size([first]) / csv.wallMs), '≥', 12);
    printGoal('time of the analysis beside grep -c', analysis.wallMs / grep, '≤', 2);
    printGoal('peak memory, MB', analysis.peakMb, '≤', 150);
    printGoal('peak memory beside that for a quarter of the bytes', analysis.peakMb / half.peakMb, '≤', 1.1);
    printGoal('time of the analysis of a Postfix log beside grep -c', postfix.wallMs / grepMail, '≤', 12);
    printGoal('peak memory of a Postfix log, MB', postfix.peakMb, '≤', 150);
    printGoal('time on all cores beside one', many.wallMs / analysis.wallMs, '≤', 0.9);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Wall time in milliseconds, the best of the rounds: what else the machine does only ever adds. */
function timed(command: readonly string[]): number {
  const [program = '', ...args] = [...oneCore, ...command];
  return Math.min(
    ...Array.from({ length: rounds }, () => {
      const from = performance.now();
      // Into a pipe: grep stops at its first match when nobody reads.
      spawnSync(program, args, { stdio: ['ignore', 'pipe', 'ignore'], env: { ...process.env, LC_ALL: 'C' } });
      return performance.now() - from;
    }),
  );
}

/** The best of the rounds. */
function pass(job: SmtpLogsJob, bound: readonly string[] = oneCore): SmtpLogsResult {
  const program = fileURLToPath(new URL('smtp-logs-run.ts', import.meta.url));
  const [command = '', ...args] = [...bound, process.execPath, program, JSON.stringify(job)];
  const results = Array.from({ length: job.pass === 'csv-parse' ? 1 : rounds }, () => {
    const { stdout, stderr, status } = spawnSync(command, args, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`${job.pass} ended with code ${status}: ${stderr}`);
    return JSON.parse(stdout) as SmtpLogsResult;
  }).toSorted((a, b) => a.wallMs - b.wallMs);
  const [best] = results;
  if (best === undefined) throw new Error('no round was run');
  return best;
}
