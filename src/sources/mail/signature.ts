// DKIM-Signature fields (RFC 6376 sections 3.5 and 6.1), with the limits of RFC 8301 and Ed25519 of RFC 8463. The header half
// is verified with whatever key record is given; the body half needs no key.
import { createHash, verify } from 'node:crypto';
import { normaliseDomainName } from '../../domain/domain-name.ts';
import { showInvisible } from '../../domain/words.ts';
import type { MailSignature } from '../../facts/mail-domain/message.ts';
import { parseTagList, verificationKeyOf } from '../dns/key-record.ts';
import { type Canonicalization, canonicalBody, canonicalField } from './canonical.ts';
import type { Field } from './fields.ts';

/** What was signed, as far as it is there. */
export interface Signed {
  readonly fields: readonly Field[];
  /** Undefined when it was not handed in. */
  readonly body: Uint8Array | undefined;
  /** Hashes of the body that are known, by how they were made. */
  readonly hashes: Map<string, { readonly hash: string; readonly length: number }>;
}

const requiredTags = ['v', 'a', 'b', 'bh', 'd', 'h', 's'];
const algorithms: Readonly<Record<string, 'rsa' | 'ed25519'>> = { 'rsa-sha256': 'rsa', 'ed25519-sha256': 'ed25519' };

/** Reads one DKIM-Signature field of a message. Never throws, whatever stands there. */
export function readSignature(
  field: Field,
  signed: Signed,
  alignedWith: (domain: string) => boolean | undefined,
): MailSignature {
  const value = field.raw.slice(field.raw.indexOf(':') + 1);
  const { tags, problem: grammar } = parseTagList(value.replaceAll('\r\n', ''));
  const tag = (name: string) => tags.get(name);
  const missing = requiredTags.filter((name) => !tags.has(name));
  const domain = nameOf(tag('d'));
  const selector = (tag('s') ?? '').toLowerCase();
  const algorithm = (tag('a') ?? '').toLowerCase();
  const signedFields = (tag('h') ?? '').split(':').map((name) => name.replaceAll(/[ \t]/g, ''));
  const [headerHow, bodyHow] = canonicalizationsOf(tag('c'));
  const identity = identityOf(tag('i'));
  const bodyLength = numberOf(tag('l'));
  const signedAt = numberOf(tag('t'));
  const expiresAt = numberOf(tag('x'));
  const faults: (string | false | undefined)[] = [
    grammar === undefined ? undefined : `its tags cannot be read: ${grammar}`,
    missing.length > 0 && `it lacks ${missing.map((name) => `${name}=`).join(', ')}`,
    tag('v') !== '1' && `v=${short(tag('v'))} is no version that receivers know`,
    !('name' in domain) && `d=${short(tag('d'))} is no domain`,
    !/^[a-z0-9_]([a-z0-9_.-]{0,250}[a-z0-9_])?$/.test(selector) && `s=${short(tag('s'))} is no selector`,
    algorithm === 'rsa-sha1' && 'it was made with rsa-sha1, which receivers must not accept (RFC 8301 section 3.1)',
    !(algorithm in algorithms) && `a=${short(algorithm)} is no algorithm that receivers know`,
    (headerHow === undefined || bodyHow === undefined) && `c=${short(tag('c'))} is no canonicalization`,
    !signedFields.some((name) => name.toLowerCase() === 'from') &&
      'it does not sign From (h=), so it says nothing of the sender',
    tags.has('l') && bodyLength === undefined && `l=${short(tag('l'))} is no length`,
    (tags.has('t') && signedAt === undefined) || (tags.has('x') && expiresAt === undefined)
      ? 't= or x= is no time'
      : undefined,
    signedAt !== undefined &&
      expiresAt !== undefined &&
      expiresAt <= signedAt &&
      'it expires (x=) before it begins (t=)',
    tags.has('q') &&
      !(tag('q') ?? '').split(':').some((method) => method.trim().toLowerCase() === 'dns/txt') &&
      `q=${short(tag('q'))} is no way to a key that receivers know`,
    identity !== undefined &&
      'name' in domain &&
      identity !== domain.name &&
      !identity.endsWith(`.${domain.name}`) &&
      'i= is not of the domain in d=',
  ];
  const problem = faults.find((fault) => typeof fault === 'string') || undefined;
  const name = 'name' in domain ? domain.name : short(tag('d'));
  return {
    domain: name,
    selector: problem === undefined ? selector : short(selector),
    algorithm: short(algorithm),
    ...(signedAt === undefined ? {} : { signedAt: isoOf(signedAt) }),
    ...(expiresAt === undefined ? {} : { expiresAt: isoOf(expiresAt) }),
    ...(bodyLength === undefined ? {} : { bodyLength }),
    aligned: alignedWith(name),
    ...(problem === undefined ? {} : { problem }),
    body:
      problem === undefined && bodyHow !== undefined ? bodyOf(signed, bodyHow, bodyLength, tag('bh')) : 'not_supplied',
    verifiesWith(keyRecord) {
      const kind = algorithms[algorithm];
      if (problem !== undefined || kind === undefined || headerHow === undefined) return false;
      const record = verificationKeyOf(keyRecord);
      if (record === undefined) return 'the record holds no key that can be used';
      if (record.algorithm !== kind)
        return `it was made with ${algorithm}, but the record holds a key of type ${record.algorithm}`;
      if (record.hashes !== undefined && !record.hashes.includes('sha256'))
        return 'the record (h=) does not allow sha256';
      if (record.strict && identity !== undefined && identity !== name)
        return `the record (t=s) allows the very domain ${name} only, and i= is of ${short(identity)}`;
      const data = Buffer.from(signedHeader(signed.fields, field, signedFields, headerHow), 'latin1');
      const signature = Buffer.from((tag('b') ?? '').replaceAll(/[ \t]/g, ''), 'base64');
      try {
        return kind === 'rsa'
          ? verify('sha256', data, record.key, signature)
          : verify(null, createHash('sha256').update(data).digest(), record.key, signature);
      } catch {
        return false;
      }
    },
  };
}

/** What the signature is over (RFC 6376 section 3.7): of fields of one name the last that is not taken yet; none adds nothing. */
function signedHeader(
  fields: readonly Field[],
  signature: Field,
  names: readonly string[],
  how: Canonicalization,
): string {
  const rest = Map.groupBy(fields, ({ name }) => name);
  const taken = new Map<string, number>();
  const lines = names.flatMap((written) => {
    const name = written.toLowerCase();
    const count = (taken.get(name) ?? 0) + 1;
    taken.set(name, count);
    const field = rest.get(name)?.at(-count);
    return field === undefined ? [] : [`${canonicalField(field.raw, how)}\r\n`];
  });
  return `${lines.join('')}${canonicalField(withoutValue(signature.raw), how)}`;
}

/** The field with an empty `b=`. */
function withoutValue(raw: string): string {
  const colon = raw.indexOf(':') + 1;
  const specs = raw.slice(colon).split(';');
  const emptied = specs.map((spec) => (/^\s*b\s*=/.test(spec) ? spec.slice(0, spec.indexOf('=') + 1) : spec));
  return raw.slice(0, colon) + emptied.join(';');
}

function bodyOf(
  { body, hashes }: Signed,
  how: Canonicalization,
  limit: number | undefined,
  wanted: string | undefined,
): MailSignature['body'] {
  if (body === undefined) return 'not_supplied';
  const key = `${how} ${limit ?? ''}`;
  let found = hashes.get(key);
  if (found === undefined) {
    const bytes = canonicalBody(body, how);
    const hash = createHash('sha256').update(bytes.subarray(0, limit)).digest('base64');
    found = { hash, length: bytes.length };
    hashes.set(key, found);
  }
  const isLongEnough = limit === undefined || limit <= found.length;
  return isLongEnough && found.hash === (wanted ?? '').replaceAll(/[ \t]/g, '') ? 'verifies' : 'differs';
}

function nameOf(text: string | undefined): { name: string } | { problem: string } {
  return normaliseDomainName(Buffer.from(text ?? '', 'latin1').toString('utf8'));
}

function canonicalizationsOf(
  text = 'simple/simple',
): readonly [Canonicalization | undefined, Canonicalization | undefined] {
  const [header = '', body = 'simple', ...more] = text
    .toLowerCase()
    .split('/')
    .map((part) => part.trim());
  const known = (part: string) => (part === 'simple' || part === 'relaxed' ? part : undefined);
  return more.length > 0 ? [undefined, undefined] : [known(header), known(body)];
}

/** The domain of `i=`. */
function identityOf(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const found = normaliseDomainName(text.slice(text.lastIndexOf('@') + 1));
  return 'name' in found ? found.name : '';
}

/** Whole seconds or bytes; up to 12 digits, as RFC 6376 section 3.5 has them at most. */
function numberOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,12}$/.test(text) ? Number(text) : undefined;
}

function isoOf(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}

/** Of what somebody else wrote, no more than a sentence can hold. */
function short(text = ''): string {
  return showInvisible(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}
