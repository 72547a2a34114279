import { z } from 'zod';
import { maxShown, plainText } from '../text.ts';

/** `<`, `>`, `scheme://` and `](`: what a client could take for a tag, a mention or a link. */
const dangerous = /[<>]|:\/\/|\]\(|(?:mailto|tel|javascript):/i;

/**
 * The one way of text from outside into a card. Cards hold text in `TextRun`s only, which know no Markdown, so nothing
 * has to be escaped there; what a client could still take for a tag, a mention or a link is made visible but inert, as
 * administrators know it: `http[:]//…`, `‹at›`. Invisible characters go, and `limit` characters stay.
 */
export function cardText(text: string, limit = maxShown): string {
  const inert = plainText(text, limit)
    .replaceAll('<', '‹')
    .replaceAll('>', '›')
    .replaceAll('://', '[:]//')
    .replace(/(mailto|tel|javascript):/gi, '$1[:]')
    .replaceAll('](', '] (');
  return plainText(inert, limit);
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: those are what it looks for.
const text = z.string().refine((value) => !dangerous.test(value) && !/[\u0000-\u001f\u007f-\u009f]/.test(value), {
  error: 'holds a control character or something that a client could take for a tag, a mention or a link',
});

const textRun = z.strictObject({
  type: z.literal('TextRun'),
  text,
  size: z.enum(['small', 'large', 'extraLarge']).optional(),
  weight: z.literal('bolder').optional(),
  color: z.enum(['attention', 'warning', 'good', 'accent']).optional(),
  fontType: z.literal('monospace').optional(),
  isSubtle: z.literal(true).optional(),
});

const spacing = z.enum(['none', 'small', 'medium', 'large']).optional();

const richTextBlock = z.strictObject({
  type: z.literal('RichTextBlock'),
  inlines: z.array(textRun).min(1),
  spacing,
  separator: z.literal(true).optional(),
});

const columnSet = z.strictObject({
  type: z.literal('ColumnSet'),
  columns: z
    .array(
      z.strictObject({
        type: z.literal('Column'),
        width: z.literal(['auto', 2, 3]),
        spacing,
        items: z.array(richTextBlock).min(1),
      }),
    )
    .min(1),
  spacing,
});

const container = z.strictObject({
  type: z.literal('Container'),
  style: z.enum(['attention', 'warning', 'good', 'emphasis']).optional(),
  bleed: z.literal(true).optional(),
  spacing,
  separator: z.literal(true).optional(),
  items: z.array(richTextBlock).min(1),
});

const openUrl = z.strictObject({
  type: z.literal('Action.OpenUrl'),
  title: text,
  // Plain HTTP is for the demo on this machine alone.
  url: z.union([z.url({ protocol: /^https$/ }), z.url({ protocol: /^http$/, hostname: /^127\.0\.0\.1$/ })]),
});

const adaptiveCard = z.strictObject({
  type: z.literal('AdaptiveCard'),
  $schema: z.literal('http://adaptivecards.io/schemas/adaptive-card.json'),
  /** 1.2 is what Teams on mobile devices is reported to render. */
  version: z.literal('1.2'),
  fallbackText: text,
  msteams: z.strictObject({ width: z.literal('Full') }),
  body: z.array(z.discriminatedUnion('type', [richTextBlock, columnSet, container])).min(1),
  actions: z.array(openUrl).max(1).optional(),
});

/**
 * What is posted to a Workflows webhook ("When a Teams webhook request is received"): the template flows loop over
 * `attachments`; a bare card is taken with 202 and posts nothing. Strict: exactly what {@link renderCard} writes.
 *
 * No element of it renders Markdown, and it has no mention entities.
 */
export const payloadSchema = z.strictObject({
  type: z.literal('message'),
  /** What the toast shows. */
  summary: text,
  attachments: z.tuple([
    z.strictObject({
      contentType: z.literal('application/vnd.microsoft.card.adaptive'),
      contentUrl: z.null(),
      content: adaptiveCard,
    }),
  ]),
});

export type Payload = z.infer<typeof payloadSchema>;
export type Card = z.infer<typeof adaptiveCard>;
export type Element = Card['body'][number];
export type Line = z.infer<typeof richTextBlock>;
export type TextRun = z.infer<typeof textRun>;
