import { type FactSet, known, noFacts } from '../domain/fact-set.ts';
import type { OrganizationDocument } from '../domain/organization.ts';
import type { AcceptedBaseline } from '../evaluations/smtp-source-ip/doors.ts';
import { baselineOf } from '../facts/smtp-settings.ts';
import type { Store, Watch } from '../store/store.ts';
import { suppliedFacts } from './facts.ts';
import { notFound, Problem } from './problem.ts';
import { subjectsOf } from './subjects.ts';

/** A baseline counts until another one is accepted. */
const never = '9999-12-31T23:59:59.999Z';

/** A name, not a letter. */
const longestName = 100;

/**
 * Accepts what the supplied facts say of the nodes of an SMTP service; from the next run on a difference is a finding.
 *
 * @param by who accepts it
 * @throws Problem when there is no such service, or there are no facts about any of its nodes
 */
export async function acceptBaseline(
  store: Store,
  document: OrganizationDocument,
  serviceId: string,
  now: Date,
  by?: string,
): Promise<AcceptedBaseline> {
  const watch: Watch = { organization: document.id, evaluation: 'smtp-source-ip' };
  const service = subjectsOf(document, watch.evaluation).find(({ id }) => id === serviceId);
  if (service?.kind !== 'smtp-service') throw notFound(`The service "${serviceId}" of "${document.id}"`);
  const name = by?.trim();
  if (name !== undefined && (name === '' || name.length > longestName)) {
    throw new Problem(400, `"by" must be a name of 1 to ${longestName} characters.`);
  }
  const facts = suppliedFacts(await store.facts(watch, [service.id]), now).get(service.id) ?? noFacts;
  const baseline = baselineOf(facts, service, { at: now, ...(name === undefined ? {} : { by: name }) });
  const nodes = Object.keys(baseline.nodes);
  if (nodes.length === 0) {
    throw new Problem(
      422,
      `There are no facts about any node of ${service.id}, or they have expired; run Collect-SmtpSourceIpFacts.ps1 on every node and supply its files first.`,
    );
  }
  const content: FactSet = {
    facts: { 'smtp-baseline': known(baseline, 'accepted baseline', baseline.acceptedAt) },
    parts: {},
  };
  await store.putFacts([
    { ...watch, subject: service.id, name: 'baseline', observedAt: baseline.acceptedAt, expiresAt: never, content },
  ]);
  const { acceptedAt, collectedAt } = baseline;
  return {
    subject: service.id,
    acceptedAt,
    ...(name === undefined ? {} : { by: name }),
    ...(collectedAt === undefined ? {} : { collectedAt }),
    nodes,
    missing: service.nodes.map((node) => node.name).filter((node) => !nodes.includes(node)),
  };
}
