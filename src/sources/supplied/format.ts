import type { FactSet } from '../../domain/fact-set.ts';
import type { Subject } from '../../domain/subject.ts';

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
export interface OpenedFile extends Omit<SuppliedFile, 'content'> {
  /** Of a file that is plain text of a format: all of it. */
  readonly text?: string;
  /** Its rows; none in a file that is plain text. */
  readonly rows: readonly Readonly<Record<string, unknown>>[];
}

/** What supplied files say, subject by subject. */
export interface Supply {
  /** Subjects that the files themselves name. */
  readonly subjects: readonly Subject[];
  /** What was supplied, by a name under which the newest counts: `export/signing-configuration`, `node/EX1` … */
  readonly name: string;
  factsFor(subject: Subject): FactSet;
}

/** A kind of file that an evaluation reads, besides saved facts. */
export interface SuppliedFormat {
  /** What such files are, for people who sent another one: `an export of …`. */
  readonly wanted: string;
  /** Is this plain text of this format? Files that are text of no format are read as JSON. */
  isText?(text: string): boolean;
  recognises(file: OpenedFile): boolean;
  /** @throws InvalidDocument naming file, place and fault */
  read(files: readonly OpenedFile[]): Supply;
}
