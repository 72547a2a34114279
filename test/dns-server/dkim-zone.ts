import { createPublicKey, type KeyObject, randomBytes } from 'node:crypto';

/** A public key with which nobody signs, so that its modulus need be no product of primes: those take seconds to find. */
export function publicRsaKey(bits: number, exponent = 65_537): KeyObject {
  const modulus = randomBytes(bits / 8);
  modulus.writeUInt8(modulus.readUInt8(0) | 0x80, 0);
  modulus.writeUInt8(modulus.readUInt8(modulus.length - 1) | 1, modulus.length - 1);
  const e = Buffer.from(exponent.toString(16).padStart(6, '0'), 'hex').toString('base64url');
  return createPublicKey({ key: { kty: 'RSA', n: modulus.toString('base64url'), e }, format: 'jwk' });
}

/** The TXT text of such a key as Microsoft publishes it. */
export function dkimKey(bits: number): string {
  return `v=DKIM1; k=rsa; p=${publicRsaKey(bits).export({ type: 'spki', format: 'der' }).toString('base64')};`;
}

/** The character-strings of a TXT record, of 255 bytes and what is left, as Microsoft cuts them. */
export function txtStrings(text: string): string[] {
  return text.match(/.{1,255}/gs) ?? [''];
}

/** A TXT record's data in a master file. */
export function txtData(text: string): string {
  return txtStrings(text)
    .map((part) => `"${part}"`)
    .join(' ');
}
