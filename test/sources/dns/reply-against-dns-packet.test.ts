// The reader of replies beside dns-packet's: whatever the bytes are, no other answer. Where they may differ is said below.
import { type Answer, type DecodedPacket, decode, encode } from 'dns-packet';
import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { expect, test } from 'vitest';
import type { DnsRecord } from '../../../src/sources/dns/answer.ts';
import { decodeReply } from '../../../src/sources/dns/reply.ts';

const label = fc.stringMatching(/^[A-Za-z0-9_-]{1,20}$/);
const name = fc.array(label, { minLength: 1, maxLength: 6 }).map((labels) => labels.join('.'));
const ttl = fc.nat(0x7fff_ffff);
const uint16 = fc.nat(0xffff);
const text = fc.string({ maxLength: 80 });

const answer: fc.Arbitrary<Answer> = fc.oneof(
  fc.record({ name, ttl, type: fc.constantFrom('CNAME' as const, 'NS' as const, 'PTR' as const), data: name }),
  fc.record({ name, ttl, type: fc.constant('TXT' as const), data: fc.array(text, { minLength: 1, maxLength: 4 }) }),
  fc.record({ name, ttl, type: fc.constant('A' as const), data: fc.ipV4() }),
  fc.record({ name, ttl, type: fc.constant('AAAA' as const), data: fc.ipV6().filter((one) => !one.includes('.')) }),
  fc.record({ name, ttl, type: fc.constant('MX' as const), data: fc.record({ preference: uint16, exchange: name }) }),
  fc.record({
    name,
    ttl,
    type: fc.constant('SRV' as const),
    data: fc.record({ priority: uint16, weight: uint16, port: uint16, target: name }),
  }),
  fc.record({
    name,
    ttl,
    type: fc.constant('CAA' as const),
    data: fc.record({ flags: fc.nat(255), tag: fc.constantFrom('issue', 'iodef'), value: text }),
  }),
);
const soa: fc.Arbitrary<Answer> = fc.record({
  name,
  ttl,
  type: fc.constant('SOA' as const),
  data: fc.record({ mname: name, rname: name, serial: fc.nat(), minimum: fc.nat() }),
});
const packet = fc
  .record({
    flags: fc.nat(0xffff).map((flags) => flags & 0x07bf),
    questions: fc.array(fc.record({ name, type: fc.constant('TXT' as const) }), { maxLength: 1 }),
    answers: fc.array(fc.oneof(answer, soa), { maxLength: 5 }),
    authorities: fc.array(soa, { maxLength: 2 }),
  })
  .map((parts) => encode({ type: 'response', id: 7, ...parts }));

/** What the library makes of it, in the words of the product. */
function asTheLibrarySays(message: Buffer) {
  let said: DecodedPacket;
  try {
    said = decode(message);
  } catch {
    return undefined;
  }
  if (!(decode.bytes <= message.length)) return undefined;
  const { flag_tc, flag_aa, flag_ra, flag_ad } = said;
  const records = (said.answers ?? []).flatMap(recordOf);
  return { truncated: flag_tc, authoritative: flag_aa, recursionAvailable: flag_ra, authenticated: flag_ad, records };
}

function recordOf(given: Answer): DnsRecord[] {
  if (given.type === 'OPT' || !('data' in given) || !('class' in given)) return [];
  // The top bit of the class is one of multicast DNS, which the library takes off; here it is another class.
  if (given.class !== 'IN' || ('flush' in given && given.flush === true)) return [];
  const { name, type, data } = given as { name: string; type: string; data: unknown };
  return [{ name, type, ttl: given.ttl ?? 0, data: dataOf(type, data) } as DnsRecord];
}

function dataOf(type: string, data: unknown): unknown {
  if (type === 'TXT') return (data as Buffer[]).map(String);
  if (type === 'AAAA') return ipaddr.parse(data as string).toString();
  const { refresh, retry, expire, issuerCritical, ...rest } = data as Record<string, unknown>;
  return typeof data === 'string' ? data : rest;
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

test('what a server writes is read alike', () => {
  fc.assert(
    fc.property(packet, (message) => {
      const ours = decodeReply(message);
      const theirs = asTheLibrarySays(message);
      expect(ours).toMatchObject({ ...theirs, records: comparable(theirs?.records ?? []) });
    }),
    { numRuns: 5_000 },
  );
});

test('what was damaged on its way is read alike or refused', () => {
  let compared = 0;
  const damage = fc.array(fc.tuple(fc.nat(4095), fc.nat(255)), { minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(packet, damage, (sent, changes) => {
      const message = Buffer.from(sent);
      for (const [at, value] of changes) message[at % message.length] = value;
      const ours = decodeReply(message);
      const theirs = asTheLibrarySays(message);
      // The library does not ask whether data ends where its record does, and reads types besides, not all to their end.
      if (ours === undefined || theirs === undefined) return;
      if (ours.records.some(isOdd) || theirs.records.some(({ type }) => !read.has(type))) return;
      compared++;
      expect(ours.records).toEqual(comparable(theirs.records));
    }),
    { numRuns: 20_000 },
  );
  expect(compared).toBeGreaterThan(5_000);
});
