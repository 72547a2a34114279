import type { SubjectState } from './compare.ts';
import { type Finding, findingKey } from './finding.ts';
import { minuteOf } from './words.ts';

/** A finding that was there at a time, and from when until when. ISO 8601, UTC. */
export interface Episode {
  readonly finding: Finding;
  /** The first run in a row that found it. */
  readonly from: string;
  /** The last run that found it. */
  readonly seen: string;
  /** The first run that no longer did; undefined while none has. */
  readonly until: string | undefined;
}

/** What was known of a subject at a time. */
export interface Past {
  readonly subject: string;
  /** The time in question; ISO 8601, UTC. */
  readonly at: string;
  /** When it was first looked at; undefined when nothing is kept about it. */
  readonly first: string | undefined;
  /** What the last run before that time had found; undefined when there was none. */
  readonly state: SubjectState | undefined;
  /** Its findings, passes included, in order. */
  readonly episodes: readonly Episode[];
}

/**
 * What was known of a subject at a time, and how long it had been so and stayed so. Pure.
 *
 * @param states of the subject, oldest first, from the one before `at` on at least
 * @param at ISO 8601, UTC
 */
export function pastOf(subject: string, states: readonly SubjectState[], at: string): Past {
  const index = states.findLastIndex(({ since }) => since <= at);
  const state = states[index];
  const first = states[0]?.since;
  if (state === undefined) return { subject, at, first, state, episodes: [] };
  const later = states.slice(index + 1);
  const episodes = state.run.findings.map((finding): Episode => {
    const key = findingKey(finding);
    const same = (one: Finding) => findingKey(one) === key && one.verdict === finding.verdict;
    const ended = later.findIndex(({ run }) => run.findings.every((one) => !same(one)));
    const memory = state.findings[key];
    const before = states.slice(0, index).findLastIndex(({ run }) => !run.findings.some(same));
    return {
      finding,
      // What is remembered goes back beyond what history still holds, and over runs that could not look.
      from: memory?.verdict === finding.verdict ? memory.since : (states[before + 1]?.since ?? state.since),
      seen: (ended === 0 ? state : (later.at(ended < 0 ? -1 : ended - 1) ?? state)).run.at,
      until: ended < 0 ? undefined : later[ended]?.since,
    };
  });
  return { subject, at, first, state, episodes };
}

/** `from 18 November 06:00 to 20 November 06:00 UTC`; what goes on says when it was seen last. */
export function spanOf({ from, seen, until }: Episode, now: Date): string {
  return until === undefined
    ? `since ${dateAndTime(from, now)} UTC, and still when last looked at (${dateAndTime(seen, now)} UTC)`
    : `from ${dateAndTime(from, now)} to ${dateAndTime(until, now)} UTC`;
}

const months = 'January February March April May June July August September October November December'.split(' ');

/** `18 November 06:00`, with the year where it is not this one. */
function dateAndTime(iso: string, now: Date): string {
  const [year, month, day] = iso.slice(0, 10).split('-');
  const ofYear = year === String(now.getUTCFullYear()) ? '' : ` ${year}`;
  return `${Number(day)} ${months[Number(month) - 1]}${ofYear} ${iso.slice(11, 16)}`;
}

/** That nothing was known, in one sentence; undefined when something was. */
export function nothingKnown({ subject, at, first, state }: Past): string | undefined {
  if (state !== undefined) return undefined;
  return first === undefined
    ? `Nothing is known of ${subject}: no run has looked at it.`
    : `Nothing was known of ${subject} at ${minuteOf(at)}: it was first looked at ${minuteOf(first)}.`;
}
