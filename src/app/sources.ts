import type { Sources } from '../domain/source.ts';
import { createAddressGuard } from '../sources/address-guard.ts';
import type { CloudTenant, EndpointOverrides } from '../sources/cloud-endpoints.ts';
import { createCloudHttp } from '../sources/cloud-http.ts';
import { createResolverPool, type ResolverAddresses, type ResolverPool } from '../sources/dns/resolvers.ts';
import { selectorSources } from '../sources/dns/selector-records.ts';
import { createExchangeOnline } from '../sources/exchange-online/client.ts';
import { type Discovery, discoverDomains } from '../sources/exchange-online/discovery.ts';
import { tenantDkimSources } from '../sources/exchange-online/dkim.ts';
import { exchangeOnlineReader } from '../sources/exchange-online/reader.ts';
import { createTenantLists } from '../sources/exchange-online/tenant-lists.ts';
import { createGraph } from '../sources/graph/client.ts';
import { entraDomains } from '../sources/graph/directory.ts';
import { incidentSource } from '../sources/graph/incidents.ts';
import { graphReader } from '../sources/graph/reader.ts';
import { createTenantIdentity, type IdentitySettings } from '../sources/identity.ts';
import { interopSources } from '../sources/interop-sources.ts';
import { smtpSources } from '../sources/smtp-facts.ts';
import type { LogFile } from '../sources/smtp-log/files.ts';

export interface SourceOptions {
  readonly resolvers: readonly string[] | ResolverAddresses;
  readonly ratePerSecond?: number | undefined;
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

export interface ProductSources {
  /** One binding for every fact. */
  readonly all: Sources;
  readonly resolvers: ResolverPool;
  /** The mail domains of a tenant; undefined when nobody may sign in to it. @throws Unobtainable */
  readonly discover: (tenant: CloudTenant) => Promise<Discovery | undefined>;
  close(): void;
}

/** For the domains that Entra ID knows, in milliseconds. They only confirm, so nothing waits for them for long. */
const directoryLimitMs = 30_000;

/** Binds every fact to the one source that knows how to gather it. The compiler refuses a fact without a source. */
export function createSources(options: SourceOptions): ProductSources {
  const { ca = [], endpoints = {}, allowPrivate = false } = options;
  const resolvers = createResolverPool(
    options.resolvers,
    options.ratePerSecond === undefined ? {} : { ratePerSecond: options.ratePerSecond },
  );
  const http = createCloudHttp({ ca });
  const identity =
    options.identity === undefined ? undefined : createTenantIdentity(options.identity, { endpoints, ca });
  const exchangeOnline = identity === undefined ? undefined : createExchangeOnline({ http, identity, endpoints });
  const graph = identity === undefined ? undefined : createGraph({ http, identity, endpoints });
  const lists = exchangeOnline === undefined ? undefined : createTenantLists(exchangeOnline);
  return {
    all: {
      ...selectorSources(resolvers),
      ...tenantDkimSources(lists),
      'exchange-online-incidents': incidentSource(graph),
      ...interopSources({
        resolve: (name, type) => resolvers.ask(name, type),
        allowPrivate,
        certificateAuthorities: ca,
        endpoints: { 'exchange-online': endpoints.exchangeOnline, login: endpoints.login },
        ...(graph === undefined ? {} : { graph: (tenant: CloudTenant) => graphReader(graph, tenant) }),
        ...(exchangeOnline === undefined
          ? {}
          : { exchangeOnline: (tenant: CloudTenant) => exchangeOnlineReader(exchangeOnline, tenant) }),
      }),
      ...smtpSources({
        ...(options.logFiles === undefined ? {} : { logFiles: options.logFiles }),
        ...(options.probe === undefined
          ? {}
          : { probe: { guard: createAddressGuard({ allowPrivate }), relayTest: options.probe.relayTest } }),
      }),
    } satisfies Sources,
    resolvers,
    discover: async (tenant) => {
      if (lists === undefined || graph === undefined) return undefined;
      const verified = async (one: CloudTenant) =>
        (await entraDomains(graph, one, AbortSignal.timeout(directoryLimitMs))).filter((domain) => domain.verified);
      return discoverDomains(lists, tenant, verified);
    },
    close() {
      resolvers.close();
      http.close();
    },
  };
}
