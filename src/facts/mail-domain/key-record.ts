import { z } from 'zod';

/** The public key inside a record, decoded. */
const publicKey = z.object({
  algorithm: z.enum(['rsa', 'ed25519']),
  bits: z.number(),
  /** How `p=` holds it: SubjectPublicKeyInfo, a bare PKCS#1 RSAPublicKey (RFC 6376 erratum 3017), or 32 raw bytes (RFC 8463). */
  encoding: z.enum(['spki', 'pkcs1', 'raw']),
  /** SHA-256 of the key in its SubjectPublicKeyInfo form, hexadecimal: equal keys are equal however they are written. */
  fingerprint: z.string(),
});

/** How key records get damaged on their way into a zone, each with a step of its own that mends it. */
export const keyRecordDamages = [
  'backslash-semicolon',
  'literal-quotes',
  'typographic-quotes',
  'byte-order-mark',
  'invisible-character',
  'missing-semicolon',
  'signature-algorithm-in-h',
  'zone-line',
  'target-in-txt',
  'pem-lines',
  'key-without-tags',
  'abbreviated',
  'cut-short',
] as const;
export type KeyRecordDamage = (typeof keyRecordDamages)[number];

/** A DKIM key record as a verifier reads it (RFC 6376 section 3.6.1): what it says, without an opinion. */
export const keyRecord = z.object({
  /** Why a verifier cannot use the record, one sentence each. */
  problems: z.array(z.string()),
  /** What is legal but worth knowing. */
  notes: z.array(z.string()),
  /** `p=` is there and empty. */
  revoked: z.boolean(),
  testMode: z.boolean(),
  key: publicKey.optional(),
  /** What made an unusable record unusable, where the text gives it away; then `problems` says just that. */
  damage: z.enum(keyRecordDamages).optional(),
});

export type KeyRecord = z.infer<typeof keyRecord>;
