import type { Answer } from '../domain/finding.ts';
import { oneLine } from './text.ts';
import { type XmlElement, xmlOf } from './xml.ts';

const height = 20;
/** Of a letter of 11 pixels, on the generous side; the text is set to the width that comes of it. */
const letterWidth = 6.6;
const padding = 8;
const markWidth = 14;

/** White on each is readable (WCAG AA); nobody has to tell them apart: mark and words say the same. */
const colours: Readonly<Record<Answer, string>> = {
  yes: '#1a7f37',
  no: '#b3261e',
  undetermined: '#8a5a00',
  not_applicable: '#57606a',
};

/** A tick, a cross, a question mark, a dash; in a square of 10. */
const marks: Readonly<Record<Answer, string>> = {
  yes: 'M1 5.5 L4 8.5 L9 2',
  no: 'M1.5 1.5 L8.5 8.5 M8.5 1.5 L1.5 8.5',
  undetermined: 'M2.5 3 C2.5 -0.2 7.5 -0.2 7.5 3 C7.5 5 5 4.8 5 6.6 M5 9 L5 9.4',
  not_applicable: 'M1.5 5 L8.5 5',
};

/** What is asked and what the answer is as an SVG badge, in words, with a mark and a colour. Pure. */
export function badgeSvg(title: string, answer: Answer, words: string): string {
  const [left, right] = [oneLine(title), oneLine(words)];
  const leftWidth = padding * 2 + textWidth(left);
  const rightWidth = padding * 2 + markWidth + textWidth(right);
  const width = leftWidth + rightWidth;
  const text = (x: number, content: string): XmlElement => ({
    '@x': x,
    '@y': 14,
    '@textLength': textWidth(content),
    '@lengthAdjust': 'spacingAndGlyphs',
    '#': content,
  });
  return xmlOf({
    svg: {
      '@xmlns': 'http://www.w3.org/2000/svg',
      '@width': width,
      '@height': height,
      '@role': 'img',
      '@aria-label': `${left}: ${right}`,
      title: { '#': `${left}: ${right}` },
      rect: [
        { '@width': leftWidth, '@height': height, '@fill': '#24292f' },
        { '@x': leftWidth, '@width': rightWidth, '@height': height, '@fill': colours[answer] },
      ],
      path: {
        '@transform': `translate(${leftWidth + padding} 5)`,
        '@d': marks[answer],
        '@fill': 'none',
        '@stroke': '#fff',
        '@stroke-width': 2,
        '@stroke-linecap': 'round',
        '@stroke-linejoin': 'round',
      },
      g: {
        '@fill': '#fff',
        '@font-family': 'Verdana, DejaVu Sans, sans-serif',
        '@font-size': 11,
        text: [text(padding, left), text(leftWidth + padding + markWidth, right)],
      },
    },
  });
}

function textWidth(text: string): number {
  return Math.round([...text].length * letterWidth);
}
