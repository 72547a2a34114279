import type { FactKinds, FactName } from '../domain/fact.ts';
import { Unobtainable } from '../domain/fact-set.ts';
import type { GatherContext, SourceOf } from '../domain/source.ts';
import type { Subject } from '../domain/subject.ts';

/** More than a sign-in takes, which has a limit of its own. */
const signInMs = 90_000;

/**
 * The source of a fact that adds to what a rule says and decides nothing. Whatever stands in the way is `not_supplied`
 * with its sentence, which an optional fact may be: a refusal here makes no finding `unknown`.
 *
 * @param source its limit aborts the signal it is given; the limit over all is wider, so that running out of time is told
 *   in the source's words too
 */
export function optionalSource<F extends FactKinds, N extends FactName<F>, S extends Subject>(
  source: SourceOf<F, N, S>,
): SourceOf<F, N, S> {
  return {
    fact: source.fact,
    limitMs: source.limitMs + signInMs,
    gather(subject, context) {
      try {
        const answer = source.gather(subject, new Limited(context, source.limitMs));
        return answer instanceof Promise ? answer.catch(notSupplied) : answer;
      } catch (error) {
        return notSupplied(error);
      }
    },
  };
}

/** What a source may use, for less time. A class: V8 makes a dictionary of each literal that has an accessor. */
class Limited<F extends FactKinds> implements GatherContext<F> {
  readonly now: GatherContext<F>['now'];
  readonly supplied: GatherContext<F>['supplied'];
  readonly once: GatherContext<F>['once'];
  readonly gathered: GatherContext<F>['gathered'];
  readonly #context: GatherContext<F>;
  readonly #ms: number;

  constructor(context: GatherContext<F>, ms: number) {
    this.now = context.now;
    this.supplied = context.supplied;
    this.once = context.once;
    this.gathered = context.gathered;
    this.#context = context;
    this.#ms = ms;
  }

  /** Made when it is asked for: most domains find the answer there already. */
  get signal(): AbortSignal {
    return AbortSignal.any([this.#context.signal, AbortSignal.timeout(this.#ms)]);
  }
}

/** @throws Unobtainable in the words of the one that came, any other error as it is */
function notSupplied(error: unknown): never {
  if (error instanceof Unobtainable) throw new Unobtainable('not_supplied', error.message);
  throw error;
}
