import type { Answer } from '../domain/finding.ts';
import type { Owner } from '../domain/rule.ts';

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
