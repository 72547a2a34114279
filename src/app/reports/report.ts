import type { OrganizationDocument } from '../../domain/organization.ts';
import { endingOf, type ReportFormat } from '../../domain/report-format.ts';
import type { Reported } from '../../pages/index.ts';
import { arrangedOf, runbooksOfWatch } from '../evaluations/runbook.ts';
import { shownStates } from '../organizations/states.ts';
import { storedOrganization, watchesOf, watchOf } from '../organizations/watches.ts';
import type { Ports } from '../ports.ts';
import { mediaTypes, reportAs } from './formats.ts';

/** A report that somebody keeps or hands on. */
export interface Report {
  readonly body: string | Uint8Array;
  readonly mediaType: string;
  /** What a file of it is called. */
  readonly name: string;
}

/**
 * All that is known of an organization, or of one of its evaluations.
 *
 * @param evaluation of which alone; of all that the document declares, when left out
 * @throws Problem when there is no such organization or evaluation
 */
export async function report(
  ports: Pick<Ports, 'store' | 'evaluations' | 'clock'>,
  organization: string,
  evaluation: string | undefined,
  format: ReportFormat,
): Promise<Report> {
  const document =
    evaluation === undefined
      ? (await storedOrganization(ports, organization)).value
      : (await watchOf(ports, organization, evaluation)).document;
  const ids =
    evaluation === undefined ? watchesOf(ports.evaluations, document).map((watch) => watch.evaluation) : [evaluation];
  const runs: Reported[] = [];
  for (const id of ids) {
    for (const { run, since, runs: same, findings, answers } of await shownStates(ports, {
      organization,
      evaluation: id,
    }))
      runs.push({ ...run, memory: { since, runs: same, findings, answers } });
  }
  const evaluations = await Promise.all(
    ids.map(async (id) => {
      const one = ports.evaluations.of(id);
      const ofIt = runs.filter((run) => run.evaluation === id);
      const found = await runbooksOfWatch(ports, one, document, { organization, evaluation: id }, ofIt);
      return { ...one, runbooks: arrangedOf(found) };
    }),
  );
  const body = await reportAs(format, runs, {
    ...optionsOf(document, evaluations.length === 1 ? evaluations[0]?.title : undefined),
    evaluations: Object.fromEntries(evaluations.map((one) => [one.id, one])),
    questions: Object.fromEntries(
      evaluations.flatMap(({ questions }) => questions.map(({ id, title }) => [id, title])),
    ),
    now: ports.clock().toISOString(),
  });
  const name = [organization, ...(evaluation === undefined ? [] : [evaluation]), 'report'].join('-');
  return { body, mediaType: mediaTypes[format], name: `${name}.${endingOf(format)}` };
}

/** The heading, and who hands it on, as a document says. */
export function optionsOf(document: OrganizationDocument, about: string | undefined) {
  const { author, logo } = document.report ?? {};
  const name = document.name ?? document.id;
  return { title: about === undefined ? name : `${name}: ${about}`, author, logo };
}
