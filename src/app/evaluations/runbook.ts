import { noFacts, type SavedFacts } from '../../domain/fact-set.ts';
import type { Run } from '../../domain/finding.ts';
import { judge } from '../../domain/judge.ts';
import type { OrganizationDocument } from '../../domain/organization.ts';
import type { Runbook } from '../../domain/runbook.ts';
import type { Registration, ToldRunbook } from '../../evaluations/registration.ts';
import type { Watch } from '../../store/store.ts';
import { subjectsOf } from '../organizations/subjects.ts';
import { watchOf } from '../organizations/watches.ts';
import type { Ports } from '../ports.ts';
import { notFound, Problem } from '../problem.ts';
import { suppliedFacts } from '../supplied/facts.ts';

export { runbookMarkdown } from '../../reports/index.ts';

/**
 * The runbook of a watched subject, of what is supplied about it and what was found last.
 *
 * @throws Problem when there is no such watch or subject, or it was not looked at yet (404); when there is none for it (422)
 */
export async function runbook(
  ports: Pick<Ports, 'store' | 'clock' | 'evaluations'>,
  organization: string,
  name: string,
  subjectId: string,
): Promise<unknown> {
  const { document, watch, evaluation } = await watchOf(ports, organization, name);
  const subject = subjectsOf(evaluation, document).find(({ id }) => id === subjectId);
  const state = (await ports.store.states(watch, [subjectId])).get(subjectId);
  if (subject === undefined || state === undefined) throw notFound(`The subject "${subjectId}" of "${organization}"`);
  const told = (await runbooksOfWatch(ports, evaluation, document, watch, [state.value.run])).get(subjectId);
  if (told === undefined) throw new Problem(422, evaluation.runbook?.nothing(subject) ?? `${name} knows no runbook.`);
  return told.json;
}

/** The runbooks of watched subjects, by their ids. @param runs what was found last */
export async function runbooksOfWatch(
  { store, clock }: Pick<Ports, 'store' | 'clock'>,
  evaluation: Registration,
  document: OrganizationDocument,
  watch: Watch,
  runs: readonly Run[],
): Promise<ReadonlyMap<string, ToldRunbook>> {
  if (evaluation.runbook === undefined) return new Map();
  const supplied = suppliedFacts(
    await store.facts(
      watch,
      runs.map(({ subject }) => subject),
    ),
    clock(),
  );
  const saved = subjectsOf(evaluation, document).map((subject) => ({
    subject,
    ...(supplied.get(subject.id) ?? noFacts),
  }));
  return runbooksOf(evaluation, runs, saved);
}

/** The runbooks of subjects that were looked at, by their ids. @param facts as they are, of each subject */
export function runbooksOf(
  evaluation: Registration,
  runs: readonly Run[],
  facts: readonly Pick<SavedFacts, 'subject' | 'facts' | 'parts'>[],
): ReadonlyMap<string, ToldRunbook> {
  const bySubject = new Map(facts.map((saved) => [saved.subject.id, saved]));
  return new Map(
    runs.flatMap((run) => {
      const saved = bySubject.get(run.subject);
      if (saved === undefined) return [];
      const { subject } = saved;
      const [now, planned] =
        run.assumed === undefined ? [run] : [judge(evaluation, subject, saved, { now: new Date(run.at) }), run];
      const told = evaluation.runbook?.of(subject, saved, now, planned);
      return told === undefined ? [] : [[run.subject, told] as const];
    }),
  );
}

/** What reports print of runbooks. */
export function arrangedOf(told: ReadonlyMap<string, ToldRunbook>): ReadonlyMap<string, Runbook> {
  return new Map([...told].map(([subject, { arranged }]) => [subject, arranged]));
}
