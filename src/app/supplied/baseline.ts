import type { AcceptedBaseline } from '../../evaluations/registration.ts';
import { audited } from '../access/audit.ts';
import { subjectsOf } from '../organizations/subjects.ts';
import { watchOf } from '../organizations/watches.ts';
import type { Ports } from '../ports.ts';
import { notFound, Problem } from '../problem.ts';
import { suppliedFacts } from './facts.ts';

/** A baseline counts until another one is accepted. */
const never = '9999-12-31T23:59:59.999Z';

/** A name, not a letter. */
const longestName = 100;

/**
 * Accepts what the supplied facts say of a subject; from the next run on a difference is a finding.
 *
 * @param by who accepts it, where nobody has signed in
 * @throws Problem when there is no such watch or subject, the evaluation knows no baseline, or there are no facts to accept
 */
export async function acceptBaseline(
  ports: Pick<Ports, 'store' | 'log' | 'clock' | 'evaluations' | 'by'>,
  organization: string,
  name: string,
  subjectId: string,
  by?: string,
): Promise<AcceptedBaseline> {
  const { store, log } = ports;
  const { document, watch, evaluation } = await watchOf(ports, organization, name);
  const { baseline } = evaluation;
  if (baseline === undefined) throw new Problem(400, `${name} knows no baseline.`);
  const subject = subjectsOf(evaluation, document).find(({ id }) => id === subjectId);
  if (subject === undefined) throw notFound(`The service "${subjectId}" of "${organization}"`);
  // On one's own machine one may say who one is; elsewhere it is known.
  const acceptedBy = ports.by === undefined || ports.by.kind === 'local' ? by?.trim() : ports.by.name;
  if (acceptedBy !== undefined && (acceptedBy === '' || acceptedBy.length > longestName)) {
    throw new Problem(400, `"by" must be a name of 1 to ${longestName} characters.`);
  }
  const now = ports.clock();
  const supplied = suppliedFacts(await store.facts(watch, [subjectId]), now).get(subjectId);
  const at = now.toISOString();
  const found = supplied && baseline.of(subject, supplied, { at, by: acceptedBy });
  if (found === undefined) throw new Problem(422, baseline.nothing(subject));
  await audited(ports, { action: 'baseline.accept', organization, target: `${name} ${subjectId}` });
  const kept = { ...watch, subject: subjectId, name: 'baseline', observedAt: at, expiresAt: never };
  await store.putFacts([{ ...kept, content: found.facts }]);
  log.info('baseline accepted', { organization, evaluation: name, subject: subjectId, nodes: found.accepted.nodes });
  return found.accepted;
}
