import { type Content, html, nothing } from './html.ts';

interface Filter {
  readonly name: string;
  readonly label: string;
  /** What may be chosen: value and word. A text is typed, when left out. */
  readonly choices?: readonly (readonly [value: string, word: string])[];
  /** Shown in an empty field, or the word for all. */
  readonly empty: string;
  readonly value: string | undefined;
}

/**
 * What narrows a table: a form that works without a script and can be linked. With the script it filters while somebody
 * types.
 *
 * @param table id of the table
 * @param isComplete are all rows in it? Otherwise the server filters
 */
export function filtersOf(
  action: string,
  table: string,
  status: string,
  isComplete: boolean,
  filters: readonly Filter[],
): Content {
  const fields = filters.map(({ name, label, choices, empty, value = '' }) =>
    choices === undefined
      ? html`<label>${label}<input type="search" name="${name}" value="${value}" placeholder="${empty}"></label>`
      : html`<label>${label}<select name="${name}"><option value="">${empty}</option>${choices.map(
          ([one, word]) => html`<option value="${one}"${one === value ? html` selected` : nothing}>${word}</option>`,
        )}</select></label>`,
  );
  const [path = ''] = action.split('?');
  return html`<form class="filters" method="get" action="${path}" data-filter="${table}" data-complete="${isComplete ? 'yes' : 'no'}">${fields}<button type="submit">Show</button><p role="status" data-all="${status}">${status}</p></form>`;
}
