import { type Cloud, cloudFacts } from '../domain/cloud.ts';

/** Addresses in place of the cloud's own: for tests, proxies and clouds that are not known here. */
export interface EndpointOverrides {
  readonly exchangeOnline?: string | undefined;
  readonly graph?: string | undefined;
  readonly login?: string | undefined;
}

/** Where the services of a cloud answer, and what a token for each is asked for. */
export interface CloudEndpoints {
  readonly exchangeOnline: string;
  readonly graph: string;
  readonly login: string;
  /** Scopes of app-only tokens. They name the cloud's own services, also where an endpoint is overridden. */
  readonly scopes: { readonly exchangeOnline: string; readonly graph: string };
  /** What a managed identity's token is asked for when it stands in for an application's secret. */
  readonly tokenExchangeScope: string;
}

/** The endpoints of a cloud, without a slash at the end. */
export function endpointsOf(cloud: Cloud, overrides: EndpointOverrides = {}): CloudEndpoints {
  const preset = cloudFacts[cloud];
  const address = (name: keyof EndpointOverrides) => (overrides[name] ?? preset[name]).replace(/\/+$/, '');
  return {
    exchangeOnline: address('exchangeOnline'),
    graph: address('graph'),
    login: address('login'),
    scopes: { exchangeOnline: `${preset.exchangeOnline}/.default`, graph: `${preset.graph}/.default` },
    tokenExchangeScope: `${preset.tokenExchange}/.default`,
  };
}
