import { type Gathered, known, notKnown, Unobtainable } from '../../domain/fact-set.ts';

/** What a question came to, as a value. */
export type Settled<T> = { value: T } | { error: Unobtainable };

export interface Asked<T> {
  /** Which address or user. */
  readonly of: string;
  readonly result: Settled<T>;
}

export const insufficient = (why: string) => new Unobtainable('insufficient', why);

/** A promise as a value: what it gave, or why not. */
export async function settled<T>(work: Promise<T>): Promise<Settled<T>> {
  try {
    return { value: await work };
  } catch (error) {
    if (error instanceof Unobtainable) return { error };
    throw error;
  }
}

/** As a fact of one part: known, or why not. */
export async function asGathered<T>(work: Promise<T>, source: string, now: Date): Promise<Gathered<T>> {
  const result = await settled(work);
  const at = now.toISOString();
  return 'value' in result
    ? known(result.value, source, at)
    : notKnown(result.error.reason, result.error.message, source, at);
}

/** Who gave no answer, and why. */
export function failuresOf<T>(results: readonly Asked<T>[]): readonly { of: string; error: Unobtainable }[] {
  return results.flatMap(({ of, result }) => ('error' in result ? [{ of, error: result.error }] : []));
}

/** The first answer with the others beside it, and who gave none. @throws Unobtainable when nobody answered */
export function gatherAnswers<T extends object>(
  results: readonly Asked<T>[],
): T & { others?: T[]; notAnswered?: { of: string; why: string }[] } {
  const [first, ...others] = results.flatMap(({ result }) => ('value' in result ? [result.value] : []));
  const failed = failuresOf(results);
  if (first === undefined) throw failed[0]?.error ?? insufficient('nobody was asked');
  return {
    ...first,
    ...(others.length === 0 ? {} : { others }),
    ...(failed.length === 0 ? {} : { notAnswered: failed.map(({ of, error }) => ({ of, why: error.message })) }),
  };
}

/** Every piece of work is done once, however many ask for it while it runs or later. */
export function onceEach(): <T>(work: string, start: () => Promise<T>) => Promise<T> {
  const done = new Map<string, Promise<unknown>>();
  return <T>(work: string, start: () => Promise<T>) => {
    const running = (done.get(work) as Promise<T> | undefined) ?? start();
    done.set(work, running);
    return running;
  };
}
