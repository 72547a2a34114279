import type { Answer } from '../domain/finding.ts';
import { note } from './components.ts';
import { glyph, tones } from './glyphs.ts';
import { html, nothing } from './html.ts';
import { page } from './layout.ts';
import { type Site, to } from './site.ts';
import type { Named } from './views.ts';

/** What was explained, or why it could not be. */
export type Explained = { readonly answer: Answer; readonly text: string } | { readonly refused: string };

const words: Readonly<Record<Answer, string>> = {
  yes: 'it would be verified now',
  no: 'it would not be verified now',
  undetermined: 'nobody can say',
  not_applicable: 'nothing to verify',
};

/** Paste a bounce: why a message was not verified. */
export function explainPage(
  site: Site,
  organizations: readonly Named[],
  given: { readonly message: string; readonly organization: string } | undefined,
  explained: Explained | undefined,
): string {
  return page(
    site,
    {
      title: 'Explain a bounce',
      place: 'explain',
      heading: 'Why was this message not verified?',
      lead: 'Paste a delivery report, a message or a copied header. Nothing of it is kept.',
    },
    explained === undefined
      ? nothing
      : 'refused' in explained
        ? note('und', 'It could not be explained.', explained.refused)
        : html`<section class="panel" aria-label="Explanation"><p class="pad"><span class="a ${tones[explained.answer].tone}">${glyph(tones[explained.answer].glyph)} ${words[explained.answer]}</span></p><pre class="said" tabindex="0">${explained.text}</pre></section>`,
    html`<form class="panel pad" method="post" action="${to.explain(site)}"><p><label for="message">Report, message or header</label></p><textarea id="message" name="message" required spellcheck="false">${given?.message ?? ''}</textarea>
<div class="filters"><label>What is known of<select name="organization"><option value="">nobody: DNS alone</option>${organizations.map(
      ({ id, name }) =>
        html`<option value="${id}"${id === given?.organization ? html` selected` : nothing}>${name}</option>`,
    )}</select></label><button class="first" type="submit">Explain</button></div></form>`,
  );
}
