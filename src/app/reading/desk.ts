import { type FactSet, noFacts } from '../../domain/fact-set.ts';
import type { Past } from '../../domain/past.ts';
import type { Subject } from '../../domain/subject.ts';
import type { Looked, OpenedLook } from '../../evaluations/looking.ts';
import type { Registry } from '../../evaluations/registry.ts';
import { type Recognised, readOpened, recognise, type SuppliedFile, type Supply } from '../supplied/read.ts';

/** What a supplied file is, before its rows are understood. */
export interface OpenedFacts {
  /** Id of the evaluation that it is for. */
  readonly evaluation: string;
  /** Saved facts: what `evaluate` gathered or was handed, and anybody may have changed since. */
  readonly isSaved: boolean;
  readonly rows: number;
}

/** What it says in all; of its subjects how many there are. */
export interface ReadFacts {
  readonly name: string;
  readonly notes: readonly string[];
  readonly list: Supply['list'] | undefined;
  readonly subjects: number;
}

/** What a file says of some subjects. */
export interface Spoken {
  /** Ids of those that it speaks of. */
  readonly ids: readonly string[];
  /** A time in it that is too late. */
  readonly early: string | undefined;
  /** Of whom it says most, and how many characters of JSON that is. */
  readonly longest: { readonly id: string; readonly length: number };
}

const nothing = { id: '', length: 0 };

/** What may be known of one thing that was handed in at once. */
export interface KnownOfLook {
  readonly now: Date;
  readonly facts: ReadonlyMap<string, FactSet>;
  readonly past: ReadonlyMap<string, Past | string>;
}

/**
 * Where one thing that somebody handed in is read, once. It may stand in a thread of its own: what goes in and comes out is
 * plain data, and long lists are asked for piece by piece, because copying one whole would hold both threads.
 */
export function createDesk(evaluations: Registry) {
  let recognised: Recognised | undefined;
  let supply: Supply | undefined;
  let look: OpenedLook | undefined;
  return {
    /** @throws InvalidDocument when nobody knows what it is; Problem (413) when it holds more than `mostValues` */
    openFacts(file: SuppliedFile, mostValues: number): OpenedFacts {
      recognised = recognise(evaluations.all, file, mostValues);
      const { evaluation, isSaved } = recognised;
      return { evaluation: evaluation.id, isSaved, rows: recognised.file.rows.length };
    },

    /** Reads what was opened. @throws InvalidDocument naming file, place and fault */
    readFacts(): ReadFacts {
      const { evaluation, file } = there(recognised);
      supply = readOpened(evaluation, [file]);
      // What it says is known now, and its rows take the most memory of all.
      recognised = undefined;
      const { name, notes = [], list, subjects } = supply;
      return { name, notes, list, subjects: subjects.length };
    },

    /** Ids of the subjects that the file names, from one place to another. */
    subjects: (from: number, to: number): readonly string[] =>
      there(supply)
        .subjects.slice(from, to)
        .map(({ id }) => id),

    /** For each: why what the file says is not about it. */
    foreignTo: (subjects: readonly Subject[]): readonly (string | undefined)[] =>
      subjects.map((subject) => there(supply).foreignTo?.(subject)),

    /** For each: what the file says of it; undefined where it says nothing, or is not about it. */
    factsFor: (subjects: readonly Subject[]): readonly (FactSet | undefined)[] =>
      subjects.map((subject) => factsIn(there(supply), subject)),

    /** What {@link factsFor} would give, in figures. @param latest milliseconds: a time after it is noticed */
    spokenOf(subjects: readonly Subject[], latest: number): Spoken {
      const spoken = subjects.flatMap((subject) => {
        const content = factsIn(there(supply), subject);
        return content === undefined ? [] : [{ id: subject.id, content, length: JSON.stringify(content).length }];
      });
      return {
        ids: spoken.map(({ id }) => id),
        early: spoken.flatMap(({ content }) => timesIn(content)).find((at) => Date.parse(at) > latest),
        longest: spoken.reduce((most, { id, length }) => (length > most.length ? { id, length } : most), nothing),
      };
    },

    /** Reads what is to be explained. @throws InvalidDocument when it is not what it should be, saying what to hand in */
    async openLook(
      evaluation: string,
      name: string,
      content: Uint8Array,
    ): Promise<Pick<OpenedLook, 'subjects' | 'at'>> {
      const opened = await evaluations.of(evaluation).look?.open(name, content);
      look = opened;
      const { subjects, at } = there(opened);
      return { subjects, at };
    },

    explain: ({ now, facts, past }: KnownOfLook): Looked =>
      there(look).explain({ now, factsOf: (id) => facts.get(id) ?? noFacts, pastOf: (id) => past.get(id) }),
  };
}

export type Desk = ReturnType<typeof createDesk>;

function there<T>(one: T | undefined): T {
  if (one === undefined) throw new Error('Nothing is open at this desk.');
  return one;
}

function factsIn(supply: Supply, subject: Subject): FactSet | undefined {
  if (supply.foreignTo?.(subject) !== undefined) return undefined;
  const content = supply.factsFor(subject);
  return Object.keys(content.facts).length === 0 && Object.keys(content.parts).length === 0 ? undefined : content;
}

function timesIn({ facts, parts }: FactSet): readonly string[] {
  const sets = [facts, ...Object.values(parts).flatMap((members) => Object.values(members ?? {}))];
  return sets.flatMap((set) => Object.values(set).flatMap((gathered) => gathered?.observedAt ?? []));
}
