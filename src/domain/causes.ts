// Findings that are one thing to mend: the same rule, the same owner, the same to do. What a person mends once stands once,
// however many subjects it breaks.
import { blocksAnswers } from './answer.ts';
import type { SubjectState } from './compare.ts';
import { type Finding, findingKey } from './finding.ts';
import { type Owner, type Severity, severities } from './rule.ts';
import { compareText } from './words.ts';

/** What one of the findings of a cause is about. */
export interface CauseSubject {
  readonly subject: string;
  readonly finding: Finding;
  /** ISO 8601, UTC; undefined where nothing is remembered, as ad hoc. */
  readonly since: string | undefined;
}

export interface Cause {
  /** Equal for the same thing to mend, in every organization and run. */
  readonly key: string;
  readonly rule: string;
  readonly owner: Owner | undefined;
  /** The worst of its findings. */
  readonly severity: Severity;
  /** What broke, in one sentence; names that differ are left out. */
  readonly what: string;
  /** Turns no question into a no. */
  readonly isAdvice: boolean;
  /** The newest first, then by name. */
  readonly subjects: readonly CauseSubject[];
  /** Of the oldest. */
  readonly since: string | undefined;
}

/** What is known of a subject, or was judged ad hoc. */
export type Judged = Pick<SubjectState, 'run'> & Partial<Pick<SubjectState, 'findings'>>;

/** Fails by cause: those that decide questions first, then the worst, then those of most subjects. Pure. */
export function causesOf(states: readonly Judged[]): readonly Cause[] {
  const failing = states.flatMap(({ run, findings }) =>
    run.findings
      .filter(({ verdict }) => verdict === 'fail')
      .map((finding): CauseSubject => {
        const memory = findings?.[findingKey(finding)];
        return { subject: run.subject, finding, since: memory?.verdict === 'fail' ? memory.since : undefined };
      }),
  );
  return [...Map.groupBy(failing, keyOf)].map(([key, of]) => causeOf(key, of)).sort(byWeight);
}

function causeOf(key: string, of: readonly CauseSubject[]): Cause {
  const subjects = [...of].sort(
    (a, b) => compareText(b.since ?? '', a.since ?? '') || compareText(a.subject, b.subject),
  );
  const [first] = subjects;
  const severity = severities.find((one) => of.some(({ finding }) => finding.severity === one)) ?? 'info';
  return {
    key,
    rule: first?.finding.rule ?? '',
    owner: first?.finding.owner,
    severity,
    what: commonSentence(of.map(({ finding }) => finding.message)),
    isAdvice: !of.some(({ finding }) => blocksAnswers(finding)),
    subjects,
    since: of.flatMap(({ since }) => since ?? []).sort(compareText)[0],
  };
}

/** What is to be done, without the names for which it is to be done. */
function keyOf({ subject, finding }: CauseSubject): string {
  const { rule, owner = '', remedy = '' } = finding;
  return [rule, owner, withoutNames(remedy, subject, finding).slice(0, 120)].join(' ');
}

/** A text in which `…` stands for the subject, the target and every name that holds one of them. */
export function withoutNames(text: string, subject: string, { target }: Pick<Finding, 'target'>): string {
  const names = [
    subject,
    subject.replaceAll('.', '-'),
    ...(target === undefined ? [] : [target, ...target.split('/')]),
  ];
  return [...new Set(names)]
    .filter((name) => name !== '')
    .sort((a, b) => b.length - a.length)
    .reduce((rest, name) => rest.replace(new RegExp(`[\\w.-]*${literal(name)}(?:[\\w.-]*\\w)?`, 'g'), '…'), text)
    .replace(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/gi, '…');
}

/** For a regular expression; Node 22 has no `RegExp.escape`. */
function literal(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/**
 * The sentence that several have in common: words that are not the same in all of them are `…`. Of sentences that are built
 * in different ways, that of most.
 */
export function commonSentence(messages: readonly string[]): string {
  const [most = []] = [...Map.groupBy(messages.map(words), ({ length }) => length).values()].sort(
    (a, b) => b.length - a.length,
  );
  const [first = []] = most;
  const common = first.map((word, index) => {
    if (most.every((one) => one[index] === word)) return word;
    return `${/^\(*/.exec(word)?.[0] ?? ''}…${/[.,:;)]*$/.exec(word)?.[0] ?? ''}`;
  });
  const sentence = common
    .join(' ')
    .replaceAll(' (…)', '')
    .replace(/…( …)+/g, '…');
  // What is mostly left out says nothing: the main clause does.
  return sentence.split('…').length > 3 ? (sentence.split(/[:;] /)[0] ?? sentence) : sentence;
}

function words(message: string): readonly string[] {
  return message.split(/\s+/);
}

function byWeight(a: Cause, b: Cause): number {
  return (
    Number(a.isAdvice) - Number(b.isAdvice) ||
    severities.indexOf(a.severity) - severities.indexOf(b.severity) ||
    b.subjects.length - a.subjects.length ||
    compareText(a.rule, b.rule)
  );
}

/** How many subjects a cause has; one may have several findings of it. */
export function subjectCount({ subjects }: Pick<Cause, 'subjects'>): number {
  return new Set(subjects.map(({ subject }) => subject)).size;
}
