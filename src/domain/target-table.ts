import type { Finding, Run } from './finding.ts';
import { type Severity, severities } from './rule.ts';
import { compareText } from './words.ts';

/** Rules × targets of one subject: the nodes of a service, the hosts of an organization. */
export interface TargetTable {
  readonly targets: readonly string[];
  readonly rows: readonly TargetRow[];
}

export interface TargetRow {
  readonly rule: string;
  /** One for each target, in their order; null where the rule did not judge it. */
  readonly cells: readonly (Cell | null)[];
}

/** The most serious of what a rule found about one target. */
export interface Cell {
  readonly verdict: Finding['verdict'];
  /** Of a fail. */
  readonly severity?: Severity;
  /** `✗ fail (critical), 1 of 3`: to be understood without colour. */
  readonly words: string;
}

/** Among more subjects than this, a table for each would hide what fails. */
export const subjectsWithTables = 10;

/** Rules that judged the same targets stand in one table; a rule or a target that stands alone needs none. */
export function targetTables({ findings }: Pick<Run, 'findings'>): TargetTable[] {
  const rules = [...Map.groupBy(findings, ({ rule }) => rule)].map(([rule, ofRule]) => ({
    rule,
    byTarget: Map.groupBy(
      ofRule.filter(({ target }) => target !== undefined),
      columnOf,
    ),
  }));
  // The largest first, so that a rule that judged only some of the targets stands beside those that judged all.
  const largestFirst = [...rules].sort((a, b) => b.byTarget.size - a.byTarget.size);
  const tables: { readonly targets: Set<string>; readonly rules: Set<string> }[] = [];
  for (const { rule, byTarget } of largestFirst) {
    if (byTarget.size === 0) continue;
    const targets = new Set(byTarget.keys());
    const table = tables.find((one) => targets.isSubsetOf(one.targets));
    if (table !== undefined) table.rules.add(rule);
    else if (targets.size > 1) tables.push({ targets, rules: new Set([rule]) });
  }
  return tables
    .filter((table) => table.rules.size > 1)
    .map((table) => {
      const targets = [...table.targets].sort(compareText);
      return {
        targets,
        rows: rules
          .filter(({ rule }) => table.rules.has(rule))
          .map(({ rule, byTarget }) => ({ rule, cells: targets.map((target) => cellOf(byTarget.get(target) ?? [])) })),
      };
    });
}

/** `EX1` of `EX1/Default Frontend`: what belongs to a node stands in the node's column. */
function columnOf({ target = '' }: Finding): string {
  return target.split('/')[0] ?? target;
}

/** The most serious first. */
const cellSigns: readonly (readonly [Finding['verdict'], string])[] = [
  ['fail', '✗ fail'],
  ['unknown', '? unknown'],
  ['manual', '! a person has to look'],
  ['pass', '✓ pass'],
  ['not_applicable', '– not applicable'],
];

/** The most serious verdict of a rule about one target, and how many of its findings have it. */
function cellOf(findings: readonly Finding[]): Cell | null {
  for (const [verdict, sign] of cellSigns) {
    const such = findings.filter((finding) => finding.verdict === verdict);
    if (such.length === 0) continue;
    const severity = severities.find((one) => such.some((finding) => finding.severity === one));
    const share = such.length === findings.length ? '' : `, ${such.length} of ${findings.length}`;
    const words = `${sign}${severity === undefined ? '' : ` (${severity})`}${share}`;
    return { verdict, ...(severity === undefined ? {} : { severity }), words };
  }
  return null;
}

/** A cell in words, also one that is empty because the rule did not judge that target. */
export function cellWords(cell: Cell | null | undefined): string {
  return cell?.words ?? 'not judged';
}

/** Neither a pass nor not applicable: something to do, to look at or to find out. */
export function isOpenCell(cell: Cell | null | undefined): cell is Cell {
  return cell !== null && cell !== undefined && cell.verdict !== 'pass' && cell.verdict !== 'not_applicable';
}

/** By the most serious of their cells, the most serious row first. */
export function byWorstCell(a: TargetRow, b: TargetRow): number {
  return worstRank(a) - worstRank(b);
}

function worstRank({ cells }: TargetRow): number {
  return Math.min(...cells.map(rankOf));
}

function rankOf(cell: Cell | null): number {
  if (cell === null) return Number.POSITIVE_INFINITY;
  const verdict = cellSigns.findIndex(([one]) => one === cell.verdict);
  return verdict * severities.length + (cell.severity === undefined ? 0 : severities.indexOf(cell.severity));
}
