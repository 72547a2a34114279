// "Explain this bounce": real messages, a real name server, and an organization whose history is made by runs.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Explanation, explanation } from '../../../src/evaluations/dkim/explanation.ts';
import { dkim } from '../../../src/evaluations/dkim/index.ts';
import { type DnsServer, startDnsServer } from '../../../src/local/dns-server.ts';
import { createMemoryStore } from '../../../src/store/memory-store.ts';
import { createClock, createMachine, type Machine } from '../../app/machine.ts';
import { createTenant, signingRow } from '../../app/tenant.ts';
import { txtStrings } from '../../dns-server/dkim-zone.ts';
import { exchangeOnlineReport } from '../../sources/mail/reports.ts';
import { ed25519Key, plainMessage, rsaKey, type Signing, signed } from '../../sources/mail/signing.ts';

const key = rsaKey(2048);
const other = rsaKey(2048);
const short = rsaKey(1024);
const tiny = rsaKey(768);
const ed = ed25519Key();

const tenant = createTenant([]);
const { zone } = tenant;
const at = (name: string, record: string) => zone.set(name, { type: 'TXT', data: txtStrings(record) });

const contoso = signingRow('contoso.com', {
  Selector1PublicKey: key.record,
  Selector2PublicKey: other.record,
  KeyCreationTime: '2026-10-01T08:00:00Z',
});
const swapped = signingRow('swapped.contoso.com', { Selector1PublicKey: key.record });
const off = signingRow('off.contoso.com', { Enabled: false });
const on = signingRow('on.contoso.com', { Selector1PublicKey: key.record });
const weak = signingRow('weak.contoso.com', { Selector1PublicKey: tiny.record });
const rows = [contoso, swapped, off, on, weak];

let dns: DnsServer;
let second: DnsServer;
let machine: Machine;

beforeAll(async () => {
  for (const row of rows) tenant.publish(row, 'selector1');
  at(swapped.Selector1CNAME, other.record);
  // Others' domains, of which nothing but DNS is known.
  at('selector1._domainkey.fabrikam.com', key.record);
  at('ed._domainkey.fabrikam.com', ed.record);
  at('short._domainkey.fabrikam.com', short.record);
  at('tiny._domainkey.fabrikam.com', tiny.record);
  at('revoked._domainkey.fabrikam.com', 'v=DKIM1; p=');
  at('broken._domainkey.fabrikam.com', `v=DKIM1 k=rsa; ${key.record.slice(16)}`);
  zone.set(
    'twice._domainkey.fabrikam.com',
    { type: 'TXT', data: txtStrings(key.record) },
    { type: 'TXT', data: txtStrings(other.record) },
  );
  at('selector1-contoso-onmicrosoft-com._domainkey.contoso.onmicrosoft.com', key.record);
  zone.misbehave('silent._domainkey.fabrikam.com', 'servfail');
  [dns, second] = await Promise.all([startDnsServer({ zone }), startDnsServer({ zone })]);

  // The field note: the key of selector1 was missing for two days. Looked at every day at six.
  const clock = createClock(new Date('2026-11-17T06:00:00Z'));
  machine = createMachine({ store: createMemoryStore(), resolvers: [dns.address, second.address], clock });
  await machine.app.putOrganization('contoso', { id: 'contoso', evaluations: { dkim: {} } }, undefined);
  await machine.app.acceptFacts('contoso', new TextEncoder().encode(JSON.stringify(rows)), false);
  for (const day of [17, 18, 19, 20, 21, 22, 23, 24]) {
    if (day === 18) tenant.publish(contoso);
    if (day === 20) tenant.publish(contoso, 'selector1');
    await machine.app.startRun('contoso', 'dkim', 'test');
    expect(await machine.work()).toEqual([]);
    clock.advance({ days: 1 });
  }
  // 12:00 on the last day.
  clock.advance({ hours: -18 });
});
afterAll(() => Promise.all([dns.close(), second.close()]));

const received = (time: string) => plainMessage({ received: time });
const then = 'Thu, 19 Nov 2026 09:30:00 +0000';
const message = (signing: Partial<Signing> = {}, text = plainMessage()) => signed(text, { by: key, ...signing });
const headerOf = (text: string) => text.slice(0, text.indexOf('\r\n\r\n'));

/** In the organization, with what is known of it. */
async function explain(content: string): Promise<Explanation> {
  const { json, answer, text } = await machine.app.lookInto('contoso', 'dkim', {
    name: 'bounce.eml',
    content: Buffer.from(content),
  });
  const explained = explanation.strict().parse(json);
  expect(explained.answer).toBe(answer);
  expect(text).toContain(explained.sentence);
  return explained;
}

/** By DNS alone. */
async function explainAlone(content: string): Promise<Explanation> {
  const { json } = await machine.app.look('dkim', { name: 'bounce.eml', content: Buffer.from(content) });
  return explanation.strict().parse(json);
}

describe('no key then and one now', () => {
  it('says from when until when it was missing, and to send again', async () => {
    const explained = await explain(message({}, received(then)));
    expect(explained).toMatchObject({
      in: 'message',
      time: { value: '2026-11-19T09:30:00.000Z', from: 'received' },
      signatures: [
        {
          domain: 'contoso.com',
          selector: 'selector1',
          algorithm: 'rsa-sha256',
          aligned: true,
          key: 'answers',
          header: 'verifies',
          body: 'verifies',
          configured: 'same',
        },
      ],
      answer: 'yes',
      owner: 'microsoft',
      remedy: 'Send the message again.',
    });
    expect(explained.signatures[0]?.then).toBe(
      'selector1 of contoso.com was missing at Microsoft from 18 November 06:00 to 20 November 06:00 UTC.',
    );
    expect(explained.sentence).toBe(
      'Receivers could not verify it then at 2026-11-19 09:30 UTC: selector1 of contoso.com was missing at Microsoft from 18 November 06:00 to 20 November 06:00 UTC. Now the key answers, and the signature verifies.',
    );
  });

  it('is told by copied headers alone, as far as they go', async () => {
    const { answer, sentence, signatures } = await explain(`Why?\r\n\r\n${headerOf(message({}, received(then)))}`);
    expect([answer, signatures[0]?.body]).toEqual(['yes', 'not_supplied']);
    expect(sentence).toContain('its header does, its body was not supplied');
  });

  it('is told by t= where no server left a time', async () => {
    const text = plainMessage().replace(/^Received:.*\r\n.*\r\n/, '');
    const t = String(Date.parse('2026-11-18T12:00:00Z') / 1000);
    const { time, signatures } = await explain(message({ tags: { t } }, text));
    expect(time).toEqual({ value: '2026-11-18T12:00:00.000Z', from: 'signature' });
    expect(signatures[0]?.then).toContain('was missing at Microsoft from 18 November');
  });

  it('is believed of the receiver where nobody had looked', async () => {
    const extra = ['Authentication-Results: mx.fabrikam.com; dkim=fail (no key for signature) header.d=contoso.com'];
    const text = plainMessage({ received: 'Mon, 16 Nov 2026 09:30:00 +0000', extra });
    const { answer, sentence, remedy, claims } = await explain(message({}, text));
    expect(answer).toBe('yes');
    expect(sentence).toBe(
      'mx.fabrikam.com found no key of selector1 for contoso.com then at 2026-11-16 09:30 UTC ("no key for signature"). Now the key answers, and the signature verifies. Nothing was known of contoso.com at 2026-11-16 09:30 UTC: it was first looked at 2026-11-17 06:00 UTC.',
    );
    expect(remedy).toBe('Send the message again.');
    expect(claims).toEqual([{ by: 'mx.fabrikam.com', dkim: 'fail', detail: 'no key for signature' }]);
  });

  it('says what was known of a time at which it was fine, and of a selector that was not in use', async () => {
    const fine = await explain(message({}, received('Sun, 22 Nov 2026 09:30:00 +0000')));
    expect(fine.signatures[0]?.then).toBe(
      'selector1 of contoso.com answered since 20 November 06:00 UTC, and still when last looked at (24 November 06:00 UTC).',
    );
    const passive = await explain(message({ selector: 'selector2' }, received(then)));
    expect(passive.signatures[0]?.then).toBe(
      'selector2 was not the active selector of contoso.com then: selector1 was.',
    );
  });
});

describe('no key now', () => {
  it('of Microsoft’s is a support case with the message in it', async () => {
    tenant.publish(contoso);
    try {
      const explained = await explain(exchangeOnlineReport(message()));
      expect(explained).toMatchObject({
        in: 'report',
        answer: 'no',
        owner: 'microsoft',
        signatures: [{ key: 'missing', header: 'verifies', body: 'verifies', configured: 'unknown' }],
        report: {
          by: 'mx.fabrikam.com',
          status: '5.7.26',
          says: 'the message is not authenticated: neither DKIM nor SPF passed for the sender',
        },
      });
      expect(explained.sentence).toContain(
        "The active selector selector1 of contoso.com has no key: the CNAME is right, but in Microsoft's DNS the name does not exist",
      );
      expect(explained.sentence).toContain('The signature itself is right: it verifies with the configured key.');
      expect(explained.remedy).toContain('Open a support case with Microsoft');
      expect(explained.supportCase).toContain('Message-ID: <offer-1@contoso.com>');
      expect(explained.supportCase).toContain('Received (UTC): 2026-11-24T09:30:00.000Z');
      expect(explained.supportCase).toContain('Answer of mx.fabrikam.com: 550 5.7.26 Unauthenticated email');
      expect(explained.supportCase).toContain(`selector1._domainkey.contoso.com TXT @${dns.address}: NXDOMAIN`);
      expect(explained.sentence).toMatch(/Receivers cannot verify what is signed now\..*configured key\.$/);
    } finally {
      tenant.publish(contoso, 'selector1');
    }
  });

  it('of somebody’s own zone is theirs to publish', async () => {
    const { answer, owner, sentence, supportCase, signatures } = await explainAlone(
      message({ domain: 'fabrikam.com', selector: 's9' }, plainMessage({ from: 'ben@fabrikam.com' })),
    );
    expect([answer, owner, supportCase]).toEqual(['no', 'customer-dns', undefined]);
    expect(sentence).toBe('No key for s9 of fabrikam.com: the name does not exist (s9._domainkey.fabrikam.com).');
    expect(signatures).toMatchObject([{ key: 'missing', header: 'not_checked' }]);
  });

  it('that could not be looked at is no verdict', async () => {
    const { answer, sentence, signatures } = await explainAlone(
      message({ domain: 'fabrikam.com', selector: 'silent' }, plainMessage({ from: 'ben@fabrikam.com' })),
    );
    expect([answer, signatures[0]?.key]).toEqual(['undetermined', 'could_not_look']);
    expect(sentence).toMatch(/^Could not look at the key silent\._domainkey\.fabrikam\.com: .*SERVFAIL/);
  });
});

describe('a selector that signs no more', () => {
  const with2 = (time: string) =>
    message({ by: other, selector: 'selector2', tags: { t: String(Date.parse(time) / 1000) } });

  it('may have lost its key: send again, and nobody is blamed', async () => {
    const explained = await explain(with2('2026-10-20T00:00:00Z'));
    expect([explained.answer, explained.owner, explained.supportCase]).toEqual(['no', undefined, undefined]);
    expect(explained.sentence).toBe(
      'The message was signed with selector2 of contoso.com, which signs no more (selector1 does since 2026-11-01 08:00 UTC); its key is gone, as it may be, so this message can no longer be verified.',
    );
    expect(explained.remedy).toBe('Send the message again: selector1 signs it now.');
  });

  it('and signs all the same is a matter of the configuration first', async () => {
    const explained = await explain(with2('2026-11-20T00:00:00Z'));
    expect([explained.answer, explained.owner]).toEqual(['no', undefined]);
    expect(explained.sentence).toContain('which has no key, though by the configuration selector1 signs since');
  });
});

describe('what else keeps a receiver from verifying', () => {
  const fabrikam = plainMessage({ from: 'ben@fabrikam.com' });
  const by = (signing: Partial<Signing>) => message({ domain: 'fabrikam.com', ...signing }, fabrikam);

  it.each([
    ['revoked', by({ selector: 'revoked' }), 'revoked', 'The key of revoked is revoked'],
    ['broken', by({ selector: 'broken' }), 'broken', 'a semicolon is missing between v= and k='],
    ['there twice', by({ selector: 'twice' }), 'broken', 'twice._domainkey.fabrikam.com has 2 TXT records'],
    [
      'too short',
      by({ by: tiny, selector: 'tiny' }),
      'answers',
      'The key of tiny has 768 bits: receivers refuse RSA keys under 1024 bits',
    ],
  ])('a key that is %s', async (_, content, state, sentence) => {
    const explained = await explainAlone(content);
    expect([explained.answer, explained.owner, explained.signatures[0]?.key]).toEqual(['no', 'customer-dns', state]);
    expect(explained.sentence).toContain(sentence);
    expect(explained.remedy).not.toBe('');
  });

  it('a body that was changed on the way', async () => {
    const explained = await explain(message().replace('as  agreed', 'as  agreed, EXTERNAL'));
    expect(explained).toMatchObject({
      answer: 'no',
      owner: 'network',
      sentence: 'The body was changed on the way after contoso.com signed it: the header verifies, the body does not.',
      signatures: [{ header: 'verifies', body: 'differs' }],
    });
  });

  it('header fields that were changed on the way', async () => {
    const explained = await explain(message().replace('The  offer', '[EXTERNAL] The offer'));
    expect(explained).toMatchObject({
      answer: 'no',
      owner: 'network',
      signatures: [{ header: 'differs', configured: 'same' }],
    });
    expect(explained.sentence).toBe(
      'Header fields were changed on the way after contoso.com signed them: the header does not verify with the key of selector1, which answers. The key is the configured one.',
    );
    // What was copied may have been changed by copying.
    const copied = await explain(headerOf(message()).replace('The  offer', '[EXTERNAL] The offer'));
    expect([copied.answer, copied.remedy]).toEqual(['undetermined', expect.stringContaining('saved as .eml')]);
  });

  it('another key in DNS than the one that signs', async () => {
    const explained = await explain(
      message({ domain: 'swapped.contoso.com' }, plainMessage({ from: 'a@swapped.contoso.com' })),
    );
    expect(explained).toMatchObject({ answer: 'no', signatures: [{ header: 'differs', configured: 'other' }] });
    expect(explained.sentence).toBe(
      'The message was signed with the configured key of selector1, but DNS serves another one at selector1._domainkey.swapped.contoso.com: receivers refuse the signature. Signatures with selector1 of swapped.contoso.com could not be verified since 17 November 06:00 UTC, and still when last looked at (24 November 06:00 UTC).',
    );
  });

  it('a key that was renewed since', async () => {
    const t = String(Date.parse('2026-09-01T00:00:00Z') / 1000);
    const explained = await explain(message({ by: rsaKey(), tags: { t } }));
    expect(explained.answer).toBe('undetermined');
    expect(explained.sentence).toContain('was renewed 2026-10-01 08:00 UTC, after this message was signed');
  });

  it('a signature that expired before the receiver took the message', async () => {
    const x = String(Date.parse('2026-11-24T09:00:00Z') / 1000);
    const explained = await explain(message({ tags: { x } }));
    expect(explained).toMatchObject({ answer: 'no', owner: 'network' });
    expect(explained.sentence).toBe(
      'The signature of contoso.com expired 2026-11-24 09:00 UTC (x=), before the receiver took the message (2026-11-24 09:30 UTC).',
    );
    // Explained later than it was received, it had not expired.
    const later = String(Date.parse('2026-11-24T09:45:00Z') / 1000);
    expect((await explain(message({ tags: { x: later } }))).answer).toBe('yes');
  });

  it('a key that is too weak for this receiver', async () => {
    const extra = ['Authentication-Results: mx.fabrikam.com; dkim=policy (weak key) header.d=fabrikam.com'];
    const text = plainMessage({ from: 'ben@fabrikam.com', extra });
    const explained = await explainAlone(message({ by: short, domain: 'fabrikam.com', selector: 'short' }, text));
    expect([explained.answer, explained.owner]).toEqual(['no', 'customer-dns']);
    expect(explained.sentence).toBe(
      'The key of short of fabrikam.com has 1024 bits, which is too weak for this receiver ("policy weak key"): the signature itself verifies.',
    );
  });

  it('a signature that no receiver accepts', async () => {
    const explained = await explain(message({ tags: { a: 'rsa-sha1' } }));
    expect(explained.sentence).toBe(
      'The signature of contoso.com is not valid in itself: it was made with rsa-sha1, which receivers must not accept (RFC 8301 section 3.1).',
    );
    const mixed = await explainAlone(message({ by: key, domain: 'fabrikam.com', selector: 'ed' }, fabrikam));
    expect(mixed.sentence).toContain('it was made with rsa-sha256, but the record holds a key of type ed25519');
  });
});

describe('no signature of the sender’s', () => {
  it('where signing is off says how to switch it on', async () => {
    const explained = await explain(plainMessage({ from: 'a@off.contoso.com' }));
    expect(explained).toMatchObject({ answer: 'no', owner: 'tenant', signatures: [] });
    expect(explained.sentence).toBe(
      'The message from off.contoso.com bears no DKIM signature. DKIM signing is off for off.contoso.com: its mail leaves unsigned.',
    );
    expect(explained.remedy).toContain('Set-DkimSigningConfig -Identity off.contoso.com -Enabled $true');
  });

  it('where signing is on looks for the way it took', async () => {
    const explained = await explain(plainMessage({ from: 'a@on.contoso.com' }));
    expect([explained.answer, explained.owner]).toEqual(['no', 'on-premises']);
    expect(explained.sentence).toContain('although DKIM signing is on for on.contoso.com');
    const report = await explain(exchangeOnlineReport(plainMessage({ from: 'a@on.contoso.com' })));
    expect(report.answer).toBe('undetermined');
  });

  it('that a server saw all the same was left out', async () => {
    const extra = ['Authentication-Results: mx.fabrikam.com; dkim=pass header.d=contoso.com'];
    const explained = await explain(plainMessage({ extra }));
    expect(explained.answer).toBe('undetermined');
    expect(explained.sentence).toContain('though mx.fabrikam.com says that one passed (header.d=contoso.com)');
  });

  it('without a configuration says which one to supply', async () => {
    const explained = await explainAlone(plainMessage());
    expect([explained.answer, explained.owner]).toEqual(['no', 'tenant']);
    expect(explained.sentence).toContain('the signing configuration was not supplied');
    expect(explained.remedy).toContain('Get-DkimSigningConfig -Identity contoso.com');
  });

  it('but of the tenant’s default key', async () => {
    const explained = await explain(
      message(
        { domain: 'contoso.onmicrosoft.com', selector: 'selector1-contoso-onmicrosoft-com' },
        plainMessage({ from: 'a@off.contoso.com' }),
      ),
    );
    expect(explained).toMatchObject({
      answer: 'no',
      owner: 'tenant',
      signatures: [{ aligned: false, key: 'answers', header: 'verifies', body: 'verifies' }],
    });
    expect(explained.sentence).toBe(
      "Only contoso.onmicrosoft.com signed, which is not aligned with From (off.contoso.com): the tenant's default key signed. DKIM signing is off for off.contoso.com: its mail leaves unsigned.",
    );
  });

  it('one aligned signature that verifies is enough', async () => {
    const twice = signed(message({ by: other, selector: 's9' }), { by: key, selector: 'selector1' });
    const explained = await explain(twice);
    expect(explained.answer).toBe('yes');
    expect(explained.signatures.map(({ selector, key: state }) => [selector, state])).toEqual([
      ['selector1', 'answers'],
      ['s9', 'missing'],
    ]);
  });
});

describe('a report', () => {
  it('whose message verifies says that DKIM is not why', async () => {
    const report = exchangeOnlineReport(message())
      .replaceAll('5.7.26', '5.1.10')
      .replaceAll(/Unauthenticated email from contoso.com is not accepted/g, 'Recipient not found');
    const { answer, sentence, remedy } = await explain(report);
    expect(answer).toBe('yes');
    expect(sentence).toContain('DKIM is not why it came back: there is no such mailbox at the receiver (5.1.10).');
    expect(remedy).toContain('nothing is to be done about DKIM');
  });

  it('without the message says what it can', async () => {
    const explained = await explain(exchangeOnlineReport(undefined));
    expect(explained).toMatchObject({
      in: 'report',
      answer: 'undetermined',
      signatures: [],
      time: { from: 'received' },
    });
    expect(explained.sentence).toBe(
      'The report holds neither the message nor its header, so nobody can tell how it was signed. It says: the message is not authenticated: neither DKIM nor SPF passed for the sender (5.7.26).',
    );
  });
});

describe('what is handed in', () => {
  it('stays with whoever hands it in: no subject, recipient or text is shown, logged or kept', async () => {
    const secret = plainMessage({ body: 'The password is swordfish.\r\n' });
    const contents = [
      message({}, secret),
      exchangeOnlineReport(message({}, secret)),
      headerOf(message({}, secret)),
      secret,
    ];
    const before = JSON.stringify(await machine.app.subject('contoso', 'dkim', 'contoso.com'));
    machine.slices.splice(0);
    const seen = [];
    for (const content of contents) {
      const { json, text } = await machine.app.lookInto('contoso', 'dkim', {
        name: 'x',
        content: Buffer.from(content),
      });
      seen.push(JSON.stringify(json), text);
    }
    for (const one of [...seen, JSON.stringify(machine.log)]) {
      expect(one).not.toMatch(/swordfish|The {1,2}offer|garden|ben@|Ben Smith|adele@|Adele/);
    }
    expect(JSON.stringify(await machine.app.subject('contoso', 'dkim', 'contoso.com'))).toBe(before);
    expect(machine.slices).toEqual([]);
  });

  it('cannot bring control characters onto a terminal', async () => {
    const extra = ['Authentication-Results: mx\u001b[2J.fabrikam.com; dkim=fail (\u001b]0;owned\u0007 no\u202e key)'];
    const { text } = await machine.app.look('dkim', {
      name: 'x',
      content: Buffer.from(message({}, plainMessage({ extra }))),
    });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202e]/);
  });

  it('is refused above 32 MB, with what to hand in instead, and answered below', async () => {
    const content = Buffer.alloc(32_000_001, 'x');
    await expect(machine.app.look('dkim', { name: 'big.eml', content })).rejects.toThrow(
      'big.eml is longer than 32 MB; hand in its header alone, copied as text: that is enough to look at its signatures.',
    );
    expect(dkim.look?.limit).toBe(32_000_000);
    const body = `${'Dear Ben, as agreed we send you all of it.\r\n'.repeat(680_000)}`;
    const long = message({}, plainMessage({ body }));
    expect(long.length).toBeGreaterThan(29_900_000);
    expect((await explain(long)).answer).toBe('yes');
  });
});
