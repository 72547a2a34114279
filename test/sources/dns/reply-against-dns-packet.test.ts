// The reader of replies beside dns-packet's: whatever the bytes are, no other answer. Where they may differ is said below.

import { isDeepStrictEqual } from 'node:util';
import { type Answer, type DecodedPacket, decode, encode } from 'dns-packet';
import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DnsRecord } from '../../../src/sources/dns/answer.ts';
import { decodeReply, type Reply } from '../../../src/sources/dns/reply.ts';

/** Packets for each seed, and damages that each of them gets. A hundred thousand are read in all. */
const packetsPerSeed = 500;
const damagesPerPacket = 4;
const seeds = { numRuns: 40 };
const seed = fc.noShrink(fc.integer());

/** Numbers that follow from a seed: to draw each of them from fast-check would take most of the time. */
function numbersFrom(first: number) {
  let state = first >>> 0;
  /** From 0 to below `end`. */
  const below = (end: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * end);
  };
  const oneOf = <T>(all: readonly T[]): T => all[below(all.length)] as T;
  const listOf = <T>(least: number, most: number, make: () => T): T[] =>
    Array.from({ length: least + below(most - least + 1) }, make);
  return { below, oneOf, listOf };
}

type Numbers = ReturnType<typeof numbersFrom>;

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-';
const printable = String.fromCharCode(...Array.from({ length: 95 }, (_, at) => 0x20 + at));

/** Makes packets of what a server may write. */
function packetsFrom({ below, oneOf, listOf }: Numbers): () => Buffer {
  const word = (alphabet: string, least: number, most: number) =>
    listOf(least, most, () => alphabet[below(alphabet.length)]).join('');
  // Drawn beforehand: which of them stand in a packet, and where, is drawn for each.
  const names = listOf(64, 64, () => listOf(1, 6, () => word(letters, 1, 20)).join('.'));
  const texts = listOf(64, 64, () => word(printable, 0, 80));
  const name = () => oneOf(names);
  const uint16 = () => below(0x10000);
  const uint31 = () => below(2 ** 31);
  const data: Readonly<Record<string, () => unknown>> = {
    CNAME: name,
    NS: name,
    PTR: name,
    TXT: () => listOf(1, 4, () => oneOf(texts)),
    A: () => listOf(4, 4, () => below(256)).join('.'),
    AAAA: () => new ipaddr.IPv6(listOf(8, 8, () => (below(2) === 0 ? 0 : uint16()))).toNormalizedString(),
    MX: () => ({ preference: uint16(), exchange: name() }),
    SRV: () => ({ priority: uint16(), weight: uint16(), port: uint16(), target: name() }),
    CAA: () => ({ flags: below(256), tag: oneOf(['issue', 'iodef']), value: oneOf(texts) }),
    SOA: () => ({ mname: name(), rname: name(), serial: uint31(), minimum: uint31() }),
  };
  const types = Object.keys(data);
  const record = (type: string) => ({ name: name(), ttl: uint31(), type, data: data[type]?.() }) as Answer;
  return () =>
    encode({
      type: 'response',
      id: 7,
      flags: uint16() & 0x07bf,
      questions: listOf(0, 1, () => ({ name: name(), type: 'TXT' as const })),
      answers: listOf(0, 5, () => record(oneOf(types))),
      authorities: listOf(0, 2, () => record('SOA')),
    });
}

/** One to three bytes that are others, or a pointer where none was. */
function damaged(sent: Buffer, { below }: Numbers): Buffer {
  const message = Buffer.from(sent);
  if (below(4) === 0) message.writeUInt16BE(0xc000 | below(message.length), below(message.length - 1));
  else for (let left = 1 + below(3); left > 0; left--) message[below(message.length)] = below(256);
  return message;
}

/** What the library makes of it, in the words of the product. */
function asTheLibrarySays(message: Buffer) {
  let said: DecodedPacket;
  try {
    said = decode(message);
  } catch {
    return undefined;
  }
  if (!(decode.bytes <= message.length)) return undefined;
  const { flag_tc, flag_aa, flag_ra, flag_ad, answers = [] } = said;
  return {
    truncated: flag_tc,
    authoritative: flag_aa,
    recursionAvailable: flag_ra,
    authenticated: flag_ad,
    records: answers.flatMap(recordOf),
    /** Whether it finds an answer that is not of the Internet. */
    hasOtherClass: answers.some((one) => 'class' in one && !isOfTheInternet(one)),
  };
}

/** The top bit of the class is one of multicast DNS, which the library takes off; here it is another class. */
function isOfTheInternet(given: Answer): boolean {
  return 'class' in given && given.class === 'IN' && !('flush' in given && given.flush === true);
}

function recordOf(given: Answer): DnsRecord[] {
  if (given.type === 'OPT' || !('data' in given) || !isOfTheInternet(given)) return [];
  const { name, type, data } = given as { name: string; type: string; data: unknown };
  return [{ name, type, ttl: given.ttl ?? 0, data: dataOf(type, data) } as DnsRecord];
}

function dataOf(type: string, data: unknown): unknown {
  if (type === 'TXT') return (data as Buffer[]).map(String);
  if (type === 'AAAA') return ipaddr.parse(data as string).toString();
  if (typeof data === 'string' || (type !== 'SOA' && type !== 'CAA')) return data;
  const { refresh, retry, expire, issuerCritical, ...rest } = data as Record<string, unknown>;
  return rest;
}

const read = new Set(['A', 'AAAA', 'CAA', 'CNAME', 'MX', 'NS', 'PTR', 'SOA', 'SRV', 'TXT']);

/** A time to live with the top bit set is none (RFC 2181 section 8). */
function comparable(records: readonly DnsRecord[]): unknown[] {
  return records.map((one) => ({ ...one, ttl: one.ttl > 0x7fff_ffff ? 0 : one.ttl }));
}

/** Names with bytes that they do not usually hold: the library does not tell a dot inside a label from one between two. */
function isOdd({ name, type, data }: DnsRecord): boolean {
  const names = typeof data === 'string' ? [name, data] : [name, ...(type === 'TXT' ? [] : Object.values(data))];
  return names.some((one) => String(one).includes('\\'));
}

// That the library throws is the usual case here, and where it did tells nothing.
const { stackTraceLimit } = Error;
beforeAll(() => {
  Error.stackTraceLimit = 0;
});
afterAll(() => {
  Error.stackTraceLimit = stackTraceLimit;
});

/** Asserts only where they differ: to ask `expect` of each packet would take longer than to read it. */
function expectAlike(ours: unknown, theirs: unknown): void {
  if (!isDeepStrictEqual(ours, theirs)) expect(ours).toEqual(theirs);
}

test('what a server writes is read alike', () => {
  fc.assert(
    fc.property(seed, (first) => {
      const packet = packetsFrom(numbersFrom(first));
      for (let left = packetsPerSeed; left > 0; left--) {
        const message = packet();
        const ours = decodeReply(message);
        const theirs = asTheLibrarySays(message);
        expectAlike(ours && partOf(ours), theirs && { ...partOf(theirs), records: comparable(theirs.records) });
      }
    }),
    seeds,
  );
});

/** What both say of a reply. */
type Told = Omit<Reply, 'rcode' | 'edns' | 'negative' | 'extendedErrors'>;

function partOf({ truncated, authoritative, recursionAvailable, authenticated, records }: Told) {
  return { truncated, authoritative, recursionAvailable, authenticated, records };
}

test('what was damaged on its way is read alike or refused', () => {
  let compared = 0;
  fc.assert(
    fc.property(seed, (first) => {
      const numbers = numbersFrom(first);
      const packet = packetsFrom(numbers);
      for (let left = packetsPerSeed; left > 0; left--) {
        const sent = packet();
        for (let damages = damagesPerPacket; damages > 0; damages--) {
          const message = damaged(sent, numbers);
          const ours = decodeReply(message);
          if (ours === undefined) continue;
          const theirs = asTheLibrarySays(message);
          // The library does not ask whether data ends where its record does, and reads types besides, not all to their end.
          if (theirs === undefined) continue;
          if (ours.records.some(isOdd) || theirs.records.some(({ type }) => !read.has(type))) continue;
          // Records of another class are passed over here, by their length; the library reads them, and may end elsewhere.
          if (theirs.hasOtherClass) continue;
          compared++;
          expectAlike(ours.records, comparable(theirs.records));
        }
      }
    }),
    seeds,
  );
  expect(compared).toBeGreaterThan(20_000);
});
