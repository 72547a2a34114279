import { bound, type Sources } from '../../../domain/source.ts';
import type { MailDomainFacts } from '../../../facts/mail-domain/index.ts';
import type { MailDomain } from '../../../facts/mail-domain/subject.ts';
import { assumedRecords } from '../../dns/assumed-records.ts';
import { selectorSources } from '../../dns/selector-records.ts';
import { tenantSources } from '../../exchange-online/mail-domains.ts';
import { incidentSource } from '../../graph/incidents.ts';
import type { World } from '../../world.ts';

/** Binds every fact about a mail domain to its source. */
export function mailDomainSources({
  resolvers,
  tenantLists,
  graph,
}: Pick<World, 'resolvers' | 'tenantLists' | 'graph'>): Sources {
  return bound<MailDomainFacts, MailDomain>({
    ...selectorSources(resolvers),
    ...tenantSources(tenantLists),
    'exchange-online-incidents': incidentSource(graph),
  });
}

/** Planned records as lines of a zone file: what DNS says about a mail domain with them. */
export const assumedMailRecords = assumedRecords(['selector-cname', 'selector-key', 'mail-refusal']);
