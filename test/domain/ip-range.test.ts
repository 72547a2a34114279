import { describe, expect, it } from 'vitest';
import {
  containsRange,
  isAmong,
  overlaps,
  parseEndpoint,
  parseRange,
  plainAddress,
  rangeSize,
  reachesPublicSpace,
} from '../../src/domain/ip-range.ts';

const range = (text: string) => {
  const parsed = parseRange(text);
  if (parsed === undefined) throw new Error(`${text} is no range`);
  return parsed;
};

describe('ranges', () => {
  it.each([
    ['192.0.2.5', 1n],
    ['192.0.2.1-192.0.2.9', 9n],
    ['192.0.2.0/24', 256n],
    ['192.0.2.0(255.255.255.0)', 256n],
    ['192.0.2.77/24', 256n],
    ['0.0.0.0-255.255.255.255', 1n << 32n],
    ['::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 1n << 128n],
    ['2001:db8::/64', 1n << 64n],
    ['fe80::1%13', 1n],
    ['::ffff:192.0.2.1', 1n],
  ])('reads %s', (text, size) => {
    expect(rangeSize(range(text))).toBe(size);
  });

  it.each([
    '',
    'all',
    '192.0.2.300',
    '192.0.2.9-192.0.2.1',
    '192.0.2.0/33',
    '192.0.2.0(255.0.255.0)',
    '1::2::3',
    '192.0.2.1-::1',
  ])('refuses "%s"', (text) => {
    expect(parseRange(text)).toBeUndefined();
  });

  it('compares', () => {
    expect(containsRange(range('192.0.2.0/24'), range('192.0.2.5'))).toBe(true);
    expect(containsRange(range('192.0.2.0/28'), range('192.0.2.25'))).toBe(false);
    expect(overlaps(range('192.0.2.1-192.0.2.9'), range('192.0.2.8/29'))).toBe(true);
    expect(overlaps(range('::/0'), range('192.0.2.5'))).toBe(false);
    expect(isAmong('::ffff:192.0.2.5', ['192.0.2.0/29'])).toBe(true);
  });

  it.each([
    ['10.1.0.0/16', false],
    ['192.168.1.9', false],
    ['172.16.0.0-172.31.255.255', false],
    ['fd00::/64', false],
    ['198.51.100.9', true],
    ['10.0.0.0-11.0.0.0', true],
    ['0.0.0.0-255.255.255.255', true],
  ])('tells whether %s reaches public space', (text, expected) => {
    expect(reachesPublicSpace(range(text))).toBe(expected);
  });
});

it.each([
  ['192.0.2.11:25', '192.0.2.11', 25],
  ['[2001:DB8::25]:25', '2001:db8::25', 25],
  ['[fe80::1%13]:25', 'fe80::1', 25],
  ['[::ffff:192.0.2.1]:587', '192.0.2.1', 587],
  ['192.0.2.11', '192.0.2.11', undefined],
  ['2001:db8::25', '2001:db8::25', undefined],
])('reads the endpoint %s', (text, address, port) => {
  expect(parseEndpoint(text)).toEqual({ address, port });
});

it.each(['', ':25', 'host:25'])('reads no endpoint from "%s"', (text) => {
  expect(parseEndpoint(text)).toBeUndefined();
});

it('spells an address in one way', () => {
  expect(
    ['2001:0DB8:0:0:0:0:0:25', '2001:db8:0:1:0:0:0:1', '::', '::1', '1:2:3:4:5:6:7:8', '2001:db8::'].map(plainAddress),
  ).toEqual(['2001:db8::25', '2001:db8:0:1::1', '::', '::1', '1:2:3:4:5:6:7:8', '2001:db8::']);
  expect(['[FE80::1%13]', '::FFFF:192.0.2.1', ' 192.0.2.1 ', 'unknown'].map(plainAddress)).toEqual([
    'fe80::1',
    '192.0.2.1',
    '192.0.2.1',
    'unknown',
  ]);
});
