import { Cron } from 'croner';

/** What a schedule must be, for the sentence that refuses one. */
export const scheduleForm =
  'NCRONTAB: six fields, {second} {minute} {hour} {day} {month} {day of week}, in UTC, for example "0 */5 * * * *"';

/** Of a field, what the Functions host reads; croner also knows `L`, `W`, `#` and nicknames. */
const part = /^(\*|\d+|[a-z]{3,9})(-(\d+|[a-z]{3,9}))?(\/\d+)?$/i;

/**
 * Reads an NCRONTAB expression in UTC, as the Functions host does: six fields, or five without the seconds; a day has to
 * fit both day fields.
 *
 * @returns undefined when it is none, or never comes due
 */
export function readSchedule(expression: string): Cron | undefined {
  const fields = expression.trim().split(/\s+/);
  if (fields.length !== 5 && fields.length !== 6) return undefined;
  if (!fields.every((field) => field.split(',').every((item) => part.test(item)))) return undefined;
  try {
    const cron = new Cron(expression, {
      timezone: 'UTC',
      mode: '5-or-6-parts',
      domAndDow: true,
      sloppyRanges: true,
      paused: true,
    });
    return cron.nextRun() === null ? undefined : cron;
  } catch {
    return undefined;
  }
}

/** The newest times at or before `now` at which a schedule was due, newest first; none of one that cannot be read. */
export function lastSlots(expression: string, now: Date, count: number): readonly Date[] {
  // The slot of this very second counts, so it is looked for from the next one on.
  const nextSecond = new Date(Math.floor(now.getTime() / 1_000) * 1_000 + 1_000);
  return readSchedule(expression)?.previousRuns(count, nextSecond) ?? [];
}

/** When a schedule comes due next; undefined of one that cannot be read. */
export function nextSlot(expression: string, now: Date): Date | undefined {
  return readSchedule(expression)?.nextRun(now) ?? undefined;
}
