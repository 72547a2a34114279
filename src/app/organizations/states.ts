import type { SubjectState } from '../../domain/compare.ts';
import { questionTitles } from '../../domain/evaluation.ts';
import type { Run } from '../../domain/finding.ts';
import { htmlReport } from '../../reports/index.ts';
import type { Page, Watch } from '../../store/store.ts';
import type { Ports } from '../ports.ts';
import { notFound } from '../problem.ts';
import { watchOf } from './watches.ts';

type StatePorts = Pick<Ports, 'store' | 'evaluations'>;

/** States read at once for a whole watch; the store pages anyway. */
const statesAtOnce = 1_000;

/** Last known state of every subject, in order of subject. @throws Problem */
export async function listSubjects(
  ports: StatePorts,
  organization: string,
  evaluation: string,
  limit: number,
  continuation?: string,
): Promise<Page<SubjectState>> {
  const { watch } = await watchOf(ports, organization, evaluation);
  return ports.store.listStates(watch, limit, continuation);
}

/** Last known state of the subject that a person calls `name`. @throws Problem when there is none */
export async function subject(ports: StatePorts, ...named: [organization: string, evaluation: string, name: string]) {
  return (await stateIn(ports, ...named)).state;
}

async function stateIn(
  ports: StatePorts,
  organization: string,
  evaluation: string,
  name: string,
): Promise<{ watch: Watch; state: SubjectState }> {
  const { watch, evaluation: registered } = await watchOf(ports, organization, evaluation);
  const id = registered.normaliseId?.(name) ?? name;
  const state = (await ports.store.states(watch, [id])).get(id);
  if (state === undefined) throw notFound(`The subject "${id}" of ${evaluation} in "${organization}"`);
  return { watch, state: state.value };
}

/** What was found about a subject over time, newest first, its last known state included. @throws Problem */
export async function subjectHistory(
  ports: StatePorts,
  organization: string,
  evaluation: string,
  name: string,
  limit: number,
  continuation?: string,
): Promise<Page<SubjectState>> {
  const { watch, state } = await stateIn(ports, organization, evaluation, name);
  const id = state.run.subject;
  if (continuation !== undefined) return ports.store.history(watch, id, limit, continuation);
  const earlier = await ports.store.history(watch, id, limit - 1);
  return { ...earlier, items: [state, ...earlier.items] };
}

/** The last run of every subject of a watch, in order of subject. @throws Problem */
export async function lastRuns(ports: StatePorts, organization: string, evaluation: string): Promise<readonly Run[]> {
  return runsOf(ports, (await watchOf(ports, organization, evaluation)).watch);
}

/** All that is known of a watch as an HTML page that a person reads or hands on. @throws Problem */
export async function report(ports: StatePorts, organization: string, name: string): Promise<string> {
  const { document, watch, evaluation } = await watchOf(ports, organization, name);
  return htmlReport(await runsOf(ports, watch), {
    title: `${document.name ?? document.id}: ${evaluation.title}`,
    questions: questionTitles(evaluation),
    evaluations: { [name]: evaluation },
  });
}

async function runsOf({ store }: Pick<Ports, 'store'>, watch: Watch): Promise<Run[]> {
  const runs: Run[] = [];
  let page: Page<SubjectState> | undefined;
  do {
    page = await store.listStates(watch, statesAtOnce, page?.continuation);
    runs.push(...page.items.map(({ run }) => run));
  } while (page.continuation !== undefined);
  return runs;
}
