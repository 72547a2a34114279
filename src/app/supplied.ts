import { z } from 'zod';
import { mergeFactSets, noFacts, parseSavedFacts, type SavedFacts } from '../domain/fact-set.ts';
import { describeIssue, InvalidDocument } from '../domain/organization.ts';
import { type EvaluationId, evaluationIds } from '../domain/rule.ts';
import { readPowerShellJson } from '../sources/supplied/powershell-json.ts';
import { dkimFiles } from './supplied/dkim.ts';
import type { Family, RowsFile, SuppliedFile, Supply } from './supplied/family.ts';
import { smtpFiles } from './supplied/smtp-source-ip.ts';
import { interopFiles, isMessageHeaders, readMessageHeaders } from './supplied/teams-exchange-interop.ts';

export type { SuppliedFile, Supply } from './supplied/family.ts';

const families: Readonly<Record<EvaluationId, Family>> = {
  dkim: dkimFiles,
  'teams-exchange-interop': interopFiles,
  'smtp-source-ip': smtpFiles,
};

/**
 * Reads supplied files of an evaluation; saved facts give way to what an export or a collector's file says.
 *
 * @throws InvalidDocument naming file, place and fault
 */
export function readSupplied(evaluation: EvaluationId, files: readonly SuppliedFile[]): Supply {
  const family = families[evaluation];
  const headers = evaluation === 'teams-exchange-interop' ? files.filter(isMessageHeaders) : [];
  const read = files.filter((file) => !headers.includes(file)).map(withRows);
  const saved = read.filter(isSaved);
  const own = read.filter((file) => !isSaved(file));
  const stranger = own.find((file) => !family.recognises(file));
  if (stranger !== undefined) throw new InvalidDocument(stranger.name, [strangerSentence(evaluation, stranger)]);
  const supplies = [
    ...(own.length === 0 ? [] : [family.read(own)]),
    ...(headers.length === 0 ? [] : [readMessageHeaders(headers)]),
    ...(saved.length === 0 ? [] : [savedSupply(evaluation, saved)]),
  ];
  const subjects = new Map(
    supplies.toReversed().flatMap((supply) => supply.subjects.map((subject) => [subject.id, subject])),
  );
  return {
    name: supplies.map(({ name }) => name).join('+'),
    subjects: [...subjects.values()],
    factsFor: (subject) =>
      supplies.map((supply) => supply.factsFor(subject)).reduce((all, one) => mergeFactSets(all, one), noFacts),
  };
}

/** Which evaluation a file is for, by its content. @throws InvalidDocument when it is for none */
export function evaluationOfFile(file: SuppliedFile): EvaluationId {
  if (isMessageHeaders(file)) return 'teams-exchange-interop';
  const read = withRows(file);
  const found = isSaved(read)
    ? evaluationIds.find((id) => id === read.rows[0]?.evaluation)
    : evaluationIds.find((id) => families[id].recognises(read));
  if (found !== undefined) return found;
  const wanted = evaluationIds.map((id) => families[id].wanted);
  throw new InvalidDocument(file.name, [`is neither saved facts nor ${wanted.join(' nor ')}`]);
}

function withRows(file: SuppliedFile): RowsFile {
  return { ...file, rows: readPowerShellJson(file.name, file.content) };
}

function isSaved({ rows }: RowsFile): boolean {
  return rows.every((row) => 'fieldcheck' in row);
}

function strangerSentence(evaluation: EvaluationId, { rows }: RowsFile): string {
  const properties = Object.keys(rows[0] ?? {}).slice(0, 6);
  return `is neither saved facts nor ${families[evaluation].wanted}; it begins with the properties ${properties.length === 0 ? 'none' : properties.join(', ')}`;
}

function savedSupply(evaluation: EvaluationId, files: readonly RowsFile[]): Supply {
  const saved = files.flatMap(({ name, rows }) => rows.map((row, index) => parseSaved(name, index, row, evaluation)));
  const byId = new Map(saved.map((one) => [one.subject.id, one]));
  return {
    name: 'saved-facts',
    subjects: saved.map(({ subject }) => subject),
    factsFor: ({ id }) => byId.get(id) ?? noFacts,
  };
}

function parseSaved(name: string, index: number, row: unknown, evaluation: EvaluationId): SavedFacts {
  try {
    const saved = parseSavedFacts(row);
    if (saved.evaluation === evaluation) return saved;
    throw new InvalidDocument(name, [`[${index}]: holds facts for ${saved.evaluation}, not for ${evaluation}`]);
  } catch (error) {
    if (!(error instanceof z.ZodError)) throw error;
    throw new InvalidDocument(
      name,
      error.issues.slice(0, 20).map((issue) => `[${index}].${describeIssue(issue)}`),
    );
  }
}
