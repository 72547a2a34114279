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
import type { SliceMessage } from '../../queue/queue.ts';
import type { SliceReader, SliceResult, SubjectChange, Versioned, Watch } from '../../store/store.ts';
import { evaluateAll } from '../evaluations/evaluate.ts';
import type { Ports } from '../ports.ts';
import { suppliedFacts } from '../supplied/facts.ts';
import { sumAnswers, sumVerdicts } from './status.ts';
import { aboutSubject } from './watched.ts';

/** Runs whose slices this process may have in work at once; what it has read for others is given up. */
const readersKept = 8;

/** A lost race is read and compared again; more often than this something else is wrong. */
const commitTries = 5;

type WorkPorts = Pick<Ports, 'store' | 'queue' | 'log' | 'clock' | 'evaluations' | 'telemetry'>;

export interface Worker {
  /** Does one slice. @returns undefined when it was put back meanwhile: then nothing of it is kept */
  work(ports: WorkPorts, message: SliceMessage): Promise<SliceResult | undefined>;
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
  ): Promise<SliceResult | undefined> {
    const { evaluation, organization, runId, subjects } = message;
    const watch: Watch = { organization, evaluation };
    const now = ports.clock();
    const reader = readerOf(ports, watch, runId);
    const ids = subjects.map(({ id }) => id);
    // Both at once, in the order of the slices: whoever is done first must not read a page of its own.
    const [facts, states, said] = await Promise.all([
      reader.facts(ids),
      reader.states(ids),
      saidOf(ports, organization, runId),
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
    await commitRuns(ports, message, [...runs.values()], states, result, said);
    await endOutgrown(ports, watch, [...runs.values()], said);
    ports.telemetry?.sliceEnded({
      ...{ runId, organization, evaluation, slice: message.slice, subjects: runs.size, complete: true },
      startedAt: now.toISOString(),
      endedAt: ports.clock().toISOString(),
    });
    if (message.slice === message.slices - 1) await ports.queue.sendDelivery(watch);
    return result;
  }

  return {
    async work(ports, message) {
      const call = { message };
      atWork.add(call);
      try {
        return await doSlice(ports, message, () => !atWork.has(call));
      } finally {
        atWork.delete(call);
      }
    },
    async putBack({ queue, log }) {
      const unfinished = [...atWork];
      atWork.clear();
      await Promise.all(
        unfinished.map(async ({ message }) => {
          await queue.sendSlice(message);
          log.info('unfinished slice put back', { runId: message.runId, slice: message.slice });
        }),
      );
    },
  };
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

/** Compares with what was stored and commits; reads and compares again when somebody else was faster. */
async function commitRuns(
  ports: Pick<Ports, 'store' | 'clock' | 'evaluations' | 'log'>,
  message: SliceMessage,
  runs: readonly Run[],
  before: ReadonlyMap<string, Versioned<SubjectState>>,
  result: SliceResult,
  said: readonly Statement[],
): Promise<void> {
  const { organization, evaluation, runId } = message;
  const watch: Watch = { organization, evaluation };
  const subjects = runs.map(({ subject }) => subject);
  let states = before;
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
    if ((await ports.store.commit(watch, changes, counted)) === 'committed') {
      logTransitions(ports, watch, runId, changes);
      if (unrouted > 0) ports.log.warn('changes that no route takes', { ...watch, runId, changes: unrouted });
      return;
    }
    if (attempt === commitTries)
      throw new Error(`slice ${result.slice} of ${runId} lost the race for its subjects ${commitTries} times`);
    states = await ports.store.states(watch, subjects);
  }
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
