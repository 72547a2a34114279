// What goes out now, together with what, and what waits a moment for its like.
import { causeGroupsOf } from './cause-groups.ts';
import { eventsOf } from './event.ts';
import type { Notice, PendingNotice } from './notice.ts';
import { isAhead } from './time.ts';
import { compareText } from './words.ts';

/** Organizations that share a channel hear of one cause once: so long is waited for the others, from the first look on. */
const windowMs = 10 * 60_000;

/** A waiting row of the outbox, as far as the plan goes by it. */
export interface Waiting {
  readonly notice: PendingNotice;
  /** Not before this (ISO 8601, UTC): put off after a failure, or taken by another deliverer. */
  readonly notBefore?: string;
}

/** Where rows of one channel go: equal for channels of several organizations that have one address. */
export interface Address {
  readonly address: string;
  /** How many organizations have it. */
  readonly organizations: number;
}

export interface Planned<Row extends Waiting> {
  readonly address: string;
  readonly evaluation: string;
  /** Oldest first: "opened" goes out before "resolved", however long the channel was away. */
  readonly rows: readonly Row[];
}

/**
 * Which rows make a notice now. One notice takes all that waits for one address and evaluation, of every run and every
 * organization, once one row of it is due; rows that were put off come along, because whoever tries anyway tries with all
 * of it. Rows taken by another deliverer a moment ago stay away.
 *
 * @param takenForMs how long a deliverer keeps rows to itself
 */
export function planOf<Row extends Waiting>(
  waiting: readonly Row[],
  addressOf: (row: Row) => Address,
  now: Date,
  takenForMs: number,
): readonly Planned<Row>[] {
  const isDue = ({ notBefore }: Row) => notBefore === undefined || Date.parse(notBefore) <= now.getTime();
  const isTaken = ({ notBefore }: Row) =>
    notBefore !== undefined &&
    Date.parse(notBefore) > now.getTime() &&
    Date.parse(notBefore) <= now.getTime() + takenForMs;
  const byAddress = Map.groupBy(waiting, (row) => `${addressOf(row).address}\n${row.notice.evaluation}`);
  return [...byAddress.values()].flatMap((rows): Planned<Row>[] => {
    const free = rows.filter((row) => !isTaken(row)).sort(byTime);
    const [oldest] = free;
    if (oldest === undefined || !free.some(isDue)) return [];
    const { address, organizations } = addressOf(oldest);
    // What a clock that went wrong dated ahead waits for nobody.
    const isYoung = now.getTime() < Date.parse(oldest.notice.at) + windowMs && !isAhead(oldest.notice.at, now);
    const waits = organizations > 1 && isYoung;
    return waits ? [] : [{ address, evaluation: oldest.notice.evaluation, rows: free }];
  });
}

/** A notice with what follows from its subjects: paragraphs by cause, and events. */
export function noticeOf(parts: Omit<Notice, 'causes' | 'events'>): Notice {
  return { ...parts, causes: causeGroupsOf(parts.subjects), events: eventsOf(parts.evaluation.id, parts.subjects) };
}

function byTime(a: Waiting, b: Waiting): number {
  return Date.parse(a.notice.at) - Date.parse(b.notice.at) || compareText(a.notice.subject, b.notice.subject);
}
