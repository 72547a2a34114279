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
      // UTC without a calendar of time zones, which takes ten milliseconds to load.
      utcOffset: 0,
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
  return intervalAround(expression, now, count)?.last.slice(0, count) ?? [];
}

/** The next time after `now` at which a schedule is due; undefined of one that cannot be read. */
export function nextSlot(expression: string, now: Date): Date | undefined {
  return intervalAround(expression, now, 1)?.next;
}

/** The time between two slots: the newest ones before it, newest first, and the one that ends it. */
interface Interval {
  readonly last: readonly Date[];
  readonly next: Date | undefined;
}

/**
 * Every watch is asked for its slots every minute, and all of them have a few schedules: reading one takes longer than
 * what is done about most watches, and between two slots the answer stays the same.
 */
const intervals = new Map<string, Interval>();
const maxIntervals = 1_000;

function intervalAround(expression: string, now: Date, count: number): Interval | undefined {
  const known = intervals.get(expression);
  if (known !== undefined && known.last.length >= count && isWithin(known, now)) return known;
  const cron = readSchedule(expression);
  if (cron === undefined) return undefined;
  // The slot of this very second counts, so it is looked for from the next one on.
  const nextSecond = new Date(Math.floor(now.getTime() / 1_000) * 1_000 + 1_000);
  const interval = { last: cron.previousRuns(count, nextSecond), next: cron.nextRun(now) ?? undefined };
  if (intervals.size >= maxIntervals) intervals.clear();
  intervals.set(expression, interval);
  return interval;
}

function isWithin({ last: [from], next }: Interval, now: Date): boolean {
  return from !== undefined && next !== undefined && from <= now && now < next;
}
