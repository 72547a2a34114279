// What pages show, as data: the App fills it, and every page is made of nothing else. Times are ISO 8601, UTC.

import type { Cause } from '../domain/causes.ts';
import type { SubjectState } from '../domain/compare.ts';
import type { Counted, MendingStep, Question } from '../domain/evaluation.ts';
import type { Answer } from '../domain/finding.ts';
import type { Owner, Severity } from '../domain/rule.ts';
import type { Statement } from '../domain/statement.ts';
import type { WatchCounts } from '../domain/watch-counts.ts';
import type { AnswerWords } from '../domain/words.ts';

/** An evaluation as pages speak of it. */
export interface EvaluationWords {
  readonly id: string;
  readonly title: string;
  readonly questions: readonly Question[];
  readonly answerWords: AnswerWords;
  readonly counted: Counted;
  readonly mending: readonly MendingStep[] | undefined;
  readonly rules: readonly { readonly id: string; readonly title: string; readonly blocks: readonly string[] }[];
  /** Does it explain what people hand in? */
  readonly explains: boolean;
}

export interface Named {
  readonly id: string;
  readonly name: string;
}

/** What a watch came to with its last run, as it is kept. */
export interface KeptSummary {
  readonly runId: string;
  readonly at: string;
  readonly counts: WatchCounts;
  readonly state?: 'finished' | 'incomplete';
  readonly since?: Readonly<Record<string, string>>;
  readonly causes?: readonly {
    readonly key: string;
    readonly rule: string;
    readonly owner?: Owner;
    readonly severity: Severity;
    readonly what: string;
    readonly isAdvice: boolean;
    readonly subjects: number;
    readonly since?: string;
  }[];
  readonly changed?: {
    readonly kind: 'broke' | 'could not look' | 'mended';
    readonly count: number;
    readonly at: string;
  };
}

/** One evaluation of one organization. */
export interface WatchOverview {
  readonly evaluation: string;
  readonly summary: KeptSummary | undefined;
  /** Runs were due and none has come, in words. */
  readonly late: string | undefined;
}

export interface OverviewView {
  readonly at: string;
  readonly evaluations: readonly EvaluationWords[];
  readonly organizations: readonly (Named & { readonly watches: readonly WatchOverview[] })[];
}

export interface ChannelView {
  readonly organization: Named;
  readonly channel: string;
  readonly kind: string;
  readonly heartbeat: boolean;
  readonly deliveredAt: string | undefined;
  /** Notices that wait, and that it refused for good; `100` is 100 or more. */
  readonly waiting: number;
  readonly oldestWaiting: string | undefined;
  readonly rejected: number;
}

export interface OrganizationView extends Named {
  readonly at: string;
  readonly tenant: string | undefined;
  readonly evaluations: readonly EvaluationWords[];
  readonly watches: readonly (WatchOverview & { readonly schedule: string; readonly next: string | undefined })[];
  readonly channels: readonly ChannelView[];
  readonly facts: readonly {
    readonly evaluation: string;
    readonly name: string;
    readonly subjects: number;
    readonly observedAt: string;
    readonly expiresAt: string;
  }[];
  /** Silences and acceptances that hold or are to come. */
  readonly statements: readonly Statement[];
  /** When its document was replaced, newest first. */
  readonly replaced: readonly string[];
}

export interface RunView {
  readonly runId: string;
  readonly organization: string;
  readonly evaluation: string;
  readonly trigger: string;
  readonly startedAt: string;
  readonly finishedAt?: string;
  readonly state: 'running' | 'finished' | 'incomplete';
  readonly subjects: number;
  readonly done: number;
  readonly answers: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly verdicts: Readonly<Record<string, number>>;
}

export interface WatchView {
  readonly at: string;
  readonly organization: Named;
  readonly evaluation: EvaluationWords;
  /** In order of subject. */
  readonly states: readonly SubjectState[];
  readonly causes: readonly Cause[];
  /** The newest run, when there is one. */
  readonly run: RunView | undefined;
  readonly late: string | undefined;
}

export interface SubjectView {
  readonly at: string;
  readonly organization: Named;
  readonly evaluation: EvaluationWords;
  readonly state: SubjectState;
  /** All that is kept, oldest first, the last known state last. */
  readonly history: readonly SubjectState[];
}

export interface RuleView {
  readonly evaluation: EvaluationWords;
  readonly rule: EvaluationWords['rules'][number] & { readonly severity: Severity };
  /** Markdown; undefined where the page is not there. */
  readonly page: string | undefined;
  readonly failing: readonly (Named & { readonly subjects: number })[];
}

export interface HealthView {
  readonly at: string;
  readonly evaluations: readonly EvaluationWords[];
  readonly status: 'ok' | 'degraded' | 'down';
  readonly storage: string;
  readonly faults: readonly string[];
  readonly unrouted: readonly {
    readonly organization: string;
    readonly evaluation: string;
    readonly changes: number;
    readonly since: string;
  }[];
  readonly channels: readonly ChannelView[];
  /** Newest first. */
  readonly runs: readonly (Pick<RunView, 'runId' | 'evaluation' | 'startedAt' | 'state'> & {
    readonly organization: Named;
    readonly subjects: number;
    readonly finishedAt?: string;
  })[];
}

/** The worst answer to a question in a watch, and of how many subjects. */
export function worstAnswer(counts: Readonly<Record<string, number>> | undefined): {
  answer: Answer;
  count: number;
  of: number;
} {
  const order: readonly Answer[] = ['no', 'undetermined', 'yes'];
  const answer = order.find((one) => (counts?.[one] ?? 0) > 0) ?? 'not_applicable';
  const of = order.reduce((sum, one) => sum + (counts?.[one] ?? 0), 0);
  return { answer, count: counts?.[answer] ?? 0, of };
}
