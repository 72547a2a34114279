import { questionTitles } from '../../domain/evaluation.ts';
import type { Delivery, Named, Notice, NoticeSubject, Notifier, PendingNotice } from '../../domain/notice.ts';
import type { OrganizationDocument } from '../../domain/organization.ts';
import { noticeOf } from '../../domain/plan.ts';
import { subjectsWithTables, targetTables } from '../../domain/target-table.ts';
import { answerWords } from '../../domain/words.ts';
import type { RunProgress, Watch } from '../../store/store.ts';
import type { Ports } from '../ports.ts';
import { sumAnswers } from '../runs/status.ts';

/** How long a channel gets to take a notice. */
const sendLimitMs = 20_000;

/** Sends a notice; a channel that cannot be used is a delivery to try again, not an error. */
export async function send(
  { notifierFor }: Pick<Ports, 'notifierFor'>,
  document: OrganizationDocument,
  channel: string,
  notice: Notice,
): Promise<Delivery> {
  let notifier: Notifier;
  try {
    notifier = notifierFor(document, channel);
  } catch (error) {
    // A setting that is missing can be mended, so the notice waits for it.
    return { outcome: 'retry', detail: error instanceof Error ? error.message : String(error) };
  }
  return notifier.send(notice, AbortSignal.timeout(sendLimitMs));
}

/** An organization's part of a notice: what is told of its watch. */
export interface Part {
  readonly document: OrganizationDocument;
  /** Oldest first. */
  readonly notices: readonly PendingNotice[];
  /** The run that is spoken of; that of the newest notice where there is one. */
  readonly runId: string;
}

export function named({ id, name }: OrganizationDocument): Named {
  return { id, name: name ?? id };
}

/** What is told of these organizations' watches of one evaluation, among all subjects that their runs looked at. */
export async function changesOf(
  ports: Pick<Ports, 'store' | 'evaluations' | 'publicUrl'>,
  kind: 'changes' | 'heartbeat',
  evaluationId: string,
  parts: readonly [Part, ...Part[]],
): Promise<Notice> {
  const evaluation = ports.evaluations.of(evaluationId);
  const [{ document: first, runId }] = parts;
  const runs = await Promise.all(parts.map((part) => ports.store.run(part.runId)));
  const subjects = await Promise.all(
    parts.map(async ({ document, notices }) => {
      const byNode = await nodesSideBySide(ports, { organization: document.id, evaluation: evaluationId }, notices);
      return notices.map(({ subject, transitions, answers }): NoticeSubject => {
        const nodes = byNode.get(subject);
        const of = { organization: named(document), subject, transitions, answers };
        return nodes === undefined ? of : { ...of, byNode: nodes };
      });
    }),
  );
  const all = parts.flatMap(({ notices }) => notices);
  return noticeOf({
    kind,
    organization: named(first),
    organizations: parts.map(({ document }) => named(document)),
    evaluation: {
      id: evaluation.id,
      title: evaluation.title,
      questions: questionTitles(evaluation),
      answerWords: evaluation.answerWords ?? answerWords,
    },
    runId,
    at: runs[0]?.run.startedAt ?? latest(all),
    subjects: subjects.flat(),
    totals: totalsOf(runs, all),
    ...(ports.publicUrl === undefined
      ? {}
      : { link: `${ports.publicUrl}/api/pages/organizations/${first.id}/${evaluation.id}` }),
  });
}

type ByNode = NonNullable<NoticeSubject['byNode']>;

/** What was found on the nodes of these subjects, of an evaluation that judges nodes: what is stored of each subject now. */
async function nodesSideBySide(
  { store, evaluations }: Pick<Ports, 'store' | 'evaluations'>,
  watch: Watch,
  notices: readonly PendingNotice[],
): Promise<ReadonlyMap<string, ByNode>> {
  const perNode = new Set(
    evaluations.of(watch.evaluation).rules.flatMap(({ id, per }) => (per === 'node' ? [id] : [])),
  );
  const found = new Map<string, ByNode>();
  const subjects = [...new Set(notices.map(({ subject }) => subject))];
  if (perNode.size === 0 || subjects.length === 0 || subjects.length > subjectsWithTables) return found;
  for (const [subject, { value }] of await store.states(watch, subjects)) {
    const table = targetTables(value.run).find(({ rows }) => rows.some(({ rule }) => perNode.has(rule)));
    if (table !== undefined) found.set(subject, { at: value.run.at, ...table });
  }
  return found;
}

function latest(notices: readonly PendingNotice[]): string {
  return (
    notices
      .map(({ at }) => at)
      .sort()
      .at(-1) ?? ''
  );
}

function totalsOf(runs: readonly (RunProgress | undefined)[], notices: readonly PendingNotice[]): Notice['totals'] {
  const counted = runs.filter((progress) => progress !== undefined);
  if (counted.length === 0) return { subjects: notices.length, answers: {} };
  return {
    subjects: counted.reduce((sum, { run }) => sum + run.subjects, 0),
    answers: sumAnswers(counted.flatMap(({ slices }) => slices)),
  };
}
