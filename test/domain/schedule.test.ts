import { describe, expect, it } from 'vitest';
import { lastSlots, nextSlot, readSchedule } from '../../src/domain/schedule.ts';

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

  it('is asked at any time, also at an earlier one and by others: each slot begins at its second', () => {
    const slotsAt = (time: string, count: number) =>
      [...lastSlots('0 0 6,18 * * *', new Date(time), count), nextSlot('0 0 6,18 * * *', new Date(time))].map((slot) =>
        slot?.toISOString().slice(8, 13),
      );
    expect(slotsAt('2026-11-24T09:30:00.400Z', 1)).toEqual(['24T06', '24T18']);
    expect(slotsAt('2026-11-24T17:59:59.999Z', 2)).toEqual(['24T06', '23T18', '24T18']);
    expect(slotsAt('2026-11-24T18:00:00.000Z', 1)).toEqual(['24T18', '25T06']);
    expect(slotsAt('2026-11-24T17:59:59.999Z', 1)).toEqual(['24T06', '24T18']);
    expect(slotsAt('2026-11-24T05:59:59.999Z', 2)).toEqual(['23T18', '23T06', '24T06']);
    expect(slotsAt('2026-11-24T06:00:00.999Z', 1)).toEqual(['24T06', '24T18']);
    expect(lastSlots('0 0 7 * * *', new Date('2026-11-24T06:00:00.999Z'), 1)).toEqual([
      new Date('2026-11-23T07:00:00Z'),
    ]);
  });
});
