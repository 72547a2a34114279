import { known, notKnown } from '../../domain/fact-set.ts';
import type { SourceOf } from '../../domain/source.ts';
import { tenantOf } from '../../domain/tenant.ts';
import type { MailDomainFacts } from '../../facts/mail-domain/index.ts';
import type { MailDomain } from '../../facts/mail-domain/subject.ts';
import { optionalSource } from '../optional-source.ts';
import { createTenantMemory } from '../tenant-memory.ts';
import type { Graph } from './client.ts';
import { openExchangeIssues } from './directory.ts';

const limitMs = 30_000;

type IncidentSource = SourceOf<MailDomainFacts, 'exchange-online-incidents', MailDomain>;

/**
 * The incidents of Exchange Online, asked once for all domains of a tenant.
 *
 * @param graph undefined when no credentials are configured
 */
export function incidentSource(graph: Graph | undefined): IncidentSource {
  const memory = createTenantMemory();
  return optionalSource<MailDomainFacts, 'exchange-online-incidents', MailDomain>({
    fact: 'exchange-online-incidents',
    limitMs,
    gather(subject, { now }) {
      const tenant = tenantOf(subject);
      if (graph === undefined || tenant === undefined)
        return notKnown('not_supplied', 'no access to the tenant is configured', undefined, now.toISOString());
      // Not the signal of the domain that happened to ask first: the answer serves all of them.
      return memory(tenant, 'exchange-online-incidents', async () => {
        const incidents = await openExchangeIssues(graph, tenant, AbortSignal.timeout(limitMs));
        return known({ incidents }, 'Microsoft Graph (service health)', new Date().toISOString());
      });
    },
  });
}
