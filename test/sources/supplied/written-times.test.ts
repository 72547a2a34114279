import { describe, expect, it } from 'vitest';
import { writtenTime } from '../../../src/sources/supplied/written-times.ts';

describe('exactly', () => {
  it.each([
    ['2026-05-08T18:14:40.7066975Z', '2026-05-08T18:14:40.706Z'],
    ['2026-05-08T20:14:40+02:00', '2026-05-08T18:14:40.000Z'],
  ])('%s, also in a text export', (text, time) => {
    expect(writtenTime(text, false)).toBe(time);
    expect(writtenTime(text, true)).toBe(time);
  });

  it.each(['2026-05-08T18:14:40', '2026-05-08 18:14:40'])('%s is UTC where types are kept', (text) => {
    expect(writtenTime(text, false)).toBe('2026-05-08T18:14:40.000Z');
  });
});

/** As PowerShell 7.6 prints 2026-05-08 18:14:40 in the cultures. */
const inMay = { earliest: '2026-05-08T04:14:40.000Z', latest: '2026-05-09T08:14:40.000Z' };
const mayOrAugust = { earliest: '2026-05-08T04:14:40.000Z', latest: '2026-08-06T08:14:40.000Z' };
const halfADayMore = { earliest: '2026-05-07T16:14:40.000Z', latest: '2026-05-09T08:14:40.000Z' };

describe('as all its readings', () => {
  it.each([
    ['de-DE', '08.05.2026 18:14:40', mayOrAugust],
    ['en-US', '5/8/2026 6:14:40 PM', mayOrAugust],
    ['en-US with a narrow space', '5/8/2026 6:14:40\u202fPM', mayOrAugust],
    ['en-GB, fr-FR, pt-BR', '08/05/2026 18:14:40', mayOrAugust],
    ['nl-NL', '08-05-2026 18:14:40', mayOrAugust],
    ['fi-FI', '8.5.2026 18.14.40', mayOrAugust],
    ['th-TH', '8/5/2569 18:14:40', mayOrAugust],
    ['ja-JP', '2026/05/08 18:14:40', inMay],
    ['sv-SE', '2026-05-08 18:14:40', inMay],
    ['hu-HU', '2026. 05. 08. 18:14:40', inMay],
    ['ko-KR', '2026. 5. 8. 오후 6:14:40', halfADayMore],
    ['a month by name', '08-May-2026 18:14:40', inMay],
  ])('%s', (_, text, { earliest, latest }) => {
    expect(writtenTime(text, true)).toEqual({ text, earliest, latest });
  });

  it('a day that can be no month has one reading, and without a time it is the whole day', () => {
    expect(writtenTime('24.11.2026', true)).toEqual({
      text: '24.11.2026',
      earliest: '2026-11-23T10:00:00.000Z',
      latest: '2026-11-25T14:00:00.000Z',
    });
  });

  it('two digits of a year may stand first or last', () => {
    expect(writtenTime('08.05.26 00:00', true)).toMatchObject({
      earliest: '2008-05-25T10:00:00.000Z',
      latest: '2026-08-05T14:00:00.000Z',
    });
  });
});

describe('never', () => {
  it.each([
    '0001-01-01T00:00:00Z',
    '0001-01-01T00:00:00',
    '0000-12-31T10:00:00.000Z',
    '1601-01-01T00:00:00Z',
    '1/1/0001 12:00:00 AM',
    '01.01.0001 00:00:00',
    '1/1/0544 00:00:00',
  ])('%s', (text) => {
    expect(writtenTime(text, true)).toBe('never');
  });
});

it.each(['soon', '31.04.2026 00:00:00', '13/13/2026', '21/11/1447 بعد الهجرة 6:14:40 م', '2026-13-01T00:00:00Z'])(
  '%s is no time',
  (text) => {
    expect(writtenTime(text, true)).toBeUndefined();
  },
);
