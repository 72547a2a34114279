import type { Runbook, RunbookStep } from '../domain/runbook.ts';
import { copyBlock, type Linking } from './components.ts';
import { type Html, html, nothing } from './html.ts';

/** A runbook, closed on screen: who works down the list above does not need it. */
export function runbookPart(linking: Linking, { title, intro, chapters }: Runbook): Html {
  const stepOf = ({ what, before, run, undo }: RunbookStep, number: string) =>
    html`<h5>${number} ${what}</h5>${copyBlock(linking, 'Before', before)}${copyBlock(linking, 'Run', run)}${copyBlock(linking, 'To undo', undo)}`;
  return html`<details class="panel"><summary class="pad">Runbook: ${title}</summary><div class="pad">${intro.map(
    (sentence) => html`<p>${sentence}</p>`,
  )}${chapters.map(
    ({ title: about, steps, says, items }, at) =>
      html`<h4>${at + 1}. ${about}</h4>${steps.map((step, index) => stepOf(step, `${at + 1}.${index + 1}`))}${
        says === undefined ? nothing : html`<p>${says}</p>`
      }${items.length === 0 ? nothing : html`<ul>${items.map((item) => html`<li>${item}</li>`)}</ul>`}`,
  )}</div></details>`;
}
