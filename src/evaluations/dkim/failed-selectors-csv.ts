import { stringify } from 'csv-stringify/sync';
import { blocksAnswers } from '../../domain/answer.ts';
import type { Run } from '../../domain/finding.ts';
import { compareText } from '../../domain/words.ts';
import { oneLine } from '../../reports/text.ts';

const columns = [
  'Domain',
  'Selector',
  'Rule',
  'Severity',
  'Owner',
  'Status',
  'Observed',
  'Message',
  'Remedy',
  'Checked',
] as const;

/** Rules about the selector that signs today. */
const activeSelectorRule = /^dkim\/active-/;

/**
 * The log for ticketing: one line for each fail of severity `medium` or above of an active selector, by domain, selector
 * and rule. RFC 4180 with CRLF; `Checked` is ISO 8601 in UTC; a domain whose DNS could not be looked at is not in it.
 *
 * A cell that a spreadsheet would take for a formula (`=`, `+`, `-`, `@`, tab) begins with an apostrophe.
 */
export function failedSelectorsCsv(runs: readonly Run[]): string {
  const rows = runs.flatMap(({ subject, at, findings }) =>
    findings
      .filter((finding) => activeSelectorRule.test(finding.rule) && blocksAnswers(finding))
      .map(({ target, rule, severity, owner, verdict, evidence, message, remedy }) =>
        [subject, target, rule, severity, owner, verdict, evidence[0]?.observed, message, remedy, at].map((cell) =>
          oneLine(cell ?? ''),
        ),
      ),
  );
  rows.sort((a, b) => compareCells(a, b, 0) || compareCells(a, b, 1) || compareCells(a, b, 2));
  return stringify([[...columns], ...rows], { record_delimiter: 'windows', escape_formulas: true });
}

function compareCells(a: readonly string[], b: readonly string[], column: number): number {
  return compareText(a[column] ?? '', b[column] ?? '');
}
