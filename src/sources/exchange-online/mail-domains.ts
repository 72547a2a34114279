import { type Gathered, Unobtainable } from '../../domain/fact-set.ts';
import type { SourcesOf } from '../../domain/source.ts';
import { type CloudTenant, tenantOf } from '../../domain/tenant.ts';
import type { AcceptedDomain } from '../../facts/mail-domain/accepted-domain.ts';
import type { MailDomainFacts } from '../../facts/mail-domain/index.ts';
import type { SigningConfiguration, SigningConfigurationRow } from '../../facts/mail-domain/signing-configuration.ts';
import type { MailDomain } from '../../facts/mail-domain/subject.ts';
import { lookUp, type TenantLists } from './tenant-lists.ts';

/** A list is shared by all domains of a tenant, so the first of them wait for the whole of it. */
const limitMs = 150_000;

/**
 * Sources of what Exchange Online says about a mail domain, looked up in lists of the whole tenant.
 *
 * @param lists undefined when no credentials are configured: then the facts have to be supplied
 */
export function tenantSources(
  lists: TenantLists | undefined,
): Pick<SourcesOf<MailDomainFacts, MailDomain>, 'signing-configuration' | 'accepted-domain'> {
  return {
    'signing-configuration': {
      fact: 'signing-configuration',
      limitMs,
      gather: async (subject): Promise<Gathered<SigningConfiguration>> => {
        const [from, tenant] = required(lists, subject, 'Get-DkimSigningConfig');
        const list = await from.signingConfigurations(tenant);
        return lookUp<SigningConfigurationRow, SigningConfiguration>(
          list,
          subject.id,
          (row) => ({ state: 'configured', row }),
          {
            state: 'no-row',
          },
        );
      },
    },
    'accepted-domain': {
      fact: 'accepted-domain',
      limitMs,
      gather: async (subject): Promise<Gathered<AcceptedDomain>> => {
        const [from, tenant] = required(lists, subject, 'Get-AcceptedDomain');
        const list = await from.acceptedDomains(tenant);
        return lookUp(list, subject.id, (row) => row, { listed: false });
      },
    },
  };
}

function required(
  lists: TenantLists | undefined,
  subject: MailDomain,
  cmdlet: string,
): readonly [TenantLists, CloudTenant] {
  if (lists === undefined) throw new Unobtainable('not_supplied', `supply the output of ${cmdlet}`);
  const tenant = tenantOf(subject);
  if (tenant === undefined) {
    throw new Unobtainable(
      'not_supplied',
      `supply the output of ${cmdlet}, or name the tenant (tenant.id in the organization's document)`,
    );
  }
  return [lists, tenant];
}
