import { counted, hero, note } from './components.ts';
import { verdictMark } from './glyphs.ts';
import { html, nothing } from './html.ts';
import { page } from './layout.ts';
import { type Site, to } from './site.ts';
import { moment } from './time.ts';
import type { EvaluationWords, Named, RunView } from './views.ts';

const triggers: Readonly<Record<string, string>> = {
  schedule: 'its schedule',
  request: 'somebody who asked for it',
  facts: 'supplied facts',
  start: 'the start of the app',
};

/** How far a run is, and what it found so far. */
export function runPage(site: Site, run: RunView, organization: Named, evaluation: EvaluationWords): string {
  const isRunning = run.state === 'running';
  const share = run.subjects === 0 ? 100 : (run.done / run.subjects) * 100;
  const took =
    run.finishedAt === undefined
      ? undefined
      : Math.round((Date.parse(run.finishedAt) - Date.parse(run.startedAt)) / 1_000);
  return page(
    site,
    {
      title: `Run of ${run.startedAt.slice(0, 16).replace('T', ' ')}`,
      place: 'health',
      trail: [
        ['Organizations', to.overview(site)],
        [organization.name, to.organization(site, organization.id)],
        [evaluation.title, to.watch(site, organization.id, evaluation.id)],
      ],
      heading: isRunning
        ? `${evaluation.title}: ${run.done} of ${run.subjects} looked at`
        : run.state === 'finished'
          ? `${evaluation.title}: ${counted(run.subjects, evaluation.counted)} looked at`
          : `${evaluation.title}: the run is incomplete, ${run.done} of ${run.subjects} looked at`,
      lead: html`Started ${moment(run.startedAt)} by ${triggers[run.trigger] ?? run.trigger}${took === undefined ? nothing : `, took ${took} s`}.`,
      actions: [html`<a class="b" href="${to.watch(site, organization.id, evaluation.id)}">What is known now</a>`],
      ...(isRunning ? { refresh: 2 } : {}),
    },
    isRunning
      ? html`<div class="panel pad"><p role="status">${run.done} of ${run.subjects}; this page looks again every 2 seconds.</p><svg class="bars" aria-hidden="true" focusable="false"><rect class="of" width="100%" height="10"></rect><rect class="done" width="${share.toFixed(1)}%" height="10"></rect></svg></div>`
      : run.state === 'incomplete'
        ? note(
            'und',
            'Not every subject was looked at before the deadline.',
            'For the others the last known answers keep their dates.',
          )
        : nothing,
    hero(evaluation, run.answers),
    html`<h2>Findings</h2><ul class="panel pad facts">${(
      ['fail', 'unknown', 'manual', 'pass', 'not_applicable'] as const
    ).map((verdict) => {
      const count = run.verdicts[verdict] ?? 0;
      return count === 0 ? nothing : html`<li>${verdictMark(verdict, String(count))}</li>`;
    })}</ul><p class="sub">Run <code>${run.runId}</code></p>`,
  );
}
