import type { z } from 'zod';
import { hoursUntil } from './time.ts';

export type FactSchemas = Readonly<Record<string, z.ZodType>>;

/**
 * The facts about one kind of subject: a zod schema each (its `title` in the schema's meta is what a person calls the
 * fact, `goodForHours` how long after its observation it may be judged by), and those that are known for each part of the
 * subject apart, with the kind of part.
 */
export interface FactKinds<
  S extends FactSchemas = FactSchemas,
  P extends { readonly [N in keyof S]?: string } = Readonly<Record<string, string>>,
> {
  readonly schemas: S;
  readonly partOf: P;
  /** Hours after its observation for which each fact may be judged by; those that do not age are missing. */
  readonly goodForHours: ReadonlyMap<string, number>;
}

/** Lists the facts about one kind of subject. */
export function factKinds<const S extends FactSchemas, const P extends { readonly [N in keyof S]?: string }>(
  schemas: S,
  partOf: P,
): FactKinds<S, P> {
  const goodForHours = new Map<string, number>();
  for (const [name, schema] of Object.entries(schemas)) {
    const hours = schema.meta()?.goodForHours;
    if (typeof hours === 'number') goodForHours.set(name, hours);
  }
  return { schemas, partOf, goodForHours };
}

export type FactName<F extends FactKinds> = keyof F['schemas'] & string;
export type FactValue<F extends FactKinds, N extends FactName<F>> = z.infer<F['schemas'][N]>;
/** Facts that are known for each part of a subject apart. */
export type PartFactName<F extends FactKinds> = keyof F['partOf'] & FactName<F>;
export type PartKind<F extends FactKinds> = F['partOf'][keyof F['partOf']] & string;
export type SubjectFactName<F extends FactKinds> = Exclude<FactName<F>, PartFactName<F>>;

/** What a person calls a fact. */
export function factTitle({ schemas }: FactKinds, name: string): string {
  const title = schemas[name]?.meta()?.title;
  return typeof title === 'string' ? title : name;
}

/** Is it too old to be judged by? */
export function isStale({ goodForHours }: FactKinds, name: string, observedAt: string, now: Date): boolean {
  const hours = goodForHours.get(name);
  return hours !== undefined && -hoursUntil(observedAt, now) > hours;
}
