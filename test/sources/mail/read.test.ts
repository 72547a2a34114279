import { describe, expect, it } from 'vitest';
import { readMessage } from '../../../src/sources/mail/read.ts';
import { exchangeOnlineReport } from './reports.ts';
import { plainMessage, rsaKey, signed } from './signing.ts';

const key = rsaKey();
const message = signed(plainMessage(), { by: key });
const header = message.slice(0, message.indexOf('\r\n\r\n'));
const read = (content: string | Uint8Array) =>
  readMessage('bounce.txt', typeof content === 'string' ? Buffer.from(content) : content);
const verifies = async (content: string | Uint8Array) => {
  const { signatures } = await read(content);
  return signatures.map((one) => one.verifiesWith(key.record));
};

describe('a message', () => {
  it('is read with its signature, time and authors', async () => {
    const found = await read(message);
    expect(found).toMatchObject({
      in: 'message',
      messageId: '<offer-1@contoso.com>',
      from: ['contoso.com'],
      received: { at: '2026-11-24T09:30:00.000Z', where: 'the top Received' },
      signatures: [{ domain: 'contoso.com', selector: 'selector1', aligned: true, body: 'verifies' }],
    });
    expect(found.signatures[0]?.signedAt).toBe('2026-11-24T06:00:00.000Z');
  });

  it('needs no more than From and a signature', async () => {
    const least = signed('From: adele@contoso.com\r\n\r\nHello\r\n\r\nReceived: nothing\r\n', {
      by: key,
      fields: ['From'],
    });
    expect(await read(least)).toMatchObject({ in: 'message', signatures: [{ body: 'verifies' }] });
    expect(await verifies(least)).toEqual([true]);
  });

  it('is aligned with From when both belong to one organization', async () => {
    const aligned = async (from: string, domain: string) =>
      (await read(signed(plainMessage({ from }), { by: key, domain }))).signatures[0]?.aligned;
    expect(await aligned('adele@contoso.com', 'mail.contoso.com')).toBe(true);
    expect(await aligned('adele@news.contoso.co.uk', 'contoso.co.uk')).toBe(true);
    expect(await aligned('adele@contoso.co.uk', 'fabrikam.co.uk')).toBe(false);
    expect(await aligned('adele@contoso.com', 'contoso.onmicrosoft.com')).toBe(false);
    expect(await aligned('"eve@fabrikam.com" <adele@contoso.com>', 'fabrikam.com')).toBe(false);
    expect(await aligned('nobody at all', 'contoso.com')).toBeUndefined();
  });

  it('counts signatures that are too many', async () => {
    const many = Array.from({ length: 14 }).reduce<string>((text) => signed(text, { by: key }), plainMessage());
    const found = await read(many);
    expect([found.signatures.length, found.moreSignatures]).toEqual([10, 4]);
  });

  it('tells who says what of DKIM, and leaves addresses out', async () => {
    const extra = [
      'Authentication-Results: mx.fabrikam.com;\r\n dkim=fail (no key for signature) header.d=contoso.com header.s=selector1;\r\n spf=pass smtp.mailfrom=adele@contoso.com',
      'Authentication-Results: spf=fail (sender IP is 192.0.2.7)\r\n smtp.mailfrom=contoso.com; dkim=none (message not signed)\r\n header.d=none;dmarc=fail action=quarantine',
      'ARC-Authentication-Results: i=1; mx.microsoft.com 1; spf=pass; dkim=pass header.d=contoso.com; arc=none',
      'Authentication-Results: mx.google.com; dkim=neutral (body hash did not verify (too bad; really)) header.i=adele@contoso.com',
      'Authentication-Results: mx.contoso.net; none',
      'Authentication-Results: ;;;(((',
    ];
    const { claims } = await read(signed(plainMessage({ extra }), { by: key }));
    expect(claims).toEqual([
      {
        by: 'mx.fabrikam.com',
        result: 'fail',
        detail: 'no key for signature',
        domain: 'contoso.com',
        selector: 'selector1',
      },
      { by: '', result: 'none', detail: 'message not signed' },
      { by: 'mx.google.com', result: 'neutral', detail: expect.stringContaining('body hash did not verify') },
      { by: 'mx.microsoft.com', result: 'pass', detail: 'header.d=contoso.com', domain: 'contoso.com' },
    ]);
    expect(JSON.stringify(claims)).not.toContain('adele');
  });

  it('is found in what people forward as an attachment', async () => {
    const forwarded = [
      'From: adele@contoso.com',
      'To: helpdesk@contoso.com',
      'Subject: please look',
      'Message-ID: <forward@contoso.com>',
      'MIME-Version: 1.0',
      'Content-Type: multipart/mixed; boundary="outer"',
      '',
      '--outer',
      'Content-Type: text/plain',
      '',
      'see below',
      '--outer',
      'Content-Type: message/rfc822',
      'Content-Disposition: attachment; filename="offer.eml"',
      '',
      message,
      '--outer--',
      '',
    ].join('\r\n');
    expect(await read(forwarded)).toMatchObject({ in: 'message', messageId: '<offer-1@contoso.com>' });
    expect(await verifies(forwarded)).toEqual([true]);
    expect((await read(forwarded)).signatures[0]?.body).toBe('verifies');
    // What is signed itself is what is asked about.
    const own = signed(forwarded, { by: key, domain: 'fabrikam.com' });
    expect(await read(own)).toMatchObject({ messageId: '<forward@contoso.com>' });
    // But for a report that it carries.
    const report = forwarded.replace(message, exchangeOnlineReport(header));
    expect(await read(signed(report, { by: key }))).toMatchObject({ in: 'report', messageId: '<offer-1@contoso.com>' });
  });
});

describe('a copied header', () => {
  const same = { in: 'headers', from: ['contoso.com'], signatures: [{ selector: 'selector1', body: 'not_supplied' }] };

  it.each([
    ['as it is', header],
    ['with an empty line behind', `${header}\r\n\r\n`],
    ['with empty lines before', `\r\n\r\n\r\n${header}`],
    ['with line ends of Unix', header.replaceAll('\r\n', '\n')],
    ['with line ends of old machines', header.replaceAll('\r\n', '\r')],
    ['with sentences before', `Hello,\r\n\r\nthis came back today: why?\r\n\r\n${header}\r\n`],
    ['with sentences behind', `Look:\r\n${header}\r\n\r\nThat is all I have.\r\nRegards\r\n`],
    ['quoted', header.replace(/^/gm, '> ')],
    ['indented', `Original message headers:\r\n\r\n${header.replace(/^/gm, '    ')}`],
    ['with an empty line behind each', header.replaceAll('\r\n', '\r\n\r\n')],
    ['in UTF-16', Buffer.from(`\uFEFF${header}`, 'utf16le')],
    ['in UTF-16 without a mark', Buffer.from(header, 'utf16le')],
    ['with a byte order mark', `\uFEFF${header}`],
    ['that lost its indentation', header.replaceAll(/\r\n[ \t]+/g, '\r\n')],
  ])('%s is read, and verifies', async (_, content) => {
    expect(await read(content)).toMatchObject(same);
    expect(await verifies(content)).toEqual([true]);
  });

  it('is found behind the summary that pages show before it', async () => {
    const summary = [
      'Original Message',
      '',
      'Message ID\t<offer-1@contoso.com>',
      'Created at:\tTue, Nov 24, 2026 at 9:29 AM (Delivered after 2 seconds)',
      'From:\tAdele Vance <adele@contoso.com>',
      'To:\tben@fabrikam.com',
      'Subject:\tThe offer',
      "DKIM:\t'FAIL' with domain contoso.com Learn more",
      '',
      'Download Original\tCopy to clipboard',
      '',
    ];
    const shown = [...summary, `Delivered-To: ben@fabrikam.com\r\n${header}`].join('\r\n');
    expect(await read(shown)).toMatchObject(same);
    expect(await verifies(shown)).toEqual([true]);
    expect(await read(summary.join('\r\n'))).toMatchObject({ in: 'headers', from: ['contoso.com'], signatures: [] });
  });

  it('is found in a report that was saved as text', async () => {
    const saved = [
      'From: Microsoft Outlook',
      'Sent: Tuesday, November 24, 2026 10:31 AM',
      'To: Adele Vance',
      'Subject: Undeliverable: The offer',
      '',
      'Delivery has failed to these recipients or groups:',
      "Remote server returned '550 5.7.26 Unauthenticated email'",
      '',
      'Original message headers:',
      '',
      header.replace(/^Received:.*\r\n.*\r\n/m, ''),
    ].join('\r\n');
    expect(await read(saved)).toMatchObject({
      ...same,
      messageId: '<offer-1@contoso.com>',
      report: { status: '5.7.26', diagnostic: '550 5.7.26 Unauthenticated email' },
    });
    const short = `From: Microsoft Outlook\r\nSent: today\r\nTo: me\r\nSubject: x\r\n\r\n${header.slice(0, header.indexOf('\r\nReceived:'))}\r\n`;
    expect((await read(short)).signatures).toHaveLength(1);
  });

  it('without its indentation keeps the names that are signed together', async () => {
    const fields = ['From', 'To', 'Subject'];
    const long = signed(plainMessage(), { by: key, fields, tags: { h: 'From:\r\n To:Subject' } });
    const lost = long.replaceAll(/\r\n[ \t]+/g, '\r\n');
    expect(lost).toContain('\r\nTo:Subject;');
    expect(await verifies(lost.slice(0, lost.indexOf('\r\n\r\n')))).toEqual([true]);
  });

  it('brings the answer of the server that stands before it, without the address', async () => {
    const { report } = await read(
      `Delivery has failed to these recipients or groups:\r\nben@fabrikam.com\r\nRemote server (mx.fabrikam.com) returned '550 5.7.26 Unauthenticated email from contoso.com for ben@fabrikam.com'\r\n\r\nOriginal message headers:\r\n\r\n${header}`,
    );
    expect(report).toEqual({
      by: 'mx.fabrikam.com',
      status: '5.7.26',
      diagnostic: '550 5.7.26 Unauthenticated email from contoso.com for …@fabrikam.com',
    });
  });
});

it.each([
  ['multipart/alternative; boundary="b-1"', []],
  ['text/plain', ['Content-Transfer-Encoding: base64']],
])('a note behind a copied header is not taken for a body that changed (%s)', async (type, extra) => {
  const whole = signed(plainMessage({ extra }).replace('text/plain; charset=utf-8', type), { by: key });
  const copied = `${whole.slice(0, whole.indexOf('\r\n\r\n'))}\r\n\r\nThis came back, why?\r\n`;
  expect(await read(copied)).toMatchObject({ in: 'headers', signatures: [{ body: 'not_supplied' }] });
});

describe('a delivery report', () => {
  it('of Exchange Online gives the original, and what the server answered', async () => {
    const found = await read(exchangeOnlineReport(message));
    expect(found).toMatchObject({
      in: 'report',
      from: ['contoso.com'],
      messageId: '<offer-1@contoso.com>',
      report: { by: 'mx.fabrikam.com', status: '5.7.26', diagnostic: expect.stringContaining('550 5.7.26') },
      signatures: [{ domain: 'contoso.com', body: 'verifies' }],
    });
    expect(JSON.stringify(found)).not.toMatch(/ben@|The {1,2}offer/);
    expect(await verifies(exchangeOnlineReport(message))).toEqual([true]);
  });

  it('with the header alone says that the body was not supplied', async () => {
    const found = await read(exchangeOnlineReport(header, 'text/rfc822-headers'));
    expect(found.signatures).toMatchObject([{ body: 'not_supplied' }]);
    expect(await verifies(exchangeOnlineReport(header, 'text/rfc822-headers'))).toEqual([true]);
  });

  it('without the original says so', async () => {
    const found = await read(exchangeOnlineReport(undefined));
    expect(found).toMatchObject({ in: 'report', withoutOriginal: true, signatures: [], report: { status: '5.7.26' } });
    expect(found.received).toEqual({ at: '2026-11-24T09:30:02.000Z', where: 'Arrival-Date of the report' });
  });

  it('without MIME holds the original as text', async () => {
    const plain = [
      'Return-Path: <>',
      'From: Mail Delivery System <mailer-daemon@mx.contoso.com>',
      'To: adele@contoso.com',
      'Subject: Mail delivery failed',
      'Date: Tue, 24 Nov 2026 09:31:00 +0000',
      'Message-ID: <bounce@mx.contoso.com>',
      '',
      '  ben@fabrikam.com',
      '    SMTP error from remote mail server: 550 5.7.1 DKIM signature of adele@contoso.com is missing',
      '',
      '------ This is a copy of your message, with all headers. ------',
      '',
      header,
      '',
      'Dear Ben,',
    ].join('\r\n');
    expect(await read(plain)).toMatchObject({
      in: 'report',
      report: { status: '5.7.1', diagnostic: '550 5.7.1 DKIM signature of …@contoso.com is missing' },
      signatures: [{ selector: 'selector1', body: 'not_supplied' }],
    });
  });
});

describe('what is no message', () => {
  const wanted =
    'hand in the message as it was saved (.eml), the delivery report with what is attached to it, or the header copied as text';

  it.each([
    ['nothing', '', 'is empty'],
    ['empty lines', ' \r\n\r\n ', 'is empty'],
    ['a sentence', 'Why do our mails come back?', 'is no message: no header field stands in it'],
    ['sentences with colons', 'Note: see above.\nHint: none.\n', 'is no message: no header field stands in it'],
    ['JSON', '{"from":"adele@contoso.com"}', 'is no message'],
    ['HTML', '<html><body>From: me</body></html>', 'is no message'],
    ['Outlook’s own format', Buffer.from('d0cf11e0a1b11ae1', 'hex'), 'is a message in the format of Outlook (.msg)'],
    ['an archive', Buffer.from('504b0304', 'hex'), 'is a ZIP archive'],
    ['a PDF', '%PDF-1.7', 'is a PDF document'],
    ['noise', Buffer.from(Array.from({ length: 4_000 }, (_, at) => (at * 7919) % 256)), 'is no message'],
  ])('%s is refused in words', async (_, content, why) => {
    await expect(read(content)).rejects.toThrow(`bounce.txt: ${why}`);
    await expect(read(content)).rejects.toThrow(wanted);
  });

  it('never makes it stumble: mutilated messages are read or refused', async () => {
    const whole = [message, exchangeOnlineReport(message), header];
    let random = 42;
    const next = (below: number) => {
      random = (random * 1103515245 + 12345) % 2147483648;
      return random % below;
    };
    const refused: string[] = [];
    for (let round = 0; round < 600; round++) {
      const bytes = Buffer.from(whole[round % whole.length] ?? '');
      for (let change = 0; change < 1 + next(12); change++) bytes[next(bytes.length)] = next(256);
      const start = next(3) === 0 ? next(bytes.length) : 0;
      const cut = bytes.subarray(start, next(2) === 0 ? bytes.length : start + next(bytes.length - start));
      try {
        const { signatures } = await read(cut);
        for (const one of signatures) one.verifiesWith(key.record);
      } catch (error) {
        refused.push((error as Error).name);
      }
    }
    expect(new Set(refused)).toEqual(new Set(['InvalidDocument']));
    expect(refused.length).toBeLessThan(200);
  });

  it('keeps its time with long lines, long headers and deep attachments', async () => {
    const began = performance.now();
    await read(`${message}${' '.repeat(3_000_000)}\r\n`);
    await read(message.replace('Dear', `${'\t '.repeat(1_000_000)}x`));
    await read(`Authentication-Results: mx; dkim=fail ${'('.repeat(400_000)}\r\n${message}`);
    await read(`From: ${'<'.repeat(300_000)}@\r\n${message}`);
    await read(`${'X-A: b\r\n'.repeat(100_000)}${message}`);
    await read('From: a\n\nx\n'.repeat(90_000));
    const nested = Array.from({ length: 30 }).reduce<string>(
      (inner, _, at) =>
        `From: adele@contoso.com\r\nMessage-ID: <${at}@x>\r\nContent-Type: multipart/mixed; boundary=b${at}\r\n\r\n--b${at}\r\nContent-Type: message/rfc822\r\n\r\n${inner}\r\n--b${at}--\r\n`,
      message,
    );
    await read(nested);
    expect(performance.now() - began).toBeLessThan(5_000);
  });

  it('keeps its time and memory with 30 MB: a report, many parts, many lines', async () => {
    const began = performance.now();
    const long = message.replace('Dear Ben,', 'Dear Ben, \r\n'.repeat(2_500_000));
    expect(long.length).toBeGreaterThan(29_000_000);
    const report = await read(exchangeOnlineReport(long));
    expect(report).toMatchObject({ in: 'report', signatures: [{ body: 'differs' }], report: { status: '5.7.26' } });
    const part = `--b\r\nContent-Type: text/plain\r\n\r\n${'X\n'.repeat(50_000)}\r\n`;
    const head = 'From: adele@contoso.com\r\nDate: today\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n';
    expect(await read(`${head}${part.repeat(290)}--b--`)).toMatchObject({ in: 'message', signatures: [] });
    expect(performance.now() - began).toBeLessThan(20_000);
    expect(process.memoryUsage().heapUsed).toBeLessThan(1_000_000_000);
  });
});
