import { z } from 'zod';
import { isGood, keyRole, type OrganizationKey, organizationKey } from '../../domain/access.ts';
import { notOwned } from '../../domain/json.ts';
import { parseDocument } from '../../domain/organization.ts';
import { dayMs, dayOf } from '../../domain/time.ts';
import type { StoredKey } from '../../store/store.ts';
import { storedOrganization } from '../organizations/watches.ts';
import type { Ports } from '../ports.ts';
import { notFound, Problem } from '../problem.ts';
import { audited } from './audit.ts';
import { hashOfKey, makeKey } from './key-text.ts';

const defaultDays = 365;

/** So that a new key can take over from an old one. */
const mostOfOneName = 2;

/** Of an organization, those that count: more are a mistake. */
const mostKeys = 200;

export const wantedKey = z.strictObject({
  name: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}$/, {
      error: 'is no name of a key; use up to 64 letters, digits, blanks, dots, hyphens and underscores',
    })
    .refine(...notOwned)
    .describe('What it is for: the server of a collector, say.'),
  role: keyRole.default('collector').describe('A collector only sends facts.'),
  days: z.int().min(1).max(730).default(defaultDays).describe('How long it counts.'),
});

/** A key when it is made; `key` is shown this once. */
export const newKey = organizationKey.extend({ key: z.string() });

export type NewKey = Readonly<z.infer<typeof newKey>>;

type KeyPorts = Pick<Ports, 'store' | 'log' | 'clock' | 'by'>;

/**
 * Makes a key of an organization.
 *
 * @throws Problem when there is no such organization (404), or two keys of that name count already (409); InvalidDocument
 */
export async function addKey(ports: KeyPorts, organization: string, value: unknown): Promise<NewKey> {
  const { name, role, days } = parseDocument('key', wantedKey, value);
  await storedOrganization(ports, organization);
  const now = ports.clock();
  const good = (await ports.store.keys(organization)).filter((key) => isGood(key, now));
  if (good.filter((key) => key.name === name).length >= mostOfOneName) {
    throw new Problem(
      409,
      `${organization} has ${mostOfOneName} keys named "${name}" that count; end the one that is no longer used first.`,
    );
  }
  if (good.length >= mostKeys)
    throw new Problem(409, `${organization} has ${mostKeys} keys that count; end some of them first.`);
  const { id, text } = makeKey();
  const key: OrganizationKey = {
    id,
    organization,
    name,
    role,
    by: ports.by?.name ?? 'fieldcheck',
    at: now.toISOString(),
    expiresAt: new Date(now.getTime() + days * dayMs).toISOString(),
  };
  await audited(ports, { action: 'key.add', organization, target: `${name} (${id})`, detail: `${role}, ${days} days` });
  if (!(await ports.store.putKey({ ...key, hash: hashOfKey(text) }, undefined)))
    throw new Problem(503, 'Such a key was there already; try again.');
  return { ...key, key: text };
}

/** The keys of an organization by name and time, those that count no more included. @throws Problem (404) */
export async function listKeys(ports: Pick<Ports, 'store'>, organization: string): Promise<OrganizationKey[]> {
  await storedOrganization(ports, organization);
  const keys = await ports.store.keys(organization);
  return keys.map(shown).sort((a, b) => a.name.localeCompare(b.name) || (a.at < b.at ? -1 : 1));
}

/** The role of a key, so that who may end it can be decided. @throws Problem (404) */
export async function keyOf(
  { store }: Pick<Ports, 'store'>,
  organization: string,
  id: string,
): Promise<{ readonly value: StoredKey; readonly etag: string }> {
  const found = await store.key(id);
  if (found?.value.organization !== organization) throw notFound(`The key "${id}" of "${organization}"`);
  return found;
}

/** Ends a key now; where it was used lately it may count for another minute. @throws Problem (404) */
export async function endKey(ports: KeyPorts, organization: string, id: string): Promise<OrganizationKey> {
  const { value, etag } = await keyOf(ports, organization, id);
  if (value.endedAt !== undefined) return shown(value);
  await audited(ports, { action: 'key.end', organization, target: `${value.name} (${id})` });
  const ended = { ...value, endedAt: ports.clock().toISOString() };
  if (!(await ports.store.putKey(ended, etag))) return endKey(ports, organization, id);
  return shown(ended);
}

/** A collector whose key has expired is silent, and a silent one looks like a healthy one. */
const noticeDays = 14;

/** Keys that expire within so many days and that no other of their name follows. */
export function keysToReplace(keys: readonly OrganizationKey[], now: Date, days: number): readonly OrganizationKey[] {
  const soon = new Date(now.getTime() + days * dayMs);
  const good = keys.filter((key) => isGood(key, now));
  const lasting = new Set(good.filter((key) => isGood(key, soon)).map(({ name }) => name));
  return good.filter(({ name }) => !lasting.has(name));
}

/** A sentence for each key that expires soon and that no other of its name follows. */
export function expiringKeys(keys: readonly OrganizationKey[], now: Date): readonly string[] {
  return keysToReplace(keys, now, noticeDays).map(
    ({ name, organization, expiresAt }) =>
      `the key "${name}" of ${organization} expires ${dayOf(expiresAt)}: make another of that name, and put it where this one is.`,
  );
}

function shown({ hash: _, ...key }: StoredKey): OrganizationKey {
  return key;
}
