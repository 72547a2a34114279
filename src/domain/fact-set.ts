import { z } from 'zod';
import type { FactKinds, FactName, FactValue, PartFactName, PartKind, SubjectFactName } from './fact.ts';
import type { Subject } from './subject.ts';
import { isoTime } from './time.ts';

/** Why a fact could not be had. Never a verdict: the engine turns it into `unknown`. */
export const unobtainableReasons = [
  'timeout',
  'denied',
  'unreachable',
  'refused',
  'malformed',
  'insufficient',
  'not_supplied',
  'stale',
] as const;
export type UnobtainableReason = (typeof unobtainableReasons)[number];

export interface Known<T> {
  readonly status: 'known';
  readonly value: T;
  /** Who says so: a resolver, an export file, a collector, a probe. */
  readonly source: string;
  /** ISO 8601, UTC. */
  readonly observedAt: string;
  /** It is not so, or nobody looked: it is supposed to be so, or follows from what is. */
  readonly assumed?: true;
}

export interface NotKnown {
  readonly status: 'unobtainable';
  readonly reason: UnobtainableReason;
  /** One sentence for a person, without a secret. */
  readonly detail: string;
  readonly source?: string | undefined;
  readonly observedAt?: string | undefined;
  /** Nobody could look there where something assumed leads. */
  readonly assumed?: true;
}

/** A fact with where and when it was observed, or why it is not there. */
export type Gathered<T> = Known<T> | NotKnown;

export function known<T>(value: T, source: string, observedAt: string): Known<T> {
  return { status: 'known', value, source, observedAt };
}

export function notKnown(reason: UnobtainableReason, detail: string, source?: string, observedAt?: string): NotKnown {
  return { status: 'unobtainable', reason, detail, source, observedAt };
}

/** What a source throws when it knows why it has nothing to say. Anything else it throws is `unreachable`. */
export class Unobtainable extends Error {
  readonly reason: UnobtainableReason;
  constructor(reason: UnobtainableReason, detail: string) {
    // It is an answer, not a fault: where it was thrown tells nobody anything, and a stack is most of what it costs.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super(detail);
    Error.stackTraceLimit = stackTraceLimit;
    this.name = 'Unobtainable';
    this.reason = reason;
  }
}

/** The facts about one part of a subject (a selector, a host, a node), by name. */
export type PartFacts = Readonly<Record<string, Gathered<unknown> | undefined>>;

/** Stands for every part in a fact set: what is recorded here holds for each part that has no entry of its own. */
export const everyPart = '*';

/** Everything gathered about one subject for one evaluation: facts by name, and part facts by kind of part, part and name. */
export interface FactSet {
  readonly facts: Readonly<Record<string, Gathered<unknown> | undefined>>;
  readonly parts: Readonly<Record<string, Readonly<Record<string, PartFacts>> | undefined>>;
}

/** The facts about one part, of a kind of subject whose facts are `F`. */
export type PartFactsOf<F extends FactKinds> = { readonly [N in PartFactName<F>]?: Gathered<FactValue<F, N>> };

/** A {@link FactSet} about a kind of subject whose facts are `F`. */
export interface FactSetOf<F extends FactKinds> {
  readonly facts: { readonly [N in SubjectFactName<F>]?: Gathered<FactValue<F, N>> };
  readonly parts: { readonly [K in PartKind<F>]?: Readonly<Record<string, PartFactsOf<F>>> };
}

export const noFacts: FactSet = { facts: {}, parts: {} };

/** What a source of `N` gives: one fact, or for a part fact one for each part it found. */
export type GatheredOf<F extends FactKinds, N extends FactName<F>> =
  N extends PartFactName<F> ? Readonly<Record<string, Gathered<FactValue<F, N>>>> : Gathered<FactValue<F, N>>;

/** Fact by fact and part by part: what `first` knows wins, then what `second` knows, then why `first` does not know. */
export function mergeFactSets(first: FactSet, second: FactSet): FactSet {
  return {
    facts: preferKnown(first.facts, second.facts),
    parts: mergeEach(first.parts, second.parts, (one, other) => mergeEach(one, other, preferKnown)),
  };
}

/** What one of them alone has as it is, what both have merged. */
function mergeEach<T>(first: Named<T>, second: Named<T>, merge: (one: T, other: T) => T): Record<string, T> {
  const merged: Record<string, T> = {};
  for (const named of [second, first]) {
    for (const [name, one] of Object.entries(named)) {
      const other = merged[name];
      if (one !== undefined) merged[name] = other === undefined ? one : merge(one, other);
    }
  }
  return merged;
}

type Named<T> = Readonly<Record<string, T | undefined>>;

function preferKnown(first: PartFacts, second: PartFacts): PartFacts {
  const merged: Record<string, Gathered<unknown> | undefined> = { ...second };
  for (const [name, gathered] of Object.entries(first)) {
    if (gathered?.status === 'known' || merged[name]?.status !== 'known') merged[name] = gathered;
  }
  return merged;
}

const gathered = (value: z.ZodType) =>
  z.discriminatedUnion('status', [
    z.object({ status: z.literal('known'), value, source: z.string(), observedAt: isoTime }),
    z.object({
      status: z.literal('unobtainable'),
      reason: z.enum(unobtainableReasons),
      detail: z.string(),
      source: z.string().optional(),
      observedAt: isoTime.optional(),
    }),
  ]);

/** A file of saved facts: what `--save-facts` writes and `--facts` reads, one entry for each subject. */
export interface SavedFacts extends FactSet {
  readonly fieldcheck: 'facts/1';
  readonly evaluation: string;
  readonly subject: Subject;
}

/** The schema of {@link SavedFacts} of one evaluation. */
export function savedFactsSchema(evaluation: {
  readonly id: string;
  readonly subject: z.ZodType<Subject>;
  readonly facts: FactKinds;
}): z.ZodType<SavedFacts> {
  const { schemas, partOf } = evaluation.facts;
  const entries = (names: readonly string[]) =>
    z.strictObject(Object.fromEntries(names.map((name) => [name, gathered(schemas[name] ?? z.never()).optional()])));
  const partNames = Map.groupBy(Object.keys(partOf), (name) => partOf[name] ?? '');
  return z.object({
    fieldcheck: z.literal('facts/1'),
    evaluation: z.literal(evaluation.id),
    subject: evaluation.subject,
    facts: entries(Object.keys(schemas).filter((name) => !(name in partOf))),
    parts: z.strictObject(
      Object.fromEntries(
        [...partNames].map(([kind, names]) => [kind, z.record(z.string(), entries(names)).optional()]),
      ),
    ),
  });
}
