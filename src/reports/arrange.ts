import { blocksAnswers } from '../domain/answer.ts';
import { type Answer, answers, type Finding, type Run } from '../domain/finding.ts';
import { severities } from '../domain/rule.ts';
import { compareText, minuteOf } from '../domain/words.ts';

export interface ReportOptions {
  /** The heading; `fieldcheck report` when left out. */
  readonly title?: string;
  /** Questions as a person asks them, by id; the id itself when left out. */
  readonly questions?: Readonly<Record<string, string>>;
  /** Evaluations as a person calls them, by id; the id itself when left out. */
  readonly evaluations?: Readonly<Record<string, string>>;
}

export interface Found {
  readonly subject: string;
  readonly finding: Finding;
}

/** The runs of one evaluation in the order in which a report tells them. */
export interface Section {
  readonly evaluation: string;
  readonly title: string;
  readonly subjects: number;
  /** ISO 8601, UTC. */
  readonly from: string;
  readonly to: string;
  readonly questions: readonly {
    readonly id: string;
    readonly title: string;
    readonly counts: readonly { readonly answer: Answer; readonly count: number }[];
  }[];
  /** Runs with a no or an undetermined, and those without. */
  readonly open: readonly Run[];
  readonly settled: readonly Run[];
  /** What was found side by side, of subjects whose targets were judged by the same rules. */
  readonly byTarget: readonly { readonly subject: string; readonly tables: readonly TargetTable[] }[];
  /** Severity `medium` and above, worst first. */
  readonly failing: readonly Found[];
  /** Severity `low` and `info`. */
  readonly advice: readonly Found[];
  /** For a person to look at. */
  readonly manual: readonly Found[];
  /** Could not look; `blocked` ones were not judged because another rule failed. */
  readonly unknown: readonly Found[];
  readonly blocked: readonly Found[];
  /** Subjects with what passes or does not apply there. */
  readonly passing: readonly { readonly subject: string; readonly findings: readonly Finding[] }[];
}

/** Rules × targets of one subject: the nodes of a service, the hosts of an organization. */
export interface TargetTable {
  readonly targets: readonly string[];
  readonly rows: readonly {
    /** Without the evaluation's id. */
    readonly rule: string;
    /** One for each target, in their order; undefined where the rule did not judge it. */
    readonly cells: readonly (Cell | undefined)[];
  }[];
}

export interface Cell {
  readonly verdict: Finding['verdict'];
  /** `✗ fail (critical), 1 of 3`: to be understood without colour. */
  readonly words: string;
}

/** In a report of more subjects than this, tables for each would hide what fails. */
const subjectsWithTables = 10;

/** Sorts runs into sections, one for each evaluation in order of appearance. */
export function arrange(runs: readonly Run[], { questions = {}, evaluations = {} }: ReportOptions): Section[] {
  return [...Map.groupBy(runs, ({ evaluation }) => evaluation)].map(([evaluation, ofEvaluation]) =>
    section(evaluation, evaluations[evaluation] ?? evaluation, ofEvaluation, questions),
  );
}

function section(
  evaluation: string,
  title: string,
  runs: readonly Run[],
  questionTitles: Readonly<Record<string, string>>,
): Section {
  const inOrder = [...runs].sort((a, b) => compareText(a.subject, b.subject));
  const times = runs.map(({ at }) => at).sort(compareText);
  const found = inOrder.flatMap(({ subject, findings }) => findings.map((finding) => ({ subject, finding })));
  const fails = found
    .filter(({ finding }) => finding.verdict === 'fail')
    .sort((a, b) => severityRank(a) - severityRank(b));
  const unknown = found.filter(({ finding }) => finding.verdict === 'unknown');
  const [open, settled] = partition(inOrder, isOpen);
  const [failing, advice] = partition(fails, ({ finding }) => blocksAnswers(finding));
  const [blocked, couldNotLook] = partition(unknown, ({ finding }) => finding.blockedBy !== undefined);
  return {
    evaluation,
    title,
    subjects: runs.length,
    from: times[0] ?? '',
    to: times.at(-1) ?? '',
    questions: [...new Set(runs.flatMap((run) => Object.keys(run.answers)))].map((id) => ({
      id,
      title: questionTitles[id] ?? id,
      counts: answers
        .map((answer) => ({ answer, count: runs.filter((run) => run.answers[id] === answer).length }))
        .filter(({ count }) => count > 0),
    })),
    open,
    settled,
    byTarget:
      inOrder.length > subjectsWithTables
        ? []
        : inOrder
            .map((run) => ({ subject: run.subject, tables: targetTables(run) }))
            .filter(({ tables }) => tables.length > 0),
    failing,
    advice,
    manual: found.filter(({ finding }) => finding.verdict === 'manual'),
    unknown: couldNotLook,
    blocked,
    passing: inOrder
      .map(({ subject, findings }) => ({
        subject,
        findings: findings.filter(({ verdict }) => verdict === 'pass' || verdict === 'not_applicable'),
      }))
      .filter(({ findings }) => findings.length > 0),
  };
}

/** Rules that judged the same targets stand in one table; a rule or a target that stands alone needs none. */
function targetTables({ evaluation, findings }: Run): TargetTable[] {
  const rules = [...Map.groupBy(findings, ({ rule }) => rule)].map(([rule, ofRule]) => ({
    rule: rule.replace(`${evaluation}/`, ''),
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
function cellOf(findings: readonly Finding[]): Cell | undefined {
  for (const [verdict, sign] of cellSigns) {
    const such = findings.filter((finding) => finding.verdict === verdict);
    if (such.length === 0) continue;
    const worst = severities.find((severity) => such.some((finding) => finding.severity === severity));
    const share = such.length === findings.length ? '' : `, ${such.length} of ${findings.length}`;
    return { verdict, words: `${sign}${worst === undefined ? '' : ` (${worst})`}${share}` };
  }
  return undefined;
}

function isOpen({ answers: given }: Run): boolean {
  return Object.values(given).some((answer) => answer === 'no' || answer === 'undetermined');
}

function severityRank({ finding: { severity } }: Found): number {
  return severity === undefined ? severities.length : severities.indexOf(severity);
}

function partition<T>(all: readonly T[], test: (one: T) => boolean): [T[], T[]] {
  const [yes, no]: [T[], T[]] = [[], []];
  for (const one of all) (test(one) ? yes : no).push(one);
  return [yes, no];
}

/** `74 subjects, looked at 2026-11-24 09:30 UTC`. */
export function coverage({ subjects, from, to }: Section): string {
  const minutes = [...new Set([minuteOf(from), minuteOf(to)])].join(' to ');
  return `${subjects === 1 ? '1 subject' : `${subjects} subjects`}, looked at ${minutes}`;
}

/** A finding that stands folded, in one sentence. */
export function shortSentence({ verdict, message }: Finding): string {
  return verdict === 'not_applicable' ? `not applicable. ${message}` : message;
}

/** What a finding is about: `dkim/active-key-published selector1`. */
export function ruleAndTarget({ rule, target }: Finding): string {
  return target === undefined ? rule : `${rule} ${target}`;
}
