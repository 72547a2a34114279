import type { Answer, Run } from '../domain/finding.ts';
import type { OrganizationDocument } from '../domain/organization.ts';
import type { Subject } from '../domain/subject.ts';
import type { Instant } from '../domain/time.ts';
import type { WorldOptions } from '../sources/world.ts';

/** Values of the options of one call, by their names in camel case: a text, a list of texts, or true. */
export type OptionValues = Readonly<Record<string, unknown>>;

export interface ShellOption {
  /** As the shell writes it: `--log <path>`. */
  readonly flags: string;
  readonly description: string;
  /** May be given more than once; its value is then a list. */
  readonly repeatable?: true;
  /** The words that it takes, the first of them when it is left out. */
  readonly choices?: readonly string[];
}

/** What a call brings. */
export interface Call {
  readonly values: OptionValues;
  /** What was named behind the evaluation. */
  readonly named: readonly string[];
  readonly document: OrganizationDocument | undefined;
  /** Ids of the subjects that the supplied files name. */
  readonly inFiles: readonly string[];
  /** Checks a document as `apply` would. Rejects with InvalidDocument. */
  checked(document: unknown): Promise<OrganizationDocument>;
  /** @throws Error when the file cannot be read or is no JSON */
  readJson(path: string): Promise<unknown>;
}

/** A command with which the evaluation explains what a file holds; the shell does the rest. */
export interface LookCommand {
  /** As the shell writes it: `explain <file>`. */
  readonly usage: string;
  readonly description: string;
  readonly looks: true;
}

/** What a command has to tell: printed as JSON or as text, and the answer for the exit code. */
export interface Told {
  readonly json: unknown;
  readonly text: string;
  readonly answer: Answer;
}

/** A command of its own. */
export interface ShellCommand {
  /** As the shell writes it: `smtp-logs <paths...>`. */
  readonly usage: string;
  readonly description: string;
  readonly looks?: never;
  readonly options: readonly (ShellOption & { readonly required?: true })[];
  run(
    paths: readonly string[],
    call: { readonly values: OptionValues; readonly now: Instant } & Pick<Call, 'readJson'>,
  ): Promise<Told>;
}

/** A command on what `evaluate` finds: it takes the subjects and the options of `evaluate`, and prints something else. */
export interface FindingsCommand {
  readonly name: string;
  readonly description: string;
  readonly options: readonly ShellOption[];
  /** What it tells of what is found. @throws Error before anything is looked at, when the options are none */
  of(values: OptionValues): (runs: readonly Run[]) => Told;
}

/** What an evaluation adds to a shell. */
export interface EvaluationInShell {
  /** Of `evaluate`. */
  readonly options: readonly ShellOption[];
  /** What may be named behind the evaluation, in words; nothing, when left out. */
  readonly named?: string;
  /** Files that its options name, and what each has to be. */
  files?(values: OptionValues): readonly { readonly path: string; readonly kind: string }[];
  /** The subjects that the call names; undefined: those of the document, the files or the tenant. @throws Error for a bad call */
  subjects?(call: Call): Promise<readonly Subject[] | undefined>;
  /** What its options say about what is asked. */
  world?(values: OptionValues): Promise<Partial<WorldOptions>>;
  /** What to give when there is nothing to look at. */
  readonly nothing: string;
  readonly commands?: readonly (ShellCommand | LookCommand)[];
  readonly findingsCommands?: readonly FindingsCommand[];
}
