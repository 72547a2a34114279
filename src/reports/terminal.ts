import wrap from 'wrap-ansi';
import { blocksAnswers } from '../domain/answer.ts';
import { type Cause, causesOf, commonSentence, subjectCount } from '../domain/causes.ts';
import type { Counted, MendingStep } from '../domain/evaluation.ts';
import { type Answer, answers, type Finding, type Run } from '../domain/finding.ts';
import { countSaid, saidCounts, saidOf } from '../domain/statement.ts';
import {
  type AnswerWords,
  compareText,
  minuteOf,
  ownerWords,
  answerWords as plainAnswerWords,
  ruleName,
} from '../domain/words.ts';
import type { ReportOptions } from './arrange.ts';
import { byObstacle, inOrderOfMending, pageCall, unseenIn } from './mending.ts';
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
 * Runs as a person reads them in a terminal. Of an evaluation with one subject, or of each subject with `verbose`: answers
 * first, then what fails, what is advice, what could not be looked at. Otherwise what is to be mended by cause, each once.
 */
export function terminalReport(
  runs: readonly Run[],
  { questions = {}, evaluations = {}, look = {} }: ReportOptions & { readonly look?: TerminalLook },
): string {
  const { width, colour = (_, text) => text, verbose = false } = look;
  const indented: Writer['indented'] = (indent, text, first = indent) => {
    if (width === undefined) return `${first}${text}`;
    const [head = '', ...rest] = wrap(text, Math.max(20, width - indent.length)).split('\n');
    return [`${first}${head}`, ...rest.map((line) => `${indent}${line}`)].join('\n');
  };
  const parts = [...Map.groupBy(runs, ({ evaluation }) => evaluation)].map(([id, of]) => {
    const known = evaluations[id];
    const writer: Writer = {
      questions,
      words: known?.answerWords ?? plainAnswerWords,
      nouns: known?.subjectId?.counted ?? ['subject', 'subjects'],
      mending: known?.mending,
      colour,
      indented,
    };
    return of.length > 1 && !verbose
      ? [...causeLines(of, writer, width ?? listWidth), '', ...totalLines(of, writer)]
      : [...of.flatMap((run) => [...subjectLines(run, writer), '']), ...totalLines(of, writer)];
  });
  return `${parts.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

const marks: Readonly<Record<Answer, string>> = { no: '✗', undetermined: '?', yes: '✓', not_applicable: '–' };

const tones: Readonly<Record<Answer, Tone>> = {
  no: 'no',
  undetermined: 'undetermined',
  yes: 'yes',
  not_applicable: 'quiet',
};

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
    ...saidLines([finding], indented),
    ...(finding.remedy === undefined ? [] : [indented(`${under}  `, oneLine(finding.remedy), `${under}→ `)]),
  ];
}

/** What people have said of these: that they are accepted or silenced changes what is told, not what is so. */
function saidLines(findings: readonly Finding[], indented: Writer['indented']): string[] {
  return saidOf(findings).map((words) => indented(under, oneLine(words)));
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
    wrap(listed([...new Set(subjects)].map(oneLine).sort(compareText)), Math.max(20, width - under.length))
      .split('\n')
      .map((line) => colour('quiet', `${under}${line}`));
  const lines = [colour('bold', `${runs.length} ${nouns[1]}, looked at ${minuteOf(runs[0]?.at ?? '')}`)];
  const tell = (word: string, tone: Tone, cause: Cause) => {
    const [first] = cause.subjects;
    const count = subjectCount(cause);
    const owner = cause.owner === undefined ? '' : `, to mend: ${ownerWords[cause.owner]}`;
    const what =
      count === 1 && first !== undefined
        ? `${first.subject}: ${first.finding.message}`
        : `${count} ${nouns[1]}: ${cause.what}`;
    lines.push(
      '',
      `  ${colour(tone, word.padEnd(10))} ${cause.rule}  ${cause.severity}${owner}`,
      indented(under, oneLine(what)),
      ...saidLines(
        cause.subjects.map(({ finding }) => finding),
        indented,
      ),
      ...(first?.finding.remedy === undefined
        ? []
        : [
            indented(
              `${under}  `,
              oneLine(
                count === 1
                  ? first.finding.remedy
                  : commonSentence(cause.subjects.flatMap(({ finding }) => finding.remedy ?? [])),
              ),
              `${under}→ `,
            ),
          ]),
      ...(count === 1 ? [] : names(cause.subjects.map(({ subject }) => subject))),
    );
  };
  for (const cause of deciding) tell('✗ FAIL', 'no', cause);
  for (const cause of causes.filter(({ isAdvice }) => isAdvice)) tell('advice', 'quiet', cause);
  lines.push(...unseenLines(runs, writer, names));
  return lines;
}

/** More names than this are for `--verbose`. */
const namesListed = 40;

function listed(names: readonly string[]): string {
  if (names.length <= namesListed) return names.join(', ');
  return `${names.slice(0, namesListed).join(', ')} and ${names.length - namesListed} more (--verbose has all)`;
}

function unseenLines(runs: readonly Run[], writer: Writer, names: (subjects: readonly string[]) => string[]): string[] {
  const { colour, indented, nouns } = writer;
  return unseenIn(runs).flatMap(({ why, isManual, subjects, rules }) => {
    const [only] = subjects;
    const isAll = subjects.length === runs.length;
    const about = subjects.length === 1 ? only : `${isAll ? 'all ' : ''}${subjects.length} ${nouns[1]}`;
    return [
      '',
      indented(
        under,
        oneLine(`${about}: ${why}`),
        `  ${colour('undetermined', (isManual ? '! look' : '? unknown').padEnd(10))} `,
      ),
      indented(under, `for ${rules.length > 4 ? `${rules.length} rules` : rules.map(ruleName).join(', ')}`),
      ...(subjects.length === 1 || isAll ? [] : names(subjects)),
    ];
  });
}

function totalLines(runs: readonly Run[], { questions, words, colour }: Writer): string[] {
  if (runs.length < 2) return [];
  const said = saidCounts(countSaid(runs.flatMap(({ findings }) => findings)));
  const ids = [...new Set(runs.flatMap(({ answers: given }) => Object.keys(given)))];
  return [
    `${runs.length} looked at${said === undefined ? '' : `; of what fails: ${said}`}`,
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
