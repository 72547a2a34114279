import { daysUntil } from './interop-dates.ts';
import type { Declarations } from './interop-onpremises.ts';

export type Word =
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
export function wordOn(statement: string, { statements }: Declarations, now: Date): Word {
  const newest = statements.filter((one) => one.statement === statement).sort((a, b) => b.at.localeCompare(a.at))[0];
  if (newest === undefined) return { state: 'none' };
  const { value, by, at, expires } = newest;
  const said = `${by} declared it on ${at}`;
  const valid = expires === undefined ? daysUntil(at, now) > -defaultLifeDays : daysUntil(expires, now) >= 0;
  return valid ? { state: 'valid', value, by, at, said } : { state: 'expired', said };
}
