import { z } from 'zod';
import { blocksAnswers } from './answer.ts';
import type { SubjectState } from './compare.ts';
import type { Answer } from './finding.ts';
import { isSilence } from './statement.ts';
import { isNewsWhenUnknown } from './telling.ts';

/** What a watch comes to, in numbers. */
export const watchCounts = z.object({
  subjects: z.number(),
  /** Subjects by question, then answer. */
  answers: z.record(z.string(), z.record(z.string(), z.number())),
  /** Subjects by the worst of their answers: no, undetermined, yes, not applicable. */
  worst: z.record(z.string(), z.number()),
  /** Fails by severity, then owner. */
  open: z.record(z.string(), z.record(z.string(), z.number())),
  /** Fails that are no more than advice. */
  advice: z.number(),
  /** Findings of which nobody could look, though somebody should have. */
  unknown: z.number(),
  /** Incidents that are open and, as of the last look, accepted or silenced; among `open` all the same. */
  accepted: z.number().default(0),
  silenced: z.number().default(0),
});

export type WatchCounts = z.infer<typeof watchCounts>;

export function noCounts(): WatchCounts {
  return { subjects: 0, answers: {}, worst: {}, open: {}, advice: 0, unknown: 0, accepted: 0, silenced: 0 };
}

/** Adds what is known of one subject. */
export function count(counts: WatchCounts, { run, findings }: Pick<SubjectState, 'run' | 'findings'>): void {
  counts.subjects += 1;
  for (const [question, answer] of Object.entries(run.answers)) {
    counts.answers[question] ??= {};
    addTo(counts.answers[question], answer);
  }
  addTo(counts.worst, worstOf(Object.values(run.answers)));
  for (const { open, hushedBy } of Object.values(findings)) {
    if (open === undefined || hushedBy === undefined) continue;
    if (isSilence(hushedBy)) counts.silenced += 1;
    else counts.accepted += 1;
  }
  for (const finding of run.findings) {
    if (isNewsWhenUnknown(finding)) counts.unknown += 1;
    if (finding.verdict !== 'fail') continue;
    if (!blocksAnswers(finding)) counts.advice += 1;
    const severity = finding.severity ?? 'info';
    counts.open[severity] ??= {};
    addTo(counts.open[severity], finding.owner ?? 'unknown');
  }
}

/** The one that a person has to hear first; nothing asked is not applicable. */
export function worstOf(answers: readonly Answer[]): Answer {
  const order: readonly Answer[] = ['no', 'undetermined', 'yes'];
  return order.find((answer) => answers.includes(answer)) ?? 'not_applicable';
}

function addTo(counts: Record<string, number>, key: string): void {
  counts[key] = (counts[key] ?? 0) + 1;
}
