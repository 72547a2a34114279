import type { MendingStep } from '../domain/evaluation.ts';
import type { Finding } from '../domain/finding.ts';
import { compareText, enumerateFirst, ruleName } from '../domain/words.ts';

/** Fails from cause to effect: what stands earlier, when mended, may mend what stands later. */
export function inOrderOfMending<T>(
  found: readonly T[],
  findingOf: (one: T) => Finding,
  steps: readonly MendingStep[],
): readonly { readonly one: T; readonly step: string | undefined }[] {
  const at = ({ rule }: Finding) => steps.findIndex(({ rules }) => rules.includes(ruleName(rule)));
  const place = (finding: Finding) => {
    const index = at(finding);
    const step = steps[index];
    return step === undefined
      ? { order: [steps.length, 0] as const, step: undefined }
      : { order: [index, step.rules.indexOf(ruleName(finding.rule))] as const, step: step.title };
  };
  return found
    .map((one) => ({ one, ...place(findingOf(one)) }))
    .sort((a, b) => a.order[0] - b.order[0] || a.order[1] - b.order[1])
    .map(({ one, step }) => ({ one, step }));
}

/** What could not be looked at, by what stood in the way: one step to do often opens many rules. */
export function byObstacle(unknown: readonly Finding[]): readonly { readonly why: string; readonly what: string }[] {
  const groups = Map.groupBy(
    unknown,
    ({ evidence: [first], message }) => unobtainable.exec(first?.observed ?? '')?.[1] ?? message,
  );
  return [...groups]
    .sort(([, a], [, b]) => b.length - a.length)
    .map(([why, findings]) => ({
      why,
      what: enumerateFirst([...new Set(findings.map(({ rule }) => ruleName(rule)))].sort(compareText), 8),
    }));
}

/** How the engine says that it could not get a fact: the reason as a word, then in a sentence. */
const unobtainable = /^unobtainable, \w+: (.+)$/s;

/** The call that prints the page of a rule. */
export function pageCall({ rule }: Pick<Finding, 'rule'>): string {
  return `fieldcheck evaluate ${rule.slice(0, rule.indexOf('/'))} --explain ${ruleName(rule)}`;
}
