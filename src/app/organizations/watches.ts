import pMap from 'p-map';
import type { OrganizationDocument } from '../../domain/organization.ts';
import { compareText } from '../../domain/words.ts';
import type { Registration } from '../../evaluations/registration.ts';
import type { Registry } from '../../evaluations/registry.ts';
import { StoreUnavailable, type Versioned, type Watch } from '../../store/store.ts';
import { evaluationNamed } from '../evaluations/requests.ts';
import type { Ports } from '../ports.ts';
import { notFound } from '../problem.ts';

/**
 * Organizations looked after side by side: a tenant takes seconds to list its domains, a channel that hangs takes 20, and
 * there are hundreds.
 */
const organizationsAtOnce = 8;

/** The evaluations that a document declares, in the order of the product's list. */
export function watchesOf({ ids }: Registry, { id, evaluations: declared }: OrganizationDocument): readonly Watch[] {
  return ids
    .filter((evaluation) => declared[evaluation] !== undefined)
    .map((evaluation) => ({ organization: id, evaluation }));
}

/** @throws Problem when there is no such organization */
export async function storedOrganization(
  { store }: Pick<Ports, 'store'>,
  id: string,
): Promise<Versioned<OrganizationDocument>> {
  const found = await store.organization(id);
  if (found === undefined) throw notFound(`The organization "${id}"`);
  return found;
}

/** @throws Problem when there is no such evaluation or organization, or the one does not watch the other */
export async function watchOf(
  ports: Pick<Ports, 'store' | 'evaluations'>,
  organization: string,
  name: string,
): Promise<{ document: OrganizationDocument; watch: Watch; evaluation: Registration }> {
  const evaluation = evaluationNamed(ports.evaluations, name);
  const { value: document } = await storedOrganization(ports, organization);
  if (document.evaluations[name] === undefined) throw notFound(`The evaluation ${name} of "${organization}"`);
  return { document, watch: { organization, evaluation: name }, evaluation };
}

interface EveryWatch<T> {
  /** @returns what came of it */
  work(document: OrganizationDocument, watch: Watch): Promise<readonly T[]>;
  /** Logs the fault of one watch. */
  failed(watch: Watch, detail: string): void;
  /** What is thrown in the end, of so many watches that failed. */
  sentence(count: number): string;
  /** This watch alone; a fault of it is thrown as it is. */
  readonly only?: Watch | undefined;
  /** Watches of these organizations alone, and of them those that {@link isWanted} wants. */
  readonly organizations?: ReadonlySet<string> | undefined;
  readonly isWanted?: ((watch: Watch) => boolean) | undefined;
}

/**
 * Works on the watches of all organizations, of an organization one after the other. A storage that is away is away for
 * all; any other fault of one watch does not keep the others from their turn.
 *
 * @returns what came of all of them, in the order of the organizations
 * @throws StoreUnavailable; AggregateError with every other fault, when all had their turn
 */
export async function onEveryWatch<T>(
  { store, evaluations }: Pick<Ports, 'store' | 'evaluations'>,
  { work, failed, sentence, only, organizations, isWanted = () => true }: EveryWatch<T>,
): Promise<readonly T[]> {
  if (only !== undefined) {
    const document = (await store.organization(only.organization))?.value;
    const isDeclared =
      document !== undefined &&
      watchesOf(evaluations, document).some(({ evaluation }) => evaluation === only.evaluation);
    return isDeclared ? work(document, only) : [];
  }
  const faults: unknown[] = [];
  let away: StoreUnavailable | undefined;
  const workOn = async (document: OrganizationDocument) => {
    const done: T[] = [];
    for (const watch of watchesOf(evaluations, document).filter(isWanted)) {
      if (away !== undefined) break;
      try {
        done.push(...(await work(document, watch)));
      } catch (error) {
        if (error instanceof StoreUnavailable) {
          away = error;
        } else {
          failed(watch, String(error));
          faults.push(error);
        }
      }
    }
    return done;
  };
  const done = await pMap(await documentsOf(store, organizations), workOn, { concurrency: organizationsAtOnce });
  if (away !== undefined) throw away;
  if (faults.length > 0) throw new AggregateError(faults, sentence(faults.length));
  return done.flat();
}

/** A page of documents costs what one costs: above this all are read. */
const documentsReadSingly = 50;

async function documentsOf(
  store: Ports['store'],
  ids: ReadonlySet<string> | undefined,
): Promise<readonly OrganizationDocument[]> {
  if (ids === undefined) return store.organizations();
  if (ids.size > documentsReadSingly) return (await store.organizations()).filter(({ id }) => ids.has(id));
  const read = await pMap([...ids].sort(compareText), (id) => store.organization(id), {
    concurrency: organizationsAtOnce,
  });
  return read.flatMap((found) => (found === undefined ? [] : [found.value]));
}
