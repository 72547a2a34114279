// The process that only evaluates, so that what it uses is what an evaluation uses: node evaluator.ts JOB-AS-JSON.
// It sends one EvaluatorResult to its parent and ends.

import { GCProfiler } from 'node:v8';
import { evaluateAll } from '../../src/app/evaluations/evaluate.ts';
import { silentLog } from '../../src/app/log.ts';
import { compare } from '../../src/domain/compare.ts';
import type { Subject } from '../../src/domain/subject.ts';
import { dkim } from '../../src/evaluations/dkim/index.ts';
import { createResolverPool, type ResolverPool, type ResolverPoolOptions } from '../../src/sources/dns/resolvers.ts';
import { createWorld } from '../../src/sources/world.ts';
import { isSilentAt, rightAnswers, subjectAt, suppliedAt, type World } from './world.ts';

export interface EvaluatorJob {
  readonly world: World;
  readonly resolvers: readonly string[];
  /** Queries per second and resolver; null for no limit, left out for the product's default. */
  readonly ratePerSecond?: number | null;
  /** Questions in flight per resolver; left out for the product's default. */
  readonly inFlight?: number;
  /** Domains that are evaluated before the clock starts, as in a worker that has been up for a while. */
  readonly warmUp?: number;
  /** Signing configurations are made when their domain's turn comes, as from a stream, and not before the clock starts. */
  readonly streamed?: boolean;
}

export interface EvaluatorResult {
  readonly seconds: number;
  /** Until the last domain was done that somebody answers for. */
  readonly answeredSeconds: number;
  readonly cpuSeconds: number;
  readonly peakMegabytes: number;
  /** What was allocated for JavaScript in all, most of it garbage soon. */
  readonly allocatedKilobytes: number;
  readonly queries: number;
  readonly retries: number;
  /** Subjects with an answer that is not the right one. */
  readonly wrong: number;
  /** Subjects with a question left undetermined that has an answer. */
  readonly undetermined: number;
}

const job = JSON.parse(process.argv[2] ?? '{}') as EvaluatorJob;
process.send?.(await evaluate(job), () => process.disconnect());

async function evaluate(job: EvaluatorJob): Promise<EvaluatorResult> {
  const { world, resolvers, ratePerSecond, inFlight, warmUp = 0 } = job;
  const options: ResolverPoolOptions = {
    ...(ratePerSecond === undefined ? {} : { ratePerSecond: ratePerSecond ?? Number.POSITIVE_INFINITY }),
    ...(inFlight === undefined ? {} : { inFlight }),
  };
  const pool = createResolverPool(resolvers, options);
  const product = createWorld({ resolvers });
  const queriesSent = () => total(pool, 'queries');
  const prepared = Array.from({ length: job.streamed === true ? 0 : world.domains }, (_, index) => suppliedAt(index));
  let wrong = 0;
  let undetermined = 0;
  let answeredAt = 0;
  const evaluateFirst = (domains: number) =>
    evaluateAll(
      dkim,
      subjects(domains),
      {
        sources: dkim.bind({ ...product, resolvers: pool }),
        now: new Date('2026-11-24T06:00:00Z'),
        log: silentLog,
        supplied: (subject) => prepared[indexOf(subject)] ?? suppliedAt(indexOf(subject)),
        // Two questions for each.
        ...(inFlight === undefined ? {} : { inFlight: Math.max(128, inFlight) }),
      },
      ({ subject, run }) => {
        // Compared as the first run and as an unchanged later one; nothing is kept.
        const first = compare(undefined, 'first', run);
        compare(first.state, 'second', run);
        const right = rightAnswers(world, indexOf(subject));
        const answers = Object.entries(run.answers);
        if (!isSilentAt(world, indexOf(subject))) answeredAt = performance.now();
        const open = answers.some(([question, answer]) => answer === 'undetermined' && right[question] !== answer);
        if (open) undetermined++;
        if (answers.some(([question, answer]) => answer !== 'undetermined' && answer !== right[question])) wrong++;
      },
    );

  await evaluateFirst(warmUp);
  const collections = new GCProfiler();
  collections.start();
  const queriesBefore = queriesSent();
  const cpuBefore = process.cpuUsage();
  const startedAt = performance.now();
  await evaluateFirst(world.domains);
  const seconds = (performance.now() - startedAt) / 1000;
  const { user, system } = process.cpuUsage(cpuBefore);
  const queries = queriesSent() - queriesBefore;
  const retries = total(pool, 'retries');
  pool.close();
  product.close();
  return {
    seconds,
    answeredSeconds: (answeredAt - startedAt) / 1000,
    cpuSeconds: (user + system) / 1e6,
    allocatedKilobytes: allocatedIn(collections.stop()) / 1024,
    peakMegabytes: process.resourceUsage().maxRSS / 1024,
    queries,
    retries,
    wrong,
    undetermined,
  };
}

/** Bytes that came into the young generation between its collections: nearly all that is allocated begins there. */
function allocatedIn({ statistics }: ReturnType<GCProfiler['stop']>): number {
  let allocated = 0;
  let left: number | undefined;
  for (const { beforeGC, afterGC } of statistics) {
    if (left !== undefined) allocated += youngBytes(beforeGC) - left;
    left = youngBytes(afterGC);
  }
  return allocated;
}

function youngBytes({ heapSpaceStatistics }: ReturnType<GCProfiler['stop']>['statistics'][number]['beforeGC']): number {
  return heapSpaceStatistics
    .filter(({ spaceName }) => spaceName.startsWith('new_'))
    .reduce((sum, { spaceUsedSize }) => sum + spaceUsedSize, 0);
}

function total(pool: ResolverPool, figure: 'queries' | 'retries'): number {
  return Object.values(pool.statistics()).reduce((sum, statistics) => sum + statistics[figure], 0);
}

function* subjects(domains: number): Generator<Subject> {
  for (let index = 0; index < domains; index++) yield subjectAt(index);
}

/** Its place in the world: `d17.…` is number 17. */
function indexOf({ id }: Subject): number {
  return Number.parseInt(id.slice(1), 10);
}
