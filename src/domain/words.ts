import type { Answer } from './finding.ts';
import type { Owner } from './rule.ts';

/** Who has to mend a fail, as people say it. */
export const ownerWords: Readonly<Record<Owner, string>> = {
  'customer-dns': 'customer DNS',
  microsoft: 'Microsoft',
  'dns-operator': 'DNS operator',
  'on-premises': 'on-premises servers',
  tenant: 'Microsoft 365 tenant',
  network: 'network',
};

/** How people say each answer. */
export type AnswerWords = Readonly<Record<Answer, string>>;

/** Answers as people say them, where an evaluation has no words of its own. */
export const answerWords: AnswerWords = {
  yes: 'yes',
  no: 'no',
  undetermined: 'undetermined',
  not_applicable: 'not applicable',
};

/** `2026-11-24 06:30 UTC` */
export function minuteOf(iso: string): string {
  return `${iso.slice(0, 16).replace('T', ' ')} UTC`;
}

/** The rule's name without its evaluation's, where that is named already. */
export function ruleName(rule: string): string {
  return rule.slice(rule.indexOf('/') + 1);
}

/** By code unit, the same on every machine whatever its language. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** `a`, `a and b`, `a, b and c`. */
export function enumerate(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}

/**
 * As {@link enumerate}; of more than `shown` the first of them, and how many more there are.
 *
 * @param total how many there are where only some are known by name
 */
export function enumerateFirst(names: readonly string[], shown = 5, total = names.length): string {
  const first = names.slice(0, shown);
  return total > first.length ? `${first.join(', ')} and ${total - first.length} more` : enumerate(first);
}

/** Not in the function: the bundle holds it as `new RegExp(…)`, which would be made anew by each call. */
const invisible = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cn}\u{FFFD}]|(?! )\p{Zs}/gu;

/** With every character shown that a reader would not see or not tell from a space: `<U+FEFF>v=DKIM1`. */
export function showInvisible(text: string): string {
  return text.replace(
    invisible,
    (character) => `<U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}>`,
  );
}
