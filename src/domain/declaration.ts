import { z } from 'zod';
import { daysUntil, type Instant } from './time.ts';

/** A dated word of a person about something nobody can read. */
export const declaration = z.strictObject({
  statement: z.string().min(1),
  value: z.unknown(),
  by: z.string().min(1),
  at: z.iso.date(),
  expires: z.iso.date().optional(),
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
    };

const defaultLifeDays = 365;

/** The newest declaration of a statement. It holds to the end of the day it expires; without an expiry for a year. */
export function declaredOf(statement: string, statements: readonly Declaration[], now: Instant): Declared {
  const newest = statements.filter((one) => one.statement === statement).sort((a, b) => b.at.localeCompare(a.at))[0];
  if (newest === undefined) return { state: 'none' };
  const { value, by, at, expires } = newest;
  const said = `${by} declared it on ${at}`;
  const valid = expires === undefined ? daysUntil(at, now) > -defaultLifeDays : daysUntil(expires, now) >= 0;
  return valid ? { state: 'valid', value, by, at, said } : { state: 'expired', said };
}
