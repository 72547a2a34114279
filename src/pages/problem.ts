import { note } from './components.ts';
import { html } from './html.ts';
import { page } from './layout.ts';
import { type Site, to } from './site.ts';

/** What went wrong in words, and what to do. */
export function problemPage(site: Site, status: number, title: string, detail: string): string {
  const next =
    status === 503
      ? 'Nothing is lost. Try again in a minute.'
      : status === 404
        ? 'It may have been renamed or taken out of the watch.'
        : 'Go back and try again.';
  return page(
    site,
    { title, place: undefined, heading: status === 404 ? 'There is no such page' : title },
    note('und', detail, next),
    html`<p class="panel pad"><a href="${to.overview(site)}">To the organizations</a></p>`,
  );
}
