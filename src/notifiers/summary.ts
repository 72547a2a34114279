import { createHash } from 'node:crypto';
import type { Affected, CauseGroup } from '../domain/cause-groups.ts';
import { wholeWatch } from '../domain/event.ts';
import type { Answer } from '../domain/finding.ts';
import type { Digest, Named, Notice, NoticeSubject } from '../domain/notice.ts';
import type { Owner, Severity } from '../domain/rule.ts';
import { byWorstCell, isOpenCell, type TargetRow } from '../domain/target-table.ts';
import { adviceIn } from '../domain/telling.ts';
import { dayOf } from '../domain/time.ts';
import type { Transition, TransitionKind } from '../domain/transition.ts';
import { compareText, enumerateFirst, minuteOf, ownerWords } from '../domain/words.ts';

type OfAnswer = Extract<Transition['of'], { type: 'answer' }>;

/** One thing to tell: all that one cause did. Texts are as they came: the renderer makes them safe for its channel. */
export interface Item {
  readonly kind: TransitionKind;
  /** The one that `message` speaks of. */
  readonly subject: string;
  /** How many it concerns. */
  readonly count: number;
  /** Names of all that it concerns, as far as they are known, in order: `Contoso: contoso.com` where several organizations are told of. */
  readonly names: readonly string[];
  /** Since when the first of them: ISO 8601, UTC. */
  readonly since: string;
  readonly message: string;
  readonly rule?: string;
  readonly target?: string;
  readonly severity?: Severity;
  readonly owner?: Owner;
  readonly observed?: string;
  readonly remedy?: string;
  readonly supportCase?: string;
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
  /** `Contoso (contoso)`, or the first of several. */
  readonly from: string;
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
  /** Worst first; of a digest oldest first. */
  readonly items: readonly Item[];
  /** Of a digest: what comes, what is accepted or silenced, how it was a week ago. */
  readonly lines: readonly string[];
  /** Equal for the same notice sent twice, so that a person or a ticketing system can tell a repetition. */
  readonly fingerprint: string;
}

/** In order of showing. */
const kindWords: Readonly<Record<TransitionKind, { label: string; count(n: number): string }>> = {
  opened: { label: 'New', count: (n) => `${n} new ${n === 1 ? 'problem' : 'problems'}` },
  reopened: { label: 'Back again', count: (n) => `${n} back again` },
  worsened: { label: 'Worsened', count: (n) => `${n} worsened` },
  flapping: { label: 'Flapping', count: (n) => `${n} flapping` },
  blind: { label: 'Could not look', count: (n) => `${n} could not be looked at` },
  went_unknown: { label: 'Could not look', count: (n) => `${n} could not be looked at` },
  reminded: { label: 'Still failing', count: (n) => `${n} still failing` },
  reminder: { label: 'Still failing', count: (n) => `${n} still failing` },
  steady: { label: 'Steady again', count: (n) => `${n} steady again` },
  seeing: { label: 'Can be judged again', count: (n) => `${n} can be judged again` },
  resolved: { label: 'Resolved', count: (n) => `${n} resolved` },
  accepted: { label: 'Accepted', count: (n) => `${n} accepted` },
  silenced: { label: 'Silenced', count: (n) => `${n} silenced` },
  added: { label: 'Added', count: (n) => `${n} added to the watch` },
  removed: { label: 'Removed', count: (n) => `${n} removed from the watch` },
};

const kindsInOrder = Object.keys(kindWords) as readonly TransitionKind[];

/** What a kind of transition is called above an item. */
export function kindLabel(kind: TransitionKind): string {
  return kindWords[kind].label;
}

/** Deadlines that a digest names. */
const deadlinesShown = 8;

/** Puts a notice in order: counts, answers, one item for each cause. Pure. */
export function summarize(notice: Notice): Summary {
  const advice = notice.subjects.reduce((sum, { transitions }) => sum + adviceIn(transitions), 0);
  const items = notice.causes.map((cause) => item(cause, notice));
  const counts = kindsInOrder
    .map((kind) => ({
      kind,
      label: kindWords[kind].label,
      count: items.reduce((sum, one) => sum + (one.kind === kind ? one.count : 0), 0),
    }))
    .filter(({ count }) => count > 0);
  return {
    heading: heading(notice, counts, advice),
    from: fromWords(notice),
    subtitle: subtitle(notice),
    tone: toneOf(new Set(counts.map(({ kind }) => kind))),
    counts,
    advice,
    questions: Object.entries(notice.evaluation.questions)
      .map(([id, title]) => questionSummary(id, title, notice))
      .filter(({ now, changes }) => now !== '' || changes.length > 0),
    nodeTables: notice.subjects.flatMap(nodeTable).sort(byWorstRow),
    items,
    lines: notice.digest === undefined ? [] : digestLines(notice.digest, notice),
    fingerprint: fingerprintOf(notice),
  };
}

/**
 * What was left out after the items shown in full: new and worsened ones by who has to mend them, the others by kind.
 * `30 Microsoft, 7 customer DNS, 2 resolved`.
 */
export function countRest(rest: readonly Item[]): string {
  const groups = new Map<string, number>();
  for (const { kind, owner, count } of rest) {
    const isNew = kind === 'opened' || kind === 'worsened' || kind === 'reopened';
    const words = isNew && owner !== undefined ? ownerWords[owner] : kindWords[kind].label.toLowerCase();
    groups.set(words, (groups.get(words) ?? 0) + count);
  }
  return [...groups]
    .sort(([, a], [, b]) => b - a)
    .map(([words, count]) => `${count} ${words}`)
    .join(', ');
}

/** Of how many things these items tell. */
export function countOf(items: readonly Item[]): number {
  return items.reduce((sum, { count }) => sum + count, 0);
}

function item({ cause: _cause, affected, ...group }: CauseGroup, notice: Notice): Item {
  const [first] = affected;
  const about = first?.subject ?? notice.organization.name;
  return {
    ...group,
    subject: about,
    names: namesOf(affected, notice),
    since: affected.map(({ since }) => since).sort(compareText)[0] ?? notice.at,
    message: group.message === '' ? answerOfFirst(about, notice) : group.message,
    ...(affected.length === 1 && first?.target !== undefined ? { target: first.target } : {}),
  };
}

/** Each subject once; with its target where several of one subject are told, with its organization where there are several. */
function namesOf(affected: readonly Affected[], { organizations }: Notice): readonly string[] {
  const bySubject = Map.groupBy(affected, ({ organization, subject }) => `${organization.id} ${subject}`);
  return [...bySubject.values()].map((ofOne) => {
    const { organization, subject } = ofOne[0] as Affected;
    const targets = ofOne.flatMap(({ target }) => target ?? []);
    const name = ofOne.length > 1 && targets.length > 0 ? `${subject} (${targets.join(', ')})` : subject;
    if (subject === organization.id) return organization.name;
    return organizations.length > 1 ? `${organization.name}: ${name}` : name;
  });
}

function answerOfFirst(subject: string, notice: Notice): string {
  const of = notice.subjects
    .find((one) => one.subject === subject)
    ?.transitions.map((transition) => transition.of)
    .find((one) => one.type === 'answer');
  return of === undefined ? '' : answerSentence(of, notice);
}

function fromWords({ organizations, organization: { name, id } }: Notice): string {
  if (organizations.length > 1)
    return enumerateFirst(
      organizations.map((one) => one.name),
      3,
    );
  return name === id ? name : `${name} (${id})`;
}

function subtitle({ kind, at, totals, digest }: Notice): string {
  if (kind === 'digest') return `digest of ${minuteOf(at)} · ${digest?.watched ?? 0} watched`;
  if (kind === 'sample') return 'a sample: nothing of it is so';
  return `run of ${minuteOf(at)} · ${totals.subjects} watched`;
}

function digestLines({ deadlines, accepted, silenced, trend }: Digest, { organizations }: Notice): string[] {
  const of = (named: Named) => (organizations.length > 1 ? `${named.name}: ` : '');
  const left = deadlines.length - deadlinesShown;
  return [
    trend.before === undefined ? `Open now: ${trend.now}.` : `Open now: ${trend.now}; a week ago: ${trend.before}.`,
    ...(accepted > 0 ? [`Accepted: ${accepted}; not counted among them.`] : []),
    ...(silenced > 0 ? [`Silenced: ${silenced}; not counted among them.`] : []),
    ...deadlines
      .slice(0, deadlinesShown)
      .map(({ at, organization, what }) => `${dayOf(at)}: ${of(organization)}${what}`),
    ...(left > 0 ? [`and ${left} more dates.`] : []),
  ];
}

function answerSentence({ question, from, to }: OfAnswer, notice: Notice): string {
  const title = notice.evaluation.questions[question] ?? question;
  const now = notice.evaluation.answerWords[to];
  return from === undefined
    ? `${title} ${now}, seen for the first time.`
    : `${title} ${now}, before it was ${notice.evaluation.answerWords[from]}.`;
}

function heading(notice: Notice, counts: Summary['counts'], advice: number): string {
  const { organizations, organization, evaluation } = notice;
  const who = organizations.length > 1 ? `${organizations.length} organizations` : organization.name;
  const parts = counts.map(({ kind, count }) => kindWords[kind].count(count));
  if (notice.kind === 'digest') return `${who}: the week: ${parts.length === 0 ? 'nothing is open' : parts.join(', ')}`;
  if (parts.length === 0 && advice === 0) parts.push('nothing new');
  else if (parts.length === 0) parts.push(advice === 1 ? '1 new remark' : `${advice} new remarks`);
  const [only, ...others] = notice.subjects;
  const about =
    only !== undefined &&
    others.length === 0 &&
    only.subject !== organization.id &&
    !only.subject.startsWith(wholeWatch)
      ? ` for ${only.subject}`
      : '';
  const what = `${who}: ${parts.join(', ')} in ${evaluation.title}${about}`;
  return notice.kind === 'sample' ? `Sample. ${what}` : what;
}

function toneOf(kinds: ReadonlySet<TransitionKind>): Summary['tone'] {
  const has = (...of: TransitionKind[]) => of.some((kind) => kinds.has(kind));
  if (has('opened', 'reopened', 'worsened', 'reminded', 'reminder')) return 'attention';
  if (has('flapping', 'blind', 'went_unknown')) return 'warning';
  return has('resolved', 'steady', 'seeing') ? 'good' : 'emphasis';
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
  const { kind: what, organizations, organization, evaluation, runId } = notice;
  const others = organizations.length > 1 ? organizations.map(({ id }) => id) : [];
  const hash = createHash('sha256').update(
    JSON.stringify([organization.id, evaluation.id, runId, ...(what === 'changes' ? [] : [what]), ...others]),
  );
  const keys = notice.subjects.flatMap(({ subject, organization: whose, transitions }) =>
    transitions.map(({ kind, of }) =>
      JSON.stringify([
        ...(others.length === 0 ? [] : [whose.id]),
        subject,
        kind,
        of.type,
        ...(of.type === 'finding' ? [of.rule, of.target] : []),
        ...(of.type === 'answer' ? [of.question] : []),
        ...(of.type === 'watch' ? [of.cause] : []),
      ]),
    ),
  );
  for (const key of keys.sort()) hash.update(key);
  return hash.digest('hex').slice(0, 12);
}
