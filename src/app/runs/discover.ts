import type { Evaluation } from '../../domain/evaluation.ts';
import { Unobtainable } from '../../domain/fact-set.ts';
import type { OrganizationDocument } from '../../domain/organization.ts';
import type { Subject } from '../../domain/subject.ts';
import type { Watch } from '../../store/store.ts';
import { evaluationNamed } from '../evaluations/requests.ts';
import { subjectsOf } from '../organizations/subjects.ts';
import type { Ports } from '../ports.ts';
import type { KnownSubjects } from './whole.ts';

/** Domains of a tenant. Where the list is not `complete`, one that is missing has not been proven to be gone. */
interface Discovered {
  readonly domains: readonly string[];
  readonly complete: boolean;
}

/**
 * The domains of a document that names none: what the tenant lists, else what supplied exports speak of.
 *
 * @param known what is kept about the watch
 */
export async function discover(
  ports: Pick<Ports, 'world' | 'log'>,
  document: OrganizationDocument,
  evaluation: Evaluation,
  known: KnownSubjects,
): Promise<Discovered> {
  const { log } = ports;
  const watch: Watch = { organization: document.id, evaluation: evaluation.id };
  const withWatched = async (domains: readonly string[]): Promise<Discovered> => {
    const { others } = await known.compareSubjects(watch, domains);
    return { domains: [...domains, ...others], complete: false };
  };
  const settings = evaluation.settings.parse(document.evaluations[evaluation.id]);
  const from = evaluation.discovery?.(settings) ?? [];
  try {
    const listed = from.includes('tenant') ? await listedDomains(ports, document) : undefined;
    if (listed?.complete === true) return listed;
    // What a list that was cut short leaves out stays watched: it has not been proven to be gone.
    if (listed !== undefined) return withWatched(listed.domains);
  } catch (error) {
    if (!(error instanceof Unobtainable)) throw error;
    // What was watched stays watched: its facts are unknown now, and that is told in time.
    log.error('domains of the tenant not listed', { ...watch, reason: error.reason, detail: error.message });
    return withWatched([]);
  }
  const supplied = from.includes('supplied-facts') ? await known.subjectsWithFacts(watch) : [];
  return { domains: supplied, complete: true };
}

/** The domains that the document's tenant lists; undefined when nobody may sign in to it. @throws Unobtainable */
async function listedDomains(
  { world, log }: Pick<Ports, 'world' | 'log'>,
  { id, tenant }: OrganizationDocument,
): Promise<Discovered | undefined> {
  if (tenant?.id === undefined) return undefined;
  const listed = await world.discover({ id: tenant.id, cloud: tenant.cloud });
  for (const note of listed?.notes ?? []) log.warn('domains of the tenant', { organization: id, note });
  return listed;
}

/**
 * What a document watches with an evaluation; its tenant's domains where it names none and `supplied` names none either.
 *
 * @throws Problem when there is no such evaluation; Unobtainable when the tenant does not list its domains
 */
export async function watchedSubjects(
  ports: Pick<Ports, 'world' | 'log' | 'evaluations'>,
  document: OrganizationDocument,
  evaluation: string,
  supplied: readonly string[],
): Promise<readonly Subject[]> {
  const discovered = supplied.length > 0 ? supplied : ((await listedDomains(ports, document))?.domains ?? []);
  return subjectsOf(evaluationNamed(ports.evaluations, evaluation), document, discovered);
}
