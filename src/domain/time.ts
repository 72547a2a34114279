/** A point in time as rules get it. They never ask the clock: what was judged once judges the same again. */
export type Instant = Date;

const hourMs = 3_600_000;

/** Hours from `now` until the ISO 8601 time; negative when it is past, NaN when `iso` is no time. */
export function hoursUntil(iso: string | undefined, now: Instant): number {
  return iso === undefined ? Number.NaN : (Date.parse(iso) - now.getTime()) / hourMs;
}

/** Days from the ISO 8601 time until `now`; NaN when `iso` is no time. */
export function daysSince(iso: string | undefined, now: Instant): number {
  return -hoursUntil(iso, now) / 24;
}
