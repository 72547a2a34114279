import {
  type Decision,
  decide,
  type Grant,
  type Identity,
  isAdministrator,
  type Need,
  organizationsWith,
  type Right,
} from '../../domain/access.ts';
import type { Ports } from '../ports.ts';
import { type Credentials, createIdentify, rememberedMs } from './identify.ts';

/** Who calls, and what they may do. */
export interface Access {
  /** @returns undefined when nothing says who calls. @throws Problem 401, 403, 429, 503 */
  identify(credentials: Credentials): Promise<Identity | undefined>;
  /** @throws StoreUnavailable */
  decide(need: Need, identity: Identity | undefined, organization: string | undefined): Promise<Decision>;
  /** The organizations in which somebody has a right. @throws StoreUnavailable */
  organizationsWith(right: Right, identity: Identity): Promise<'all' | ReadonlySet<string>>;
  /** What is remembered of keys and roles: after a change it counts at once here, elsewhere within a minute. */
  forget(): void;
}

export function createAccess(
  ports: Pick<Ports, 'store' | 'clock' | 'log' | 'signIn' | 'localAccess' | 'publicUrl'>,
  openStorage: () => Promise<void>,
): Access {
  const { identify, forget } = createIdentify(ports, openStorage);
  let remembered: { readonly until: number; readonly grants: Promise<readonly Grant[]> } | undefined;

  /** All of them: there are a few for each organization. Whoever needs none costs no look-up. */
  async function grantsFor(identity: Identity | undefined): Promise<readonly Grant[]> {
    const isPrincipal = identity?.kind === 'person' || identity?.kind === 'application';
    if (identity === undefined || !isPrincipal || isAdministrator(identity)) return [];
    const now = ports.clock().getTime();
    if (remembered === undefined || remembered.until <= now) {
      await openStorage();
      const grants = ports.store.grants();
      remembered = { until: now + rememberedMs, grants };
      grants.catch(() => {
        remembered = undefined;
      });
    }
    return remembered.grants;
  }

  return {
    identify,
    decide: async (need, identity, organization) =>
      decide(need, identity, organization, need === 'open' ? [] : await grantsFor(identity)),
    organizationsWith: async (right, identity) => organizationsWith(right, identity, await grantsFor(identity)),
    forget() {
      remembered = undefined;
      forget();
    },
  };
}
