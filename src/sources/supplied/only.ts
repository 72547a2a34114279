import type { FactKinds, FactName } from '../../domain/fact.ts';
import { Unobtainable } from '../../domain/fact-set.ts';
import type { SourceOf } from '../../domain/source.ts';

/** The binding of a fact that only a file can bring: whoever runs the evaluation supplies it, or it is not there. */
export function suppliedOnly<F extends FactKinds, N extends FactName<F>>(fact: N, how: string): SourceOf<F, N> {
  // Always the same answer, so made once: an error with its stack is dear.
  const missing = new Unobtainable('not_supplied', how);
  return {
    fact,
    limitMs: 1_000,
    gather() {
      throw missing;
    },
  };
}
