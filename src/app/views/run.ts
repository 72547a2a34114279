import type { EvaluationWords, Named, RunView } from '../../pages/index.ts';
import { watchOf } from '../organizations/watches.ts';
import type { Ports } from '../ports.ts';
import { runStatus } from '../runs/status.ts';
import { namedOf, wordsOf } from './words.ts';

/** A run with the names of what it looks at. @throws Problem when there is no such run, or its watch is gone */
export async function runView(
  ports: Pick<Ports, 'store' | 'evaluations' | 'clock'>,
  runId: string,
): Promise<{ readonly run: RunView; readonly organization: Named; readonly evaluation: EvaluationWords }> {
  const run = await runStatus(ports, runId);
  const { document, evaluation } = await watchOf(ports, run.organization, run.evaluation);
  return { run, organization: namedOf(document), evaluation: wordsOf(evaluation) };
}
