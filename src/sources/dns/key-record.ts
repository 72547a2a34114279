import { createPublicKey, hash, type KeyObject } from 'node:crypto';
import { showInvisible } from '../../domain/words.ts';
import type { KeyRecord } from '../../facts/mail-domain/key-record.ts';
import { damageOf } from './key-record-damage.ts';

/** DER prefix that turns 32 raw bytes into the SubjectPublicKeyInfo of an Ed25519 key (RFC 8410 section 4). */
const ed25519Prefix = fromHex('302a300506032b6570032100');

/**
 * The RSA keys that Exchange Online publishes, in DER: two keys of one length with exponent 65537 differ in nothing but
 * the modulus between these bytes, so OpenSSL is asked only about others. That halves what a domain costs.
 */
const usualRsaKeys = [
  { bits: 2048, head: fromHex('30820122300d06092a864886f70d01010105000382010f003082010a0282010100') },
  { bits: 1024, head: fromHex('30819f300d06092a864886f70d010101050003818d0030818902818100') },
];
const usualExponent = fromHex('0203010001');

/** What base64 may hold once the folding whitespace is out (RFC 6376 section 3.2). */
const base64 = /^[A-Za-z0-9+/]*={0,2}$/;

/**
 * Reads a DKIM key record as a verifier does: tag-list grammar of RFC 6376 section 3.2, tags of section 3.6.1, limits of
 * RFC 8301, Ed25519 of RFC 8463. Never throws, whatever the text.
 *
 * @param text the strings of one TXT record, joined without a separator (RFC 6376 section 3.6.2.2)
 */
export function parseKeyRecord(text: string): KeyRecord {
  const read = readTags(text);
  const damage = read.problems.length === 0 ? undefined : damageOf(text);
  return damage === undefined ? read : { ...read, problems: [damage.says], damage: damage.kind };
}

function readTags(text: string): KeyRecord {
  const { tags, order, problem } = parseTagList(text);
  if (problem !== undefined) return unusable(problem);
  const notes: string[] = [];
  const problems: string[] = [];

  const version = tags.get('v');
  if (version !== undefined && order[0] !== 'v')
    problems.push('the tag v= is not the first one (RFC 6376 section 3.6.1)');
  if (version !== undefined && version !== 'DKIM1')
    problems.push(`v=${shorten(version)} is not DKIM1 (RFC 6376 section 3.6.1)`);

  const hashes = list(tags.get('h'));
  if (hashes !== undefined && !hashes.includes('sha256')) {
    problems.push(
      `h=${shorten(hashes.join(':'))} leaves out sha256, and rsa-sha1 must not be used (RFC 8301 section 3.1)`,
    );
  }
  const services = list(tags.get('s'));
  if (services !== undefined && !services.includes('*') && !services.includes('email')) {
    problems.push(`s=${shorten(services.join(':'))} does not allow the key for e-mail (RFC 6376 section 3.6.1)`);
  }
  const flags = list(tags.get('t')) ?? [];
  for (const tag of order) {
    if (tag === 'g') notes.push('the tag g= is obsolete (RFC 6376 ignores it)');
    else if (tag === 'n') notes.push(`its owner remarks: n=${shorten(tags.get('n') ?? '')}`);
    else if (!knownTags.has(tag)) notes.push(`unknown tag ${shorten(tag)}= (verifiers ignore it)`);
  }

  const keyType = tags.get('k') ?? 'rsa';
  const data = tags.get('p')?.replace(foldingSpace, '');
  const base = { notes, testMode: flags.includes('y') };
  if (data === undefined)
    return { ...base, problems: [...problems, 'the tag p= is missing (RFC 6376 section 3.6.1)'], revoked: false };
  if (data === '') return { ...base, problems, revoked: true };
  if (keyType !== 'rsa' && keyType !== 'ed25519') {
    return {
      ...base,
      problems: [...problems, `k=${shorten(keyType)} is no key type that verifiers know`],
      revoked: false,
    };
  }
  const der = Buffer.from(data, 'base64');
  // Nearly every key is written as it is encoded; to look at each of its letters costs ten times as much.
  const isBase64 = der.toString('base64') === data || base64.test(data);
  const decoded = isBase64 ? decodeKey(keyType, der) : 'p= is not base64';
  if (typeof decoded === 'string') return { ...base, problems: [...problems, decoded], revoked: false };
  if (decoded.encoding === 'pkcs1')
    notes.push('p= is a bare RSA key (RFC 6376 erratum 3017); some verifiers want SubjectPublicKeyInfo');
  return { ...base, problems, revoked: false, key: decoded };
}

/** A key record as a signature is verified with it. */
export interface VerificationKey {
  readonly key: KeyObject;
  readonly algorithm: 'rsa' | 'ed25519';
  /** `h=`; every hash when left out. */
  readonly hashes: readonly string[] | undefined;
  /** `t=s`: the identity (`i=`) has to be of the very domain. */
  readonly strict: boolean;
}

/** The key of a record that {@link parseKeyRecord} has nothing against; undefined where it has. */
export function verificationKeyOf(text: string): VerificationKey | undefined {
  const { key: found, problems } = parseKeyRecord(text);
  if (found === undefined || problems.length > 0) return undefined;
  const { tags } = parseTagList(text);
  const data = Buffer.from(tags.get('p')?.replace(foldingSpace, '') ?? '', 'base64');
  const key =
    found.encoding === 'raw' ? read(Buffer.concat([ed25519Prefix, data]), 'spki') : read(data, found.encoding);
  if (key === undefined) return undefined;
  return {
    key,
    algorithm: found.algorithm,
    hashes: list(tags.get('h')),
    strict: list(tags.get('t'))?.includes('s') === true,
  };
}

/** Tags with a meaning (RFC 6376 section 3.6.1). */
const knownTags: ReadonlySet<string> = new Set(['v', 'h', 'k', 'n', 'p', 's', 't']);

function unusable(problem: string): KeyRecord {
  return { problems: [problem], notes: [], revoked: false, testMode: false };
}

/** Spaces, tabs and line breaks only: what else Unicode calls a space is part of the value (RFC 6376 section 2.8). */
const foldingSpace = /[ \t\r\n]+/g;

/** Without folding space at both ends. No regular expression: one for the end takes quadratic time on what DNS may hold. */
function trimmed(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isFoldingSpace(text.charCodeAt(start))) start++;
  while (end > start && isFoldingSpace(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function isFoldingSpace(code: number): boolean {
  return code === 0x20 || code === 0x09 || code === 0x0d || code === 0x0a;
}

const tagName = /^[A-Za-z][A-Za-z0-9_]*$/;

/** RFC 6376 section 3.2. A trailing semicolon is allowed, an empty tag elsewhere is not; a duplicate tag spoils the list. */
export function parseTagList(text: string): {
  tags: ReadonlyMap<string, string>;
  order: readonly string[];
  problem?: string;
} {
  const tags = new Map<string, string>();
  const order: string[] = [];
  const specs = text.split(';');
  if (trimmed(specs.at(-1) ?? '') === '') specs.pop();
  if (specs.length === 0) return { tags, order, problem: 'the record is empty' };
  for (const untrimmed of specs) {
    const spec = trimmed(untrimmed);
    if (spec === '')
      return { tags, order, problem: 'a semicolon follows where a tag should be (RFC 6376 section 3.2)' };
    const equals = spec.indexOf('=');
    const name = trimmed(equals < 0 ? spec : spec.slice(0, equals));
    if (equals < 0 || !tagName.test(name)) {
      return { tags, order, problem: `"${shorten(spec)}" is no tag=value pair (RFC 6376 section 3.2)` };
    }
    if (tags.has(name))
      return { tags, order, problem: `the tag ${shorten(name)}= stands there twice (RFC 6376 section 3.2)` };
    tags.set(name, trimmed(spec.slice(equals + 1)));
    order.push(name);
  }
  return { tags, order };
}

function list(value: string | undefined): readonly string[] | undefined {
  return value?.split(':').map(trimmed);
}

/** @returns the key, or a sentence that says why it is none */
function decodeKey(keyType: 'rsa' | 'ed25519', der: Buffer): NonNullable<KeyRecord['key']> | string {
  if (keyType === 'ed25519') {
    if (der.length !== 32) return `k=ed25519 needs 32 raw bytes in p=, there are ${der.length} (RFC 8463 section 4)`;
    const spki = Buffer.concat([ed25519Prefix, der]);
    return { algorithm: 'ed25519', bits: 256, encoding: 'raw', fingerprint: fingerprint(spki) };
  }
  const usual = usualRsaBits(der);
  if (usual !== undefined) return { algorithm: 'rsa', bits: usual, encoding: 'spki', fingerprint: fingerprint(der) };
  for (const encoding of ['spki', 'pkcs1'] as const) {
    const key = read(der, encoding);
    if (key === undefined) continue;
    if (key.asymmetricKeyType !== 'rsa') return `p= holds a key of type ${key.asymmetricKeyType ?? 'unknown'}, not rsa`;
    const bits = key.asymmetricKeyDetails?.modulusLength;
    if (bits === undefined) return 'p= holds an RSA key without modulus';
    const spki = encoding === 'spki' ? der : key.export({ type: 'spki', format: 'der' });
    return { algorithm: 'rsa', bits, encoding, fingerprint: fingerprint(spki) };
  }
  return 'p= is no RSA public key (neither SubjectPublicKeyInfo nor PKCS#1)';
}

/** Length of the modulus of one of the {@link usualRsaKeys}; undefined for whatever looks different. */
function usualRsaBits(der: Buffer): number | undefined {
  return usualRsaKeys.find(({ bits, head }) => {
    const end = head.length + bits / 8;
    return (
      der.length === end + usualExponent.length &&
      der.compare(head, 0, head.length, 0, head.length) === 0 &&
      der.compare(usualExponent, 0, usualExponent.length, end) === 0 &&
      (der[head.length] ?? 0) >= 0x80
    );
  })?.bits;
}

function fromHex(hex: string): Buffer {
  return Buffer.from(hex, 'hex');
}

function read(der: Buffer, type: 'spki' | 'pkcs1'): KeyObject | undefined {
  try {
    return createPublicKey({ key: der, format: 'der', type });
  } catch {
    return undefined;
  }
}

function fingerprint(spki: Buffer): string {
  return hash('sha256', spki, 'hex');
}

function shorten(text: string): string {
  return showInvisible(text.length > 40 ? `${text.slice(0, 40)}…` : text);
}
