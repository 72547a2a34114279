// What a resolver can say: an answer (a fact, also when it is "no such name") or a failure (we could not look).

/** Record types that can be asked for. */
export type QueryType = 'A' | 'AAAA' | 'CAA' | 'CNAME' | 'MX' | 'NS' | 'PTR' | 'SOA' | 'SRV' | 'TXT';

/** A resource record without its class. Names have no trailing dot and keep the case they came in; `ttl` is in seconds. */
export type DnsRecord = {
  name: string;
  ttl: number;
  /** It does not stand in DNS: it is supposed to. */
  assumed?: true;
} & (
  | { type: 'A' | 'AAAA' | 'CNAME' | 'NS' | 'PTR'; data: string }
  /** The character-strings of one record, kept apart: who reads them decides how they join (RFC 6376 §3.6.2.2, RFC 7208 §3.3). */
  | { type: 'TXT'; data: string[] }
  | { type: 'MX'; data: { preference: number; exchange: string } }
  | { type: 'SRV'; data: { priority: number; weight: number; port: number; target: string } }
  | { type: 'SOA'; data: { mname: string; rname: string; serial: number; minimum: number } }
  | { type: 'CAA'; data: { flags: number; tag: string; value: string } }
);

/** Why a server answered as it did (RFC 8914): the code, and what it adds in words of its own. */
export interface ExtendedError {
  code: number;
  text: string;
}

export type DnsTransport = 'udp' | 'tcp' | 'doh';

/**
 * What a resolver knows about a name. "No such name" (`NXDOMAIN`) and "no such record" (`NOERROR` without a record of
 * the type asked for) are answers.
 */
export interface DnsAnswer {
  name: string;
  type: QueryType;
  rcode: 'NOERROR' | 'NXDOMAIN';
  /** The resolver says that it validated the answer (AD flag, RFC 6840 §5.8). Only as good as the way to the resolver. */
  authenticated: boolean;
  /** The answer comes from a server of the zone itself (AA flag). */
  authoritative: boolean;
  /** The server follows delegations and CNAMEs into other zones (RA flag). Without it a chain may end early. */
  recursionAvailable: boolean;
  /** The CNAME chain from the name asked for, in its order, then the records of the type asked for at its end. Others are dropped. */
  answers: DnsRecord[];
  /** The zone that gives a negative answer: the owner of its SOA record. */
  zone?: string;
  /** Seconds that a negative answer may be cached: the lesser of the SOA's TTL and its minimum (RFC 2308 §5). */
  negativeTtl?: number;
  /** What the server adds about its answer, e.g. that it is a stale one. */
  extendedErrors?: readonly ExtendedError[];
  /** The resolver's address as it was configured. */
  resolver: string;
  transport: DnsTransport;
  /** When the answer arrived, ISO 8601 in UTC. */
  at: string;
  /** What other resolvers of the pool failed with before this one was asked. */
  failedBefore?: readonly DnsFailure[];
}

/**
 * Why there is no answer. `timeout`: silence. `unreachable`: no way to the resolver. `servfail`, `refused`, `notimp`,
 * `formerr`, `rcode`: it answered that it will not tell (`rcode`: any other code). `malformed`: what it sent is no DNS message.
 * `loop`: its CNAMEs run in a circle. `no-recursion`: it does not follow names into other zones, and the answer lies there.
 * `blocked`: it says that it was told not to tell (RFC 8914). `split-horizon`: a server inside denies a name of a zone of its
 * own, which tells nothing about what receivers outside see. `http`: the DoH server's HTTP status. `name`: the name cannot be asked for.
 * `closed`: the resolver was closed meanwhile.
 */
export type DnsFailureReason =
  | 'timeout'
  | 'unreachable'
  | 'servfail'
  | 'refused'
  | 'notimp'
  | 'formerr'
  | 'rcode'
  | 'malformed'
  | 'loop'
  | 'no-recursion'
  | 'blocked'
  | 'split-horizon'
  | 'http'
  | 'name'
  | 'closed';

/** "Could not look": never to be read as "there is none". */
export class DnsFailure extends Error {
  override readonly name = 'DnsFailure';
  readonly reason: DnsFailureReason;
  readonly question: { name: string; type: QueryType };
  /** The resolver's address as it was configured. */
  readonly resolver: string;
  /** The response code's name, where the resolver answered: `SERVFAIL`, `REFUSED` … */
  readonly rcode: string | undefined;
  /** How often the question was sent. */
  readonly tries: number;
  /** Records that came with the failing response, e.g. the CNAME whose target gave SERVFAIL. */
  readonly answers: DnsRecord[];
  /** When the failure was known, ISO 8601 in UTC. */
  readonly at: string;
  /** What other resolvers of the pool failed with before this one was asked. */
  failedBefore: readonly DnsFailure[] = [];

  constructor(
    reason: DnsFailureReason,
    message: string,
    at: {
      question: { name: string; type: QueryType };
      resolver: string;
      tries: number;
      rcode?: string | undefined;
      answers?: DnsRecord[];
      cause?: unknown;
    },
  ) {
    super(message, at.cause === undefined ? undefined : { cause: at.cause });
    this.reason = reason;
    this.question = at.question;
    this.resolver = at.resolver;
    this.rcode = at.rcode;
    this.tries = at.tries;
    this.answers = at.answers ?? [];
    this.at = new Date().toISOString();
  }
}
