import type { FactSet } from '../../domain/fact-set.ts';
import type { Subject } from '../../domain/subject.ts';

/** A file somebody supplied: saved facts, a collector's file or a raw export; which one it is, its content says. */
export interface SuppliedFile {
  readonly name: string;
  readonly content: Uint8Array;
  /** ISO 8601, UTC: when the file was written. Evidence from it is as old as that. */
  readonly writtenAt: string;
  /** What it has to be, when the door says so. */
  readonly kind?: 'signing-configuration' | 'accepted-domain' | undefined;
}

/** A file with its rows read. */
export interface RowsFile extends SuppliedFile {
  readonly rows: readonly Record<string, unknown>[];
}

/** What the supplied files say, subject by subject. */
export interface Supply {
  /** Subjects that the files themselves name. */
  readonly subjects: readonly Subject[];
  /** What was supplied, by a name under which the newest counts: `export/signing-configuration`, `node/EX1` … */
  readonly name: string;
  factsFor(subject: Subject): FactSet;
}

/** The kinds of files that one evaluation reads, besides saved facts. */
export interface Family {
  /** What the files are, for people who sent another one. */
  readonly wanted: string;
  recognises(file: RowsFile): boolean;
  /** @throws InvalidDocument naming file, place and fault */
  read(files: readonly RowsFile[]): Supply;
}
