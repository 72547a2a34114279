import { blocksAnswers } from '../domain/answer.ts';
import { type Finding, findingKey } from '../domain/finding.ts';
import { changesOf, type Span, spansOf } from '../domain/spans.ts';
import { dayMs } from '../domain/time.ts';
import { ownerWords } from '../domain/words.ts';
import { inOrderOfMending } from '../reports/index.ts';
import { counted, countsOf, findingCard, foldedFindings, headline, hero, note } from './components.ts';
import { eventMark } from './glyphs.ts';
import { type Content, type Html, html, nothing } from './html.ts';
import { page } from './layout.ts';
import { linkingOf } from './linking.ts';
import { type Site, to } from './site.ts';
import { acceptPart } from './statements.ts';
import { moment, since } from './time.ts';
import type { SubjectView } from './views.ts';

/** One subject: the answers, how they came to be so, what to do, and every finding. */
export function subjectPage(site: Site, view: SubjectView): string {
  const { organization, evaluation, state } = view;
  const { run } = state;
  const linking = linkingOf(site, organization, evaluation.id);
  const counts = countsOf([run]);
  const { sentence, answer } = headline(
    { ...evaluation, counted: [evaluation.counted[0], evaluation.counted[1]] },
    counts,
  );
  const fails = run.findings.filter(({ verdict }) => verdict === 'fail');
  const deciding = inOrderOfMending(fails.filter(blocksAnswers), (one) => one, evaluation.mending ?? []).map(
    ({ one }) => one,
  );
  const advice = fails.filter((one) => !blocksAnswers(one));
  const open = run.findings.filter(
    ({ verdict, blockedBy }) => (verdict === 'unknown' || verdict === 'manual') && blockedBy === undefined,
  );
  const of = (finding: Finding) => {
    const memory = state.findings[findingKey(finding)];
    return memory?.verdict === finding.verdict ? memory.since : undefined;
  };
  const responsible = [...new Set(deciding.flatMap(({ owner }) => owner ?? []))].map((owner) => ownerWords[owner]);
  return page(
    site,
    {
      title: run.subject,
      place: 'organizations',
      trail: [
        ['Organizations', to.overview(site)],
        [organization.name, to.organization(site, organization.id)],
        [evaluation.title, to.watch(site, organization.id, evaluation.id)],
      ],
      heading: html`<bdi>${run.subject}</bdi>: ${sentence}`,
      lead:
        answer === 'no'
          ? `To mend: ${responsible.length === 0 ? 'nobody is named' : responsible.join(', ')}.`
          : `${counted(run.findings.filter(({ verdict }) => verdict === 'pass').length, ['rule passes', 'rules pass'])} of ${run.findings.length}.`,
      actions: [
        html`<button type="button" data-print hidden>Print</button>`,
        html`<form method="post" action="${to.startRun(site, organization.id, evaluation.id)}"><button class="first" type="submit">Look again</button></form>`,
      ],
    },
    hero(evaluation, counts, (question) => {
      const memory = state.answers[question];
      return memory?.answer === run.answers[question]
        ? html`since ${since(memory?.since ?? run.at, site.now)}, ${counted(state.runs, ['run', 'runs'])} found the same findings`
        : memory?.answer === undefined
          ? 'never answered yet'
          : html`last known: ${evaluation.answerWords[memory.answer]}, since ${since(memory.since, site.now)}`;
    }),
    history(site, view),
    deciding.length === 0
      ? nothing
      : html`<h2>To mend</h2>${deciding.map((one) => findingCard(linking, one, of(one), 'h3', acceptPart(site, view, one)))}`,
    deciding.length + open.length + advice.length === 0
      ? note('yes', 'Nothing to mend.', html`Looked ${moment(run.at)}.`)
      : nothing,
    advice.length === 0
      ? nothing
      : html`<h2>Advice</h2>${advice.map((one) => findingCard(linking, one, of(one), 'h3', acceptPart(site, view, one)))}`,
    open.length === 0
      ? nothing
      : html`<h2>Could not look</h2>${open.map((one) => findingCard(linking, one, undefined))}`,
    rest(linking, run.findings),
  );
}

/** What was not judged, what passes and what does not apply, folded. */
function rest(linking: ReturnType<typeof linkingOf>, findings: readonly Finding[]): Html {
  const blocked = findings.filter(({ blockedBy }) => blockedBy !== undefined);
  const passed = findings.filter(({ verdict }) => verdict === 'pass');
  const none = findings.filter(({ verdict }) => verdict === 'not_applicable');
  if (blocked.length + passed.length + none.length === 0) return nothing;
  return html`<h2>Everything else</h2><div class="panel">${foldedFindings(linking, `${counted(blocked.length, ['rule', 'rules'])} not judged because of it`, blocked)}${foldedFindings(linking, counted(passed.length, ['finding passes', 'findings pass']), passed)}${foldedFindings(linking, counted(none.length, ['finding does not apply', 'findings do not apply']), none)}</div>`;
}

const windows = [90, 365] as const;

/** 90 and 365 days of each question as a strip, in words, and as a list of changes. */
function history(site: Site, { state, history: states, evaluation }: SubjectView): Html {
  const end = site.now.toISOString();
  const asked = evaluation.questions.filter(({ id }) => state.run.answers[id] !== undefined);
  const strips = windows.map((days) => {
    const start = new Date(site.now.getTime() - days * dayMs).toISOString();
    const rows = asked.map(({ id, title }) => {
      const spans = spansOf(states, id, start, end);
      const said = inWords(spans);
      return html`<div class="pad"><div class="line"><h3>${title}</h3><p class="sub">${said}</p></div>${strip(spans, start, end, `${title} ${said}`)}</div>`;
    });
    return days === windows[0]
      ? html`<h2>${days} days</h2><div class="panel">${rows}${stripLegend}${changes(states, evaluation, asked)}</div>`
      : html`<details class="panel"><summary class="pad"><b>${days} days</b></summary><div>${rows}</div></details>`;
  });
  return html`${strips}`;
}

const width = (from: string, to: string, start: string, end: string) => {
  const share = (Date.parse(to) - Date.parse(from)) / (Date.parse(end) - Date.parse(start));
  return `${(share * 100).toFixed(2)}%`;
};

/** Heights tell the answers without colour: tall is no, half and hollow undetermined, low yes, dotted not looked. */
function strip(spans: readonly Span[], start: string, end: string, label: string): Html {
  const base = 40;
  const shapes = spans.map(({ answer, from, to: until }) => {
    const [x, w] = [width(start, from, start, end), width(from, until, start, end)];
    if (answer === 'no') return html`<rect class="s-no" x="${x}" y="${base - 38}" width="${w}" height="38"></rect>`;
    if (answer === 'undetermined')
      return html`<rect class="s-und" x="${x}" y="${base - 22}" width="${w}" height="21"></rect>`;
    if (answer === 'yes') return html`<rect class="s-yes" x="${x}" y="${base - 8}" width="${w}" height="8"></rect>`;
    if (answer === 'not_applicable')
      return html`<rect class="s-na" x="${x}" y="${base - 3}" width="${w}" height="3"></rect>`;
    return html`<line class="s-unseen" x1="${x}" x2="${width(start, until, start, end)}" y1="${base - 3}" y2="${base - 3}"></line>`;
  });
  return html`<svg class="strip" role="img" aria-label="${label}"><line class="axis" x1="0" x2="100%" y1="${base + 0.5}" y2="${base + 0.5}"></line>${shapes}<text x="0" y="54">${start.slice(0, 10)}</text><text x="100%" y="54" text-anchor="end">${end.slice(0, 10)}</text></svg>`;
}

const spanWords = {
  no: 'no',
  undetermined: 'undetermined',
  yes: 'yes',
  not_applicable: 'not applicable',
  unseen: 'not looked',
} as const;

/** `yes for 65 days, no for 20 days`; what is shorter than a day counts as one. */
function inWords(spans: readonly Span[]): string {
  const sums = new Map<Span['answer'], number>();
  for (const { answer, from, to: until } of spans)
    sums.set(answer, (sums.get(answer) ?? 0) + Date.parse(until) - Date.parse(from));
  return [...sums]
    .sort(([, a], [, b]) => b - a)
    .map(
      ([answer, ms]) =>
        `${spanWords[answer]} for ${ms < dayMs ? 'less than a day' : counted(Math.round(ms / dayMs), ['day', 'days'])}`,
    )
    .join(', ');
}

const stripLegend = html`<p class="pad legend"><span>tall: no</span><span>half, hollow: undetermined</span><span>low: yes</span><span>dotted: not looked</span></p>`;

const changesShown = 12;

function changes(
  states: SubjectView['history'],
  { rules }: SubjectView['evaluation'],
  asked: SubjectView['evaluation']['questions'],
): Content {
  const deciding = (id: string) => new Set(rules.filter(({ blocks }) => blocks.includes(id)).map((rule) => rule.id));
  const all = asked
    .flatMap((question) =>
      changesOf(states, question.id, deciding(question.id)).map((change) => ({ question, change })),
    )
    .sort((a, b) => (a.change.at > b.change.at ? -1 : 1));
  return html`<ul class="log">${all
    .slice(0, changesShown)
    .map(
      ({ question, change }) =>
        html`<li>${moment(change.at)}${eventMark(change.kind)}<span>${asked.length > 1 ? html`<span class="sub">${question.short ?? question.id}:</span> ` : nothing}${change.finding?.message ?? `answered ${spanWords[change.answer]}`} <span class="sub">${counted(change.runs, ['run', 'runs'])}</span></span></li>`,
    )}${all.length > changesShown ? html`<li><span></span><span></span><span class="sub">and ${all.length - changesShown} changes before</span></li>` : nothing}</ul>`;
}
