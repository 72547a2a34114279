import type { Cloud } from '../domain/tenant.ts';

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

interface Preset {
  readonly exchangeOnline: string;
  readonly graph: string;
  readonly login: string;
  readonly tokenExchange: string;
}

/**
 * Known clouds; GCC is part of worldwide. Exchange Online: Microsoft Learn, "Exchange Online Admin API: get started";
 * Graph and login: "Microsoft Graph national cloud deployments"; token exchange: "Configure an application to trust a
 * managed identity".
 */
const presets: Readonly<Record<Cloud, Preset>> = {
  worldwide: {
    exchangeOnline: 'https://outlook.office365.com',
    graph: 'https://graph.microsoft.com',
    login: 'https://login.microsoftonline.com',
    tokenExchange: 'api://AzureADTokenExchange',
  },
  'gcc-high': {
    exchangeOnline: 'https://outlook.office365.us',
    graph: 'https://graph.microsoft.us',
    login: 'https://login.microsoftonline.us',
    tokenExchange: 'api://AzureADTokenExchangeUSGov',
  },
  dod: {
    exchangeOnline: 'https://outlook-dod.office365.us',
    graph: 'https://dod-graph.microsoft.us',
    login: 'https://login.microsoftonline.us',
    tokenExchange: 'api://AzureADTokenExchangeUSGov',
  },
  '21vianet': {
    exchangeOnline: 'https://outlook.office365.cn',
    graph: 'https://microsoftgraph.chinacloudapi.cn',
    login: 'https://login.chinacloudapi.cn',
    tokenExchange: 'api://AzureADTokenExchangeChina',
  },
};

/** The endpoints of a cloud, without a slash at the end. */
export function endpointsOf(cloud: Cloud, overrides: EndpointOverrides = {}): CloudEndpoints {
  const preset = presets[cloud];
  const address = (name: keyof EndpointOverrides) => (overrides[name] ?? preset[name]).replace(/\/+$/, '');
  return {
    exchangeOnline: address('exchangeOnline'),
    graph: address('graph'),
    login: address('login'),
    scopes: { exchangeOnline: `${preset.exchangeOnline}/.default`, graph: `${preset.graph}/.default` },
    tokenExchangeScope: `${preset.tokenExchange}/.default`,
  };
}
