import { describe, expect, test } from 'vitest';
import {
  acceptance,
  faultOfSpan,
  holds,
  hushOf,
  type Matcher,
  matcher,
  outgrown,
  type Silence,
  type Statement,
  silence,
} from '../../src/domain/statement.ts';

const now = new Date('2026-11-24T06:00:00Z');
const said = { at: '2026-11-24T05:00:00.000Z', by: 'Adele', reason: 'Move.', until: '2026-11-25T00:00:00.000Z' };
const watch = { organization: 'contoso', evaluation: 'dkim' };
const of = { rule: 'dkim/active-key-published', target: 'selector1', owner: 'microsoft' } as const;

const silenceOf = (match: Matcher, changes: Partial<Silence> = {}): Silence =>
  silence.parse({ kind: 'silence', id: 'silence-1', ...said, from: said.at, match, ...changes });
const accepted = acceptance.parse({
  kind: 'acceptance',
  id: 'acceptance-1',
  ...said,
  key: 'contoso/dkim/shop.contoso.com/dkim/active-key-published#selector1',
  severity: 'high',
});

describe('a silence fits', () => {
  const fits = (match: Matcher, subject = 'shop.contoso.com') =>
    hushOf([silenceOf(match)], watch, subject, of, now).silenced !== undefined;

  test.each<[Matcher, boolean]>([
    [{ subject: '*' }, true],
    [{ subject: 'shop.contoso.com' }, true],
    [{ subject: 'SHOP.contoso.com' }, true],
    [{ subject: '*.contoso.com' }, true],
    [{ subject: 'shop.*.com' }, true],
    [{ subject: 's*o*m' }, true],
    [{ subject: '*.fabrikam.com' }, false],
    [{ subject: 'shop' }, false],
    [{ subject: 'shop.contoso.com.*' }, false],
    [{ evaluation: 'dkim' }, true],
    [{ evaluation: 'smtp-source-ip' }, false],
    [{ rule: 'dkim/active-key-published', owner: 'microsoft', target: 'selector1' }, true],
    [{ rule: 'dkim/active-key-published', owner: 'customer-dns' }, false],
    [{ target: 'selector2' }, false],
  ])('%o: %s', (match, expected) => expect(fits(match)).toBe(expected));

  test('nothing when it names nothing', () => {
    expect(matcher.safeParse({}).error?.issues[0]?.message).toContain('names nothing; say at least one of');
  });
});

describe('it holds', () => {
  const one = silenceOf({ subject: '*' }, { from: '2026-11-24T06:00:00.000Z' });
  test.each<[Statement, string, boolean]>([
    [one, '2026-11-24T05:59:59.999Z', false],
    [one, '2026-11-24T06:00:00.000Z', true],
    [one, '2026-11-24T23:59:59.999Z', true],
    [one, '2026-11-25T00:00:00.000Z', false],
    [{ ...one, endedAt: '2026-11-24T07:00:00.000Z' }, '2026-11-24T08:00:00.000Z', false],
    [accepted, '2026-11-24T04:00:00.000Z', true],
  ])('%# at %s: %s', (statement, time, expected) => {
    expect(holds(statement, new Date(time))).toBe(expected);
  });
});

test('an acceptance is of one incident, and says who, until when and why', () => {
  expect(hushOf([accepted], watch, 'shop.contoso.com', of, now)).toEqual({
    accepted: { id: 'acceptance-1', words: 'Accepted by Adele until 2026-11-25 00:00 UTC: Move.', severity: 'high' },
  });
  expect(hushOf([accepted], watch, 'shop.contoso.com', { ...of, target: 'selector2' }, now)).toEqual({});
  expect(hushOf([accepted], watch, 'www.contoso.com', of, now)).toEqual({});
});

test('an acceptance is outgrown by what is worse than what was accepted, and by nothing else', () => {
  const finding = { ...of, verdict: 'fail' as const, message: 'x', evidence: [] };
  const grown = (severity: 'critical' | 'high' | 'low') =>
    outgrown([accepted], watch, 'shop.contoso.com', [{ ...finding, severity }], now);
  expect(grown('critical')).toEqual([accepted]);
  expect(grown('high')).toEqual([]);
  expect(grown('low')).toEqual([]);
});

test.each([
  ['silence', '2026-11-24', '2026-11-24T06:00:00Z', 'is past'],
  ['silence', '2026-12-24', '2026-12-20', 'is not after 2026-12-24'],
  ['silence', '2026-11-24', '2027-02-22T06:00:01Z', 'a silence lasts 90 days at most; say a day before 2027-02-22'],
  ['silence', '2026-11-24', '2027-02-22T06:00:00Z', undefined],
  ['acceptance', '2026-11-24', '2027-11-26', 'an acceptance lasts 366 days at most'],
  ['acceptance', '2026-11-24', '2027-11-24', undefined],
] as const)('%s from %s until %s: %s', (kind, from, until, words) => {
  const fault = faultOfSpan(kind, from, until, now);
  if (words === undefined) expect(fault).toBeUndefined();
  else expect(fault).toContain(words);
});
