// What a key looks like: fck_<10 id>_<43 random><6 CRC32>, so that scanners find one that leaked and a typing error costs
// no look-up.
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { crc32 } from 'node:zlib';

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const [idLength, secretLength, sumLength] = [10, 43, 6];
const form = new RegExp(`^fck_([0-9A-Za-z]{${idLength}})_[0-9A-Za-z]{${secretLength}}[0-9A-Za-z]{${sumLength}}$`);

/** Whether somebody meant to send a key of ours. */
export function isMeantAsKey(text: string): boolean {
  return text.startsWith('fck_');
}

/** @returns a new key, which nobody can make again, and the id by which it is found; 256 bits of it are random */
export function makeKey(): { readonly id: string; readonly text: string } {
  const id = randomText(idLength);
  const start = `fck_${id}_${randomText(secretLength)}`;
  return { id, text: `${start}${checksum(start)}` };
}

/** The id in a key; undefined when it is none, or was mistyped. */
export function idOfKey(text: string): string | undefined {
  const id = form.exec(text)?.[1];
  return text.slice(-sumLength) === checksum(text.slice(0, -sumLength)) ? id : undefined;
}

/** SHA-256, in hexadecimal. */
export function hashOfKey(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

export function isSameHash(one: string, other: string): boolean {
  const [a, b] = [one, other].map((hash) => Buffer.from(hash, 'hex')) as [Buffer, Buffer];
  return a.length === b.length && timingSafeEqual(a, b);
}

function checksum(start: string): string {
  let left = crc32(start);
  let text = '';
  for (let digit = 0; digit < sumLength; digit += 1) {
    text = alphabet.charAt(left % alphabet.length) + text;
    left = Math.floor(left / alphabet.length);
  }
  return text;
}

/** Each character as likely as any other: bytes that would favour the first ones are left out. */
function randomText(length: number): string {
  let text = '';
  while (text.length < length) {
    for (const byte of randomBytes(length)) {
      if (byte < 256 - (256 % alphabet.length) && text.length < length) text += alphabet.charAt(byte % alphabet.length);
    }
  }
  return text;
}
