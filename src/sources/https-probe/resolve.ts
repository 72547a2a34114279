import { Unobtainable } from '../../domain/fact-set.ts';

/** What a DNS look-up gave. "No such name" and "no such record" are answers; everything else is thrown. */
export interface LookedUp {
  readonly rcode: 'NOERROR' | 'NXDOMAIN';
  /** The CNAME chain from the name asked for, in order, then the records of the type asked for. */
  readonly answers: readonly { readonly type: string; readonly data: unknown }[];
  /** Who answered, and when (ISO 8601, UTC). */
  readonly resolver: string;
  readonly at: string;
}

/** Asks a resolver. Throws an error whose `reason` is `timeout` or another word when there is no answer. */
export type Resolve = (name: string, type: 'A' | 'AAAA' | 'SRV') => Promise<LookedUp>;

export interface Addresses {
  readonly outcome: 'addresses' | 'no-name' | 'no-record';
  /** Targets of the CNAMEs, in order. */
  readonly chain: readonly string[];
  readonly addresses: readonly string[];
  readonly resolver: string;
  readonly at: string;
}

/**
 * Both kinds of address of a name, asked for side by side. One kind that gives no answer is left out while the other
 * has addresses: a caller would use those.
 *
 * @throws Unobtainable when the resolver did not answer
 */
export async function lookUpAddresses(resolve: Resolve, name: string): Promise<Addresses> {
  const answers = await Promise.allSettled([resolve(name, 'A'), resolve(name, 'AAAA')]);
  const got = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
  const failed = answers.find((answer) => answer.status === 'rejected');
  const addresses = got.flatMap((answer) => dataOf(answer, ['A', 'AAAA']));
  const [first] = got;
  const settled = addresses.length > 0 || got.some(({ rcode }) => rcode === 'NXDOMAIN');
  if (first === undefined || (failed !== undefined && !settled)) throw notAnswered(name, failed?.reason);
  return {
    outcome:
      addresses.length > 0 ? 'addresses' : got.some(({ rcode }) => rcode === 'NXDOMAIN') ? 'no-name' : 'no-record',
    chain: dataOf(first, ['CNAME']),
    addresses,
    resolver: first.resolver,
    at: first.at,
  };
}

export interface ServiceRecord {
  readonly priority: number;
  readonly weight: number;
  readonly port: number;
  readonly target: string;
}

/** The SRV records of a name (RFC 2782). A target of `.` says that there is no such service. @throws Unobtainable */
export async function lookUpServices(resolve: Resolve, name: string) {
  let answer: LookedUp;
  try {
    answer = await resolve(name, 'SRV');
  } catch (error) {
    throw notAnswered(name, error);
  }
  const records = answer.answers.flatMap(({ type, data }): ServiceRecord[] => {
    if (type !== 'SRV') return [];
    const { priority, weight, port, target } = data as ServiceRecord;
    const host = target.toLowerCase().replace(/\.$/, '');
    return host === '' ? [] : [{ priority, weight, port, target: host }];
  });
  const outcome = records.length > 0 ? 'records' : answer.rcode === 'NXDOMAIN' ? 'no-name' : 'no-record';
  return { outcome, records } as const;
}

function dataOf(answer: LookedUp, types: readonly string[]): string[] {
  return answer.answers.flatMap(({ type, data }) => (types.includes(type) && typeof data === 'string' ? [data] : []));
}

function notAnswered(name: string, error: unknown): Unobtainable {
  const reason = (error as { reason?: unknown } | undefined)?.reason;
  const message = error instanceof Error ? error.message : String(error);
  return new Unobtainable(reason === 'timeout' ? 'timeout' : 'unreachable', `${name}: ${message}`);
}
