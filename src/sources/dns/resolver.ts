// Asks one resolver: one UDP query with EDNS0 per question, TCP where the answer does not fit or does not decode, or
// DNS over HTTPS. What this client does that the system's does not: it keeps the CNAME chain, TTLs, rcode and AD flag;
// it tells "there is none" from "could not look"; and it paces itself (pace.ts).
//
// The way of a question: queue → (slot free and token there) → sent → answered | timed out → queue again, at its end.
// - A slot is held only while an answer is to be expected soon. Names that stay silent give theirs back after half a
//   second, so that dead names do not keep the others waiting; they are still listened for.
// - Time is counted in ticks of one clock that runs only while there is work. When the process is too busy to read its
//   sockets the clock stands still as well, so that no answer is declared missing that only waits to be read.

import { canonicalName } from '../../domain/domain-name.ts';
import { createHttp, type Http } from '../../http/client.ts';
import { parseResolverAddress } from './address.ts';
import {
  type DnsAnswer,
  DnsFailure,
  type DnsFailureReason,
  type DnsRecord,
  type DnsTransport,
  type QueryType,
} from './answer.ts';
import { DohContentError, DohStatusError, dohTransport } from './doh.ts';
import type { Exchange, ExchangeEvents, Transport } from './exchange.ts';
import { extendedErrorWords } from './extended-error.ts';
import { encodeQuery, followChain, nameProblem, type QueryMessage } from './message.ts';
import { Pace, type SendWindow } from './pace.ts';
import { decodeReply, type Reply } from './reply.ts';
import { tcpTransport } from './tcp.ts';
import { udpTransport } from './udp.ts';

export interface ResolverOptions {
  /** `9.9.9.9`, `host:port`, `[v6]:port` or `https://…/dns-query`. */
  address: string;
  /** Milliseconds to wait for an answer to the first, second, … try; as many tries as numbers. Default 2000, 3000, 4000. */
  timeouts?: readonly number[];
  /**
   * Queries per second, retries included; `Infinity` for no limit of our own. The default of 800 stays below the 1,000
   * per second that public resolvers and Azure's allow one client. Losses lower the rate by themselves.
   */
  ratePerSecond?: number | undefined;
  /** Questions in flight at once. Default 200. */
  inFlight?: number;
  /** What DNS over HTTPS is sent with; one of its own, which trusts the usual roots, when left out. */
  http?: Http;
}

export interface ResolverStatistics {
  /** Queries sent, retries and TCP included. */
  queries: number;
  /** Questions answered. */
  answers: number;
  /** Questions failed. */
  failures: number;
  /** Questions sent again because no answer came or the way was broken. */
  retries: number;
  /** Tries that got no answer in time. */
  timeouts: number;
  /** Tries without answer whose question was answered when sent again. */
  lost: number;
  /** Answers that came after their try had timed out, and still counted. */
  late: number;
  /** Queries sent over TCP. */
  tcp: number;
  /** UDP answers that said they were cut short. */
  truncated: number;
  /** Responses that were no well-formed DNS message. */
  malformed: number;
  /** Messages that were no reply to any open question: forged or too late. */
  ignored: number;
  /** Times that losses lowered the rate. */
  slowdowns: number;
  /** Queries per second allowed at present. */
  ratePerSecond: number;
}

export interface Resolver {
  /** The address as it was configured. */
  readonly address: string;
  /**
   * Asks a question.
   * @param name with or without trailing dot; international names as A-labels
   * @param signal gives up within 50 ms of its abort; the promise then rejects with the signal's reason
   * @throws {DnsFailure} when the resolver does not tell. NXDOMAIN and "no such record" are answers.
   */
  query(name: string, type: QueryType, signal?: AbortSignal): Promise<DnsAnswer>;
  statistics(): ResolverStatistics;
  /** Releases the sockets. Open questions fail with reason `closed`. An idle resolver does not keep the process alive. */
  close(): void;
}

/** @throws {Error} if the address is none, saying what one looks like */
export function createResolver(options: ResolverOptions): Resolver {
  return new PacedResolver(options);
}

const tickMs = 50;
/** After this long without answer a question gives back its slot. */
const slowMs = 500;
/** Questions that gave back their slot and are still listened for, per slot. */
const slowPerSlot = 10;
/**
 * Questions in flight before the first answers are in; every answer admits one more. Hundreds of packets at once overflow
 * the receive buffer of whatever is on the other side.
 */
const firstSlots = 64;
/** How long a question rests before it is sent again over a broken way. */
const restMs = 250;
/** Tries more than configured for questions whose tries were sent at a rate that proved too fast. */
const extraTries = 3;
/** How long to wait for the next token at least: wakes less often, and sends a few at once. */
const shortestWaitMs = 4;

interface Lookup {
  readonly name: string;
  readonly type: QueryType;
  /** Whoever waits for the answer; nobody once it is settled: a table of V8 that has grown old may keep the rest for a while. */
  waits: Pick<PromiseWithResolvers<DnsAnswer>, 'resolve' | 'reject'> | undefined;
  readonly signal: AbortSignal | undefined;
  query: QueryMessage;
  via: DnsTransport;
  edns: boolean;
  /** Tries on this transport that count. */
  tries: number;
  /** Queries sent in all. */
  sent: number;
  sawMalformed: boolean;
  sawTruncated: boolean;
  current: Try | undefined;
  /** The last try that timed out; its answer still counts when it comes late. */
  timedOut: Try | undefined;
  restUntil: number;
}

interface Try extends Exchange {
  readonly lookup: Lookup;
  readonly via: DnsTransport;
  readonly slowAt: number;
  readonly deadline: number;
  readonly firstTry: boolean;
  readonly sentIn: SendWindow;
  holdsSlot: boolean;
}

class PacedResolver implements Resolver {
  readonly address: string;
  readonly #timeouts: readonly number[];
  readonly #slots: number;
  readonly #pace: Pace;
  readonly #transports: Partial<Record<DnsTransport, Transport<Try>>>;
  readonly #firstVia: DnsTransport;

  readonly #queue = new LookupQueue();
  /** Questions half answered (cut short, not understood): they go before those not yet begun. */
  readonly #followUps = new LookupQueue();
  readonly #resting = new Set<Lookup>();
  readonly #waiting = new Set<Try>();
  #slotsOpen: number;
  #slotsHeld = 0;
  #open = 0;

  #clock: NodeJS.Timeout | undefined;
  #tick = 0;
  #wake: NodeJS.Timeout | undefined;
  #pumpDue = false;
  #closed = false;
  #isoTime = 0;
  #isoText = '';

  readonly #count = {
    queries: 0,
    answers: 0,
    failures: 0,
    retries: 0,
    timeouts: 0,
    lost: 0,
    late: 0,
    tcp: 0,
    truncated: 0,
    malformed: 0,
    ignored: 0,
  };

  constructor(options: ResolverOptions) {
    const { timeouts = [2000, 3000, 4000], ratePerSecond = 800, inFlight = 200 } = options;
    const server = parseResolverAddress(options.address);
    if (timeouts.length === 0 || !(ratePerSecond > 0) || !(inFlight >= 1)) {
      throw new Error(
        'A resolver needs at least one time-out, a rate above 0 per second and at least one question in flight.',
      );
    }
    this.address = options.address.trim();
    this.#timeouts = timeouts;
    this.#slots = inFlight;
    this.#slotsOpen = Math.min(firstSlots, inFlight);
    this.#pace = new Pace(ratePerSecond, performance.now());
    const events: ExchangeEvents<Try> = {
      replied: (attempt, message) => this.#replied(attempt, message),
      broken: (attempt, cause) => this.#broken(attempt, cause),
      ignored: () => {
        this.#count.ignored++;
      },
    };
    this.#firstVia = server.kind === 'doh' ? 'doh' : 'udp';
    this.#transports =
      server.kind === 'doh'
        ? { doh: dohTransport(new URL(server.url), events, options.http ?? createHttp()) }
        : { udp: udpTransport(server, events), tcp: tcpTransport(server, events) };
  }

  query(name: string, type: QueryType, signal?: AbortSignal): Promise<DnsAnswer> {
    const problem = nameProblem(name);
    if (problem !== undefined) {
      return Promise.reject(this.#failure('name', `'${name}' cannot be looked up: ${problem}.`, { name, type }, 0));
    }
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#closed) {
      return Promise.reject(this.#failure('closed', `The resolver ${this.address} is closed.`, { name, type }, 0));
    }
    return new Promise((resolve, reject) => {
      this.#queue.push({
        name,
        type,
        waits: { resolve, reject },
        signal,
        query: encodeQuery(name, type),
        via: this.#firstVia,
        edns: true,
        tries: 0,
        sent: 0,
        sawMalformed: false,
        sawTruncated: false,
        current: undefined,
        timedOut: undefined,
        restUntil: 0,
      });
      this.#open++;
      this.#clock ??= setInterval(() => this.#onTick(), tickMs);
      this.#pumpSoon();
    });
  }

  statistics(): ResolverStatistics {
    return { ...this.#count, slowdowns: this.#pace.epoch, ratePerSecond: this.#pace.rate };
  }

  close(): void {
    this.#closed = true;
    const open = new Set([...this.#queue, ...this.#followUps, ...this.#resting]);
    for (const attempt of this.#waiting) open.add(attempt.lookup);
    for (const lookup of open)
      this.#fail(lookup, 'closed', `The resolver ${this.address} was closed before it answered`);
    for (const transport of Object.values(this.#transports)) transport.close();
    clearInterval(this.#clock);
    clearTimeout(this.#wake);
  }

  /** After the caller has asked all it wants to: a thousand questions in one go must not go out as one burst. */
  #pumpSoon(): void {
    if (this.#pumpDue) return;
    this.#pumpDue = true;
    process.nextTick(() => {
      this.#pumpDue = false;
      this.#pump();
    });
  }

  /** Sends what may be sent now. */
  #pump(): void {
    let now = 0;
    while (this.#slotsHeld < this.#slotsOpen && this.#waiting.size < this.#slots * slowPerSlot) {
      const followUp = this.#followUps.first();
      const lookup = followUp ?? this.#queue.first();
      if (lookup === undefined) return;
      now ||= performance.now();
      if (!this.#pace.take(now)) {
        this.#wake ??= setTimeout(
          () => {
            this.#wake = undefined;
            this.#pump();
          },
          Math.max(shortestWaitMs, this.#pace.waitMs(now)),
        );
        return;
      }
      (followUp === undefined ? this.#queue : this.#followUps).shift();
      this.#send(lookup);
    }
  }

  #send(lookup: Lookup): void {
    const timeout = this.#timeouts[Math.min(lookup.tries, this.#timeouts.length - 1)] ?? 0;
    const attempt: Try = {
      lookup,
      query: lookup.query,
      id: 0,
      waiting: undefined,
      via: lookup.via,
      slowAt: this.#tick + Math.ceil(slowMs / tickMs),
      // One tick more, because the running one is partly over.
      deadline: this.#tick + Math.ceil(timeout / tickMs) + 1,
      firstTry: lookup.sent === 0,
      sentIn: this.#pace.sent(lookup.sent === 0),
      holdsSlot: true,
    };
    lookup.current = attempt;
    lookup.tries++;
    lookup.sent++;
    this.#count.queries++;
    if (lookup.via === 'tcp') this.#count.tcp++;
    this.#slotsHeld++;
    this.#waiting.add(attempt);
    this.#transports[lookup.via]?.send(attempt);
  }

  #onTick(): void {
    this.#tick++;
    const silent: Try[] = [];
    for (const attempt of this.#waiting) {
      if (attempt.lookup.signal?.aborted) this.#settle(attempt.lookup)?.reject(attempt.lookup.signal.reason);
      else if (this.#tick >= attempt.deadline) silent.push(attempt);
      else if (this.#tick >= attempt.slowAt) this.#releaseSlot(attempt);
    }
    for (const lookups of [this.#queue, this.#followUps, this.#resting]) {
      for (const lookup of lookups) {
        if (lookup.signal?.aborted && lookup.waits !== undefined) this.#settle(lookup)?.reject(lookup.signal.reason);
      }
    }
    for (const attempt of silent) this.#pace.timedOut(attempt.sentIn, attempt.firstTry);
    this.#pace.review(performance.now());
    for (const attempt of silent) this.#tryTimedOut(attempt);
    for (const lookup of this.#resting) {
      if (this.#tick < lookup.restUntil) continue;
      this.#resting.delete(lookup);
      this.#queue.push(lookup);
    }
    this.#pump();
  }

  #tryTimedOut(attempt: Try): void {
    const { lookup } = attempt;
    this.#count.timeouts++;
    this.#stopWaiting(attempt);
    lookup.current = undefined;
    if (lookup.timedOut !== undefined) this.#transports[lookup.timedOut.via]?.forget(lookup.timedOut);
    lookup.timedOut = attempt;
    if (attempt.sentIn.epoch < this.#pace.epoch && lookup.sent < this.#timeouts.length + extraTries) lookup.tries--;
    if (lookup.tries < this.#timeouts.length) {
      this.#count.retries++;
      this.#queue.push(lookup);
    } else {
      this.#fail(lookup, 'timeout', `No answer from ${this.address} to ${times(lookup.sent)}`);
    }
  }

  #replied(attempt: Try, message: Buffer): void {
    const { lookup } = attempt;
    if (lookup.waits === undefined) return;
    if (attempt !== lookup.current) {
      this.#count.late++;
    } else if (lookup.timedOut !== undefined) {
      this.#count.lost++;
      this.#pace.lost(lookup.timedOut.sentIn);
    }
    this.#pace.answered();
    if (this.#slotsOpen < this.#slots) this.#slotsOpen++;
    this.#stopAll(lookup);
    this.#judge(lookup, attempt.via, message);
    this.#pump();
  }

  #judge(lookup: Lookup, via: DnsTransport, message: Buffer): void {
    const reply = decodeReply(message);
    if (reply === undefined) {
      this.#count.malformed++;
      lookup.sawMalformed = true;
      if (via === 'udp') this.#followUp(lookup, 'tcp');
      else this.#fail(lookup, 'malformed', `${this.address} answered with something that is no DNS message`);
    } else if (reply.truncated && via === 'udp') {
      this.#count.truncated++;
      lookup.sawTruncated = true;
      this.#followUp(lookup, 'tcp');
    } else if (reply.rcode === 'FORMERR' && !reply.edns && lookup.edns) {
      lookup.edns = false;
      lookup.query = encodeQuery(lookup.name, lookup.type, false);
      this.#followUp(lookup, via);
    } else {
      this.#conclude(lookup, via, reply);
    }
  }

  #conclude(lookup: Lookup, via: DnsTransport, reply: Reply): void {
    const { rcode, negative, extendedErrors } = reply;
    const { chain, loop } = followChain(lookup.name, lookup.type, reply.records);
    if (loop) {
      this.#fail(lookup, 'loop', `The CNAME records from ${this.address} run in a circle`, { rcode, answers: chain });
    } else if (rcode !== 'NOERROR' && rcode !== 'NXDOMAIN') {
      const why = extendedErrors.length === 0 ? '' : `: ${extendedErrorWords(extendedErrors)}`;
      const sentence = `${rcode} from ${this.address}${why}`;
      this.#fail(lookup, failureReasons[rcode] ?? 'rcode', sentence, { rcode, answers: chain });
    } else if (saysNothing(reply, chain, lookup.type)) {
      const said = chain.length > 0 ? 'the CNAME alone' : rcode === 'NXDOMAIN' ? 'NXDOMAIN' : 'no record';
      const sentence = `${this.address} does not follow names into other zones (no recursion) and answered with ${said}, which says nothing about what lies there; ask a resolver that recurses, e.g. a public one`;
      this.#fail(lookup, 'no-recursion', sentence, { answers: chain });
    } else if (isWithheld(reply, chain, lookup.type)) {
      const sentence = `${this.address} withholds the answer (${rcode}: ${extendedErrorWords(extendedErrors)}); ask another resolver`;
      this.#fail(lookup, 'blocked', sentence, { answers: chain });
    } else {
      this.#count.answers++;
      const answer: DnsAnswer = {
        name: lookup.name,
        type: lookup.type,
        rcode,
        authenticated: reply.authenticated,
        authoritative: reply.authoritative,
        recursionAvailable: reply.recursionAvailable,
        answers: chain,
        resolver: this.address,
        transport: via,
        at: this.#now(),
      };
      if (negative !== undefined) {
        answer.zone = canonicalName(negative.zone);
        answer.negativeTtl = negative.ttl;
      }
      if (extendedErrors.length > 0) answer.extendedErrors = extendedErrors;
      this.#settle(lookup)?.resolve(answer);
    }
  }

  #broken(attempt: Try, cause: Error): void {
    const { lookup } = attempt;
    if (lookup.waits === undefined || attempt !== lookup.current) return;
    this.#stopAll(lookup);
    if (cause instanceof DohContentError) {
      this.#count.malformed++;
      this.#fail(lookup, 'malformed', `${this.address} sent no DNS message (${cause.message})`, { cause });
    } else if (cause instanceof DohStatusError && cause.status !== 429 && cause.status < 500) {
      this.#fail(lookup, 'http', `${this.address} answered with HTTP status ${cause.status}`, { cause });
    } else if (lookup.tries < this.#timeouts.length) {
      this.#count.retries++;
      lookup.restUntil = this.#tick + Math.ceil(restMs / tickMs);
      this.#resting.add(lookup);
    } else if (cause instanceof DohStatusError) {
      this.#fail(lookup, 'http', `${this.address} answered with HTTP status ${cause.status}, ${times(lookup.sent)}`, {
        cause,
      });
    } else {
      this.#fail(lookup, 'unreachable', `${this.address} cannot be reached (${reasonOf(cause)})`, { cause });
    }
    this.#pump();
  }

  #followUp(lookup: Lookup, via: DnsTransport): void {
    lookup.via = via;
    lookup.tries = 0;
    this.#followUps.push(lookup);
  }

  #fail(
    lookup: Lookup,
    reason: DnsFailureReason,
    sentence: string,
    with_: { rcode?: string; answers?: DnsRecord[]; cause?: unknown } = {},
  ): void {
    this.#count.failures++;
    const noWay = reason === 'timeout' || reason === 'unreachable';
    const afterMalformed = lookup.sawMalformed && noWay;
    const afterTruncated = lookup.sawTruncated && noWay;
    let note = '';
    if (afterMalformed) note = ' over TCP, after a malformed answer over UDP';
    else if (afterTruncated)
      note = ' over TCP, after a truncated answer over UDP: let TCP through to its port, or ask another resolver';
    this.#settle(lookup)?.reject(
      this.#failure(
        afterMalformed ? 'malformed' : reason,
        `${sentence}${note} (${lookup.type} ${lookup.name}).`,
        lookup,
        lookup.sent,
        with_,
      ),
    );
  }

  #failure(
    reason: DnsFailureReason,
    message: string,
    { name, type }: { name: string; type: QueryType },
    tries: number,
    with_: { rcode?: string; answers?: DnsRecord[]; cause?: unknown } = {},
  ): DnsFailure {
    return new DnsFailure(reason, message, { question: { name, type }, resolver: this.address, tries, ...with_ });
  }

  /** Ends a lookup; the caller says how. */
  #settle(lookup: Lookup): Lookup['waits'] {
    const { waits } = lookup;
    lookup.waits = undefined;
    this.#stopAll(lookup);
    this.#resting.delete(lookup);
    this.#open--;
    if (this.#open === 0) {
      clearInterval(this.#clock);
      this.#clock = undefined;
    }
    return waits;
  }

  #stopAll(lookup: Lookup): void {
    if (lookup.current !== undefined) {
      this.#stopWaiting(lookup.current);
      this.#transports[lookup.current.via]?.forget(lookup.current);
      lookup.current = undefined;
    }
    if (lookup.timedOut !== undefined) {
      this.#transports[lookup.timedOut.via]?.forget(lookup.timedOut);
      lookup.timedOut = undefined;
    }
  }

  #stopWaiting(attempt: Try): void {
    this.#waiting.delete(attempt);
    this.#releaseSlot(attempt);
  }

  #releaseSlot(attempt: Try): void {
    if (!attempt.holdsSlot) return;
    attempt.holdsSlot = false;
    this.#slotsHeld--;
  }

  /** The time of day as text; many answers come within one millisecond. */
  #now(): string {
    const now = Date.now();
    if (now !== this.#isoTime) {
      this.#isoTime = now;
      this.#isoText = new Date(now).toISOString();
    }
    return this.#isoText;
  }
}

/** No record of the type asked for, whatever CNAMEs led there. */
function denies(chain: readonly DnsRecord[], type: QueryType): boolean {
  return chain.every((record) => record.type !== type);
}

/**
 * A server without recursion knows its own zones only: what it does not find at the end of a CNAME, or in a zone that it
 * does not call its own, may well be there.
 */
function saysNothing(
  { recursionAvailable, authoritative }: Reply,
  chain: readonly DnsRecord[],
  type: QueryType,
): boolean {
  return !recursionAvailable && denies(chain, type) && (chain.length > 0 || !authoritative);
}

/** Forged answer, blocked, censored, filtered, prohibited (RFC 8914 section 4): a denial that is none of the zone's. */
const withheld: ReadonlySet<number> = new Set([4, 15, 16, 17, 18]);

function isWithheld({ extendedErrors }: Reply, chain: readonly DnsRecord[], type: QueryType): boolean {
  return denies(chain, type) && extendedErrors.some(({ code }) => withheld.has(code));
}

const failureReasons: Readonly<Record<string, DnsFailureReason>> = {
  SERVFAIL: 'servfail',
  REFUSED: 'refused',
  NOTIMP: 'notimp',
  FORMERR: 'formerr',
};

function times(count: number): string {
  return count === 1 ? '1 query' : `${count} queries`;
}

function reasonOf(cause: Error): string {
  return 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.message;
}

/** First in, first out, without moving the rest; lookups settled or sent meanwhile (by a late answer) are passed over. */
class LookupQueue {
  #items: (Lookup | undefined)[] = [];
  #head = 0;

  push(lookup: Lookup): void {
    this.#items.push(lookup);
  }

  /** The first one that is still to be sent. */
  first(): Lookup | undefined {
    for (; this.#head < this.#items.length; this.shift()) {
      const lookup = this.#items[this.#head];
      if (lookup?.waits !== undefined && lookup.current === undefined) return lookup;
    }
    return undefined;
  }

  shift(): void {
    // Its answer must not be kept until the rest moves up.
    this.#items[this.#head++] = undefined;
    if (this.#head > 1000 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
  }

  *[Symbol.iterator](): Generator<Lookup> {
    for (const lookup of this.#items) if (lookup !== undefined) yield lookup;
  }
}
