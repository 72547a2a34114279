// Questions as DNS messages (RFC 1035 §4), and what of a reply belongs to one.
import { sameName } from '../../domain/domain-name.ts';
import type { DnsRecord, QueryType } from './answer.ts';

/** The numbers of the types that can be asked for. */
export const typeNumbers: Readonly<Record<QueryType, number>> = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  CAA: 257,
};

const recursionDesired = 0x0100;
const authenticData = 0x0020;
/**
 * An OPT record (RFC 6891 §6.1.2) that announces 1,232 bytes: what fits into one unfragmented UDP packet on any path (DNS
 * flag day 2020).
 */
const opt = Buffer.from('00002904d0000000000000', 'hex');
export const headerLength = 12;
const dot = 0x2e;
export const typeAndClassLength = 4;

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
  const labels = name.endsWith('.') ? name.slice(0, -1) : name;
  const nameEnd = headerLength + (labels === '' ? 0 : labels.length + 1);
  const questionEnd = nameEnd + 1 + typeAndClassLength;
  // From Node's pool of bytes: memory of its own would cost more than the query.
  const bytes = Buffer.allocUnsafe(questionEnd + (edns ? opt.length : 0)).fill(0, 0, headerLength);
  bytes.writeUInt16BE(recursionDesired | authenticData, 2);
  bytes.writeUInt16BE(1, 4);
  bytes.write(labels, headerLength + 1, 'latin1');
  // The length of each label goes where the dot before it stands.
  for (let at = nameEnd - 1, end = nameEnd; at >= headerLength; at--) {
    if (at > headerLength && bytes[at] !== dot) continue;
    bytes[at] = end - at - 1;
    end = at;
  }
  bytes[nameEnd] = 0;
  bytes.writeUInt16BE(typeNumbers[type], nameEnd + 1);
  bytes.writeUInt16BE(1, nameEnd + 3);
  if (edns) {
    bytes.writeUInt16BE(1, 10);
    opt.copy(bytes, questionEnd);
  }
  return { bytes, questionEnd };
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
