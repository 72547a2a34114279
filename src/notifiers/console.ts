import type { Notice, Notifier } from '../domain/notice.ts';
import { cellWords } from '../domain/target-table.ts';
import { dayOf } from '../domain/time.ts';
import { enumerateFirst, minuteOf, ownerWords, ruleName } from '../domain/words.ts';
import { countOf, countRest, kindLabel, summarize } from './summary.ts';
import { plainText } from './text.ts';

/** How many items are printed in full. */
const itemsInFull = 20;
const sentenceLength = 400;
const namesListed = 100;
const namesLength = 8_000;

/** Prints a notice as text, to standard output unless told otherwise. */
export function createConsoleNotifier({
  write = (text) => void process.stdout.write(text),
}: {
  readonly write?: ((text: string) => void) | undefined;
} = {}): Notifier {
  return {
    id: 'console',
    send: async (notice, signal) => {
      if (signal.aborted) return { outcome: 'retry', detail: 'Stopped before it was printed; it is tried again.' };
      write(`${renderText(notice)}\n`);
      return { outcome: 'delivered', detail: 'Printed.' };
    },
  };
}

/** A notice as lines of text, safe for a terminal: control characters of what was found are dropped. Pure. */
export function renderText(notice: Notice): string {
  const summary = summarize(notice);
  const rest = summary.items.slice(itemsInFull);
  return [
    plainText(summary.heading),
    plainText(summary.subtitle),
    ...summary.questions.map(
      ({ title, now, changes }) => `  ${plainText([`${title} ${now}`, ...changes].join(' · '), sentenceLength)}`,
    ),
    ...summary.nodeTables.flatMap(({ subject, at, nodes, rows, others }) => [
      '',
      `${plainText(subject)} node by node, looked at ${plainText(minuteOf(at))}:`,
      ...rows.flatMap(({ rule, cells }) => [
        `  ${plainText(ruleName(rule))}`,
        ...nodes.map((node, column) => `    ${plainText(node)}: ${plainText(cellWords(cells[column]))}`),
      ]),
      ...(others === '' ? [] : [`  ${others}`]),
    ]),
    ...summary.items.slice(0, itemsInFull).flatMap((item) => {
      const who = item.count === 1 ? item.subject : `${item.count} of them`;
      const name = [who, item.rule, item.target].flatMap((part) => (part === undefined ? [] : [plainText(part)]));
      const what = [kindLabel(item.kind), ...(item.kind === 'resolved' ? [] : [item.severity ?? []])].flat();
      const owner = item.owner === undefined ? '' : ` · to mend: ${ownerWords[item.owner]}`;
      return [
        '',
        `${what.join(', ')}: ${name.join(' ')}`,
        `  ${plainText(item.message, sentenceLength)}`,
        ...(item.count === 1
          ? []
          : [`  All of them: ${plainText(enumerateFirst(item.names, namesListed), namesLength)}`]),
        ...(item.observed === undefined ? [] : [`  Found: ${plainText(item.observed)}`]),
        ...(item.remedy === undefined ? [] : [`  What to do: ${plainText(item.remedy, sentenceLength)}`]),
        `  since ${plainText(dayOf(item.since))}${owner}`,
      ];
    }),
    ...(rest.length === 0 ? [] : ['', `and ${countOf(rest)} more: ${countRest(rest)}.`]),
    ...(summary.lines.length === 0 ? [] : ['', ...summary.lines.map((line) => plainText(line, sentenceLength))]),
    ...(summary.advice === 0 ? [] : ['', `Advice that changed: ${summary.advice}.`]),
    ...(notice.link === undefined ? [] : ['', plainText(notice.link, sentenceLength)]),
    `run ${plainText(notice.runId)} · notice ${summary.fingerprint}`,
  ].join('\n');
}
