import { z } from 'zod';
import type { FactSet } from '../domain/fact-set.ts';
import { known, mergeFactSets, noFacts, parseSavedFacts, type SavedFacts } from '../domain/fact-set.ts';
import { describeIssue, InvalidDocument } from '../domain/organization.ts';
import { type EvaluationId, evaluationIds } from '../domain/rule.ts';
import type { Subject } from '../domain/subject.ts';
import type { AcceptedDomain } from '../facts/accepted-domain.ts';
import type { SigningConfigurationRow } from '../facts/signing-configuration.ts';
import { acceptedDomains, kindOfExport, signingConfigurations } from '../sources/supplied/dkim-exports.ts';
import { readPowerShellJson } from '../sources/supplied/powershell-json.ts';

/** A file somebody supplied: saved facts, a collector's file or a raw export; which one it is, its content says. */
export interface SuppliedFile {
  readonly name: string;
  readonly content: Uint8Array;
  /** ISO 8601, UTC: when the file was written. Evidence from it is as old as that. */
  readonly writtenAt: string;
  /** What it has to be, when the door says so. */
  readonly kind?: 'signing-configuration' | 'accepted-domain' | undefined;
}

/** What the supplied files say, subject by subject. */
export interface Supply {
  /** Subjects that the files themselves name. */
  readonly subjects: readonly Subject[];
  /** What was supplied, by a name under which the newest counts: `export/signing-configuration`, `saved-facts` … */
  readonly name: string;
  factsFor(subject: Subject): FactSet;
}

/**
 * Reads supplied files of an evaluation.
 *
 * @throws InvalidDocument naming file, place and fault
 */
export function readSupplied(evaluation: EvaluationId, files: readonly SuppliedFile[]): Supply {
  const saved: SavedFacts[] = [];
  const exports: DkimExports = {};
  for (const file of files) {
    const rows = readPowerShellJson(file.name, file.content);
    if (rows.every((row) => 'fieldcheck' in row)) {
      saved.push(...rows.map((row, index) => parseSaved(file.name, index, row, evaluation)));
      continue;
    }
    if (evaluation !== 'dkim')
      throw new InvalidDocument(file.name, [`is neither saved facts nor anything else that ${evaluation} reads`]);
    addExport(exports, file, rows);
  }
  const savedById = new Map(saved.map((one) => [one.subject.id, one]));
  return {
    name:
      exports.signing !== undefined
        ? 'export/signing-configuration'
        : exports.accepted !== undefined
          ? 'export/accepted-domain'
          : 'saved-facts',
    subjects: [...saved.map(({ subject }) => subject), ...domainsOf(exports)],
    factsFor(subject) {
      const own = savedById.get(subject.id);
      const fromFile: FactSet = own === undefined ? noFacts : { facts: own.facts, parts: own.parts };
      return mergeFactSets(factsFromExports(exports, subject.id), fromFile);
    },
  };
}

/** Which evaluation a file is for, by its content. @throws InvalidDocument when it is for none */
export function evaluationOfFile(file: SuppliedFile): EvaluationId {
  const rows = readPowerShellJson(file.name, file.content);
  const saved = evaluationIds.find((id) => rows[0]?.evaluation === id);
  if (saved !== undefined) return saved;
  if (kindOfExport(rows) !== undefined) return 'dkim';
  throw new InvalidDocument(file.name, [
    'is none of: saved facts, an export of Get-DkimSigningConfig or Get-AcceptedDomain',
  ]);
}

function parseSaved(name: string, index: number, row: unknown, evaluation: EvaluationId): SavedFacts {
  try {
    const saved = parseSavedFacts(row);
    if (saved.evaluation === evaluation) return saved;
    throw new InvalidDocument(name, [`[${index}]: holds facts for ${saved.evaluation}, not for ${evaluation}`]);
  } catch (error) {
    if (error instanceof z.ZodError)
      throw new InvalidDocument(
        name,
        error.issues.slice(0, 20).map((issue) => `[${index}].${describeIssue(issue)}`),
      );
    throw error;
  }
}

interface DkimExports {
  signing?: { readonly rows: ReadonlyMap<string, SigningConfigurationRow>; readonly file: SuppliedFile };
  accepted?: { readonly rows: ReadonlyMap<string, AcceptedDomain>; readonly file: SuppliedFile };
}

function addExport(exports: DkimExports, file: SuppliedFile, rows: readonly Record<string, unknown>[]): void {
  const kind = kindOfExport(rows);
  if (kind === undefined || (file.kind !== undefined && file.kind !== kind)) {
    const wanted =
      file.kind === 'accepted-domain'
        ? 'Get-AcceptedDomain'
        : file.kind === 'signing-configuration'
          ? 'Get-DkimSigningConfig'
          : 'Get-DkimSigningConfig or Get-AcceptedDomain';
    const columns = Object.keys(rows[0] ?? {})
      .slice(0, 6)
      .join(', ');
    throw new InvalidDocument(file.name, [
      `is no export of ${wanted}; its first row has the properties ${columns === '' ? 'none' : columns}`,
    ]);
  }
  if (kind === 'signing-configuration')
    exports.signing = { rows: merged(exports.signing?.rows, signingConfigurations(file.name, rows)), file };
  else exports.accepted = { rows: merged(exports.accepted?.rows, acceptedDomains(file.name, rows)), file };
}

function merged<T>(first: ReadonlyMap<string, T> | undefined, second: ReadonlyMap<string, T>): ReadonlyMap<string, T> {
  return first === undefined ? second : new Map([...first, ...second]);
}

/** Accepted domains joined with signing configurations: a domain without a row is a state of its own. */
function domainsOf({ signing, accepted }: DkimExports): Subject[] {
  const names = new Set([...(accepted?.rows.keys() ?? []), ...(signing?.rows.keys() ?? [])]);
  return [...names].sort().map((id) => ({ kind: 'mail-domain', id, selectors: ['selector1', 'selector2'] }));
}

function factsFromExports({ signing, accepted }: DkimExports, domain: string): FactSet {
  const row = signing?.rows.get(domain);
  const facts: FactSet['facts'] = {
    ...(signing === undefined
      ? {}
      : {
          'signing-configuration': known(
            row === undefined ? { state: 'no-row' as const } : { state: 'configured' as const, row },
            signing.file.name,
            signing.file.writtenAt,
          ),
        }),
    ...(accepted === undefined
      ? {}
      : {
          'accepted-domain': known(
            accepted.rows.get(domain) ?? { listed: false },
            accepted.file.name,
            accepted.file.writtenAt,
          ),
        }),
  };
  return { facts, parts: {} };
}
