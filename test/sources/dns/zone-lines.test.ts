import { describe, expect, it } from 'vitest';
import { readZoneLines } from '../../../src/sources/dns/zone-lines.ts';

const read = (text: string) => readZoneLines('planned.zone', text);
const records = (text: string) =>
  read(text).records.map(({ name, ttl, type, data }) => `${name} ${ttl} ${type} ${JSON.stringify(data)}`);

describe('lines of a zone file', () => {
  it('have names in full or relative, TTL and class in either order or none, comments, and data over lines', () => {
    expect(
      records(`\uFEFF; planned for contoso.com\r
$TTL 1h30m
$ORIGIN contoso.com.
selector1._domainkey 300 IN CNAME selector1-contoso-com._domainkey.contoso.onmicrosoft.com. ; the first
both.example. IN 60 A 192.0.2.1
\tAAAA 2001:db8::1
$ORIGIN _domainkey
selector2 in cname ( ; over
   Target.EXAMPLE.  ; two lines
)
@ MX 10 mail.contoso.com.
key TXT "v=DKIM1; k=rsa; " ( "p=abc"
  "\\"d\\\\e\\102" ) plain
bare TXT v=DKIM1; k=rsa
relative CNAME target`),
    ).toEqual([
      'selector1._domainkey.contoso.com 300 CNAME "selector1-contoso-com._domainkey.contoso.onmicrosoft.com"',
      'both.example 60 A "192.0.2.1"',
      'both.example 5400 AAAA "2001:db8::1"',
      'selector2._domainkey.contoso.com 5400 CNAME "target.example"',
      '_domainkey.contoso.com 5400 MX {"preference":10,"exchange":"mail.contoso.com"}',
      `key._domainkey.contoso.com 5400 TXT ${JSON.stringify(['v=DKIM1; k=rsa; ', 'p=abc', '"d\\ef', 'plain'])}`,
      'bare._domainkey.contoso.com 5400 TXT ["v=DKIM1"]',
      'relative._domainkey.contoso.com 5400 CNAME "target._domainkey.contoso.com"',
    ]);
  });

  it('say where each stands, and what of a whole zone nobody asks for', () => {
    const whole = read(`$ORIGIN contoso.com.
@ IN SOA ns1 hostmaster ( 1 3600 600
  86400 300 )
@ IN NS ns1
@ IN TYPE65400 \\# 0
www IN CNAME web.contoso.com.
`);
    expect(whole.records).toEqual([
      { name: 'www.contoso.com', ttl: 3600, type: 'CNAME', data: 'web.contoso.com', from: 'planned.zone, line 6' },
    ]);
    expect(whole.leftOut).toEqual(['SOA', 'NS', 'TYPE65400']);
  });

  it.each([
    [
      'a relative name',
      'selector1._domainkey.contoso.com CNAME x.example.',
      'line 1: selector1._domainkey.contoso.com has no dot at its end, so it is relative, and no $ORIGIN says to what: write selector1._domainkey.contoso.com., or $ORIGIN',
    ],
    ['a relative target', 'a.example. CNAME target', 'line 1: target has no dot at its end'],
    ['@ without a zone', '@ A 192.0.2.1', 'write the name in full'],
    [
      'a type that is none',
      'a.example. IN CNAM b.example.',
      'line 1: "CNAM" is no record type behind a.example; write name, TTL, IN, type and data in this order',
    ],
    ['no type', '\n\na.example. 300 IN', 'line 3: names no type behind a.example'],
    ['a class nobody uses', 'a.example. CH TXT "x"', 'line 1: is of class CH; only IN (internet) is read'],
    [
      'no name before it',
      '  CNAME b.example.',
      'line 1: begins with a space, which repeats the name of the record before it, and there is none',
    ],
    ['an open quote', 'a.example. TXT "abc', 'line 1: opens a quote that does not close on its line'],
    [
      'two strings without a space',
      'a.example. TXT "abc""def"',
      'line 1: opens a quote that does not close on its line, or goes on right behind it; close it, and put a space between strings',
    ],
    ['an open parenthesis', 'a.example. TXT (\n"x"', 'line 1: opens a parenthesis that nothing closes'],
    ['a closed one', 'a.example. TXT "x" )', 'line 1: closes a parenthesis that nothing opened'],
    [
      'a string of 256 bytes',
      `a.example. TXT "${'x'.repeat(256)}"`,
      'line 1: a string has 256 bytes, and one string of a TXT record holds 255: write it as several',
    ],
    ['a text that is missing', 'a.example. TXT', 'line 1: TXT of a.example wants a text in quotes'],
    [
      'two targets in one',
      'a.example. CNAME b.example. c.example.',
      'line 1: CNAME of a.example wants one name, and there are 2 fields',
    ],
    ['no address', 'a.example. A 192.0.2.256', 'line 1: A of a.example wants an IPv4 address, not 192.0.2.256'],
    [
      'no preference',
      'a.example. MX mail b.',
      'line 1: MX of a.example begins with its preference, a number, not mail',
    ],
    ['a wildcard', '*.example. CNAME b.example.', 'line 1: *.example is a wildcard, which is not read'],
    ['a label that is too long', `${'x'.repeat(64)}.example. A 192.0.2.1`, 'has more than 63 characters'],
    ['DNAME', 'a.example. DNAME b.example.', 'line 1: DNAME is not read; write the CNAME that it makes'],
    ['$INCLUDE', '$INCLUDE other.zone', 'line 1: $INCLUDE is not read; write the records themselves'],
    ['$TTL of nothing', '$TTL soon', 'line 1: $TTL wants seconds, e.g. $TTL 3600, not soon'],
    [
      'two CNAMEs of a name',
      'a.example. CNAME b.example.\nA.example. CNAME c.example.',
      'line 1 and line 2: a.example has 2 CNAMEs, and a name has one',
    ],
    [
      'a CNAME beside a text',
      'a.example. CNAME b.example.\na.example. TXT "x"',
      'line 1 and line 2: a.example has a CNAME and other records',
    ],
    [
      'nothing',
      '\n',
      'planned.zone: holds no record; write lines like: selector1._domainkey.contoso.com. 3600 IN CNAME target.example.',
    ],
  ])('refuses %s, with its line and how to mend it', (_, text, sentence) => {
    expect(() => read(text)).toThrow(sentence);
  });

  it('tells all faults at once, in their order', () => {
    expect(() => read('a TXT "x"\nb.example. TXT "x\nc.example. FOO x')).toThrow(
      /^planned\.zone: line 1: a has no dot .+; line 2: opens a quote .+; line 3: "FOO" is no record type/,
    );
  });
});
