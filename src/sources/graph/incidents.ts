import { known, Unobtainable } from '../../domain/fact-set.ts';
import type { Source } from '../../domain/source.ts';
import { additionOf } from '../addition.ts';
import { tenantOf } from '../cloud-endpoints.ts';
import { createTenantMemory } from '../tenant-memory.ts';
import type { Graph } from './client.ts';
import { openExchangeIssues } from './directory.ts';

const limitMs = 30_000;

/**
 * The incidents of Exchange Online, asked once for all domains of a tenant.
 *
 * @param graph undefined when no credentials are configured
 */
export function incidentSource(graph: Graph | undefined): Source<'exchange-online-incidents'> {
  const memory = createTenantMemory();
  return additionOf({
    fact: 'exchange-online-incidents',
    limitMs,
    async gather(subject) {
      const tenant = tenantOf(subject);
      if (graph === undefined || tenant === undefined) {
        throw new Unobtainable('not_supplied', 'no access to the tenant is configured');
      }
      // Not the signal of the domain that happened to ask first: the answer serves all of them.
      return memory(tenant, 'exchange-online-incidents', async () => {
        const incidents = await openExchangeIssues(graph, tenant, AbortSignal.timeout(limitMs));
        return known({ incidents }, 'Microsoft Graph (service health)', new Date().toISOString());
      });
    },
  });
}
