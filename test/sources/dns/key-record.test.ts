import { createPublicKey, generateKeyPairSync, hash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { KeyRecord } from '../../../src/facts/mail-domain/key-record.ts';
import { parseKeyRecord } from '../../../src/sources/dns/key-record.ts';
import { anyText } from '../../any-text.ts';
import { publicRsaKey } from '../../dns-server/dkim-zone.ts';

function rsa(bits: number, encoding: 'spki' | 'pkcs1' = 'spki', exponent = 65_537): string {
  return publicRsaKey(bits, exponent).export({ type: encoding, format: 'der' }).toString('base64');
}

/** One that somebody could sign with. */
const key2048 = generateKeyPairSync('rsa', { modulusLength: 2048 })
  .publicKey.export({ type: 'spki', format: 'der' })
  .toString('base64');
const ed25519Spki = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'der' });
const ed25519Raw = ed25519Spki.subarray(-32);
const p256 = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  .publicKey.export({ type: 'spki', format: 'der' })
  .toString('base64');

const sha256 = (der: Uint8Array) => hash('sha256', der, 'hex');
const usable: Partial<KeyRecord> = {
  problems: [],
  revoked: false,
  testMode: false,
  key: { algorithm: 'rsa', bits: 2048, encoding: 'spki', fingerprint: sha256(Buffer.from(key2048, 'base64')) },
};

describe('records that verifiers can use', () => {
  it.each([
    ['as Exchange Online writes it', `v=DKIM1; k=rsa; p=${key2048};`],
    ['without the last semicolon', `v=DKIM1; k=rsa; p=${key2048}`],
    ['with space after the last semicolon', `v=DKIM1; k=rsa; p=${key2048}; \t`],
    ['without v=', `k=rsa; p=${key2048}`],
    ['without k=', `v=DKIM1; p=${key2048}`],
    ['p= before k=', `v=DKIM1; p=${key2048}; k=rsa`],
    ['tabs and spaces around tags and =', ` v \t= DKIM1 ;\tk = rsa\t; p = ${key2048} ;`],
    ['whitespace inside p=', `v=DKIM1; p=${key2048.slice(0, 60)} \r\n\t${key2048.slice(60)}`],
    ['h=sha256', `v=DKIM1; h=sha256; p=${key2048}`],
    ['h=sha1:sha256', `v=DKIM1; h=sha1:sha256; p=${key2048}`],
    ['h= with a hash nobody knows', `v=DKIM1; h=sha256:foo; p=${key2048}`],
    ['s=*', `v=DKIM1; s=*; p=${key2048}`],
    ['s=email', `v=DKIM1; s=email; p=${key2048}`],
    ['s=email:tlsrpt', `v=DKIM1; s=email : tlsrpt; p=${key2048}`],
    ['t=s', `v=DKIM1; t=s; p=${key2048}`],
    ['t= with a flag nobody knows', `v=DKIM1; t=foo; p=${key2048}`],
  ])('%s', (_, text) => {
    expect(parseKeyRecord(text)).toEqual({ ...usable, notes: [] });
  });

  it.each([
    ['an unknown tag', `v=DKIM1; x=1; p=${key2048}`, 'unknown tag x= (verifiers ignore it)'],
    ['the obsolete g=', `v=DKIM1; g=*; p=${key2048}`, 'the tag g= is obsolete (RFC 6376 ignores it)'],
    ['a tag name in upper case', `v=DKIM1; K=ed25519; p=${key2048}`, 'unknown tag K= (verifiers ignore it)'],
    ['notes', `v=DKIM1; n=made in May; p=${key2048}`, 'its owner remarks: n=made in May'],
  ])('%s is worth a remark', (_, text, note) => {
    expect(parseKeyRecord(text)).toEqual({ ...usable, notes: [note] });
  });

  it.each(['t=y', 't=y:s', 't= s : y'])('%s is test mode', (flags) => {
    expect(parseKeyRecord(`v=DKIM1; ${flags}; p=${key2048}`)).toEqual({ ...usable, testMode: true, notes: [] });
  });

  it('a bare RSA key, with the remark that some verifiers reject it; equal to its other form', () => {
    const der = Buffer.from(key2048, 'base64');
    const bare = createPublicKey({ key: der, format: 'der', type: 'spki' }).export({ type: 'pkcs1', format: 'der' });
    expect(parseKeyRecord(`v=DKIM1; p=${bare.toString('base64')}`)).toEqual({
      ...usable,
      key: { ...usable.key, encoding: 'pkcs1' },
      notes: ['p= is a bare RSA key (RFC 6376 erratum 3017); some verifiers want SubjectPublicKeyInfo'],
    });
  });

  it('Ed25519 as 32 raw bytes', () => {
    expect(parseKeyRecord(`v=DKIM1; k=ed25519; p=${ed25519Raw.toString('base64')}`)).toMatchObject({
      problems: [],
      key: { algorithm: 'ed25519', bits: 256, encoding: 'raw', fingerprint: sha256(ed25519Spki) },
    });
  });

  it.each([512, 768, 1024, 2048, 3072, 4096])('an RSA key of %i bits', (bits) => {
    const text = rsa(bits);
    const { problems, key } = parseKeyRecord(`v=DKIM1; k=rsa; p=${text}`);
    expect(problems).toEqual([]);
    expect(key).toEqual({
      algorithm: 'rsa',
      bits,
      encoding: 'spki',
      fingerprint: sha256(Buffer.from(text, 'base64')),
    });
  });

  it('an RSA key with another exponent', () => {
    expect(parseKeyRecord(`v=DKIM1; p=${rsa(2048, 'spki', 3)}`)).toMatchObject({ problems: [], key: { bits: 2048 } });
  });

  it('a key whose length says 2048 bits, but whose number is smaller', () => {
    const der = Buffer.from(key2048, 'base64');
    der[33] = 0x7f;
    expect(parseKeyRecord(`p=${der.toString('base64')}`).key?.bits).not.toBe(2048);
  });
});

describe('records that verifiers cannot use', () => {
  const noKey = 'p= is no RSA public key (neither SubjectPublicKeyInfo nor PKCS#1)';
  it.each<readonly [string, string]>([
    ...['DKIM0', 'DKIM2', 'DKIM3', 'dkim1'].map(
      (version) => [`v=${version}; p=${key2048}`, `v=${version} is not DKIM1 (RFC 6376 section 3.6.1)`] as const,
    ),
    [`k=rsa; v=DKIM1; p=${key2048}`, 'the tag v= is not the first one (RFC 6376 section 3.6.1)'],
    ['v=DKIM1; k=rsa', 'the tag p= is missing (RFC 6376 section 3.6.1)'],
    [`v=DKIM1; P=${key2048}`, 'the tag p= is missing (RFC 6376 section 3.6.1)'],
    [`v=DKIM1; p=${key2048}; p=${key2048}`, 'the tag p= stands there twice (RFC 6376 section 3.2)'],
    [`v=DKIM1; x=1; p=${key2048}; x=2`, 'the tag x= stands there twice (RFC 6376 section 3.2)'],
    [`v=DKIM1; t; p=${key2048}`, '"t" is no tag=value pair (RFC 6376 section 3.2)'],
    [`v=DKIM1;; p=${key2048}`, 'a semicolon follows where a tag should be (RFC 6376 section 3.2)'],
    [`v=DKIM1; p=${key2048};;`, 'a semicolon follows where a tag should be (RFC 6376 section 3.2)'],
    ['', 'the record is empty'],
    ['v=DKIM1; p=not*base64', 'p= is not base64'],
    [`v=DKIM1; k=rsa; p=${ed25519Raw.toString('base64')}`, noKey],
    [`v=DKIM1; k=rsa; p=${p256}`, 'p= holds a key of type ec, not rsa'],
    [`v=DKIM1; k=foobar; p=${key2048}`, 'k=foobar is no key type that verifiers know'],
    [`v=DKIM1; k=ed25519; p=${key2048}`, 'k=ed25519 needs 32 raw bytes in p=, there are 294 (RFC 8463 section 4)'],
    [
      `v=DKIM1; k=ed25519; p=${ed25519Spki.toString('base64')}`,
      'k=ed25519 needs 32 raw bytes in p=, there are 44 (RFC 8463 section 4)',
    ],
    ...[31, 33].map(
      (bytes) =>
        [
          `v=DKIM1; k=ed25519; p=${Buffer.alloc(bytes, 7).toString('base64')}`,
          `k=ed25519 needs 32 raw bytes in p=, there are ${bytes} (RFC 8463 section 4)`,
        ] as const,
    ),
    [`v=DKIM1; h=sha1; p=${key2048}`, 'h=sha1 leaves out sha256, and rsa-sha1 must not be used (RFC 8301 section 3.1)'],
    [`v=DKIM1; h=foo; p=${key2048}`, 'h=foo leaves out sha256, and rsa-sha1 must not be used (RFC 8301 section 3.1)'],
    [`v=DKIM1; s=chat; p=${key2048}`, 's=chat does not allow the key for e-mail (RFC 6376 section 3.6.1)'],
    [`v=DKIM1; s=tlsrpt; p=${key2048}`, 's=tlsrpt does not allow the key for e-mail (RFC 6376 section 3.6.1)'],
  ])('%.60s', (text, problem) => {
    const { problems, revoked } = parseKeyRecord(text);
    expect(problems).toEqual([problem]);
    expect(revoked).toBe(false);
  });

  it('a lone SPF text', () => {
    expect(parseKeyRecord('v=spf1 include:spf.protection.outlook.com -all').problems).toEqual([
      'v=spf1 include:spf.protection.outlook.com … is not DKIM1 (RFC 6376 section 3.6.1)',
      'the tag p= is missing (RFC 6376 section 3.6.1)',
    ]);
  });

  it('a space that only Unicode knows is no folding space', () => {
    expect(parseKeyRecord('v=DKIM1; p=\u00a0')).toMatchObject({
      problems: ['a character stands in it that no tag can hold and nobody sees: <U+00A0>'],
      revoked: false,
    });
  });
});

describe('damage', () => {
  const good = `v=DKIM1; k=rsa; p=${key2048}`;
  it.each<readonly [string, string, string]>([
    ['backslash-semicolon', good.replaceAll(';', '\\;'), 'a backslash stands before its semicolons'],
    ['literal-quotes', `"${good}"`, 'quotation marks stand in it as part of the text'],
    ['literal-quotes', `${good.slice(0, 200)}" "${good.slice(200)}`, 'quotation marks stand in it as part of the text'],
    ['typographic-quotes', `“${good}”`, 'typographic quotation marks (“) stand in it'],
    ['byte-order-mark', `\uFEFF${good}`, 'a byte order mark (U+FEFF) stands before the first tag'],
    ['invisible-character', good.replace('p=', 'p=\u200B'), 'nobody sees: <U+200B>'],
    ['missing-semicolon', good.replace('rsa; ', 'rsa '), 'a semicolon is missing between k= and p='],
    ['missing-semicolon', `v=DKIM1, k=rsa, p=${key2048}`, 'a semicolon is missing between v= and k='],
    ['missing-semicolon', `v=DKIM1; h=sha256 p=${key2048}`, 'a semicolon is missing between h= and p='],
    ['missing-semicolon', `v=DKIM1; p=${key2048} t=s`, 'a semicolon is missing between p= and t='],
    [
      'signature-algorithm-in-h',
      `v=DKIM1; h=rsa-sha256; p=${key2048}`,
      'h=rsa-sha256 names an algorithm of signatures',
    ],
    ['zone-line', `selector1._domainkey IN TXT ( "${good}" )`, 'the whole line of a zone file stands in it'],
    [
      'zone-line',
      `selector1._domainkey.contoso.com. 3600 IN TXT ${good}`,
      'the whole line of a zone file stands in it',
    ],
    ['target-in-txt', 'selector1-contoso-com._domainkey.contoso.onmicrosoft.com', 'a host name stands in it as text'],
    ['pem-lines', `v=DKIM1; p=-----BEGIN PUBLIC KEY-----${key2048}-----END PUBLIC KEY-----`, 'BEGIN and END lines'],
    ['key-without-tags', key2048, 'the key stands there alone'],
    ['abbreviated', `v=DKIM1; k=rsa; p=${key2048.slice(0, 20)}...${key2048.slice(-20)}`, 'with an ellipsis'],
    ['cut-short', good.slice(0, 255), 'ends early, cut after 255 characters: it says that it has 294 bytes, and '],
    [
      'cut-short',
      `v=DKIM1; p=${key2048.slice(0, 200)}`,
      'the key in p= ends early: it says that it has 294 bytes, and 150 are',
    ],
  ])('%s is named', (damage, text, problem) => {
    const says = parseKeyRecord(text);
    expect(says.damage).toBe(damage);
    expect(says.problems).toEqual([expect.stringContaining(problem)]);
  });

  it('is nothing to speak of in a record that verifiers can use', () => {
    for (const text of [good, `v=DKIM1; n="our key"; p=${key2048}`, `${good};`])
      expect(parseKeyRecord(text)).toMatchObject({ problems: [] });
    expect(parseKeyRecord(`v=DKIM1; n="our key"; p=${key2048}`)).not.toHaveProperty('damage');
  });
});

describe('revoked keys', () => {
  it.each(['v=DKIM1; p=', 'v=DKIM1; k=rsa; p= \t;', 'v=DKIM1; k=ed25519; p='])('%s', (text) => {
    expect(parseKeyRecord(text)).toEqual({ problems: [], notes: [], revoked: true, testMode: false });
  });
});

describe('on any text', () => {
  const tagLists = fc
    .array(
      fc.tuple(
        fc.constantFrom('v', 'k', 'p', 'h', 's', 't', 'n', 'g', 'x', ''),
        fc.constantFrom('=', ' = ', '', '=='),
        fc.oneof(fc.string(), fc.base64String(), fc.constantFrom('DKIM1', 'rsa', 'ed25519', key2048, p256)),
      ),
    )
    .map((tags) => tags.map((tag) => tag.join('')).join(';'));

  it('never throws, and says a key, a revocation or a problem', () => {
    fc.assert(
      fc.property(fc.oneof(anyText(), tagLists), (text) => {
        const { key, revoked, problems } = parseKeyRecord(text);
        expect(key !== undefined || revoked || problems.length > 0).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  it('never throws on bytes that pretend to be a key', () => {
    const damaged = fc
      .tuple(fc.nat({ max: 293 }), fc.nat({ max: 255 }), fc.nat({ max: 294 }))
      .map(([at, byte, length]) => {
        const der = Buffer.from(key2048, 'base64');
        der[at] = byte;
        return der.subarray(0, length).toString('base64');
      });
    fc.assert(
      fc.property(damaged, fc.constantFrom('rsa', 'ed25519'), (p, k) => {
        expect(parseKeyRecord(`k=${k}; p=${p}`).problems.length).toBeLessThan(2);
      }),
      { numRuns: 2000 },
    );
  });

  it('takes no longer for spaces than they are long', () => {
    expect(parseKeyRecord(`v=DKIM1;${' '.repeat(65_000)}x`).problems).toEqual([
      '"x" is no tag=value pair (RFC 6376 section 3.2)',
    ]);
  });
});
