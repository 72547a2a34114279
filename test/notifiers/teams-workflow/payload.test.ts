import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { renderCard } from '../../../src/notifiers/teams-workflow/card.ts';
import { cardText, payloadSchema } from '../../../src/notifiers/teams-workflow/payload.ts';
import { anyText } from '../../any-text.ts';
import { failingDomains, notice } from '../notices.ts';

describe('text from outside in a card', () => {
  it.each([
    ['selector1._domainkey.contoso.com', 'selector1._domainkey.contoso.com'],
    ['v=DKIM1; k=rsa; p=MIIBIjANBg+/==', 'v=DKIM1; k=rsa; p=MIIBIjANBg+/=='],
    ['see http://evil.example/?a', 'see http[:]//evil.example/?a'],
    ['[click](https://evil.example)', '[click] (https[:]//evil.example)'],
    ['http:\u200b//evil.example', 'http[:]//evil.example'],
    ['<at>everyone</at>', '‹at›everyone‹/at›'],
    ['mailto:a@contoso.com', 'mailto[:]a@contoso.com'],
    ['line one\r\n\tline two', 'line one line two'],
    ['evil\u202egnp.exe\u2066\u0007\u001b[31m', 'evilgnp.exe[31m'],
    ['\ud800 lone', '\ufffd lone'],
  ])('%j reads %j', (text, shown) => {
    expect(cardText(text)).toBe(shown);
  });

  it('cannot become a tag, a mention or a link, hides nothing, and is 200 characters at most', () => {
    const pieces = fc.constantFrom(
      '<',
      '>',
      '<at>',
      '</at>',
      '[',
      ']',
      '(',
      ')',
      ':',
      '/',
      '//',
      '://',
      'http',
      'mailto',
      'javascript',
      '\u200b',
      '\u202e',
      '\u2066',
      '\n',
      '\0',
      '*',
      '_',
      '`',
      '\\',
      'a',
      '\u{1f4e7}',
    );
    const text = fc.oneof(fc.string({ unit: pieces, maxLength: 400 }), anyText({ maxLength: 400 }));
    fc.assert(
      fc.property(text, (input) => {
        const shown = cardText(input);
        expect(shown).not.toMatch(/[<>]|:\/\/|\]\(|(mailto|javascript|tel):/i);
        expect(shown).not.toMatch(/[\p{Cc}\p{Cf}\u2028\u2029]/u);
        expect([...shown].length).toBeLessThanOrEqual(200);
        expect(cardText(shown)).toBe(shown);
      }),
      { numRuns: 500 },
    );
  });
});

describe('the schema of a payload', () => {
  const payload = renderCard(notice({ subjects: failingDomains(1) }));
  const card = payload.attachments[0].content;
  const withBody = (body: unknown[]) => ({
    ...payload,
    attachments: [{ ...payload.attachments[0], content: { ...card, body } }],
  });
  const block = (text: string) => ({ type: 'RichTextBlock', inlines: [{ type: 'TextRun', text }] });

  it('takes what is rendered', () => {
    expect(payloadSchema.safeParse(payload).success).toBe(true);
  });

  it.each([
    ['a bare card, which is taken with 202 and posts nothing', card],
    ['an element that renders Markdown', withBody([{ type: 'TextBlock', text: 'x' }])],
    ['a picture', withBody([{ type: 'Image', url: 'https://contoso.com/x.png' }])],
    ['a link in text', withBody([block('https://evil.example')])],
    ['a mention in text', withBody([block('<at>everyone</at>')])],
    [
      'mention entities',
      {
        ...payload,
        attachments: [{ ...payload.attachments[0], content: { ...card, msteams: { width: 'Full', entities: [] } } }],
      },
    ],
    [
      'a button to plain http',
      {
        ...payload,
        attachments: [
          {
            ...payload.attachments[0],
            content: { ...card, actions: [{ type: 'Action.OpenUrl', title: 'x', url: 'http://contoso.com' }] },
          },
        ],
      },
    ],
  ])('refuses %s', (_what, refused) => {
    expect(payloadSchema.safeParse(refused).success).toBe(false);
  });
});
