import type { OrganizationDocument } from '../../domain/organization.ts';
import type { Page, ReplacedDocument, Store } from '../../store/store.ts';
import type { Ports } from '../ports.ts';
import { notFound, Problem } from '../problem.ts';
import { type Conditions, changedMeanwhile, checkConditions } from './conditions.ts';
import { checkOrganization, shownOrganization, withStoredAddresses } from './documents.ts';
import { storedOrganization } from './watches.ts';

/** A document as it is shown, and the ETag under which it is stored. */
interface ShownDocument {
  readonly document: OrganizationDocument;
  readonly etag: string;
}

/**
 * Writes a document over the one that is stored.
 *
 * @throws InvalidDocument when it is refused; Problem when it is of another organization, or a condition does not hold
 */
export async function putOrganization(
  ports: Pick<Ports, 'store' | 'log' | 'clock' | 'evaluations' | 'localChannels'>,
  id: string,
  value: unknown,
  conditions: Conditions = {},
): Promise<ShownDocument> {
  const document = checkOrganization(value, ports);
  if (document.id !== id)
    throw new Problem(400, `The document's id is "${document.id}", but the address says "${id}".`);
  const stored = await ports.store.organization(id);
  checkConditions(id, conditions, stored?.etag);
  const complete = withStoredAddresses(document, stored?.value);
  const etag = await ports.store.putOrganization(complete, stored?.etag, ports.clock().toISOString());
  if (etag === undefined) throw changedMeanwhile(id);
  ports.log.info('organization written', { organization: id });
  return { document: shownOrganization(document), etag };
}

/** @throws Problem when there is no such organization */
export async function readOrganization(ports: Pick<Ports, 'store'>, id: string): Promise<ShownDocument> {
  const { value, etag } = await storedOrganization(ports, id);
  return { document: shownOrganization(value), etag };
}

/** Documents that were replaced, newest first. @throws Problem when there is no such organization */
export async function organizationHistory(
  ports: Pick<Ports, 'store'>,
  id: string,
  limit: number,
  continuation?: string,
): Promise<Page<ReplacedDocument>> {
  await storedOrganization(ports, id);
  const { items, ...rest } = await ports.store.organizationHistory(id, limit, continuation);
  return { items: items.map((one) => ({ ...one, document: shownOrganization(one.document) })), ...rest };
}

/** Every organization with its name, its id where it has none. */
export async function listOrganizations({ store }: Pick<Ports, 'store'>): Promise<{ id: string; name: string }[]> {
  return (await store.organizations()).map(({ id, name }) => ({ id, name: name ?? id }));
}

/**
 * Deletes a document and everything that is kept about its organization.
 *
 * @throws Problem when there is neither, or a condition does not hold
 */
export async function deleteOrganization(
  { store, log, evaluations }: Pick<Ports, 'store' | 'log' | 'evaluations'>,
  id: string,
  conditions: Conditions = {},
): Promise<void> {
  checkConditions(id, conditions, (await store.organization(id))?.etag);
  // What is kept goes first: should that be cut short, the organization is still there to be deleted again.
  const rows = await purgeOrganization(store, evaluations.ids, id);
  if (!(await store.deleteOrganization(id)) && rows === 0) throw notFound(`The organization "${id}"`);
  log.info('organization deleted', { organization: id, rows });
}

/** Removes everything that is kept about an organization, of evaluations too that its document no longer has. @returns rows */
export async function purgeOrganization(
  store: Store,
  evaluations: readonly string[],
  organization: string,
): Promise<number> {
  let rows = 0;
  for (const evaluation of evaluations) rows += await store.purge({ organization, evaluation });
  return rows;
}
