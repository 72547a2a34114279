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
import type { AnySource, GatherContext, Sources } from './source.ts';
import type { Subject } from './subject.ts';

const needed = new WeakMap<Evaluation, readonly string[]>();

/** The facts that the rules of an evaluation name, each once. */
export function factsNeeded(evaluation: Evaluation): readonly string[] {
  let names = needed.get(evaluation);
  if (names === undefined) {
    names = [
      ...new Set(
        evaluation.rules.flatMap((rule) => [...rule.needs, ...rule.optional, ...rule.peers, ...rule.optionalPeers]),
      ),
    ];
    needed.set(evaluation, names);
  }
  return names;
}

/**
 * Gathers the union of the rules' needs for one subject, once and concurrently, each fact with its own time limit.
 * Never throws: what a source cannot give is recorded as unobtainable. What was supplied is not asked for again.
 */
export async function gather(
  evaluation: Evaluation,
  subject: Subject,
  sources: Sources,
  options: { readonly now: Date; readonly supplied: FactSet; readonly signal?: AbortSignal | undefined },
): Promise<FactSet> {
  const { partOf } = evaluation.facts;
  const asked = new Map<string, Promise<unknown>>();
  const shared = new Map<string, Promise<unknown>>();
  const once = <T>(key: string, work: () => Promise<T>): Promise<T> => {
    let promise = shared.get(key);
    if (promise === undefined) {
      promise = work();
      shared.set(key, promise);
    }
    return promise as Promise<T>;
  };
  const ask = (fact: string): Promise<unknown> => {
    let answer = asked.get(fact);
    if (answer === undefined) {
      const kind = partOf[fact];
      const supplied = suppliedOf(options.supplied, fact, kind);
      answer =
        supplied === undefined
          ? askSource(sourceOf(sources, fact), kind, subject, options, ask, once)
          : Promise.resolve(supplied);
      asked.set(fact, answer);
    }
    return answer;
  };
  const names = factsNeeded(evaluation);
  const values = await Promise.all(names.map(ask));

  const facts: Record<string, Gathered<unknown>> = {};
  const parts: Record<string, Record<string, PartFacts>> = {};
  for (const [index, name] of names.entries()) {
    const value = values[index];
    const kind = partOf[name];
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
  return mergeFactSets(options.supplied, { facts, parts });
}

/** A fact somebody supplied as known is taken as it is; a part fact when any part has it. */
function suppliedOf({ facts, parts }: FactSet, fact: string, kind: string | undefined): unknown {
  if (kind === undefined) {
    const gathered = facts[fact];
    return gathered?.status === 'known' ? gathered : undefined;
  }
  const members = Object.entries(parts[kind] ?? {}).flatMap(([part, ofPart]) => {
    const gathered = ofPart[fact];
    return gathered === undefined ? [] : [[part, gathered] as const];
  });
  return members.length === 0 ? undefined : Object.fromEntries(members);
}

/** @throws Error when nothing is bound to the fact, which is a fault of ours: the compiler refuses such a binding */
function sourceOf(sources: Sources, fact: string): AnySource {
  const source = sources[fact];
  if (source === undefined) throw new Error(`No source is bound to the fact ${fact}.`);
  return source;
}

async function askSource(
  source: AnySource,
  kind: string | undefined,
  subject: Subject,
  options: { readonly now: Date; readonly supplied: FactSet; readonly signal?: AbortSignal | undefined },
  ask: (fact: string) => Promise<unknown>,
  once: GatherContext['once'],
): Promise<unknown> {
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
    once,
    gathered: ask,
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
