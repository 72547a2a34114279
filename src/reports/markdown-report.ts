import type { Evidence, Run } from '../domain/finding.ts';
import { saidOf } from '../domain/statement.ts';
import type { TargetTable } from '../domain/target-table.ts';
import { minuteOf, ownerWords, ruleName } from '../domain/words.ts';
import {
  arrange,
  coverage,
  type Found,
  type ReportOptions,
  ruleAndTarget,
  type Section,
  shortSentence,
} from './arrange.ts';
import { pageCall } from './mending.ts';
import { runbookMarkdown } from './runbook.ts';
import { manyLines, oneLine } from './text.ts';

/**
 * Runs as a Markdown document (GitHub's dialect): answers first, then failing findings with evidence and remedy, then
 * what could not be looked at, then passes folded. Nothing in a run can become markup, a link or HTML. Pure.
 */
export function markdownReport(runs: readonly Run[], options: ReportOptions = {}): string {
  const sections = arrange(runs, options);
  const lines = [
    `# ${escaped(options.title ?? 'fieldcheck report')}`,
    '',
    ...(sections.length === 0 ? ['Nothing was evaluated.', ''] : sections.flatMap(sectionLines)),
  ];
  return `${lines.join('\n').trimEnd()}\n`;
}

function sectionLines(section: Section): string[] {
  return [
    `## ${escaped(section.title)}`,
    '',
    `${escaped(coverage(section))}.`,
    '',
    ...answerLines(section),
    ...wayLines(section),
    ...section.byTarget.flatMap(({ subject, tables }) => [
      `### ${escaped(subject)}: findings by target`,
      '',
      ...tables.flatMap(targetTableLines),
    ]),
    ...chapter('Failing', section.failing, 'Nothing fails.'),
    ...(section.dns.length === 0
      ? []
      : [`### DNS records to change: ${section.dns.length}`, '', ...fenced(section.dns.join('\n')), '']),
    ...section.runbooks.flatMap((runbook) =>
      folded(`Runbook: ${escaped(runbook.title)}`, runbookMarkdown(runbook, 3, escaped).trimEnd().split('\n')),
    ),
    ...chapter('A person has to look', section.manual),
    ...chapter('Could not look', section.unknown),
    ...(section.blocked.length === 0
      ? []
      : folded(`Not judged because another rule fails: ${section.blocked.length}`, section.blocked.map(shortLine))),
    ...chapter('Advice', section.advice),
    ...(section.passing.length === 0
      ? []
      : folded(
          `Passing or not applicable: ${section.passing.reduce((sum, { findings }) => sum + findings.length, 0)}`,
          section.passing.flatMap(({ subject, findings }) =>
            findings.map((finding) => shortLine({ subject, finding })),
          ),
        )),
  ];
}

function answerLines({ answerWords, questions, open, settled, assumed, subjects, said }: Section): string[] {
  // Of one subject the answers themselves say everything.
  const isOne = subjects === 1;
  const counted = questions.map(({ title, counts }) => {
    const words = counts
      .map(({ answer, count }) => (isOne ? answerWords[answer] : `${count} ${answerWords[answer]}`))
      .join(', ');
    return `- **${escaped(title)}** ${words}`;
  });
  const table = tableLines(
    ['Subject', ...questions.map(({ title }) => escaped(title))],
    open.map((run) => [
      escaped(run.subject),
      ...questions.map(({ id }) => {
        const answer = run.answers[id];
        return answer === undefined ? '' : `**${answerWords[answer]}**`;
      }),
    ]),
  );
  return [
    '### Answers',
    '',
    ...counted,
    ...(said === undefined ? [] : [`- Of what fails: ${said}. It counts all the same.`]),
    '',
    ...(open.length === 0 || isOne ? [] : table),
    ...(settled.length === 0
      ? []
      : folded(
          `Nothing open: ${settled.length}`,
          settled.map(({ subject }) => `- ${escaped(subject)}`),
        )),
    ...(assumed.length === 0
      ? []
      : [
          `### Answers that rest on what is assumed: ${assumed.length}`,
          '',
          ...assumed.map(
            ({ subject, question, sentence }) => `- ${escaped(subject)}: ${escaped(question)} **${escaped(sentence)}**`,
          ),
          '',
        ]),
  ];
}

/** The list a person works down: each with owner, step and the page of the rule. */
function wayLines({ way, subjects }: Section): string[] {
  if (way === undefined) return [];
  const of = (subject: string) => (subjects > 1 ? `${escaped(subject)}: ` : '');
  const obstacles = way.obstacles.flatMap(({ subject, finding, step }, index) => [
    `${index + 1}. ${step === undefined ? '' : `${escaped(step)}: `}${of(subject)}**${escaped(finding.message)}**`,
    ...saidOf([finding]).map((words) => `   - ${escaped(words)}`),
    ...(finding.remedy === undefined ? [] : [`   - What to do: ${escaped(finding.remedy)}`]),
    ...(finding.owner === undefined ? [] : [`   - To mend: ${ownerWords[finding.owner]}`]),
    `   - Page: ${codeSpan(pageCall(finding))}`,
  ]);
  const unseen = way.unseen.map(({ subject, why, what }) => `- ${of(subject)}${escaped(why)} (for ${escaped(what)})`);
  return [
    ...(obstacles.length === 0 ? [] : ['### What stands in the way, from cause to effect', '', ...obstacles, '']),
    ...(unseen.length === 0 ? [] : ['### What kept from looking, and what to do', '', ...unseen, '']),
  ];
}

function targetTableLines({ targets, rows }: TargetTable): string[] {
  return tableLines(
    ['Rule', ...targets.map(escaped)],
    rows.map(({ rule, cells }) => [escaped(ruleName(rule)), ...cells.map((cell) => cell?.words ?? '')]),
  );
}

function tableLines(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  return [...[head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`), ''];
}

function chapter(title: string, found: readonly Found[], none?: string): string[] {
  if (found.length === 0) return none === undefined ? [] : [`### ${title}`, '', none, ''];
  return [`### ${title}: ${found.length}`, '', ...found.flatMap(findingLines)];
}

function findingLines({ subject, finding }: Found): string[] {
  const { severity, owner, message, evidence, remedy, supportCase } = finding;
  return [
    `#### ${escaped(subject)}: ${escaped(ruleAndTarget(finding))}${severity === undefined ? '' : ` (${severity})`}`,
    '',
    paragraph(message),
    '',
    ...evidence.map(evidenceLine),
    ...saidOf([finding]).map((words) => `- ${escaped(words)}`),
    ...(owner === undefined ? [] : [`- To mend: ${ownerWords[owner]}`]),
    ...(remedy === undefined ? [] : [`- What to do: ${escaped(remedy)}`]),
    '',
    ...(supportCase === undefined ? [] : ['For the support case:', '', ...fenced(supportCase), '']),
  ];
}

function evidenceLine({ observed, fact, at, source }: Evidence): string {
  const from = [
    escaped(fact),
    ...(source === undefined ? [] : [escaped(source)]),
    ...(at === undefined ? [] : [escaped(minuteOf(at))]),
  ];
  return `- Found: ${codeSpan(observed)} (${from.join(', ')})`;
}

function shortLine({ subject, finding }: Found): string {
  return `- ${escaped(subject)}: ${escaped(ruleAndTarget(finding))}: ${escaped(shortSentence(finding))}`;
}

function folded(summary: string, lines: readonly string[]): string[] {
  return ['<details>', `<summary>${summary}</summary>`, '', ...lines, '', '</details>', ''];
}

/** Text that stays text: punctuation of Markdown and HTML escaped, and what GitHub would turn into a link by itself. */
function escaped(text: string): string {
  return oneLine(text)
    .replace(/[\\`*_[\]()<>|~#&!$]/g, '\\$&')
    .replaceAll('://', '\\://')
    .replace(/www\./gi, (found) => `${found.slice(0, 3)}\\.`);
}

/** {@link escaped} at the beginning of a line, where a list or an underline could begin. */
function paragraph(text: string): string {
  return escaped(text)
    .replace(/^[-+=]/, '\\$&')
    .replace(/^(\d+)([.)])/, '$1\\$2');
}

/** CommonMark section 6.1: the fence is longer than any run of backticks inside. */
function codeSpan(text: string): string {
  const content = oneLine(text).replaceAll('|', '¦');
  const fence = '`'.repeat(longestRun(content) + 1);
  return content === '' ? '(nothing)' : `${fence} ${content} ${fence}`;
}

function fenced(text: string): string[] {
  const content = manyLines(text);
  const fence = '`'.repeat(Math.max(3, longestRun(content) + 1));
  return [`${fence}text`, content, fence];
}

function longestRun(text: string): number {
  return Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
}
