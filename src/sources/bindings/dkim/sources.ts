import { bound, type Sources } from '../../../domain/source.ts';
import type { MailDomainFacts } from '../../../facts/mail-domain/index.ts';
import type { MailDomain } from '../../../facts/mail-domain/subject.ts';
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
