import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  looksLikeMessageHeaders,
  mailBuildsOf,
} from '../../../../src/sources/bindings/teams-exchange-interop/message-headers.ts';

describe('mail headers', () => {
  const headers = [
    'Received: from EX05.contoso.local (192.0.2.5) by EX01.contoso.local (192.0.2.1)',
    ' with Microsoft SMTP Server (version=TLS1_2, cipher=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384)',
    ' id 15.2.1544.11; Mon, 21 Sep 2026 10:45:16 +0300',
    'Received: from EX05.contoso.local ([192.0.2.5]) by EX05.contoso.local',
    '\t([192.0.2.5]) with mapi id 15.02.2562.027; Mon, 21 Sep 2026 10:45:16 +0300',
    'Received: from X (2001:db8::1) by X.eurprd00.prod.outlook.com (2001:db8::2) with Microsoft SMTP Server (version=TLS1_3) id 15.20.9000.1; Mon, 21 Sep 2026',
    'Subject: hello',
    '',
    'Received: from forged by OLD.contoso.local with mapi id 14.3.513.0',
  ].join('\r\n');

  it('tell transport and mailbox home, folded and zero-padded, without Exchange Online and without the body', () => {
    expect(looksLikeMessageHeaders(headers)).toBe(true);
    expect(mailBuildsOf(headers).hops).toEqual([
      { server: 'EX01.contoso.local', kind: 'transport', build: { text: '15.2.1544.11', parts: [15, 2, 1544, 11] } },
      { server: 'EX05.contoso.local', kind: 'mailbox', build: { text: '15.2.2562.27', parts: [15, 2, 2562, 27] } },
    ]);
  });

  it('never throw and always end, whatever they say', () => {
    const piece = fc.constantFrom(
      'Received:',
      ' by ',
      'from ',
      'with mapi id ',
      'with Microsoft SMTP Server ',
      'id ',
      '15.2.1.1',
      '\r\n',
      '\n ',
      'EX1',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, fc.string({ maxLength: 4 })), { maxLength: 60 }), (pieces) => {
        mailBuildsOf(pieces.join(''));
      }),
    );
  });
});
