import wrap from 'wrap-ansi';
import { blocksAnswers } from '../domain/answer.ts';
import { type Cause, causesOf, subjectCount } from '../domain/causes.ts';
import type { Counted, MendingStep } from '../domain/evaluation.ts';
import { type Answer, answers, type Finding, type Run } from '../domain/finding.ts';
import {
  type AnswerWords,
  compareText,
  minuteOf,
  ownerWords,
  answerWords as plainAnswerWords,
  ruleName,
} from '../domain/words.ts';
import type { ReportOptions } from './arrange.ts';
import { byObstacle, inOrderOfMending, pageCall } from './mending.ts';
import { oneLine } from './text.ts';

/** What kind of words are to be told apart by a colour; the words say the same. */
export type Tone = 'no' | 'undetermined' | 'yes' | 'quiet' | 'bold';

/** Where a report is read. */
export interface TerminalLook {
  /** Characters of a line, where somebody looks at a terminal; sentences stay on one line where nobody does. */
  readonly width?: number | undefined;
  readonly colour?: ((tone: Tone, text: string) => string) | undefined;
  /** Every subject by itself, instead of what is to be mended by cause. */
  readonly verbose?: boolean | undefined;
}

/** Lists of names are wrapped in a file, too. */
const listWidth = 100;

interface Writer {
  readonly questions: Readonly<Record<string, string>>;
  readonly words: AnswerWords;
  readonly nouns: Counted;
  readonly mending: readonly MendingStep[] | undefined;
  readonly colour: (tone: Tone, text: string) => string;
  /** A sentence below what stands above it. */
  readonly indented: (indent: string, text: string, first?: string) => string;
}

/**
 * Runs of one evaluation as a person reads them in a terminal. One subject, or each of several with `verbose`: answers
 * first, then what fails, what is advice, what could not be looked at. Otherwise what is to be mended by cause, each once.
 */
export function terminalReport(
  runs: readonly Run[],
  { questions = {}, evaluations = {}, look = {} }: ReportOptions & { readonly look?: TerminalLook },
): string {
  const known = evaluations[runs[0]?.evaluation ?? ''];
  const { width, colour = (_, text) => text, verbose = false } = look;
  const writer: Writer = {
    questions,
    words: known?.answerWords ?? plainAnswerWords,
    nouns: known?.subjectId?.counted ?? ['subject', 'subjects'],
    mending: known?.mending,
    colour,
    indented(indent, text, first = indent) {
      if (width === undefined) return `${first}${text}`;
      const [head = '', ...rest] = wrap(text, Math.max(20, width - indent.length)).split('\n');
      return [`${first}${head}`, ...rest.map((line) => `${indent}${line}`)].join('\n');
    },
  };
  const lines =
    runs.length > 1 && !verbose
      ? [...causeLines(runs, writer, width ?? listWidth), '', ...totalLines(runs, writer)]
      : [...runs.flatMap((run) => [...subjectLines(run, writer), '']), ...totalLines(runs, writer)];
  return `${lines.join('\n')}\n`;
}

const marks: Readonly<Record<Answer, string>> = { no: '✗', undetermined: '?', yes: '✓', not_applicable: '–' };

const tones: Readonly<Record<Answer, Tone>> = { no: 'no', undetermined: 'undetermined', yes: 'yes', not_applicable: 'quiet' };

function subjectLines(run: Run, writer: Writer): string[] {
  const { questions, words, mending, colour, indented } = writer;
  const lines = [`${colour('bold', run.subject)}  ${colour('quiet', `(${run.evaluation}, ${run.at})`)}`];
  for (const [question, answer] of Object.entries(run.answers)) {
    const word = colour(tones[answer], `${marks[answer]} ${words[answer].toUpperCase().padEnd(14)}`);
    lines.push(indented('                   ', questions[question] ?? question, `  ${word} `));
    const assumed = run.assumed?.[question];
    if (assumed !== undefined) lines.push(indented('                   ', assumed.sentence));
  }
  const of = (belongs: (finding: Finding) => boolean) => run.findings.filter(belongs);
  const advice = of((finding) => finding.verdict === 'fail' && !blocksAnswers(finding));
  const look = of(({ verdict }) => verdict === 'manual');
  const unknown = of(({ verdict, blockedBy }) => verdict === 'unknown' && blockedBy === undefined);
  if (mending === undefined) {
    for (const finding of of(blocksAnswers)) lines.push(...findingLines('✗ FAIL', finding, writer));
    for (const finding of advice) lines.push(...findingLines('advice', finding, writer));
    for (const finding of look) lines.push(...findingLines('! look', finding, writer));
    for (const finding of unknown) lines.push(...findingLines('? unknown', finding, writer));
  } else {
    const failing = inOrderOfMending(of(blocksAnswers), (finding) => finding, mending);
    if (failing.length > 0) lines.push('', '  What stands in the way, from cause to effect');
    for (const { one, step } of failing) {
      lines.push(...findingLines('✗ FAIL', one, writer, step), `             page: ${pageCall(one)}`);
    }
    if (look.length + unknown.length > 0) lines.push('', '  What could not be looked at, and what to do');
    for (const finding of look) lines.push(...findingLines('! look', finding, writer));
    for (const { why, what } of byObstacle(unknown))
      lines.push(
        indented(under, oneLine(why), `  ${colour('undetermined', '? unknown')}  `),
        indented(under, `for ${what}`),
      );
    if (advice.length > 0) lines.push('', '  Advice');
    for (const finding of advice) lines.push(...findingLines('advice', finding, writer));
    lines.push('');
  }
  const passed = run.findings.filter(({ verdict }) => verdict === 'pass');
  const assumed = passed.filter((finding) => finding.assumed === true);
  for (const { rule, target } of assumed)
    lines.push(`  assumed    ${rule}${target === undefined ? '' : ` [${oneLine(target)}]`} passes`);
  const notApplicable = run.findings.filter(({ verdict }) => verdict === 'not_applicable');
  const everywhere = notApplicable.length === run.findings.length ? notApplicable[0]?.message : undefined;
  lines.push(
    everywhere === undefined
      ? `  ${passed.length} of ${run.findings.length} checks pass${assumed.length === 0 ? '' : `, ${assumed.length} of them with what is assumed`}`
      : indented('  ', `not applicable: ${oneLine(everywhere)}`),
  );
  return lines;
}

/** What stands below a finding's first line. */
const under = '             ';

function findingLines(word: string, finding: Finding, { colour, indented }: Writer, step?: string): string[] {
  const target = finding.target === undefined ? '' : ` [${oneLine(finding.target)}]`;
  const severity =
    finding.severity === undefined || finding.owner === undefined
      ? ''
      : `  ${finding.severity}, ${ownerWords[finding.owner]}`;
  const tone = finding.verdict === 'fail' ? (blocksAnswers(finding) ? 'no' : 'quiet') : 'undetermined';
  return [
    `  ${colour(tone, word.padEnd(10))} ${finding.rule}${target}${severity}${step === undefined ? '' : `  (${step})`}`,
    indented(under, oneLine(finding.message)),
    ...(finding.remedy === undefined ? [] : [indented(`${under}  `, oneLine(finding.remedy), `${under}→ `)]),
  ];
}

/** What is to be mended, each once with the names of those it breaks; then what could not be looked at. */
function causeLines(runs: readonly Run[], writer: Writer, width: number): string[] {
  const { colour, indented, nouns, mending } = writer;
  const causes = causesOf(runs.map((run) => ({ run })));
  const deciding = inOrderOfMending(
    causes.filter(({ isAdvice }) => !isAdvice),
    ({ subjects: [first], rule }) => first?.finding ?? ({ rule } as Finding),
    mending ?? [],
  ).map(({ one }) => one);
  const names = (subjects: readonly string[]) =>
    wrap([...new Set(subjects)].map(oneLine).sort(compareText).join(', '), Math.max(20, width - under.length))
      .split('\n')
      .map((line) => colour('quiet', `${under}${line}`));
  const lines = [colour('bold', `${runs.length} ${nouns[1]}, looked at ${minuteOf(runs[0]?.at ?? '')}`)];
  const tell = (word: string, tone: Tone, cause: Cause) => {
    const [first] = cause.subjects;
    const count = subjectCount(cause);
    const owner = cause.owner === undefined ? '' : `, to mend: ${ownerWords[cause.owner]}`;
    const what = count === 1 && first !== undefined ? `${first.subject}: ${first.finding.message}` : `${count} ${nouns[1]}: ${cause.what}`;
    lines.push(
      '',
      `  ${colour(tone, word.padEnd(10))} ${cause.rule}  ${cause.severity}${owner}`,
      indented(under, oneLine(what)),
      ...(first?.finding.remedy === undefined ? [] : [indented(`${under}  `, oneLine(remedyOf(cause, first.finding)), `${under}→ `)]),
      ...(count === 1 ? [] : names(cause.subjects.map(({ subject }) => subject))),
    );
  };
  for (const cause of deciding) tell('✗ FAIL', 'no', cause);
  for (const cause of causes.filter(({ isAdvice }) => isAdvice)) tell('advice', 'quiet', cause);
  lines.push(...unseenLines(runs, writer, names));
  return lines;
}

/** That of the first, and that it is one of several where it names it. */
function remedyOf({ subjects }: Cause, { remedy = '' }: Finding): string {
  return subjects.every(({ finding }) => finding.remedy === remedy) || subjects.length === 1
    ? remedy
    : `${remedy} (this is for ${subjects[0]?.subject}; --verbose has the others)`;
}

function unseenLines(runs: readonly Run[], writer: Writer, names: (subjects: readonly string[]) => string[]): string[] {
  const { colour, indented, nouns } = writer;
  const open = runs.flatMap(({ subject, findings }) =>
    findings
      .filter(({ verdict, blockedBy }) => (verdict === 'unknown' || verdict === 'manual') && blockedBy === undefined)
      .map((finding) => ({ subject, finding })),
  );
  // What nobody looked at for the same reason is one thing to do, whichever rules it hides.
  const groups = [...Map.groupBy(open, ({ subject, finding }) => whyOf(subject, finding)).entries()]
    .map(([why, of]) => ({ why, of, subjects: [...new Set(of.map(({ subject }) => subject))] }))
    .sort((a, b) => b.subjects.length - a.subjects.length || compareText(a.why, b.why));
  return groups.flatMap(({ why, of, subjects }) => {
    const isManual = of.every(({ finding }) => finding.verdict === 'manual');
    const [only] = subjects;
    const about = subjects.length === 1 ? `${only}: ` : subjects.length === runs.length ? `all ${runs.length} ${nouns[1]}: ` : `${subjects.length} ${nouns[1]}: `;
    const rules = [...new Set(of.map(({ finding }) => ruleName(finding.rule)))];
    return [
      '',
      indented(under, oneLine(`${about}${why}`), `  ${colour('undetermined', (isManual ? '! look' : '? unknown').padEnd(10))} `),
      indented(under, `for ${rules.length > 4 ? `${rules.length} rules` : rules.join(', ')}`),
      ...(subjects.length === 1 || subjects.length === runs.length ? [] : names(subjects)),
    ];
  });
}

/** The reason alone, without the fact that it kept away and without the name of the subject. */
function whyOf(subject: string, { evidence: [first], message, remedy, verdict }: Finding): string {
  const why = /^unobtainable, \w+: (.+)$/s.exec(first?.observed ?? '')?.[1] ?? message;
  const said = verdict === 'manual' && remedy !== undefined ? `${why} ${remedy}` : why;
  return said.replaceAll(subject, '…');
}

function totalLines(runs: readonly Run[], { questions, words, colour }: Writer): string[] {
  if (runs.length < 2) return [];
  const ids = [...new Set(runs.flatMap(({ answers: given }) => Object.keys(given)))];
  return [
    `${runs.length} looked at`,
    ...ids.map((id) => {
      const counts = answers.flatMap((answer) => {
        const count = runs.filter((run) => (run.answers[id] ?? 'not_applicable') === answer).length;
        return count === 0 ? [] : [colour(tones[answer], `${words[answer]}: ${count}`)];
      });
      return `  ${questions[id] ?? id}  ${counts.join(', ')}${turned(runs, id, words)}`;
    }),
  ];
}

/** How many answers what is assumed turns, from what to what. */
function turned(runs: readonly Run[], question: string, words: AnswerWords): string {
  const turns = runs.flatMap(({ answers: given, assumed }) => {
    const [answer, without] = [given[question], assumed?.[question]?.without];
    return answer === undefined || without === undefined || answer === without
      ? []
      : [`from ${words[without]} to ${words[answer]}`];
  });
  const counts = [...Map.groupBy(turns, (turn) => turn)].map(([turn, of]) => `${of.length} ${turn}`);
  return counts.length === 0 ? '' : ` (what is assumed turns ${counts.join(', ')})`;
}
