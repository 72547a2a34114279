import { createHash } from 'node:crypto';
import type { Notice } from '../../domain/notice.ts';
import { cellWords } from '../../domain/target-table.ts';
import { dayOf } from '../../domain/time.ts';
import { enumerateFirst, minuteOf, ownerWords, ruleName } from '../../domain/words.ts';
import { renderText } from '../console.ts';
import { countOf, countRest, type Item, kindLabel, type Summary, summarize } from '../summary.ts';
import { plainText } from '../text.ts';

/** A mail as nodemailer composes it. */
export interface Mail extends Envelope {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  /** The same for the same notice, so that mail systems drop a repetition. */
  readonly messageId: string;
  readonly inReplyTo?: string;
  readonly references?: readonly string[];
  readonly date: Date;
  readonly headers: Readonly<Record<string, string>>;
}

const itemsInFull = 20;
const namesListed = 300;
const sentenceLength = 1_000;
const supportLength = 8_000;
const subjectLength = 150;

/** A header line of References is long enough with these. */
const threadsNamed = 20;

/** Who sends, and who gets it. */
export interface Envelope {
  readonly from: string;
  readonly to: readonly string[];
}

/**
 * A notice as a mail: plain text and the same as simple HTML, of what the cards say. Pure.
 *
 * Mails about one incident refer to a Message-ID that stands for the incident (RFC 5322 section 3.6.4), so that programs
 * show them as one conversation, though that message was never sent.
 */
export function mailOf(notice: Notice, { from, to }: Envelope, now: Date): Mail {
  const summary = summarize(notice);
  const domain = from.slice(from.indexOf('@') + 1);
  const threads = [...new Set(notice.kind === 'changes' ? notice.events.map(({ key }) => key) : [])]
    .slice(0, threadsNamed)
    .map((key) => `<incident.${hashOf(key)}@${domain}>`);
  const [first] = threads;
  return {
    from,
    to,
    subject: plainText(summary.heading, subjectLength),
    text: textOf(notice, summary),
    html: htmlOf(notice, summary),
    messageId: `<notice.${summary.fingerprint}.${hashOf(to.join(' '))}@${domain}>`,
    ...(first === undefined ? {} : { inReplyTo: first, references: threads }),
    date: now,
    // RFC 3834 section 5; the second is Exchange's own: nobody's absence is answered to.
    headers: { 'Auto-Submitted': 'auto-generated', 'X-Auto-Response-Suppress': 'All' },
  };
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

function textOf(notice: Notice, { items }: Summary): string {
  const support = items
    .slice(0, itemsInFull)
    .flatMap(({ supportCase, subject }) =>
      supportCase === undefined
        ? []
        : [`Text for the support case about ${plainText(subject)}:`, '', multiline(supportCase), ''],
    );
  return `${[renderText(notice), ...(support.length === 0 ? [] : ['', ...support])].join('\n')}\n`;
}

function htmlOf(notice: Notice, summary: Summary): string {
  const { items, lines, questions, nodeTables, advice } = summary;
  const shown = items.slice(0, itemsInFull);
  const rest = items.slice(itemsInFull);
  const body = [
    `<h1 style="font-size:1.3em">${safe(summary.heading, subjectLength)}</h1>`,
    `<p>${safe(summary.subtitle, sentenceLength)}</p>`,
    list(questions.map(({ title, now, changes }) => [`${title} ${now}`, ...changes].join(' · '))),
    ...nodeTables.map((table) =>
      [
        `<h2 style="font-size:1.1em">${safe(table.subject)} node by node, ${safe(minuteOf(table.at))}</h2>`,
        '<table border="1" cellpadding="4" style="border-collapse:collapse">',
        `<tr><th></th>${table.nodes.map((node) => `<th>${safe(node)}</th>`).join('')}</tr>`,
        ...table.rows.map(
          ({ rule, cells }) =>
            `<tr><th align="left">${safe(ruleName(rule))}</th>${table.nodes.map((_, column) => `<td>${safe(cellWords(cells[column]))}</td>`).join('')}</tr>`,
        ),
        '</table>',
        paragraph(table.others),
      ].join('\n'),
    ),
    ...shown.map(itemHtml),
    rest.length === 0 ? '' : paragraph(`and ${countOf(rest)} more: ${countRest(rest)}.`),
    list(lines),
    advice === 0 ? '' : paragraph(`Advice that changed: ${advice}.`),
    notice.link === undefined ? '' : `<p><a href="${safe(notice.link, sentenceLength)}">All of it</a></p>`,
    `<p style="color:#666">run ${safe(notice.runId)} · notice ${summary.fingerprint}</p>`,
  ];
  return [
    '<!DOCTYPE html>',
    '<html lang="en"><head><meta charset="utf-8"></head>',
    '<body style="font-family:Segoe UI,Arial,sans-serif;font-size:14px">',
    ...body.filter((part) => part !== ''),
    '</body></html>',
    '',
  ].join('\n');
}

function itemHtml(item: Item): string {
  const { kind, severity, subject, rule, target, count, names, observed, remedy, supportCase, owner, since } = item;
  const label = [kindLabel(kind), ...(kind === 'resolved' || severity === undefined ? [] : [severity])].join(', ');
  const toMend = owner === undefined ? '' : ` · to mend: ${ownerWords[owner]}`;
  const one = [subject, rule, target].filter((part) => part !== undefined).join(' ');
  const name = count === 1 ? one : `${rule ?? subject}, ${count} of them`;
  return [
    `<h2 style="font-size:1.1em;border-left:4px solid ${colours[toneOf(item)]};padding-left:8px">${safe(`${label}: ${name}`)}</h2>`,
    paragraph(item.message),
    count === 1 ? '' : paragraph(`All of them: ${enumerateFirst(names, namesListed)}`, supportLength),
    observed === undefined ? '' : `<p>Found: <code>${safe(observed)}</code></p>`,
    remedy === undefined ? '' : `<p><b>What to do:</b> ${safe(remedy, sentenceLength)}</p>`,
    supportCase === undefined
      ? ''
      : `<pre style="background:#f4f4f4;padding:8px">${escaped(multiline(supportCase))}</pre>`,
    paragraph(kind === 'resolved' ? `failed since ${dayOf(since)}` : `since ${dayOf(since)}${toMend}`),
  ]
    .filter((part) => part !== '')
    .join('\n');
}

/** Colour only repeats what the label says. */
const colours = { bad: '#c4314b', unsure: '#c19c00', good: '#237b4b', other: '#5b5fc7' } as const;

function toneOf({ kind }: Item): keyof typeof colours {
  switch (kind) {
    case 'opened':
    case 'reopened':
    case 'worsened':
    case 'reminded':
    case 'reminder':
      return 'bad';
    case 'flapping':
    case 'blind':
    case 'went_unknown':
      return 'unsure';
    case 'resolved':
    case 'steady':
    case 'seeing':
      return 'good';
    default:
      return 'other';
  }
}

function paragraph(text: string, limit = sentenceLength): string {
  return text === '' ? '' : `<p>${safe(text, limit)}</p>`;
}

function list(entries: readonly string[]): string {
  return entries.length === 0
    ? ''
    : `<ul>\n${entries.map((entry) => `<li>${safe(entry, sentenceLength)}</li>`).join('\n')}\n</ul>`;
}

/** Text from outside: on one line, without what hides or reorders it, and no markup. */
function safe(text: string, limit?: number): string {
  return escaped(plainText(text, limit));
}

/** A text with lines of its own, each made plain; what is indented stays so. */
function multiline(text: string): string {
  return text
    .slice(0, supportLength)
    .split('\n')
    .map((line) => `${/^ */.exec(line)?.[0] ?? ''}${plainText(line, sentenceLength)}`)
    .join('\n');
}

function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}
