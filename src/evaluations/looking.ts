import type { FactSet } from '../domain/fact-set.ts';
import type { Answer } from '../domain/finding.ts';
import type { Past } from '../domain/past.ts';
import type { Subject } from '../domain/subject.ts';
import type { Instant } from '../domain/time.ts';

/** What an evaluation explains when somebody hands something in: looked at once, nothing is kept of it, nobody is told. */
export interface Look {
  /** Most bytes of what is handed in. */
  readonly limit: number;
  /** What to hand in where that is too long. */
  readonly instead: string;
  /**
   * Reads what was handed in.
   *
   * @param name what it is called in an error
   * @throws InvalidDocument when it is not what it should be, saying what to hand in
   */
  open(name: string, content: Uint8Array): Promise<OpenedLook>;
}

/** What was handed in, read. */
export interface OpenedLook {
  /** What facts are needed about, each subject once. */
  readonly subjects: readonly Subject[];
  /** The time in question (ISO 8601, UTC): what was known of the subjects then is asked for. */
  readonly at: string | undefined;
  explain(seen: Seen): Looked;
}

/** What an explanation goes by. */
export interface Seen {
  readonly now: Instant;
  /** Facts gathered now, supplied ones first. */
  factsOf(subject: string): FactSet;
  /** What was known at the time in question; a sentence where nobody could look, undefined where nobody keeps anything. */
  pastOf(subject: string): Past | string | undefined;
}

export interface Looked {
  readonly json: unknown;
  readonly text: string;
  readonly answer: Answer;
}
