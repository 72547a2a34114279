import { blocksAnswers } from '../../domain/answer.ts';
import type { SubjectState } from '../../domain/compare.ts';
import { type Finding, findingKey } from '../../domain/finding.ts';
import type { FindingMemory } from '../../domain/incident.ts';
import { isSilence } from '../../domain/statement.ts';
import { compareText } from '../../domain/words.ts';
import { csvOf, evidenceCell, linesCell } from '../../reports/csv.ts';
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
  'Incident',
] as const;

/** Rules about the selector that signs today. */
const activeSelectorRule = /^dkim\/active-/;

/**
 * The log for ticketing: one line for each fail of severity `medium` or above of an active selector, by domain, selector
 * and rule. `Checked` and `Since` (the first run in a row that found it) are ISO 8601 in UTC; a domain
 * whose DNS could not be looked at is not in it. `Support case` is there for Microsoft's faults. `Incident` says what is not
 * told: not confirmed, flapping, silenced, accepted.
 */
export function failedSelectorsCsv(states: readonly SubjectState[]): string {
  const rows = states.flatMap(({ run: { subject, at, findings }, findings: memory }) =>
    findings
      .filter((finding) => activeSelectorRule.test(finding.rule) && blocksAnswers(finding))
      .map((finding) => {
        const { target, rule, severity, owner, verdict, evidence, message, remedy, supportCase } = finding;
        const cells = [subject, target, rule, severity, owner, verdict, evidence[0]?.observed, message, remedy, at];
        const since = memory[findingKey(finding)]?.since ?? at;
        const more = [since, evidenceCell(evidence)];
        const incident = wordsFor(finding, memory[findingKey(finding)]);
        return [...[...cells, ...more].map((cell) => oneLine(cell ?? '')), linesCell(supportCase), incident];
      }),
  );
  rows.sort((a, b) => compareCells(a, b, 0) || compareCells(a, b, 1) || compareCells(a, b, 2));
  return csvOf(columns, rows);
}

/** What people say of it now, else what its incident was at the last look. */
function wordsFor({ silenced, accepted }: Finding, memory: FindingMemory | undefined): string {
  if (silenced !== undefined) return 'silenced';
  if (accepted !== undefined) return 'accepted';
  if (memory?.hushedBy !== undefined) return isSilence(memory.hushedBy) ? 'silenced' : 'accepted';
  if (memory?.flapping === true) return 'flapping';
  return memory?.soft === undefined ? 'open' : 'not confirmed';
}

function compareCells(a: readonly string[], b: readonly string[], column: number): number {
  return compareText(a[column] ?? '', b[column] ?? '');
}
