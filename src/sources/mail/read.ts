// What people hand in to have it explained: a delivery report, a message, or a copied header. postal-mime unpacks what is
// within; what is verified are the bytes themselves. Nothing is kept, and of addresses, subjects and texts nothing goes on.
import PostalMime, { addressParser } from 'postal-mime';
import { getDomain } from 'tldts';
import { normaliseDomainName } from '../../domain/domain-name.ts';
import { InvalidDocument } from '../../domain/organization.ts';
import type { DeliveryReport, MailMessage, MailSignature } from '../../facts/mail-domain/message.ts';
import { decodeText } from '../supplied/powershell-json.ts';
import { claimsIn } from './claims.ts';
import {
  copiedFields,
  type Field,
  isTraced,
  signaturesIn,
  splitMessage,
  tellsOfMail,
  valueIn,
  valuesOf,
} from './fields.ts';
import { answerIn, reportOf } from './report.ts';
import { said } from './said.ts';
import { readSignature, type Signed } from './signature.ts';

/** More signatures than these no receiver looks at (RFC 6376 section 6.1 lets it choose). */
const mostSignatures = 10;

/** Messages within messages, deeper than anybody forwards them. */
const deepest = 4;

const wanted =
  'hand in the message as it was saved (.eml), the delivery report with what is attached to it, or the header copied as text';

/** Header and body of what is to be explained, and what was handed in. */
interface Found {
  readonly in: MailMessage['in'];
  readonly fields: readonly Field[];
  readonly body: Uint8Array | undefined;
  readonly report?: DeliveryReport | undefined;
  /** Of the report. */
  readonly arrivedAt?: string | undefined;
  readonly withoutOriginal?: true;
}

/**
 * Reads a delivery report, a message or a copied header, whatever its line ends and encoding.
 *
 * @param name what it is called in an error
 * @throws InvalidDocument when it is none, saying what it is and what to hand in
 */
export async function readMessage(name: string, content: Uint8Array): Promise<MailMessage> {
  const bytes = plainBytes(content);
  const found = bytes.length === 0 ? undefined : await find(bytes, 0);
  if (found === undefined) throw new InvalidDocument(name, [`${whatElse(content)}; ${wanted}`]);
  return messageOf(found);
}

/** One byte for a character at least, without byte order mark, empty lines before it and the line ends of old machines. */
function plainBytes(content: Uint8Array): Buffer {
  const [a, b, c, d] = content;
  const isWide =
    (a === 0xff && b === 0xfe) || (a === 0xfe && b === 0xff) || (a === 0 && c === 0) || (b === 0 && d === 0);
  let bytes = isWide && content.length > 3 ? Buffer.from(decodeText(content)) : Buffer.from(content);
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) bytes = bytes.subarray(3);
  if (!bytes.includes(0x0a)) bytes = Buffer.from(bytes.toString('latin1').replaceAll('\r', '\n'), 'latin1');
  let start = 0;
  while (bytes[start] === 0x0a || bytes[start] === 0x0d) start++;
  return bytes.subarray(start);
}

/** What it is that is no message, as far as its first bytes tell. */
function whatElse(content: Uint8Array): string {
  const starts = (...bytes: readonly number[]) => bytes.every((byte, at) => content[at] === byte);
  if (content.every((byte) => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d))) return 'is empty';
  if (starts(0xd0, 0xcf, 0x11, 0xe0))
    return 'is a message in the format of Outlook (.msg), which keeps no header as it was signed';
  if (starts(0x50, 0x4b, 0x03, 0x04)) return 'is a ZIP archive';
  if (starts(0x25, 0x50, 0x44, 0x46)) return 'is a PDF document';
  return 'is no message: no header field stands in it (Received, DKIM-Signature, From …)';
}

async function find(bytes: Buffer, depth: number): Promise<Found | undefined> {
  const split = splitMessage(bytes);
  const copied =
    split === undefined || !isWhole(split.fields) || isTitle(split.fields[0]) ? copiedFields(bytes) : undefined;
  if (
    split === undefined ||
    !tellsOfMail(split.fields) ||
    isTitle(split.fields[0]) ||
    (copied !== undefined &&
      ((copied.isTraced && !isTraced(split.fields)) || copied.fields.length > split.fields.length))
  )
    return copied === undefined
      ? undefined
      : { in: 'headers', fields: copied.fields, body: undefined, report: answerIn(copied.before) };
  const { fields } = split;
  const body = split.body !== undefined && belongs(split.body, fields) ? split.body : undefined;
  const inside = body === undefined || depth === deepest ? undefined : await within(fields, body, depth);
  return inside ?? { in: hasText(body) ? 'message' : 'headers', fields, body };
}

/** A header as messages have it. What was copied with empty lines between begins with a part of one. */
function isWhole(fields: readonly Field[]): boolean {
  const names = new Set(fields.map(({ name }) => name));
  return names.has('from') && (names.has('date') || names.has('message-id') || names.has('received'));
}

/** `Header:` alone on the first line: what follows was copied. */
function isTitle(field: Field | undefined): boolean {
  return field !== undefined && !tellsOfMail([field]) && /:\s*$/.test(field.raw);
}

/** What stands behind a copied header is often a note, and no body that changed: it is not built as the header says. */
function belongs(body: Buffer, fields: readonly Field[]): boolean {
  const boundary = boundaryIn(valueIn(fields, 'content-type') ?? '');
  if (boundary !== undefined) return body.includes(`--${boundary}`);
  const isBase64 = /^base64$/i.test(valueIn(fields, 'content-transfer-encoding') ?? '');
  return !isBase64 || !/[^A-Za-z0-9+/=\s]/.test(body.toString('latin1', 0, 2_000));
}

function boundaryIn(contentType: string): string | undefined {
  const [, quoted, plain] = /^multipart\/.*?\bboundary\s*=\s*(?:"([^"]+)"|([^\s;]+))/is.exec(contentType) ?? [];
  return quoted ?? plain;
}

function hasText(body: Uint8Array | undefined): boolean {
  return body?.some((byte) => byte !== 0x0a && byte !== 0x0d) === true;
}

/** What is to be explained is inside: the original of a report, or what somebody forwards. */
async function within(fields: readonly Field[], body: Buffer, depth: number): Promise<Found | undefined> {
  const type = valueIn(fields, 'content-type') ?? '';
  const isSigned = signaturesIn(fields).length > 0;
  const isReport = /^multipart\/report\b/i.test(type);
  const mayHold = /^(?:multipart|message)\//i.test(type);
  if (mayHold && (isReport || !isSigned || body.includes('delivery-status'))) {
    const parts = await partsOf(type, body);
    if (isReport || parts.status !== undefined) return inReport(parts, depth);
    for (const message of parts.messages) {
      const found = await find(plainBytes(message), depth + 1);
      if (found !== undefined && (!isSigned || found.in === 'report')) return found;
    }
  }
  return isSigned || !isAutomatic(fields) ? undefined : inText(body);
}

interface Parts {
  readonly status: Uint8Array | undefined;
  readonly messages: readonly Uint8Array[];
  readonly headers: readonly Uint8Array[];
  readonly text: string;
}

interface Part {
  readonly type: string;
  readonly content: Uint8Array;
}

const isStatus = /^message\/(?:global-)?delivery-status$/;
const isMessage = /^message\/(?:rfc822|global)$/;
const isHeader = /^(?:text|message)\/(?:rfc822|global)-headers$/;

async function partsOf(type: string, body: Buffer): Promise<Parts> {
  const boundary = boundaryIn(type);
  const sections = boundary === undefined ? [] : sectionsOf(body, boundary);
  const parts: Part[] = /^message\/rfc822\b/i.test(type) ? [{ type: 'message/rfc822', content: body }] : [];
  const texts: string[] = [];
  let left = mostUnpacked;
  for (const section of sections) {
    const unpacked = await unpack(section, left);
    left -= unpacked.cost;
    parts.push(...unpacked.parts);
    texts.push(unpacked.text);
  }
  const of = (types: RegExp) => parts.filter((part) => types.test(part.type)).map(({ content }) => content);
  return { status: of(isStatus)[0], messages: of(isMessage), headers: of(isHeader), text: texts.join('\n') };
}

/** Bytes of a report without the original. What is longer is an attachment that nobody asks about, and postal-mime takes its time by the line. */
const mostUnpacked = 200_000;

interface Unpacked {
  readonly parts: readonly Part[];
  readonly text: string;
  /** Bytes that postal-mime has read. */
  readonly cost: number;
}

/** One part of a multipart, and what is within. A message that is not encoded is taken byte for byte, whatever its length. */
async function unpack(section: Buffer, most: number): Promise<Unpacked> {
  const split = splitMessage(section);
  const type = /^[^\s;]*/.exec(valueIn(split?.fields ?? [], 'content-type') ?? '')?.[0]?.toLowerCase() ?? '';
  const encoding = valueIn(split?.fields ?? [], 'content-transfer-encoding') ?? '';
  if (isMessage.test(type) && !/^(?:base64|quoted-printable)$/i.test(encoding) && split?.body !== undefined)
    return { parts: [{ type, content: split.body }], text: '', cost: 0 };
  if (section.length > most) return { parts: [], text: '', cost: 0 };
  try {
    const { attachments, text = '' } = await PostalMime.parse(section, {
      maxRfc822NestingDepth: 0,
      maxNestingDepth: 32,
    });
    const parts = attachments.map(({ mimeType, content }) => ({
      type: mimeType,
      content: typeof content === 'string' ? Buffer.from(content) : new Uint8Array(content),
    }));
    return { parts, text, cost: section.length };
  } catch {
    return { parts: [], text: '', cost: section.length };
  }
}

/** A multipart of more parts holds no bounce. */
const mostSections = 50;

/** What stands between the boundaries (RFC 2046 section 5.1.1), without the line end that belongs to the next one. */
function sectionsOf(body: Buffer, boundary: string): readonly Buffer[] {
  const sections: Buffer[] = [];
  const mark = Buffer.from(`--${boundary}`, 'latin1');
  let start: number | undefined;
  for (let at = body.indexOf(mark); at >= 0 && sections.length < mostSections; at = body.indexOf(mark, at + 1)) {
    if (at > 0 && body[at - 1] !== 0x0a) continue;
    const lineEnd = body.indexOf(0x0a, at);
    const rest = body.toString(
      'latin1',
      at + mark.length,
      lineEnd < 0 ? body.length : Math.min(lineEnd, at + mark.length + 80),
    );
    // A longer boundary that begins like this one is another.
    if (!/^(?:--)?[ \t]*\r?$/.test(rest)) continue;
    if (start !== undefined) sections.push(body.subarray(start, Math.max(start, at - (body[at - 2] === 0x0d ? 2 : 1))));
    start = rest.startsWith('--') || lineEnd < 0 ? undefined : lineEnd + 1;
    if (start === undefined) return sections;
  }
  if (start !== undefined && sections.length < mostSections) sections.push(body.subarray(start));
  return sections;
}

async function inReport({ status, messages, headers, text }: Parts, depth: number): Promise<Found> {
  const told = status === undefined ? undefined : reportOf(groupsOf(Buffer.from(status)));
  const spoken = answerIn(text);
  const about = {
    report:
      told?.report.diagnostic === undefined && spoken !== undefined ? { ...spoken, ...told?.report } : told?.report,
    arrivedAt: told?.arrivedAt,
  };
  for (const original of messages) {
    const found = await find(plainBytes(original), depth + 1);
    if (found !== undefined) return { ...found, ...about, in: 'report' };
  }
  for (const original of headers) {
    const fields = splitMessage(plainBytes(original))?.fields ?? copiedFields(plainBytes(original))?.fields;
    if (fields !== undefined) return { ...about, in: 'report', fields, body: undefined };
  }
  const fields = copiedFields(Buffer.from(text))?.fields;
  return {
    ...about,
    in: 'report',
    body: undefined,
    ...(fields === undefined ? { fields: [], withoutOriginal: true } : { fields }),
  };
}

/** Groups of fields with empty lines between (RFC 3464 section 2.1). */
function groupsOf(status: Buffer): readonly (readonly Field[])[] {
  return status
    .toString('latin1')
    .replaceAll('\r\n', '\n')
    .split(/\n{2,}/)
    .slice(0, 200)
    .map((group) => splitMessage(Buffer.from(group, 'latin1'))?.fields ?? []);
}

/** Sent by a machine that tells of a message which it could not deliver (RFC 3834, RFC 5321 section 4.5.5). */
function isAutomatic(fields: readonly Field[]): boolean {
  return (
    /^auto-(?:replied|generated)/i.test(valueIn(fields, 'auto-submitted') ?? '') ||
    valueIn(fields, 'return-path') === '<>' ||
    valuesOf(fields, 'x-failed-recipients').length > 0 ||
    /\b(?:mailer-daemon|postmaster)@/i.test(valueIn(fields, 'from') ?? '')
  );
}

/** Reports of servers that write no MIME hold the original as text. */
function inText(body: Buffer): Found | undefined {
  const copied = copiedFields(body);
  if (copied === undefined) return undefined;
  return { in: 'report', fields: copied.fields, body: undefined, report: answerIn(copied.before) };
}

function messageOf({ in: kind, fields, body, report, arrivedAt, withoutOriginal }: Found): MailMessage {
  const from = authorsIn(fields);
  const signatures = signaturesIn(fields);
  const read = (bytes: Uint8Array | undefined): readonly MailSignature[] => {
    const signed: Signed = { fields, body: bytes, hashes: new Map() };
    return signatures
      .slice(0, mostSignatures)
      .map((field) => readSignature(field, signed, (domain) => alignment(domain, from)));
  };
  const all = read(body);
  // Behind a header without a body nobody knows whether one was left out, but for what its signatures say.
  const isEmptyBody = body !== undefined && !hasText(body) && all.some((one) => one.body === 'verifies');
  const received = receivedIn(fields, arrivedAt);
  const messageId = valueIn(fields, 'message-id');
  return {
    in: kind === 'headers' && isEmptyBody ? 'message' : kind,
    ...(messageId === undefined ? {} : { messageId: said(messageId, 250) }),
    from,
    ...(received === undefined ? {} : { received }),
    signatures: hasText(body) || isEmptyBody ? all : read(undefined),
    moreSignatures: Math.max(0, signatures.length - mostSignatures),
    claims: claimsIn(fields),
    ...(report === undefined ? {} : { report }),
    withoutOriginal: withoutOriginal === true,
  };
}

/** Domains of the authors, each once. */
function authorsIn(fields: readonly Field[]): readonly string[] {
  const addresses = valuesOf(fields, 'from').flatMap((value) =>
    addressParser(value.slice(0, 10_000), { flatten: true }).map(({ address = '' }) => address),
  );
  const domains = addresses.flatMap((address) => {
    const domain = normaliseDomainName(address.slice(address.lastIndexOf('@') + 1));
    return address.includes('@') && 'name' in domain ? [domain.name] : [];
  });
  return [...new Set(domains)];
}

/** DMARC, relaxed (RFC 7489 section 3.1.1): both belong to one organization. */
function alignment(domain: string, from: readonly string[]): boolean | undefined {
  return from.length === 0 ? undefined : from.some((one) => organizationOf(one) === organizationOf(domain));
}

function organizationOf(domain: string): string {
  return getDomain(domain, { allowPrivateDomains: true }) ?? domain;
}

function receivedIn(fields: readonly Field[], arrivedAt: string | undefined): MailMessage['received'] {
  const [top] = valuesOf(fields, 'received');
  const at = top === undefined ? undefined : timeOf(top.slice(top.lastIndexOf(';') + 1));
  if (at !== undefined) return { at, where: 'the top Received' };
  const reported = arrivedAt === undefined ? undefined : timeOf(arrivedAt);
  return reported === undefined ? undefined : { at: reported, where: 'Arrival-Date of the report' };
}

/** A time of RFC 5322 section 3.3. Without a zone it is UTC, never the machine's. */
function timeOf(text: string): string | undefined {
  const plain = text
    .replaceAll(/\([^)]*\)/g, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim();
  const hasZone = /(?:[+-]\d{4}|\b[A-Z]{1,4})$/i.test(plain);
  const time = new Date(hasZone ? plain : `${plain} +0000`);
  return Number.isNaN(time.getTime()) || !/\d{4}/.test(plain) ? undefined : time.toISOString();
}
