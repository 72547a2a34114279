import { encode } from 'dns-packet';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DnsRecord } from '../../../src/sources/dns/answer.ts';
import { encodeQuery, followChain, nameProblem, repliesTo } from '../../../src/sources/dns/message.ts';
import { decodeReply } from '../../../src/sources/dns/reply.ts';

const name = 'selector1._domainkey.contoso.com';

function reply(records: Parameters<typeof encode>[0]['answers'], flags = 0): Buffer {
  return encode({
    type: 'response',
    id: 7,
    flags,
    questions: [{ name, type: 'TXT', class: 'IN' }],
    answers: records ?? [],
    authorities: [],
    additionals: [],
  });
}

describe('encodeQuery', () => {
  it('asks recursively, for the AD flag but no signatures, and announces 1,232 bytes', () => {
    const { bytes, questionEnd } = encodeQuery(name, 'TXT');
    expect(bytes.readUInt16BE(2)).toBe(0x0120);
    expect(bytes.subarray(questionEnd).toString('hex')).toBe('00002904d0000000000000');
  });

  it('makes the same question with and without trailing dot, and one for the root', () => {
    expect(encodeQuery(`${name}.`, 'TXT')).toEqual(encodeQuery(name, 'TXT'));
    expect(encodeQuery('.', 'NS').questionEnd).toBe(17);
  });
});

describe('nameProblem', () => {
  it.each([
    ['', 'it is empty'],
    ['a..b', 'it has an empty label (two dots in a row, or one in front)'],
    ['.a', 'it has an empty label (two dots in a row, or one in front)'],
    [`${'a'.repeat(64)}.com`, `its label '${'a'.repeat(64)}' has more than 63 characters`],
    [`${'a.'.repeat(127)}b`, 'it has 255 characters; a DNS name has at most 253'],
    [
      'bücher.example',
      'it holds a character that is no letter, digit, hyphen or underscore; write international names as A-labels (xn--…)',
    ],
  ])('says what is wrong with %j', (wrong, sentence) => expect(nameProblem(wrong)).toBe(sentence));

  it.each(['contoso.com', 'contoso.com.', '_domainkey.contoso.com', '.', `${'a.'.repeat(126)}b`])(
    'accepts %s',
    (good) => expect(nameProblem(good)).toBeUndefined(),
  );
});

describe('repliesTo', () => {
  const query = encodeQuery(name, 'TXT');

  it('accepts the same question in any case, and an error without question', () => {
    expect(repliesTo(reply([]), query)).toBe(true);
    const upper = reply([]);
    upper.write('SELECTOR1', 13);
    expect(repliesTo(upper, query)).toBe(true);
    expect(repliesTo(Buffer.from('000780010000000000000000', 'hex'), query)).toBe(true);
  });

  it('refuses queries, other names, other types, and a success without question', () => {
    expect(repliesTo(query.bytes, query)).toBe(false);
    expect(repliesTo(reply([]), encodeQuery(name.replace('1', '2'), 'TXT'))).toBe(false);
    expect(repliesTo(reply([]), encodeQuery(name, 'CNAME'))).toBe(false);
    expect(repliesTo(Buffer.from('000780000000000000000000', 'hex'), query)).toBe(false);
  });
});

describe('decodeReply', () => {
  it('keeps the strings of a TXT record apart, also empty ones', () => {
    const message = reply([{ name, type: 'TXT', ttl: 60, data: ['v=DKIM1; p=', '', 'abc'] }]);
    expect(decodeReply(message)?.records).toEqual([{ name, ttl: 60, type: 'TXT', data: ['v=DKIM1; p=', '', 'abc'] }]);
  });

  it.each([
    ['a name that points to itself', 'c02600100001000000000000'],
    ['a name that points forward', 'c0ff00100001000000000000'],
    ['record data past the end', '00001000010000000000ff41'],
    ['unknown record data past the end', '00ff0000010000000000ff41'],
    ['a string past the end of its record', '0000100001000000000002ff41'],
    ['a record cut off', '000010'],
  ])('calls %s malformed', (_what, record) => {
    const message = Buffer.concat([reply([]), Buffer.from(record, 'hex')]);
    message.writeUInt16BE(1, 6);
    expect(decodeReply(message)).toBeUndefined();
  });

  it('reads the part of the rcode that stands in the OPT record', () => {
    const message = encode({
      type: 'response',
      questions: [{ name, type: 'TXT', class: 'IN' }],
      additionals: [
        {
          name: '.',
          type: 'OPT',
          udpPayloadSize: 1232,
          extendedRcode: 1,
          ednsVersion: 0,
          flags: 0,
          flag_do: false,
          options: [],
        },
      ],
    });
    expect(decodeReply(message)?.rcode).toBe('RCODE16');
  });

  it('never throws, whatever comes', () => {
    const good = reply([
      { name, type: 'CNAME', ttl: 60, data: 'selector1-contoso-com._domainkey.contoso.onmicrosoft.com' },
      { name: 'selector1-contoso-com._domainkey.contoso.onmicrosoft.com', type: 'TXT', ttl: 60, data: ['v=DKIM1; p='] },
    ]);
    const query = encodeQuery(name, 'TXT');
    const look = (message: Buffer): void => {
      repliesTo(message, query);
      const decoded = decodeReply(message);
      if (decoded !== undefined) followChain(name, 'TXT', decoded.records);
    };
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1500 }), (bytes) => look(Buffer.from(bytes))),
      { numRuns: 2000 },
    );
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }),
        fc.nat(good.length),
        (changes, length) => {
          const message = Buffer.from(good);
          for (const [at, value] of changes) message[at] = value;
          look(message.subarray(0, length));
          look(message);
        },
      ),
      { numRuns: 5000 },
    );
  });
});

describe('followChain', () => {
  const cname = (from: string, to: string): DnsRecord => ({ name: from, ttl: 1, type: 'CNAME', data: to });
  const txt = (at: string): DnsRecord => ({ name: at, ttl: 1, type: 'TXT', data: ['x'] });

  it('orders the chain and drops what does not belong to it', () => {
    const records = [
      txt('c.example'),
      cname('b.example', 'C.example.'),
      txt('other.example'),
      cname('a.example', 'b.example'),
    ];
    expect(followChain('a.example', 'TXT', records)).toEqual({
      chain: [cname('a.example', 'b.example'), cname('b.example', 'C.example.'), txt('c.example')],
      loop: false,
    });
  });

  it('sees circles, and does not follow when the CNAME itself was asked for', () => {
    const circle = [cname('a.example', 'b.example'), cname('b.example', 'A.example')];
    expect(followChain('a.example', 'TXT', circle)).toEqual({ chain: circle, loop: true });
    expect(followChain('a.example', 'CNAME', circle)).toEqual({ chain: circle.slice(0, 1), loop: false });
  });
});

describe('what names and replies hold besides', () => {
  it('a dot inside a label is no separator, and is shown behind a backslash', () => {
    const target = 'selector1-contoso-com._domainkey.contoso.onmicrosoft.com';
    const message = reply([{ name, type: 'CNAME', ttl: 60, data: target }]);
    // The same bytes as one label: its length stands where the first one's was, dots where the others' were.
    const at = message.indexOf('selector1-contoso-com') - 1;
    message[at] = target.length;
    message.write(target, at + 1);
    expect(decodeReply(message)?.records).toMatchObject([{ data: target.replaceAll('.', '\\.') }]);
  });

  it('a time to live with the top bit set counts as 0', () => {
    expect(decodeReply(reply([{ name, type: 'CNAME', ttl: 0x8000_0001, data: 'a.example' }]))?.records).toMatchObject([
      { ttl: 0 },
    ]);
  });

  it('an extended error is read, with its text', () => {
    const text = Buffer.from('signature expired');
    const option = Buffer.concat([Buffer.from('000f', 'hex'), Buffer.from([0, text.length + 2, 0, 7]), text]);
    const opt = Buffer.concat([Buffer.from('00002904d0000000000000', 'hex'), option]);
    opt.writeUInt16BE(option.length, 9);
    const message = Buffer.concat([reply([], 2), opt]);
    message.writeUInt16BE(1, 10);
    expect(decodeReply(message)).toMatchObject({
      rcode: 'SERVFAIL',
      extendedErrors: [{ code: 7, text: 'signature expired' }],
    });
  });
});
