import { known, Unobtainable } from '../../domain/fact-set.ts';
import type { Source } from '../../domain/source.ts';
import { tenantOf } from '../cloud-endpoints.ts';
import { createTenantMemory } from '../tenant-memory.ts';
import type { Graph } from './client.ts';
import { openExchangeIssues } from './directory.ts';

const askLimitMs = 30_000;
/** Longer than asking takes with its sign-in, so that the reason below is the one that is recorded. */
const limitMs = 120_000;

/**
 * The incidents of Exchange Online, asked once for all domains of a tenant. They add to what a rule says and decide
 * nothing, so whatever stands in the way is `not_supplied`, which an optional fact may be.
 *
 * @param graph undefined when no credentials are configured
 */
export function incidentSource(graph: Graph | undefined): Source<'exchange-online-incidents'> {
  const memory = createTenantMemory();
  return {
    fact: 'exchange-online-incidents',
    limitMs,
    async gather(subject) {
      const tenant = tenantOf(subject);
      if (graph === undefined || tenant === undefined) {
        throw new Unobtainable('not_supplied', 'no access to the tenant is configured');
      }
      try {
        return await memory(tenant, 'exchange-online-incidents', async () => {
          const incidents = await openExchangeIssues(graph, tenant, AbortSignal.timeout(askLimitMs));
          return known({ incidents }, 'Microsoft Graph (service health)', new Date().toISOString());
        });
      } catch (error) {
        if (error instanceof Unobtainable) throw new Unobtainable('not_supplied', error.message);
        throw error;
      }
    },
  };
}
