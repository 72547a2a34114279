import type { SubjectState } from '../../domain/compare.ts';
import { type Past, pastOf } from '../../domain/past.ts';
import { withSaid } from '../../domain/statement.ts';
import type { Page, Watch } from '../../store/store.ts';
import type { Ports } from '../ports.ts';
import { notFound } from '../problem.ts';
import { watchOf } from './watches.ts';

type StatePorts = Pick<Ports, 'store' | 'evaluations' | 'clock'>;

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
  const page = await ports.store.listStates(watch, limit, continuation);
  return { ...page, items: await saying(ports, watch, page.items) };
}

/** Last known state of the subject that a person calls `name`. @throws Problem when there is none */
export async function subject(ports: StatePorts, ...named: [organization: string, evaluation: string, name: string]) {
  return (await stateIn(ports, ...named)).state;
}

/** @throws Problem when there is no such watch or subject */
export async function stateIn(
  ports: StatePorts,
  organization: string,
  evaluation: string,
  name: string,
): Promise<{ watch: Watch; state: SubjectState }> {
  const { watch, evaluation: registered } = await watchOf(ports, organization, evaluation);
  const id = registered.normaliseId?.(name) ?? name;
  const state = (await ports.store.states(watch, [id])).get(id);
  if (state === undefined) throw notFound(`The subject "${id}" of ${evaluation} in "${organization}"`);
  const [said = state.value] = await saying(ports, watch, [state.value]);
  return { watch, state: said };
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

/** What was known at a time of the subject that a person calls `name`. @param at ISO 8601, UTC. @throws Problem when nothing is kept about it */
export async function stateAt(
  ports: StatePorts,
  organization: string,
  evaluation: string,
  name: string,
  at: string,
): Promise<Past> {
  const { watch, evaluation: registered } = await watchOf(ports, organization, evaluation);
  const id = registered.normaliseId?.(name) ?? name;
  const past = await pastIn(ports, watch, id, at);
  if (past.first === undefined) throw notFound(`The subject "${id}" of ${evaluation} in "${organization}"`);
  return past;
}

/** What was known at a time of the subject with this id, which may have left the watch since. */
export async function pastIn({ store }: Pick<Ports, 'store'>, watch: Watch, id: string, at: string): Promise<Past> {
  const newestFirst = [...(await store.states(watch, [id])).values()].map(({ value }) => value);
  let page: Page<SubjectState> | undefined;
  while ((newestFirst.at(-1)?.since ?? at) >= at && (page === undefined || page.continuation !== undefined)) {
    page = await store.history(watch, id, statesAtOnce, page?.continuation);
    newestFirst.push(...page.items);
  }
  return pastOf(id, newestFirst.reverse(), at);
}

/** Last known state of every subject of a watch, in order of subject. @throws Problem */
export async function lastStates(
  ports: StatePorts,
  organization: string,
  evaluation: string,
): Promise<readonly SubjectState[]> {
  return shownStates(ports, (await watchOf(ports, organization, evaluation)).watch);
}

/** As {@link statesOf}, with what people have said of what fails. */
export async function shownStates(
  ports: Pick<Ports, 'store' | 'clock'>,
  watch: Watch,
): Promise<readonly SubjectState[]> {
  return saying(ports, watch, await statesOf(ports, watch));
}

async function saying(
  { store, clock }: Pick<Ports, 'store' | 'clock'>,
  watch: Watch,
  states: readonly SubjectState[],
): Promise<readonly SubjectState[]> {
  const said = await store.statements(watch.organization);
  const now = clock();
  return states.map((state) => withSaid(said, watch, state, now));
}

/** Last known state of every subject of a watch, in order of subject. */
export async function statesOf({ store }: Pick<Ports, 'store'>, watch: Watch): Promise<SubjectState[]> {
  const states: SubjectState[] = [];
  let page: Page<SubjectState> | undefined;
  do {
    page = await store.listStates(watch, statesAtOnce, page?.continuation);
    states.push(...page.items);
  } while (page.continuation !== undefined);
  return states;
}
