import { stringify } from 'csv-stringify/sync';
import type { Evidence, Run } from '../domain/finding.ts';
import { compareText } from '../domain/words.ts';
import { evidenceLines, oneLine } from './text.ts';

/**
 * RFC 4180 with CRLF. A cell that a spreadsheet would take for a formula (`=`, `+`, `-`, `@`, tab) begins with an
 * apostrophe.
 */
export function csvOf(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  return stringify([[...columns], ...rows.map((row) => [...row])], {
    record_delimiter: 'windows',
    escape_formulas: true,
  });
}

/** Lines in one cell, ` | ` between them: ticketing systems read line by line. */
export function linesCell(text = ''): string {
  return text
    .split('\n')
    .map(oneLine)
    .filter((line) => line !== '')
    .join(' | ');
}

/** {@link evidenceLines} in one cell, `; ` between them. */
export function evidenceCell(evidence: readonly Evidence[]): string {
  return evidenceLines(evidence).join('; ');
}

const columns = [
  'Evaluation',
  'Subject',
  'Rule',
  'Target',
  'Verdict',
  'Severity',
  'Owner',
  'Message',
  'Remedy',
  'Answers',
  'Checked',
  'Evidence',
  'Support case',
  'Accepted',
  'Silenced',
] as const;

/** Runs as one line for each finding, passes included, by subject. Times are ISO 8601 in UTC. */
export function csvReport(runs: readonly Run[]): string {
  const rows = [...runs]
    .sort((a, b) => compareText(a.subject, b.subject))
    .flatMap(({ evaluation, subject, at, answers, findings }) => {
      const given = Object.entries(answers).map(([question, answer]) => `${question}: ${answer}`);
      return findings.map(
        ({ rule, target, verdict, severity, owner, message, remedy, evidence, supportCase, ...said }) => [
          ...[evaluation, subject, rule, target, verdict, severity, owner, message, remedy, given.join('; '), at].map(
            (cell) => oneLine(cell ?? ''),
          ),
          evidenceCell(evidence),
          linesCell(supportCase),
          oneLine(said.accepted ?? ''),
          oneLine(said.silenced ?? ''),
        ],
      );
    });
  return csvOf(columns, rows);
}
