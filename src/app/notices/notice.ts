import { questionTitles } from '../../domain/evaluation.ts';
import type { Delivery, Notice, NoticeSubject, Notifier, PendingNotice } from '../../domain/notice.ts';
import type { OrganizationDocument } from '../../domain/organization.ts';
import { subjectsWithTables, targetTables } from '../../domain/target-table.ts';
import { answerWords } from '../../domain/words.ts';
import type { OutboxRow, RunProgress, Watch } from '../../store/store.ts';
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

/** What is told of a run: these rows, among all subjects that the run looked at. */
export async function noticeOf(
  ports: Pick<Ports, 'store' | 'evaluations' | 'publicUrl'>,
  document: OrganizationDocument,
  watch: Watch,
  runId: string,
  rows: readonly OutboxRow[],
): Promise<Notice> {
  const progress = await ports.store.run(runId);
  const evaluation = ports.evaluations.of(watch.evaluation);
  const notices = rows.map(({ notice }) => notice);
  const byNode = await nodesSideBySide(ports, watch, notices);
  return {
    organization: { id: document.id, name: document.name ?? document.id },
    evaluation: {
      id: evaluation.id,
      title: evaluation.title,
      questions: questionTitles(evaluation),
      answerWords: evaluation.answerWords ?? answerWords,
    },
    runId,
    at: progress?.run.startedAt ?? latest(notices),
    subjects: notices.map(({ subject, transitions, answers }) => {
      const nodes = byNode.get(subject);
      return { subject, transitions, answers, ...(nodes === undefined ? {} : { byNode: nodes }) };
    }),
    totals: totalsOf(progress, notices),
    ...(ports.publicUrl === undefined
      ? {}
      : { link: `${ports.publicUrl}/api/pages/organizations/${document.id}/${evaluation.id}` }),
  };
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
  if (perNode.size === 0 || notices.length === 0 || notices.length > subjectsWithTables) return found;
  const states = await store.states(
    watch,
    notices.map(({ subject }) => subject),
  );
  for (const [subject, { value }] of states) {
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

function totalsOf(progress: RunProgress | undefined, notices: readonly PendingNotice[]): Notice['totals'] {
  if (progress === undefined) return { subjects: notices.length, answers: {} };
  return { subjects: progress.run.subjects, answers: sumAnswers(progress.slices) };
}
