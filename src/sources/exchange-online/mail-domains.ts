import { type Gathered, type NotKnown, notKnown } from '../../domain/fact-set.ts';
import type { SourcesOf } from '../../domain/source.ts';
import { tenantOf } from '../../domain/tenant.ts';
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
      gather(subject, { now }) {
        const tenant = tenantOf(subject);
        if (lists === undefined || tenant === undefined) return missing(lists, 'Get-DkimSigningConfig', now);
        return lists
          .signingConfigurations(tenant)
          .then((list) =>
            lookUp<SigningConfigurationRow, SigningConfiguration>(
              list,
              subject.id,
              (row) => ({ state: 'configured', row }),
              { state: 'no-row' },
            ),
          );
      },
    },
    'accepted-domain': {
      fact: 'accepted-domain',
      limitMs,
      gather(subject, { now }) {
        const tenant = tenantOf(subject);
        if (lists === undefined || tenant === undefined) return missing(lists, 'Get-AcceptedDomain', now);
        return lists
          .acceptedDomains(tenant)
          .then((list): Gathered<AcceptedDomain> => lookUp(list, subject.id, (row) => row, { listed: false }));
      },
    },
  };
}

/** What nobody can be asked for has to be supplied. */
function missing(lists: TenantLists | undefined, cmdlet: string, now: Date): NotKnown {
  const or = lists === undefined ? '' : ", or name the tenant (tenant.id in the organization's document)";
  return notKnown('not_supplied', `supply the output of ${cmdlet}${or}`, undefined, now.toISOString());
}
