import { z } from 'zod';

/** A point in time as rules get it. They never ask the clock: what was judged once judges the same again. */
export type Instant = Date;

const hourMs = 3_600_000;

/** Milliseconds of a day of 24 hours, as UTC has them. */
export const dayMs = 24 * hourMs;

/** Hours from `now` until the ISO 8601 time; negative when it is past, NaN when `iso` is no time. */
export function hoursUntil(iso: string | undefined, now: Instant): number {
  if (iso === undefined) return Number.NaN;
  if (iso !== last.iso) last = { iso, ms: Date.parse(iso) };
  return (last.ms - now.getTime()) / hourMs;
}

/** What was observed together says the same time over and over. */
let last = { iso: '', ms: Number.NaN };

/** Days from the ISO 8601 time until `now`; NaN when `iso` is no time. */
export function daysSince(iso: string | undefined, now: Instant): number {
  return -hoursUntil(iso, now) / 24;
}

/** Whole days from `now` to the start of `date` (UTC); zero or below once it is there. */
export function daysUntil(date: string, now: Instant): number {
  return Math.ceil((Date.parse(date) - now.getTime()) / dayMs);
}

/** The day of a time (ISO 8601, UTC), as sentences name it. */
export function dayOf(time: string): string {
  return time.slice(0, 10);
}

/** What clocks of servers may differ. */
const clockToleranceMs = 5 * 60_000;

/** Does an ISO 8601 time lie ahead of `now`, by more than clocks differ? Then a clock that went wrong has written it. */
export function isAhead(iso: string, now: Instant): boolean {
  return Date.parse(iso) - now.getTime() > clockToleranceMs;
}

/** Is it a day, or a time of a day, that there is? ISO 8601, with or without a zone; there is no 31 February. */
export function isTime(text: string): boolean {
  const [, year, month, day] =
    /^(\d{4})-(\d{2})-(\d{2})(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?$/i.exec(text) ?? [];
  const date = new Date(`${year}-${month}-${day}T00:00:00Z`);
  return date.getUTCDate() === Number(day) && !Number.isNaN(Date.parse(text));
}

/** A time that somebody wrote. */
export const isoTime = z.string().refine(isTime, { error: 'is no time; write ISO 8601, e.g. 2026-11-24T09:30:00Z' });
