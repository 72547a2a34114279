import { z } from 'zod';
import {
  type FactMap,
  type FactName,
  factSchemas,
  type PartFactName,
  type PartKind,
  partOf,
  type SubjectFactName,
} from '../facts/index.ts';
import { subject } from './subject.ts';

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
}

export interface NotKnown {
  readonly status: 'unobtainable';
  readonly reason: UnobtainableReason;
  /** One sentence for a person, without a secret. */
  readonly detail: string;
  readonly source?: string | undefined;
  readonly observedAt?: string | undefined;
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

/** The facts about one part of a subject (a selector, a host, a node). */
export type PartFacts = { readonly [N in PartFactName]?: Gathered<FactMap[N]> };

/** Stands for every part in a fact set: what is recorded here holds for each part that has no entry of its own. */
export const everyPart = '*';

/** Everything gathered about one subject for one evaluation. */
export interface FactSet {
  readonly facts: { readonly [N in SubjectFactName]?: Gathered<FactMap[N]> };
  readonly parts: { readonly [K in PartKind]?: Readonly<Record<string, PartFacts>> };
}

export const noFacts: FactSet = { facts: {}, parts: {} };

/** What a source of `N` gives: one fact, or for a part fact one for each part it found. */
export type GatheredOf<N extends FactName> = N extends PartFactName
  ? Readonly<Record<string, Gathered<FactMap[N]>>>
  : Gathered<FactMap[N]>;

/** Fact by fact and part by part: what `first` knows wins, then what `second` knows, then why `first` does not know. */
export function mergeFactSets(first: FactSet, second: FactSet): FactSet {
  const parts: Record<string, Record<string, PartFacts>> = {};
  for (const set of [second, first]) {
    for (const [kind, members] of Object.entries(set.parts)) {
      parts[kind] ??= {};
      const merged = parts[kind];
      for (const [part, facts] of Object.entries(members)) merged[part] = preferKnown(facts, merged[part] ?? {});
    }
  }
  return { facts: preferKnown(first.facts, second.facts), parts };
}

function preferKnown<F extends { readonly [name: string]: Gathered<unknown> | undefined }>(first: F, second: F): F {
  const merged: Record<string, Gathered<unknown> | undefined> = { ...second };
  for (const [name, gathered] of Object.entries(first)) {
    if (gathered?.status === 'known' || merged[name]?.status !== 'known') merged[name] = gathered;
  }
  return merged as F;
}

const gathered = (value: z.ZodType) =>
  z.discriminatedUnion('status', [
    z.object({ status: z.literal('known'), value, source: z.string(), observedAt: z.string() }),
    z.object({
      status: z.literal('unobtainable'),
      reason: z.enum(unobtainableReasons),
      detail: z.string(),
      source: z.string().optional(),
      observedAt: z.string().optional(),
    }),
  ]);

const gatheredSchemas = (names: readonly FactName[]) =>
  z.strictObject(Object.fromEntries(names.map((name) => [name, gathered(factSchemas[name]).optional()])));

const allNames = Object.keys(factSchemas) as FactName[];
const partNames = Object.keys(partOf) as PartFactName[];
const partKinds = [...new Set(Object.values(partOf))] as PartKind[];

/** A file of saved facts: what `--save-facts` writes and `--facts` reads, one entry for each subject. */
export const savedFacts = z.object({
  fieldcheck: z.literal('facts/1'),
  evaluation: z.string(),
  subject,
  facts: gatheredSchemas(allNames.filter((name) => !(name in partOf))),
  parts: z.strictObject(
    Object.fromEntries(
      partKinds.map((kind) => [
        kind,
        z.record(z.string(), gatheredSchemas(partNames.filter((name) => partOf[name] === kind))).optional(),
      ]),
    ),
  ),
});

export type SavedFacts = Omit<z.infer<typeof savedFacts>, 'facts' | 'parts'> & FactSet;

/** @throws ZodError naming the path, when `value` is no saved facts. */
export function parseSavedFacts(value: unknown): SavedFacts {
  return savedFacts.parse(value) as SavedFacts;
}
