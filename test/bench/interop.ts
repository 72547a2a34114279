// How long the anonymous probe of an organization takes beside its slowest chain of dependent requests, and what judging
// saved facts again costs beside reading them.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { noFacts, savedFactsSchema } from '../../src/domain/fact-set.ts';
import { gather } from '../../src/domain/gather.ts';
import { judge } from '../../src/domain/judge.ts';
import { bound } from '../../src/domain/source.ts';
import { teamsExchangeInterop } from '../../src/evaluations/teams-exchange-interop/index.ts';
import { exchangeOrganization } from '../../src/facts/exchange-organization/subject.ts';
import { createRoots } from '../../src/http/roots.ts';
import { interopSources } from '../../src/sources/bindings/teams-exchange-interop/sources.ts';
import { resolverOf } from '../sources/https-probe/simulated-exchange.ts';
import type { ServersReady } from './interop-servers.ts';
import { figure, median, printGoal, printTable } from './report.ts';

const delayMs = 200;
const organizations = 1000;
/** Judgements until V8 has compiled the last of 35 rules for good. */
const untilWarm = 40_000;
const rounds = 5;

export async function run(): Promise<void> {
  await probing();
  judging();
}

/** Needs ports 443 of loopback addresses, so root. */
async function probing(): Promise<void> {
  const servers = fork(fileURLToPath(new URL('interop-servers.ts', import.meta.url)), [
    JSON.stringify({ domains: 20, delayMs }),
  ]);
  try {
    const [ready] = (await once(servers, 'message')) as [ServersReady];
    const asked: string[] = [];
    const table = resolverOf(ready.zone, asked);
    const sources = bound(
      interopSources({
        resolve: async (name, type) => {
          await new Promise((resolve) => setTimeout(resolve, delayMs));
          return table(name, type);
        },
        allowPrivate: true,
        roots: createRoots([ready.root]),
        endpoints: {
          'exchange-online': `https://127.0.0.1:${ready.cloudPort}`,
          login: `https://127.0.0.1:${ready.cloudPort}`,
        },
      }),
    );
    const probe = async (domains: readonly string[]): Promise<{ wallMs: number; cpuMs: number }> => {
      const subject = exchangeOrganization.parse({
        kind: 'exchange-organization',
        id: 'contoso',
        domains,
        sampleUsers: domains.map((domain) => `adele@${domain}`),
        intents: ['presence'],
      });
      const [from, cpu] = [performance.now(), process.cpuUsage()];
      await gather(teamsExchangeInterop, subject, sources, { now: new Date(), supplied: noFacts });
      return { wallMs: performance.now() - from, cpuMs: cpuSince(cpu) };
    };
    await probe(ready.domains);
    await asTwice(servers);
    const [one, all, twice]: [number[], { wallMs: number; cpuMs: number }[], string[]] = [[], [], []];
    for (let round = 0; round < rounds; round += 1) {
      one.push((await probe(ready.domains.slice(0, 1))).wallMs);
      await asTwice(servers);
      asked.length = 0;
      all.push(await probe(ready.domains));
      twice.push(...(await asTwice(servers)), ...asked.filter((question, at) => asked.indexOf(question) !== at));
    }
    const chainMs = median(one);
    const wallMs = median(all.map((measured) => measured.wallMs));
    printTable([
      { probe: '1 domain: the chain', 'wall ms': figure(chainMs), 'CPU ms': '' },
      { probe: '20 domains', 'wall ms': figure(wallMs), 'CPU ms': figure(median(all.map(({ cpuMs }) => cpuMs))) },
    ]);
    printGoal('20 domains beside the slowest chain', wallMs / chainMs, '≤', 1.5);
    printGoal('questions put twice', twice.length, '≤', 0);
  } finally {
    servers.kill();
  }
}

/** What was asked twice since the last time. */
async function asTwice(servers: ChildProcess): Promise<readonly string[]> {
  servers.send('twice');
  const [{ twice }] = (await once(servers, 'message')) as [{ twice: string[] }];
  return twice;
}

function judging(): void {
  const file = fileURLToPath(new URL('../cases/teams-exchange-interop/go/facts.json', import.meta.url));
  const text = JSON.stringify(JSON.parse(readFileSync(file, 'utf8')));
  const schema = savedFactsSchema(teamsExchangeInterop);
  const facts = schema.parse(JSON.parse(text));
  const now = new Date('2026-11-24T09:30:00Z');
  const cost = (work: () => unknown): number =>
    median(
      Array.from({ length: rounds }, () => {
        const from = process.cpuUsage();
        for (let index = 0; index < organizations; index += 1) work();
        return cpuSince(from);
      }),
    );
  const judgeOnce = () => judge(teamsExchangeInterop, facts.subject, facts, { now });
  for (let index = 0; index < untilWarm; index += 1) judgeOnce();
  const parse = cost(() => JSON.parse(text));
  const read = cost(() => schema.parse(JSON.parse(text)));
  const judged = cost(judgeOnce);
  printTable([
    { 'saved facts of 1,000 organizations': 'JSON.parse', 'CPU ms': figure(parse) },
    { 'saved facts of 1,000 organizations': 'parsed and validated', 'CPU ms': figure(read) },
    { 'saved facts of 1,000 organizations': 'judged', 'CPU ms': figure(judged) },
  ]);
  printGoal('judging beside parsing and validating', judged / read, '≤', 1);
  printGoal('judging beside JSON.parse alone', judged / parse, '≤', 1.5);
}

function cpuSince(from: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(from);
  return (user + system) / 1000;
}
