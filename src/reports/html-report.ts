import type { Evidence, Run } from '../domain/finding.ts';
import type { Runbook, RunbookChapter } from '../domain/runbook.ts';
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
import { manyLines, oneLine } from './text.ts';

/**
 * Runs as one HTML page that needs nothing else, on screen and on paper: answers first, then failing findings with
 * evidence and remedy, then what could not be looked at, then passes folded. Everything in a run is escaped, and the
 * page's own policy forbids scripts and every request. Pure.
 */
export function htmlReport(runs: readonly Run[], options: ReportOptions = {}): string {
  const title = escaped(options.title ?? 'fieldcheck report');
  const sections = arrange(runs, options);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${title}</title>
<style>${style}</style>
</head>
<body>
<h1>${title}</h1>
${sections.length === 0 ? '<p>Nothing was evaluated.</p>' : sections.map(sectionHtml).join('\n')}
</body>
</html>
`;
}

const style = `
:root { color-scheme: light dark; --line: #8884; --subtle: #777; --bad: #c4314b; --unsure: #9a6700; --good: #1a7f37 }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere }
h1 { line-height: 1.2 } h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--line) } h3 { margin-top: 2rem }
table { border-collapse: collapse; width: 100% } th, td { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; overflow-wrap: break-word }
.wide { overflow-x: auto; margin-bottom: 1.5rem } tbody th { font-weight: 500 } td.fail { color: var(--bad); font-weight: 600 } td.unknown, td.manual { color: var(--unsure) } td.not_applicable { color: var(--subtle) }
article { border-left: 4px solid var(--line); padding: .1rem 0 .1rem 1rem; margin: 1.25rem 0; break-inside: avoid }
article h4 { margin: 0 } article p { margin: .35rem 0 } article.fail { border-color: var(--bad) } article.unknown, article.manual { border-color: var(--unsure) }
code, pre { font: .875em/1.4 ui-monospace, monospace } pre { white-space: pre-wrap; padding: .75rem; border: 1px solid var(--line) }
.subtle { color: var(--subtle); font-size: .875em } .no { color: var(--bad); font-weight: 600 } .undetermined { color: var(--unsure); font-weight: 600 } .yes { color: var(--good) }
ol li { margin: .75rem 0; break-inside: avoid } details { margin: 1rem 0 } summary { cursor: pointer }
.yes, .no, .undetermined, .not_applicable { white-space: nowrap } .lines { white-space: pre-line } h2, h3 { break-after: avoid } li, tr { break-inside: avoid }
@media print { body { max-width: none; margin: 0; font-size: 11px } .wide { overflow: visible } th, td { padding: .2rem .3rem; overflow-wrap: anywhere } details::details-content { content-visibility: visible; block-size: auto } }
`;

function sectionHtml(section: Section): string {
  return [
    `<h2>${escaped(section.title)}</h2>`,
    `<p class="subtle">${escaped(coverage(section))}</p>`,
    answersHtml(section),
    wayHtml(section),
    ...section.byTarget.flatMap(({ subject, tables }) => [
      `<h3>${escaped(subject)}: findings by target</h3>`,
      ...tables.map(targetTableHtml),
    ]),
    chapter('Failing', section.failing, '<p>Nothing fails.</p>'),
    dnsHtml(section.dns),
    ...section.runbooks.map(runbookHtml),
    chapter('A person has to look', section.manual),
    chapter('Could not look', section.unknown),
    folded('Not judged because another rule fails', section.blocked.map(shortHtml)),
    chapter('Advice', section.advice),
    folded(
      'Passing or not applicable',
      section.passing.flatMap(({ subject, findings }) => findings.map((finding) => shortHtml({ subject, finding }))),
    ),
  ].join('\n');
}

function answersHtml({ answerWords, questions, open, settled, assumed, subjects }: Section): string {
  // Of one subject the answers themselves say everything.
  const isOne = subjects === 1;
  const counted = questions.map(({ title, counts }) => {
    const words = counts.map(
      ({ answer, count }) => `${isOne ? '' : `${count} `}<span class="${answer}">${answerWords[answer]}</span>`,
    );
    return `<li><strong>${escaped(title)}</strong> ${words.join(', ')}</li>`;
  });
  const rows = open.map((run) => {
    const cells = questions.map(({ id }) => {
      const answer = run.answers[id];
      return answer === undefined ? '<td></td>' : `<td class="${answer}">${answerWords[answer]}</td>`;
    });
    return `<tr><th scope="row">${escaped(run.subject)}</th>${cells.join('')}</tr>`;
  });
  const head = questions.map(({ title }) => `<th scope="col">${escaped(title)}</th>`).join('');
  return [
    '<h3>Answers</h3>',
    `<ul>${counted.join('')}</ul>`,
    open.length === 0 || isOne ? '' : tableHtml(`<th scope="col">Subject</th>${head}`, rows),
    folded(
      'Nothing open',
      settled.map(({ subject }) => `<li>${escaped(subject)}</li>`),
    ),
    assumedHtml(assumed),
  ].join('\n');
}

function assumedHtml(assumed: Section['assumed']): string {
  const items = assumed.map(
    ({ subject, question, sentence }) =>
      `<li>${escaped(subject)}: ${escaped(question)} <strong>${escaped(sentence)}</strong></li>`,
  );
  return items.length === 0
    ? ''
    : `<h3>Answers that rest on what is assumed: ${items.length}</h3>\n<ul>${items.join('\n')}</ul>`;
}

/** The list a person works down: each with owner, step and the page of the rule. */
function wayHtml({ way, subjects }: Section): string {
  if (way === undefined) return '';
  const of = (subject: string) => (subjects > 1 ? `${escaped(subject)}: ` : '');
  const obstacles = way.obstacles.map(({ subject, finding, step }) =>
    [
      `<li>${step === undefined ? '' : `<span class="subtle">${escaped(step)}</span> `}${of(subject)}<strong>${escaped(finding.message)}</strong>`,
      ...(finding.remedy === undefined ? [] : [`<br>${escaped(finding.remedy)}`]),
      `<br><span class="subtle">${finding.owner === undefined ? '' : `To mend: ${ownerWords[finding.owner]}. `}Page: <code>${escaped(pageCall(finding))}</code></span></li>`,
    ].join(''),
  );
  const unseen = way.unseen.map(
    ({ subject, why, what }) =>
      `<li>${of(subject)}${escaped(why)}<br><span class="subtle">For ${escaped(what)}</span></li>`,
  );
  return [
    ...(obstacles.length === 0
      ? []
      : [`<h3>What stands in the way, from cause to effect</h3>\n<ol>${obstacles.join('\n')}</ol>`]),
    ...(unseen.length === 0 ? [] : [`<h3>What kept from looking, and what to do</h3>\n<ul>${unseen.join('\n')}</ul>`]),
  ].join('\n');
}

function targetTableHtml({ targets, rows }: TargetTable): string {
  const head = targets.map((target) => `<th scope="col">${escaped(target)}</th>`).join('');
  const body = rows.map(({ rule, cells }) => {
    const row = cells.map((cell) => (cell === null ? '<td></td>' : `<td class="${cell.verdict}">${cell.words}</td>`));
    return `<tr><th scope="row">${escaped(ruleName(rule))}</th>${row.join('')}</tr>`;
  });
  return tableHtml(`<th scope="col">Rule</th>${head}`, body);
}

/** Wider than the page it scrolls by itself, with the keyboard, too. */
function tableHtml(head: string, rows: readonly string[]): string {
  return `<div class="wide" tabindex="0"><table><thead><tr>${head}</tr></thead><tbody>${rows.join('\n')}</tbody></table></div>`;
}

function chapter(title: string, found: readonly Found[], none = ''): string {
  if (found.length === 0) return none === '' ? '' : `<h3>${title}</h3>\n${none}`;
  return `<h3>${title}: ${found.length}</h3>\n${found.map(findingHtml).join('\n')}`;
}

function findingHtml({ subject, finding }: Found): string {
  const { verdict, severity, owner, message, evidence, remedy, supportCase } = finding;
  return [
    `<article class="${verdict}">`,
    `<h4>${escaped(subject)}: ${escaped(ruleAndTarget(finding))}${severity === undefined ? '' : ` (${severity})`}</h4>`,
    `<p>${escaped(message)}</p>`,
    ...evidence.map(evidenceHtml),
    ...(owner === undefined ? [] : [`<p><strong>To mend:</strong> ${ownerWords[owner]}</p>`]),
    ...(remedy === undefined ? [] : [`<p class="lines"><strong>What to do:</strong> ${escaped(remedy)}</p>`]),
    ...(supportCase === undefined
      ? []
      : [
          `<details><summary>For the support case</summary><pre>${escapedMarkup(manyLines(supportCase))}</pre></details>`,
        ]),
    '</article>',
  ].join('\n');
}

function dnsHtml(lines: Section['dns']): string {
  return lines.length === 0
    ? ''
    : `<h3>DNS records to change: ${lines.length}</h3>\n<pre>${lines.map(escaped).join('\n')}</pre>`;
}

/** Closed on screen: who works down the list above does not need it. */
function runbookHtml({ title, intro, chapters }: Runbook): string {
  const steps = (chapter: RunbookChapter, at: number) =>
    chapter.steps.map(
      ({ what, before, run, undo }, step) =>
        `<h5>${at + 1}.${step + 1} ${escaped(what)}</h5>\n<p>Before:</p><pre>${escapedMarkup(manyLines(before))}</pre><pre>${escapedMarkup(manyLines(run))}</pre><p>To undo:</p><pre>${escapedMarkup(manyLines(undo))}</pre>`,
    );
  return [
    `<details><summary>Runbook: ${escaped(title)}</summary>`,
    ...intro.map((sentence) => `<p>${escaped(sentence)}</p>`),
    ...chapters.flatMap((chapter, at) => [
      `<h4>${at + 1}. ${escaped(chapter.title)}</h4>`,
      ...steps(chapter, at),
      chapter.says === undefined ? '' : `<p>${escaped(chapter.says)}</p>`,
      chapter.items.length === 0
        ? ''
        : `<ul>${chapter.items.map((item) => `<li>${escaped(item)}</li>`).join('\n')}</ul>`,
    ]),
    '</details>',
  ].join('\n');
}

function evidenceHtml({ observed, fact, at, source }: Evidence): string {
  const from = [fact, ...(source === undefined ? [] : [source]), ...(at === undefined ? [] : [minuteOf(at)])].join(
    ', ',
  );
  return `<p><strong>Found:</strong> <code>${escaped(observed)}</code> <span class="subtle">${escaped(from)}</span></p>`;
}

function shortHtml({ subject, finding }: Found): string {
  return `<li>${escaped(subject)}: ${escaped(ruleAndTarget(finding))}: ${escaped(shortSentence(finding))}</li>`;
}

function folded(summary: string, items: readonly string[]): string {
  return items.length === 0
    ? ''
    : `<details><summary>${summary}: ${items.length}</summary><ul>${items.join('\n')}</ul></details>`;
}

function escaped(text: string): string {
  return escapedMarkup(oneLine(text));
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escapedMarkup(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? character);
}
