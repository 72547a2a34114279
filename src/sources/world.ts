import type { CloudTenant } from '../domain/tenant.ts';
import { createHttp } from '../http/client.ts';
import { createPatientHttp } from '../http/retry.ts';
import type { Roots } from '../http/roots.ts';
import type { EndpointOverrides } from './cloud-endpoints.ts';
import { createResolverPool, type ResolverAddresses, type ResolverPool } from './dns/resolvers.ts';
import { createExchangeOnline, type ExchangeOnline } from './exchange-online/client.ts';
import { type Discovery, discoverDomains } from './exchange-online/discovery.ts';
import { createTenantLists, type TenantLists } from './exchange-online/tenant-lists.ts';
import { createGraph, type Graph } from './graph/client.ts';
import { entraDomains } from './graph/directory.ts';
import { createTenantIdentity, type IdentitySettings } from './identity.ts';
import type { LogFile } from './smtp-log/files.ts';

export interface WorldOptions {
  readonly resolvers: readonly string[] | ResolverAddresses;
  readonly ratePerSecond?: number | undefined;
  /** To Exchange Online, and to Graph, for one tenant; what each of them is asked at by itself when left out. */
  readonly tenantRequestsPerSecond?: number | undefined;
  /** Who signs in to tenants. Without it what only a tenant knows is not supplied. */
  readonly identity?: IdentitySettings | undefined;
  /** Endpoints in place of the cloud's own: the operator's word, outside the address guard. */
  readonly endpoints?: EndpointOverrides | undefined;
  /** PEM texts of roots to trust besides the public ones. */
  readonly ca?: readonly string[] | undefined;
  /** Probes may go to private, unique-local and loopback addresses. */
  readonly allowPrivate?: boolean | undefined;
  /** SMTP receive logs to analyse. */
  readonly logFiles?: readonly LogFile[] | undefined;
  /** SMTP services are probed from here; with the relay test only on request. */
  readonly probe?: { readonly relayTest: boolean } | undefined;
}

/** What sources ask: name servers and tenants, opened once for all evaluations. */
export interface World {
  readonly resolvers: ResolverPool;
  /** Undefined where nobody may sign in to a tenant, as are {@link graph} and {@link tenantLists}. */
  readonly exchangeOnline: ExchangeOnline | undefined;
  readonly graph: Graph | undefined;
  readonly tenantLists: TenantLists | undefined;
  readonly endpoints: EndpointOverrides;
  /** Whom all of them trust. */
  readonly roots: Roots;
  readonly allowPrivate: boolean;
  readonly logFiles: readonly LogFile[] | undefined;
  readonly probe: { readonly relayTest: boolean } | undefined;
  /** The mail domains of a tenant; undefined when nobody may sign in to it. @throws Unobtainable */
  discover(tenant: CloudTenant): Promise<Discovery | undefined>;
  close(): void;
}

/** For the domains that Entra ID knows, in milliseconds. They only confirm, so nothing waits for them for long. */
const directoryLimitMs = 30_000;

/** @throws Error when the addresses of the resolvers are none, or a text of `ca` holds no certificate */
export function createWorld(options: WorldOptions): World {
  const { ratePerSecond, endpoints = {}, allowPrivate = false, logFiles, probe } = options;
  const connections = createHttp({ ca: options.ca });
  const { roots } = connections;
  const resolvers = createResolverPool(options.resolvers, { http: connections, ratePerSecond });
  const http = createPatientHttp(connections);
  const identity =
    options.identity === undefined ? undefined : createTenantIdentity(options.identity, { endpoints, roots });
  const asking = { http, endpoints, requestsPerSecond: options.tenantRequestsPerSecond };
  const exchangeOnline = identity === undefined ? undefined : createExchangeOnline({ ...asking, identity });
  const graph = identity === undefined ? undefined : createGraph({ ...asking, identity });
  const tenantLists = exchangeOnline === undefined ? undefined : createTenantLists(exchangeOnline);
  return {
    resolvers,
    exchangeOnline,
    graph,
    tenantLists,
    endpoints,
    roots,
    allowPrivate,
    logFiles,
    probe,
    async discover(tenant) {
      if (tenantLists === undefined || graph === undefined) return undefined;
      const verified = async (one: CloudTenant) =>
        (await entraDomains(graph, one, AbortSignal.timeout(directoryLimitMs))).filter((domain) => domain.verified);
      return discoverDomains(tenantLists, tenant, verified);
    },
    close() {
      resolvers.close();
      connections.close();
    },
  };
}
