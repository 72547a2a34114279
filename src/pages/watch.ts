import type { SubjectState } from '../domain/compare.ts';
import type { Answer } from '../domain/finding.ts';
import { owners, severities } from '../domain/rule.ts';
import { countSaid } from '../domain/statement.ts';
import { isOpenCell, subjectsWithTables, targetTables } from '../domain/target-table.ts';
import { worstOf } from '../domain/watch-counts.ts';
import { enumerateFirst, ownerWords, ruleName } from '../domain/words.ts';
import { unseenIn } from '../reports/index.ts';
import {
  answerMark,
  causeCard,
  causeCards,
  counted,
  countsOf,
  headline,
  hero,
  type Linking,
  matrix,
  note,
  saidSentence,
  slug,
  wayToYes,
} from './components.ts';
import { filtersOf } from './filters.ts';
import { glyph, severityMark } from './glyphs.ts';
import { type Content, type Html, html, nothing } from './html.ts';
import { page } from './layout.ts';
import { linkingOf } from './linking.ts';
import { type Site, to } from './site.ts';
import { ago, moment, since } from './time.ts';
import type { EvaluationWords, WatchView } from './views.ts';

/** What narrows the table of subjects, as it stands in the address. */
export interface WatchFilter {
  readonly q?: string | undefined;
  readonly answer?: string | undefined;
  readonly owner?: string | undefined;
  readonly severity?: string | undefined;
  readonly cause?: string | undefined;
}

/** Rows of one page: a watch may have 10,000 subjects. */
const rowsShown = 500;

/** One evaluation of one organization: the answers, the causes, and who needs somebody. */
export function watchPage(site: Site, view: WatchView, filter: WatchFilter = {}): string {
  const { organization, evaluation, states } = view;
  const linking = linkingOf(site, organization, evaluation.id);
  const counts = countsOf(states.map(({ run }) => run));
  const { answer, sentence } = headline(evaluation, counts);
  const [only] = states;
  const about =
    states.length === 1 && only !== undefined && only.run.subject !== organization.id
      ? only.run.subject
      : evaluation.title;
  const isRunning = view.run?.state === 'running';
  return page(
    site,
    {
      title: evaluation.title,
      place: 'organizations',
      trail: [
        ['Organizations', to.overview(site)],
        [organization.name, to.organization(site, organization.id)],
      ],
      heading: states.length === 0 ? `${evaluation.title}: not looked at yet` : html`${about}: ${sentence}`,
      lead: leadOf(view, answer),
      actions: [
        ...(states.length === 0
          ? []
          : [
              html`<a class="b" href="${to.report(site, organization.id, evaluation.id, 'html')}">Report</a>`,
              html`<a class="b" href="${to.report(site, organization.id, evaluation.id, 'csv')}">CSV for ticketing</a>`,
              html`<button type="button" data-print hidden>Print</button>`,
            ]),
        isRunning
          ? html`<a class="b" href="${to.run(site, view.run?.runId ?? '')}">A run goes on</a>`
          : html`<form method="post" action="${to.startRun(site, organization.id, evaluation.id)}"><button class="first" type="submit">Run again</button></form>`,
      ],
      ...(isRunning ? { refresh: 15 } : {}),
    },
    notesOf(view, site),
    states.length === 0
      ? html`<p class="panel pad">Start the first run with the button above, or wait for its schedule.</p>`
      : html`${hero(evaluation, counts, (question) => sinceOf(states, question, site.now))}${parts(linking, view)}${subjectsOf(site, linking, view, filter)}`,
  );
}

function leadOf({ causes, states }: WatchView, answer: Answer): string | undefined {
  if (states.length === 0) return undefined;
  const to = causes.filter(({ isAdvice }) => !isAdvice);
  if (to.length === 0)
    return answer === 'undetermined'
      ? 'Nothing fails; what could not be looked at is below.'
      : 'Nothing fails that an answer depends on.';
  const responsible = [...new Set(to.flatMap(({ owner }) => owner ?? []))];
  const [one] = responsible;
  if (to.length === 1) return `One cause${one === undefined ? '.' : `; to mend: ${ownerWords[one]}.`}`;
  return responsible.length === 1 && one !== undefined
    ? `${to.length} things stand in the way; to mend: ${ownerWords[one]}.`
    : `${to.length} things stand in the way; each has its owner.`;
}

function notesOf({ run, late }: WatchView, site: Site): Content {
  if (run?.state === 'running')
    return note(
      'na',
      `A run goes on: ${run.done} of ${run.subjects}.`,
      html`You see what was known before; this page looks again every 15 seconds.`,
    );
  const cut =
    run?.state === 'incomplete'
      ? note(
          'und',
          'The last run is incomplete:',
          `${run.done} of ${run.subjects} were looked at; for the others the last known answers keep their dates.`,
        )
      : nothing;
  const stale = late === undefined ? nothing : note('und', 'Nobody looked when it was due:', late);
  return html`${cut}${stale}${run === undefined || run.state === 'incomplete' ? nothing : html`<p class="sub">Looked ${moment(run.startedAt)}, ${ago(run.startedAt, site.now)}. <a href="${to.run(site, run.runId)}">The run</a></p>`}`;
}

/** Since when somebody has the worst answer, and how long. */
function sinceOf(states: readonly SubjectState[], question: string, now: Date): Content {
  const worst = worstOf(states.flatMap(({ run }) => run.answers[question] ?? []));
  if (worst !== 'no' && worst !== 'yes') return worst === 'undetermined' ? 'could not be judged; see below' : undefined;
  const times = states
    .flatMap(({ run, answers }) => (run.answers[question] === worst ? (answers[question]?.since ?? []) : []))
    .sort();
  const [oldest] = times;
  const fresh = times.filter((at) => now.getTime() - Date.parse(at) < 86_400_000).length;
  return oldest === undefined
    ? undefined
    : html`since ${since(oldest, now)}${worst === 'no' && fresh > 0 && fresh < times.length ? `, ${fresh} new today` : ''}`;
}

/** What to do: step by step, or cause by cause; then side by side what is judged apart. */
export function parts(
  linking: Linking,
  { causes, states, evaluation }: Pick<WatchView, 'causes' | 'states' | 'evaluation'>,
): Html {
  const deciding = causes.filter(({ isAdvice }) => !isAdvice);
  const advice = causes.filter(({ isAdvice }) => isAdvice);
  const goal = evaluation.answerWords.yes;
  const way =
    deciding.length === 0
      ? nothing
      : evaluation.mending === undefined
        ? html`<h2>Causes</h2>${causeCards(linking, deciding, evaluation)}`
        : html`<h2>The way to ${goal}</h2>${wayToYes(linking, causes, evaluation.mending)}`;
  const tables =
    states.length > subjectsWithTables
      ? []
      : states.flatMap(({ run }) =>
          targetTables(run)
            .filter(({ rows }) => linking.isFile || rows.some(({ cells }) => cells.some(isOpenCell)))
            .map(
              (table) =>
                html`${states.length > 1 ? html`<h3>${run.subject}</h3>` : nothing}${matrix(linking, table, evaluation.rules)}`,
            ),
        );
  const said = countSaid(states.flatMap(({ run }) => run.findings));
  return html`${saidSentence(said)}${way}${tables.length === 0 ? nothing : html`<h2>Side by side</h2>${tables}`}${
    advice.length === 0 ? nothing : html`<h2>Advice</h2>${advice.map((cause) => causeCard(linking, cause, evaluation))}`
  }${unseen(linking, { states })}`;
}

/** What could not be looked at, once for each reason. */
function unseen(linking: Linking, { states }: Pick<WatchView, 'states'>): Html {
  const groups = unseenIn(states.map(({ run }) => run));
  if (groups.length === 0) return nothing;
  const listed = groups.slice(0, unseenShown);
  return html`<h2>Could not look</h2><ul class="panel">${listed.map(({ why, isManual, subjects, targets, rules }) => {
    const about = states.length === 1 ? targets : subjects;
    return html`<li class="pad cause">${glyph(isManual ? 'man' : 'und', isManual ? 'man' : 'und')}<div><p>${why}</p><p class="facts">${rules.map((rule) => html`<span>${linking.rule(rule, ruleName(rule))}</span>`)}${
      about.length === 0 ? nothing : html`<span>${enumerateFirst(about, 8)}</span>`
    }</p></div></li>`;
  })}${groups.length > listed.length ? html`<li class="pad sub">and ${groups.length - listed.length} more reasons, on the pages of the subjects</li>` : nothing}</ul>`;
}

const unseenShown = 40;

function subjectsOf(site: Site, linking: Linking, view: WatchView, filter: WatchFilter): Html {
  const { evaluation, organization, states } = view;
  const nouns = evaluation.counted;
  const [only] = states;
  if (states.length === 1 && only !== undefined)
    return html`<h2>History and every finding</h2><p class="panel pad">${linking.subject(only.run.subject)}: 90 days and a year of answers, and each finding with its evidence</p>`;
  const rows = states.map((state) => rowOf(state));
  const fitting = rows.filter((row) => fits(row, filter));
  const isFiltered = Object.values(filter).some((value) => value !== undefined && value !== '');
  const [open, fine] = [
    fitting.filter((row) => isFiltered || row.isOpen),
    isFiltered ? [] : fitting.filter((row) => !row.isOpen),
  ];
  const listed = [...open].sort(byNeed).slice(0, rowsShown);
  const status =
    listed.length === 0
      ? 'Nothing fits the filter'
      : isFiltered
        ? `${open.length} of ${states.length} shown`
        : `${open.length} of ${states.length} have something to mend`;
  const rules = [...new Set(rows.flatMap(({ cause }) => cause ?? []))].sort();
  const head = (name: string, sortable = true) =>
    html`<th scope="col">${sortable ? html`<a href="${to.watch(site, organization.id, evaluation.id)}#subjects-title" data-sort>${name}</a>` : name}</th>`;
  return html`<h2 id="subjects-title">${capital(nouns[1])}</h2>
${filtersOf(
  to.watch(site, organization.id, evaluation.id),
  'subjects',
  status,
  !isFiltered && listed.length === open.length && fine.length === 0,
  [
    { name: 'q', label: 'Search', empty: capital(nouns[0]), value: filter.q },
    {
      name: 'answer',
      label: 'Answer',
      empty: 'Any',
      value: filter.answer,
      choices: (['no', 'undetermined', 'yes', 'not_applicable'] as const).map((one) => [
        one,
        evaluation.answerWords[one],
      ]),
    },
    {
      name: 'owner',
      label: 'Owner',
      empty: 'Anybody',
      value: filter.owner,
      choices: owners.map((one) => [one, ownerWords[one]]),
    },
    {
      name: 'severity',
      label: 'Severity',
      empty: 'Any',
      value: filter.severity,
      choices: severities.map((one) => [one, one]),
    },
    {
      name: 'cause',
      label: 'Cause',
      empty: 'Any',
      value: filter.cause,
      choices: rules.map((rule) => [rule, ruleName(rule)]),
    },
  ],
)}
<div class="panel">${
    listed.length === 0
      ? html`<p class="pad">${isFiltered ? html`Nothing fits the filter. <a href="${to.watch(site, organization.id, evaluation.id)}">Show all ${states.length}</a>` : 'None has anything to mend.'}</p>`
      : html`<div class="wide" tabindex="0" role="region" aria-labelledby="subjects-title"><table class="stack" id="subjects"><thead><tr>${head(capital(nouns[0]))}${evaluation.questions.map(({ short, id }) => head(short ?? id))}${head('Since')}${head('Owner')}${head('Severity')}${head('Cause')}</tr></thead>
<tbody>${listed.map((row) => subjectRow(linking, row, evaluation, site.now))}</tbody></table></div>`
  }${open.length > listed.length ? html`<p class="pad sub">The first ${listed.length} of ${open.length}; search for others, or take the CSV.</p>` : nothing}${
    fine.length === 0
      ? nothing
      : html`<details class="pad"><summary><b>${counted(fine.length, nouns)} with nothing to mend</b></summary><ul class="names">${fine.slice(0, rowsShown * 2).map((row) => html`<li>${linking.subject(row.subject)}</li>`)}</ul>${fine.length > rowsShown * 2 ? html`<p class="sub">and ${fine.length - rowsShown * 2} more; search for one</p>` : nothing}</details>`
  }</div>`;
}

interface Row {
  readonly subject: string;
  readonly state: SubjectState;
  readonly isOpen: boolean;
  readonly since: string | undefined;
  readonly owner: string | undefined;
  readonly severity: (typeof severities)[number] | undefined;
  /** Id of the rule. */
  readonly cause: string | undefined;
  readonly answers: readonly Answer[];
}

function rowOf(state: SubjectState): Row {
  const { run, findings } = state;
  const [worst] = run.findings
    .filter(({ verdict }) => verdict === 'fail')
    .sort((a, b) => severities.indexOf(a.severity ?? 'info') - severities.indexOf(b.severity ?? 'info'));
  const answers = Object.values(run.answers);
  const worstQuestion = Object.entries(run.answers).find(([, answer]) => answer === worstOf(answers))?.[0];
  const key =
    worst === undefined ? undefined : worst.target === undefined ? worst.rule : `${worst.rule}#${worst.target}`;
  return {
    subject: run.subject,
    state,
    answers,
    isOpen: worst !== undefined || answers.includes('undetermined') || answers.includes('no'),
    since: (key === undefined ? undefined : findings[key]?.since) ?? state.answers[worstQuestion ?? '']?.since,
    owner: worst?.owner,
    severity: worst?.severity,
    cause: worst?.rule,
  };
}

function fits(row: Row, { q = '', answer = '', owner = '', severity = '', cause = '' }: WatchFilter): boolean {
  return (
    row.subject.toLowerCase().includes(q.trim().toLowerCase()) &&
    (answer === '' || row.answers.some((one) => one === answer)) &&
    (owner === '' || row.owner === owner) &&
    (severity === '' || row.severity === severity) &&
    (cause === '' || row.cause === cause)
  );
}

function byNeed(a: Row, b: Row): number {
  const rank = ({ answers, severity }: Row) => [
    answers.includes('no') ? 0 : answers.includes('undetermined') ? 1 : 2,
    severity === undefined ? severities.length : severities.indexOf(severity),
  ];
  const [[x = 0, y = 0], [z = 0, w = 0]] = [rank(a), rank(b)];
  return x - z || y - w || ((a.since ?? '') < (b.since ?? '') ? 1 : (a.since ?? '') > (b.since ?? '') ? -1 : 0);
}

function subjectRow(linking: Linking, row: Row, { questions, answerWords }: EvaluationWords, now: Date): Html {
  const { run } = row.state;
  return html`<tr data-q="${row.subject.toLowerCase()}" data-answer="${row.answers.join(' ')}" data-owner="${row.owner ?? ''}" data-severity="${row.severity ?? ''}" data-cause="${row.cause ?? ''}"><th scope="row">${linking.subject(row.subject)}</th>${questions.map(
    ({ id, short }) => {
      const answer = run.answers[id];
      return html`<td data-l="${short ?? id}">${answer === undefined ? nothing : answerMark(answerWords, answer)}</td>`;
    },
  )}<td data-l="Since" data-k="${row.since ?? ''}"><span>${row.since === undefined ? nothing : since(row.since, now)}</span></td><td data-l="Owner">${row.owner === undefined ? nothing : ownerWords[row.owner as keyof typeof ownerWords]}</td><td data-l="Severity" data-k="${row.severity === undefined ? 9 : severities.indexOf(row.severity)}">${row.severity === undefined ? nothing : severityMark(row.severity)}</td><td data-l="Cause"><span>${row.cause === undefined ? nothing : html`<a href="#cause-${slug({ rule: row.cause, owner: row.owner as never })}">${ruleName(row.cause)}</a>`}</span></td></tr>`;
}

export function capital(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}
