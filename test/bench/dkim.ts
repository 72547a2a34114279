// The main job over a slow way: an authoritative server behind added delay, asked by the product's own gather, judge
// and compare; beside it dnsperf with the same queries, and one look-up at a time as a script does it.
import { promises as dns } from 'node:dns';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { runDnsperf } from '../dns-server/dnsperf.ts';
import { findProgram } from '../dns-server/installed.ts';
import { type Authority, startAuthority } from './authority.ts';
import { runChild } from './child.ts';
import type { EvaluatorJob, EvaluatorResult } from './evaluator.ts';
import { figure, median, printGoal, printTable } from './report.ts';
import { activeSelectorAt, selectorNamesAt, type World } from './world.ts';

/** Look-ups of the script that are measured; the rest is multiplied. */
const scriptSample = 50;

interface Case {
  readonly domains: number;
  readonly inFlight: number;
  /** Domains evaluated before the clock starts: a worker is warm, a shell's process is fresh. */
  readonly warmUp: number;
}

interface Measured extends Case {
  readonly seconds: number;
  readonly queriesPerDomain: number;
  readonly cpuMicroseconds: number;
  readonly peakMegabytes: number;
  readonly allocatedKilobytes: number;
  readonly timesDnsperf: number;
  readonly timesScript: number;
  /** What the way alone would allow: as many questions side by side as there may be, none answered sooner than the way takes. */
  readonly mostTimesScript: number;
  readonly wrong: number;
}

/** From so many domains on a warm process is measured, too: with fewer the compiler decides. */
const enoughToWarm = 10_000;

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      domains: { type: 'string', default: '74,1000,10000' },
      rounds: { type: 'string', default: '3' },
      delay: { type: 'string', default: '20' },
      'only-speed': { type: 'boolean', default: false },
    },
  });
  const sizes = values.domains.split(',').map(Number);
  const rounds = Number(values.rounds);
  const delayMs = Number(values.delay);
  const dnsperf = findProgram('dnsperf', 'there is nothing to compare the speed with');

  const warm = await measureSpeed(sizes, rounds, delayMs, dnsperf);
  if (!values['only-speed']) {
    await measureDropping(delayMs);
    await measureSilent(delayMs);
    await measureMemory(delayMs);
  }
  printSpeedGoals(warm);
}

async function measureSpeed(
  sizes: readonly number[],
  rounds: number,
  delayMs: number,
  dnsperf: string | undefined,
): Promise<readonly Measured[]> {
  const most = Math.max(...sizes);
  const authority = await startAuthority({ domains: most, faultEvery: 0 });
  const rows: Measured[] = [];
  try {
    const { address } = await authority.behind(delayMs);
    const lookupSeconds = await oneAtATime(address, Math.min(scriptSample, most));
    console.log(
      `${authority.kind} behind ${delayMs} ms, Node ${process.versions.node}, ${availableParallelism()} cores; medians of ${rounds} rounds, each in a process of its own; a warm one has evaluated as many domains before.\n` +
        `Healthy domains, both selectors with a 2,048-bit key of their own. No limit on the rate: the resolver is the operator's own (the default is 800/s).\n` +
        `The script: TXT of the active selector, one after the other, node:dns; ${figure(lookupSeconds * 1000)} ms each in ${scriptSample} look-ups, the rest is multiplied.\n`,
    );
    const cases: Case[] = [
      ...sizes.map((domains) => ({ domains, inFlight: 200, warmUp: 0 })),
      ...sizes
        .filter((domains) => domains === most || domains >= enoughToWarm)
        .map((domains) => ({ domains, inFlight: 200, warmUp: domains })),
      { domains: most, inFlight: 1000, warmUp: most },
    ];
    for (const one of cases) {
      const measured: Measured[] = [];
      for (let round = 0; round < rounds; round++)
        measured.push(await measureOnce(address, one, dnsperf, { lookupSeconds, delayMs }));
      rows.push(medianOf(one, measured));
    }
  } finally {
    await authority.close();
  }
  printTable(
    rows.map((row) => ({
      domains: figure(row.domains),
      'in flight': figure(row.inFlight),
      process: row.warmUp === 0 ? 'fresh' : 'warm',
      'wall s': figure(row.seconds),
      'domains/s': figure(row.domains / row.seconds),
      'queries/domain': figure(row.queriesPerDomain),
      'CPU µs/domain': figure(row.cpuMicroseconds),
      'KB/domain': figure(row.allocatedKilobytes),
      'peak RSS MB': figure(row.peakMegabytes),
      '× dnsperf': Number.isNaN(row.timesDnsperf) ? '–' : figure(row.timesDnsperf),
      'faster than script': figure(row.timesScript),
      'wrong verdicts': figure(row.wrong),
    })),
  );
  return rows.filter(({ warmUp }) => warmUp > 0);
}

async function measureOnce(
  address: string,
  { domains, inFlight, warmUp }: Case,
  dnsperf: string | undefined,
  { lookupSeconds, delayMs }: { readonly lookupSeconds: number; readonly delayMs: number },
): Promise<Measured> {
  const names = Array.from({ length: domains }, (_, index) => selectorNamesAt(index)).flat();
  const limit = dnsperf === undefined ? undefined : await runDnsperf(dnsperf, address, names, inFlight);
  const result = await evaluateInChild({
    world: { domains, faultEvery: 0 },
    resolvers: [address],
    ratePerSecond: null,
    inFlight,
    warmUp,
  });
  return {
    domains,
    inFlight,
    warmUp,
    seconds: result.seconds,
    queriesPerDomain: result.queries / domains,
    cpuMicroseconds: (result.cpuSeconds / domains) * 1e6,
    peakMegabytes: result.peakMegabytes,
    allocatedKilobytes: result.allocatedKilobytes / domains,
    timesDnsperf: limit === undefined ? Number.NaN : result.seconds / limit.seconds,
    timesScript: (lookupSeconds * domains) / result.seconds,
    mostTimesScript: (((inFlight * domains) / result.queries) * lookupSeconds) / (delayMs / 1000),
    wrong: result.wrong + result.undetermined,
  };
}

function medianOf(one: Case, measured: readonly Measured[]): Measured {
  const of = (key: keyof Measured) => median(measured.map((round) => round[key]));
  return {
    ...one,
    seconds: of('seconds'),
    queriesPerDomain: of('queriesPerDomain'),
    cpuMicroseconds: of('cpuMicroseconds'),
    peakMegabytes: of('peakMegabytes'),
    allocatedKilobytes: of('allocatedKilobytes'),
    timesDnsperf: of('timesDnsperf'),
    timesScript: of('timesScript'),
    mostTimesScript: of('mostTimesScript'),
    wrong: Math.max(...measured.map(({ wrong }) => wrong)),
  };
}

/** Seconds that a look-up takes when the next one waits for it, by the system's client (c-ares). */
async function oneAtATime(address: string, lookups: number): Promise<number> {
  const resolver = new dns.Resolver();
  resolver.setServers([address]);
  const startedAt = performance.now();
  for (let index = 0; index < lookups; index++) await resolver.resolveTxt(activeSelectorAt(index));
  return (performance.now() - startedAt) / 1000 / lookups;
}

/** Behind a resolver that silently drops what comes above its rate, every answer still has to be the right one. */
async function measureDropping(delayMs: number): Promise<void> {
  const world: World = { domains: 3_000, faultEvery: 5 };
  const dropsAbove = 1_000;
  console.log(
    `\nBehind a resolver that drops above ${figure(dropsAbove)} queries/s: ${figure(world.domains)} domains, every fifth with a fault.`,
  );
  await withAuthority(world, async (authority) => {
    const rows: Record<string, string>[] = [];
    for (const [pace, ratePerSecond] of [
      ['default (800/s)', undefined],
      ['no limit set: learns from losses', null],
    ] as const) {
      const { address } = await authority.behind(delayMs, dropsAbove);
      const result = await evaluateInChild({
        world,
        resolvers: [address],
        ...(ratePerSecond === undefined ? {} : { ratePerSecond }),
      });
      rows.push({
        pace,
        'wall s': figure(result.seconds),
        'queries/s': figure(result.queries / result.seconds),
        retries: figure(result.retries),
        'wrong verdicts': figure(result.wrong),
        undetermined: figure(result.undetermined),
      });
    }
    printTable(rows);
  });
}

/** Names for which nobody answers are undetermined, never wrong, and keep the others waiting as little as can be. */
async function measureSilent(delayMs: number): Promise<void> {
  const domains = 2_000;
  const rows: Record<string, string>[] = [];
  for (const [silent, silentEvery] of [
    ['one in 100', 100],
    ['half', 2],
  ] as const) {
    const world: World = { domains, faultEvery: 5, silentEvery };
    await withAuthority(world, async (authority) => {
      const { address } = await authority.behind(delayMs, undefined, silentEvery);
      const result = await evaluateInChild({ world, resolvers: [address] });
      rows.push({
        silent,
        'wall s': figure(result.seconds),
        'until all that answer are done s': figure(result.answeredSeconds),
        'peak RSS MB': figure(result.peakMegabytes),
        'wrong verdicts': figure(result.wrong),
        undetermined: figure(result.undetermined),
      });
    });
  }
  console.log(`\nNames that nobody answers for, ${figure(domains)} domains, every fifth with a fault:`);
  printTable(rows);
}

/** Domains that come and go as a stream must not stay in memory. */
async function measureMemory(delayMs: number): Promise<void> {
  const sizes = [10_000, 50_000];
  console.log('\nMemory, domains streamed, no run kept:');
  await withAuthority({ domains: Math.max(...sizes), faultEvery: 0 }, async (authority) => {
    const { address } = await authority.behind(delayMs);
    const rows: Record<string, string>[] = [];
    for (const domains of sizes) {
      const result = await evaluateInChild({
        world: { domains, faultEvery: 0 },
        resolvers: [address],
        ratePerSecond: null,
        streamed: true,
      });
      rows.push({
        domains: figure(domains),
        'wall s': figure(result.seconds),
        'CPU µs/domain': figure((result.cpuSeconds / domains) * 1e6),
        'peak RSS MB': figure(result.peakMegabytes),
      });
    }
    printTable(rows);
  });
}

function printSpeedGoals(rows: readonly Measured[]): void {
  console.log('\nGoals:');
  for (const row of rows) {
    const at = `${figure(row.domains)} domains, ${figure(row.inFlight)} in flight, warm`;
    if (row.inFlight === 200) {
      const isLong = row.domains >= 20_000;
      printGoal(`${at}: wall ÷ dnsperf`, row.timesDnsperf, '≤', isLong ? 1.05 : 1.1);
      printGoal(`${at}: CPU µs per domain`, row.cpuMicroseconds, '≤', isLong ? 190 : 220);
      printGoal(`${at}: KB allocated per domain`, row.allocatedKilobytes, '≤', 65);
      printGoal(`${at}: peak RSS MB`, row.peakMegabytes, '≤', 230);
    } else {
      printGoal(`${at}: domains/s`, row.domains / row.seconds, '≥', 4_000);
    }
    printGoal(`${at}: queries per healthy domain`, row.queriesPerDomain, '≤', 2.2);
    printGoal(`${at}: wrong verdicts`, row.wrong, '≤', 0);
    console.log(`- ${at}: ${figure(row.timesScript)} times faster than the script; ${limitOf(row)}`);
  }
}

/** What keeps it from being faster: the process's own core, or the way and how many questions may be on it. */
function limitOf({ domains, seconds, cpuMicroseconds, mostTimesScript }: Measured): string {
  const busy = (cpuMicroseconds * domains) / 1e6 / seconds;
  const way = `so many questions in flight allow ${figure(mostTimesScript)} times at most`;
  return busy > 0.85
    ? `limited by its core, which is busy for ${figure(busy * 100)} % of the time (${way})`
    : `limited by the way: ${way}`;
}

function evaluateInChild(job: EvaluatorJob): Promise<EvaluatorResult> {
  return runChild<EvaluatorResult>('evaluator.ts', job);
}

async function withAuthority(world: World, work: (authority: Authority) => Promise<void>): Promise<void> {
  const authority = await startAuthority(world);
  try {
    await work(authority);
  } finally {
    await authority.close();
  }
}
