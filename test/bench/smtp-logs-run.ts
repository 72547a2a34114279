// One pass over receive logs in a process of its own, so that its time and memory are its own: the analysis, or csv-parse.
import { createReadStream } from 'node:fs';
import { parse } from 'csv-parse';
import { smtpService } from '../../src/facts/smtp-service/subject.ts';
import { readLogCounts } from '../../src/sources/smtp-log/analyse.ts';
import { findLogFiles } from '../../src/sources/smtp-log/files.ts';

export interface SmtpLogsJob {
  readonly pass: 'analysis' | 'csv-parse';
  /** What the node runs; Windows when left out. */
  readonly system?: 'windows' | 'linux';
  readonly paths: readonly string[];
  /** As the product chooses when left out. */
  readonly workers?: number;
}

export interface SmtpLogsResult {
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly peakMb: number;
  readonly rows: number;
  readonly malformedRows: number;
}

const job = JSON.parse(process.argv[2] ?? '') as SmtpLogsJob;
const service = smtpService.parse({
  kind: 'smtp-service',
  id: 'smtp-in',
  vips: ['192.0.2.25:25'],
  loadBalancerAddresses: ['192.0.2.5'],
  nodes: [{ name: 'EX1', address: '192.0.2.11', system: job.system }],
});
const [from, cpu] = [performance.now(), process.cpuUsage()];
const counts = job.pass === 'analysis' ? await analyse() : await parseAll();
const { user, system } = process.cpuUsage(cpu);
const result: SmtpLogsResult = {
  wallMs: performance.now() - from,
  cpuMs: (user + system) / 1000,
  peakMb: process.resourceUsage().maxRSS / 1024,
  ...counts,
};
console.log(JSON.stringify(result));

async function analyse(): Promise<{ rows: number; malformedRows: number }> {
  const { rows, malformedRows } = await readLogCounts(
    await findLogFiles(job.paths),
    service,
    job.workers === undefined ? {} : { workers: job.workers },
  );
  return { rows, malformedRows };
}

async function parseAll(): Promise<{ rows: number; malformedRows: number }> {
  let rows = 0;
  for (const path of job.paths) {
    const rowsOf = createReadStream(path).pipe(parse({ relax_column_count: true, relax_quotes: true, comment: '#' }));
    for await (const _ of rowsOf) rows++;
  }
  return { rows, malformedRows: 0 };
}
