import { noFacts, type SavedFacts } from '../../domain/fact-set.ts';
import type { Run } from '../../domain/finding.ts';
import type { RulePolicy } from '../../domain/rule.ts';
import type { Sources } from '../../domain/source.ts';
import type { Subject } from '../../domain/subject.ts';
import type { Registration } from '../../evaluations/registration.ts';
import type { Ports } from '../ports.ts';
import { type Assumed, assumptionIn } from '../supplied/assumed.ts';
import type { Supply } from '../supplied/read.ts';
import { evaluateAll } from './evaluate.ts';

export interface AdHoc {
  readonly evaluation: Registration;
  readonly subjects: readonly Subject[];
  readonly supply?: Supply | undefined;
  /** What is supposed to be so. */
  readonly assumed?: Assumed | undefined;
  readonly policies?: Readonly<Record<string, RulePolicy>> | undefined;
  readonly now: Date;
  readonly signal?: AbortSignal | undefined;
  /** Told after each subject: how many are done. */
  readonly onProgress?: (done: number) => void;
}

export interface AdHocResult {
  /** In the order of the subjects. */
  readonly runs: readonly Run[];
  readonly facts: readonly SavedFacts[];
}

/** Judges now; stores and tells nothing. The facts are those that are so, whatever is assumed. */
export async function evaluateAdHoc(
  ports: Pick<Ports, 'world' | 'log'> & { readonly sources: Sources },
  request: AdHoc,
): Promise<AdHocResult> {
  const results = new Map<string, { run: Run; facts: SavedFacts }>();
  await evaluateAll(
    request.evaluation,
    request.subjects,
    {
      sources: ports.sources,
      log: ports.log,
      now: request.now,
      policies: request.policies ?? {},
      supplied: (subject) => request.supply?.factsFor(subject) ?? noFacts,
      assumption: request.assumed && assumptionIn(request.evaluation, request.assumed, ports.world),
      signal: request.signal,
    },
    ({ subject, facts, run }) => {
      results.set(subject.id, {
        run,
        facts: { fieldcheck: 'facts/1', evaluation: request.evaluation.id, subject, ...facts },
      });
      request.onProgress?.(results.size);
    },
  );
  const ordered = request.subjects.flatMap(({ id }) => results.get(id) ?? []);
  return { runs: ordered.map(({ run }) => run), facts: ordered.map(({ facts }) => facts) };
}
