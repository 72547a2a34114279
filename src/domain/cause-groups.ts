// What is told in one paragraph: everything that one cause broke or mended at once. What is open now is grouped in causes.ts.
import type { NoticeSubject } from './notice.ts';
import { type Owner, type Severity, severities } from './rule.ts';
import { listedOf } from './telling.ts';
import type { Transition, TransitionKind } from './transition.ts';
import { compareText } from './words.ts';

/** One thing that a cause broke, or that is mended again. */
export interface Affected {
  readonly organization: { readonly id: string; readonly name: string };
  readonly subject: string;
  readonly target?: string;
  /** ISO 8601, UTC. */
  readonly since: string;
}

/** All that one cause did, in one notice: one paragraph, one remedy, one text for the support case of all of them. */
export interface CauseGroup {
  readonly kind: TransitionKind;
  /** Equal for the same cause in every notice: rule, owner and what broke, without names. */
  readonly cause: string;
  readonly rule?: string;
  readonly owner?: Owner;
  /** The worst of them. */
  readonly severity?: Severity;
  /** The sentence about the first of them; about the others it differs in names only. */
  readonly message: string;
  readonly observed?: string;
  readonly remedy?: string;
  readonly supportCase?: string;
  /** In order of organization, subject and target; the first is the one that `message` speaks of. */
  readonly affected: readonly Affected[];
  /** How many are affected, where not all of them are named. */
  readonly count: number;
}

/** Names in the text for a support case, behind the first. */
const namesInSupportCase = 200;

const group: Readonly<Record<TransitionKind, number>> = {
  opened: 0,
  reopened: 0,
  worsened: 0,
  flapping: 1,
  blind: 2,
  went_unknown: 2,
  reminded: 3,
  reminder: 3,
  steady: 4,
  seeing: 5,
  resolved: 6,
  accepted: 7,
  silenced: 7,
  added: 8,
  removed: 9,
};

/** Groups what is listed of these subjects by cause: new ones first, worst first, then the ones that broke most. Pure. */
export function causeGroupsOf(subjects: readonly NoticeSubject[]): readonly CauseGroup[] {
  const all = subjects.flatMap(({ organization, subject, transitions }) =>
    listedOf(transitions).map((transition) => ({ organization, subject, transition })),
  );
  return [...Map.groupBy(all, ({ transition }) => `${transition.kind} ${causeOf(transition)}`).values()]
    .map((members): CauseGroup => {
      const inOrder = members.toSorted(
        (a, b) =>
          compareText(a.organization.id, b.organization.id) ||
          compareText(a.subject, b.subject) ||
          compareText(targetOf(a.transition) ?? '', targetOf(b.transition) ?? ''),
      );
      const [{ transition: first }] = inOrder as [(typeof members)[number]];
      return {
        kind: first.kind,
        cause: causeOf(first),
        ...partsOf(first),
        ...supportOf(inOrder.map(({ transition }) => transition)),
        ...worstOf(inOrder.map(({ transition }) => transition)),
        affected: inOrder.flatMap(({ organization, subject, transition }) =>
          affectedBy(organization, subject, transition),
        ),
        count: inOrder.reduce(
          (sum, { transition }) => sum + (transition.of.type === 'watch' ? transition.of.count : 1),
          0,
        ),
      };
    })
    .sort(byRank);
}

/** Rule, owner and what broke: the sentence without the names, addresses and times in it. */
export function causeOf({ subject, of }: Transition): string {
  switch (of.type) {
    case 'finding':
      return [of.rule, of.owner ?? '', withoutNames(of.message, [subject, of.target ?? ''])].join(' ');
    case 'answer':
      return `answer ${of.question} ${of.to}`;
    case 'watch':
      return `watch ${of.cause}`;
    case 'subject':
      return 'subject';
  }
}

/** The sentence with its names gone, so that two sentences about two domains are one. */
function withoutNames(message: string, names: readonly string[]): string {
  const known = names
    .filter((name) => name !== '')
    .flatMap((name) => [name, name.replaceAll('.', '-')])
    .sort((a, b) => b.length - a.length);
  let text = message.slice(0, 2_000).toLowerCase();
  for (const name of known) text = text.replaceAll(name.toLowerCase(), '…');
  return text
    .split(/\s+/)
    .map((word) => (/[…\d]|[^.]\.[^.\s]/.test(word) ? '…' : word))
    .join(' ');
}

function targetOf({ of }: Transition): string | undefined {
  return of.type === 'finding' ? of.target : undefined;
}

function partsOf({ of }: Transition): Omit<CauseGroup, 'kind' | 'cause' | 'affected' | 'count' | 'severity'> {
  if (of.type === 'answer') return { message: '' };
  if (of.type === 'subject') return { message: of.message };
  if (of.type === 'watch') return { message: of.message, ...(of.remedy === '' ? {} : { remedy: of.remedy }) };
  const { rule, owner, message, observed, remedy, supportCase } = of;
  return {
    rule,
    message,
    ...(owner === undefined ? {} : { owner }),
    ...(observed === undefined ? {} : { observed }),
    ...(remedy === undefined ? {} : { remedy }),
    ...(supportCase === undefined ? {} : { supportCase }),
  };
}

/** One text for the support case of all of them: that about the first, and the names of the others. */
function supportOf(transitions: readonly Transition[]): Pick<CauseGroup, 'supportCase'> {
  const [first, ...others] = transitions;
  const text = first?.of.type === 'finding' ? first.of.supportCase : undefined;
  if (text === undefined || others.length === 0) return {};
  const names = others.map((one) => [one.subject, targetOf(one) ?? []].flat().join(' '));
  const left = names.length - namesInSupportCase;
  return {
    supportCase: [
      text,
      `The same cause, ${others.length} more:`,
      ...names.slice(0, namesInSupportCase),
      ...(left > 0 ? [`and ${left} more`] : []),
    ].join('\n'),
  };
}

function worstOf(transitions: readonly Transition[]): Pick<CauseGroup, 'severity'> {
  const present = transitions.flatMap(({ of }) =>
    of.type === 'finding' && of.severity !== undefined ? [of.severity] : [],
  );
  const severity = severities.find((one) => present.includes(one));
  return severity === undefined ? {} : { severity };
}

function affectedBy(organization: Affected['organization'], subject: string, { since, of }: Transition): Affected[] {
  // What is the matter with a watch as such is that of its organization.
  if (of.type === 'watch')
    return (of.subjects.length === 0 ? [organization.id] : of.subjects).map((one) => ({
      organization,
      subject: one,
      since,
    }));
  const target = of.type === 'finding' ? of.target : undefined;
  return [{ organization, subject, since, ...(target === undefined ? {} : { target }) }];
}

function byRank(a: CauseGroup, b: CauseGroup): number {
  const severityRank = ({ severity }: CauseGroup) =>
    severity === undefined ? severities.length : severities.indexOf(severity);
  return (
    group[a.kind] - group[b.kind] ||
    severityRank(a) - severityRank(b) ||
    b.count - a.count ||
    compareText(a.cause, b.cause)
  );
}
