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

const answerWords: Readonly<Record<Answer, string>> = {
  yes: 'yes',
  no: 'no',
  undetermined: 'undetermined',
  not_applicable: 'not applicable',
};

const readinessWords: Readonly<Record<Answer, string>> = {
  yes: 'GO',
  no: 'NO-GO',
  undetermined: 'INDETERMINATE',
  not_applicable: 'not asked',
};

/** An answer in words; readiness is told as GO and NO-GO. */
export function answerWord(answer: Answer, evaluation: string): string {
  return (evaluation === 'teams-exchange-interop' ? readinessWords : answerWords)[answer];
}

/** `2026-11-24 06:30 UTC` */
export function minuteOf(iso: string): string {
  return `${iso.slice(0, 16).replace('T', ' ')} UTC`;
}

/** `lan-weak-host-receive` of `smtp-source-ip/lan-weak-host-receive`, where the evaluation is named already. */
export function ruleName(rule: string): string {
  return rule.slice(rule.indexOf('/') + 1);
}

/** By code unit, the same on every machine whatever its language. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
