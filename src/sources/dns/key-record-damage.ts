import { showInvisible } from '../../domain/words.ts';
import type { KeyRecordDamage } from '../../facts/mail-domain/key-record.ts';

interface Damage {
  readonly kind: KeyRecordDamage;
  /** One sentence part, as the problems of a record are. */
  readonly says: string;
}

/** Characters of a TXT string; records that end with a full one were often cut there. */
const stringLength = 255;

/**
 * What made a key record unusable, where its text gives that away. What stands first here hides what stands later: a
 * zone line has quotes, quotes may hold backslashes.
 *
 * @param text the strings of one TXT record that a verifier cannot use, joined
 */
export function damageOf(text: string): Damage | undefined {
  for (const find of finders) {
    const damage = find(text);
    if (damage !== undefined) return damage;
  }
  return undefined;
}

const finders: readonly ((text: string) => Damage | undefined)[] = [
  (text) =>
    text.startsWith('\uFEFF')
      ? { kind: 'byte-order-mark', says: 'a byte order mark (U+FEFF) stands before the first tag' }
      : undefined,
  (text) =>
    /(?:^|\s)(?:IN\s+)?TXT\s*(?:\(|"|v\s*=)/i.test(text)
      ? { kind: 'zone-line', says: 'the whole line of a zone file stands in it, name and type included' }
      : undefined,
  (text) =>
    /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)+\.?$/i.test(text.trim())
      ? {
          kind: 'target-in-txt',
          says: `a host name stands in it as text (${text.trim().slice(0, 120)}), as the target of a CNAME would`,
        }
      : undefined,
  (text) =>
    text.includes('\\;')
      ? {
          kind: 'backslash-semicolon',
          says: 'a backslash stands before its semicolons: the escape of a zone file became part of the text',
        }
      : undefined,
  (text) =>
    text.includes('"')
      ? { kind: 'literal-quotes', says: 'quotation marks stand in it as part of the text' }
      : undefined,
  (text) => {
    const quote = /[\u2018-\u201F\u00AB\u00BB\u2039\u203A\uFF02]/.exec(text)?.[0];
    return quote === undefined
      ? undefined
      : { kind: 'typographic-quotes', says: `typographic quotation marks (${quote}) stand in it as part of the text` };
  },
  (text) =>
    /-----\s*(?:BEGIN|END)/.test(text)
      ? { kind: 'pem-lines', says: 'the BEGIN and END lines of a key file stand in p=' }
      : undefined,
  (text) => {
    const shown = showInvisible(text);
    const hidden = /<U\+[0-9A-F]+>/.exec(shown)?.[0];
    return shown === text || hidden === undefined || /^<U\+000[9AD]>$/.test(hidden)
      ? undefined
      : {
          kind: 'invisible-character',
          says: `a character stands in it that no tag can hold and nobody sees: ${hidden}`,
        };
  },
  missingSemicolon,
  (text) => {
    const [, hashes = ''] = /(?:^|;)\s*h\s*=([^;]*)/.exec(text) ?? [];
    return /(?:rsa|ed25519)-sha/i.test(hashes)
      ? {
          kind: 'signature-algorithm-in-h',
          says: `h=${hashes.trim().slice(0, 40)} names an algorithm of signatures (a=) where the name of a hash belongs`,
        }
      : undefined;
  },
  (text) =>
    /^[A-Za-z0-9+/\s]{40,}={0,2}\s*;?\s*$/.test(text)
      ? {
          kind: 'key-without-tags',
          says: 'the key stands there alone, without v=, k= and p=, or it is the second half of one',
        }
      : undefined,
  (text) =>
    /p\s*=[^;]*(?:\u2026|\.{3})/.test(text)
      ? { kind: 'abbreviated', says: 'p= holds an abbreviated key, with an ellipsis where the rest should be' }
      : undefined,
  cutShort,
];

/** The values of these tags hold no "="; the key holds it at its end alone. `n=` is free text and `g=` obsolete. */
function missingSemicolon(text: string): Damage | undefined {
  for (const spec of text.split(';')) {
    const [, tag = '', value = ''] = /^\s*([vkhstp])\s*=(.*)$/s.exec(spec) ?? [];
    const next = (tag === 'p' ? /\s([vkhstn])\s*=\s*[^=\s]/ : /([vkhstpn])\s*=/).exec(value)?.[1];
    if (next !== undefined)
      return { kind: 'missing-semicolon', says: `a semicolon is missing between ${tag}= and ${next}=` };
  }
  return undefined;
}

/** DER says in its first bytes how long it is. */
function cutShort(text: string): Damage | undefined {
  const [, data] = /(?:^|;)\s*p\s*=([^;]*)$/.exec(text.replace(/;\s*$/, '')) ?? [];
  const packed = data?.replace(/[ \t\r\n]+/g, '') ?? '';
  if (!/^[A-Za-z0-9+/]{8,}={0,2}$/.test(packed)) return undefined;
  const der = Buffer.from(packed, 'base64');
  const wanted = lengthOfDer(der);
  if (wanted === undefined || wanted <= der.length) return undefined;
  const where = text.length % stringLength === 0 ? `, cut after ${text.length} characters` : '';
  return {
    kind: 'cut-short',
    says: `the key in p= ends early${where}: it says that it has ${wanted} bytes, and ${der.length} are there`,
  };
}

function lengthOfDer(der: Buffer): number | undefined {
  if (der[0] !== 0x30 || der[1] === undefined) return undefined;
  if (der[1] < 0x80) return 2 + der[1];
  const size = der[1] & 0x7f;
  return size < 1 || size > 2 || der.length < 2 + size ? undefined : 2 + size + der.readUIntBE(2, size);
}
