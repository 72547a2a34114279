import { createPublicKey, randomBytes } from 'node:crypto';

/** The TXT text of a DKIM key as Microsoft publishes it. Nobody signs with it, so its modulus need be no product of primes. */
export function dkimKey(bits: number): string {
  const modulus = randomBytes(bits / 8);
  modulus.writeUInt8(modulus.readUInt8(0) | 0x80, 0);
  modulus.writeUInt8(modulus.readUInt8(modulus.length - 1) | 1, modulus.length - 1);
  const publicKey = createPublicKey({
    key: { kty: 'RSA', n: modulus.toString('base64url'), e: 'AQAB' },
    format: 'jwk',
  });
  return `v=DKIM1; k=rsa; p=${publicKey.export({ type: 'spki', format: 'der' }).toString('base64')};`;
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
