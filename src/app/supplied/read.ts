import type { z } from 'zod';
import { mergeFactSets, noFacts, type SavedFacts, savedFactsSchema } from '../../domain/fact-set.ts';
import { describeIssue, InvalidDocument } from '../../domain/organization.ts';
import type { Registration } from '../../evaluations/registration.ts';
import type { OpenedFile, SuppliedFile, SuppliedFormat, Supply } from '../../sources/supplied/format.ts';
import { decodeText } from '../../sources/supplied/powershell-json.ts';
import { readRows, valuesIn } from '../../sources/supplied/rows.ts';
import { Problem } from '../problem.ts';

export type { SuppliedFile, Supply } from '../../sources/supplied/format.ts';

/**
 * Reads supplied files of an evaluation, each once; saved facts give way to what an export or a collector's file says.
 *
 * @throws InvalidDocument naming file, place and fault
 */
export function readSupplied(evaluation: Registration, files: readonly SuppliedFile[]): Supply {
  return readOpened(
    evaluation,
    files.map((file) => open(evaluation.files, file)),
  );
}

/** As {@link readSupplied}, of files that are open. @throws InvalidDocument */
export function readOpened(evaluation: Registration, files: readonly OpenedFile[]): Supply {
  const saved = files.filter(isSaved);
  const byFormat = Map.groupBy(
    files.filter((file) => !isSaved(file)),
    (file) => formatOf(evaluation, file),
  );
  const supplies = [
    ...evaluation.files.flatMap((format) => {
      const own = byFormat.get(format);
      return own === undefined ? [] : [format.read(own)];
    }),
    ...(saved.length === 0 ? [] : [savedSupply(evaluation, saved)]),
  ];
  const subjects = new Map(
    supplies.toReversed().flatMap((supply) => supply.subjects.map((subject) => [subject.id, subject])),
  );
  return {
    name: supplies.map(({ name }) => name).join('+'),
    subjects: [...subjects.values()],
    notes: supplies.flatMap(({ notes = [] }) => notes),
    ...listOf(supplies),
    foreignTo: (subject) => supplies.map((supply) => supply.foreignTo?.(subject)).find((why) => why !== undefined),
    factsFor: (subject) =>
      supplies.map((supply) => supply.factsFor(subject)).reduce((all, one) => mergeFactSets(all, one), noFacts),
  };
}

function listOf(supplies: readonly Supply[]): Pick<Supply, 'list'> {
  const lists = supplies.flatMap(({ list = [] }) => list);
  return lists.length === 0 ? {} : { list: lists.includes('with-gaps') ? 'with-gaps' : 'whole' };
}

/** A file that was read, and the evaluation it is for. */
export interface Recognised {
  readonly evaluation: Registration;
  readonly file: OpenedFile;
  /** Saved facts: what `evaluate` gathered or was handed, and anybody may have changed since. */
  readonly isSaved: boolean;
}

/**
 * Reads a file, and says by its content which evaluation it is for.
 *
 * @param most values that it may hold
 * @throws InvalidDocument when it is for none; Problem (413) when it holds more
 */
export function recognise(
  evaluations: readonly Registration[],
  file: SuppliedFile,
  most = Number.POSITIVE_INFINITY,
): Recognised {
  const opened = open(
    evaluations.flatMap(({ files }) => files),
    file,
    most,
  );
  const evaluation = evaluations.find(({ id, files }) =>
    isSaved(opened) ? opened.rows[0]?.evaluation === id : files.some((format) => format.recognises(opened)),
  );
  if (evaluation !== undefined) return { evaluation, file: opened, isSaved: isSaved(opened) };
  throw new InvalidDocument(file.name, [`is neither saved facts nor ${evaluations.map(wantedBy).join(' nor ')}`]);
}

function wantedBy({ files }: Registration): string {
  return files.flatMap(({ wanted = [] }) => wanted).join(' or ');
}

function open(
  formats: readonly SuppliedFormat[],
  { content, ...file }: SuppliedFile,
  most = Number.POSITIVE_INFINITY,
): OpenedFile {
  const text = decodeText(content);
  // Before anything is made of it: a file of tiny values takes twenty times its size.
  if (valuesIn(text, most) > most)
    throw new Problem(
      413,
      `${file.name}: more than ${most} values or lines; one request takes so many, send it in parts.`,
    );
  if (formats.some((format) => format.isText?.(text) === true))
    return { ...file, text, rows: [], unread: new Map(), inWords: true };
  const read = readRows(file.name, text, (unreadable) => commandFor(formats, file.kind, unreadable));
  if (read.rows.length === 0 && file.kind === undefined)
    throw new InvalidDocument(file.name, ['holds no rows, so nobody can tell what was exported']);
  return { ...file, ...read };
}

function commandFor(formats: readonly SuppliedFormat[], kind: string | undefined, text: string): string | undefined {
  for (const format of formats) {
    const command = format.commandFor?.(kind, text);
    if (command !== undefined) return command;
  }
  return undefined;
}

function isSaved({ rows }: OpenedFile): boolean {
  return rows.length > 0 && rows.every((row) => 'fieldcheck' in row);
}

function formatOf(evaluation: Registration, file: OpenedFile): SuppliedFormat {
  const format = evaluation.files.find((one) => one.recognises(file));
  if (format !== undefined) return format;
  const properties = Object.keys(file.rows[0] ?? {}).slice(0, 6);
  throw new InvalidDocument(file.name, [
    `is neither saved facts nor ${wantedBy(evaluation)}; it begins with the properties ${properties.length === 0 ? 'none' : properties.join(', ')}`,
  ]);
}

function savedSupply(evaluation: Registration, files: readonly OpenedFile[]): Supply {
  const schema = savedFactsSchema(evaluation);
  const saved = files.flatMap(({ name, rows }) =>
    rows.map((row, index) => parseSaved(name, index, row, evaluation.id, schema)),
  );
  const byId = new Map(saved.map((one) => [one.subject.id, one]));
  return {
    name: 'saved-facts',
    subjects: saved.map(({ subject }) => subject),
    factsFor: ({ id }) => byId.get(id) ?? noFacts,
  };
}

function parseSaved(
  name: string,
  index: number,
  row: Readonly<Record<string, unknown>>,
  evaluation: string,
  schema: z.ZodType<SavedFacts>,
): SavedFacts {
  const { evaluation: other } = row;
  if (typeof other === 'string' && other !== evaluation)
    throw new InvalidDocument(name, [`[${index}]: holds facts for ${other}, not for ${evaluation}`]);
  const parsed = schema.safeParse(row);
  if (parsed.success) return parsed.data;
  throw new InvalidDocument(
    name,
    parsed.error.issues.slice(0, 20).map((issue) => `[${index}].${describeIssue(issue)}`),
  );
}
