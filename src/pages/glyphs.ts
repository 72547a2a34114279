import type { Answer, Finding } from '../domain/finding.ts';
import { type Severity, severities } from '../domain/rule.ts';
import type { AnswerChange } from '../domain/spans.ts';
import { type Html, html, trusted } from './html.ts';

export type Glyph =
  | 'no'
  | 'yes'
  | 'yes-full'
  | 'und'
  | 'man'
  | 'na'
  | 'shield'
  | 'bell'
  | 'down'
  | 'up'
  | 'hollow'
  | 'dot'
  | 'logo'
  | `bars-${0 | 1 | 2 | 3 | 4}`;

const bars = (full: number) =>
  [0, 1, 2, 3]
    .map((index) => {
      const height = 4 + index * 3;
      return `<rect class="${index < full ? 'gf' : 'go'}" x="${1 + index * 4}" y="${15 - height}" width="2.6" height="${height - 0.6}"/>`;
    })
    .join('');

const shapes: Readonly<Record<Glyph, string>> = {
  no: '<path class="gf" d="M4.9.8h6.2l4.1 4.1v6.2l-4.1 4.1H4.9L.8 11.1V4.9z"/><path class="gm" d="M5.3 5.3l5.4 5.4M10.7 5.3l-5.4 5.4"/>',
  yes: '<circle class="gl" cx="8" cy="8" r="6.6"/><path class="gl" d="M5 8.3l2.1 2.1L11 6.2"/>',
  'yes-full': '<circle class="gf" cx="8" cy="8" r="7.3"/><path class="gm" d="M4.7 8.3l2.3 2.3 4.3-4.6"/>',
  und: '<path class="gf" d="M8 .9L15.6 14.6H.4z"/><path class="gm" d="M6.3 7.1c0-2.3 3.4-2.3 3.4 0 0 1.3-1.7 1.3-1.7 2.6M8 12v.3"/>',
  man: '<rect class="gf" x=".8" y="2.8" width="14.4" height="10.4" rx="1.5"/><path class="gm gt" d="M3 8c2.6-3.6 7.400-3.600 10 0-2.600 3.600-7.400 3.600-10 0z"/><circle class="gmf" cx="8" cy="8" r="1.5"/>',
  na: '<path class="gl" d="M4 8h8"/>',
  shield:
    '<path class="gl" d="M8 1.300l5.500 2v4.400c0 3.400-2.300 5.600-5.500 7-3.200-1.400-5.500-3.600-5.500-7V3.300zM5.400 8l1.900 1.900 3.400-3.600"/>',
  bell: '<path class="gl" d="M3 12h10M4.500 12V7c0-4.500 7-4.500 7 0v5M7 14.200h2M2 2l12 12"/>',
  down: '<path class="gl" d="M8 2v11.500M3.500 9L8 13.500 12.500 9"/>',
  up: '<path class="gl" d="M8 14V2.500M3.500 7L8 2.500 12.500 7"/>',
  hollow: '<path class="gl" d="M8 2l6.500 12h-13z"/>',
  dot: '<circle class="gf" cx="8" cy="8" r="3"/>',
  logo: '<rect class="gf" width="16" height="16" rx="3.600"/><path class="gm" d="M4.500 12.500v-8h7M4.500 8h4M7 10.700l1.700 1.700 3.300-3.700"/>',
  'bars-0': bars(0),
  'bars-1': bars(1),
  'bars-2': bars(2),
  'bars-3': bars(3),
  'bars-4': bars(4),
};

/** Every shape once, for a page to use. */
export const sprite: Html = trusted(
  `<svg class="sprite" aria-hidden="true" focusable="false">${Object.entries(shapes)
    .map(([name, shape]) => `<symbol id="g-${name}" viewBox="0 0 16 16">${shape}</symbol>`)
    .join('')}</svg>`,
);

/** A shape beside its word: never alone, and not read out. */
export function glyph(name: Glyph, size = ''): Html {
  return html`<svg class="g ${size}" aria-hidden="true" focusable="false"><use href="#g-${name}"></use></svg>`;
}

/** How an answer or a verdict is shown: a class for its colour, and its shape. */
export const tones: Readonly<Record<Answer, { readonly tone: string; readonly glyph: Glyph; readonly full: Glyph }>> = {
  no: { tone: 'no', glyph: 'no', full: 'no' },
  undetermined: { tone: 'und', glyph: 'und', full: 'und' },
  yes: { tone: 'yes', glyph: 'yes', full: 'yes-full' },
  not_applicable: { tone: 'na', glyph: 'na', full: 'na' },
};

const verdicts: Readonly<Record<Finding['verdict'], { tone: string; glyph: Glyph; word: string }>> = {
  fail: { tone: 'no', glyph: 'no', word: 'fail' },
  pass: { tone: 'yes', glyph: 'yes', word: 'pass' },
  unknown: { tone: 'und', glyph: 'und', word: 'not looked' },
  manual: { tone: 'man', glyph: 'man', word: 'look yourself' },
  not_applicable: { tone: 'na', glyph: 'na', word: 'not applicable' },
};

export function verdictMark(verdict: Finding['verdict'], more = ''): Html {
  const { tone, glyph: shape, word } = verdicts[verdict];
  return html`<span class="a ${tone}">${glyph(shape)} ${word}</span>${more === '' ? '' : html` <span class="sub">${more}</span>`}`;
}

const events: Readonly<Record<AnswerChange['kind'], { tone: string; glyph: Glyph }>> = {
  broke: { tone: 'no', glyph: 'down' },
  mended: { tone: 'yes', glyph: 'up' },
  'could not look': { tone: 'und', glyph: 'hollow' },
  'first seen': { tone: 'na', glyph: 'dot' },
};

/** What happened to an answer. */
export function eventMark(kind: AnswerChange['kind']): Html {
  const { tone, glyph: shape } = events[kind];
  return html`<span class="e ${tone}">${glyph(shape)} ${kind}</span>`;
}

/** How bad, as rising bars and the word. */
export function severityMark(severity: Severity): Html {
  const full = (severities.length - 1 - severities.indexOf(severity)) as 0 | 1 | 2 | 3 | 4;
  return html`<span class="sev">${glyph(`bars-${full}`)} ${severity}</span>`;
}
