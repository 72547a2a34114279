import { blocksAnswers } from '../../domain/answer.ts';
import type { Notice } from '../../domain/notice.ts';
import { type Cell, cellWords, isOpenCell, type TargetRow } from '../../domain/target-table.ts';
import { dayOf } from '../../domain/time.ts';
import type { TransitionKind } from '../../domain/transition.ts';
import { minuteOf, ownerWords, ruleName } from '../../domain/words.ts';
import { countOf, countRest, type Item, kindLabel, type NodeTable, type Summary, summarize } from '../summary.ts';
import { type Card, cardText, type Element, type Line, type Payload, type TextRun } from './payload.ts';

/**
 * The largest payload that is posted, in bytes of UTF-8. Teams takes 28,672 bytes of what the flow makes of it, which is
 * 1.18 times as much (msteams-docs issue 11274), and drops what is larger after the webhook's 202: nobody would hear of it.
 */
const maxPayloadBytes = 22_000;

/** Characters for names, for values and for sentences. */
const limits = { name: 120, value: 200, sentence: 400 };

/** A button with a longer address is left out rather than the whole card. */
const maxLinkLength = 2_000;

const maxQuestions = 8;

/** Names of one kind that are listed after the items in full. */
const namesInRest = 5;

/** Nodes that a phone has room for side by side; more of them stand below. */
const nodesAcross = 4;

/** How much is shown. */
interface Detail {
  /** Tables of nodes, and of each so many nodes and rules. */
  readonly nodes?: { readonly tables: number; readonly nodes: number; readonly rules: number };
  readonly items: number;
  /** Names of all that one cause concerns. */
  readonly names: number;
  readonly evidence: boolean;
  readonly answers: boolean;
}

const fewNodes: Detail['nodes'] = { tables: 1, nodes: nodesAcross, rules: 8 };

/** What gives way, in this order, until the payload fits: nodes, names, items, evidence, then all but counts and link. */
const details: readonly [Detail, ...Detail[]] = [
  { nodes: { tables: 3, nodes: 2 * nodesAcross, rules: 12 }, items: 8, names: 300, evidence: true, answers: true },
  { nodes: fewNodes, items: 8, names: 120, evidence: true, answers: true },
  { nodes: fewNodes, items: 5, names: 60, evidence: true, answers: true },
  { nodes: fewNodes, items: 3, names: 40, evidence: true, answers: true },
  { nodes: fewNodes, items: 1, names: 25, evidence: true, answers: true },
  { nodes: fewNodes, items: 1, names: 5, evidence: false, answers: true },
  { items: 0, names: 0, evidence: false, answers: false },
];

/**
 * Renders a notice as the payload of a Workflows webhook with one Adaptive Card: what changed, the answers, the nodes of a
 * service side by side, a paragraph for each cause with the worst first, the rest as counts, a button to the whole of it.
 * At most 22 KB of UTF-8 whatever the notice holds. Pure.
 */
export function renderCard(notice: Notice): Payload {
  const summary = summarize(notice);
  let payload = payloadOf(notice, summary, details[0]);
  for (const detail of details.slice(1)) {
    if (Buffer.byteLength(JSON.stringify(payload)) <= maxPayloadBytes) break;
    payload = payloadOf(notice, summary, detail);
  }
  return payload;
}

function payloadOf(notice: Notice, summary: Summary, detail: Detail): Payload {
  const heading = cardText(summary.heading);
  const link = linkOf(notice);
  const content: Card = {
    type: 'AdaptiveCard',
    $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
    version: '1.2',
    fallbackText: heading,
    msteams: { width: 'Full' },
    body: [
      headingBlock(heading, summary),
      ...countsBlock(summary),
      ...(detail.answers ? answersBlock(summary) : []),
      ...nodeBlocks(summary, detail),
      ...itemBlocks(summary.items.slice(0, detail.items), detail),
      ...restLines(summary.items.slice(detail.items), link !== undefined),
      ...(detail.answers ? digestLines(summary) : []),
      line([subtle(`run ${cardText(notice.runId, limits.name)} · notice ${summary.fingerprint}`)], {
        spacing: 'medium',
        separator: true,
      }),
    ],
    ...(link === undefined ? {} : { actions: [{ type: 'Action.OpenUrl', title: 'Open report', url: link }] }),
  };
  return {
    type: 'message',
    summary: heading,
    attachments: [{ contentType: 'application/vnd.microsoft.card.adaptive', contentUrl: null, content }],
  };
}

/**
 * One relative or odd address makes Teams refuse the whole card, so only a plain https one becomes a button, and that of
 * the demo on this machine.
 */
function linkOf({ link }: Notice): string | undefined {
  if (
    link === undefined ||
    link.length > maxLinkLength ||
    !/^https:\/\/[!-~]+$|^http:\/\/127\.0\.0\.1:\d+\/[!-~]*$/.test(link)
  )
    return undefined;
  return URL.canParse(link) ? link : undefined;
}

function headingBlock(heading: string, summary: Summary): Element {
  return {
    type: 'Container',
    style: summary.tone,
    bleed: true,
    items: [
      line([run(heading, { size: 'large', weight: 'bolder' })]),
      line([subtle(`${cardText(summary.from, limits.name)} · ${cardText(summary.subtitle)}`)], { spacing: 'none' }),
    ],
  };
}

function countsBlock({ counts, advice }: Summary): Element[] {
  const shown = [
    ...counts.map(({ kind, label, count }) => ({ label, count, color: kindColors[kind] })),
    ...(advice > 0 ? [{ label: 'Advice', count: advice, color: undefined }] : []),
  ];
  if (shown.length === 0) return [];
  return [
    {
      type: 'ColumnSet',
      spacing: 'medium',
      columns: shown.map(({ label, count, color }) => ({
        type: 'Column',
        width: 'auto',
        spacing: 'large',
        items: [
          line([
            run(String(count), { size: 'extraLarge', weight: 'bolder', ...(color === undefined ? {} : { color }) }),
          ]),
          line([subtle(label)], { spacing: 'none' }),
        ],
      })),
    },
  ];
}

const kindColors: Readonly<Record<TransitionKind, TextRun['color']>> = {
  opened: 'attention',
  reopened: 'attention',
  worsened: 'attention',
  flapping: 'warning',
  blind: 'warning',
  went_unknown: 'warning',
  reminded: 'attention',
  reminder: 'attention',
  steady: 'good',
  seeing: 'good',
  resolved: 'good',
  accepted: undefined,
  silenced: undefined,
  added: undefined,
  removed: undefined,
};

/** Kinds of which nothing is left to mend. */
const isOver: ReadonlySet<TransitionKind> = new Set(['resolved', 'seeing', 'steady']);

function answersBlock({ questions }: Summary): Element[] {
  const lines = questions
    .slice(0, maxQuestions)
    .map(({ title, now, changes }) =>
      line([
        run(`${cardText(title)} `, { weight: 'bolder' }),
        run(cardText(now)),
        ...(changes.length === 0 ? [] : [subtle(`${now === '' ? '' : ' · '}${cardText(changes.join(', '))}`)]),
      ]),
    );
  return lines.length === 0 ? [] : [{ type: 'Container', spacing: 'medium', items: lines }];
}

function nodeBlocks({ nodeTables }: Summary, { nodes: limit }: Detail): Element[] {
  if (nodeTables.length === 0) return [];
  if (limit === undefined) return [note('Node by node: see the report.')];
  const left = nodeTables.length - limit.tables;
  return [
    ...nodeTables.slice(0, limit.tables).flatMap((table) => nodeBlock(table, limit)),
    ...(left > 0 ? [note(`… and ${left} more, node by node, in the report.`)] : []),
  ];
}

/**
 * Rules × nodes, in words. A `ColumnSet` for each row, because `Table` belongs to version 1.5, and Teams on mobile devices
 * is reported to render no more than 1.2.
 */
function nodeBlock({ subject, at, nodes, rows, others }: NodeTable, limit: NonNullable<Detail['nodes']>): Element[] {
  const shown = rows.slice(0, limit.rules);
  const columns =
    shown.length === 0
      ? []
      : worstColumns(nodes, rows)
          .slice(0, limit.nodes)
          .sort((a, b) => a - b);
  const left = [
    ...(columns.length > 0 && nodes.length > columns.length ? [counted(nodes.length - columns.length, 'node')] : []),
    ...(rows.length > shown.length ? [counted(rows.length - shown.length, 'rule')] : []),
  ];
  const parts = Array.from({ length: Math.ceil(columns.length / nodesAcross) }, (_, part) =>
    columns.slice(part * nodesAcross, (part + 1) * nodesAcross),
  );
  return [
    line(
      [
        run(`${cardText(subject, limits.name)} node by node`, { weight: 'bolder' }),
        subtle(` · looked at ${cardText(minuteOf(at))}`),
      ],
      { spacing: 'medium', separator: true },
    ),
    ...parts.flatMap((part) => [nodeNames(nodes, part), ...shown.map((row) => nodeRow(row, part))]),
    ...(left.length === 0 ? [] : [note(`… and ${left.join(' and ')} in the report.`)]),
    ...(others === '' ? [] : [note(others)]),
  ];
}

/** The places of the nodes, those first where most fails, then those where most is open. */
function worstColumns(nodes: readonly string[], rows: readonly TargetRow[]): number[] {
  return nodes
    .map((_, column) => {
      const cells = rows.map((row) => row.cells[column]).filter(isOpenCell);
      return { column, failing: cells.filter(blocksAnswers).length, open: cells.length };
    })
    .sort((a, b) => b.failing - a.failing || b.open - a.open)
    .map(({ column }) => column);
}

function nodeNames(nodes: readonly string[], columns: readonly number[]): Element {
  const names = columns.map((column) => cardText(nodes[column] ?? '', limits.name));
  return sideBySide([subtle('Rule'), ...names.map((name) => run(name, { size: 'small', weight: 'bolder' }))]);
}

function nodeRow({ rule, cells }: TargetRow, columns: readonly number[]): Element {
  const name = run(cardText(ruleName(rule), limits.name), { size: 'small' });
  return sideBySide([name, ...columns.map((column) => cellRun(cells[column]))]);
}

function cellRun(cell: Cell | null | undefined): TextRun {
  const words = cardText(cellWords(cell));
  if (!isOpenCell(cell)) return subtle(words);
  return run(words, { size: 'small', color: blocksAnswers(cell) ? 'attention' : 'warning' });
}

/** The first has half as much width again as each of the others, so that rows stand below each other as in a table. */
function sideBySide(cells: readonly TextRun[]): Element {
  return {
    type: 'ColumnSet',
    spacing: 'small',
    columns: cells.map((cell, index) => ({
      type: 'Column',
      width: index === 0 ? 3 : 2,
      spacing: 'small',
      items: [line([cell])],
    })),
  };
}

function counted(count: number, noun: string): string {
  return `${count} more ${count === 1 ? noun : `${noun}s`}`;
}

function itemBlocks(items: readonly Item[], { evidence, names }: Detail): Element[] {
  return items.map((item) => {
    const color = kindColors[item.kind];
    const what = [kindLabel(item.kind), ...(isOver.has(item.kind) ? [] : [item.severity ?? []])].flat().join(' · ');
    const who = item.count === 1 ? cardText(item.subject, limits.name) : `${item.count} of one cause`;
    return {
      type: 'Container',
      separator: true,
      spacing: 'medium',
      items: [
        line([
          run(who, { weight: 'bolder' }),
          run(`  ${what}`, { size: 'small', ...(color === undefined ? {} : { color }) }),
        ]),
        line([run(cardText(item.message, limits.sentence))], { spacing: 'small' }),
        ...(item.count > 1 && item.names.length > 0 ? [labelled('All of them', run(namesIn(item, names)))] : []),
        ...(evidence && item.observed !== undefined
          ? [labelled('Found', run(cardText(item.observed, limits.value), { fontType: 'monospace', size: 'small' }))]
          : []),
        ...(evidence && item.remedy !== undefined && !isOver.has(item.kind)
          ? [labelled('What to do', run(cardText(item.remedy, limits.sentence)))]
          : []),
        line([subtle(provenance(item))], { spacing: 'small' }),
      ],
    };
  });
}

/** The names that there is room for, and how many more there are. */
function namesIn({ names, count }: Item, room: number): string {
  const shown = names.slice(0, room).map((name) => cardText(name, limits.name));
  const left = names.length > shown.length ? names.length - shown.length : Math.max(0, count - names.length);
  return left > 0 && count > shown.length ? `${shown.join(', ')} and ${left} more` : shown.join(', ');
}

/** `To mend: Microsoft · <rule> · selector1 · since 2026-11-20`. */
function provenance(item: Item): string {
  const over = isOver.has(item.kind);
  const parts = [
    ...(item.owner === undefined || over ? [] : [`To mend: ${ownerWords[item.owner]}`]),
    ...[item.rule, item.target].flatMap((name) => (name === undefined ? [] : [cardText(name, limits.name)])),
    `${item.kind === 'resolved' ? 'failed since' : 'since'} ${cardText(dayOf(item.since))}`,
  ];
  return parts.join(' · ');
}

/** What is not shown in full: how many and whose, and the names of those that are no new problems. */
function restLines(rest: readonly Item[], hasLink: boolean): Line[] {
  if (rest.length === 0) return [];
  const where = hasLink ? '' : ' The whole of it is in the history of each subject.';
  const listed = (['resolved', 'blind', 'seeing', 'reminded', 'reminder'] as const).flatMap((kind) => {
    const names = [...new Set(rest.filter((item) => item.kind === kind).flatMap(namesInList))];
    if (names.length === 0) return [];
    const more = names.length > namesInRest ? ` and ${names.length - namesInRest} more` : '';
    return [labelled(kindLabel(kind), run(`${names.slice(0, namesInRest).join(', ')}${more}`))];
  });
  return [
    line([run(`and ${countOf(rest)} more: ${countRest(rest)}.${where}`)], { spacing: 'medium', separator: true }),
    ...listed,
  ];
}

function namesInList({ kind, names, since }: Item): string[] {
  const isOld = kind === 'reminder' || kind === 'reminded';
  return names
    .slice(0, namesInRest + 1)
    .map((name) => `${cardText(name, limits.name)}${isOld ? ` (since ${cardText(dayOf(since))})` : ''}`);
}

function digestLines({ lines }: Summary): Element[] {
  if (lines.length === 0) return [];
  const items = lines.map((text) => line([run(cardText(text, limits.sentence))], { spacing: 'small' }));
  return [{ type: 'Container', separator: true, spacing: 'medium', items }];
}

function labelled(label: string, value: TextRun): Line {
  return line([run(`${label}: `, { weight: 'bolder' }), value], { spacing: 'small' });
}

function note(text: string): Line {
  return line([subtle(text)], { spacing: 'small' });
}

function line(inlines: TextRun[], style: Pick<Line, 'spacing' | 'separator'> = {}): Line {
  return { type: 'RichTextBlock', inlines, ...style };
}

function run(text: string, style: Omit<TextRun, 'type' | 'text'> = {}): TextRun {
  return { type: 'TextRun', text, ...style };
}

function subtle(text: string): TextRun {
  return run(text, { size: 'small', isSubtle: true });
}
