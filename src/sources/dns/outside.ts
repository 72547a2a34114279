// Answers that hold outside as well. A server inside a network that calls a zone its own (AA) may hold another version of
// that zone than the world sees: where it denies a name, it says nothing about what receivers get.
import { parseRange, reachesPublicSpace } from '../../domain/ip-range.ts';
import { parseResolverAddress } from './address.ts';
import { type DnsAnswer, DnsFailure, type QueryType } from './answer.ts';
import type { ResolverPool } from './resolvers.ts';

/** What one look may ask of DNS as the world sees it, until its signal. */
export class Outside {
  readonly #pool: ResolverPool;
  readonly #signal: AbortSignal;

  constructor(pool: ResolverPool, signal: AbortSignal) {
    this.#pool = pool;
    this.#signal = signal;
  }

  /**
   * As {@link ResolverPool.ask}, but that a denial from inside is no answer: another resolver is asked then.
   *
   * @throws {DnsFailure} `split-horizon` when there are only such denials
   */
  ask(name: string, type: QueryType): Promise<DnsAnswer> {
    return this.#pool
      .ask(name, type, this.#signal)
      .then((first) => (isFromInside(first) ? this.#askOthers(first) : first));
  }

  /**
   * As {@link ResolverPool.confirm}, but that a denial from inside confirms nothing.
   *
   * @throws {DnsFailure} `split-horizon` for such a denial
   */
  async confirm(first: DnsAnswer): Promise<DnsAnswer> {
    const second = await this.#pool.confirm(first.name, first.type, first, this.#signal);
    if (isFromInside(second)) throw fromInside(second);
    return second;
  }

  async #askOthers(first: DnsAnswer): Promise<DnsAnswer> {
    const denied = [...(first.failedBefore ?? []), fromInside(first)];
    try {
      const other = await this.confirm(first);
      return { ...other, failedBefore: [...denied, ...(other.failedBefore ?? [])] };
    } catch (error) {
      if (error instanceof DnsFailure && error.resolver !== first.resolver)
        error.failedBefore = [...denied, ...error.failedBefore];
      throw error;
    }
  }
}

function isFromInside({ authoritative, answers, resolver }: DnsAnswer): boolean {
  return authoritative && answers.length === 0 && isPrivate(resolver);
}

/** @param resolver an address as it was configured */
function isPrivate(resolver: string): boolean {
  const address = parseResolverAddress(resolver);
  const host = address.kind === 'doh' ? new URL(address.url).hostname.replace(/^\[|\]$/g, '') : address.host;
  const range = parseRange(host);
  return host.toLowerCase() === 'localhost' || (range !== undefined && !reachesPublicSpace(range));
}

function fromInside({ name, type, resolver, rcode }: DnsAnswer): DnsFailure {
  return new DnsFailure(
    'split-horizon',
    `${resolver}, a private address, denies ${name} (${rcode}, ${type}) from a zone of its own: that is what the inside sees, not what receivers get; ask a public resolver.`,
    { question: { name, type }, resolver, tries: 1 },
  );
}
