import { z } from 'zod';
import grantsFile from '../../infra/access/grants.json' with { type: 'json' };

const common = {
  id: z.string(),
  role: z.object({ id: z.guid(), name: z.string() }),
  evaluations: z.array(z.string()).nonempty(),
  required: z.boolean(),
  without: z.string(),
};

const grant = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('app-role'), resource: z.enum(['exchange-online', 'graph']), ...common }),
  z.object({ kind: z.literal('directory-role'), ...common }),
]);
export type Grant = z.infer<typeof grant>;

/** The list of grants: the access scripts grant it, the pages describe it, and the doctor looks whether it was done. */
export const grants = z.object({ grants: z.tuple([grant], grant) }).parse(grantsFile).grants;

/**
 * The command that gives the application what it lacks: a script that shows what it does and asks.
 *
 * @param role name of a permission or a directory role in the list; the least that anything is granted, when left out
 */
export function grantStep(appId: string | undefined, role?: string): string {
  const { evaluations } = grants.find((one) => one.role.name === role) ?? grants[0];
  const wanted = role === undefined ? evaluations.slice(0, 1) : evaluations;
  return `infra/access/grant-access.sh apply --app-id ${appId ?? 'ID'} --evaluations ${wanted.join(',')}`;
}
