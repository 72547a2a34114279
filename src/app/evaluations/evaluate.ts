import { setFlagsFromString } from 'node:v8';
import { type Assumption, gatherAssuming, judgeAssuming } from '../../domain/assume.ts';
import type { Evaluation } from '../../domain/evaluation.ts';
import type { FactSet } from '../../domain/fact-set.ts';
import type { Run } from '../../domain/finding.ts';
import { gather } from '../../domain/gather.ts';
import { type JudgeOptions, judge } from '../../domain/judge.ts';
import type { RulePolicy } from '../../domain/rule.ts';
import type { Sources } from '../../domain/source.ts';
import type { Subject } from '../../domain/subject.ts';
import type { Log } from '../log.ts';
import type { Ports } from '../ports.ts';

// Of what is made while V8's young generation is still small all outlives its collections that belongs to a subject in
// flight. V8 would take that for what stays, and make such objects in the old generation from then on: they and all that
// hangs on them would wait for its collections, at a quarter of the CPU that evaluating takes.
setFlagsFromString('--no-allocation-site-pretenuring');

/** Subjects looked at side by side: twice what keeps one resolver busy. More would only wait, and be garbage that has grown old. */
const subjectsInFlight = 128;

/** Who has waited so long waits for silence, and gives its place to another. */
const slowMs = 1_000;
/** Subjects without a place that are still waited for; more would be memory that grows with the number of dead names. */
const slowInFlight = 1_000;

export interface EvaluateOptions {
  readonly sources: Sources;
  readonly now: Date;
  readonly log: Log;
  readonly policies?: Readonly<Record<string, RulePolicy>>;
  /** What was supplied for a subject. */
  readonly supplied: (subject: Subject) => FactSet;
  /** What is supposed to be so; ad hoc only. */
  readonly assumption?: Assumption | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Subjects looked at side by side; 128 when left out. The sources bound their own traffic; this bounds the memory. */
  readonly inFlight?: number;
}

export interface Evaluated {
  readonly subject: Subject;
  /** As they are, whatever is assumed. */
  readonly facts: FactSet;
  readonly run: Run;
}

/** Binds the sources of an evaluation to the world, of each once, on first use. */
export function createBindings({ evaluations, world }: Pick<Ports, 'evaluations' | 'world'>): (id: string) => Sources {
  const bound = new Map<string, Sources>();
  return (id) => {
    const sources = bound.get(id) ?? evaluations.of(id).bind(world);
    bound.set(id, sources);
    return sources;
  };
}

/** Gathers and judges one subject. */
function evaluateSubject(evaluation: Evaluation, subject: Subject, options: EvaluateOptions): Promise<Evaluated> {
  const { assumption, now, signal, sources } = options;
  const gathering = { now, supplied: options.supplied(subject), signal };
  const judging: JudgeOptions = {
    now,
    policies: options.policies ?? {},
    onRuleError: (rule, error) =>
      options.log.error('a rule stopped with an error', {
        rule,
        subject: subject.id,
        error: error instanceof Error ? (error.stack ?? error.message) : String(error),
      }),
  };
  return assumption === undefined
    ? gather(evaluation, subject, sources, gathering).then((facts) => ({
        subject,
        facts,
        run: judge(evaluation, subject, facts, judging),
      }))
    : gatherAssuming(evaluation, subject, sources, assumption, gathering).then((both) => ({
        subject,
        facts: both.facts,
        run: judgeAssuming(evaluation, subject, both, judging),
      }));
}

/**
 * Evaluates subjects side by side and hands each over as soon as it is done, in no order, so that memory does not grow
 * with their number. Those whose names stay silent do not keep the others waiting.
 */
export async function evaluateAll(
  evaluation: Evaluation,
  subjects: Iterable<Subject>,
  options: EvaluateOptions,
  done: (evaluated: Evaluated) => void,
): Promise<void> {
  const slow = new Set<Promise<void>>();
  const evaluateOne = (subject: Subject): Promise<void> => {
    const work = evaluateSubject(evaluation, subject, options).then(done);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        if (slow.size >= slowInFlight) return;
        slow.add(work);
        resolve();
      }, slowMs);
      work.then(() => {
        clearTimeout(timer);
        slow.delete(work);
        resolve();
      }, reject);
    });
  };
  // Each place begins with the next one when it is free. What goes wrong with one ends it for all.
  const begun = Iterator.from(subjects).map(evaluateOne);
  const places = Array.from({ length: options.inFlight ?? subjectsInFlight }, async () => {
    for (const work of begun) await work;
  });
  await Promise.all(places);
  await Promise.all(slow);
}
