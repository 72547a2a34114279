import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decodeKey,
  encodeKey,
  historyKey,
  newestFirst,
  outboxKey,
  partitionKey,
  rejectedKey,
  watchOfRun,
  withPrefix,
} from '../../src/store/keys.ts';
import { anyText } from '../any-text.ts';
import { runId, time } from './samples.ts';

const text = fc.oneof(anyText({ maxLength: 1100 }), fc.string({ unit: 'grapheme' }), fc.domain());
/** Of a key: at most 1,024 characters, none that Table Storage refuses, none that a URL or a client might change. */
const legalKey = /^[a-z0-9.=~_-]{0,1024}$/;

describe('encodeKey', () => {
  test('leaves domain names as they are', () => {
    for (const name of ['contoso.com', 'xn--bcher-kva.contoso.com']) expect(encodeKey(name)).toBe(name);
    expect(encodeKey('A/b')).toBe('=41=2fb');
    expect(encodeKey('€')).toBe('=u20ac');
  });

  test('gives legal keys from which the name is read again, unless it is too long', () => {
    fc.assert(
      fc.property(text, (name) => {
        const key = encodeKey(name);
        expect(key).toMatch(legalKey);
        expect(key.length).toBeLessThanOrEqual(300);
        expect(decodeKey(key)).toBe(key.includes('~') ? undefined : name);
        if (name.length <= 50) expect(decodeKey(key)).toBe(name);
      }),
    );
  });

  test('never gives two names one key', () => {
    fc.assert(
      fc.property(fc.uniqueArray(text, { maxLength: 20 }), (names) => {
        expect(new Set(names.map(encodeKey)).size).toBe(names.length);
      }),
    );
    expect(encodeKey(`${'x'.repeat(1000)}a`)).not.toBe(encodeKey(`${'x'.repeat(1000)}b`));
  });
});

describe('row keys', () => {
  test('are legal for the longest names', () => {
    const long = '/'.repeat(1024);
    const key = outboxKey({ at: time(), runId: long, subject: long, channel: long });
    expect(key).toMatch(legalKey);
    expect(rejectedKey(key, time())).toMatch(legalKey);
    expect(historyKey(long, time(), long)).toMatch(legalKey);
  });

  test('a prefix bounds the keys that start with it, and no others', () => {
    fc.assert(
      fc.property(text, text, (one, other) => {
        const { from, to } = withPrefix(`h_${encodeKey(one)}_`);
        const isIn = (subject: string) => {
          const key = historyKey(subject, time(), runId);
          return key >= from && key <= to;
        };
        expect(isIn(one)).toBe(true);
        expect(isIn(other)).toBe(one === other);
      }),
    );
  });

  test('newestFirst turns the order of times around', () => {
    const times = fc.date({ min: new Date(0), max: new Date('2286-01-01'), noInvalidDate: true });
    fc.assert(
      fc.property(times, times, (a, b) => {
        const [one, other] = [newestFirst(a.toISOString()), newestFirst(b.toISOString())];
        expect(Math.sign(a.getTime() - b.getTime())).toBe(one < other ? 1 : one > other ? -1 : 0);
      }),
    );
    expect(() => newestFirst('yesterday')).toThrow('"yesterday" is no time that can be kept; write ISO 8601 in UTC');
  });
});

test('a run id names its watch', () => {
  const watch = { organization: 'contoso', evaluation: 'smtp-source-ip' } as const;
  expect(watchOfRun('contoso.smtp-source-ip.2026-11-24T07:00:00.000Z')).toEqual(watch);
  expect(partitionKey(watch)).toBe('contoso.smtp-source-ip');
});
