import { createHash } from 'node:crypto';
import type { Answer } from '../domain/finding.ts';
import type { Notice, NoticeSubject } from '../domain/notice.ts';
import { type Owner, type Severity, severities } from '../domain/rule.ts';
import { byWorstCell, isOpenCell, type TargetRow } from '../domain/target-table.ts';
import { adviceIn, listedOf } from '../domain/telling.ts';
import type { Transition, TransitionKind } from '../domain/transition.ts';
import { compareText, minuteOf, ownerWords } from '../domain/words.ts';

type OfFinding = Extract<Transition['of'], { type: 'finding' }>;
type OfAnswer = Extract<Transition['of'], { type: 'answer' }>;

/** One thing to tell. Texts are as they came: the renderer makes them safe for its channel. */
export interface Item {
  readonly kind: TransitionKind;
  readonly subject: string;
  /** ISO 8601, UTC. */
  readonly since: string;
  readonly message: string;
  readonly rule?: string;
  readonly target?: string;
  readonly severity?: Severity;
  readonly owner?: Owner;
  readonly observed?: string;
  readonly remedy?: string;
}

/** One question with its answers in words. */
interface QuestionSummary {
  readonly title: string;
  /** `54 yes, 20 no of 74`, or the answer alone when one subject is watched; empty when the run counted none. */
  readonly now: string;
  /** `20 turned from yes to no`; empty when nothing changed. */
  readonly changes: readonly string[];
}

/** The nodes of one subject side by side, in what is not fine on all of them. */
export interface NodeTable {
  readonly subject: string;
  /** When the nodes were looked at (ISO 8601, UTC). */
  readonly at: string;
  readonly nodes: readonly string[];
  /** Rules that do more than pass on some node, worst first. */
  readonly rows: readonly TargetRow[];
  /** `The other 23 rules pass or do not apply on every node.`; empty when there are none. */
  readonly others: string;
}

/** What a notice says, in the order and words that every channel uses. */
export interface Summary {
  /** `Contoso: 20 new problems in DKIM`. */
  readonly heading: string;
  /** `run of 2026-11-24 09:30 UTC · 74 watched`. */
  readonly subtitle: string;
  readonly tone: 'attention' | 'warning' | 'good' | 'emphasis';
  /** What is counted, without advice; only kinds that occur, in this order. */
  readonly counts: readonly { readonly label: string; readonly kind: TransitionKind; readonly count: number }[];
  /** Findings of severity `low` and `info` that changed: counted, never listed. */
  readonly advice: number;
  readonly questions: readonly QuestionSummary[];
  /** One for each subject with several nodes, worst first. */
  readonly nodeTables: readonly NodeTable[];
  /** Worst first. */
  readonly items: readonly Item[];
  /** Equal for the same notice sent twice, so that a person or a ticketing system can tell a repetition. */
  readonly fingerprint: string;
}

/** In order of showing. */
const kindWords: Readonly<Record<TransitionKind, { label: string; count(n: number): string }>> = {
  opened: { label: 'New', count: (n) => `${n} new ${n === 1 ? 'problem' : 'problems'}` },
  worsened: { label: 'Worsened', count: (n) => `${n} worsened` },
  went_unknown: { label: 'Could not look', count: (n) => `${n} could not be looked at` },
  reminder: { label: 'Still failing', count: (n) => `${n} still failing` },
  resolved: { label: 'Resolved', count: (n) => `${n} resolved` },
  added: { label: 'Added', count: (n) => `${n} added to the watch` },
  removed: { label: 'Removed', count: (n) => `${n} removed from the watch` },
};

const kindsInOrder = Object.keys(kindWords) as readonly TransitionKind[];

/** What a kind of transition is called above an item. */
export function kindLabel(kind: TransitionKind): string {
  return kindWords[kind].label;
}

/** Puts a notice in order: counts, answers, items worst first. Pure. */
export function summarize(notice: Notice): Summary {
  const listed = notice.subjects.flatMap(({ transitions }) => listedOf(transitions));
  const advice = notice.subjects.reduce((sum, { transitions }) => sum + adviceIn(transitions), 0);
  const items = listed.map((one) => item(one, notice)).sort(byRank);
  const counts = kindsInOrder
    .map((kind) => ({ kind, label: kindWords[kind].label, count: items.filter((one) => one.kind === kind).length }))
    .filter(({ count }) => count > 0);
  return {
    heading: heading(notice, counts, advice),
    subtitle: `run of ${minuteOf(notice.at)} · ${notice.totals.subjects} watched`,
    tone: toneOf(new Set(counts.map(({ kind }) => kind))),
    counts,
    advice,
    questions: Object.entries(notice.evaluation.questions)
      .map(([id, title]) => questionSummary(id, title, notice))
      .filter(({ now, changes }) => now !== '' || changes.length > 0),
    nodeTables: notice.subjects.flatMap(nodeTable).sort(byWorstRow),
    items,
    fingerprint: fingerprintOf(notice),
  };
}

/**
 * What was left out after the items shown in full: new and worsened ones by who has to mend them, the others by kind.
 * `30 Microsoft, 7 customer DNS, 2 resolved`.
 */
export function countRest(rest: readonly Item[]): string {
  const groups = new Map<string, number>();
  for (const { kind, owner } of rest) {
    const isNew = kind === 'opened' || kind === 'worsened';
    const words = isNew && owner !== undefined ? ownerWords[owner] : kindWords[kind].label.toLowerCase();
    groups.set(words, (groups.get(words) ?? 0) + 1);
  }
  return [...groups]
    .sort(([, a], [, b]) => b - a)
    .map(([words, count]) => `${count} ${words}`)
    .join(', ');
}

function item(transition: Transition, notice: Notice): Item {
  const { kind, subject, since, of } = transition;
  if (of.type === 'finding') return { kind, subject, since, ...findingParts(of) };
  if (of.type === 'subject') return { kind, subject, since, message: of.message };
  return { kind, subject, since, message: answerSentence(of, notice) };
}

function findingParts({ rule, target, severity, owner, message, observed, remedy }: OfFinding) {
  return {
    rule,
    message,
    ...(target === undefined ? {} : { target }),
    ...(severity === undefined ? {} : { severity }),
    ...(owner === undefined ? {} : { owner }),
    ...(observed === undefined ? {} : { observed }),
    ...(remedy === undefined ? {} : { remedy }),
  };
}

function answerSentence({ question, from, to }: OfAnswer, notice: Notice): string {
  const title = notice.evaluation.questions[question] ?? question;
  const now = notice.evaluation.answerWords[to];
  return from === undefined
    ? `${title} ${now}, seen for the first time.`
    : `${title} ${now}, before it was ${notice.evaluation.answerWords[from]}.`;
}

function byRank(a: Item, b: Item): number {
  return (
    kindRank(a) - kindRank(b) ||
    severityRank(a) - severityRank(b) ||
    compareText(a.subject, b.subject) ||
    compareText(a.rule ?? '', b.rule ?? '') ||
    compareText(a.target ?? '', b.target ?? '')
  );
}

/** New and worsened ones stand together: how bad it is counts more than which of the two it is. */
function kindRank({ kind }: Item): number {
  return kind === 'worsened' ? kindsInOrder.indexOf('opened') : kindsInOrder.indexOf(kind);
}

function severityRank({ severity }: Item): number {
  return severity === undefined ? severities.length : severities.indexOf(severity);
}

function heading(notice: Notice, counts: Summary['counts'], advice: number): string {
  const parts = counts.map(({ kind, count }) => kindWords[kind].count(count));
  if (parts.length === 0 && advice === 0) parts.push('nothing new');
  else if (parts.length === 0) parts.push(advice === 1 ? '1 new remark' : `${advice} new remarks`);
  const [only, ...others] = notice.subjects;
  const about =
    only !== undefined && others.length === 0 && only.subject !== notice.organization.id ? ` for ${only.subject}` : '';
  return `${notice.organization.name}: ${parts.join(', ')} in ${notice.evaluation.title}${about}`;
}

function toneOf(kinds: ReadonlySet<TransitionKind>): Summary['tone'] {
  if (kinds.has('opened') || kinds.has('worsened') || kinds.has('reminder')) return 'attention';
  if (kinds.has('went_unknown')) return 'warning';
  return kinds.has('resolved') ? 'good' : 'emphasis';
}

/** Answers in the order in which they are counted. */
const answersInOrder: readonly Answer[] = ['yes', 'no', 'undetermined', 'not_applicable'];

function questionSummary(id: string, title: string, notice: Notice): QuestionSummary {
  const totals = notice.totals.answers[id] ?? {};
  const present = answersInOrder.filter((answer) => (totals[answer] ?? 0) > 0);
  const { answerWords } = notice.evaluation;
  const [only] = present;
  const counted = present.map((answer) => `${totals[answer]} ${answerWords[answer]}`).join(', ');
  const now =
    only === undefined
      ? ''
      : notice.totals.subjects === 1
        ? answerWords[only]
        : `${counted} of ${notice.totals.subjects}`;
  return { title, now, changes: answerChanges(id, notice) };
}

function answerChanges(question: string, notice: Notice): string[] {
  const changes = new Map<string, number>();
  for (const { transitions } of notice.subjects) {
    for (const { of } of transitions) {
      if (of.type !== 'answer' || of.question !== question) continue;
      const to = notice.evaluation.answerWords[of.to];
      const words =
        of.from === undefined
          ? `seen for the first time as ${to}`
          : `turned from ${notice.evaluation.answerWords[of.from]} to ${to}`;
      changes.set(words, (changes.get(words) ?? 0) + 1);
    }
  }
  return [...changes].map(([words, count]) => (notice.totals.subjects === 1 ? words : `${count} ${words}`));
}

function nodeTable({ subject, byNode }: NoticeSubject): NodeTable[] {
  if (byNode === undefined) return [];
  const rows = byNode.rows.filter(({ cells }) => cells.some(isOpenCell)).sort(byWorstCell);
  return [
    {
      subject,
      at: byNode.at,
      nodes: byNode.targets,
      rows,
      others: othersWords(byNode.rows.length - rows.length, byNode.rows.length),
    },
  ];
}

function othersWords(others: number, all: number): string {
  if (others === 0) return '';
  if (others === 1) return 'The other rule passes or does not apply on every node.';
  return `${others === all ? 'All' : 'The other'} ${others} rules pass or do not apply on every node.`;
}

function byWorstRow(a: NodeTable, b: NodeTable): number {
  const [worstOfA] = a.rows;
  const [worstOfB] = b.rows;
  if (worstOfA === undefined || worstOfB === undefined) return b.rows.length - a.rows.length;
  return byWorstCell(worstOfA, worstOfB);
}

function fingerprintOf(notice: Notice): string {
  const hash = createHash('sha256').update(
    JSON.stringify([notice.organization.id, notice.evaluation.id, notice.runId]),
  );
  const keys = notice.subjects.flatMap(({ subject, transitions }) =>
    transitions.map(({ kind, of }) =>
      JSON.stringify([
        subject,
        kind,
        of.type,
        ...(of.type === 'finding' ? [of.rule, of.target] : []),
        ...(of.type === 'answer' ? [of.question] : []),
      ]),
    ),
  );
  for (const key of keys.sort()) hash.update(key);
  return hash.digest('hex').slice(0, 12);
}
