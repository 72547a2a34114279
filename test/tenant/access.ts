import type { CloudTenant } from '../../src/domain/tenant.ts';
import { createHttp, type Http } from '../../src/http/client.ts';
import { createPatientHttp, type Patience } from '../../src/http/retry.ts';
import { createExchangeOnline, type ExchangeOnline } from '../../src/sources/exchange-online/client.ts';
import { createTenantLists, type TenantLists } from '../../src/sources/exchange-online/tenant-lists.ts';
import { createGraph, type Graph } from '../../src/sources/graph/client.ts';
import { createTenantIdentity, type IdentitySettings, type TenantIdentity } from '../../src/sources/identity.ts';
import type { FakeCloud } from './fake-cloud.ts';

export interface Access {
  /** Closing it ends everything. */
  readonly http: Http;
  readonly identity: TenantIdentity;
  readonly exchangeOnline: ExchangeOnline;
  readonly lists: TenantLists;
  readonly graph: Graph;
}

/** What the product reads the fake cloud with: everything as deployed, but the endpoints, the root and the pace. */
export function accessTo(
  cloud: FakeCloud,
  more: { readonly identity?: IdentitySettings; readonly patience?: Patience } = {},
): Access {
  const { endpoints } = cloud;
  const connections = createHttp({ ca: [cloud.ca] });
  const http = createPatientHttp(connections, more.patience);
  const application = { clientId: cloud.application.clientId, clientSecret: cloud.application.secret };
  const identity = createTenantIdentity(more.identity ?? application, { endpoints, roots: connections.roots });
  if (identity === undefined) throw new Error('no identity was configured');
  const exchangeOnline = createExchangeOnline({ http, identity, endpoints, requestsPerSecond: 1000 });
  return {
    http: connections,
    identity,
    exchangeOnline,
    lists: createTenantLists(exchangeOnline),
    graph: createGraph({ http, identity, endpoints }),
  };
}

export const contoso: CloudTenant = { id: '11111111-2222-3333-4444-555555555555', cloud: 'worldwide' };
export const fabrikam: CloudTenant = { id: '66666666-7777-8888-9999-aaaaaaaaaaaa', cloud: 'worldwide' };
