import { generateKeyPairSync } from 'node:crypto';

/** The TXT text of a DKIM key as Microsoft publishes it. */
export function dkimKey(bits: number): string {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: bits });
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
