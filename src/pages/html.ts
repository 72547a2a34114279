import { raw, html as template } from 'hono/html';

/** Markup that is safe to stand in a page: made by {@link html}, never by hand. */
export type Html = ReturnType<typeof raw>;

/** What may stand in a template. Texts are escaped; nothing at all stands for `undefined` and `false`. */
export type Content = string | number | false | undefined | Html | readonly Content[];

/**
 * A template whose texts are escaped by hono. Characters that hide or reorder what a person reads go, whoever wrote them:
 * names, DNS texts and answers of servers come from anywhere.
 */
export function html(strings: TemplateStringsArray, ...values: readonly Content[]): Html {
  // Promises come only of promises, and no content is one.
  return template(strings, ...values.map(shown)) as Html;
}

function shown(content: Content): Content {
  if (typeof content === 'string') return content.toWellFormed().replace(/(?![\n\t])[\p{Cc}\p{Cf}]+/gu, '');
  return Array.isArray(content) ? content.map(shown) : content;
}

export const nothing: Html = html``;

/** Markup of a well-kept renderer, or of this room's own files. */
export const trusted = raw;
