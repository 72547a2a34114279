import type { FactKinds, FactName } from './fact.ts';
import type { FactSet, FactSetOf, GatheredOf } from './fact-set.ts';
import type { Subject } from './subject.ts';

/** What a source may use while it gathers. */
export interface GatherContext<F extends FactKinds = FactKinds> {
  /** Aborted when the time limit is over or the run is called off. */
  readonly signal: AbortSignal;
  readonly now: Date;
  /** Another fact of the same subject, gathered (once) by its own source. */
  gathered<N extends FactName<F>>(fact: N): Promise<GatheredOf<F, N>>;
  /** Work that several sources of this run share, by a name for it: done by the first that asks, awaited by all. */
  once<T>(work: string, start: () => Promise<T>): Promise<T>;
  /** What was supplied for this subject: a collector's file, an export, saved facts. */
  readonly supplied: FactSetOf<F>;
}

/**
 * The one thing that knows how to gather a fact.
 *
 * `gather` gives the fact, or for a part fact one for each part it found; at once where nobody has to be asked. It may throw {@link Unobtainable}; any other
 * error is recorded as `unreachable` with its message, so an error's message must not hold a secret.
 */
export interface SourceOf<F extends FactKinds, N extends FactName<F>, S extends Subject = Subject> {
  readonly fact: N;
  /** Time limit in milliseconds. */
  readonly limitMs: number;
  /** Facts that its value was compared with: when one is assumed to be another, it is asked anew, though it was supplied. */
  readonly against?: readonly FactName<F>[];
  gather(subject: S, context: GatherContext<F>): Promise<GatheredOf<F, N>> | GatheredOf<F, N>;
}

/** One binding for every fact about a kind of subject: the compiler refuses a fact without a source. */
export type SourcesOf<F extends FactKinds, S extends Subject = Subject> = {
  readonly [N in FactName<F>]: SourceOf<F, N, S>;
};

/** A source as the engine asks it: which fact it gathers is known by its name only. */
export interface AnySource {
  readonly fact: string;
  readonly limitMs: number;
  readonly against?: readonly string[];
  gather(
    subject: Subject,
    context: Omit<GatherContext, 'gathered' | 'supplied'> & {
      gathered(fact: string): Promise<unknown>;
      readonly supplied: FactSet;
    },
  ): unknown;
}

/** The sources of one evaluation, by the name of the fact. */
export type Sources = Readonly<Record<string, AnySource>>;

/** From here on a source is looked up by the name of its fact, so the types hold by construction. */
export function bound<F extends FactKinds, S extends Subject>(sources: SourcesOf<F, S>): Sources {
  return sources as unknown as Sources;
}
