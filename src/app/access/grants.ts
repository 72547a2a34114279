import { z } from 'zod';
import { type Grant, grant, grantedRole, granteeKind } from '../../domain/access.ts';
import { parseDocument } from '../../domain/organization.ts';
import { storedOrganization } from '../organizations/watches.ts';
import type { Ports } from '../ports.ts';
import { notFound } from '../problem.ts';
import { audited } from './audit.ts';

export const wantedGrant = z.strictObject({
  role: grantedRole,
  name: z.string().min(1).max(100).optional().describe('For people who read the list.'),
});

/** To whom, as a path names it. */
const grantee = z.object({ kind: granteeKind, id: grant.shape.id.transform((id) => id.toLowerCase()) });

/** What was given in an organization. @throws Problem (404) */
export async function listGrants(ports: Pick<Ports, 'store'>, organization: string): Promise<readonly Grant[]> {
  await storedOrganization(ports, organization);
  return ports.store.grants(organization);
}

/**
 * Gives a role in one organization, in the place of what the grantee had there.
 *
 * @throws Problem when there is no such organization (404); InvalidDocument
 */
export async function putGrant(
  ports: Pick<Ports, 'store' | 'log' | 'clock' | 'by'>,
  organization: string,
  to: { readonly kind: string; readonly id: string },
  value: unknown,
): Promise<Grant> {
  const { role, name } = parseDocument('access', wantedGrant, value);
  const { kind, id } = parseDocument('access', grantee, to);
  await storedOrganization(ports, organization);
  await audited(ports, { action: 'access.give', organization, target: `${kind} ${id}`, detail: role });
  const given: Grant = {
    organization,
    kind,
    id,
    role,
    ...(name === undefined ? {} : { name }),
    by: ports.by?.name ?? 'fieldcheck',
    at: ports.clock().toISOString(),
  };
  await ports.store.putGrant(given);
  return given;
}

/** Takes a role back. @throws Problem (404); InvalidDocument */
export async function deleteGrant(
  ports: Pick<Ports, 'store' | 'log' | 'clock' | 'by'>,
  organization: string,
  from: { readonly kind: string; readonly id: string },
): Promise<void> {
  const { kind, id } = parseDocument('access', grantee, from);
  const found = (await ports.store.grants(organization)).some((one) => one.kind === kind && one.id === id);
  if (!found) throw notFound(`Access of the ${kind} ${id} to "${organization}"`);
  await audited(ports, { action: 'access.take', organization, target: `${kind} ${id}` });
  await ports.store.deleteGrant({ organization, kind, id });
}
