import type { Linking } from './components.ts';
import { html } from './html.ts';
import { type Site, to } from './site.ts';
import type { Named } from './views.ts';

/** Links of a page about one evaluation of one organization. */
export function linkingOf(site: Site, organization: Pick<Named, 'id'>, evaluation: string): Linking {
  let ids = 0;
  return {
    now: site.now,
    subject: (subject) =>
      html`<a href="${to.subject(site, organization.id, evaluation, subject)}"><bdi>${subject}</bdi></a>`,
    rule: (id, shown) => html`<a href="${to.rule(site, id)}">${shown ?? html`<code>${id}</code>`}</a>`,
    id: () => {
      ids += 1;
      return `text-${ids}`;
    },
    isFile: false,
  };
}

/** Names of a file: whoever reads it has nothing to follow them to. */
export function namesOnly(now: Date): Linking {
  let ids = 0;
  return {
    now,
    subject: (subject) => html`<bdi>${subject}</bdi>`,
    rule: (id, shown) => shown ?? html`<code>${id}</code>`,
    id: () => {
      ids += 1;
      return `text-${ids}`;
    },
    isFile: true,
  };
}
