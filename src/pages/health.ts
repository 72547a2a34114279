import { counted, note } from './components.ts';
import { type Glyph, glyph } from './glyphs.ts';
import { type Html, html, nothing } from './html.ts';
import { page } from './layout.ts';
import { channels } from './organization.ts';
import { type Site, to } from './site.ts';
import { moment } from './time.ts';
import type { HealthView } from './views.ts';

/** Whether fieldcheck itself is well: what keeps runs and notices from coming, channels, runs. */
export function healthPage(site: Site, view: HealthView): string {
  const silent = view.channels.filter(({ rejected }) => rejected > 0);
  return page(
    site,
    {
      title: 'Runs and channels',
      place: 'health',
      heading:
        view.storage !== 'ok'
          ? 'The storage does not answer'
          : view.faults.length > 0
            ? `fieldcheck has ${counted(view.faults.length, ['fault', 'faults'])} of its own`
            : silent.length > 0
              ? `fieldcheck works; ${counted(silent.length, ['channel refuses', 'channels refuse'])} what it sends`
              : 'fieldcheck works',
      lead: view.runs.length === 0 ? 'No run yet.' : counted(view.runs.length, ['run is listed', 'runs are listed']),
      actions: [html`<a class="b" href="${to.doctor(site)}">Doctor</a>`],
    },
    view.storage === 'ok'
      ? nothing
      : note('no', 'Nothing is lost, and nothing can be shown now.', `${view.storage} Try again in a minute.`),
    view.faults.map((fault) => note('und', 'To look at:', fault)),
    view.unrouted.map(({ organization, evaluation, changes, since }) =>
      note(
        'na',
        html`Told to nobody: ${counted(changes, ['change', 'changes'])} of ${evaluation} of ${organization} since ${moment(since)}.`,
        'No route of the document takes them; the doctor says which news that is.',
      ),
    ),
    view.storage === 'ok' ? channels(view.channels, site, true) : nothing,
    view.runs.length === 0 ? nothing : runsTable(site, view),
  );
}

const runStates: Readonly<Record<string, { tone: string; glyph: Glyph }>> = {
  finished: { tone: 'yes', glyph: 'yes' },
  running: { tone: 'na', glyph: 'dot' },
  incomplete: { tone: 'und', glyph: 'und' },
};

function runsTable(site: Site, { runs, evaluations }: HealthView): Html {
  return html`<h2>Runs</h2><div class="panel"><div class="wide" tabindex="0" role="region" aria-label="Runs"><table class="stack"><thead><tr><th scope="col">Started</th><th scope="col">Organization</th><th scope="col">Evaluation</th><th scope="col">Subjects</th><th scope="col">Took</th><th scope="col">State</th></tr></thead><tbody>${runs.map(
    (run) => {
      const { tone, glyph: shape } = runStates[run.state] ?? { tone: 'na', glyph: 'dot' as const };
      const took =
        run.finishedAt === undefined
          ? ''
          : `${Math.round((Date.parse(run.finishedAt) - Date.parse(run.startedAt)) / 1_000)} s`;
      return html`<tr><td data-l="Started"><a href="${to.run(site, run.runId)}">${moment(run.startedAt)}</a></td><td data-l="Organization"><a href="${to.organization(site, run.organization.id)}"><bdi>${run.organization.name}</bdi></a></td><td data-l="Evaluation">${evaluations.find(({ id }) => id === run.evaluation)?.title ?? run.evaluation}</td><td data-l="Subjects">${run.subjects}</td><td data-l="Took">${took}</td><td data-l="State"><span class="a ${tone}">${glyph(shape)} ${run.state}</span></td></tr>`;
    },
  )}</tbody></table></div></div>`;
}

/** One thing that the doctor looked at. */
interface Check {
  readonly area: string;
  readonly what: string;
  readonly state: 'ok' | 'missing' | 'could not look';
  readonly detail: string;
  readonly step?: string;
  readonly optional?: boolean;
}

/** What everything that fieldcheck needs looks like from where it runs. */
export function doctorPage(site: Site, { checks }: { readonly checks: readonly Check[] }): string {
  const wrong = checks.filter(({ state, optional }) => state === 'missing' && optional !== true);
  const unseen = checks.filter(({ state }) => state === 'could not look');
  const rank = ({ state }: Check) => ['missing', 'could not look', 'ok'].indexOf(state);
  return page(
    site,
    {
      title: 'Doctor',
      place: 'health',
      trail: [['Runs and channels', to.health(site)]],
      heading:
        wrong.length > 0
          ? `${counted(wrong.length, ['thing is', 'things are'])} missing`
          : unseen.length > 0
            ? `Nothing is missing; ${unseen.length} could not be looked at`
            : 'Nothing is missing',
      lead: `${counted(checks.length, ['thing', 'things'])} looked at from where fieldcheck runs.`,
    },
    html`<div class="panel"><div class="wide" tabindex="0" role="region" aria-label="Checks"><table class="stack"><thead><tr><th scope="col">What</th><th scope="col">State</th><th scope="col">Found, and the step that mends it</th></tr></thead><tbody>${[
      ...checks,
    ]
      .sort((a, b) => rank(a) - rank(b))
      .map(({ area, what, state, detail, step, optional }) => {
        const [tone, shape] =
          state === 'ok'
            ? (['yes', 'yes'] as const)
            : state === 'missing' && optional !== true
              ? (['no', 'no'] as const)
              : (['und', 'und'] as const);
        return html`<tr><th scope="row" data-l="What"><span><span class="sub">${area}</span> ${what}</span></th><td data-l="State"><span class="a ${tone}">${glyph(shape)} ${state}${optional === true && state !== 'ok' ? ', optional' : ''}</span></td><td data-l="Found"><span>${detail}${step === undefined ? nothing : html`<br><b>${step}</b>`}</span></td></tr>`;
      })}</tbody></table></div></div>`,
  );
}
