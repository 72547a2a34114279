import { blocksAnswers } from '../domain/answer.ts';
import type { Evaluation, MendingStep } from '../domain/evaluation.ts';
import { type Answer, answers, type Finding, type Run } from '../domain/finding.ts';
import { severities } from '../domain/rule.ts';
import type { Runbook } from '../domain/runbook.ts';
import { countSaid, saidCounts } from '../domain/statement.ts';
import { subjectsWithTables, type TargetTable, targetTables } from '../domain/target-table.ts';
import { type AnswerWords, compareText, minuteOf, answerWords as plainAnswerWords, ruleName } from '../domain/words.ts';
import { dnsLine } from './dns-lines.ts';
import { byObstacle, inOrderOfMending } from './mending.ts';

export interface ReportOptions {
  /** The heading; `fieldcheck report` when left out. */
  readonly title?: string | undefined;
  /** Questions as a person asks them, by id; the id itself when left out. */
  readonly questions?: Readonly<Record<string, string>>;
  /** Evaluations by id: as a person calls them, and how people say their answers; the id and plain words when left out. */
  readonly evaluations?: Readonly<Record<string, ReportedEvaluation>>;
  /** Who hands it on, and their logo (`data:image/…`). */
  readonly author?: string | undefined;
  readonly logo?: string | undefined;
  /** When it is made (ISO 8601, UTC); the time of the last look when left out. */
  readonly now?: string | undefined;
}

/** Of an evaluation what reports speak of. */
export type ReportedEvaluation = Pick<Evaluation, 'title'> &
  Partial<Pick<Evaluation, 'questions' | 'subjectId'>> & {
    readonly answerWords?: AnswerWords | undefined;
    readonly mending?: readonly MendingStep[] | undefined;
    /** By subject: how to get there, step by step. */
    readonly runbooks?: ReadonlyMap<string, Runbook> | undefined;
    readonly rules?: readonly { readonly id: string; readonly title: string; readonly blocks: readonly string[] }[];
  };

export interface Found {
  readonly subject: string;
  readonly finding: Finding;
}

/** The runs of one evaluation in the order in which a report tells them. */
export interface Section {
  readonly evaluation: string;
  readonly title: string;
  readonly answerWords: AnswerWords;
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
  /** How much of what fails is accepted and silenced; undefined when nothing is. */
  readonly said: string | undefined;
  /** Answers that rest on something assumed, and what each is without. */
  readonly assumed: readonly { readonly subject: string; readonly question: string; readonly sentence: string }[];
  /** What was found side by side, of subjects whose targets were judged by the same rules. */
  readonly byTarget: readonly { readonly subject: string; readonly tables: readonly TargetTable[] }[];
  /** What has to change in DNS, as lines of a zone file, each once. */
  readonly dns: readonly string[];
  /**
   * Of an evaluation with steps of mending: what stands in the way from cause to effect, and what kept from looking with
   * the rules that it hides.
   */
  readonly way:
    | {
        readonly obstacles: readonly (Found & { readonly step: string | undefined })[];
        readonly unseen: readonly { readonly subject: string; readonly why: string; readonly what: string }[];
      }
    | undefined;
  readonly runbooks: readonly Runbook[];
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

/** Sorts runs into sections, one for each evaluation in order of appearance. */
export function arrange(runs: readonly Run[], { questions = {}, evaluations = {} }: ReportOptions): Section[] {
  return [...Map.groupBy(runs, ({ evaluation }) => evaluation)].map(([evaluation, ofEvaluation]) =>
    section(evaluation, evaluations[evaluation] ?? { title: evaluation }, ofEvaluation, questions),
  );
}

function section(
  evaluation: string,
  { title, answerWords = plainAnswerWords, mending, runbooks }: ReportedEvaluation,
  runs: readonly Run[],
  questionTitles: Readonly<Record<string, string>>,
): Section {
  const inOrder = [...runs].sort((a, b) => compareText(a.subject, b.subject));
  const times = runs.map(({ at }) => at).sort(compareText);
  const found = inOrder.flatMap(({ subject, findings }) => findings.map((finding) => ({ subject, finding })));
  const fails = found
    .filter(({ finding }) => finding.verdict === 'fail')
    .sort((a, b) => severityRank(a) - severityRank(b));
  const manual = found.filter(({ finding }) => finding.verdict === 'manual');
  const unknown = found.filter(({ finding }) => finding.verdict === 'unknown');
  const [open, settled] = partition(inOrder, isOpen);
  const [failing, advice] = partition(fails, ({ finding }) => blocksAnswers(finding));
  const [blocked, couldNotLook] = partition(unknown, ({ finding }) => finding.blockedBy !== undefined);
  return {
    evaluation,
    title,
    answerWords,
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
    said: saidCounts(countSaid(fails.map(({ finding }) => finding))),
    assumed: inOrder.flatMap(({ subject, assumed = {} }) =>
      Object.entries(assumed).map(([id, { sentence }]) => ({ subject, question: questionTitles[id] ?? id, sentence })),
    ),
    byTarget:
      inOrder.length > subjectsWithTables
        ? []
        : inOrder
            .map((run) => ({ subject: run.subject, tables: targetTables(run) }))
            .filter(({ tables }) => tables.length > 0),
    dns: [...new Set(found.flatMap(({ finding: { dns = [] } }) => dns.map(dnsLine)))],
    way:
      mending === undefined
        ? undefined
        : {
            obstacles: inOrderOfMending(failing, ({ finding }) => finding, mending).map(({ one, step }) => ({
              ...one,
              step,
            })),
            unseen: [
              ...manual.map(({ subject, finding }) => ({
                subject,
                why: [finding.message, finding.remedy].filter((part) => part !== undefined).join(' '),
                what: ruleName(finding.rule),
              })),
              ...inOrder.flatMap(({ subject }) =>
                byObstacle(couldNotLook.flatMap((one) => (one.subject === subject ? [one.finding] : []))).map(
                  (one) => ({
                    subject,
                    ...one,
                  }),
                ),
              ),
            ],
          },
    runbooks: inOrder.flatMap(({ subject }) => runbooks?.get(subject) ?? []),
    failing,
    advice,
    manual,
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

/** What a finding is about: the rule, and its target where it has one. */
export function ruleAndTarget({ rule, target }: Finding): string {
  return target === undefined ? rule : `${rule} ${target}`;
}
