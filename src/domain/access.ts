// Who may do what. Pure: who a caller is, and what rows there are, is handed in.
import { z } from 'zod';

/** What may be done with an organization. */
export type Right =
  /** Supply facts. */
  | 'send'
  /** See what is known. */
  | 'read'
  /** Start runs, accept what is, change what is watched. */
  | 'operate'
  /** Everything else: organizations, channels, tenants, people and keys. */
  | 'administer';

/**
 * What a door asks of its caller: a right in the organization that its path or run id names; where it names none, in any
 * organization at all, and `administer` in all of them. `open` asks for nothing, `keys` for `operate` by somebody who is no
 * key.
 */
export type Need = 'open' | Right | 'keys';

const rightsOfRole = {
  collector: ['send'],
  reader: ['read'],
  operator: ['send', 'read', 'operate'],
  administrator: ['send', 'read', 'operate', 'administer'],
} as const satisfies Readonly<Record<string, readonly Right[]>>;

/** A collector only sends; a reader only sees; an operator works with one organization; administrators have all of them. */
export type Role = keyof typeof rightsOfRole;

/** What a key may be, and what a row may give. Nobody gets more than one organization from either. */
export const keyRole = z.enum(['collector', 'reader', 'operator']);
export const grantedRole = z.enum(['reader', 'operator']);

export const granteeKind = z.enum(['user', 'group', 'application']);

/** Gives somebody a role in one organization. */
export const grant = z.object({
  organization: z.string(),
  kind: granteeKind,
  /** Object id in Entra ID. */
  id: z.guid({ error: 'is no object id of Entra ID (a GUID)' }),
  role: grantedRole,
  /** For people who read the list; nothing is decided by it. */
  name: z.string().exactOptional(),
  by: z.string(),
  /** ISO 8601, UTC. */
  at: z.string(),
});

export type Grant = Readonly<z.infer<typeof grant>>;

/** App roles of the registration in Entra ID, and what each is in every organization; a `Member` is what rows say. */
const appRoles: Readonly<Record<string, Role | undefined>> = {
  Administrator: 'administrator',
  'Operator.All': 'operator',
  'Reader.All': 'reader',
  Member: undefined,
};

export const identityKinds = ['person', 'application', 'key', 'local', 'system'] as const;
export const vias = ['browser', 'token', 'key', 'local', 'timer'] as const;

/** Somebody who does something. */
export interface Identity {
  readonly kind: (typeof identityKinds)[number];
  /** Object id in Entra ID, id of a key, name of an account of this machine. */
  readonly id: string;
  /** What people call it; nothing is decided by it. */
  readonly name: string;
  /** How it came. */
  readonly via: (typeof vias)[number];
  /** App roles, as the token names them. */
  readonly roles: readonly string[];
  /** Object ids of groups, as the token names them. */
  readonly groups: readonly string[];
  /** Of a key alone: where it counts, and as what. */
  readonly key?: { readonly organization: string; readonly role: z.infer<typeof keyRole> };
}

/** Whoever sits at this machine: its storage and settings are his already. */
export function localIdentity(name: string): Identity {
  return { kind: 'local', id: name, name, via: 'local', roles: ['Administrator'], groups: [] };
}

/** Whose name stands under what is said. On one's own machine one may say who one is; elsewhere it is known. */
export function authorOf(by: Identity | undefined, named: string | undefined): string {
  const known = by?.name ?? fieldcheckItself.name;
  return by === undefined || by.kind === 'local' ? named?.trim().slice(0, 100) || known : known;
}

/** What happens by itself: timers and queues. */
export const fieldcheckItself: Identity = {
  kind: 'system',
  id: 'fieldcheck',
  name: 'fieldcheck',
  via: 'timer',
  roles: ['Administrator'],
  groups: [],
};

/** Whether a token with these app roles lets anybody in at all. Without one rows give nothing either. */
export function mayEnter(roles: readonly string[]): boolean {
  return roles.some((role) => Object.hasOwn(appRoles, role));
}

/** Rights in every organization. */
function rightsEverywhere({ roles }: Identity): readonly Right[] {
  return roles.flatMap((name) => {
    const role = Object.hasOwn(appRoles, name) ? appRoles[name] : undefined;
    return role === undefined ? [] : rightsOfRole[role];
  });
}

/** Rights by organization that an identity has besides those everywhere; they add up. */
function rightsByOrganization(
  identity: Identity,
  grants: readonly Grant[],
): readonly { readonly organization: string; readonly rights: readonly Right[] }[] {
  const { key } = identity;
  if (key !== undefined) return [{ organization: key.organization, rights: rightsOfRole[key.role] }];
  if (!mayEnter(identity.roles)) return [];
  return grants
    .filter(({ kind, id }) =>
      kind === 'group'
        ? identity.groups.includes(id)
        : id === identity.id && kind === (identity.kind === 'person' ? 'user' : identity.kind),
    )
    .map(({ organization, role }) => ({ organization, rights: rightsOfRole[role] }));
}

/** What somebody may do in one organization. */
export function rightsIn(organization: string, identity: Identity, grants: readonly Grant[]): ReadonlySet<Right> {
  const own = rightsByOrganization(identity, grants).filter((one) => one.organization === organization);
  return new Set([...rightsEverywhere(identity), ...own.flatMap(({ rights }) => rights)]);
}

/** The organizations in which somebody has a right: `all`, or their ids. */
export function organizationsWith(
  right: Right,
  identity: Identity,
  grants: readonly Grant[],
): 'all' | ReadonlySet<string> {
  if (rightsEverywhere(identity).includes(right)) return 'all';
  const own = rightsByOrganization(identity, grants).filter(({ rights }) => rights.includes(right));
  return new Set(own.map(({ organization }) => organization));
}

export function isAdministrator(identity: Identity): boolean {
  return rightsEverywhere(identity).includes('administer');
}

/**
 * `hidden`: the organization is none of the caller's, so that it is as if it were not there. `refused`: it is, and this is
 * not among what the caller may do. `unknown`: nobody knows who calls.
 */
export type Decision = 'allowed' | 'refused' | 'hidden' | 'unknown';

/**
 * May this be done?
 *
 * @param organization that the request names; undefined when it names none
 * @param grants of that organization at least; all of them when it names none
 */
export function decide(
  need: Need,
  identity: Identity | undefined,
  organization: string | undefined,
  grants: readonly Grant[],
): Decision {
  if (need === 'open') return 'allowed';
  if (identity === undefined) return 'unknown';
  if (need === 'keys' && identity.kind === 'key' && organization === identity.key?.organization) return 'refused';
  const right = need === 'keys' ? 'operate' : need;
  const everywhere = rightsEverywhere(identity);
  if (organization !== undefined) {
    const rights = rightsIn(organization, identity, grants);
    if (rights.size === 0) return 'hidden';
    return rights.has(right) ? 'allowed' : 'refused';
  }
  const own = rightsByOrganization(identity, grants).flatMap(({ rights }) => rights);
  const anywhere: readonly Right[] = right === 'administer' ? everywhere : [...everywhere, ...own];
  return anywhere.includes(right) ? 'allowed' : 'refused';
}

/** A key of an organization as it is kept: never the key itself. */
export const organizationKey = z.object({
  id: z.string(),
  organization: z.string(),
  /** What it is for: `EX1`. Two keys of a name count at most, so that one can take over from the other. */
  name: z.string(),
  role: keyRole,
  by: z.string(),
  /** ISO 8601, UTC, as all that follow. */
  at: z.string(),
  expiresAt: z.string(),
  /** Taken back before its time. */
  endedAt: z.string().exactOptional(),
  /** Written once a day at most. */
  lastUsedAt: z.string().exactOptional(),
});

export type OrganizationKey = Readonly<z.infer<typeof organizationKey>>;

/** Does a key count at this time? */
export function isGood({ endedAt, expiresAt }: OrganizationKey, now: Date): boolean {
  return endedAt === undefined && Date.parse(expiresAt) > now.getTime();
}

/** What somebody changed, written before it was; never with a secret. */
export const auditEntry = z.object({
  /** ISO 8601, UTC. */
  at: z.string(),
  by: z.object({ kind: z.enum(identityKinds), id: z.string(), name: z.string() }),
  via: z.enum(vias),
  /** `document.write`, `key.end` … */
  action: z.string(),
  organization: z.string().exactOptional(),
  /** Of what: an evaluation, a subject, the name of a key. */
  target: z.string().exactOptional(),
  detail: z.string().exactOptional(),
});

export type AuditEntry = Readonly<z.infer<typeof auditEntry>>;
