import { createHash, randomUUID } from 'node:crypto';
import type { OrganizationDocument } from '../../domain/organization.ts';
import type { SliceMessage } from '../../queue/queue.ts';
import type { NotedRuns, RunRecord } from '../../store/store.ts';
import { audited } from '../access/audit.ts';
import { pingsOf, tellCycle } from '../notices/cycle.ts';
import { subjectsOf } from '../organizations/subjects.ts';
import { watchOf } from '../organizations/watches.ts';
import type { Ports } from '../ports.ts';
import { Problem } from '../problem.ts';
import { discover } from './discover.ts';
import { slicesOf, withAdded } from './slices.ts';
import { stateOf } from './status.ts';
import { updateWatchedSubjects } from './watched.ts';
import type { KnownSubjects } from './whole.ts';

/** After this a run is closed with what there is, so that one lost message cannot hold back every notice. */
const deadlineMs = 30 * 60_000;

export type RunPorts = Pick<
  Ports,
  'store' | 'queue' | 'log' | 'clock' | 'evaluations' | 'world' | 'telemetry' | 'notifierFor'
>;

interface StartRun {
  readonly document: OrganizationDocument;
  readonly evaluation: string;
  readonly trigger: string;
  /** Makes the run id: the same key is the same run. */
  readonly key: string;
}

/** How a run is started. */
interface Starting {
  /** What is kept about the watch. */
  readonly known: KnownSubjects;
  /** Runs that have their entry among what is at hand. */
  readonly noted?: NotedRuns;
  /**
   * Whether a run of one slice that somebody has started and nobody has done is gone on with: by the message that comes
   * again. Otherwise it is whoever started it that does it, or the supervisor.
   */
  readonly goesOn: boolean;
  /** What becomes of the run's slices. */
  work(slices: readonly SliceMessage[], created: boolean): Promise<void>;
}

/** `<organization>.<evaluation>.<key>`: whose run it is can be read from its id. */
export function runIdOf(organization: string, evaluation: string, key: string): string {
  return `${organization}.${evaluation}.${/^[A-Za-z0-9-]{1,40}$/.test(key) ? key : createHash('sha256').update(key).digest('hex').slice(0, 32)}`;
}

/** `20261124T060000Z` */
export function slotKey(at: Date): string {
  return at.toISOString().replace(/[-:]|\.\d+/g, '');
}

/** The key of a run that nobody else is to share: it sorts by time and is made once. */
export function ownKey(now: Date): string {
  return `${slotKey(now)}-${randomUUID().slice(0, 8)}`;
}

/**
 * Starts a run over all subjects: one row, one message for each slice. The same key starts it once only, also when two
 * timers fire for one slot.
 *
 * @returns the run, or undefined when the document declares no subject for the evaluation
 */
export function startRun(ports: RunPorts, start: StartRun): Promise<Started | undefined> {
  return startRunWith(ports, start, {
    known: ports.store,
    goesOn: false,
    work: (slices) => ports.queue.sendSlices(slices),
  });
}

interface Started {
  readonly run: RunRecord;
  /** Not by somebody else. */
  readonly created: boolean;
}

/** As {@link startRun}, with what is said here of how. */
export async function startRunWith(
  ports: RunPorts,
  { document, evaluation, trigger, key }: StartRun,
  { known, noted, goesOn, work }: Starting,
): Promise<Started | undefined> {
  const registered = ports.evaluations.of(evaluation);
  const discovered = await discover(ports, document, registered, known);
  const subjects = subjectsOf(registered, document, discovered.domains);
  if (subjects.length === 0) return undefined;
  const now = ports.clock();
  const runId = runIdOf(document.id, evaluation, key);
  const messages = slicesOf(document, evaluation, runId, subjects);
  const fresh: RunRecord = {
    organization: document.id,
    evaluation,
    runId,
    trigger,
    startedAt: now.toISOString(),
    deadline: new Date(now.getTime() + deadlineMs).toISOString(),
    subjects: subjects.length,
    slices: messages.length,
    state: 'running',
  };
  const created = await ports.store.createRun(fresh, noted);
  const existing = created === undefined ? await ports.store.run(runId) : undefined;
  const state = existing === undefined ? 'running' : stateOf(existing, now);
  const run = existing?.run ?? fresh;
  const etag = created ?? existing?.etag;
  const isUndone = goesOn && state === 'running' && run.slices === 1 && messages.length === 1;
  if (etag === undefined || (created === undefined && !isUndone)) return { run: { ...run, state }, created: false };
  const words = `A run of ${registered.title} over ${subjects.length} subject(s) has started.`;
  const pinged =
    created === undefined ? undefined : tellCycle(ports, document, evaluation, { phase: 'start', runId, words });
  // A crash from here on loses messages, not the run: superviseRuns sends the missing slices again.
  const { added, looksAtAll } = await updateWatchedSubjects(ports, document, run, subjects, discovered.complete, known);
  // Its worker knows then all there is to know of the run, and ends it.
  const begun =
    messages.length === 1 && looksAtAll
      ? { begun: { run, etag, hasPings: pingsOf(document, evaluation).length > 0 } }
      : {};
  if (created !== undefined)
    ports.log.info('run started', { runId, trigger, subjects: subjects.length, slices: messages.length });
  await work(
    messages.map((message) => ({ ...withAdded(message, added), ...begun })),
    created !== undefined,
  );
  await pinged;
  return { run, created: created !== undefined };
}

/**
 * As {@link startRun}, of a watch that a caller names; without a key the run is one of its own.
 *
 * @throws Problem when there is no such watch, or nothing in it to look at
 */
export async function startNamedRun(
  ports: RunPorts & Pick<Ports, 'by'>,
  organization: string,
  evaluation: string,
  trigger: string,
  key = ownKey(ports.clock()),
): Promise<RunRecord> {
  const { document } = await watchOf(ports, organization, evaluation);
  await audited(ports, { action: 'run.start', organization, target: evaluation });
  const started = await startRun(ports, { document, evaluation, trigger, key });
  if (started !== undefined) return started.run;
  throw new Problem(
    409,
    `${organization} has no subject for ${evaluation}: name domains in its document, or supply facts that do.`,
  );
}
