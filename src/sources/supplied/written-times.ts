import { dayMs, isTime } from '../../domain/time.ts';
import type { TimeReadings } from '../../facts/mail-domain/signing-configuration.ts';

const isoTime = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?$/i;

/** Zones reach from UTC-12 to UTC+14. */
const zonesMs = 14 * 3_600_000;

/** Before this a time is none: DateTime.MinValue of .NET and the zero of Windows mean "never", whatever the zone. */
const firstTime = Date.UTC(1900, 0, 1);

/** The year of DateTime.MinValue, as Thailand counts it too, and that of Windows' zero. */
const never = [1, 544, 1601];

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];

/**
 * A time as an export writes it: exactly (ISO 8601, UTC), as the interval of all its readings, or `never`.
 *
 * @param inWords of a text export: a time without a zone is one of the machine that wrote it, else it is UTC
 * @returns undefined when it is no time
 */
export function writtenTime(text: string, inWords: boolean): string | TimeReadings | 'never' | undefined {
  const iso = isoTime.exec(text);
  if (iso !== null && (iso[1] !== undefined || !inWords)) {
    const ms = Date.parse(iso[1] === undefined ? `${text.replace(' ', 'T')}Z` : text);
    if (Number.isNaN(ms) || !isTime(text)) return undefined;
    return ms < firstTime ? 'never' : new Date(ms).toISOString();
  }
  const readings = readingsOf(text);
  if (readings.length === 0) return undefined;
  const [earliest, latest] = [Math.min(...readings), Math.max(...readings)];
  if (latest < firstTime + dayMs) return 'never';
  return {
    text: text.slice(0, 60),
    earliest: new Date(earliest - zonesMs).toISOString(),
    latest: new Date(latest + zonesMs).toISOString(),
  };
}

/**
 * Every time that a text may mean, as if it were UTC: day or month first, the year first or last, morning or afternoon
 * where the word for it is not English.
 */
function readingsOf(text: string): readonly number[] {
  const name = /^\d{1,2}\W([a-z]{3})[a-z]*\W/i.exec(text)?.[1]?.toLowerCase();
  const named = name !== undefined && months.includes(name);
  const digits = named ? text.replace(/[a-z]+/i, String(months.indexOf(name) + 1)) : text;
  const match = /^[^\d\p{L}]*(\d{1,4})[^\d\p{L}]{1,3}(\d{1,2})[^\d\p{L}]{1,3}(\d{1,4})(?!\d)(.*)$/su.exec(digits);
  if (match === null) return [];
  const [, first = '', second = '', third = '', rest = ''] = match;
  const hours = hoursIn(rest.toLowerCase());
  const dates: readonly (readonly [year: string, month: string, day: string])[] = [
    ...(first.length === 4 || (third.length < 3 && !named) ? [[first, second, third] as const] : []),
    ...(first.length < 3 ? [[third, second, first] as const] : []),
    ...(first.length < 3 && !named ? [[third, first, second] as const] : []),
  ];
  return dates.flatMap(([year, month, day]) => {
    const start = startOf(fullYear(year), Number(month), Number(day));
    return start === undefined ? [] : hours.map((ms) => start + ms);
  });
}

/** Milliseconds since midnight; the whole day when there is no time. */
function hoursIn(text: string): readonly number[] {
  const [, hour = '', minute = '', second = '0'] = /(\d{1,2})[:.](\d{2})(?:[:.](\d{2}))?/.exec(text) ?? [];
  if (hour === '') return [0, dayMs];
  const at = (hours: number) => ((hours * 60 + Number(minute)) * 60 + Number(second)) * 1000;
  const half = /([ap])\.?\s?m\b/.exec(text)?.[1];
  if (half !== undefined) return [at((Number(hour) % 12) + (half === 'p' ? 12 : 0))];
  const words = /\p{L}/u.test(text) && Number(hour) <= 12;
  return words ? [at(Number(hour) % 12), at((Number(hour) % 12) + 12)] : [at(Number(hour))];
}

/** Two digits are of this century; Thailand counts 543 years more. */
function fullYear(text: string): number {
  const year = Number(text);
  if (text.length < 3) return 2000 + year;
  return year > 2400 && year < 2800 ? year - 543 : year;
}

/** Undefined for the 31st of April, for month 13, and for the years of other calendars. */
function startOf(year: number, month: number, day: number): number | undefined {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  const real = date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  return real && (never.includes(year) || (year >= 1900 && year < 2400)) ? date.getTime() : undefined;
}
