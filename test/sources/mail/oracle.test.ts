// mailauth judges the same messages: each with one fault of its own, whole, so that both have everything to go by.
import { dkimVerify } from 'mailauth/lib/dkim/verify.js';
import { describe, expect, it } from 'vitest';
import { readMessage } from '../../../src/sources/mail/read.ts';
import { ed25519Key, plainMessage, rsaKey, type Signing, signed } from './signing.ts';

const now = new Date('2026-11-24T10:00:00Z');
const rsa = rsaKey();
const other = rsaKey();
const ed = ed25519Key();

interface Fault {
  readonly name: string;
  readonly signing?: Partial<Signing>;
  /** What happens to the signed message on its way. */
  readonly change?: (message: string) => string;
  /** The key record that DNS has. */
  readonly record?: string;
}

/** Changes one thing, which has to be there. */
const put = (from: string | RegExp, to: string) => (message: string) => {
  const changed = message.replace(from, to);
  expect(changed).not.toBe(message);
  return changed;
};
const flat = rsa.record;

const faults: readonly Fault[] = [
  { name: 'none' },
  { name: 'Ed25519', signing: { by: ed }, record: ed.record },
  { name: 'Ed25519, body changed', signing: { by: ed }, record: ed.record, change: put('Dear', 'Deer') },
  { name: 'a letter of the body', change: put('agreed', 'agrees') },
  { name: 'spaces at a line’s end', change: put('regards\r\n', 'regards  \r\n') },
  { name: 'a gap of the body wider', change: put('as  agreed', 'as   agreed') },
  { name: 'a gap of the body gone', change: put('as  agreed', 'asagreed') },
  { name: 'empty lines at the end', change: (message) => `${message}\r\n\r\n\r\n` },
  { name: 'a line of spaces at the end', change: (message) => `${message} \t \r\n` },
  { name: 'no line end at the end', change: (message) => message.replace(/(?:\r\n)+$/, '') },
  { name: 'an empty line inside', change: put('as  agreed', '\r\nas  agreed') },
  { name: 'a footer', change: (message) => `${message}-- \r\nScanned.\r\n` },
  { name: 'a signed field changed', change: put('The  offer', '[EXTERN] The  offer') },
  { name: 'a signed field folded otherwise', change: put('The  offer\r\n for', 'The  offer for') },
  { name: 'a signed field with wider gaps', change: put('The  offer', 'The    offer') },
  { name: 'a name in capitals', change: put('\r\nTo:', '\r\nTO:') },
  { name: 'a space before a colon', change: put('\r\nTo:', '\r\nTo :') },
  { name: 'no space behind a colon', change: put('\r\nTo: ', '\r\nTo:') },
  { name: 'a field taken out', change: put(/\r\nMessage-ID: [^\r]*/, '') },
  { name: 'fields in another order', change: put(/(\r\nFrom: [^\r]*)(\r\nTo: [^\r]*)/, '$2$1') },
  { name: 'an unsigned field more', change: put('\r\nFrom:', '\r\nX-Spam: no\r\nFrom:') },
  { name: 'an unsigned field changed', change: put('charset=utf-8', 'charset="utf-8"') },
  { name: 'a second Subject above', change: put('\r\nFrom:', '\r\nSubject: Win\r\nFrom:') },
  { name: 'a second Subject below', change: put('\r\nMIME-Version:', '\r\nSubject: Win\r\nMIME-Version:') },
  {
    name: 'a second Subject above, oversigned',
    signing: { fields: ['From', 'From', 'Subject', 'Subject', 'Date'] },
    change: put('\r\nFrom:', '\r\nSubject: Win\r\nFrom:'),
  },
  { name: 'oversigned', signing: { fields: ['From', 'From', 'To', 'To', 'Subject', 'Subject'] } },
  { name: 'fields signed that are not there', signing: { fields: ['From', 'Cc', 'Reply-To', 'List-Id', 'Date'] } },
  {
    name: 'a field added that was signed as missing',
    signing: { fields: ['From', 'Reply-To', 'Date'] },
    change: put('\r\nTo:', '\r\nReply-To: <eve@fabrikam.com>\r\nTo:'),
  },
  { name: 'both Received signed twice', signing: { fields: ['From', 'Received', 'Received'] } },
  { name: 'l= and more behind it', signing: { length: 12 }, change: (message) => `${message}More.\r\n` },
  { name: 'l= and a change within', signing: { length: 12 }, change: put('Dear', 'Deer') },
  { name: 'l=0', signing: { length: 0 }, change: put('Dear', 'Deer') },
  { name: 'the hash of another body', signing: { tags: { bh: '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=' } } },
  { name: 'a letter of b=', change: put(/b=(.{10})./, 'b=$1!') },
  { name: 'b= without its folds', change: (message) => message.replaceAll('\r\n  ', '') },
  { name: 'another key in DNS', record: other.record },
  { name: 'a revoked key', record: 'v=DKIM1; p=' },
  { name: 'a key of another kind', record: ed.record },
  { name: 'a key for sha1 only', record: `${flat}; h=sha1` },
  { name: 'a key for sha1 and sha256', record: `${flat}; h=sha1:sha256` },
  { name: 'a key for other services', record: `${flat}; s=tlsrpt` },
  { name: 'i= of a subdomain', signing: { tags: { i: '@mail.contoso.com' } } },
  { name: 'i= of a subdomain, t=s', signing: { tags: { i: '@mail.contoso.com' } }, record: `${flat}; t=s` },
  { name: 'i= of the domain, t=s', signing: { tags: { i: 'adele@contoso.com' } }, record: `${flat}; t=s` },
  { name: 'i= of somebody else', signing: { tags: { i: '@fabrikam.com' } } },
  { name: 'expired', signing: { tags: { x: '1795500100' } } },
  { name: 'not yet expired', signing: { tags: { x: '1796000000' } } },
  { name: 'expired before it began', signing: { tags: { x: '1795400000' } } },
  { name: 'From not signed', signing: { fields: ['To', 'Subject'] } },
  { name: 'v=2', signing: { tags: { v: '2' } } },
  { name: 'rsa-sha1', signing: { tags: { a: 'rsa-sha1' } } },
  { name: 'an algorithm nobody knows', signing: { tags: { a: 'rsa-sha512' } } },
  { name: 'a canonicalization nobody knows', signing: { tags: { c: 'nofws/simple' } } },
  { name: 'without bh=', signing: { tags: { bh: undefined } } },
  { name: 'without h=', signing: { tags: { h: undefined } } },
  { name: 'tags that nobody knows', signing: { tags: { y: 'whatever', z: 'From:adele@contoso.com' } } },
  { name: 'q=dns/txt', signing: { tags: { q: 'dns/txt' } } },
  { name: 'q= of another way', signing: { tags: { q: 'https' } } },
];

const bodies = [
  'Dear Ben,\r\n\r\nas  agreed \r\nwith regards\r\n',
  'Dear Ben,\r\nas  agreed, ünïcode\twith\t\ttabs\r\n \r\nwith regards\r\n\r\n\r\n',
];
const ways = ['simple/simple', 'simple/relaxed', 'relaxed/simple', 'relaxed/relaxed'];

/** What mailauth says of each signature, in their order. */
async function oracle(message: string, records: Readonly<Record<string, string>>): Promise<boolean[]> {
  const { results } = await dkimVerify(message, {
    strict: true,
    curTime: now,
    resolver: async (name: string) => {
      const text = records[name.split('.')[0] ?? ''];
      if (text === undefined) throw Object.assign(new Error('none'), { code: 'ENOTFOUND' });
      return [[text]];
    },
  });
  return results.map(({ status }) => status.result === 'pass');
}

async function ours(message: string, records: Readonly<Record<string, string>>): Promise<boolean[]> {
  const { signatures } = await readMessage('message', Buffer.from(message));
  return signatures.map(
    ({ problem, body, selector, verifiesWith, expiresAt = '9999' }) =>
      problem === undefined &&
      body === 'verifies' &&
      expiresAt >= now.toISOString() &&
      verifiesWith(records[selector] ?? '') === true,
  );
}

describe('mailauth and we agree', () => {
  const cases = faults.flatMap((fault) => ways.map((how, index) => ({ fault, how, body: bodies[index % 2] })));

  it(`on ${cases.length} messages with one fault each`, async () => {
    expect(cases.length).toBeGreaterThanOrEqual(200);
    const differences: string[] = [];
    let passed = 0;
    for (const { fault, how, body = '' } of cases) {
      const records = { selector1: fault.record ?? rsa.record };
      const message = (fault.change ?? String)(signed(plainMessage({ body }), { by: rsa, how, ...fault.signing }));
      const [theirs] = await oracle(message, records);
      const [own] = await ours(message, records);
      if (own === true) passed++;
      if (theirs !== own) differences.push(`${fault.name}, ${how}: mailauth ${theirs}, ours ${own}`);
    }
    expect(differences).toEqual([]);
    // Neither says the same of all.
    expect(passed).toBeGreaterThan(60);
    expect(cases.length - passed).toBeGreaterThan(60);
  });

  it('on two signatures of which one is broken', async () => {
    const records = { selector1: rsa.record, selector2: ed.record };
    const once = signed(plainMessage(), { by: rsa, fields: ['From', 'To', 'Date'] });
    const twice = signed(once, { by: ed, selector: 'selector2', how: 'simple/simple' });
    for (const message of [twice, twice.replace('as  agreed', 'as   agreed'), twice.replace('The  offer', 'Offer')]) {
      const own = await ours(message, records);
      expect(own).toEqual(await oracle(message, records));
      expect(own).toHaveLength(2);
    }
    expect(await ours(twice, records)).toEqual([true, true]);
    expect(await ours(twice.replace('as  agreed', 'as   agreed'), records)).toEqual([false, true]);
  });

  it('but not on a length beyond the end, which RFC 6376 section 3.5 forbids and mailauth lets pass', async () => {
    const records = { selector1: rsa.record };
    const message = signed(plainMessage(), { by: rsa, tags: { l: '4000' } });
    expect(await oracle(message, records)).toEqual([true]);
    expect(await ours(message, records)).toEqual([false]);
  });

  it('on an empty body, and on line ends of files', async () => {
    const records = { selector1: rsa.record };
    for (const how of ways) {
      const message = signed(plainMessage({ body: '' }), { by: rsa, how });
      expect(await ours(message, records)).toEqual([true]);
      expect(await oracle(message, records)).toEqual([true]);
      const whole = signed(plainMessage(), { by: rsa, how });
      // As a file of Unix, and as one that somebody edited half.
      expect(await ours(whole.replaceAll('\r\n', '\n'), records)).toEqual([true]);
      expect(await ours(whole.replace('Dear Ben,\r\n', 'Dear Ben,\n'), records)).toEqual([true]);
    }
  });
});
