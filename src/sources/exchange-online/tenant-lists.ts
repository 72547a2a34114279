import { setImmediate as turnOfOthers } from 'node:timers/promises';
import { type Gathered, known, notKnown, Unobtainable } from '../../domain/fact-set.ts';
import type { CloudTenant } from '../../domain/tenant.ts';
import type { AcceptedDomain } from '../../facts/mail-domain/accepted-domain.ts';
import type { SigningConfigurationRow } from '../../facts/mail-domain/signing-configuration.ts';
import { acceptedDomainOf, type ExportedRow, signingConfigurationOf } from '../supplied/tenant-exports.ts';
import { createTenantMemory } from '../tenant-memory.ts';
import { type CmdletAnswer, type ExchangeOnline, onlyPart } from './client.ts';

/** Rows of a tenant-wide cmdlet, by domain. */
export interface TenantList<T> {
  readonly rows: ReadonlyMap<string, Gathered<T>>;
  /** Why a domain without a row is not proven to have none; undefined when the list is whole. */
  readonly gap: string | undefined;
  readonly source: string;
  /** ISO 8601, UTC. */
  readonly observedAt: string;
}

/** What Exchange Online tells about every domain of a tenant, asked once for all of them. */
export interface TenantLists {
  signingConfigurations(tenant: CloudTenant): Promise<TenantList<SigningConfigurationRow>>;
  acceptedDomains(tenant: CloudTenant): Promise<TenantList<AcceptedDomain>>;
}

/** For one list, waiting for throttling included. */
const limitMs = 140_000;

/** Reads the lists, one request for all domains of a tenant. */
export function createTenantLists(exchangeOnline: ExchangeOnline): TenantLists {
  const memory = createTenantMemory();

  const fetchOnce = <T>(
    tenant: CloudTenant,
    cmdlet: 'Get-AcceptedDomain' | 'Get-DkimSigningConfig',
    read: (answer: CmdletAnswer) => Promise<TenantList<T>>,
  ): Promise<TenantList<T>> =>
    // Not the signal of whoever asks first: the list is for all that wait for it.
    memory(tenant, cmdlet, async () =>
      read(await exchangeOnline.invoke(tenant, cmdlet, {}, AbortSignal.timeout(limitMs))),
    );

  return {
    signingConfigurations: (tenant) =>
      fetchOnce(tenant, 'Get-DkimSigningConfig', (answer) =>
        byDomain('Get-DkimSigningConfig', answer, (row) => signingConfigurationOf(row)),
      ),
    acceptedDomains: (tenant) =>
      fetchOnce(tenant, 'Get-AcceptedDomain', (answer) =>
        byDomain('Get-AcceptedDomain', answer, (row) => acceptedDomainOf(row)),
      ),
  };
}

/** Rows read before other work gets its turn. */
const rowsAtATime = 500;

/** Reads row by row, so that one that cannot be read blinds no other domain. */
async function byDomain<T>(
  cmdlet: string,
  answer: CmdletAnswer,
  read: (row: Record<string, unknown>) => ExportedRow<T>,
): Promise<TenantList<T>> {
  const source = `Exchange Online (${cmdlet})`;
  const rows = new Map<string, Gathered<T>>();
  const byName = new Map<string, Record<string, unknown>>();
  let nameless = 0;
  for (const [index, row] of answer.rows.entries()) {
    if (index % rowsAtATime === rowsAtATime - 1) await turnOfOthers();
    const one = read(row);
    if (one.domain === undefined) {
      nameless++;
    } else if ('faults' in one) {
      const why = `the row of ${cmdlet} for ${one.domain} cannot be read: ${one.faults.join('; ')}`;
      rows.set(one.domain, notKnown('malformed', why, source, answer.at));
    } else {
      const { domain, value, wildcard } = one;
      // An entry for sub-domains beside the domain's own says nothing about the domain.
      if (wildcard && rows.has(domain)) continue;
      const name = wildcard ? `*.${domain}` : domain;
      const twin = byName.get(name);
      byName.set(name, row);
      rows.set(
        domain,
        twin !== undefined && JSON.stringify(twin) !== JSON.stringify(row)
          ? notKnown('malformed', `${cmdlet} has two different rows for ${domain}`, source, answer.at)
          : known(value, source, answer.at),
      );
    }
  }
  return { rows, gap: gapOf(cmdlet, answer, nameless), source, observedAt: answer.at };
}

function gapOf(cmdlet: string, answer: CmdletAnswer, nameless: number): string | undefined {
  if (answer.cutShort !== undefined) return onlyPart(cmdlet, answer);
  if (nameless === 0) return undefined;
  return `${nameless} row${nameless === 1 ? '' : 's'} of ${cmdlet} ${nameless === 1 ? 'has' : 'have'} no readable domain name`;
}

/**
 * What a list says about one domain.
 *
 * @param absent the value for a domain that the whole list does not have
 * @throws Unobtainable `insufficient` when it is missing in a list that is not whole
 */
export function lookUp<T, F>(list: TenantList<T>, domain: string, found: (value: T) => F, absent: F): Gathered<F> {
  const row = list.rows.get(domain);
  if (row !== undefined) return row.status === 'known' ? { ...row, value: found(row.value) } : row;
  if (list.gap !== undefined) {
    throw new Unobtainable('insufficient', `${list.gap}, and ${domain} is not among them, which proves nothing`);
  }
  return known(absent, list.source, list.observedAt);
}
