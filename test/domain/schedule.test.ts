import { describe, expect, it } from 'vitest';
import { lastSlots, readSchedule } from '../../src/domain/schedule.ts';

const now = new Date('2026-11-24T09:30:00.400Z');

describe('a schedule', () => {
  it.each(['0 */5 * * * *', '*/5 * * * *', '0 0 9-17 * * MON-FRI', '0 30 9 1,15 Jan *', '5/15 * * * * *'])(
    '%s is read',
    (expression) => {
      expect(readSchedule(expression)).toBeDefined();
    },
  );

  it.each([
    '@daily',
    '0 0 0 L * *',
    '* * * *',
    '0 0 0 * * *  *',
    '0 60 * * * *',
    '0 0 0 31 2 *',
    '00:05:00',
    '',
    'every minute',
  ])('"%s" is none, or never comes due', (expression) => {
    expect(readSchedule(expression)).toBeUndefined();
    expect(lastSlots(expression, now, 2)).toEqual([]);
  });

  it('was due at this very second, and before', () => {
    expect(lastSlots('0 30 9 * * *', now, 2).map((slot) => slot.toISOString())).toEqual([
      '2026-11-24T09:30:00.000Z',
      '2026-11-23T09:30:00.000Z',
    ]);
  });

  it('means a day that fits both day fields, where cron means either', () => {
    expect(lastSlots('0 0 0 13 * 5', now, 1).map((slot) => slot.toISOString())).toEqual(['2026-11-13T00:00:00.000Z']);
  });
});
