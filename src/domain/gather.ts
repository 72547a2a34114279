import type { Evaluation } from './evaluation.ts';
import {
  everyPart,
  type FactSet,
  type Gathered,
  mergeFactSets,
  type NotKnown,
  notKnown,
  Unobtainable,
} from './fact-set.ts';
import { factsNamedBy } from './rule.ts';
import type { AnySource, GatherContext, Sources } from './source.ts';
import type { Subject } from './subject.ts';

const needed = new WeakMap<Evaluation, readonly string[]>();

/** The facts that an evaluation and its rules name, each once. */
export function factsNeeded(evaluation: Evaluation): readonly string[] {
  let names = needed.get(evaluation);
  if (names === undefined) {
    names = [...new Set([...evaluation.rules.flatMap(factsNamedBy), ...evaluation.reads])];
    needed.set(evaluation, names);
  }
  return names;
}

export interface GatherOptions {
  readonly now: Date;
  readonly supplied: FactSet;
  readonly signal?: AbortSignal | undefined;
  /** Stands between the source of a fact and what it asks of the others. */
  readonly through?: (fact: string, others: Others) => Pick<Others, 'gathered' | 'once'>;
}

/**
 * Gathers the union of the rules' needs for one subject, once and concurrently, each fact within its source's time limit.
 * Never throws: what a source cannot give is recorded as unobtainable. What was supplied is not asked for again.
 */
export async function gather(
  evaluation: Evaluation,
  subject: Subject,
  sources: Sources,
  options: GatherOptions,
): Promise<FactSet> {
  const { partOf } = evaluation.facts;
  const gathered = await gatherEach(
    evaluation,
    (fact, others) =>
      suppliedOf(options.supplied, fact, partOf[fact]) ??
      askSource(evaluation, subject, sources, fact, options, others),
    options.signal,
  );
  return mergeFactSets(options.supplied, gathered);
}

/** What the facts of one subject have in common while they are gathered: each other, shared work, and time limits. */
export type Others = Pick<GatherContext, 'once'> & {
  gathered(fact: string): Promise<unknown>;
  /** The limit of so many milliseconds for what is asked now: one for all that are asked together. */
  within(ms: number): TimeLimit;
};

/** The needed facts, each as `from` gives it, once. */
export async function gatherEach(
  evaluation: Evaluation,
  from: (fact: string, others: Others) => unknown,
  calledOff: AbortSignal | undefined,
): Promise<FactSet> {
  const asked = new Map<string, unknown>();
  const shared = new Map<string, Promise<unknown>>();
  let together = new Map<number, TimeLimit>();
  const limits: TimeLimit[] = [];
  const ask = (fact: string): unknown => {
    const answer = asked.get(fact) ?? from(fact, others);
    asked.set(fact, answer);
    return answer;
  };
  const others: Others = {
    gathered: (fact) => Promise.resolve(ask(fact)),
    once<T>(key: string, work: () => Promise<T>): Promise<T> {
      const promise = shared.get(key) ?? work();
      shared.set(key, promise);
      return promise as Promise<T>;
    },
    within(ms) {
      let limit = together.get(ms);
      if (limit === undefined) {
        limit = timeLimit(ms, calledOff);
        limits.push(limit);
        together.set(ms, limit);
      }
      return limit;
    },
  };
  const names = factsNeeded(evaluation);
  let values: readonly unknown[];
  try {
    const answers = names.map(ask);
    // What is asked later, by another source, has its whole time from then on.
    together = new Map();
    values = await Promise.all(answers);
  } finally {
    for (const limit of limits) limit.end();
  }

  const facts: Record<string, Gathered<unknown>> = {};
  const parts: Record<string, Record<string, Record<string, Gathered<unknown>>>> = {};
  for (const [index, name] of names.entries()) {
    const value = values[index];
    const kind = evaluation.facts.partOf[name];
    if (kind === undefined) {
      facts[name] = value as Gathered<unknown>;
      continue;
    }
    parts[kind] ??= {};
    const members = parts[kind];
    for (const [part, gathered] of Object.entries(value as Record<string, Gathered<unknown>>)) {
      members[part] ??= {};
      members[part][name] = gathered;
    }
  }
  return { facts, parts };
}

interface TimeLimit {
  /** Aborted when the time is over or the run is called off. */
  readonly signal: AbortSignal;
  /** Rejects when the time is over. */
  readonly over: Promise<never>;
  end(): void;
}

function timeLimit(ms: number, calledOff: AbortSignal | undefined): TimeLimit {
  const controller = new AbortController();
  const { signal } = controller;
  const { promise: over, reject } = Promise.withResolvers<never>();
  // Nobody may be waiting any more.
  over.catch(() => {});
  const timer = setTimeout(() => {
    controller.abort();
    reject(new Unobtainable('timeout', `no answer within ${ms / 1000} s`));
  }, ms);
  return {
    signal: calledOff === undefined ? signal : AbortSignal.any([signal, calledOff]),
    over,
    end: () => clearTimeout(timer),
  };
}

/** A fact somebody supplied as known is taken as it is; a part fact when any part has it. */
function suppliedOf(set: FactSet, fact: string, kind: string | undefined): unknown {
  if (kind === undefined) return set.facts[fact]?.status === 'known' ? set.facts[fact] : undefined;
  if (set.parts[kind] === undefined) return undefined;
  const value = valueIn(set, fact, kind);
  return Object.keys(value as object).length === 0 ? undefined : value;
}

/** What a set holds of a fact: of a part fact one entry for each part that has it. */
export function valueIn({ facts, parts }: FactSet, fact: string, kind: string | undefined): unknown {
  if (kind === undefined) return facts[fact];
  return Object.fromEntries(
    Object.entries(parts[kind] ?? {}).flatMap(([part, ofPart]) => {
      const gathered = ofPart[fact];
      return gathered === undefined ? [] : [[part, gathered] as const];
    }),
  );
}

/** @throws Error when nothing is bound to the fact, which is a fault of ours: the compiler refuses such a binding */
function sourceOf(sources: Sources, fact: string): AnySource {
  const source = sources[fact];
  if (source === undefined) throw new Error(`No source is bound to the fact ${fact}.`);
  return source;
}

/** What the source of a fact gives: its failures as unobtainable, of a part fact for every part. */
export function askSource(
  evaluation: Evaluation,
  subject: Subject,
  sources: Sources,
  fact: string,
  options: GatherOptions,
  others: Others,
): unknown {
  const source = sourceOf(sources, fact);
  const failed = (error: unknown) => {
    const why = whyNot(error, options.now);
    return evaluation.facts.partOf[fact] === undefined ? why : { [everyPart]: why };
  };
  let limit: TimeLimit | undefined;
  const inTime = (): TimeLimit => {
    limit ??= others.within(source.limitMs);
    return limit;
  };
  const { gathered, once } = options.through?.(fact, others) ?? others;
  try {
    const answer = source.gather(subject, {
      get signal() {
        return inTime().signal;
      },
      now: options.now,
      supplied: options.supplied,
      gathered,
      once,
    });
    // What is there at once needs no clock.
    return answer instanceof Promise ? Promise.race([answer, inTime().over]).catch(failed) : answer;
  } catch (error) {
    return failed(error);
  }
}

function whyNot(error: unknown, now: Date): NotKnown {
  const reason = error instanceof Unobtainable ? error.reason : 'unreachable';
  return notKnown(reason, error instanceof Error ? error.message : String(error), undefined, now.toISOString());
}
