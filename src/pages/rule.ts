import { ruleName } from '../domain/words.ts';
import { counted } from './components.ts';
import { severityMark } from './glyphs.ts';
import { type Html, html, nothing, trusted } from './html.ts';
import { page } from './layout.ts';
import { type Site, to } from './site.ts';
import type { EvaluationWords, RuleView } from './views.ts';

/** A rule: what it checks and how to fix it, and where it fails now. */
export async function rulePage(site: Site, view: RuleView): Promise<string> {
  const { evaluation, rule, failing } = view;
  const text = view.page === undefined ? html`<p>The page of this rule is not there.</p>` : await markdown(view.page);
  const decides = evaluation.questions.filter(({ id }) => rule.blocks.includes(id)).map(({ title }) => `“${title}”`);
  return page(
    site,
    {
      title: ruleName(rule.id),
      place: 'rules',
      trail: [
        ['Rules', to.rules(site)],
        [evaluation.title, `${to.rules(site)}#${evaluation.id}`],
      ],
      heading: rule.title,
      lead: html`<code>${rule.id}</code>, ${severityMark(rule.severity)}${decides.length === 0 ? ', decides no question' : `, decides ${decides.join(' and ')}`}`,
    },
    html`<div class="split"><div class="panel pad page">${text}</div>
<div><section class="panel pad"><h2>Failing now</h2>${
      failing.length === 0
        ? html`<p>Nowhere.</p>`
        : html`<ul>${failing.map(({ id, name, subjects }) => html`<li><a href="${to.watch(site, id, evaluation.id, { cause: rule.id })}"><bdi>${name}</bdi>: ${counted(subjects, evaluation.counted)}</a></li>`)}</ul>`
    }</section><section class="panel pad"><h2>Other rules of ${evaluation.title}</h2><ul>${evaluation.rules
      .filter(({ id }) => id !== rule.id)
      .map(({ id, title }) => html`<li><a href="${to.rule(site, id)}">${title}</a></li>`)}</ul></section></div></div>`,
  );
}

/** The rules there are. */
export function rulesPage(site: Site, evaluations: readonly EvaluationWords[]): string {
  const count = evaluations.reduce((sum, { rules }) => sum + rules.length, 0);
  return page(
    site,
    {
      title: 'Rules',
      place: 'rules',
      heading: `${count} rules decide ${counted(
        evaluations.reduce((sum, { questions }) => sum + questions.length, 0),
        ['question', 'questions'],
      )}`,
      lead: 'Each is named for the good state.',
    },
    evaluations.map(
      ({ id, title, rules }) =>
        html`<h2 id="${id}">${title}</h2><ul class="panel pad names">${rules.map((rule) => html`<li><a href="${to.rule(site, rule.id)}">${rule.title}</a></li>`)}</ul>`,
    ),
  );
}

/** HTML in a page of ours would be a slip: it is shown as text. Its first heading is the rule's id, which stands above. */
async function markdown(text: string): Promise<Html> {
  // It takes eight milliseconds to load, which nobody waits for but who reads the page of a rule.
  const { marked, Renderer } = await import('marked');
  const renderer = new Renderer();
  renderer.html = ({ text: source }) => String(html`${source}`);
  renderer.image = ({ text: source }) => String(html`${source}`);
  // A table may be wider than a phone.
  const { table } = Renderer.prototype;
  renderer.table = function scrolling(token) {
    return `<div class="wide" tabindex="0" role="region" aria-label="Verdicts">${table.call(this, token)}</div>`;
  };
  const body = text.replace(/^# .*\n/, '');
  return body === '' ? nothing : trusted(marked.parse(body, { renderer, async: false, gfm: true }));
}
