import type { Runbook } from '../domain/runbook.ts';
import { manyLines } from './text.ts';

/**
 * A runbook as Markdown, which reads in a terminal as it is.
 *
 * @param level of its heading, so that it can stand in a document
 * @param text how sentences are written there
 */
export function runbookMarkdown(
  { title, intro, chapters }: Runbook,
  level = 1,
  text: (sentence: string) => string = manyLines,
): string {
  const heading = (below: number, words: string) => `${'#'.repeat(level + below)} ${text(words)}`;
  const code = (language: string, lines: string) => {
    const content = manyLines(lines);
    const fence = '`'.repeat(Math.max(3, ...[...content.matchAll(/`+/g)].map(([run]) => run.length + 1)));
    return `${fence}${language}\n${content}\n${fence}`;
  };
  const blocks = [
    heading(0, title),
    ...intro.map(text),
    ...chapters.flatMap(({ title: about, steps, says, items }, at) => [
      heading(1, `${at + 1}. ${about}`),
      ...steps.flatMap(({ what, before, run, undo, language = 'powershell' }, step) => [
        heading(2, `${at + 1}.${step + 1} ${what}`),
        before.includes('\n') ? `Before:\n\n${code('text', before)}` : `Before: ${text(before)}`,
        code(language, run),
        'To undo:',
        code(language, undo),
      ]),
      ...(says === undefined ? [] : [text(says)]),
      ...(items.length === 0 ? [] : [items.map((item) => `- ${text(item)}`).join('\n')]),
    ]),
  ];
  return `${blocks.join('\n\n')}\n`;
}
