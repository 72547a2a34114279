import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  canonicalName,
  domainName,
  matchesDomainPattern,
  normaliseDomainName,
  sameName,
} from '../../src/domain/domain-name.ts';
import { anyText } from '../any-text.ts';

describe('normaliseDomainName', () => {
  it.each([
    ['contoso.com', 'contoso.com'],
    [' Contoso.COM. ', 'contoso.com'],
    ['bücher.example', 'xn--bcher-kva.example'],
    ['BÜCHER.example', 'xn--bcher-kva.example'],
    ['xn--bcher-kva.example', 'xn--bcher-kva.example'],
    ['例え.テスト', 'xn--r8jz45g.xn--zckzah'],
    ['contoso。com', 'contoso.com'],
    ['a-b.1.example', 'a-b.1.example'],
    [`${'a'.repeat(63)}.example`, `${'a'.repeat(63)}.example`],
  ])('%s is %s', (text, name) => {
    expect(normaliseDomainName(text)).toEqual({ name });
  });

  it.each([
    ['', 'a domain name is empty'],
    [' . ', 'a domain name is empty'],
    ['contoso', '"contoso" has one label only; a mail domain has two at least, e.g. contoso.com'],
    ['not a domain', '"not a domain" is no domain name; write the part after the @ of an address, e.g. contoso.com'],
    [
      'adele@contoso.com',
      '"adele@contoso.com" is no domain name; write the part after the @ of an address, e.g. contoso.com',
    ],
    [
      'https://contoso.com/',
      '"https://contoso.com/" is no domain name; write the part after the @ of an address, e.g. contoso.com',
    ],
    ['192.0.2.1', '"192.0.2.1" is an address, not a domain name'],
    ['-contoso.com', '"-contoso.com" is no domain name: the label "-contoso" is not legal'],
    ['contoso..com', '"contoso..com" is no domain name: the label "" is not legal'],
    [`${'a'.repeat(64)}.com`, `"${'a'.repeat(64)}.com" is no domain name: the label "${'a'.repeat(64)}" is not legal`],
  ])('%s is none', (text, problem) => {
    expect(normaliseDomainName(text)).toEqual({ problem });
  });

  it('is shown shortened when it is long', () => {
    const result = normaliseDomainName(`${'a.'.repeat(200)}com`);
    expect(result).toEqual({ problem: `"${'a.'.repeat(40)}…" is longer than 253 characters` });
  });

  it('never throws, and what it gives is its own one spelling', () => {
    fc.assert(
      fc.property(fc.oneof(fc.domain(), anyText(), fc.ipV4(), fc.webUrl()), (text) => {
        const result = normaliseDomainName(text);
        if ('problem' in result) return;
        expect(result.name).toMatch(/^[a-z0-9-]+(\.[a-z0-9-]+)+$/);
        expect(normaliseDomainName(result.name)).toEqual(result);
        expect(normaliseDomainName(`${result.name.toUpperCase()}.`)).toEqual(result);
      }),
    );
  });
});

it('the schema parses to the one spelling, and says the same sentences', () => {
  expect(domainName.parse('Contoso.com.')).toBe('contoso.com');
  expect(domainName.safeParse('contoso').error?.issues[0]?.message).toBe(
    '"contoso" has one label only; a mail domain has two at least, e.g. contoso.com',
  );
});

it.each([
  ['*.exclaimer.cloud', 'contoso.exclaimer.cloud', true],
  ['*.Exclaimer.Cloud.', 'a.b.exclaimer.cloud', true],
  ['*.exclaimer.cloud', 'exclaimer.cloud', false],
  ['*.exclaimer.cloud', 'notexclaimer.cloud', false],
  ['contoso.com', 'contoso.com', true],
  ['contoso.com', 'mail.contoso.com', false],
])('the pattern %s and %s: %s', (pattern, name, covers) => {
  expect(matchesDomainPattern(pattern, name)).toBe(covers);
});

it('names are the same whatever their case and trailing dot', () => {
  fc.assert(
    fc.property(fc.domain(), (name) => {
      expect(sameName(`${name.toUpperCase()}.`, name)).toBe(true);
      expect(sameName(`x${name}`, name)).toBe(false);
    }),
  );
  expect(canonicalName('A..')).toBe('a.');
});
