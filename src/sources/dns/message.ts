// DNS messages (RFC 1035 §4): a question into bytes, a reply's bytes into records. The codec is dns-packet; what it
// does not check (labels over 63 bytes, record data past the end, the OPT record's part of the rcode) is checked here.
import { type Answer, AUTHENTIC_DATA, type DecodedPacket, decode, encode, RECURSION_DESIRED } from 'dns-packet';
import { sameName } from '../../domain/domain-name.ts';
import type { DnsRecord, ExtendedError, QueryType } from './answer.ts';

/** What fits into one unfragmented UDP packet on any path (DNS flag day 2020): announced in every query by EDNS0 (RFC 6891). */
const udpPayloadSize = 1232;
const headerLength = 12;
const typeAndClassLength = 4;

const rcodeNames = [
  'NOERROR',
  'FORMERR',
  'SERVFAIL',
  'NXDOMAIN',
  'NOTIMP',
  'REFUSED',
  'YXDOMAIN',
  'YXRRSET',
  'NXRRSET',
];

export interface QueryMessage {
  /** The whole message; its first two bytes are the id, to be written by who sends it. */
  bytes: Buffer;
  /** Where the question ends: a reply repeats the bytes up to here (from byte 12 on). */
  questionEnd: number;
}

/**
 * A query with RD set, AD set (asks for the AD flag without asking for signatures, RFC 6840 §5.7) and, unless the
 * server does not understand it, an OPT record.
 * @param name an ASCII name that passed {@link nameProblem}
 */
export function encodeQuery(name: string, type: QueryType, edns = true): QueryMessage {
  const bytes = encode({
    type: 'query',
    id: 0,
    flags: RECURSION_DESIRED | AUTHENTIC_DATA,
    questions: [{ name, type, class: 'IN' }],
    additionals: edns
      ? [
          {
            name: '.',
            type: 'OPT',
            udpPayloadSize: udpPayloadSize,
            extendedRcode: 0,
            ednsVersion: 0,
            flags: 0,
            flag_do: false,
            options: [],
          },
        ]
      : [],
  });
  const nameLength = name === '.' || name === '' ? 1 : name.length + (name.endsWith('.') ? 1 : 2);
  return { bytes, questionEnd: headerLength + nameLength + typeAndClassLength };
}

/**
 * Why a name cannot be asked for, or `undefined` if it can (RFC 1035 §2.3.4: labels of 1 to 63 bytes, 255 bytes in all).
 * Internationalised names have to come as A-labels.
 */
export function nameProblem(name: string): string | undefined {
  const end = name.endsWith('.') ? name.length - 1 : name.length;
  if (end === 0) return name === '.' ? undefined : 'it is empty';
  if (end > 253) return `it has ${end} characters; a DNS name has at most 253`;
  let labelStart = 0;
  for (let i = 0; i <= end; i++) {
    const code = i === end ? 0x2e : name.charCodeAt(i);
    if (code === 0x2e) {
      if (i === labelStart) return 'it has an empty label (two dots in a row, or one in front)';
      if (i - labelStart > 63) return `its label '${name.slice(labelStart, i)}' has more than 63 characters`;
      labelStart = i + 1;
    } else if (code <= 0x20 || code >= 0x7f || code === 0x5c) {
      return 'it holds a character that is no letter, digit, hyphen or underscore; write international names as A-labels (xn--…)';
    }
  }
  return undefined;
}

/**
 * Whether a message can be the reply to the query: a response that repeats the question, byte by byte but for case.
 * Servers that could not even read the question send an error without it; the id and port have matched by then.
 */
export function repliesTo(message: Buffer, query: QueryMessage): boolean {
  if (message.length < headerLength || (message[2] ?? 0) < 0x80) return false;
  const questions = message.readUInt16BE(4);
  if (questions === 0) return ((message[3] ?? 0) & 0xf) !== 0;
  if (questions !== 1 || message.length < query.questionEnd) return false;
  if (query.bytes.compare(message, headerLength, query.questionEnd, headerLength, query.questionEnd) === 0) return true;
  for (let i = headerLength; i < query.questionEnd; i++) {
    if (lowerCase(message[i] ?? 0) !== lowerCase(query.bytes[i] ?? 0)) return false;
  }
  return true;
}

function lowerCase(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
}

export interface Reply {
  rcode: string;
  truncated: boolean;
  authenticated: boolean;
  authoritative: boolean;
  recursionAvailable: boolean;
  /** Whether an OPT record came back: a FORMERR without one is how a server without EDNS0 speaks (RFC 6891 §7). */
  edns: boolean;
  /** The records of the answer section that the client knows, as they came. */
  records: DnsRecord[];
  /** Of a denial: the zone that gives it, and for how many seconds it may be remembered. */
  negative: { zone: string; ttl: number } | undefined;
  /** Why it answered as it did, where the server says so (RFC 8914). */
  extendedErrors: readonly ExtendedError[];
}

/**
 * A reply's content, whatever the bytes are.
 * @returns `undefined` if the bytes are no well-formed DNS message
 */
export function decodeReply(message: Buffer): Reply | undefined {
  let packet: DecodedPacket;
  let records: DnsRecord[];
  try {
    packet = decode(message);
    records = knownRecords(packet.answers ?? [], message);
  } catch {
    return undefined; // dns-packet throws on pointers that do not go back, on labels and names too long, and past the end
  }
  // Record data is partly sliced, not read, so an overlong length does not throw; the cursor gives it away: it stands
  // past the end or, where a length was read from there, is no number.
  if (!(decode.bytes <= message.length)) return undefined;
  const opt = packet.additionals?.find((record) => record.type === 'OPT');
  const rcode = ((message[3] ?? 0) & 0xf) | ((opt?.type === 'OPT' ? opt.extendedRcode : 0) << 4);
  return {
    rcode: rcodeNames[rcode] ?? `RCODE${rcode}`,
    truncated: packet.flag_tc,
    authenticated: packet.flag_ad,
    authoritative: packet.flag_aa,
    recursionAvailable: packet.flag_ra,
    edns: opt !== undefined,
    records,
    negative: negative(packet.authorities ?? []),
    extendedErrors: opt?.type === 'OPT' ? extendedErrors(opt.options) : [],
  };
}

/** Option code of extended errors (RFC 8914 section 2); dns-packet leaves its data as it is. */
const extendedErrorOption = 15;
const longestText = 200;

function extendedErrors(options: readonly { readonly code: number; readonly data?: unknown }[]): ExtendedError[] {
  return options.flatMap(({ code, data }) =>
    code === extendedErrorOption && Buffer.isBuffer(data) && data.length >= 2
      ? [{ code: data.readUInt16BE(0), text: data.toString('utf8', 2).slice(0, longestText) }]
      : [],
  );
}

function knownRecords(answers: readonly Answer[], message: Buffer): DnsRecord[] {
  const records: DnsRecord[] = [];
  let spelt: readonly SpeltRecord[] | undefined;
  for (const [index, answer] of answers.entries()) {
    const record = knownRecord(answer);
    if (record === undefined) continue;
    records.push(record);
    // dns-packet joins labels by dots whatever they hold; what looks odd in a chain is spelt again, from the bytes.
    if (record.type !== 'CNAME' && spelt === undefined) continue;
    spelt ??= spellRecords(message, answers.length);
    const { owner, target } = spelt[index] ?? {};
    if (owner !== undefined) record.name = owner;
    if (record.type === 'CNAME' && target !== undefined) record.data = target;
  }
  return records;
}

interface SpeltRecord {
  readonly owner: string | undefined;
  /** The name that the record's data begins with, of a CNAME. */
  readonly target: string | undefined;
}

const CNAME = 5;
const recordFixedLength = 10;

/**
 * Owners and CNAME targets of the answer section that hold other bytes than names usually do; the others stay undefined.
 * @throws {RangeError} where lengths lead past the end
 */
function spellRecords(message: Buffer, count: number): SpeltRecord[] {
  let offset = headerLength;
  for (let question = message.readUInt16BE(4); question > 0; question--)
    offset = endOfName(message, offset) + typeAndClassLength;
  return Array.from({ length: count }, () => {
    const owner = spellName(message, offset);
    const fixed = endOfName(message, offset);
    const data = fixed + recordFixedLength;
    const target = message.readUInt16BE(fixed) === CNAME ? spellName(message, data) : undefined;
    offset = data + message.readUInt16BE(data - 2);
    return { owner, target };
  });
}

/** Where the bytes after a name begin. */
function endOfName(message: Buffer, start: number): number {
  for (let at = start; ; ) {
    const length = message[at] ?? 0;
    if (length === 0) return at + 1;
    if (length >= 0xc0) return at + 2;
    at += length + 1;
  }
}

/**
 * A name as RFC 1035 section 5.1 writes it: a dot or backslash inside a label behind a backslash, other bytes as `\\DDD`.
 * @returns undefined when no byte of it needs that, and dns-packet's spelling is right
 */
function spellName(message: Buffer, start: number): string | undefined {
  const labels: string[] = [];
  let escaped = false;
  for (let at = start; ; ) {
    const length = message[at] ?? 0;
    if (length === 0) break;
    if (length >= 0xc0) {
      const to = message.readUInt16BE(at) & 0x3fff;
      if (to >= at) throw new RangeError('a pointer that does not go back');
      at = to;
      continue;
    }
    let label = '';
    for (const byte of message.subarray(at + 1, at + 1 + length)) {
      const plain = byte > 0x20 && byte < 0x7f && byte !== 0x2e && byte !== 0x5c;
      escaped ||= !plain;
      const character = String.fromCharCode(byte);
      if (plain) label += character;
      else label += byte > 0x20 && byte < 0x7f ? `\\${character}` : `\\${String(byte).padStart(3, '0')}`;
    }
    labels.push(label);
    at += length + 1;
  }
  return escaped ? labels.join('.') : undefined;
}

function knownRecord(answer: Answer): DnsRecord | undefined {
  if (answer.type === 'OPT' || !('data' in answer)) return undefined;
  if ('class' in answer && answer.class !== 'IN') return undefined;
  const { name } = answer;
  const ttl = cacheable(answer.ttl);
  switch (answer.type) {
    case 'TXT':
      return { name, ttl, type: 'TXT', data: [answer.data].flat().map((part) => part.toString()) };
    case 'A':
    case 'AAAA':
    case 'CNAME':
    case 'NS':
    case 'PTR':
      return { name, ttl, type: answer.type, data: answer.data };
    case 'MX':
      return {
        name,
        ttl,
        type: 'MX',
        data: { preference: answer.data.preference ?? 0, exchange: answer.data.exchange },
      };
    case 'SRV': {
      const { priority = 0, weight = 0, port, target } = answer.data;
      return { name, ttl, type: 'SRV', data: { priority, weight, port, target } };
    }
    case 'SOA': {
      const { mname, rname, serial = 0, minimum = 0 } = answer.data;
      return { name, ttl, type: 'SOA', data: { mname, rname, serial, minimum } };
    }
    case 'CAA':
      return {
        name,
        ttl,
        type: 'CAA',
        data: { flags: answer.data.flags ?? 0, tag: answer.data.tag, value: answer.data.value },
      };
    default:
      return undefined;
  }
}

/** A time to live with the top bit set counts as 0 (RFC 2181 section 8). */
function cacheable(ttl = 0): number {
  return ttl > 0x7fff_ffff ? 0 : ttl;
}

function negative(authorities: readonly Answer[]): Reply['negative'] {
  const soa = authorities.find((record) => record.type === 'SOA');
  return soa?.type === 'SOA' ? { zone: soa.name, ttl: Math.min(cacheable(soa.ttl), soa.data.minimum ?? 0) } : undefined;
}

/**
 * The CNAME chain from `name` in its order, then the records of `type` at its end; records beside the chain are dropped.
 * @returns `loop: true` if the chain comes back to a name it has passed
 */
export function followChain(
  name: string,
  type: QueryType,
  records: DnsRecord[],
): { chain: DnsRecord[]; loop: boolean } {
  const chain: DnsRecord[] = [];
  const passed = [name];
  for (let owner = name; ; ) {
    let next: string | undefined;
    for (const record of records) {
      if (record.name !== owner && !sameName(record.name, owner)) continue;
      if (record.type === type) chain.push(record);
      else if (record.type === 'CNAME') {
        chain.push(record);
        next ??= record.data;
      }
    }
    if (next === undefined) return { chain, loop: false };
    const target = next;
    if (passed.some((seen) => sameName(seen, target))) return { chain, loop: true };
    passed.push(target);
    owner = target;
  }
}
