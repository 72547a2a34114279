import { createHash, randomUUID } from 'node:crypto';
import type { OrganizationDocument } from '../../domain/organization.ts';
import type { RunRecord } from '../../store/store.ts';
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

/** `<organization>.<evaluation>.<key>`: whose run it is can be read from its id. */
function runIdOf(organization: string, evaluation: string, key: string): string {
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
export async function startRun(
  ports: RunPorts,
  { document, evaluation, trigger, key }: StartRun,
): Promise<{ run: RunRecord; created: boolean } | undefined> {
  const registered = ports.evaluations.of(evaluation);
  const discovered = await discover(ports, document, registered);
  const subjects = subjectsOf(registered, document, discovered.domains);
  if (subjects.length === 0) return undefined;
  const now = ports.clock();
  const runId = runIdOf(document.id, evaluation, key);
  const messages = slicesOf(document, evaluation, runId, subjects);
  const run: RunRecord = {
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
  const etag = await ports.store.createRun(run);
  if (etag === undefined) {
    const existing = await ports.store.run(runId);
    return {
      run: existing === undefined ? run : { ...existing.run, state: stateOf(existing, now) },
      created: false,
    };
  }
  const words = `A run of ${registered.title} over ${subjects.length} subject(s) has started.`;
  const pinged = tellCycle(ports, document, evaluation, { phase: 'start', runId, words });
  // A crash from here on loses messages, not the run: superviseRuns sends the missing slices again.
  const { added, looksAtAll } = await updateWatchedSubjects(ports, document, run, subjects, discovered.complete);
  // Its worker knows then all there is to know of the run, and ends it.
  const begun =
    messages.length === 1 && looksAtAll
      ? { begun: { run, etag, hasPings: pingsOf(document, evaluation).length > 0 } }
      : {};
  await ports.queue.sendSlices(messages.map((message) => ({ ...withAdded(message, added), ...begun })));
  await pinged;
  ports.log.info('run started', { runId, trigger, subjects: subjects.length, slices: messages.length });
  return { run, created: true };
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
