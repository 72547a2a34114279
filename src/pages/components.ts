import { blocksAnswers } from '../domain/answer.ts';
import { type Cause, type CauseSubject, subjectCount } from '../domain/causes.ts';
import type { Counted, MendingStep } from '../domain/evaluation.ts';
import type { Answer, Evidence, Finding, Run } from '../domain/finding.ts';
import { type countSaid, saidCounts, saidOf } from '../domain/statement.ts';
import { byWorstCell, isOpenCell, type TargetTable } from '../domain/target-table.ts';
import { type AnswerWords, compareText, ownerWords, ruleName } from '../domain/words.ts';
import { dnsLine, inOrderOfMending, remedyParts } from '../reports/index.ts';
import { glyph, severityMark, tones, verdictMark } from './glyphs.ts';
import { type Content, type Html, html, nothing } from './html.ts';
import { moment, since } from './time.ts';
import { type EvaluationWords, worstAnswer } from './views.ts';

/** How components name what stands elsewhere: a page links, a file names. */
export interface Linking {
  readonly now: Date;
  readonly subject: (subject: string) => Content;
  /** @param shown in place of its id */
  readonly rule: (id: string, shown?: Content) => Content;
  /** Ids of copied texts: every text of a page has its own. */
  readonly id: () => string;
  /** Does a file hold it, which runs no script and folds nothing? */
  readonly isFile: boolean;
}

/** `1 domain`, `20 domains`. */
export function counted(count: number, [one, several]: Counted): string {
  return `${count} ${count === 1 ? one : several}`;
}

/** `20 no` of several, `NO-GO` of one. */
export function answerWord(words: AnswerWords, answer: Answer, count: number, of: number): string {
  return of > 1 && answer !== 'yes' && answer !== 'not_applicable' ? `${count} ${words[answer]}` : words[answer];
}

/** An answer as its shape and word. */
export function answerMark(words: AnswerWords, answer: Answer): Html {
  const { tone, glyph: shape } = tones[answer];
  return html`<span class="a ${tone}">${glyph(shape)} ${words[answer]}</span>`;
}

/** What every subject answers to each question, counted. */
export function countsOf(runs: readonly Pick<Run, 'answers'>[]): Record<string, Record<string, number>> {
  const counts: Record<string, Record<string, number>> = {};
  for (const { answers } of runs) {
    for (const [question, answer] of Object.entries(answers)) {
      counts[question] ??= {};
      counts[question][answer] = (counts[question][answer] ?? 0) + 1;
    }
  }
  return counts;
}

/** A row for each question: the answer, the question as people ask it, and how many subjects answer what. */
export function hero(
  { questions, answerWords }: Pick<EvaluationWords, 'questions' | 'answerWords'>,
  counts: Readonly<Record<string, Readonly<Record<string, number>>>>,
  detail: (question: string) => Content = () => undefined,
): Html {
  const rows = questions.flatMap(({ id, title }) => {
    const given = counts[id];
    if (given === undefined) return [];
    const { answer, count, of } = worstAnswer(given);
    const { tone, full } = tones[answer];
    return [
      html`<li${of > 1 ? nothing : html` class="one"`}><span class="big ${tone}">${glyph(full)} ${answerWord(answerWords, answer, count, of)}</span>
<div><p class="ask">${title}</p><p class="sub">${detail(id)}</p></div>${of > 1 ? share(answerWords, given) : nothing}</li>`,
    ];
  });
  return html`<ul class="panel qs">${rows}</ul>`;
}

const shareOrder = ['no', 'undetermined', 'yes', 'not_applicable'] as const;

/** How many subjects answer what: heights say it without colour, and words say it without heights. */
function share(words: AnswerWords, counts: Readonly<Record<string, number>>): Html {
  const total = shareOrder.reduce((sum, one) => sum + (counts[one] ?? 0), 0);
  const percent = (count: number) => `${((count / total) * 100).toFixed(2)}%`;
  let before = 0;
  const bars = shareOrder.map((one) => {
    const count = counts[one] ?? 0;
    if (count === 0) return nothing;
    const [x, width] = [percent(before), percent(count)];
    before += count;
    if (one === 'no') return html`<rect class="r-no" x="${x}" y="1" width="${width}" height="16"></rect>`;
    if (one === 'undetermined') return html`<rect class="r-und" x="${x}" y="6" width="${width}" height="11"></rect>`;
    if (one === 'yes') return html`<rect class="r-yes" x="${x}" y="11" width="${width}" height="6"></rect>`;
    return html`<line class="r-na" x1="${x}" x2="${percent(before)}" y1="15" y2="15"></line>`;
  });
  return html`<div><svg class="share" aria-hidden="true" focusable="false">${bars}</svg><p class="said">${shareOrder.map(
    (one) => {
      const count = counts[one] ?? 0;
      return count === 0
        ? nothing
        : html`<span class="a ${tones[one].tone}">${glyph(tones[one].glyph)} ${count} ${words[one]}</span>`;
    },
  )}</p></div>`;
}

/** What somebody copies: it says where it runs, and scrolls in itself. */
export function copyBlock(linking: Linking, where: Content, text: string): Html {
  const id = linking.id();
  return html`<figure class="cmd"><figcaption><span id="${id}-l">${where}</span>${
    linking.isFile
      ? nothing
      : html`<button type="button" data-copy="${id}" aria-describedby="${id}-l" hidden>Copy</button>`
  }</figcaption><pre id="${id}" tabindex="0" role="group" aria-labelledby="${id}-l">${text.replaceAll('\r\n', '\n')}</pre></figure>`;
}

/** Severity, owner, since when, and the rule. */
function causeFacts(linking: Linking, cause: Pick<Cause, 'severity' | 'owner' | 'since' | 'rule'>): Html {
  return html`<p class="facts">${severityMark(cause.severity)}<span><span class="k">to mend</span> ${
    cause.owner === undefined ? 'nobody is named' : ownerWords[cause.owner]
  }</span>${
    cause.since === undefined
      ? nothing
      : html`<span><span class="k">since</span> ${since(cause.since, linking.now)}</span>`
  }<span>${linking.rule(cause.rule)}</span></p>`;
}

/** What people have said of these findings: accepted or silenced they are told to nobody, and shown all the same. */
function saidPart(findings: readonly Finding[]): Content {
  return saidOf(findings).map((words) => html`<p class="sub">${words}</p>`);
}

/** How many of these are accepted or silenced, in a sentence; nothing where none is. */
export function saidSentence(counts: ReturnType<typeof countSaid>): Content {
  const words = saidCounts(counts);
  return words === undefined ? nothing : html`<p class="sub">Of what fails: ${words}. It counts all the same.</p>`;
}

/** One thing to mend with everybody whom it breaks: names once, text once. */
export function causeCard(linking: Linking, cause: Cause, evaluation: Pick<EvaluationWords, 'counted'>): Html {
  const count = subjectCount(cause);
  const [first] = cause.subjects;
  const title =
    count === 1 && first !== undefined ? first.finding.message : `${counted(count, evaluation.counted)}: ${cause.what}`;
  const copied = textsOf(linking, cause, evaluation.counted);
  const names = namesOf(linking, cause.subjects);
  return html`<article class="panel" id="cause-${slug(cause)}">
<div class="pad cause">${glyph(cause.isAdvice ? 'dot' : 'no', cause.isAdvice ? 'na' : 'no')}<div><h3>${title}</h3>${causeFacts(linking, cause)}${
    cause.isAdvice ? html`<p class="sub">Advice: no answer depends on it.</p>` : nothing
  }${saidPart(cause.subjects.map(({ finding }) => finding))}</div></div>
<div class="two"><div><h4>${count === 1 ? 'Where' : `All ${counted(count, evaluation.counted)}, newest first`}${
    commonTarget(cause.subjects) === undefined ? '' : `, ${commonTarget(cause.subjects)}`
  }</h4>${names}</div>
<div><h4>What to do</h4>${remedyOf(linking, cause)}${copied}</div></div>
</article>`;
}

/** An anchor for a cause. */
export function slug({ rule, owner }: Pick<Cause, 'rule' | 'owner'>): string {
  return `${rule}-${owner ?? 'nobody'}`.replace(/[^a-z0-9]+/gi, '-');
}

/** More names than this are folded. */
const namesShown = 60;

const dayMs = 86_400_000;

function namesOf(linking: Linking, subjects: readonly CauseSubject[]): Html {
  const isNew = ({ since: at }: CauseSubject) => at !== undefined && linking.now.getTime() - Date.parse(at) < dayMs;
  // On the first day everything is new, which tells nobody anything.
  const marksNew = !subjects.every(isNew);
  const everywhere = commonTarget(subjects) !== undefined;
  const named = [...Map.groupBy(subjects, ({ subject }) => subject)].map(([subject, of]) => {
    const targets = everywhere ? [] : [...new Set(of.flatMap(({ finding }) => finding.target ?? []))];
    return html`<li>${linking.subject(subject)}${targets.length === 0 ? nothing : html` <span class="sub">${targets.join(', ')}</span>`}${
      marksNew && of.some(isNew) ? html` <span class="new">new</span>` : nothing
    }</li>`;
  });
  if (named.length <= namesShown) return html`<ul class="names">${named}</ul>`;
  return html`<ul class="names">${named.slice(0, namesShown)}</ul><details><summary><b>${named.length - namesShown} more</b></summary><ul class="names">${named.slice(namesShown)}</ul></details>`;
}

/** The target that all have. */
function commonTarget(subjects: readonly CauseSubject[]): string | undefined {
  const [first, ...others] = [...new Set(subjects.map(({ finding }) => finding.target ?? ''))];
  return others.length > 0 || first === '' ? undefined : first;
}

const shells: Readonly<Record<string, string>> = {
  tenant: 'Exchange Online PowerShell',
  'on-premises': 'PowerShell as administrator',
};

/** Where commands run: on the node that they are for. */
function whereOf({ owner, target }: Pick<Finding, 'owner' | 'target'>): string {
  const shell = shells[owner ?? ''] ?? 'PowerShell';
  const node = target?.split('/')[0];
  return owner === 'on-premises' && node !== undefined ? `On ${node}, ${shell}` : shell;
}

/** What to do about all of a cause: prose once, and the commands of all, by where they run. */
function remedyOf(linking: Linking, { subjects }: Pick<Cause, 'subjects'>): Html {
  const all = subjects.map(({ finding }) => ({ finding, parts: remedyParts(finding.remedy ?? '') }));
  const parts = all[0]?.parts ?? [];
  const first = parts.findIndex(({ kind }) => kind === 'commands');
  const prose = (of: typeof parts) =>
    of
      .filter(({ kind }) => kind === 'prose')
      .map(({ text }) => html`<p>${text.charAt(0).toUpperCase()}${text.slice(1)}</p>`);
  const commands = all.flatMap(({ finding, parts: of }) =>
    of.filter(({ kind }) => kind === 'commands').map(({ text }) => ({ where: whereOf(finding), text })),
  );
  return html`${prose(first < 0 ? parts : parts.slice(0, first))}${[...Map.groupBy(commands, ({ where }) => where)].map(
    ([where, of]) => copyBlock(linking, where, [...new Set(of.map(({ text }) => text))].join('\n')),
  )}${first < 0 ? nothing : prose(parts.slice(first))}`;
}

/** Several things to mend on one node: one block of commands for all of them. */
export function nodeCard(linking: Linking, node: string, causes: readonly Cause[]): Html {
  const [worst] = causes;
  if (worst === undefined) return nothing;
  const found = causes.flatMap((cause) => cause.subjects.map(({ finding }) => ({ cause, finding })));
  const lines = found.flatMap(({ finding: { rule, remedy = '' } }) =>
    remedyParts(remedy).flatMap(({ kind, text }) => (kind === 'commands' ? [`# ${ruleName(rule)}`, text] : [])),
  );
  const prose = found.flatMap(({ finding: { remedy = '' } }) =>
    remedyParts(remedy).some(({ kind }) => kind === 'commands') ? [] : [html`<p>${remedy}</p>`],
  );
  return html`<article class="panel"><div class="pad cause">${glyph('no', 'no')}<div><h3>${node}: ${causes.length} things to mend</h3>
<p class="facts">${severityMark(worst.severity)}<span><span class="k">to mend</span> ${worst.owner === undefined ? 'nobody is named' : ownerWords[worst.owner]}</span></p></div></div>
<ul>${found.map(({ cause, finding }) => html`<li class="pad" id="cause-${slug(cause)}"><p>${finding.message}</p>${causeFacts(linking, cause)}${saidPart([finding])}</li>`)}</ul>
<div class="pad"><h4>What to do</h4>${prose}${lines.length === 0 ? nothing : copyBlock(linking, whereOf({ owner: worst.owner, target: node }), lines.join('\n'))}<p class="sub">fieldcheck changes nothing. Collect again afterwards: the answer follows within minutes.</p></div></article>`;
}

/** Causes as cards; those of one node and owner together. */
export function causeCards(
  linking: Linking,
  causes: readonly Cause[],
  evaluation: Pick<EvaluationWords, 'counted'>,
): Html {
  const nodeOf = (cause: Cause) => {
    const nodes = new Set(
      cause.subjects.map(({ subject, finding }) =>
        finding.target === undefined ? '' : `${subject} ${finding.target.split('/')[0]}`,
      ),
    );
    const [node = ''] = nodes;
    return nodes.size === 1 && node !== '' && cause.owner === 'on-premises' ? node : `${cause.key}`;
  };
  return html`${[...Map.groupBy(causes, nodeOf)].map(([node, of]) => {
    const [only] = of;
    if (of.length > 1) return nodeCard(linking, node.slice(node.indexOf(' ') + 1), of);
    return only === undefined ? nothing : causeCard(linking, only, evaluation);
  })}`;
}

/** The texts to hand on: DNS records, and one text for the support case with all of a cause in it. */
function textsOf(
  linking: Linking,
  { subjects, what, owner }: Pick<Cause, 'subjects' | 'what' | 'owner'>,
  nouns: Counted,
): Html {
  const records = [...new Set(subjects.flatMap(({ finding: { dns = [] } }) => dns.map(dnsLine)))];
  const cases = subjects.flatMap(({ finding: { supportCase } }) => supportCase ?? []);
  const text =
    cases.length < 2
      ? cases.join('')
      : [`${counted(cases.length, nouns)}: ${what}`, ...cases].join(`\n\n${'-'.repeat(72)}\n\n`);
  const place = owner === 'microsoft' ? 'Microsoft support, plain text' : 'For the support case, plain text';
  return html`${records.length === 0 ? nothing : copyBlock(linking, 'Zone file', records.join('\n'))}${
    text === '' ? nothing : copyBlock(linking, cases.length < 2 ? place : `${place}, all ${cases.length} in it`, text)
  }`;
}

/** From cause to effect: one step each, with its owner. */
export function wayToYes(linking: Linking, causes: readonly Cause[], mending: readonly MendingStep[]): Html {
  const found = causes
    .filter(({ isAdvice }) => !isAdvice)
    .flatMap((cause) => cause.subjects.map((one) => ({ cause, one })));
  const steps = inOrderOfMending(found, ({ one }) => one.finding, mending);
  return html`<ol class="panel steps">${steps.map(
    ({ one: { cause, one }, step }) => html`<li><div><h3>${one.finding.message}</h3>
${causeFacts(linking, { ...cause, since: one.since })}${saidPart([one.finding])}
<p class="sub">${one.finding.target === undefined ? nothing : html`${one.finding.target}. `}${step === undefined ? nothing : `Step: ${step}.`}</p>
${evidenceList(one.finding.evidence)}${remedyOf(linking, { subjects: [one] })}${textsOf(linking, { ...cause, subjects: [one] }, ['', ''])}</div></li>`,
  )}</ol>`;
}

export function evidenceList(evidence: readonly Evidence[]): Html {
  if (evidence.length === 0) return nothing;
  return html`<dl class="ev">${evidence.map(
    ({ fact, observed, at, source }) =>
      html`<dt>${fact}</dt><dd><code>${observed}</code> <span class="sub">${source === undefined ? nothing : html`${source}${at === undefined ? '' : ', '}`}${at === undefined ? nothing : moment(at)}</span></dd>`,
  )}</dl>`;
}

/** A finding in full: what was found, and what to do. @param more what may be done besides */
export function findingCard(
  linking: Linking,
  finding: Finding,
  sinceWhen: string | undefined,
  heading = 'h3',
  more: Content = nothing,
): Html {
  const { verdict, severity, owner, message, rule, target, remedy, evidence } = finding;
  const shape = verdict === 'fail' ? (blocksAnswers(finding) ? 'no' : 'dot') : verdict === 'manual' ? 'man' : 'und';
  const tone = verdict === 'fail' ? (blocksAnswers(finding) ? 'no' : 'na') : verdict === 'manual' ? 'man' : 'und';
  const about = { subjects: [{ subject: '', finding, since: sinceWhen }] };
  const title = heading === 'h4' ? html`<h4>${message}</h4>` : html`<h3>${message}</h3>`;
  return html`<article class="panel found"><div class="pad cause">${glyph(shape, tone)}<div>${title}
<p class="facts">${severity === undefined ? verdictMark(verdict) : severityMark(severity)}${
    owner === undefined ? nothing : html`<span><span class="k">to mend</span> ${ownerWords[owner]}</span>`
  }${sinceWhen === undefined ? nothing : html`<span><span class="k">since</span> ${since(sinceWhen, linking.now)}</span>`}<span>${linking.rule(rule)}${
    target === undefined ? nothing : html` <span class="sub">${target}</span>`
  }</span></p>${saidPart([finding])}</div></div>
${evidence.length === 0 ? nothing : html`<div class="pad"><h4>Found</h4>${evidenceList(evidence)}</div>`}
${
  remedy === undefined && finding.supportCase === undefined
    ? nothing
    : html`<div class="pad"><h4>What to do</h4>${remedyOf(linking, about)}${textsOf(linking, { ...about, what: message, owner }, ['', ''])}</div>`
}${more}</article>`;
}

/** Rules against nodes or hosts: only what is not fine everywhere, the rest counted. */
export function matrix(linking: Linking, { targets, rows }: TargetTable, rules: EvaluationWords['rules']): Html {
  const title = (rule: string) => rules.find(({ id }) => id === rule)?.title ?? ruleName(rule);
  const open = rows.filter(({ cells }) => cells.some(isOpenCell)).sort(byWorstCell);
  const fine = rows.filter(({ cells }) => !cells.some(isOpenCell));
  const body = open.map(
    ({ rule, cells }) =>
      html`<tr><th scope="row">${linking.rule(rule, title(rule))}</th>${cells.map((cell, index) =>
        cell === null
          ? html`<td data-l="${targets[index]}"><span class="sub">not judged</span></td>`
          : html`<td data-l="${targets[index]}"><span>${verdictMark(cell.verdict, cell.severity ?? '')}</span></td>`,
      )}</tr>`,
  );
  return html`<div class="panel">${
    open.length === 0
      ? nothing
      : html`<div class="wide" tabindex="0" role="region" aria-label="Side by side"><table class="stack"><thead><tr><th scope="col">Rule</th>${targets.map(
          (target) => html`<th scope="col">${target}</th>`,
        )}</tr></thead><tbody>${body}</tbody></table></div>`
  }${
    fine.length === 0
      ? nothing
      : html`<details class="pad"><summary><b>${fine.length} ${fine.length === 1 ? 'rule passes' : 'rules pass'} or do not apply on all of them</b></summary><ul class="names">${fine
          .map(({ rule }) => title(rule))
          .sort(compareText)
          .map((one) => html`<li>${one}</li>`)}</ul></details>`
  }</div>`;
}

/** A sentence that stands out, with its shape. */
export function note(tone: 'no' | 'und' | 'yes' | 'na', first: Content, ...rest: readonly Content[]): Html {
  const shape = { no: 'no', und: 'und', yes: 'yes-full', na: 'dot' } as const;
  return html`<div class="note ${tone}">${glyph(shape[tone])}<p><b>${first}</b> ${rest}</p></div>`;
}

/** Findings that stand folded, by what they have in common. */
export function foldedFindings(linking: Linking, title: string, findings: readonly Finding[]): Html {
  if (findings.length === 0) return nothing;
  return html`<details class="pad"><summary><b>${title}</b> <span class="sub">${[...new Set(findings.map(({ rule }) => ruleName(rule)))].join(', ')}</span></summary><ul>${findings.map(
    ({ rule, target, message }) =>
      html`<li class="pad">${message} <span class="sub">${linking.rule(rule)}${target === undefined ? nothing : ` ${target}`}</span></li>`,
  )}</ul></details>`;
}

function total(counts: Readonly<Record<string, number>> = {}): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

/** The sentence that is the answer: `receivers cannot verify 20 of 74 domains`. */
export function headline(
  { questions, counted: nouns }: Pick<EvaluationWords, 'questions' | 'counted'>,
  counts: Readonly<Record<string, Readonly<Record<string, number>>>>,
): { readonly answer: Answer; readonly sentence: string } {
  for (const { id, title, broken } of questions) {
    const { answer, count } = worstAnswer(counts[id]);
    if (answer !== 'no') continue;
    const of = total(counts[id]);
    const share = of === 1 ? `the ${nouns[0]}` : `${count} of ${counted(of, nouns)}`;
    return {
      answer,
      sentence: broken?.replace('%', share) ?? `${share} ${count === 1 ? 'has' : 'have'} a no: ${title}`,
    };
  }
  const open = questions.filter(({ id }) => worstAnswer(counts[id]).answer === 'undetermined');
  if (open.length > 0) {
    const most = Math.max(...open.map(({ id }) => worstAnswer(counts[id]).count));
    const of = Math.max(...open.map(({ id }) => total(counts[id])));
    return {
      answer: 'undetermined',
      sentence: of === 1 ? 'not everything could be judged' : `${most} of ${counted(of, nouns)} could not be judged`,
    };
  }
  const asked = questions.filter(({ id }) => worstAnswer(counts[id]).of > 0);
  return asked.length === 0
    ? { answer: 'not_applicable', sentence: 'nothing applies' }
    : { answer: 'yes', sentence: 'all is well' };
}
