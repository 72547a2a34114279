import type { Finding } from '../domain/finding.ts';
import { incidentKey } from '../domain/incident.ts';
import type { Statement } from '../domain/statement.ts';
import { counted } from './components.ts';
import { type Content, type Html, html, nothing } from './html.ts';
import { type Site, to } from './site.ts';
import { moment } from './time.ts';
import type { OrganizationView, SubjectView } from './views.ts';

/** What is asked for with every silence and acceptance. @param most days that it may last */
function said(most: number): Html {
  return html`<label>Until<input type="date" name="until" required></label><label>Why<input name="reason" required maxlength="500" placeholder="at most ${most} days"></label><label>Ticket<input name="ticket" maxlength="500"></label>`;
}

/** How to accept a finding of which nobody has said anything; what somebody has said stands on its card. */
export function acceptPart(site: Site, view: SubjectView, finding: Finding): Content {
  if (finding.verdict !== 'fail' || (finding.silenced ?? finding.accepted) !== undefined) return nothing;
  const { organization, evaluation, state } = view;
  const key = incidentKey({ organization: organization.id, evaluation: evaluation.id }, state.run.subject, finding);
  return html`<details class="pad form"><summary>Accept this: a known risk, not told until it gets worse or a time comes</summary><form class="filters" method="post" action="${to.accept(site, organization.id, evaluation.id, state.run.subject)}"><input type="hidden" name="key" value="${key}">${said(366)}<button type="submit">Accept</button></form></details>`;
}

/** Silences and acceptances of an organization, with what ends them, and a form for a maintenance. */
export function statementsPart(site: Site, view: OrganizationView): Html {
  const rows = view.statements.map(
    (one) =>
      html`<tr><th scope="row" data-l="What">${one.kind === 'silence' ? 'silenced' : 'accepted'}: <bdi>${aboutOf(one)}</bdi></th><td data-l="Until"><span>${moment(one.until)}</span></td><td class="any" data-l="Why"><span>${one.reason}${one.ticket === undefined ? nothing : html` <span class="sub">${one.ticket}</span>`}</span></td><td data-l="By">${one.by}</td><td data-l="End"><form method="post" action="${to.endStatement(site, view.id, one.id)}"><button type="submit">End</button></form></td></tr>`,
  );
  const table =
    rows.length === 0
      ? html`<p class="panel pad">Nothing is silenced or accepted.</p>`
      : html`<div class="panel"><div class="wide" tabindex="0" role="region" aria-label="Silences and acceptances"><table class="stack"><thead><tr><th scope="col">What</th><th scope="col">Until</th><th scope="col">Why</th><th scope="col">By</th><th scope="col">End</th></tr></thead><tbody>${rows}</tbody></table></div></div>`;
  return html`<h2>Silences and acceptances${rows.length === 0 ? nothing : html`: ${counted(rows.length, ['one holds', 'hold'])}`}</h2>${table}<details class="panel form"><summary class="pad">Silence during a maintenance: nothing is told, everything is shown</summary><form class="filters pad" method="post" action="${to.silence(site, view.id)}"><label>Evaluation<select name="evaluation"><option value="">all</option>${view.watches.map(
    ({ evaluation }) =>
      html`<option value="${evaluation}">${view.evaluations.find(({ id }) => id === evaluation)?.title ?? evaluation}</option>`,
  )}</select></label><label>Subjects<input name="subject" value="*" required></label>${said(90)}<button type="submit">Silence</button></form></details>`;
}

function aboutOf(one: Statement): string {
  if (one.kind === 'acceptance') return one.key;
  return Object.entries(one.match)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');
}
