import { z } from 'zod';
import { answers } from './finding.ts';
import type { TargetTable } from './target-table.ts';
import { transition } from './transition.ts';
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

/** What is told of one subject. */
export interface NoticeSubject extends Pick<PendingNotice, 'subject' | 'transitions' | 'answers'> {
  /** What the rules found on each of its nodes, of a subject that has several, as it was at `at` (ISO 8601, UTC). */
  readonly byNode?: TargetTable & { readonly at: string };
}

/** What we mean to tell one channel: all that one run of one organization changed. */
export interface Notice {
  readonly organization: { readonly id: string; readonly name: string };
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
  /** How many subjects the run looked at, and how many of them have each answer, by question. */
  readonly totals: {
    readonly subjects: number;
    readonly answers: Readonly<Record<string, Readonly<Record<string, number>>>>;
  };
  /** Where a person reads the whole of it; absent when the app does not know its own public address. */
  readonly link?: string;
}

/** What became of a notice. `detail` never holds a channel's address. */
export type Delivery =
  | { readonly outcome: 'delivered'; readonly detail: string }
  | { readonly outcome: 'retry'; readonly detail: string; readonly afterSeconds?: number }
  | { readonly outcome: 'rejected'; readonly detail: string };

/** Sends a notice to one kind of channel. Never throws for what the other side does: that is a {@link Delivery}. */
export interface Notifier {
  readonly id: string;
  send(notice: Notice, signal: AbortSignal): Promise<Delivery>;
}
