import { severities } from '../domain/rule.ts';
import { compareText, ownerWords } from '../domain/words.ts';
import { answerWord, counted, note, saidSentence } from './components.ts';
import { eventMark, glyph, severityMark, tones } from './glyphs.ts';
import { type Content, type Html, html, nothing } from './html.ts';
import { page } from './layout.ts';
import { type Site, to } from './site.ts';
import { statementsPart } from './statements.ts';
import { ago, day, moment, since, until } from './time.ts';
import { type ChannelView, type EvaluationWords, type OrganizationView, worstAnswer } from './views.ts';

/** One organization: its evaluations, what is to mend and whose it is, and what is watched. */
export function organizationPage(site: Site, view: OrganizationView): string {
  const words = (id: string) => view.evaluations.find((one) => one.id === id);
  const answers = view.watches.flatMap(({ summary }) =>
    Object.values(summary?.counts.answers ?? {}).map((one) => worstAnswer(one).answer),
  );
  const no = answers.filter((answer) => answer === 'no').length;
  const owners = new Set(
    view.watches.flatMap(
      ({ summary }) => summary?.causes?.filter((one) => !one.isAdvice).map(({ owner }) => owner) ?? [],
    ),
  );
  return page(
    site,
    {
      title: view.name,
      place: 'organizations',
      trail: [['Organizations', to.overview(site)]],
      heading: html`<bdi>${view.name}</bdi>`,
      lead:
        view.watches.length === 0
          ? 'Nothing is watched: its document names no evaluation.'
          : no > 0
            ? `${no} of ${counted(answers.length, ['question', 'questions'])} ${no === 1 ? 'has' : 'have'} a no. ${counted(owners.size, ['owner has', 'owners have'])} something to do.`
            : `None of ${counted(answers.length, ['question', 'questions'])} has a no.`,
      actions: [
        html`<a class="b" href="${to.report(site, view.id, undefined, 'html')}">Report to hand on</a>`,
        html`<a class="b" href="${to.report(site, view.id, undefined, 'xlsx')}">Workbook</a>`,
        html`<a class="b" href="${to.document(site, view.id)}">Document</a>`,
      ],
    },
    html`<div class="cards">${view.watches.map((watch) => {
      const evaluation = words(watch.evaluation);
      return evaluation === undefined ? nothing : watchCard(site, view, watch, evaluation);
    })}</div>`,
    toMend(site, view),
    html`<div class="split"><div>${changes(site, view)}${channels(view.channels, site)}</div><div>${watched(site, view)}</div></div>`,
    statementsPart(site, view),
  );
}

function watchCard(
  site: Site,
  view: OrganizationView,
  watch: OrganizationView['watches'][number],
  evaluation: EvaluationWords,
): Html {
  const { summary } = watch;
  const rows = evaluation.questions.flatMap(({ id, title }) => {
    const counts = summary?.counts.answers[id];
    if (counts === undefined) return [];
    const { answer, count, of } = worstAnswer(counts);
    const { tone, glyph: shape } = tones[answer];
    return [
      html`<li><span>${title}</span><span class="a ${tone}">${glyph(shape)} ${answerWord(evaluation.answerWords, answer, count, of)}</span></li>`,
    ];
  });
  return html`<section class="panel"><h2><a href="${to.watch(site, view.id, evaluation.id)}">${evaluation.title}</a></h2>
<p class="sub">${
    summary === undefined
      ? 'not looked at yet'
      : html`${counted(summary.counts.subjects, evaluation.counted)}, looked ${moment(summary.at)}`
  }${watch.next === undefined ? nothing : html`, next ${moment(watch.next)}`}</p>
<ul>${rows}</ul>${summary === undefined ? nothing : saidSentence(summary.counts)}${watch.late === undefined ? nothing : note('und', 'Stale:', watch.late)}${
    summary?.state === 'incomplete'
      ? note('und', 'The last run is incomplete:', 'not every subject was looked at.')
      : nothing
  }</section>`;
}

/** By owner, the worst first. */
function toMend(site: Site, view: OrganizationView): Html {
  const rows = view.watches
    .flatMap(({ evaluation, summary }) => (summary?.causes ?? []).map((cause) => ({ evaluation, cause })))
    .filter(({ cause }) => !cause.isAdvice)
    .sort((a, b) => severities.indexOf(a.cause.severity) - severities.indexOf(b.cause.severity))
    .map(({ evaluation, cause }) => {
      const nouns = view.evaluations.find(({ id }) => id === evaluation)?.counted ?? ['subject', 'subjects'];
      const many = cause.subjects > 1 ? `${counted(cause.subjects, nouns)}: ` : '';
      return html`<tr><th scope="row" data-l="Owner">${cause.owner === undefined ? 'nobody is named' : ownerWords[cause.owner]}</th><td class="any" data-l="What"><a href="${to.watch(site, view.id, evaluation)}">${many}${cause.what}</a></td><td data-l="Severity">${severityMark(cause.severity)}</td><td data-l="Since"><span>${cause.since === undefined ? '' : since(cause.since, site.now)}</span></td></tr>`;
    });
  const advice = view.watches.reduce((sum, { summary }) => sum + (summary?.counts.advice ?? 0), 0);
  const more =
    advice === 0
      ? nothing
      : html`<p class="pad sub">${counted(advice, ['piece of advice', 'pieces of advice'])} besides, on the pages of the evaluations.</p>`;
  if (rows.length === 0)
    return view.watches.some(({ summary }) => summary !== undefined)
      ? html`<h2>To mend</h2>${note('yes', 'Nothing to mend.', 'Nothing fails that an answer depends on.')}`
      : nothing;
  return html`<h2>To mend, by owner</h2><div class="panel"><div class="wide" tabindex="0" role="region" aria-label="To mend"><table class="stack"><thead><tr><th scope="col">Owner</th><th scope="col">What</th><th scope="col">Severity</th><th scope="col">Since</th></tr></thead><tbody>${rows}</tbody></table></div>${more}</div>`;
}

function changes(site: Site, view: OrganizationView): Content {
  const found = view.watches
    .flatMap(({ evaluation, summary }) =>
      summary?.changed === undefined ? [] : [{ evaluation, changed: summary.changed }],
    )
    .sort((a, b) => compareText(b.changed.at, a.changed.at));
  if (found.length === 0) return nothing;
  return html`<h2>Changed last</h2><ul class="panel log">${found.map(({ evaluation, changed }) => {
    const words = view.evaluations.find(({ id }) => id === evaluation);
    return html`<li>${moment(changed.at)}${eventMark(changed.kind)}<a href="${to.watch(site, view.id, evaluation)}">${words?.title ?? evaluation}: ${counted(changed.count, words?.counted ?? ['subject', 'subjects'])}</a></li>`;
  })}</ul>`;
}

/** Channels with their state, and the step that mends one. */
export function channels(all: readonly ChannelView[], site: Site, withOrganization = false): Html {
  if (all.length === 0)
    return html`<h2>Channels</h2><p class="panel pad">Nobody is told what changes: the document has no channel.</p>`;
  const rows = all.map((one) => {
    const { state, glyph: shape, tone } = channelState(one, site.now);
    return html`<tr><th scope="row" data-l="Channel">${withOrganization ? html`<a href="${to.organization(site, one.organization.id)}"><bdi>${one.organization.name}</bdi></a> / ` : nothing}${one.channel} <span class="sub">${one.kind}</span></th><td data-l="State"><span class="a ${tone}">${glyph(shape)} ${state}</span></td><td data-l="Last delivered"><span>${one.deliveredAt === undefined ? html`<span class="sub">never</span>` : moment(one.deliveredAt)}</span></td><td data-l="Waiting"><span>${one.waiting === 0 ? 'none' : html`${counted(one.waiting, ['notice', 'notices'])}${one.oldestWaiting === undefined ? nothing : html`, oldest ${moment(one.oldestWaiting)}`}`}</span></td><td data-l="Heartbeat">${one.heartbeat ? 'on' : 'off'}</td></tr>`;
  });
  const refused = all.filter(({ rejected }) => rejected > 0);
  return html`<h2>Channels</h2><div class="panel"><div class="wide" tabindex="0" role="region" aria-label="Channels"><table class="stack"><thead><tr><th scope="col">Channel</th><th scope="col">State</th><th scope="col">Last delivered</th><th scope="col">Waiting</th><th scope="col">Heartbeat</th></tr></thead><tbody>${rows}</tbody></table></div></div>${refused.map(
    (one) =>
      note(
        'und',
        html`${one.organization.name} / ${one.channel} refused ${counted(one.rejected, ['notice', 'notices'])}.`,
        'Look at the channel: the workflow may have been deleted, or its owner left. Put the new address into its setting, then send again: ',
        html`<code>npm run fieldcheck -- deliver --rejected</code>`,
      ),
  )}`;
}

const waitsTooLongMs = 3_600_000;

function channelState({ rejected, oldestWaiting, deliveredAt, waiting }: ChannelView, now: Date) {
  if (rejected > 0) return { state: 'refuses', glyph: 'no', tone: 'no' } as const;
  if (oldestWaiting !== undefined && now.getTime() - Date.parse(oldestWaiting) > waitsTooLongMs)
    return { state: 'may be silent', glyph: 'und', tone: 'und' } as const;
  if (deliveredAt === undefined && waiting === 0) return { state: 'not used yet', glyph: 'na', tone: 'na' } as const;
  return { state: 'delivers', glyph: 'yes', tone: 'yes' } as const;
}

function watched(site: Site, view: OrganizationView): Html {
  const facts = view.facts.map(({ evaluation, name, subjects, observedAt, expiresAt }) => {
    const isOver = Date.parse(expiresAt) < site.now.getTime();
    const words = view.evaluations.find(({ id }) => id === evaluation);
    return html`<dt>${name}</dt><dd>${words?.title ?? evaluation}, ${counted(subjects, words?.counted ?? ['subject', 'subjects'])}<br><span class="sub">of ${day(observedAt)} (${ago(observedAt, site.now)})</span>, ${isOver ? html`<span class="a und">${glyph('und')} ${until(expiresAt, site.now)}</span>` : html`good ${until(expiresAt, site.now)}`}</dd>`;
  });
  return html`<h2>Watched</h2><div class="panel"><dl class="pad kv"><dt>Tenant</dt><dd>${view.tenant === undefined ? 'none is named' : html`<code>${view.tenant}</code>`}</dd>${view.watches.map(
    ({ evaluation, schedule, next }) =>
      html`<dt>${view.evaluations.find(({ id }) => id === evaluation)?.title ?? evaluation}</dt><dd><code>${schedule}</code>${next === undefined ? nothing : html`<br><span class="sub">next ${moment(next)}</span>`}</dd>`,
  )}</dl></div>
<h2>Supplied facts</h2>${facts.length === 0 ? html`<p class="panel pad">Nobody supplied any.</p>` : html`<div class="panel"><dl class="pad kv">${facts}</dl></div>`}
<h2>Document</h2><div class="panel pad"><p>${view.replaced.length === 0 ? 'It was never changed.' : html`Replaced ${view.replaced.length === 20 ? '20 times or more' : counted(view.replaced.length, ['time', 'times'])}, last ${moment(view.replaced[0] ?? '')}.`}</p>${view.replaced.length === 0 ? nothing : html`<details><summary>When, and what it was</summary><ul>${view.replaced.map((at) => html`<li>${moment(at)}</li>`)}</ul><p><a href="${to.documentHistory(site, view.id)}">Each document before</a></p></details>`}</div>`;
}
