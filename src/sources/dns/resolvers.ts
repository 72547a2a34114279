// Several resolvers as one. Who is asked by default:
// - The system's resolvers first: they see what this network sees (split-horizon zones, an intranet's own domains). On a
//   laptop that is what the network assigned; in Azure it is 168.63.129.16, Azure's own, or the DNS servers configured
//   for the virtual network. Azure's is named here only for the case that the system names none.
// - Public ones (Cloudflare, Quad9, Google) as the second opinion, and when the system's fail. Three operators, so that
//   one's outage, filter or stale negative cache is not mistaken for the domain's.
// Who names resolvers asks exactly those and no others; a zone may have resolvers of its own.
import { getServers } from 'node:dns';
import { setTimeout as sleep } from 'node:timers/promises';
import { canonicalName } from '../../domain/domain-name.ts';
import { type DnsAnswer, DnsFailure, type QueryType } from './answer.ts';
import { createResolver, type Resolver, type ResolverOptions, type ResolverStatistics } from './resolver.ts';

const azureResolver = '168.63.129.16';
const publicResolvers = ['1.1.1.1', '9.9.9.9', '8.8.8.8'];

export interface ResolverAddresses {
  /** Asked first; names are spread over them. */
  first: readonly string[];
  /** Asked to confirm, and when the first fail. */
  secondOpinion: readonly string[];
  /** Asked in place of all these for the zones and what lies in them. */
  zones?: readonly { readonly resolvers: readonly string[]; readonly zones: readonly string[] }[];
}

/**
 * The resolvers to use where none were named; reads the system's settings, touches no network.
 * @param env the environment: Azure's hosts set `WEBSITE_INSTANCE_ID`
 * @param systemServers the system's resolvers
 */
export function defaultResolvers(
  env: Readonly<Record<string, string | undefined>>,
  systemServers: readonly string[] = getServers(),
): ResolverAddresses {
  const inAzure = env.WEBSITE_INSTANCE_ID !== undefined;
  const first = systemServers.length === 0 && inAzure ? [azureResolver] : systemServers;
  const secondOpinion = publicResolvers.filter((address) => !first.includes(address));
  return first.length === 0 ? { first: secondOpinion, secondOpinion: [] } : { first, secondOpinion };
}

export interface ResolverPool {
  /**
   * Asks one resolver, and the next ones as long as they fail; the answer's `resolver` says who answered, its
   * `failedBefore` who did not. The same name starts at the same resolver, unless that one has been silent lately.
   * @throws {DnsFailure} the last one's failure, if none answered
   */
  ask(name: string, type: QueryType, signal?: AbortSignal): Promise<DnsAnswer>;
  /**
   * Asks another resolver than the one that gave the first answer. If there is none, or no other can be reached or is
   * willing, the first one is asked again after a pause: the answer then has the same `resolver` as the first.
   * @throws {DnsFailure} if another resolver could not find out (SERVFAIL and the like): that neither confirms nor denies
   */
  confirm(name: string, type: QueryType, first: DnsAnswer, signal?: AbortSignal): Promise<DnsAnswer>;
  /** Some of what it answers with is assumed. */
  readonly assumes?: true;
  /** Per resolver address. */
  statistics(): Record<string, ResolverStatistics>;
  close(): void;
}

export interface ResolverPoolOptions extends Omit<ResolverOptions, 'address'> {
  /** Milliseconds before the same resolver is asked again to confirm. Default 1000. */
  pauseMs?: number;
}

/** A resolver that stayed silent or refused so often in a row is passed over for a while … */
const failuresUntilPassedOver = 3;
/** … of so many milliseconds; the first question after that tries it again. */
const passedOverMs = 15_000;

interface Member {
  readonly resolver: Resolver;
  failuresInARow: number;
  passedOverUntil: number;
}

/**
 * @param addresses a list of resolvers that are all alike, or who is asked for what
 * @throws {Error} if an address is none, or none is given
 */
export function createResolverPool(
  addresses: readonly string[] | ResolverAddresses,
  options: ResolverPoolOptions = {},
): ResolverPool {
  if (!('first' in addresses)) return poolOf(addresses, [], options);
  const others = poolOf(addresses.first, addresses.secondOpinion, options);
  const zoned = (addresses.zones ?? []).map(({ resolvers, zones }) => ({
    pool: poolOf(resolvers, [], options),
    zones,
  }));
  return zoned.length === 0 ? others : byZone(others, zoned);
}

/** Names of a zone go to its pool, that of the longest zone when several match; all other names to `others`. */
function byZone(
  others: ResolverPool,
  zoned: readonly { readonly pool: ResolverPool; readonly zones: readonly string[] }[],
): ResolverPool {
  const pools = new Map(zoned.flatMap(({ pool, zones }) => zones.map((zone) => [canonicalName(zone), pool] as const)));
  const all = [others, ...zoned.map(({ pool }) => pool)];
  function poolFor(name: string): ResolverPool {
    const labels = canonicalName(name).split('.');
    for (let cut = 0; cut < labels.length; cut++) {
      const pool = pools.get(labels.slice(cut).join('.'));
      if (pool !== undefined) return pool;
    }
    return others;
  }
  return {
    ask: (name, ...rest) => poolFor(name).ask(name, ...rest),
    confirm: (name, ...rest) => poolFor(name).confirm(name, ...rest),
    statistics: () => Object.assign({}, ...all.map((pool) => pool.statistics())),
    close() {
      for (const pool of all) pool.close();
    },
  };
}

function poolOf(
  first: readonly string[],
  secondOpinion: readonly string[],
  { pauseMs = 1000, ...resolverOptions }: ResolverPoolOptions,
): ResolverPool {
  if (first.length === 0) throw new Error('No resolver is given; at least one address is needed.');
  const member = (address: string): Member => ({
    resolver: createResolver({ address, ...resolverOptions }),
    failuresInARow: 0,
    passedOverUntil: 0,
  });
  const firstMembers = [...new Set(first)].map(member);
  const secondMembers = [...new Set(secondOpinion)].filter((address) => !first.includes(address)).map(member);
  const members = [...firstMembers, ...secondMembers];

  /** All resolvers in the order in which they are asked for a name: passed-over ones last, but never left out. */
  function order(name: string): readonly Member[] {
    if (members.length === 1) return members;
    const start = hash(name);
    const ordered = [...rotated(firstMembers, start), ...rotated(secondMembers, start)];
    const now = performance.now();
    if (ordered.every(({ passedOverUntil }) => passedOverUntil <= now)) return ordered;
    return [
      ...ordered.filter(({ passedOverUntil }) => passedOverUntil <= now),
      ...ordered.filter(({ passedOverUntil }) => passedOverUntil > now),
    ];
  }

  return {
    ask: (name, type, signal) => askInTurn(order(name), name, type, signal),
    async confirm(name, type, first, signal) {
      const inOrder = order(name);
      const notAsked = ({ resolver }: Member): boolean =>
        resolver.address !== first.resolver &&
        first.failedBefore?.some((failure) => failure.resolver === resolver.address) !== true;
      const others = inOrder.filter(notAsked);
      let failedBefore: readonly DnsFailure[] = [];
      if (others.length > 0) {
        try {
          return await askInTurn(others, name, type, signal);
        } catch (error) {
          if (!(error instanceof DnsFailure) || !isResolversOwn(error)) throw error;
          failedBefore = [...error.failedBefore, error];
        }
      }
      // Whoever was asked before and could not find out is the second opinion: it neither confirms nor denies.
      const undecided = first.failedBefore?.find((failure) => !isResolversOwn(failure));
      if (undecided !== undefined) throw undecided;
      await sleep(pauseMs, undefined, { signal }).catch(() => signal?.throwIfAborted());
      const again = inOrder.filter(({ resolver }) => resolver.address === first.resolver);
      return askInTurn(again, name, type, signal, failedBefore);
    },
    statistics: () => Object.fromEntries(members.map(({ resolver }) => [resolver.address, resolver.statistics()])),
    close() {
      for (const { resolver } of members) resolver.close();
    },
  };
}

// No async function, as everything that each query passes: while it waits one of those keeps as much as the query itself.
function askInTurn(
  members: readonly Member[],
  name: string,
  type: QueryType,
  signal: AbortSignal | undefined,
  failedBefore: readonly DnsFailure[] = [],
  at = 0,
): Promise<DnsAnswer> {
  const member = members[at];
  if (member === undefined) return Promise.reject(new Error(`No resolver to ask for ${name}.`));
  return member.resolver.query(name, type, signal).then(
    (answer) => {
      member.failuresInARow = 0;
      member.passedOverUntil = 0;
      if (failedBefore.length > 0) answer.failedBefore = failedBefore;
      return answer;
    },
    (error) => {
      if (!(error instanceof DnsFailure)) throw error;
      countFailure(member, error);
      error.failedBefore = failedBefore;
      if (at === members.length - 1 || error.reason === 'name') throw error;
      return askInTurn(members, name, type, signal, [...failedBefore, error], at + 1);
    },
  );
}

function countFailure(member: Member, failure: DnsFailure): void {
  if (!isResolversOwn(failure)) {
    member.failuresInARow = 0;
    return;
  }
  member.failuresInARow++;
  if (member.failuresInARow >= failuresUntilPassedOver) member.passedOverUntil = performance.now() + passedOverMs;
}

/** Failures that tell of the resolver or the way to it; SERVFAIL and the like tell of the name. */
function isResolversOwn({ reason }: DnsFailure): boolean {
  return reason === 'timeout' || reason === 'unreachable' || reason === 'refused' || reason === 'http';
}

function rotated(members: readonly Member[], start: number): Member[] {
  if (members.length === 0) return [];
  const from = start % members.length;
  return [...members.slice(from), ...members.slice(0, from)];
}

/** FNV-1a: spreads names evenly and gives the same name the same number in every run. */
function hash(name: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) value = Math.imul(value ^ name.charCodeAt(i), 0x01000193);
  return value >>> 0;
}
