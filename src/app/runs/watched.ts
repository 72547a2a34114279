// Subjects that come into a watch with a run, and those that leave it.
import { endedWith } from '../../domain/compare.ts';
import type { OrganizationDocument } from '../../domain/organization.ts';
import { receiversIn, routed } from '../../domain/route.ts';
import type { Subject } from '../../domain/subject.ts';
import type { Transition } from '../../domain/transition.ts';
import type { RunRecord } from '../../store/store.ts';
import { noteUnrouted } from '../notices/sight.ts';
import type { Ports } from '../ports.ts';
import type { KnownSubjects } from './whole.ts';

/** Runs among which one before the given run is looked for: more than these do not run at once. */
const runsLookedAt = 20;

/**
 * Takes subjects that are no longer to be watched out of the watch and tells that; their history stays. Those that came are
 * told by their slice.
 *
 * @param known what is kept about the watch
 * @param complete whether what is not among `subjects` is proven to be gone; nothing is taken out otherwise
 * @returns ids of the subjects that came, none in the first run, when all of them are new; and whether the run looks at
 *   whatever is left in the watch
 */
export async function updateWatchedSubjects(
  ports: Pick<Ports, 'store' | 'log' | 'clock'>,
  document: OrganizationDocument,
  run: RunRecord,
  subjects: readonly Subject[],
  complete: boolean,
  known: Pick<KnownSubjects, 'compareSubjects'>,
): Promise<{ readonly added: ReadonlySet<string>; readonly looksAtAll: boolean }> {
  const { store, log } = ports;
  const { organization, evaluation, runId, startedAt: at } = run;
  const watch = { organization, evaluation };
  const { missing, others } = await known.compareSubjects(
    watch,
    subjects.map(({ id }) => id),
  );
  let unrouted = 0;
  const gone = await store.states(watch, complete ? others : []);
  for (const { value: state } of gone.values()) {
    const { subject, answers } = state.run;
    // What was told of it is told to be over: nobody will look at it again.
    const transitions = [aboutSubject('removed', subject, at, state.since), ...endedWith(state, at)];
    const { told, nowhere } = routed(receiversIn(document, evaluation), evaluation, transitions);
    unrouted += nowhere;
    if (nowhere > 0) log.warn('changes that no route takes', { ...watch, runId, changes: nowhere });
    const pending = told.map((one) => ({ ...watch, runId, subject, at, answers, ...one }));
    await store.removeSubject(watch, state, pending);
    log.info('subject removed from the watch', { runId, subject });
  }
  if (unrouted > 0) await noteUnrouted(ports, watch, unrouted, `${runId} removed`);
  return { added: newAmong(missing, subjects), looksAtAll: complete || others.length === 0 };
}

/**
 * Subjects that came with a run that has begun: what its first messages said of them is lost with the messages.
 *
 * @returns ids of those that have no state yet; none in the first run, when all of them are new
 */
export async function addedWith(
  { store }: Pick<Ports, 'store'>,
  { organization, evaluation, startedAt }: RunRecord,
  subjects: readonly Subject[],
): Promise<ReadonlySet<string>> {
  const watch = { organization, evaluation };
  // That some have a state says nothing: slices of this very run may have written them.
  const isFirst = !(await store.runs(watch, runsLookedAt)).some((other) => other.startedAt < startedAt);
  if (isFirst) return new Set();
  const { missing } = await store.compareSubjects(
    watch,
    subjects.map(({ id }) => id),
  );
  return newAmong(missing, subjects);
}

function newAmong(missing: readonly string[], { length }: readonly Subject[]): ReadonlySet<string> {
  return new Set(missing.length === length ? [] : missing);
}

/** That a subject came into the watch or left it, at `at`; it has been what it is since `since` (ISO 8601, UTC). */
export function aboutSubject(kind: 'added' | 'removed', subject: string, at: string, since: string): Transition {
  const message =
    kind === 'added'
      ? `${subject} is watched from now on.`
      : `${subject} is no longer watched; what was found about it stays in the history.`;
  return { kind, reason: `subject-${kind}`, subject, at, since, of: { type: 'subject', message } };
}
