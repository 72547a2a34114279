import { isDeepStrictEqual } from 'node:util';
import { fieldcheckItself, type Identity, isAdministrator } from '../../domain/access.ts';
import type { OrganizationDocument } from '../../domain/organization.ts';
import type { Page, ReplacedDocument, Store } from '../../store/store.ts';
import { audited } from '../access/audit.ts';
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
  ports: Pick<Ports, 'store' | 'log' | 'clock' | 'evaluations' | 'localChannels' | 'by'>,
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
  mayWrite(ports.by, complete, stored?.value);
  await audited(ports, {
    action: stored === undefined ? 'document.create' : 'document.write',
    organization: id,
    ...(stored === undefined ? {} : { detail: changedIn(complete, stored.value).join(', ') || 'nothing' }),
  });
  const etag = await ports.store.putOrganization(complete, stored?.etag, ports.clock().toISOString());
  if (etag === undefined) throw changedMeanwhile(id);
  ports.log.info('organization written', { organization: id });
  return { document: shownOrganization(document), etag };
}

/** What an operator may change; through everything else an organization could reach into another one, or be made public. */
const operatorsPart: ReadonlySet<string> = new Set(['$schema', 'name', 'evaluations']);

/** @throws Problem (403) */
function mayWrite(
  by: Identity = fieldcheckItself,
  document: OrganizationDocument,
  stored: OrganizationDocument | undefined,
): void {
  if (isAdministrator(by)) return;
  if (stored === undefined) throw new Problem(403, 'A new organization is made by an administrator.');
  const changed = changedIn(document, stored).filter((name) => !operatorsPart.has(name));
  if (changed.length > 0) {
    throw new Problem(
      403,
      `${changed.join(', ')} of an organization is changed by an administrator; you may change name and evaluations.`,
    );
  }
}

function changedIn(document: OrganizationDocument, stored: OrganizationDocument): readonly string[] {
  const names = Object.keys({ ...stored, ...document }) as (keyof OrganizationDocument)[];
  return names.filter((name) => !isDeepStrictEqual(stored[name], document[name]));
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

/** Those of these organizations that there are, with their names, their ids where they have none. */
export async function listOrganizations(
  { store }: Pick<Ports, 'store'>,
  visible: 'all' | ReadonlySet<string>,
): Promise<{ id: string; name: string }[]> {
  const seen = (await store.organizations()).filter(({ id }) => visible === 'all' || visible.has(id));
  return seen.map(({ id, name }) => ({ id, name: name ?? id }));
}

/**
 * Deletes a document and everything that is kept about its organization.
 *
 * @throws Problem when there is neither, or a condition does not hold
 */
export async function deleteOrganization(
  ports: Pick<Ports, 'store' | 'log' | 'clock' | 'evaluations' | 'by'>,
  id: string,
  conditions: Conditions = {},
): Promise<void> {
  const { store, log, evaluations } = ports;
  checkConditions(id, conditions, (await store.organization(id))?.etag);
  await audited(ports, { action: 'document.delete', organization: id });
  // What is kept goes first: should that be cut short, the organization is still there to be deleted again.
  const rows = (await store.deleteAccess(id)) + (await purgeOrganization(store, evaluations.ids, id));
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
