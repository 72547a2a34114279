import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  compareBuilds,
  isAtLeast,
  nameOfBuild,
  parseBuild,
  productOf,
} from '../../../src/facts/exchange-organization/builds.ts';

const build = (text: string) => {
  const parsed = parseBuild(text);
  if (parsed === undefined) throw new Error(`${text} is no build`);
  return parsed;
};

describe('parseBuild', () => {
  it.each([
    ['15.1.2375.7', '15.1.2375.7'],
    ['15.01.2375.007', '15.1.2375.7'],
    ['Version 15.2 (Build 986.5)', '15.2.986.5'],
    ['15.1.2507', '15.1.2507'],
    [' 14.3.513.0 ', '14.3.513.0'],
  ])('%s is %s', (text, expected) => {
    expect(parseBuild(text)?.text).toBe(expected);
  });

  it.each(['', '15.1', '15', 'Version 15.2', '15.1.2507.39.1', '1.2.3.x', '-1.2.3'])('"%s" is none', (text) => {
    expect(parseBuild(text)).toBeUndefined();
  });

  it('never throws, and reads back what it wrote', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const parsed = parseBuild(text);
        if (parsed !== undefined) expect(parseBuild(parsed.text)).toEqual(parsed);
      }),
    );
  });
});

describe('isAtLeast', () => {
  it.each([
    ['15.1.544.27', '15.1.544.27', 'at-least'],
    ['15.1.466.34', '15.1.544.27', 'below'],
    ['15.2.221.12', '15.1.544.27', 'at-least'],
    ['15.0.1497.48', '15.1.544.27', 'below'],
    // CU3 itself is the first build of its update, so three parts settle it.
    ['15.1.544', '15.1.544.27', 'at-least'],
    ['15.2.2562', '15.2.2562.41', 'cannot-tell'],
    ['15.2.2562.27', '15.2.2562.41', 'below'],
  ])('%s against %s: %s', (text, floor, expected) => {
    expect(isAtLeast(build(text), floor)).toBe(expected);
  });

  it('orders builds by their numbers, not by their text', () => {
    fc.assert(
      fc.property(fc.tuple(fc.nat(15), fc.nat(20), fc.nat(3000), fc.nat(100)), (parts) => {
        const one = build(parts.join('.'));
        expect(compareBuilds(one, one)).toBe(0);
        expect(compareBuilds(one, build([parts[0], parts[1], parts[2], parts[3] + 1].join('.')))).toBeLessThan(0);
      }),
    );
  });
});

describe('names', () => {
  it.each([
    ['8.3.517.0', 'Exchange 2007 or older'],
    ['14.3.513.0', 'Exchange 2010'],
    ['15.0.1497.48', 'Exchange 2013'],
    ['15.1.2507.75', 'Exchange 2016'],
    ['15.2.1748.53', 'Exchange 2019'],
    ['15.2.2562.17', 'Exchange SE'],
    ['15.20.9000.1', 'Exchange Online'],
  ])('%s is %s', (text, product) => {
    expect(productOf(build(text))).toBe(product);
  });

  it.each([
    ['15.2.858.7', 'Exchange 2019 CU9, an update that is not in the list'],
    ['15.1.1415.4', 'Exchange 2016 CU8, an update that is not in the list'],
    ['15.1.1420.1', 'Exchange 2016 between CU8 and CU9, not in the list'],
    ['15.2.600.1', 'Exchange 2019 between CU5 and CU6, not in the list'],
    ['15.2.2562.900', 'Exchange SE RTM, newer than known'],
    ['15.2.3000.1', 'Exchange SE, newer than known'],
    ['15.0.100.1', 'Exchange 2013'],
  ])('calls %s, which is not in the table, "%s"', (text, name) => {
    expect(nameOfBuild(build(text))).toMatchObject({ name, listed: false, behind: undefined });
  });

  it('never counts updates across a hole in the table', () => {
    expect(nameOfBuild(build('15.1.1415.2'))).toMatchObject({ name: 'Exchange 2016 CU8', behind: undefined });
    expect(nameOfBuild(build('15.2.792.3'))).toMatchObject({ name: 'Exchange 2019 CU8', behind: undefined });
    expect(nameOfBuild(build('15.1.2242.4'))).toMatchObject({ name: 'Exchange 2016 CU20', behind: 3 });
    expect(nameOfBuild(build('15.1.1415.8'))).toMatchObject({ name: 'Exchange 2016 CU8 Mar21SU', listed: true });
  });

  it('counts updates behind, an update and its second version once', () => {
    expect(nameOfBuild(build('15.2.2562.53')).behind).toBe(0);
    expect(nameOfBuild(build('15.2.2562.46')).behind).toBe(1);
    expect(nameOfBuild(build('15.2.2562.45')).behind).toBe(2);
    expect(nameOfBuild(build('15.2.2562')).behind).toBeUndefined();
  });

  it('knows a build that is newer than its table', () => {
    expect(nameOfBuild(build('15.2.3000.1'))).toMatchObject({ newerThanTable: true });
  });
});
