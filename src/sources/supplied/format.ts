import type { FactSet } from '../../domain/fact-set.ts';
import type { Subject } from '../../domain/subject.ts';
import type { World } from '../world.ts';
import type { Rows } from './rows.ts';

/** A file somebody supplied: saved facts, a collector's file or a raw export; which one it is, its content says. */
export interface SuppliedFile {
  readonly name: string;
  readonly content: Uint8Array;
  /** ISO 8601, UTC: when the file was written. Evidence from it is as old as that. */
  readonly writtenAt: string;
  /** What it has to be, when the door says so: a format's own word for one of its files. */
  readonly kind?: string | undefined;
}

/** A file that was decoded and parsed, once: what it is and what it says is asked of this. */
export interface OpenedFile extends Omit<SuppliedFile, 'content'>, Rows {
  /** Of a file that is plain text of a format: all of it; then it has no rows. */
  readonly text?: string;
}

/** What supplied files say, subject by subject. */
export interface Supply {
  /** Subjects that the files themselves name. */
  readonly subjects: readonly Subject[];
  /** What was supplied, by a name under which the newest counts: `export/signing-configuration`, `node/EX1` … */
  readonly name: string;
  /** What people should know of how the files were read, and what no fact says: rows that speak of no subject. */
  readonly notes?: readonly string[];
  /**
   * The files are lists of what an organization has: `whole`, so that what they do not name is not there, or with gaps.
   * Undefined for files that are about what somebody else lists.
   */
  readonly list?: 'whole' | 'with-gaps';
  /** Why these files are of another organization or service than this subject; undefined when nothing in them says so. */
  foreignTo?(subject: Subject): string | undefined;
  factsFor(subject: Subject): FactSet;
}

/** A kind of file that says what is assumed of the world that sources ask. */
export interface AssumableFormat {
  /** What such files are, for people who sent another one. */
  readonly wanted: string;
  recognises(text: string): boolean;
  /** @throws InvalidDocument naming file, place and fault */
  read(files: readonly { readonly name: string; readonly text: string }[]): AssumedWorld;
}

export interface AssumedWorld {
  /** Facts that come from it, to be asked anew though they were supplied. */
  readonly facts: readonly string[];
  readonly notes: readonly string[];
  /** The world as if it were so. Sources mark what follows from it as assumed. */
  within(world: World): World;
  /** What of it nobody came upon, one sentence each, when everything has been asked. */
  withoutEffect(): readonly string[];
}

/** A kind of file that an evaluation reads, besides saved facts. */
export interface SuppliedFormat {
  /** What such files are, for people who sent another one: `an export of …`; left out of files that are known and refused. */
  readonly wanted?: string;
  /** Is this plain text of this format? Files that are text of no format are read as JSON. */
  isText?(text: string): boolean;
  recognises(file: OpenedFile): boolean;
  /**
   * The whole command line that writes such a file as it should be.
   *
   * @param kind what the door says it has to be
   * @param text what a file holds that cannot be read
   * @returns undefined when nothing tells that it should have been one
   */
  commandFor?(kind: string | undefined, text: string): string | undefined;
  /** @throws InvalidDocument naming file, place and fault */
  read(files: readonly OpenedFile[]): Supply;
}
