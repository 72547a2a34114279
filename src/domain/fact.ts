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
}

/** Lists the facts about one kind of subject. */
export function factKinds<const S extends FactSchemas, const P extends { readonly [N in keyof S]?: string }>(
  schemas: S,
  partOf: P,
): FactKinds<S, P> {
  return { schemas, partOf };
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
export function isStale(kinds: FactKinds, name: string, observedAt: string, now: Date): boolean {
  const hours = shelfLifeHours(kinds, name);
  return hours !== undefined && -hoursUntil(observedAt, now) > hours;
}

const shelfLives = new WeakMap<z.ZodType, number | false>();

/** Hours after its observation for which a fact may be judged by (`goodForHours` in its schema's meta); undefined: it does not age. */
export function shelfLifeHours({ schemas }: FactKinds, name: string): number | undefined {
  const schema = schemas[name];
  if (schema === undefined) return undefined;
  let hours = shelfLives.get(schema);
  if (hours === undefined) {
    const declared = schema.meta()?.goodForHours;
    hours = typeof declared === 'number' ? declared : false;
    shelfLives.set(schema, hours);
  }
  return hours === false ? undefined : hours;
}
