import type { FactName } from '../facts/index.ts';
import type { FactSet, GatheredOf } from './fact-set.ts';
import type { Subject } from './subject.ts';

/** What a source may use while it gathers. */
export interface GatherContext {
  /** Aborted when the time limit is over or the run is called off. */
  readonly signal: AbortSignal;
  readonly now: Date;
  /** Another fact of the same subject, gathered (once) by its own source. */
  gathered<N extends FactName>(fact: N): Promise<GatheredOf<N>>;
  /** Work that several sources of this run share, by a name for it: done by the first that asks, awaited by all. */
  once<T>(work: string, start: () => Promise<T>): Promise<T>;
  /** What was supplied for this subject: a collector's file, an export, saved facts. */
  readonly supplied: FactSet;
}

/**
 * The one thing that knows how to gather a fact.
 *
 * `gather` gives the fact, or for a part fact one for each part it found. It may throw {@link Unobtainable}; any other
 * error is recorded as `unreachable` with its message, so an error's message must not hold a secret.
 */
export interface Source<N extends FactName = FactName> {
  readonly fact: N;
  /** Time limit in milliseconds. */
  readonly limitMs: number;
  gather(subject: Subject, context: GatherContext): Promise<GatheredOf<N>>;
}

/** One binding for every fact: the compiler refuses a fact without a source. */
export type Sources = { readonly [N in FactName]: Source<N> };
