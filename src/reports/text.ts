/** Text from outside on one line, without the control and format characters that hide or reorder what a person reads. */
export function oneLine(text: string): string {
  return text
    .toWellFormed()
    .replace(/\s+/gu, ' ')
    .replace(/[\p{Cc}\p{Cf}]+/gu, '')
    .trim();
}

/** Like {@link oneLine}, but lines stay lines. */
export function manyLines(text: string): string {
  return text.split(/\r?\n/).map(oneLine).join('\n');
}
