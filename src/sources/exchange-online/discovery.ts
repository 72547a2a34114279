import { Unobtainable } from '../../domain/fact-set.ts';
import type { CloudTenant } from '../../domain/tenant.ts';
import type { TenantLists } from './tenant-lists.ts';

export interface Discovery {
  /** The tenant's mail domains, sorted. */
  readonly domains: readonly string[];
  /** False: there may be more, so a domain that is missing here has not been proven to be gone. */
  readonly complete: boolean;
  /** What a person should know about how these were found, a sentence each. */
  readonly notes: readonly string[];
  /** ISO 8601, UTC. */
  readonly observedAt: string;
}

/** Domains that Entra ID has verified, and whether it counts on them for mail. */
export type VerifiedDomains = (
  tenant: CloudTenant,
) => Promise<readonly { readonly name: string; readonly mail: boolean }[]>;

/**
 * The mail domains of a tenant, for documents that name none: its accepted domains, joined with its signing
 * configurations. What the sources contradict each other about is told, not decided silently.
 *
 * @param verified what Entra ID says, to compare with, where it may be asked
 * @throws Unobtainable when Exchange Online does not give the accepted domains
 */
export async function discoverDomains(
  lists: TenantLists,
  tenant: CloudTenant,
  verified?: VerifiedDomains,
): Promise<Discovery> {
  const [accepted, signing, inEntra] = await Promise.all([
    lists.acceptedDomains(tenant),
    lists.signingConfigurations(tenant).catch(onlyUnobtainable),
    verified === undefined ? undefined : verified(tenant).catch(onlyUnobtainable),
  ]);
  const domains = new Set(accepted.rows.keys());
  const notes: string[] = [];
  if (accepted.gap !== undefined) notes.push(`${accepted.gap}: the tenant may have more domains than were found.`);

  if (signing instanceof Unobtainable) notes.push(`Signing configurations were not read: ${signing.message}.`);
  else {
    const stray = [...signing.rows.keys()].filter((domain) => !domains.has(domain));
    if (accepted.gap !== undefined) {
      for (const domain of stray) domains.add(domain);
    } else if (stray.length > 0) {
      notes.push(
        `${list(stray)} ${stray.length === 1 ? 'has' : 'have'} a signing configuration, but Exchange Online does not list ${stray.length === 1 ? 'it' : 'them'} as accepted: not watched. Name a domain in the organization's document to watch it all the same.`,
      );
    }
  }

  if (inEntra instanceof Unobtainable) notes.push(`Not compared with Entra ID: ${inEntra.message}.`);
  else if (inEntra !== undefined) {
    const forMail = inEntra.filter(({ name, mail }) => mail && !domains.has(name)).map(({ name }) => name);
    if (forMail.length > 0) {
      notes.push(
        `Entra ID and Exchange Online disagree: ${list(forMail)} ${forMail.length === 1 ? 'is' : 'are'} verified for mail in Entra ID, but no accepted domain of Exchange Online. Not watched; a domain that was just added shows up within a day.`,
      );
    }
    const known = new Set(inEntra.map(({ name }) => name));
    const unverified = [...domains].filter((domain) => !known.has(domain));
    if (unverified.length > 0) {
      notes.push(
        `Entra ID and Exchange Online disagree: ${list(unverified)} ${unverified.length === 1 ? 'is an accepted domain' : 'are accepted domains'} of Exchange Online, but not verified in Entra ID. Watched as Exchange Online says.`,
      );
    }
  }
  return {
    domains: [...domains].sort(),
    complete: accepted.gap === undefined,
    notes,
    observedAt: accepted.observedAt,
  };
}

/** What could not be had is told; anything else is a fault of ours. */
function onlyUnobtainable(error: unknown): Unobtainable {
  if (error instanceof Unobtainable) return error;
  throw error;
}

function list(domains: readonly string[]): string {
  const shown = domains.slice(0, 5).join(', ');
  return domains.length > 5 ? `${shown} and ${domains.length - 5} more` : shown;
}
