import { stringify } from 'csv-stringify/sync';
import { blocksAnswers } from '../../domain/answer.ts';
import type { SubjectState } from '../../domain/compare.ts';
import { type Evidence, findingKey } from '../../domain/finding.ts';
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
  'Since',
  'Evidence',
  'Support case',
] as const;

/** Rules about the selector that signs today. */
const activeSelectorRule = /^dkim\/active-/;

/**
 * The log for ticketing: one line for each fail of severity `medium` or above of an active selector, by domain, selector
 * and rule. RFC 4180 with CRLF; `Checked` and `Since` (the first run in a row that found it) are ISO 8601 in UTC; a domain
 * whose DNS could not be looked at is not in it. `Support case` is there for Microsoft's faults, ` | ` between its lines,
 * because ticketing systems read line by line.
 *
 * A cell that a spreadsheet would take for a formula (`=`, `+`, `-`, `@`, tab) begins with an apostrophe.
 */
export function failedSelectorsCsv(states: readonly SubjectState[]): string {
  const rows = states.flatMap(({ run: { subject, at, findings }, findings: memory }) =>
    findings
      .filter((finding) => activeSelectorRule.test(finding.rule) && blocksAnswers(finding))
      .map((finding) => {
        const { target, rule, severity, owner, verdict, evidence, message, remedy, supportCase } = finding;
        const cells = [subject, target, rule, severity, owner, verdict, evidence[0]?.observed, message, remedy, at];
        const since = memory[findingKey(finding)]?.since ?? at;
        const more = [since, evidence.map(evidenceWords).join('; ')];
        return [...[...cells, ...more].map((cell) => oneLine(cell ?? '')), lines(supportCase)];
      }),
  );
  rows.sort((a, b) => compareCells(a, b, 0) || compareCells(a, b, 1) || compareCells(a, b, 2));
  return stringify([[...columns], ...rows], { record_delimiter: 'windows', escape_formulas: true });
}

function lines(text = ''): string {
  return text
    .split('\n')
    .map(oneLine)
    .filter((line) => line !== '')
    .join(' | ');
}

/** `selector-key: NXDOMAIN (192.0.2.53, 2026-11-24T06:00:00.000Z)` */
function evidenceWords({ fact, observed, source, at }: Evidence): string {
  const seen = [source, at].filter((one) => one !== undefined).join(', ');
  return seen === '' ? `${fact}: ${observed}` : `${fact}: ${observed} (${seen})`;
}

function compareCells(a: readonly string[], b: readonly string[], column: number): number {
  return compareText(a[column] ?? '', b[column] ?? '');
}
