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
  readonly through?: (fact: string, others: Others) => Between;
}

/**
 * Gathers the union of the rules' needs for one subject, once and concurrently, each fact within its source's time limit.
 * Never throws: what a source cannot give is recorded as unobtainable. What was supplied is not asked for again.
 */
export function gather(
  evaluation: Evaluation,
  subject: Subject,
  sources: Sources,
  options: GatherOptions,
): Promise<FactSet> {
  const { partOf } = evaluation.facts;
  return gatherEach(
    evaluation,
    (fact, others) =>
      suppliedOf(options.supplied, fact, partOf[fact]) ??
      askSource(evaluation, subject, sources, fact, options, others),
    options,
  );
}

type Between = Pick<Others, 'gathered' | 'once'>;

/** What the facts of one subject have in common while they are gathered: each other, shared work, and time limits. */
export type Others = Pick<GatherContext, 'once'> & {
  gathered(fact: string): Promise<unknown>;
  /**
   * What a source may use that is asked now and may take so many milliseconds: the same for all that are asked together,
   * unless something stands between them and the others.
   */
  within(ms: number, between?: Between): Asked;
};

/**
 * The needed facts, each as `from` gives it, once; and what was supplied.
 *
 * @param from what it promises it keeps: whatever stands in the way is a fact
 */
export async function gatherEach(
  evaluation: Evaluation,
  from: (fact: string, others: Others) => unknown,
  options: GatherOptions,
  supplied = options.supplied,
): Promise<FactSet> {
  const asked = new Map<string, unknown>();
  const shared = new Map<string, Promise<unknown>>();
  const limits: Asked[] = [];
  /** Limits from here on are of what is asked now. */
  let now = 0;
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
    within(ms, between) {
      const together = between === undefined ? limits.find((one, at) => at >= now && one.ms === ms) : undefined;
      if (together !== undefined) return together;
      const limit = new Asked(ms, options, between ?? others);
      limits.push(limit);
      return limit;
    },
  };
  const facts: Record<string, Gathered<unknown>> = {};
  const parts: Record<string, Record<string, Record<string, Gathered<unknown>>>> = {};
  try {
    const names = factsNeeded(evaluation);
    for (const name of names) ask(name);
    // What is asked later, by another source, has its whole time from then on.
    now = limits.length;
    for (const name of names) {
      const answer = ask(name);
      const value = answer instanceof Promise ? await answer : answer;
      const kind = evaluation.facts.partOf[name];
      if (kind === undefined) {
        facts[name] = value;
        continue;
      }
      parts[kind] ??= {};
      for (const part in value) {
        parts[kind][part] ??= {};
        parts[kind][part][name] = value[part];
      }
    }
  } finally {
    for (const limit of limits) limit.end();
  }
  return mergeFactSets(supplied, { facts, parts });
}

/** What sources may use that are asked at one time and may take as long: one timer, and one signal. */
class Asked {
  readonly ms: number;
  readonly now: Date;
  readonly supplied: FactSet;
  readonly gathered: Others['gathered'];
  readonly once: Others['once'];
  readonly #calledOff: AbortSignal | undefined;
  #signal: AbortSignal | undefined;
  #timer: NodeJS.Timeout | undefined;
  readonly #waiting: ((error: unknown) => void)[] = [];

  constructor(ms: number, { now, supplied, signal }: GatherOptions, { gathered, once }: Between) {
    this.ms = ms;
    this.now = now;
    this.supplied = supplied;
    this.gathered = gathered;
    this.once = once;
    this.#calledOff = signal;
  }

  /** Aborted when the time is over or the run is called off; the time runs from when somebody waits. */
  get signal(): AbortSignal {
    this.#signal ??= this.#begin();
    return this.#signal;
  }

  #begin(): AbortSignal {
    const over = new AbortController();
    this.#timer = setTimeout(() => {
      over.abort();
      for (const failing of this.#waiting) failing(new Unobtainable('timeout', `no answer within ${this.ms / 1000} s`));
    }, this.ms);
    return this.#calledOff === undefined ? over.signal : AbortSignal.any([over.signal, this.#calledOff]);
  }

  /** What is answered in time, and what `failed` makes of the error otherwise. */
  answered(answer: Promise<unknown>, failed: (error: unknown) => unknown): Promise<unknown> {
    this.#signal ??= this.#begin();
    return new Promise((resolve) => {
      const failing = (error: unknown) => resolve(failed(error));
      answer.then(resolve, failing);
      this.#waiting.push(failing);
    });
  }

  end(): void {
    clearTimeout(this.#timer);
  }
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
  const asked = others.within(source.limitMs, options.through?.(fact, others));
  try {
    const answer = source.gather(subject, asked);
    return answer instanceof Promise ? asked.answered(answer, failed) : answer;
  } catch (error) {
    return failed(error);
  }
}

function whyNot(error: unknown, now: Date): NotKnown {
  const reason = error instanceof Unobtainable ? error.reason : 'unreachable';
  return notKnown(reason, error instanceof Error ? error.message : String(error), undefined, now.toISOString());
}
