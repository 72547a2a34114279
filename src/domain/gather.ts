import type { Evaluation } from './evaluation.ts';
import {
  everyPart,
  type FactSet,
  type Gathered,
  mergeFactSets,
  notKnown,
  type PartFacts,
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
  readonly through?: (fact: string, others: Others) => Others;
}

/**
 * Gathers the union of the rules' needs for one subject, once and concurrently, each fact with its own time limit.
 * Never throws: what a source cannot give is recorded as unobtainable. What was supplied is not asked for again.
 */
export async function gather(
  evaluation: Evaluation,
  subject: Subject,
  sources: Sources,
  options: GatherOptions,
): Promise<FactSet> {
  const gathered = await gatherEach(evaluation, (fact, others) => {
    const supplied = suppliedOf(options.supplied, fact, evaluation.facts.partOf[fact]);
    return supplied === undefined
      ? askSource(evaluation, subject, sources, fact, options, others)
      : Promise.resolve(supplied);
  });
  return mergeFactSets(options.supplied, gathered);
}

/** What the facts of one subject have in common while they are gathered: each other, and shared work. */
export type Others = Pick<GatherContext, 'once'> & { gathered(fact: string): Promise<unknown> };

/** The needed facts, each as `from` gives it, once. */
export async function gatherEach(
  evaluation: Evaluation,
  from: (fact: string, others: Others) => Promise<unknown>,
): Promise<FactSet> {
  const asked = new Map<string, Promise<unknown>>();
  const shared = new Map<string, Promise<unknown>>();
  const others: Others = {
    gathered(fact) {
      const answer = asked.get(fact) ?? from(fact, others);
      asked.set(fact, answer);
      return answer;
    },
    once<T>(key: string, work: () => Promise<T>): Promise<T> {
      const promise = shared.get(key) ?? work();
      shared.set(key, promise);
      return promise as Promise<T>;
    },
  };
  const names = factsNeeded(evaluation);
  const values = await Promise.all(names.map(others.gathered));

  const facts: Record<string, Gathered<unknown>> = {};
  const parts: Record<string, Record<string, PartFacts>> = {};
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
      members[part] = { ...members[part], [name]: gathered };
    }
  }
  return { facts, parts };
}

/** A fact somebody supplied as known is taken as it is; a part fact when any part has it. */
function suppliedOf(set: FactSet, fact: string, kind: string | undefined): unknown {
  const value = valueIn(set, fact, kind);
  if (kind === undefined) return set.facts[fact]?.status === 'known' ? value : undefined;
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
export async function askSource(
  evaluation: Evaluation,
  subject: Subject,
  sources: Sources,
  fact: string,
  options: GatherOptions,
  others: Others,
): Promise<unknown> {
  const source = sourceOf(sources, fact);
  const kind = evaluation.facts.partOf[fact];
  // Made when somebody first needs it: most facts are supplied, or come with another that has one.
  let made: AbortController | undefined;
  const controller = (): AbortController => {
    made ??= new AbortController();
    return made;
  };
  const context: Parameters<AnySource['gather']>[1] = {
    get signal() {
      const { signal } = controller();
      return options.signal === undefined ? signal : AbortSignal.any([signal, options.signal]);
    },
    now: options.now,
    supplied: options.supplied,
    ...(options.through?.(fact, others) ?? others),
  };
  let timer: ReturnType<typeof setTimeout> | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      controller().abort();
      reject(new Unobtainable('timeout', `no answer within ${source.limitMs / 1000} s`));
    }, source.limitMs);
  });
  try {
    return await Promise.race([source.gather(subject, context), limit]);
  } catch (error) {
    const why =
      error instanceof Unobtainable
        ? notKnown(error.reason, error.message, undefined, options.now.toISOString())
        : notKnown(
            'unreachable',
            error instanceof Error ? error.message : String(error),
            undefined,
            options.now.toISOString(),
          );
    return kind === undefined ? why : { [everyPart]: why };
  } finally {
    clearTimeout(timer);
  }
}
