import { z } from 'zod';

const states = ['ok', 'missing', 'could not look'] as const;

const check = z.object({
  /** `setting`, `telemetry`, `storage`, `clock`, `resolver`, `organization`, `channel`, `route`, `endpoint` or `grant`. */
  area: z.string(),
  what: z.string(),
  state: z.enum(states),
  detail: z.string(),
  /** The exact step that mends it; absent when there is nothing to mend. */
  step: z.string().exactOptional(),
  /** Missing, but nothing depends on it; what is lost without it is in the detail. */
  optional: z.boolean().exactOptional(),
});

export type Check = Readonly<z.infer<typeof check>>;

/** What the doctor found. */
export const examination = z.object({ state: z.enum(states), checks: z.array(check) });

export type Examination = Readonly<z.infer<typeof examination>>;

export function ok(area: string, what: string, detail: string): Check {
  return { area, what, state: 'ok', detail };
}

export function missing(area: string, what: string, detail: string, step: string): Check {
  return { area, what, state: 'missing', detail, step };
}

export function couldNotLook(area: string, what: string, detail: string, step: string): Check {
  return { area, what, state: 'could not look', detail, step };
}
