// The bytes of a DNS reply into records (RFC 1035 section 4). Read here and not by dns-packet, which joins labels by dots
// whatever they hold and reads on where a record's length ends; a test holds both against each other.
import { addressOfBytes } from '../../domain/ip-range.ts';
import type { DnsRecord, ExtendedError, QueryType } from './answer.ts';
import { headerLength, typeAndClassLength, typeNumbers } from './message.ts';

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

const typeNames = new Map(Object.entries(typeNumbers).map(([name, number]) => [number, name as QueryType]));
/** Type, class, time to live and length, between the name and the data of a record. */
const fixedLength = 10;
const IN = 1;

/**
 * A reply's content, whatever the bytes are.
 * @returns `undefined` if the bytes are no well-formed DNS message
 */
export function decodeReply(message: Buffer): Reply | undefined {
  try {
    return readReply(message);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** Where the next thing stands. Moved on by who reads. */
interface Cursor {
  at: number;
}

/** @throws {RangeError} where a length or a pointer leads out of what it is in */
function readReply(message: Buffer): Reply {
  const cursor: Cursor = { at: headerLength };
  for (let left = message.readUInt16BE(4); left > 0; left--) {
    skipName(message, cursor);
    cursor.at += typeAndClassLength;
  }
  const records: DnsRecord[] = [];
  for (let left = message.readUInt16BE(6); left > 0; left--) {
    const record = readRecord(message, cursor);
    if (record !== undefined) records.push(record);
  }
  let negative: Reply['negative'];
  for (let left = message.readUInt16BE(8); left > 0; left--) {
    const record = readRecord(message, cursor, 'SOA');
    if (record?.type === 'SOA') negative ??= { zone: record.name, ttl: Math.min(record.ttl, record.data.minimum) };
  }
  let opt: Opt | undefined;
  for (let left = message.readUInt16BE(10); left > 0; left--) {
    skipName(message, cursor);
    const fixed = cursor.at;
    const end = skipData(message, cursor);
    if (message.readUInt16BE(fixed) === optType) opt ??= readOpt(message, fixed, end);
  }
  const flags = message.readUInt16BE(2);
  const rcode = (flags & 0xf) | ((opt?.extendedRcode ?? 0) << 4);
  return {
    rcode: rcodeNames[rcode] ?? `RCODE${rcode}`,
    truncated: (flags & 0x0200) !== 0,
    authenticated: (flags & 0x0020) !== 0,
    authoritative: (flags & 0x0400) !== 0,
    recursionAvailable: (flags & 0x0080) !== 0,
    edns: opt !== undefined,
    records,
    negative,
    extendedErrors: opt?.extendedErrors ?? [],
  };
}

/** The record at the cursor; undefined when it is of a type or class that the client does not know, or of none that is wanted. */
function readRecord(message: Buffer, cursor: Cursor, wanted?: QueryType): DnsRecord | undefined {
  const owner = cursor.at;
  skipName(message, cursor);
  const fixed = cursor.at;
  const end = skipData(message, cursor);
  const type = typeNames.get(message.readUInt16BE(fixed));
  if (message.readUInt16BE(fixed + 2) !== IN || type === undefined || type !== (wanted ?? type)) return undefined;
  const ttl = cacheable(message.readUInt32BE(fixed + 4));
  const name = readName(message, { at: owner });
  const data: Cursor = { at: fixed + fixedLength };
  const record = readData(message, data, end, type, name, ttl);
  if (data.at !== end) throw new RangeError('record data of another length');
  return record;
}

/** Past what follows a record's name. @returns where its data ends */
function skipData(message: Buffer, cursor: Cursor): number {
  const end = cursor.at + fixedLength + message.readUInt16BE(cursor.at + fixedLength - 2);
  if (end > message.length) throw new RangeError('record data past the end');
  cursor.at = end;
  return end;
}

function readData(message: Buffer, cursor: Cursor, end: number, type: QueryType, name: string, ttl: number): DnsRecord {
  switch (type) {
    case 'A':
      return { name, ttl, type, data: readAddress(message, cursor, 4) };
    case 'AAAA':
      return { name, ttl, type, data: readAddress(message, cursor, 16) };
    case 'CNAME':
    case 'NS':
    case 'PTR':
      return { name, ttl, type, data: readName(message, cursor) };
    case 'SOA': {
      const mname = readName(message, cursor);
      const rname = readName(message, cursor);
      const serial = message.readUInt32BE(cursor.at);
      const minimum = message.readUInt32BE(cursor.at + 16);
      cursor.at += 20;
      return { name, ttl, type, data: { mname, rname, serial, minimum } };
    }
    case 'MX': {
      const preference = readUInt16(message, cursor);
      return { name, ttl, type, data: { preference, exchange: readName(message, cursor) } };
    }
    case 'TXT':
      return { name, ttl, type, data: readStrings(message, cursor, end) };
    case 'SRV': {
      const priority = readUInt16(message, cursor);
      const weight = readUInt16(message, cursor);
      const port = readUInt16(message, cursor);
      return { name, ttl, type, data: { priority, weight, port, target: readName(message, cursor) } };
    }
    case 'CAA': {
      const flags = message.readUInt8(cursor.at++);
      const tag = readString(message, cursor, end);
      const value = message.toString('utf8', cursor.at, end);
      cursor.at = end;
      return { name, ttl, type, data: { flags, tag, value } };
    }
  }
}

/** A time to live with the top bit set counts as 0 (RFC 2181 section 8). */
function cacheable(ttl: number): number {
  return ttl > 0x7fff_ffff ? 0 : ttl;
}

function readUInt16(message: Buffer, cursor: Cursor): number {
  const value = message.readUInt16BE(cursor.at);
  cursor.at += 2;
  return value;
}

function readAddress(message: Buffer, cursor: Cursor, length: 4 | 16): string {
  const bytes = message.subarray(cursor.at, cursor.at + length);
  if (bytes.length !== length) throw new RangeError('an address past the end');
  cursor.at += length;
  return addressOfBytes(bytes);
}

function readStrings(message: Buffer, cursor: Cursor, end: number): string[] {
  const strings: string[] = [];
  while (cursor.at < end) strings.push(readString(message, cursor, end));
  return strings;
}

function readString(message: Buffer, cursor: Cursor, end: number): string {
  const start = cursor.at + 1;
  cursor.at = start + message.readUInt8(cursor.at);
  if (cursor.at > end) throw new RangeError('a string past the end of its record');
  return message.toString('utf8', start, cursor.at);
}

/** Bytes of a name, its root's aside (RFC 1035 section 2.3.4). */
const longestName = 254;

/** Where a name is written before it is a string: each of its bytes takes four characters at most. */
const written = Buffer.alloc(4 * longestName);

/** A name as RFC 1035 section 5.1 writes it: a dot or backslash inside a label behind a backslash, other bytes as `\DDD`. */
function readName(message: Buffer, cursor: Cursor): string {
  let length = 0;
  let end = 0;
  let at = cursor.at;
  /** Pointers lead to what stood before (section 4.1.4), so that they come to an end. */
  let before = at;
  let jumped = false;
  for (;;) {
    const label = message.readUInt8(at);
    if (label === 0) break;
    if (label >= 0xc0) {
      const to = message.readUInt16BE(at) & 0x3fff;
      if (to >= before) throw new RangeError('a pointer that does not go back');
      if (!jumped) cursor.at = at + 2;
      jumped = true;
      at = to;
      before = to;
      continue;
    }
    length += label + 1;
    if (label > 63 || length > longestName || at + label >= message.length) throw new RangeError('a name that is none');
    if (end > 0) written[end++] = dot;
    for (const last = at + label; at < last; ) end = writeByte(message[++at] ?? 0, end);
    at++;
  }
  if (!jumped) cursor.at = at + 1;
  return end === 0 ? '.' : written.toString('latin1', 0, end);
}

const dot = 0x2e;
const backslash = 0x5c;

/** @returns where the next one goes */
function writeByte(byte: number, at: number): number {
  if (byte <= 0x20 || byte >= 0x7f) return at + written.write(`\\${String(byte).padStart(3, '0')}`, at, 'latin1');
  let end = at;
  if (byte === dot || byte === backslash) written[end++] = backslash;
  written[end++] = byte;
  return end;
}

/** Past a name that nobody looks at. */
function skipName(message: Buffer, cursor: Cursor): void {
  let label = message.readUInt8(cursor.at);
  while (label > 0 && label <= 63) {
    cursor.at += label + 1;
    label = message.readUInt8(cursor.at);
  }
  if (label > 63 && label < 0xc0) throw new RangeError('a name that is none');
  cursor.at += label === 0 ? 1 : 2;
}

interface Opt {
  readonly extendedRcode: number;
  readonly extendedErrors: readonly ExtendedError[];
}

const optType = 41;
const extendedErrorOption = 15;
const longestText = 200;

/** What an OPT record (RFC 6891 section 6.1.2) says from `fixed`, where its name ends, to `end`. */
function readOpt(message: Buffer, fixed: number, end: number): Opt {
  const extendedRcode = message.readUInt8(fixed + 4);
  const extendedErrors: ExtendedError[] = [];
  for (const cursor: Cursor = { at: fixed + fixedLength }; cursor.at < end; ) {
    const code = readUInt16(message, cursor);
    const data = cursor.at + 2;
    cursor.at = data + message.readUInt16BE(cursor.at);
    if (cursor.at > end) throw new RangeError('an option past the end of its record');
    // RFC 8914 section 2: a code, and a text that may be left out.
    if (code === extendedErrorOption && cursor.at - data >= 2)
      extendedErrors.push({
        code: message.readUInt16BE(data),
        text: message.toString('utf8', data + 2, cursor.at).slice(0, longestText),
      });
  }
  return { extendedRcode, extendedErrors };
}
