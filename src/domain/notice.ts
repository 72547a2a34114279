import { z } from 'zod';
import type { CauseGroup } from './cause-groups.ts';
import { answers } from './finding.ts';
import type { TargetTable } from './target-table.ts';
import { type Transition, transition } from './transition.ts';
import type { AnswerWords } from './words.ts';

/** What waits to be told: the transitions of one subject in one run, for one channel. A row of the outbox. */
export const pendingNotice = z.object({
  organization: z.string(),
  evaluation: z.string(),
  channel: z.string(),
  runId: z.string(),
  subject: z.string(),
  /** ISO 8601, UTC. */
  at: z.string(),
  transitions: z.array(transition),
  answers: z.record(z.string(), z.enum(answers)),
});

export type PendingNotice = z.infer<typeof pendingNotice>;

/** An organization as people know it. */
export interface Named {
  readonly id: string;
  readonly name: string;
}

/** What is told of one subject. */
export interface NoticeSubject extends Pick<PendingNotice, 'subject' | 'transitions' | 'answers'> {
  readonly organization: Named;
  /** Of a digest, which is of several evaluations: whose it is. */
  readonly evaluation?: string;
  /** What the rules found on each of its nodes, of a subject that has several, as it was at `at` (ISO 8601, UTC). */
  readonly byNode?: TargetTable & { readonly at: string };
}

/**
 * What we mean to tell one channel at once, by `kind`:
 *
 * - `changes`: what changed, of one evaluation, in every organization that shares the channel's address;
 * - `digest`: once a week, what is still so (`digest`); of all evaluations of those organizations;
 * - `heartbeat`: that all is running, to channels that ask for it;
 * - `sample`: made up, to try a channel out.
 *
 * Channels for people write `causes`, one paragraph each; channels for programs send `events`, one each, in order.
 */
export interface Notice {
  readonly kind: 'changes' | 'digest' | 'heartbeat' | 'sample';
  /** The organization whose channel it is; of several the first. */
  readonly organization: Named;
  /** All whose changes it tells, in order of id. */
  readonly organizations: readonly Named[];
  readonly evaluation: {
    readonly id: string;
    readonly title: string;
    readonly questions: Readonly<Record<string, string>>;
    /** How people say its answers. */
    readonly answerWords: AnswerWords;
  };
  readonly runId: string;
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly subjects: readonly NoticeSubject[];
  /** What is told, by cause. */
  readonly causes: readonly CauseGroup[];
  /** The same incident by incident: one for each transition that is told, in the order in which it happened. */
  readonly events: readonly IncidentEvent[];
  /** Of a `digest`. */
  readonly digest?: Digest;
  /** How many subjects the run looked at, and how many of them have each answer, by question. */
  readonly totals: {
    readonly subjects: number;
    readonly answers: Readonly<Record<string, Readonly<Record<string, number>>>>;
  };
  /** Where a person reads the whole of it; absent when the app does not know its own public address. */
  readonly link?: string;
}

/** One thing that happened to one incident, or to a whole watch. */
export interface IncidentEvent {
  /** Equal when the same event is told again, and for no other event. */
  readonly id: string;
  readonly type: EventType;
  /** The incident's key; of a watch `<organization>/<evaluation>/*\/blind#<cause>`. */
  readonly key: string;
  readonly organization: Named;
  readonly evaluation: string;
  /** Kind, reason, since, and what it is about: message, owner, remedy, support text. */
  readonly transition: Transition;
}

export const eventTypes = [
  'incident.opened',
  'incident.worsened',
  'incident.resolved',
  'incident.reopened',
  'incident.reminded',
  'incident.accepted',
  'incident.silenced',
  'watch.blind',
  'watch.seeing',
] as const;
export type EventType = (typeof eventTypes)[number];

/** What a week comes to for those who hear of a channel. */
export interface Digest {
  /** Still open or blind, by cause, oldest first; `kind` is `reminded` or `blind`. */
  readonly open: readonly CauseGroup[];
  /** What is coming, soonest first. */
  readonly deadlines: readonly Deadline[];
  /** Accepted and silenced incidents: not among `open`, but never hidden. */
  readonly accepted: number;
  readonly silenced: number;
  /** Open incidents now and a week ago; undefined while there was no digest before. */
  readonly trend: { readonly now: number; readonly before: number | undefined };
  /** Subjects watched. */
  readonly watched: number;
}

export interface Deadline {
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly organization: Named;
  readonly evaluation: string;
  readonly subject: string;
  /** `The Auth certificate ends`: a sentence's start, without the time. */
  readonly what: string;
}

/**
 * What became of a notice. `detail` never holds a channel's address. `sent` are the ids of the events that arrived before
 * the others did not, of a channel that takes them one by one.
 */
export type Delivery =
  | { readonly outcome: 'delivered'; readonly detail: string }
  | {
      readonly outcome: 'retry';
      readonly detail: string;
      readonly afterSeconds?: number;
      readonly sent?: ReadonlySet<string>;
    }
  | { readonly outcome: 'rejected'; readonly detail: string; readonly sent?: ReadonlySet<string> };

/** What happened to a cycle: it began, it looked at what it was to look at, or it did not. */
export interface Cycle {
  readonly phase: 'start' | 'success' | 'fail';
  readonly runId: string;
  /** In a sentence or two, what a person who gets the alarm reads. */
  readonly words: string;
}

/** Sends a notice to one kind of channel. Never throws for what the other side does: that is a {@link Delivery}. */
export interface Notifier {
  readonly id: string;
  send(notice: Notice, signal: AbortSignal): Promise<Delivery>;
  /** Only of a channel that hears of cycles, not of what they find. */
  cycle?(cycle: Cycle, signal: AbortSignal): Promise<Delivery>;
}
