import { isAdvice } from '../domain/answer.ts';
import type { Question } from '../domain/evaluation.ts';
import { type Owner, owners, type Severity, severities } from '../domain/rule.ts';
import { saidCounts } from '../domain/statement.ts';
import { compareText, enumerate, ownerWords } from '../domain/words.ts';
import { answerWord, counted } from './components.ts';
import { filtersOf } from './filters.ts';
import { eventMark, glyph, severityMark, tones } from './glyphs.ts';
import { type Content, type Html, html, nothing } from './html.ts';
import { page } from './layout.ts';
import { type Site, to } from './site.ts';
import { ago, day, since } from './time.ts';
import { type EvaluationWords, type OverviewView, type WatchOverview, worstAnswer } from './views.ts';

/** What narrows the list, as it stands in the address. */
export interface OverviewFilter {
  readonly q?: string | undefined;
  readonly answer?: string | undefined;
  readonly owner?: string | undefined;
  /** `yes`: every row, however many. */
  readonly all?: string | undefined;
}

type Row = OverviewView['organizations'][number] & {
  readonly no: number;
  readonly undetermined: number;
  readonly late: boolean;
  readonly subjects: number;
  readonly tokens: readonly string[];
  readonly owners: readonly Owner[];
};

/** Rows of a page; others are searched for, or asked for. */
const rowsShown = 250;

/** Every organization and every question, worst first. */
export function overviewPage(site: Site, view: OverviewView, filter: OverviewFilter = {}): string {
  const { evaluations } = view;
  const rows = view.organizations.map((one) => rowOf(one)).sort(worstFirst);
  const fitting = rows.filter((row) => fits(row, filter));
  const shown = filter.all === 'yes' ? fitting : fitting.slice(0, rowsShown);
  const [broken, open] = [
    rows.filter(({ no }) => no > 0),
    rows.filter(({ no, undetermined, late }) => no === 0 && (undetermined > 0 || late)),
  ];
  const causes = acrossOrganizations(view);
  const status =
    shown.length === rows.length
      ? `${counted(rows.length, ['organization', 'organizations'])}, worst first`
      : shown.length === 0
        ? 'Nothing fits the filter'
        : `${shown.length} of ${rows.length} shown`;
  return page(
    site,
    {
      title: 'Organizations',
      place: 'organizations',
      heading:
        rows.length === 0
          ? 'No organization is watched yet'
          : rows.length === 1 && broken.length === 1
            ? html`<bdi>${rows[0]?.name}</bdi> has something to mend`
            : broken.length > 0
              ? `${broken.length} of ${counted(rows.length, ['organization', 'organizations'])} ${broken.length === 1 ? 'has' : 'have'} something to mend`
              : open.length > 0
                ? `${open.length} of ${counted(rows.length, ['organization', 'organizations'])} could not be judged completely`
                : `All ${counted(rows.length, ['organization', 'organizations'])} are fine`,
      lead: rows.length === 0 ? undefined : leadOf(rows, broken.length, open.length, evaluations),
      actions: rows.length === 0 ? [] : [html`<button type="button" data-print hidden>Print</button>`],
    },
    rows.length === 0 ? firstDay() : nothing,
    changesOf(site, view),
    rows.length === 0
      ? nothing
      : html`${filtersOf(to.overview(site), 'organizations', status, shown.length === rows.length, [
          { name: 'q', label: 'Search', empty: 'Organization', value: filter.q },
          {
            name: 'answer',
            label: 'Answer',
            empty: 'Any',
            value: filter.answer,
            choices: [
              ['no', 'no, NO-GO'],
              ['undetermined', 'undetermined'],
              ['late', 'not looked at'],
              ['fine', 'fine'],
            ],
          },
          {
            name: 'owner',
            label: 'Owner',
            empty: 'Anybody',
            value: filter.owner,
            choices: owners.map((owner) => [owner, ownerWords[owner]]),
          },
        ])}
${shown.length === 0 ? html`<p class="panel pad">Nothing fits the filter. <a href="${to.overview(site)}">Show all ${rows.length}</a></p>` : matrixOf(site, shown, evaluations)}
${
  fitting.length > shown.length
    ? html`<p class="sub">The worst ${shown.length} of ${fitting.length}; search for another, or <a href="${to.overview(site, { ...filter, all: 'yes' })}">show all</a>.</p>`
    : nothing
}${legend}`,
    causes.length === 0 ? nothing : causesTable(site, causes, view),
  );
}

function rowOf(one: OverviewView['organizations'][number]): Row {
  const worst = one.watches.flatMap(({ summary }) =>
    Object.values(summary?.counts.answers ?? {}).map((counts) => worstAnswer(counts).answer),
  );
  const [no, undetermined] = [worst.filter((a) => a === 'no').length, worst.filter((a) => a === 'undetermined').length];
  const late = one.watches.some((watch) => watch.late !== undefined || watch.summary === undefined);
  const responsible = [
    ...new Set(one.watches.flatMap(({ summary }) => summary?.causes?.flatMap(({ owner }) => owner ?? []) ?? [])),
  ];
  return {
    ...one,
    no,
    undetermined,
    late,
    subjects: one.watches.reduce((sum, { summary }) => sum + (summary?.counts.subjects ?? 0), 0),
    owners: responsible,
    tokens: [
      ...(no > 0 ? ['no'] : []),
      ...(undetermined > 0 ? ['undetermined'] : []),
      ...(late ? ['late'] : []),
      ...(no + undetermined === 0 && !late ? ['fine'] : []),
    ],
  };
}

function worstFirst(a: Row, b: Row): number {
  return (
    b.no - a.no || b.undetermined - a.undetermined || Number(b.late) - Number(a.late) || compareText(a.name, b.name)
  );
}

function fits(row: Row, { q = '', answer = '', owner = '' }: OverviewFilter): boolean {
  return (
    `${row.name} ${row.id}`.toLowerCase().includes(q.trim().toLowerCase()) &&
    (answer === '' || row.tokens.includes(answer)) &&
    (owner === '' || row.owners.some((one) => one === owner))
  );
}

function leadOf(rows: readonly Row[], broken: number, open: number, evaluations: readonly EvaluationWords[]): string {
  const fine = rows.length - broken - open;
  const others = [
    ...(broken > 0 && open > 0 ? [`${open} more could not be judged completely`] : []),
    ...(fine > 0 ? [`${fine} ${fine === 1 ? 'is' : 'are'} fine`] : []),
  ];
  const watched = evaluations.flatMap(({ id, counted: nouns }) => {
    const count = rows
      .flatMap(({ watches }) => watches)
      .reduce((sum, { evaluation, summary }) => sum + (evaluation === id ? (summary?.counts.subjects ?? 0) : 0), 0);
    return count === 0 ? [] : [counted(count, nouns)];
  });
  const counts = rows.flatMap(({ watches }) => watches.flatMap(({ summary }) => summary?.counts ?? []));
  const said = saidCounts({
    accepted: counts.reduce((sum, { accepted }) => sum + accepted, 0),
    silenced: counts.reduce((sum, { silenced }) => sum + silenced, 0),
  });
  const sentences = [
    others.join(', '),
    watched.length === 0 ? '' : `Watched: ${enumerate(watched)}`,
    said === undefined ? '' : `Of what fails: ${said}`,
  ];
  return sentences
    .filter((one) => one !== '')
    .map((one) => `${one}.`)
    .join(' ');
}

function firstDay(): Html {
  return html`<div class="panel pad"><p>Write a document for an organization and hand it in; its first run starts with its schedule, or at once with <code>POST …/runs</code>.</p><p><code>npm run fieldcheck -- apply organization.json</code></p></div>`;
}

const dayMs = 86_400_000;

/** What changed within a day, the newest first. */
function changesOf(site: Site, { organizations, evaluations, at }: OverviewView): Content {
  const changes = organizations
    .flatMap((organization) =>
      organization.watches.flatMap(({ evaluation, summary }) => {
        const { changed } = summary ?? {};
        const words = evaluations.find(({ id }) => id === evaluation);
        if (changed === undefined || words === undefined || Date.parse(at) - Date.parse(changed.at) > dayMs) return [];
        return [{ organization, changed, words }];
      }),
    )
    .sort((a, b) => compareText(b.changed.at, a.changed.at));
  if (changes.length === 0) return nothing;
  const listed = changes.slice(0, 8);
  return html`<h2>Changed since yesterday</h2><ul class="panel log">${listed.map(
    ({ organization, changed, words }) =>
      html`<li><span>${day(changed.at)} <span class="sub">${changed.at.slice(11, 16)}</span></span>${eventMark(changed.kind)}<span><a href="${to.watch(site, organization.id, words.id)}"><bdi>${organization.name}</bdi>: ${words.title}</a>, ${counted(changed.count, words.counted)}</span></li>`,
  )}${changes.length > listed.length ? html`<li><span></span><span></span><span>and ${changes.length - listed.length} more</span></li>` : nothing}</ul>`;
}

function matrixOf(site: Site, rows: readonly Row[], evaluations: readonly EvaluationWords[]): Html {
  const columns = evaluations.filter(({ id }) =>
    rows.some(({ watches }) => watches.some((one) => one.evaluation === id)),
  );
  const first = (index: number) => (index === 0 ? 'g1' : '');
  return html`<div class="panel"><div class="wide" tabindex="0" role="region" aria-label="Organizations and their answers"><table class="matrix stack" id="organizations">
<thead><tr><th scope="col" rowspan="2">Organization</th>${columns.map(({ title, questions }) => html`<th scope="colgroup" colspan="${questions.length}" class="g1">${title}</th>`)}<th scope="col" rowspan="2" class="g1">Looked, changed</th></tr>
<tr>${columns.flatMap(({ questions }) => questions.map((question, index) => html`<th scope="col" class="${first(index)}"><abbr title="${question.title}">${question.short ?? question.id}</abbr></th>`))}</tr></thead>
<tbody>${rows.map((row) => {
    const cells = columns.flatMap((words) => {
      const watch = row.watches.find(({ evaluation }) => evaluation === words.id);
      return words.questions.map((question, index) => cellOf(site, row, words, watch, question, first(index)));
    });
    const asked = row.watches.flatMap(({ summary }) =>
      Object.values(summary?.counts.answers ?? {}).map((counts) => worstAnswer(counts).answer),
    );
    const good = asked.filter((answer) => answer === 'yes').length;
    return html`<tr data-q="${`${row.name} ${row.id}`.toLowerCase()}" data-answer="${row.tokens.join(' ')}" data-owner="${row.owners.join(' ')}"><th scope="row"><a href="${to.organization(site, row.id)}"><bdi>${row.name}</bdi></a><br><span class="sub">${subjectsOf(row, evaluations)}</span></th><td class="sum" data-l="Fine"><span class="a yes">${glyph('yes')} ${good} of ${asked.length} yes</span></td>${cells}<td class="g1" data-l="Looked, changed"><span>${lookedOf(row, site.now)}</span></td></tr>`;
  })}</tbody></table></div></div>`;
}

function subjectsOf(row: Row, evaluations: readonly EvaluationWords[]): string {
  const several = row.watches.flatMap(({ evaluation, summary }) => {
    const words = evaluations.find(({ id }) => id === evaluation);
    return words === undefined || summary === undefined ? [] : [counted(summary.counts.subjects, words.counted)];
  });
  return several.filter((one) => one !== '1 organization').join(', ');
}

function cellOf(
  site: Site,
  row: Row,
  words: EvaluationWords,
  watch: WatchOverview | undefined,
  { id, title, short = id }: Question,
  group: string,
): Html {
  const label = `${words.title.split(' ')[0]}: ${short}`;
  if (watch === undefined)
    return html`<td class="${group} quiet" data-l="${label}"><span class="a na">${glyph('na')} <span class="sr">not watched</span></span></td>`;
  const href = to.watch(site, row.id, words.id);
  if (watch.summary === undefined)
    return html`<td class="${group}" data-l="${label}"><a class="a und chip" href="${href}">${glyph('und')} not yet</a></td>`;
  const { answer, count, of } = worstAnswer(watch.summary.counts.answers[id]);
  if (answer === 'not_applicable')
    return html`<td class="${group} quiet" data-l="${label}"><span class="a na">${glyph('na')} <span class="sr">${words.answerWords.not_applicable}</span></span></td>`;
  const { tone, glyph: shape } = tones[answer];
  const word =
    answer === 'undetermined'
      ? html`${of > 1 ? `${count} ` : ''}<span aria-hidden="true">undet.</span><span class="sr">${words.answerWords.undetermined}</span>`
      : answerWord(words.answerWords, answer, count, of);
  const when = watch.summary.since?.[id];
  const tip = `${title} ${words.answerWords[answer]}${when === undefined ? '' : `, since ${when.slice(0, 10)}`}`;
  return html`<td class="${group}${answer === 'yes' ? ' quiet' : ''}" data-l="${label}"><span><a class="a chip ${tone}" href="${href}" title="${tip}">${glyph(shape)} ${word}</a>${
    answer === 'yes' || when === undefined ? nothing : html`<span class="sub">${ago(when, site.now)}</span>`
  }</span></td>`;
}

/** When it was looked at last, who is blind or late, and what changed last. */
function lookedOf({ watches }: Row, now: Date): Content {
  const times = watches.flatMap(({ summary }) => summary?.at ?? []).sort(compareText);
  const isLate = watches.some(({ late }) => late !== undefined);
  const isCut = watches.some(({ summary }) => summary?.state === 'incomplete');
  const isBlind = watches.some(({ summary }) => summary !== undefined && isBlindIn(summary.counts.worst));
  const changed = watches.flatMap(({ summary }) => summary?.changed ?? []).sort((a, b) => compareText(b.at, a.at))[0];
  const oldest = times[0];
  const trouble = [
    ...(isLate ? [['stale', 'a run is missing']] : []),
    ...(isCut ? [['incomplete', 'the last run']] : []),
    ...(isBlind ? [['blind', 'nothing could be judged']] : []),
  ];
  return html`<span class="sub">${oldest === undefined ? 'not looked at yet' : html`${day(oldest)}, ${ago(oldest, now)}`}</span>${trouble.map(
    ([word, why]) => html`<span class="e und">${glyph('hollow')} ${word}</span> <span class="sub">${why}</span>`,
  )}${changed === undefined ? nothing : html`${eventMark(changed.kind)} <span class="sub">${day(changed.at)}</span>`}`;
}

function isBlindIn(worst: Readonly<Record<string, number>>): boolean {
  return (worst.undetermined ?? 0) > 0 && (worst.no ?? 0) + (worst.yes ?? 0) === 0;
}

const legend = html`<p class="legend"><span class="a no">${glyph('no')} no, NO-GO</span> with how many, and for how long <span class="a und">${glyph('und')} undet.</span> undetermined, INDETERMINATE: could not be judged <span class="a yes">${glyph('yes')} yes, GO</span> <span class="a na">${glyph('na')} not asked</span></p>`;

interface Across {
  readonly rule: string;
  readonly what: string;
  readonly owner: Owner | undefined;
  readonly severity: Severity;
  readonly since: string | undefined;
  readonly subjects: number;
  readonly organizations: readonly { readonly id: string; readonly name: string; readonly evaluation: string }[];
}

/** What is to be mended, in how many organizations: that which breaks most of them first. */
function acrossOrganizations({ organizations }: OverviewView): readonly Across[] {
  const all = organizations.flatMap(({ id, name, watches }) =>
    watches.flatMap(({ evaluation, summary }) =>
      (summary?.causes ?? [])
        .filter((cause) => !isAdvice(cause.severity))
        .map((cause) => ({ ...cause, in: { id, name, evaluation } })),
    ),
  );
  return [...Map.groupBy(all, ({ key }) => key).values()]
    .flatMap((of): Across[] => {
      const [first] = of.toSorted((a, b) => b.subjects - a.subjects);
      if (first === undefined) return [];
      return [
        {
          rule: first.rule,
          what: first.what,
          owner: first.owner,
          severity: severities.find((one) => of.some(({ severity }) => severity === one)) ?? first.severity,
          since: of.flatMap((one) => one.since ?? []).sort(compareText)[0],
          subjects: of.reduce((sum, one) => sum + one.subjects, 0),
          organizations: of.map((one) => one.in),
        },
      ];
    })
    .sort(
      (a, b) =>
        b.organizations.length - a.organizations.length ||
        severities.indexOf(a.severity) - severities.indexOf(b.severity) ||
        b.subjects - a.subjects,
    );
}

const causesShown = 25;

function causesTable(site: Site, causes: readonly Across[], { evaluations }: OverviewView): Html {
  const rows = causes.slice(0, causesShown).map((cause) => {
    const [first] = cause.organizations;
    const words = evaluations.find(({ id }) => id === first?.evaluation);
    const many = counted(cause.subjects, words?.counted ?? ['subject', 'subjects']);
    const where =
      cause.organizations.length === 1
        ? html`${many} of <bdi>${first?.name}</bdi>`
        : `${many} in ${cause.organizations.length} organizations`;
    const href =
      cause.organizations.length === 1 && first !== undefined
        ? to.watch(site, first.id, first.evaluation)
        : to.rule(site, cause.rule);
    return html`<tr><td class="any" data-l="Cause"><a href="${href}">${cause.what}</a></td><td data-l="Where">${where}</td><td data-l="Owner">${cause.owner === undefined ? '' : ownerWords[cause.owner]}</td><td data-l="Severity">${severityMark(cause.severity)}</td><td data-l="Open since"><span>${cause.since === undefined ? '' : since(cause.since, site.now)}</span></td></tr>`;
  });
  const more = causes.length - rows.length;
  return html`<h2>Causes across organizations</h2><div class="panel"><div class="wide" tabindex="0" role="region" aria-label="Causes"><table class="stack"><thead><tr><th scope="col">Cause</th><th scope="col">Where</th><th scope="col">Owner</th><th scope="col">Severity</th><th scope="col">Open since</th></tr></thead><tbody>${rows}</tbody></table></div>${more > 0 ? html`<p class="pad sub">and ${counted(more, ['cause', 'causes'])} more, on the pages of their organizations</p>` : nothing}</div>`;
}
