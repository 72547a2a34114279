import { type FactName, type PartFactName, partOf } from '../facts/index.ts';
import {
  everyPart,
  type FactSet,
  type Gathered,
  type GatheredOf,
  mergeFactSets,
  notKnown,
  type PartFacts,
  Unobtainable,
} from './fact-set.ts';
import type { Evaluation } from './rule.ts';
import type { GatherContext, Source, Sources } from './source.ts';
import type { Subject } from './subject.ts';

const needed = new WeakMap<Evaluation, readonly FactName[]>();

/** The facts that the rules of an evaluation name, each once. */
export function factsNeeded(evaluation: Evaluation): readonly FactName[] {
  let names = needed.get(evaluation);
  if (names === undefined) {
    names = [...new Set(evaluation.rules.flatMap((rule) => [...rule.needs, ...rule.optional]))];
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
  const asked = new Map<FactName, Promise<unknown>>();
  const shared = new Map<string, Promise<unknown>>();
  const once = <T>(key: string, work: () => Promise<T>): Promise<T> => {
    let promise = shared.get(key);
    if (promise === undefined) {
      promise = work();
      shared.set(key, promise);
    }
    return promise as Promise<T>;
  };
  const ask = (fact: FactName): Promise<unknown> => {
    let answer = asked.get(fact);
    if (answer === undefined) {
      const supplied = suppliedOf(options.supplied, fact);
      answer =
        supplied === undefined
          ? askSource(sources[fact] as Source, subject, options, ask, once)
          : Promise.resolve(supplied);
      asked.set(fact, answer);
    }
    return answer;
  };
  const names = factsNeeded(evaluation);
  const values = await Promise.all(names.map(ask));

  const facts: Record<string, unknown> = {};
  const parts: Record<string, Record<string, PartFacts>> = {};
  for (const [index, name] of names.entries()) {
    const value = values[index];
    if (!(name in partOf)) {
      facts[name] = value;
      continue;
    }
    const kind = partOf[name as PartFactName];
    parts[kind] ??= {};
    const members = parts[kind];
    for (const [part, gathered] of Object.entries(value as Record<string, Gathered<unknown>>)) {
      members[part] = { ...members[part], [name]: gathered };
    }
  }
  return mergeFactSets(options.supplied, { facts, parts });
}

/** A fact somebody supplied as known is taken as it is; a part fact when any part has it. */
function suppliedOf(supplied: FactSet, fact: FactName): unknown {
  if (!(fact in partOf)) {
    const gathered = (supplied.facts as Readonly<Record<string, Gathered<unknown>>>)[fact];
    return gathered?.status === 'known' ? gathered : undefined;
  }
  const name = fact as PartFactName;
  const members = Object.entries(supplied.parts[partOf[name]] ?? {}).flatMap(([part, facts]) => {
    const gathered = facts[name];
    return gathered === undefined ? [] : [[part, gathered] as const];
  });
  return members.length === 0 ? undefined : Object.fromEntries(members);
}

async function askSource(
  source: Source,
  subject: Subject,
  options: { readonly now: Date; readonly supplied: FactSet; readonly signal?: AbortSignal | undefined },
  ask: (fact: FactName) => Promise<unknown>,
  once: GatherContext['once'],
): Promise<unknown> {
  // Made when somebody first needs it: most facts are supplied, or come with another that has one.
  let made: AbortController | undefined;
  const controller = (): AbortController => {
    made ??= new AbortController();
    return made;
  };
  const context: GatherContext = {
    get signal() {
      const { signal } = controller();
      return options.signal === undefined ? signal : AbortSignal.any([signal, options.signal]);
    },
    now: options.now,
    supplied: options.supplied,
    once,
    gathered: <N extends FactName>(fact: N) => ask(fact) as Promise<GatheredOf<N>>,
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
    return source.fact in partOf ? { [everyPart]: why } : why;
  } finally {
    clearTimeout(timer);
  }
}
