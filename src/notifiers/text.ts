/** How much of one value from outside is shown. */
export const maxShown = 200;

/** Not `\p{Cc}` alone: format characters (bidi controls, zero-width ones, tags) hide or reorder what a person reads. */
const invisible = /[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Cs}\u2028\u2029]+/gu;

/**
 * Text from outside on one line as a person can read it: control, bidi and other invisible characters dropped, white
 * space folded, at most `limit` characters (code points), cut with an ellipsis.
 */
export function plainText(text: string, limit = maxShown): string {
  // Cut roughly before the replacing, so that a value of megabytes costs no more than one of kilobytes.
  const start = text.slice(0, limit * 8).toWellFormed();
  const clean = start
    .replace(/[\s\u2028\u2029]+/gu, ' ')
    .replace(invisible, '')
    .trim();
  const characters = [...clean];
  if (characters.length <= limit && start.length >= text.length) return clean;
  return `${characters
    .slice(0, limit - 1)
    .join('')
    .trimEnd()}…`;
}
