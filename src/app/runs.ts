import { createHash } from 'node:crypto';
import { compare, isWorthTelling, type SubjectState } from '../domain/compare.ts';
import { noFacts } from '../domain/fact-set.ts';
import type { Run } from '../domain/finding.ts';
import type { OrganizationDocument } from '../domain/organization.ts';
import type { EvaluationId } from '../domain/rule.ts';
import type { Sources } from '../domain/source.ts';
import type { Subject } from '../domain/subject.ts';
import type { Transition } from '../domain/transition.ts';
import { evaluationOf } from '../evaluations/index.ts';
import { messageLimit, type Queue, type SliceMessage } from '../queue/queue.ts';
import type {
  RunProgress,
  RunRecord,
  SliceReader,
  SliceResult,
  Store,
  SubjectChange,
  Versioned,
  Watch,
} from '../store/store.ts';
import { type Evaluated, evaluateAll } from './evaluate.ts';
import { suppliedFacts } from './facts.ts';
import type { Log } from './log.ts';
import { policiesOf, subjectsOf } from './subjects.ts';

/** Subjects in a slice: state rows and the slice's result fit into one entity-group transaction of 100 operations. */
const sliceSize = 96;

/** After this a run is closed with what there is, so that one lost message cannot hold back every notice. */
const deadlineMs = 30 * 60_000;

/** Slices without a result are sent again when they were sent this long ago. */
const resendAfterMs = 10 * 60_000;

/** Runs among which one before the given run is looked for: more than these do not run at once. */
const runsLookedAt = 20;

/** Runs whose slices this process may have in work at once; what it has read for others is given up. */
const readersKept = 8;

/** A lost race is read and compared again; more often than this something else is wrong. */
const commitTries = 5;

/** Domains of a tenant. Where the list is not `complete`, one that is missing has not been proven to be gone. */
export interface Discovered {
  readonly domains: readonly string[];
  readonly complete: boolean;
}

export interface RunsPorts {
  readonly store: Store;
  readonly queue: Queue;
  readonly sources: Sources;
  readonly log: Log;
  readonly clock: () => Date;
  /**
   * When slices of a run were last sent again, by run id, in milliseconds: runs are looked after every minute, and a run
   * that is only slow must not have its slices multiplied every time.
   */
  readonly resentAt: Map<string, number>;
  /** One for each run, so that its slices share what was read. */
  readonly readerOf: (watch: Watch, runId: string) => SliceReader;
  /** The tenant's own domains, for documents that name none. */
  readonly discover: (document: OrganizationDocument, evaluation: EvaluationId) => Promise<Discovered>;
}

/** Keeps the readers of the runs that this process worked on last. */
export function createReaders(store: Pick<Store, 'sliceReader'>): RunsPorts['readerOf'] {
  const readers = new Map<string, SliceReader>();
  return (watch, runId) => {
    const reader = readers.get(runId) ?? store.sliceReader(watch);
    readers.delete(runId);
    readers.set(runId, reader);
    const [oldest] = readers.keys();
    if (readers.size > readersKept && oldest !== undefined) readers.delete(oldest);
    return reader;
  };
}

export interface StartRun {
  readonly document: OrganizationDocument;
  readonly evaluation: EvaluationId;
  readonly trigger: string;
  /** Makes the run id: the same key is the same run. */
  readonly key: string;
}

/** `contoso.dkim.20261124T060000Z`: whose run it is can be read from its id. */
export function runIdOf(organization: string, evaluation: EvaluationId, key: string): string {
  return `${organization}.${evaluation}.${/^[A-Za-z0-9-]{1,40}$/.test(key) ? key : createHash('sha256').update(key).digest('hex').slice(0, 32)}`;
}

/** `20261124T060000Z` */
export function slotKey(at: Date): string {
  return at.toISOString().replace(/[-:]|\.\d+/g, '');
}

/**
 * Starts a run over all subjects: one row, one message for each slice. The same key starts it once only, also when two
 * timers fire for one slot.
 *
 * @returns the run, or undefined when the document declares no subject for the evaluation
 */
export async function startRun(
  ports: RunsPorts,
  { document, evaluation, trigger, key }: StartRun,
): Promise<{ run: RunRecord; created: boolean } | undefined> {
  const discovered = await ports.discover(document, evaluation);
  const subjects = subjectsOf(document, evaluation, discovered.domains);
  if (subjects.length === 0) return undefined;
  const now = ports.clock();
  const runId = runIdOf(document.id, evaluation, key);
  const messages = slice(document, evaluation, runId, subjects);
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
  if (!(await ports.store.createRun(run))) {
    const existing = await ports.store.run(runId);
    return { run: existing?.run ?? run, created: false };
  }
  // A crash from here on loses messages, not the run: watchRun sends the missing slices again.
  const added = await keepRoll(ports, document, run, subjects, discovered.complete);
  for (const message of messages) await ports.queue.sendSlice(withAdded(message, added));
  ports.log.info('run started', { runId, trigger, subjects: subjects.length, slices: messages.length });
  return { run, created: true };
}

/**
 * Subjects that left the watch are told and taken out; their history stays. Those that came are told by their slice.
 *
 * @returns ids of the subjects that came; none in the first run, when all of them are new
 */
async function keepRoll(
  ports: RunsPorts,
  document: OrganizationDocument,
  run: RunRecord,
  subjects: readonly Subject[],
  complete: boolean,
): Promise<ReadonlySet<string>> {
  const { organization, evaluation, runId, startedAt: at } = run;
  const watch: Watch = { organization, evaluation };
  const { missing, others } = await ports.store.rollCall(
    watch,
    subjects.map(({ id }) => id),
  );
  for (const state of complete ? others : []) {
    const { subject, answers } = state.run;
    const transition = aboutSubject('removed', subject, at, state.since);
    const channels = document.evaluations[evaluation]?.channels ?? [];
    await ports.store.retire(
      watch,
      state,
      channels.map((channel) => ({ ...watch, channel, runId, subject, at, transitions: [transition], answers })),
    );
    ports.log.info('subject removed from the watch', { runId, subject });
  }
  return new Set(missing.length === subjects.length ? [] : missing);
}

/**
 * Subjects that came with a run that has begun: what its first messages said of them is lost with the messages.
 *
 * @returns ids of those that have no state yet; none in the first run, when all of them are new
 */
async function addedWith(
  { store }: RunsPorts,
  { organization, evaluation, startedAt }: RunRecord,
  subjects: readonly Subject[],
): Promise<ReadonlySet<string>> {
  const watch: Watch = { organization, evaluation };
  // That some have a state says nothing: slices of this very run may have written them.
  const isFirst = !(await store.runs(watch, runsLookedAt)).some((other) => other.startedAt < startedAt);
  if (isFirst) return new Set();
  const ids = subjects.map(({ id }) => id);
  const { missing } = await store.rollCall(watch, ids);
  return new Set(missing.length === ids.length ? [] : missing);
}

function withAdded(message: SliceMessage, added: ReadonlySet<string>): SliceMessage {
  return { ...message, added: message.subjects.map(({ id }) => id).filter((id) => added.has(id)) };
}

function aboutSubject(kind: 'added' | 'removed', subject: string, at: string, since: string): Transition {
  const message =
    kind === 'added'
      ? `${subject} is watched from now on.`
      : `${subject} is no longer watched; what was found about it stays in the history.`;
  return { kind, reason: `subject-${kind}`, subject, at, since, of: { type: 'subject', message } };
}

function slice(
  document: OrganizationDocument,
  evaluation: EvaluationId,
  runId: string,
  subjects: readonly Subject[],
): SliceMessage[] {
  const policies = policiesOf(document, evaluation);
  const channels = document.evaluations[evaluation]?.channels ?? [];
  const groups: Subject[][] = [];
  let room = 0;
  for (const subject of subjects) {
    // Its id may stand among those that were added as well.
    const size = Buffer.byteLength(JSON.stringify(subject)) + Buffer.byteLength(subject.id) + 4;
    const last = groups.at(-1);
    if (last === undefined || last.length === sliceSize || size > room) {
      groups.push([subject]);
      room = messageLimit - 4_000 - Buffer.byteLength(JSON.stringify({ policies, channels })) - size;
    } else {
      last.push(subject);
      room -= size;
    }
  }
  return groups.map((group, index) => ({
    organization: document.id,
    evaluation,
    runId,
    slice: index,
    slices: groups.length,
    subjects: group,
    policies: { ...policies },
    channels: [...channels],
    added: [],
  }));
}

/**
 * Does one slice: gathers, judges, compares with the last known states and commits it all. Delivered twice it changes
 * nothing the second time: subjects whose state is of this run are left as they are.
 */
export async function workSlice(ports: RunsPorts, message: SliceMessage): Promise<SliceResult> {
  const { evaluation: evaluationId, organization, runId, subjects } = message;
  const watch: Watch = { organization, evaluation: evaluationId };
  const evaluation = evaluationOf(evaluationId);
  const now = ports.clock();
  const reader = ports.readerOf(watch, runId);
  const ids = subjects.map(({ id }) => id);
  // Both at once, in the order of the slices: whoever is done first must not read a page of its own.
  const [facts, states] = await Promise.all([reader.facts(ids), reader.states(ids)]);
  const supplied = suppliedFacts(facts, now);
  const runs = new Map<string, Run>();
  await evaluateAll(
    evaluation,
    subjects,
    {
      sources: ports.sources,
      now,
      log: ports.log,
      policies: message.policies,
      supplied: ({ id }) => supplied.get(id) ?? noFacts,
    },
    ({ subject, run }: Evaluated) => {
      runs.set(subject.id, run);
    },
  );
  const result = summarize(runId, message.slice, [...runs.values()]);
  await commitRuns(ports, message, [...runs.values()], states, result);
  if (message.slice === message.slices - 1) await ports.queue.sendDelivery({ organization, evaluation: evaluationId });
  return result;
}

/** Compares with what was stored and commits; reads and compares again when somebody else was faster. */
async function commitRuns(
  ports: RunsPorts,
  message: SliceMessage,
  runs: readonly Run[],
  before: ReadonlyMap<string, Versioned<SubjectState>>,
  result: SliceResult,
): Promise<void> {
  const { organization, evaluation, runId } = message;
  const watch: Watch = { organization, evaluation };
  const subjects = runs.map(({ subject }) => subject);
  let states = before;
  for (let attempt = 1; ; attempt++) {
    const changes = runs.flatMap((run) => {
      const state = states.get(run.subject);
      // Already committed by an earlier delivery of this message, or overtaken by a newer run.
      const settled = state !== undefined && (state.value.runId === runId || state.value.run.at > run.at);
      return settled ? [] : [changeOf(message, run, state)];
    });
    if ((await ports.store.commit(watch, changes, result)) === 'committed') return;
    if (attempt === commitTries)
      throw new Error(`slice ${result.slice} of ${runId} lost the race for its subjects ${commitTries} times`);
    states = await ports.store.states(watch, subjects);
  }
}

/** What one run changes, and whom that is told. */
function changeOf(message: SliceMessage, run: Run, before: Versioned<SubjectState> | undefined): SubjectChange {
  const { organization, evaluation, runId, channels, added } = message;
  const { subject, at, answers } = run;
  const compared = compare(before?.value, runId, run);
  const isNew = before === undefined && added.includes(subject);
  const transitions = [...(isNew ? [aboutSubject('added', subject, at, at)] : []), ...compared.transitions];
  const told = transitions.some(isWorthTelling) ? channels : [];
  return {
    subject,
    state: compared.state,
    expected: before?.etag,
    superseded: compared.superseded,
    pending: told.map((channel) => ({ organization, evaluation, channel, runId, subject, at, transitions, answers })),
  };
}

function summarize(runId: string, sliceNumber: number, runs: readonly Run[]): SliceResult {
  const answers: Record<string, Record<string, number>> = {};
  const verdicts: Record<string, number> = {};
  for (const run of runs) {
    for (const [question, answer] of Object.entries(run.answers)) {
      answers[question] ??= {};
      answers[question][answer] = (answers[question][answer] ?? 0) + 1;
    }
    for (const { verdict } of run.findings) verdicts[verdict] = (verdicts[verdict] ?? 0) + 1;
  }
  return { runId, slice: sliceNumber, subjects: runs.length, answers, verdicts };
}

/**
 * Looks after a running run: finished when every slice has its result, closed as incomplete at its deadline, slices
 * without result sent again in between.
 *
 * @returns the state it has now
 */
export async function watchRun(
  ports: RunsPorts,
  document: OrganizationDocument | undefined,
  progress: RunProgress,
): Promise<RunRecord['state']> {
  const { run, slices } = progress;
  if (run.state !== 'running') return run.state;
  const now = ports.clock();
  if (slices.length >= run.slices) {
    ports.resentAt.delete(run.runId);
    // Several may see the last result at once; one of them closes the run and says so.
    if (await ports.store.finishRun(progress, 'finished', now.toISOString())) {
      ports.log.info('run finished', {
        runId: run.runId,
        subjects: run.subjects,
        ms: now.getTime() - Date.parse(run.startedAt),
        answers: sumAnswers(slices),
        verdicts: sumVerdicts(slices),
      });
    }
    return 'finished';
  }
  if (now.toISOString() >= run.deadline) {
    ports.resentAt.delete(run.runId);
    if (await ports.store.finishRun(progress, 'incomplete', now.toISOString())) {
      ports.log.error('run incomplete at its deadline', { runId: run.runId, slices: run.slices, done: slices.length });
    }
    return 'incomplete';
  }
  const sentAt = ports.resentAt.get(run.runId) ?? Date.parse(run.startedAt);
  if (document !== undefined && now.getTime() - sentAt > resendAfterMs) {
    ports.resentAt.set(run.runId, now.getTime());
    const done = new Set(slices.map(({ slice: number }) => number));
    const { domains } = await ports.discover(document, run.evaluation);
    const subjects = subjectsOf(document, run.evaluation, domains);
    const added = await addedWith(ports, run, subjects);
    for (const message of slice(document, run.evaluation, run.runId, subjects)) {
      if (!done.has(message.slice)) await ports.queue.sendSlice(withAdded(message, added));
    }
    ports.log.warn('slices without result sent again', { runId: run.runId, slices: run.slices, done: slices.length });
  }
  return 'running';
}

/** By question, then answer: how many subjects, over all slices. */
export function sumAnswers(slices: readonly SliceResult[]): Record<string, Record<string, number>> {
  const sum: Record<string, Record<string, number>> = {};
  for (const { answers } of slices) {
    for (const [question, counts] of Object.entries(answers)) {
      sum[question] ??= {};
      for (const [answer, count] of Object.entries(counts))
        sum[question][answer] = (sum[question][answer] ?? 0) + count;
    }
  }
  return sum;
}

/** How many findings have each verdict, over all slices. */
export function sumVerdicts(slices: readonly SliceResult[]): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const { verdicts } of slices) {
    for (const [verdict, count] of Object.entries(verdicts)) sum[verdict] = (sum[verdict] ?? 0) + count;
  }
  return sum;
}
