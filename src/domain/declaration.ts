import { z } from 'zod';
import { dayMs, dayOf, daysUntil, type Instant } from './time.ts';

/** A dated word of a person about something nobody can read. */
export const declaration = z.strictObject({
  statement: z.string().min(1).describe('What is declared, by the name that a rule knows; its page says which.'),
  value: z.unknown().describe('What is declared of it, for example true.'),
  by: z.string().min(1).describe('Who declares it.'),
  at: z.iso.date().describe('The day on which it was declared.'),
  expires: z.iso
    .date()
    .optional()
    .describe('The last day on which it counts; a year after it was declared when left out.'),
});

export type Declaration = z.infer<typeof declaration>;

/** What is declared of a statement, and whether that still holds. */
export type Declared =
  | { readonly state: 'none' }
  | { readonly state: 'expired'; readonly said: string }
  | {
      readonly state: 'valid';
      readonly value: unknown;
      readonly by: string;
      readonly at: string;
      readonly said: string;
      /** The last day on which it counts (ISO 8601). */
      readonly until: string;
    };

const defaultLifeDays = 365;

/** That it will have to be looked up again: what people are told ahead. */
export function declarationEnds(statement: string, until: string): { readonly at: string; readonly what: string } {
  return {
    at: until,
    what: `what is declared of ${statement} counts for the last time; look it up and declare it anew`,
  };
}

/** The newest declaration of a statement. It holds to the end of the day it expires; without an expiry for a year. */
export function declaredOf(statement: string, statements: readonly Declaration[], now: Instant): Declared {
  const newest = statements.filter((one) => one.statement === statement).sort((a, b) => b.at.localeCompare(a.at))[0];
  if (newest === undefined) return { state: 'none' };
  const { value, by, at, expires } = newest;
  const said = `${by} declared it on ${at}`;
  const valid = expires === undefined ? daysUntil(at, now) > -defaultLifeDays : daysUntil(expires, now) >= 0;
  const until = expires ?? dayOf(new Date(Date.parse(at) + (defaultLifeDays - 1) * dayMs).toISOString());
  return valid ? { state: 'valid', value, by, at, said, until } : { state: 'expired', said };
}
