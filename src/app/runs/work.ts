import pMap from 'p-map';
import { isCondition } from '../../domain/blindness.ts';
import { compare, type PolicyOf, type SubjectState } from '../../domain/compare.ts';
import { noFacts } from '../../domain/fact-set.ts';
import type { Run } from '../../domain/finding.ts';
import { incidentKey } from '../../domain/incident.ts';
import { type Receivers, routed } from '../../domain/route.ts';
import type { Sources } from '../../domain/source.ts';
import { hushOf, outgrown, type Statement } from '../../domain/statement.ts';
import { confirmRunsOf } from '../../domain/telling.ts';
import { isAhead } from '../../domain/time.ts';
import type { Transition } from '../../domain/transition.ts';
import { compareText } from '../../domain/words.ts';
import type { DueMessage, SliceMessage } from '../../queue/queue.ts';
import type {
  CommitResult,
  RunRecord,
  SliceReader,
  SliceResult,
  StoredFacts,
  SubjectChange,
  Versioned,
  Watch,
} from '../../store/store.ts';
import { evaluateAll } from '../evaluations/evaluate.ts';
import { tellBlindSubjects } from '../notices/sight.ts';
import { nameOf } from '../organizations/at-hand.ts';
import { summaryOf } from '../organizations/summary.ts';
import type { Ports } from '../ports.ts';
import { suppliedFacts } from '../supplied/facts.ts';
import { type StillDue, stillDue } from './due.ts';
import { tellEnd } from './end.ts';
import { type RunPorts, startRunWith } from './start.ts';
import { sumAnswers, sumVerdicts } from './status.ts';
import { type EndedRun, keepTogether, readTogether, type Shared } from './together.ts';
import { aboutSubject } from './watched.ts';
import { answersOf } from './whole.ts';

/** Runs whose slices this process may have in work at once; what it has read for others is given up. */
const readersKept = 8;

/** Slices of one message side by side: a slice of dead names takes 40 seconds, and the host ends a message after minutes. */
const slicesAtOnce = 4;

/** A lost race is read and compared again; more often than this something else is wrong. */
const commitTries = 5;

type WorkPorts = Pick<Ports, 'store' | 'queue' | 'log' | 'clock' | 'evaluations' | 'telemetry' | 'notifierFor'>;

export interface Worker {
  /** Does one slice. @returns undefined when it was put back meanwhile: then nothing of it is kept */
  work(ports: WorkPorts, message: SliceMessage): Promise<SliceResult | undefined>;
  /** Does all slices of a message. What fails keeps no other from its turn, and is thrown: the message comes again. */
  workAll(ports: WorkPorts, messages: readonly SliceMessage[]): Promise<void>;
  /** Starts the runs of a message that are still due, and does those of one slice. What fails is as in {@link workAll}. */
  workDue(ports: RunPorts, due: readonly DueMessage[]): Promise<void>;
  /**
   * Sends the slices at work once more and commits nothing of them from then on: their own messages stay hidden for
   * minutes after the process has ended.
   */
  putBack(ports: WorkPorts): Promise<void>;
}

/**
 * Works on slices: gathers, judges, compares with the last known states and commits it all. Delivered twice it changes
 * nothing the second time: subjects whose state is of this run are left as they are.
 *
 * @param sourcesOf the sources that are bound to an evaluation's facts
 */
export function createWorker(sourcesOf: (evaluation: string) => Sources): Worker {
  const readerOf = createReaders();
  const saidOf = createStatements();
  /** One entry for each call: the same message may come twice. */
  const atWork = new Set<{ readonly message: SliceMessage }>();

  async function doSlice(
    ports: WorkPorts,
    message: SliceMessage,
    isPutBack: () => boolean,
    given: Given,
  ): Promise<Done | undefined> {
    const { evaluation, organization, runId, subjects } = message;
    const watch: Watch = { organization, evaluation };
    const now = ports.clock();
    const reader = given.reader ?? readerOf(ports, watch, runId);
    const ids = subjects.map(({ id }) => id);
    // Both at once, in the order of the slices: whoever is done first must not read a page of its own.
    const [facts, states, said] = await Promise.all([
      reader.facts(ids),
      reader.states(ids),
      given.shared?.said.get(organization) ?? saidOf(ports, organization, runId),
    ]);
    const supplied = suppliedFacts(facts, now);
    const runs = new Map<string, Run>();
    await evaluateAll(
      ports.evaluations.of(evaluation),
      subjects,
      {
        sources: sourcesOf(evaluation),
        now,
        log: ports.log,
        policies: message.policies,
        supplied: ({ id }) => supplied.get(id) ?? noFacts,
      },
      ({ subject, run }) => void runs.set(subject.id, run),
    );
    if (isPutBack()) return undefined;
    const result = summarize(runId, message.slice, [...runs.values()]);
    const work: Work = { message, runs: [...runs.values()], result, said, facts, given };
    const { outcome, told, tell, ended } = await commitRuns(ports, work, states);
    await endOutgrown(ports, watch, [...runs.values()], said);
    ports.telemetry?.sliceEnded({
      ...{ runId, organization, evaluation, slice: message.slice, subjects: runs.size, complete: true },
      startedAt: now.toISOString(),
      endedAt: ports.clock().toISOString(),
    });
    if (outcome === 'ended') await tell();
    // Somebody has to end the run, and to tell what there is to tell; the timer does both, a little later.
    const isLast = message.slice === message.slices - 1;
    if (isLast && (told > 0 || outcome !== 'ended')) await ports.queue.sendDelivery(watch);
    return { result, ended };
  }

  async function work(ports: WorkPorts, message: SliceMessage, given: Given): Promise<Done | undefined> {
    const call = { message };
    atWork.add(call);
    try {
      return await doSlice(ports, message, () => !atWork.has(call), given);
    } finally {
      atWork.delete(call);
    }
  }

  /** Starts a run that is due and does it here, when it is one slice. */
  async function startAndWork(ports: RunPorts, due: StillDue, shared: Shared): Promise<Done | undefined> {
    const { document, evaluation, trigger, key, noted } = due;
    const whole = await ports.store.wholeWatch({ organization: document.id, evaluation });
    const reader = whole === undefined ? undefined : answersOf(whole);
    let done: Done | undefined;
    await startRunWith(
      ports,
      { document, evaluation, trigger, key },
      {
        known: reader ?? ports.store,
        noted,
        goesOn: true,
        async work(slices, created) {
          const [only] = slices;
          if (slices.length !== 1 || only === undefined) return ports.queue.sendSlices(slices);
          // Whoever began it before may have remembered something.
          const isQuiet = due.isQuiet && created;
          done = await work(ports, only, { shared, isQuiet, ...(reader === undefined ? {} : { reader }) });
        },
      },
    );
    return done;
  }

  return {
    async work(ports, message) {
      const shared = message.begun === undefined ? undefined : await readTogether(ports, [message]);
      const done = await work(ports, message, { shared });
      if (done?.ended !== undefined) await keepTogether(ports, [done.ended]);
      return done?.result;
    },
    async workAll(ports, messages) {
      const [first, ...others] = messages;
      const isWhole = others.length > 0 || first?.begun !== undefined;
      const shared = isWhole ? await readTogether(ports, messages) : undefined;
      await doTogether(ports, messages, (message) => work(ports, message, { shared }));
    },
    async workDue(ports, due) {
      const shared = await readTogether(ports, due);
      await doTogether(ports, await stillDue(ports, due, shared), (one) => startAndWork(ports, one, shared));
    },
    async putBack({ queue, log }) {
      const unfinished = [...atWork];
      atWork.clear();
      await Promise.all(
        unfinished.map(async ({ message }) => {
          await queue.sendSlices([message]);
          log.info('unfinished slice put back', { runId: message.runId, slice: message.slice });
        }),
      );
    },
  };
}

/** What whoever does a slice knows already. */
interface Given {
  /** Read for all slices of the message; it is there where the run may end with the slice. */
  readonly shared: Shared | undefined;
  /** The whole watch, where it was read to start the run. */
  readonly reader?: SliceReader;
  /** Nothing is remembered that could not be looked at. */
  readonly isQuiet?: boolean;
}

/** What became of a slice. */
interface Done {
  readonly result: SliceResult;
  /** The run, where it has ended with the slice: its summary is still to be kept. */
  readonly ended: EndedRun | undefined;
}

/** Does what one message holds, some side by side. What fails keeps no other from its turn, and is thrown in the end. */
async function doTogether<T>(
  ports: Pick<WorkPorts, 'store' | 'clock'>,
  all: readonly T[],
  doOne: (one: T) => Promise<Done | undefined>,
): Promise<void> {
  const faults: unknown[] = [];
  const ended: EndedRun[] = [];
  const tryOne = async (one: T) => {
    try {
      const done = await doOne(one);
      if (done?.ended !== undefined) ended.push(done.ended);
    } catch (error) {
      faults.push(error);
    }
  };
  await pMap(all, tryOne, { concurrency: slicesAtOnce });
  await keepTogether(ports, ended);
  if (faults.length > 1) throw new AggregateError(faults, faults.map(String).join('; '));
  if (faults.length === 1) throw faults[0];
}

/** Keeps the readers of the runs that this process worked on last, so that the slices of a run share what was read. */
function createReaders(): (ports: WorkPorts, watch: Watch, runId: string) => SliceReader {
  const readers = new Map<string, SliceReader>();
  return ({ store }, watch, runId) => {
    const reader = readers.get(runId) ?? store.sliceReader(watch);
    readers.delete(runId);
    readers.set(runId, reader);
    const [oldest] = readers.keys();
    if (readers.size > readersKept && oldest !== undefined) readers.delete(oldest);
    return reader;
  };
}

/** Keeps what was said of the organizations of the runs that this process worked on last: it is read once for each run. */
function createStatements(): (
  ports: Pick<WorkPorts, 'store'>,
  organization: string,
  runId: string,
) => Promise<readonly Statement[]> {
  const kept = new Map<string, Promise<readonly Statement[]>>();
  return ({ store }, organization, runId) => {
    const said = kept.get(runId) ?? store.statements(organization);
    said.catch(() => kept.delete(runId));
    kept.delete(runId);
    kept.set(runId, said);
    const [oldest] = kept.keys();
    if (kept.size > readersKept && oldest !== undefined) kept.delete(oldest);
    return said;
  };
}

/** An acceptance holds for what was accepted: one that has got worse is ended, and was told with this look. */
async function endOutgrown(
  { store, log, clock }: Pick<WorkPorts, 'store' | 'log' | 'clock'>,
  watch: Watch,
  runs: readonly Run[],
  said: readonly Statement[],
): Promise<void> {
  for (const { subject, findings } of said.length === 0 ? [] : runs) {
    for (const acceptance of outgrown(said, watch, subject, findings, clock())) {
      const endedAt = clock().toISOString();
      await store.putStatement(watch.organization, { ...acceptance, endedAt, endedFor: 'it got worse' });
      log.info('statement ended', {
        ...watch,
        subject,
        kind: 'acceptance',
        id: acceptance.id,
        by: 'worse-than-accepted',
      });
    }
  }
}

/** A slice that has been judged. */
interface Work {
  readonly message: SliceMessage;
  readonly runs: readonly Run[];
  readonly result: SliceResult;
  readonly said: readonly Statement[];
  readonly facts: readonly StoredFacts[];
  readonly given: Given;
}

/**
 * Compares with what was stored and commits; reads and compares again when somebody else was faster.
 *
 * @returns how many notices wait for what was found, and of a run that has ended what says so and what came of it
 */
async function commitRuns(
  ports: WorkPorts,
  work: Work,
  before: ReadonlyMap<string, Versioned<SubjectState>>,
): Promise<{
  readonly outcome: CommitResult;
  readonly told: number;
  readonly tell: () => Promise<void>;
  readonly ended: EndedRun | undefined;
}> {
  const { message, runs, result, said } = work;
  const { organization, evaluation, runId } = message;
  const watch: Watch = { organization, evaluation };
  const subjects = runs.map(({ subject }) => subject);
  let states = before;
  let told = 0;
  for (let attempt = 1; ; attempt++) {
    const changes = runs.flatMap((run) => {
      const state = states.get(run.subject);
      // Already committed by an earlier delivery of this message, or overtaken by a newer run; one from a clock that went
      // ahead is no newer one.
      const settled =
        state !== undefined &&
        (state.value.runId === runId || (state.value.run.at > run.at && !isAhead(state.value.run.at, ports.clock())));
      return settled ? [] : [changeOf(message, run, state, policyFor(ports, message, run.subject, said))];
    });
    const unrouted = changes.reduce((sum, { nowhere }) => sum + nowhere, 0);
    const counted = unrouted === 0 ? result : { ...result, unrouted };
    // Whoever had to compare again leaves the end to the supervisor: what is told with it was told already.
    const end = attempt === 1 ? await endOf(ports, work, changes, states) : undefined;
    told += end?.told ?? 0;
    const outcome = await ports.store.commit(watch, changes, counted, end?.end);
    if (outcome !== 'conflict') {
      logTransitions(ports, watch, runId, changes);
      if (unrouted > 0) ports.log.warn('changes that no route takes', { ...watch, runId, changes: unrouted });
      const waiting = changes.reduce((sum, { pending }) => sum + pending.length, told);
      const ended = outcome === 'ended' ? end?.ended : undefined;
      return { outcome, told: waiting, tell: async () => end?.tell(counted), ended };
    }
    if (attempt === commitTries)
      throw new Error(`slice ${result.slice} of ${runId} lost the race for its subjects ${commitTries} times`);
    states = await ports.store.states(watch, subjects);
  }
}

/**
 * What a run leaves behind when it ends with its only slice. What could not be looked at is told before it is committed:
 * should it be cut short in between, the message comes again. Its summary is kept afterwards, with those of other runs.
 *
 * @returns undefined when somebody else ends the run
 */
async function endOf(
  ports: WorkPorts,
  { message: { begun, organization, evaluation }, facts, given }: Work,
  changes: readonly Change[],
  before: ReadonlyMap<string, Versioned<SubjectState>>,
) {
  // Without a change the message has come again, or a newer run was faster: what there is to say has been said.
  if (begun === undefined || given.shared === undefined || changes.length === 0) return undefined;
  const changed = new Map(changes.map(({ subject, state }) => [subject, state]));
  const settled = [...before.values()].map(({ value }) => value).filter(({ run }) => !changed.has(run.subject));
  const states = [...changed.values(), ...settled].sort((a, b) => compareText(a.run.subject, b.run.subject));
  const endedAt = ports.clock();
  const watch: Watch = { organization, evaluation };
  const last = given.shared.summaries.get(nameOf(watch));
  const summarized = summaryOf(begun.run, 'finished', { states, facts, before: last?.value }, endedAt);
  if (summarized === undefined) return undefined;
  const { summary, unseen } = summarized;
  const unrouted = changes.reduce((sum, { nowhere }) => sum + nowhere, 0);
  const isQuiet =
    unseen.blind.length + unrouted === 0 && (given.isQuiet === true || !(await remembersBlindness(ports, watch)));
  // Hardly any run needs it: who hears what stands in the message.
  const document = isQuiet && !begun.hasPings ? undefined : (await ports.store.organization(organization))?.value;
  const told =
    isQuiet || document === undefined
      ? 0
      : await tellBlindSubjects(ports, document, begun.run, { ...unseen, unrouted });
  const run: RunRecord = { ...begun.run, state: 'finished', finishedAt: endedAt.toISOString() };
  return {
    end: { run, etag: begun.etag },
    told,
    ended: { run, summary, expected: last?.etag },
    tell: (result: SliceResult) => tellEnd(ports, document, { run, slices: [result], state: 'finished', endedAt }),
  };
}

/** Is there something that nobody could look at before? */
async function remembersBlindness({ store }: Pick<WorkPorts, 'store'>, watch: Watch): Promise<boolean> {
  const memory = await store.watchMemory(watch);
  return Object.keys(memory?.value.blind ?? {}).some((cause) => !isCondition(cause));
}

/** What holds for the findings of a subject: how many looks they take, and what was said of them. */
function policyFor(
  { evaluations, clock }: Pick<Ports, 'evaluations' | 'clock'>,
  { organization, evaluation, policies }: SliceMessage,
  subject: string,
  said: readonly Statement[],
): PolicyOf {
  const ofRule = new Map(evaluations.of(evaluation).rules.map(({ id, confirmRuns }) => [id, confirmRuns]));
  return (finding) => ({
    confirmRuns: confirmRunsOf(finding, ofRule.get(finding.rule) ?? 1, policies[finding.rule]?.confirmRuns),
    isSaid: policies[finding.rule]?.confirmRuns !== undefined,
    ...(said.length === 0 ? {} : hushOf(said, { organization, evaluation }, subject, finding, clock())),
  });
}

/** Why something is told, or would be: by name, so that a person can follow it. */
function logTransitions({ log }: Pick<Ports, 'log'>, watch: Watch, runId: string, changes: readonly Change[]): void {
  for (const { transitions } of changes) {
    for (const { kind, reason, subject, of } of transitions) {
      if (of.type === 'finding')
        log.info('incident', { key: incidentKey(watch, subject, of), runId, kind, reason, severity: of.severity });
    }
  }
}

interface Change extends SubjectChange {
  readonly transitions: readonly Transition[];
  /** Changes worth telling that no route takes. */
  readonly nowhere: number;
}

/** What one run changes, and the channels that hear of it. */
function changeOf(
  message: SliceMessage,
  run: Run,
  before: Versioned<SubjectState> | undefined,
  policyOf: PolicyOf,
): Change {
  const { organization, evaluation, runId, added } = message;
  const { subject, at, answers } = run;
  const compared = compare(before?.value, runId, run, policyOf);
  const isNew = before === undefined && added.includes(subject);
  const transitions = [...(isNew ? [aboutSubject('added', subject, at, at)] : []), ...compared.transitions];
  const { told, nowhere } = routed(receiversOf(message), evaluation, transitions);
  return {
    subject,
    transitions,
    nowhere,
    state: compared.state,
    expected: before?.etag,
    superseded: compared.superseded,
    pending: told.map((one) => ({ organization, evaluation, runId, subject, at, answers, ...one })),
  };
}

function receiversOf({ receivers, channels = [] }: SliceMessage): Receivers {
  return { ...Object.fromEntries(channels.map((channel) => [channel, {}])), ...receivers };
}

function summarize(runId: string, slice: number, runs: readonly Run[]): SliceResult {
  const each = runs.map(({ answers, findings }) => ({
    answers: Object.fromEntries(Object.entries(answers).map(([question, answer]) => [question, { [answer]: 1 }])),
    verdicts: Object.fromEntries([...Map.groupBy(findings, ({ verdict }) => verdict)].map(([v, of]) => [v, of.length])),
  }));
  return { runId, slice, subjects: runs.length, answers: sumAnswers(each), verdicts: sumVerdicts(each) };
}
