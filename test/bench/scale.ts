// Whole runs of many domains, from the start of the run to its end: the App on Azurite and real queues, the delayed
// authoritative server, slices worked on as the Functions host works on them. The run that is measured is the second:
// nothing has changed, which is what every day is like.
import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { startAzurite } from '../../src/local/azurite.ts';
import { startAuthority } from './authority.ts';
import { runChild } from './child.ts';
import { figure, printGoal, printTable } from './report.ts';
import type { ScaleJob, ScaleResult } from './scale-run.ts';
import type { World } from './world.ts';

const faultEvery = 25;
const delayMs = 20;

interface Measured extends ScaleResult {
  /** What the emulator took; undefined where the system does not tell. */
  readonly emulatorCpuSeconds: number | undefined;
  readonly organizations: number;
  readonly domains: number;
}

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      domains: { type: 'string', default: '10000,100000' },
      organizations: { type: 'string', default: '1,10,100' },
    },
  });
  const sizes = values.domains.split(',').map(Number);
  const spreads = values.organizations.split(',').map(Number);
  const authority = await startAuthority({ domains: Math.max(...sizes), faultEvery });
  const measured: Measured[] = [];
  try {
    console.log(
      `App on Azurite, ${authority.kind} behind ${delayMs} ms, Node ${process.versions.node}, ${availableParallelism()} cores shared by all of it.\n` +
        `Every ${faultEvery}th domain has a fault, confirmed by a second resolver. No limit on the rate (the default is 800/s and resolver).\n` +
        'Measured is the second, unchanged run, in a process of its own; the emulator is another. Transactions: all requests to tables and queues, but for polls of empty queues.\n',
    );
    const [first, second] = await Promise.all([authority.behind(delayMs), authority.behind(delayMs)]);
    const resolvers = { first: [first.address], secondOpinion: [second.address] };
    for (const domains of sizes) {
      for (const organizations of spreads) {
        measured.push({
          organizations,
          domains,
          ...(await measure(resolvers, { domains, faultEvery }, organizations)),
        });
        console.error(`… ${figure(domains)} domains in ${organizations} organizations`);
      }
    }
  } finally {
    await authority.close();
  }
  printTable(
    measured.map((one) => ({
      organizations: figure(one.organizations),
      domains: figure(one.domains),
      'wall s': figure(one.seconds),
      'ms/domain': figure((one.seconds / one.domains) * 1000),
      'CPU µs/domain': figure((one.cpuSeconds / one.domains) * 1e6),
      'Azurite CPU µs/domain': figure(((one.emulatorCpuSeconds ?? Number.NaN) / one.domains) * 1e6),
      'peak RSS MB': figure(one.peakMegabytes),
      'transactions/1,000': figure(perThousand(one, transactionsOf(one))),
      'of these to start': figure(perThousand(one, one.startRequests)),
      'of these queue': figure(perThousand(one, one.queueRequests)),
      'messages/1,000': figure(perThousand(one, one.messages)),
      'without answer': figure(one.wrong),
    })),
  );
  for (const one of measured) {
    const kinds = Object.entries(one.tableRequests).map(([kind, count]) => `${count} ${kind}`);
    console.log(
      `${figure(one.domains)} in ${one.organizations}: tables ${kinds.join(', ')}; queues ${one.queueRequests} requests`,
    );
  }
  printGoals(measured, Math.min(...sizes), Math.max(...sizes));
}

function printGoals(measured: readonly Measured[], small: number, large: number): void {
  console.log('\nGoals:');
  for (const one of measured) {
    const what = `${figure(one.domains)} domains in ${one.organizations}`;
    printGoal(`${what}: transactions per 1,000 unchanged domains`, perThousand(one, transactionsOf(one)), '≤', 60);
    if (one.domains !== large || small === large) continue;
    printGoal(`${what}: peak RSS MB`, one.peakMegabytes, '≤', 400);
    const before = measured.find(
      ({ domains, organizations }) => domains === small && organizations === one.organizations,
    );
    if (before === undefined) continue;
    const grown = (of: (run: Measured) => number) => of(one) / one.domains / (of(before) / before.domains);
    printGoal(
      `${what}: time per domain ÷ that at ${figure(small)}`,
      grown(({ seconds }) => seconds),
      '≤',
      1.2,
    );
    // The emulator looks through all rows of a table for a range of them, and moves half of them to replace one.
    console.log(
      `  (the product's own CPU time: ${figure(grown(({ cpuSeconds }) => cpuSeconds))}; ` +
        `that of Azurite: ${figure(grown(({ emulatorCpuSeconds = Number.NaN }) => emulatorCpuSeconds))})`,
    );
  }
}

function transactionsOf({ tableRequests, queueRequests }: ScaleResult): number {
  return Object.values(tableRequests).reduce((sum, count) => sum + count, queueRequests);
}

function perThousand({ domains }: Measured, count: number): number {
  return (count / domains) * 1000;
}

async function measure(
  resolvers: ScaleJob['resolvers'],
  world: World,
  organizations: number,
): Promise<ScaleResult & Pick<Measured, 'emulatorCpuSeconds'>> {
  const azurite = await startAzurite();
  try {
    const job: ScaleJob = {
      world,
      organizations,
      connectionString: azurite.connectionString,
      resolvers,
      queues: await queuesOfHost(),
      setUp: true,
    };
    await runChild<ScaleResult>('scale-run.ts', job);
    const before = cpuSecondsOf(azurite.pid);
    const result = await runChild<ScaleResult>('scale-run.ts', { ...job, setUp: false });
    const after = cpuSecondsOf(azurite.pid);
    const emulatorCpuSeconds = before === undefined || after === undefined ? undefined : after - before;
    return { ...result, emulatorCpuSeconds };
  } finally {
    await azurite.stop();
  }
}

/** User and system time of a process (proc_pid_stat(5), fields 14 and 15, in hundredths of a second); only Linux tells. */
function cpuSecondsOf(pid: number): number | undefined {
  const path = `/proc/${pid}/stat`;
  if (!existsSync(path)) return undefined;
  const stat = readFileSync(path, 'utf8');
  // The name of the program, which may hold blanks, ends with the last parenthesis.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

async function queuesOfHost(): Promise<ScaleJob['queues']> {
  const host = JSON.parse(await readFile(new URL('../../host.json', import.meta.url), 'utf8'));
  return host.extensions.queues;
}
