import { commonSentence, withoutNames } from '../domain/causes.ts';
import type { MendingStep } from '../domain/evaluation.ts';
import type { Finding, Run } from '../domain/finding.ts';
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

/** What kept from looking, once, however many subjects and rules it hides. */
export interface Unseen {
  /** The reason in a sentence, and for a person the step. */
  readonly why: string;
  /** Has a person to look? */
  readonly isManual: boolean;
  readonly subjects: readonly string[];
  readonly targets: readonly string[];
  /** Their ids. */
  readonly rules: readonly string[];
}

/** What could not be looked at and what a person has to look at, by reason; that of most subjects first. */
export function unseenIn(runs: readonly Run[]): readonly Unseen[] {
  const open = runs.flatMap(({ subject, findings }) =>
    findings
      .filter(({ verdict, blockedBy }) => (verdict === 'unknown' || verdict === 'manual') && blockedBy === undefined)
      .map((finding) => ({ subject, finding })),
  );
  const unique = (texts: readonly string[]) => [...new Set(texts)].sort(compareText);
  return [...Map.groupBy(open, ({ subject, finding }) => withoutNames(whyOf(finding), subject, finding)).values()]
    .map((of) => ({
      why: commonSentence(of.map(({ finding }) => whyOf(finding))),
      isManual: of.every(({ finding }) => finding.verdict === 'manual'),
      subjects: unique(of.map(({ subject }) => subject)),
      targets: unique(of.flatMap(({ finding }) => finding.target ?? [])),
      rules: unique(of.map(({ finding }) => finding.rule)),
    }))
    .sort((a, b) => b.subjects.length - a.subjects.length || compareText(a.why, b.why));
}

/** The reason alone, without the fact that it kept away. */
function whyOf({ evidence: [first], message, remedy, verdict }: Finding): string {
  const why = unobtainable.exec(first?.observed ?? '')?.[1] ?? message;
  return verdict === 'manual' && remedy !== undefined ? `${why} ${remedy}` : why;
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
