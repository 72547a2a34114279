import { blocksAnswers } from '../domain/answer.ts';
import type { Evaluation } from '../domain/evaluation.ts';
import type { Finding, Run } from '../domain/finding.ts';
import { type AnswerWords, ownerWords, answerWords as plainAnswerWords } from '../domain/words.ts';
import type { ReportOptions } from './arrange.ts';
import { byObstacle, inOrderOfMending, pageCall } from './mending.ts';
import { oneLine } from './text.ts';

/** Runs as a person reads them in a terminal: answers first, then what fails, what is advice, what could not be looked at. */
export function terminalReport(
  runs: readonly Run[],
  {
    questions = {},
    answerWords = plainAnswerWords,
    mending,
  }: Pick<ReportOptions, 'questions'> & { readonly answerWords?: AnswerWords } & Pick<Evaluation, 'mending'>,
): string {
  const lines = runs.flatMap((run) => [...subjectLines(run, questions, answerWords, mending), '']);
  return `${[...lines, ...totalLines(runs, questions, answerWords)].join('\n')}\n`;
}

function subjectLines(
  run: Run,
  questions: Readonly<Record<string, string>>,
  answerWords: AnswerWords,
  mending: Evaluation['mending'],
): string[] {
  const lines = [`${run.subject}  (${run.evaluation}, ${run.at})`];
  for (const [question, answer] of Object.entries(run.answers)) {
    lines.push(`  ${answerWords[answer].toUpperCase().padEnd(14)} ${questions[question] ?? question}`);
    const assumed = run.assumed?.[question];
    if (assumed !== undefined) lines.push(`                 ${assumed.sentence}`);
  }
  const of = (belongs: (finding: Finding) => boolean) => run.findings.filter(belongs);
  const advice = of((finding) => finding.verdict === 'fail' && !blocksAnswers(finding));
  const look = of(({ verdict }) => verdict === 'manual');
  const unknown = of(({ verdict, blockedBy }) => verdict === 'unknown' && blockedBy === undefined);
  if (mending === undefined) {
    for (const finding of of(blocksAnswers)) lines.push(...findingLines('FAIL', finding));
    for (const finding of advice) lines.push(...findingLines('advice', finding));
    for (const finding of look) lines.push(...findingLines('look', finding));
    for (const finding of unknown) lines.push(...findingLines('unknown', finding));
  } else {
    const failing = inOrderOfMending(of(blocksAnswers), (finding) => finding, mending);
    if (failing.length > 0) lines.push('', '  What stands in the way, from cause to effect');
    for (const { one, step } of failing) {
      lines.push(...findingLines('FAIL', one, step), `           page: ${pageCall(one)}`);
    }
    if (look.length + unknown.length > 0) lines.push('', '  What could not be looked at, and what to do');
    for (const finding of look) lines.push(...findingLines('look', finding));
    for (const { why, what } of byObstacle(unknown)) lines.push(`  unknown  ${oneLine(why)}`, `           for ${what}`);
    if (advice.length > 0) lines.push('', '  Advice');
    for (const finding of advice) lines.push(...findingLines('advice', finding));
    lines.push('');
  }
  const passed = run.findings.filter(({ verdict }) => verdict === 'pass');
  const assumed = passed.filter((finding) => finding.assumed === true);
  for (const { rule, target } of assumed)
    lines.push(`  assumed  ${rule}${target === undefined ? '' : ` [${oneLine(target)}]`} passes`);
  const notApplicable = run.findings.filter(({ verdict }) => verdict === 'not_applicable');
  const everywhere = notApplicable.length === run.findings.length ? notApplicable[0]?.message : undefined;
  lines.push(
    everywhere === undefined
      ? `  ${passed.length} of ${run.findings.length} checks pass${assumed.length === 0 ? '' : `, ${assumed.length} of them with what is assumed`}`
      : `  not applicable: ${oneLine(everywhere)}`,
  );
  return lines;
}

function findingLines(word: string, finding: Finding, step?: string): string[] {
  const target = finding.target === undefined ? '' : ` [${oneLine(finding.target)}]`;
  const severity =
    finding.severity === undefined || finding.owner === undefined
      ? ''
      : `  ${finding.severity}, ${ownerWords[finding.owner]}`;
  return [
    `  ${word.padEnd(8)} ${finding.rule}${target}${severity}${step === undefined ? '' : `  (${step})`}`,
    `           ${oneLine(finding.message)}`,
    ...(finding.remedy === undefined ? [] : [`           → ${oneLine(finding.remedy)}`]),
  ];
}

function totalLines(
  runs: readonly Run[],
  questions: Readonly<Record<string, string>>,
  answerWords: AnswerWords,
): string[] {
  if (runs.length < 2) return [];
  const ids = [...new Set(runs.flatMap(({ answers }) => Object.keys(answers)))];
  return [
    `${runs.length} looked at`,
    ...ids.map((id) => {
      const counts = Map.groupBy(runs, ({ answers }) => answers[id] ?? 'not_applicable');
      return `  ${questions[id] ?? id}  ${[...counts].map(([answer, of]) => `${answerWords[answer]}: ${of.length}`).join(', ')}${turned(runs, id, answerWords)}`;
    }),
  ];
}

/** How many answers what is assumed turns, from what to what. */
function turned(runs: readonly Run[], question: string, words: AnswerWords): string {
  const turns = runs.flatMap(({ answers, assumed }) => {
    const [answer, without] = [answers[question], assumed?.[question]?.without];
    return answer === undefined || without === undefined || answer === without
      ? []
      : [`from ${words[without]} to ${words[answer]}`];
  });
  const counts = [...Map.groupBy(turns, (turn) => turn)].map(([turn, of]) => `${of.length} ${turn}`);
  return counts.length === 0 ? '' : ` (what is assumed turns ${counts.join(', ')})`;
}
