import type { Evidence } from '../domain/finding.ts';

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

/** Each as `selector-key: NXDOMAIN (192.0.2.53, 2026-11-24T06:00:00.000Z)`. */
export function evidenceLines(evidence: readonly Evidence[]): readonly string[] {
  return evidence.map(({ fact, observed, source, at }) => {
    const seen = [source, at].filter((one) => one !== undefined).join(', ');
    return oneLine(seen === '' ? `${fact}: ${observed}` : `${fact}: ${observed} (${seen})`);
  });
}
