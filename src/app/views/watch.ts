import { causesOf } from '../../domain/causes.ts';
import type { SubjectState } from '../../domain/compare.ts';
import { dayMs } from '../../domain/time.ts';
import type { RunView, SubjectView, WatchView } from '../../pages/index.ts';
import type { Page } from '../../store/store.ts';
import { missedSlots } from '../health/health.ts';
import { shownStates, stateIn } from '../organizations/states.ts';
import { watchOf } from '../organizations/watches.ts';
import type { Ports } from '../ports.ts';
import { runStatus } from '../runs/status.ts';
import { namedOf, wordsOf } from './words.ts';

type ViewPorts = Pick<Ports, 'store' | 'evaluations' | 'clock'>;

/** How far back the page of a subject shows its history, and states read at once of it. */
const historyDays = 365;
const statesAtOnce = 200;

/** One evaluation of one organization with all its subjects. @throws Problem when there is no such watch */
export async function watchView(ports: ViewPorts, organization: string, name: string): Promise<WatchView> {
  const now = ports.clock();
  const { document, watch, evaluation } = await watchOf(ports, organization, name);
  const [states, [last]] = await Promise.all([shownStates(ports, watch), ports.store.runs(watch, 1)]);
  const run: RunView | undefined = last === undefined ? undefined : await runStatus(ports, last.runId);
  return {
    at: now.toISOString(),
    organization: namedOf(document),
    evaluation: wordsOf(evaluation),
    states,
    causes: causesOf(states),
    run,
    late: missedSlots(document.evaluations[name]?.schedule, last?.startedAt, now),
  };
}

/** One subject with its history. @throws Problem when there is no such subject */
export async function subjectView(
  ports: ViewPorts,
  organization: string,
  name: string,
  subject: string,
): Promise<SubjectView> {
  const now = ports.clock();
  const { document, evaluation } = await watchOf(ports, organization, name);
  const { watch, state } = await stateIn(ports, organization, name, subject);
  const from = new Date(now.getTime() - historyDays * dayMs).toISOString();
  const newestFirst: SubjectState[] = [state];
  let page: Page<SubjectState> | undefined;
  // The one that was so when the time shown begins belongs to it.
  while ((newestFirst.at(-1)?.since ?? from) > from && (page === undefined || page.continuation !== undefined)) {
    page = await ports.store.history(watch, state.run.subject, statesAtOnce, page?.continuation);
    newestFirst.push(...page.items);
  }
  return {
    at: now.toISOString(),
    organization: namedOf(document),
    evaluation: wordsOf(evaluation),
    state,
    history: newestFirst.reverse(),
  };
}
