import type { CloudTenant } from '../../src/sources/cloud-endpoints.ts';
import { type CloudHttp, type CloudHttpOptions, createCloudHttp } from '../../src/sources/cloud-http.ts';
import { createExchangeOnline, type ExchangeOnline } from '../../src/sources/exchange-online/client.ts';
import { createTenantLists, type TenantLists } from '../../src/sources/exchange-online/tenant-lists.ts';
import { createGraph, type Graph } from '../../src/sources/graph/client.ts';
import { createTenantIdentity, type IdentitySettings, type TenantIdentity } from '../../src/sources/identity.ts';
import type { FakeCloud } from './fake-cloud.ts';

export interface Access {
  readonly http: CloudHttp;
  readonly identity: TenantIdentity;
  readonly exchangeOnline: ExchangeOnline;
  readonly lists: TenantLists;
  readonly graph: Graph;
}

/** What the product reads the fake cloud with: everything as deployed, but the endpoints, the root and the pace. */
export function accessTo(
  cloud: FakeCloud,
  more: { readonly identity?: IdentitySettings; readonly http?: CloudHttpOptions } = {},
): Access {
  const ca = [cloud.ca];
  const { endpoints } = cloud;
  const http = createCloudHttp({ ca, ...more.http });
  const application = { clientId: cloud.application.clientId, clientSecret: cloud.application.secret };
  const identity = createTenantIdentity(more.identity ?? application, { endpoints, ca });
  if (identity === undefined) throw new Error('no identity was configured');
  const exchangeOnline = createExchangeOnline({ http, identity, endpoints, requestsPerSecond: 1000 });
  return {
    http,
    identity,
    exchangeOnline,
    lists: createTenantLists(exchangeOnline),
    graph: createGraph({ http, identity, endpoints }),
  };
}

export const contoso: CloudTenant = { id: '11111111-2222-3333-4444-555555555555', cloud: 'worldwide' };
export const fabrikam: CloudTenant = { id: '66666666-7777-8888-9999-aaaaaaaaaaaa', cloud: 'worldwide' };
