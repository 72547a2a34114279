import { Unobtainable } from '../../domain/fact-set.ts';
import type { Source } from '../../domain/source.ts';
import type { FactName } from '../../facts/index.ts';

/** The binding of a fact that only a file can bring: whoever runs the evaluation supplies it, or it is not there. */
export function suppliedOnly<N extends FactName>(fact: N, how: string): Source<N> {
  // Always the same answer, so made once: an error with its stack is dear.
  const missing = new Unobtainable('not_supplied', how);
  return { fact, limitMs: 1_000, gather: () => Promise.reject(missing) };
}
