// A DNS in which planned records stand: they answer for their names, everything else is asked as always.
import { canonicalName, sameName } from '../../domain/domain-name.ts';
import type { AssumableFormat } from '../supplied/format.ts';
import { type DnsAnswer, DnsFailure, type DnsRecord, type QueryType } from './answer.ts';
import type { ResolverPool } from './resolvers.ts';
import { readZoneLines, type ZoneRecord } from './zone-lines.ts';

/**
 * Lines of a zone file as something that is assumed.
 *
 * @param facts what comes from DNS, to be asked anew
 */
export function assumedRecords(facts: readonly string[]): AssumableFormat {
  return {
    wanted: 'DNS records as lines of a zone file',
    // Not JSON, CLIXML, CSV or what Format-List prints: those hold facts.
    recognises: (text) => !/^\uFEFF?\s*(?:[[{<]|#TYPE|"?\w+"?\s*[:,])/.test(text),
    read(files) {
      const zones = files.map(({ name, text }) => ({ name, ...readZoneLines(name, text) }));
      const records = zones.flatMap((zone) => zone.records);
      const asked = new Set<string>();
      return {
        facts,
        notes: zones.flatMap((zone) => [
          ...(zone.leftOut.length === 0
            ? []
            : [`${zone.name}: ${zone.leftOut.join(', ')} change nothing here and were left out.`]),
          ...(zone.records.length === 0 ? [`${zone.name}: holds no record, so nothing is assumed.`] : []),
        ]),
        within: (world) => ({ ...world, resolvers: withRecords(world.resolvers, records, asked) }),
        withoutEffect: () =>
          records
            .filter(({ name }) => !asked.has(name))
            .map(
              ({ name, type, from }) => `${from}: nobody asked for ${name}, so assuming its ${type} changed nothing.`,
            ),
      };
    },
  };
}

/**
 * A pool that answers as if these records stood in DNS: of the type asked for they are all there is at their name, and a
 * CNAME is all there is. What they lead to is asked of `pool`, or assumed too. Assumed records are marked.
 *
 * @param asked gets the names of records that answered
 */
export function withRecords(
  pool: ResolverPool,
  records: readonly ZoneRecord[],
  asked: Set<string> = new Set(),
): ResolverPool {
  const byName = Map.groupBy(records, ({ name }) => name);
  /** The last real answer behind an assumed one, to be confirmed. */
  const real = new WeakMap<DnsAnswer, DnsAnswer>();

  async function ask(
    name: string,
    type: QueryType,
    put: (name: string, type: QueryType) => Promise<DnsAnswer>,
  ): Promise<DnsAnswer> {
    const chain: DnsRecord[] = [];
    const from = new Set<string>();
    const passed: string[] = [];
    let last: DnsAnswer | undefined;
    for (let at = canonicalName(name); ; ) {
      if (passed.includes(at)) throw failure('loop', `the CNAMEs run in a circle at ${at}`, name, type, chain, last);
      passed.push(at);
      const here = byName.get(at) ?? [];
      const alias = here.find((record) => record.type === 'CNAME');
      const found = here.filter((record) => record.type === type);
      const own = found.length > 0 || alias === undefined ? found : [alias];
      if (own.length > 0) {
        asked.add(at);
        for (const record of own) {
          from.add(record.from);
          chain.push({ ...recordOf(record), assumed: true });
        }
        if (found.length > 0 || alias?.type !== 'CNAME') return answer('NOERROR');
        at = alias.data;
        continue;
      }
      try {
        last = await put(at, type);
      } catch (error) {
        if (!(error instanceof DnsFailure)) throw error;
        const { before, next } = untilAssumed(error.answers, at);
        chain.push(...before);
        if (next === undefined) throw chain.some(({ assumed }) => assumed) ? behind(error, chain) : error;
        at = next;
        continue;
      }
      const { before, next } = untilAssumed(last.answers, at);
      if (next === undefined && from.size === 0) return last;
      chain.push(...(next === undefined ? last.answers : before));
      if (next === undefined) return answer(last.rcode);
      at = next;
    }

    function answer(rcode: DnsAnswer['rcode']): DnsAnswer {
      const made: DnsAnswer = {
        name,
        type,
        rcode,
        authenticated: false,
        authoritative: false,
        recursionAvailable: true,
        transport: last?.transport ?? 'udp',
        at: last?.at ?? new Date().toISOString(),
        answers: chain,
        resolver: last === undefined ? sourceOf(from) : `${sourceOf(from)}, ${last.resolver}`,
        ...(last?.failedBefore === undefined ? {} : { failedBefore: last.failedBefore }),
      };
      if (last !== undefined) real.set(made, last);
      return made;
    }
  }

  /** The records of a real answer up to where an assumed record takes over, and the name of that. */
  function untilAssumed(answers: readonly DnsRecord[], name: string) {
    const before: DnsRecord[] = [];
    let at = name;
    for (const record of answers) {
      // What is assumed of a name beside a CNAME takes its place.
      if (record.type !== 'CNAME' || !sameName(record.name, at)) return { before };
      before.push(record);
      at = canonicalName(record.data);
      if (byName.has(at)) return { before, next: at };
    }
    return { before };
  }

  return {
    assumes: true,
    ask: (name, type, signal) => ask(name, type, (at, what) => pool.ask(at, what, signal)),
    confirm(name, type, first, signal) {
      if (!isAssumed(first.answers)) return pool.confirm(name, type, first, signal);
      const last = real.get(first);
      return ask(name, type, (at, what) =>
        last !== undefined && sameName(last.name, at) && last.type === what
          ? pool.confirm(at, what, last, signal)
          : pool.ask(at, what, signal),
      );
    },
    statistics: () => pool.statistics(),
    close: () => pool.close(),
  };
}

function recordOf({ from: _, ...record }: ZoneRecord): DnsRecord {
  return record;
}

function sourceOf(from: ReadonlySet<string>): string {
  return `assumed (${[...from].join('; ')})`;
}

function failure(
  reason: 'loop',
  message: string,
  name: string,
  type: QueryType,
  answers: DnsRecord[],
  last: DnsAnswer | undefined,
): DnsFailure {
  return new DnsFailure(reason, message, {
    question: { name, type },
    resolver: last?.resolver ?? 'assumed',
    tries: 1,
    answers,
  });
}

/** The failure to look at where assumed records lead. */
function behind(
  { reason, message, question, resolver, rcode, tries, cause, failedBefore }: DnsFailure,
  answers: DnsRecord[],
): DnsFailure {
  const failed = new DnsFailure(reason, message, { question, resolver, rcode, tries, answers, cause });
  failed.failedBefore = failedBefore;
  return failed;
}

function isAssumed(records: readonly DnsRecord[]): boolean {
  return records.some(({ assumed }) => assumed === true);
}

/** What is looked up through a pool, marked where anything assumed came back through it. */
export function notingAssumed<T>(
  pool: ResolverPool,
  lookUp: (pool: ResolverPool) => Promise<T>,
  mark: (found: T) => T,
): Promise<T> {
  if (pool.assumes !== true) return lookUp(pool);
  let assumed = false;
  const noted = async (answer: Promise<DnsAnswer>): Promise<DnsAnswer> => {
    try {
      const given = await answer;
      assumed ||= isAssumed(given.answers);
      return given;
    } catch (error) {
      assumed ||= error instanceof DnsFailure && isAssumed(error.answers);
      throw error;
    }
  };
  const noting: ResolverPool = {
    ...pool,
    ask: (...question) => noted(pool.ask(...question)),
    confirm: (...question) => noted(pool.confirm(...question)),
  };
  return lookUp(noting).then((found) => (assumed ? mark(found) : found));
}
