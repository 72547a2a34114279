export const clouds = ['worldwide', 'gcc-high', 'dod', '21vianet'] as const;
export type Cloud = (typeof clouds)[number];

interface CloudFacts {
  readonly exchangeOnline: string;
  /** How the hosts of Exchange Online end: some tenants are redirected to one of their own. */
  readonly exchangeHosts: string;
  readonly graph: string;
  readonly login: string;
  /** What a managed identity's token is asked for when it stands in for an application's secret. */
  readonly tokenExchange: string;
  /** How the hosts of Workflows webhooks end. */
  readonly workflowHosts: readonly string[];
  /** How the initial, fallback and coexistence domains end that Microsoft gives to tenants. */
  readonly tenantDomains: readonly string[];
}

/**
 * What differs between Microsoft's clouds, as of November 2026; GCC is part of the worldwide one, but for its Workflows and
 * its licences (`facts/exchange-organization/service-plans.ts`).
 *
 * Exchange Online: Microsoft Learn, "Exchange Online Admin API: get started"; Graph and login: "Microsoft Graph national
 * cloud deployments"; token exchange: "Configure an application to trust a managed identity". Hosts of Workflows outside of
 * the worldwide cloud stand in no document of Microsoft: they are those that public code admits, and
 * `FIELDCHECK_WEBHOOK_HOSTS` adds others.
 */
export const cloudFacts: Readonly<Record<Cloud, CloudFacts>> = {
  worldwide: {
    exchangeOnline: 'https://outlook.office365.com',
    exchangeHosts: '.office365.com',
    graph: 'https://graph.microsoft.com',
    login: 'https://login.microsoftonline.com',
    tokenExchange: 'api://AzureADTokenExchange',
    workflowHosts: [
      '.api.powerplatform.com',
      '.logic.azure.com',
      // GCC
      '.api.gov.powerplatform.microsoft.us',
      '.logic.azure.us',
    ],
    tenantDomains: ['.onmicrosoft.com'],
  },
  'gcc-high': {
    exchangeOnline: 'https://outlook.office365.us',
    exchangeHosts: '.office365.us',
    graph: 'https://graph.microsoft.us',
    login: 'https://login.microsoftonline.us',
    tokenExchange: 'api://AzureADTokenExchangeUSGov',
    workflowHosts: ['.api.high.powerplatform.microsoft.us'],
    tenantDomains: ['.onmicrosoft.us'],
  },
  dod: {
    exchangeOnline: 'https://outlook-dod.office365.us',
    exchangeHosts: '.office365.us',
    graph: 'https://dod-graph.microsoft.us',
    login: 'https://login.microsoftonline.us',
    tokenExchange: 'api://AzureADTokenExchangeUSGov',
    workflowHosts: ['.api.appsplatform.us'],
    tenantDomains: ['.onmicrosoft.us'],
  },
  '21vianet': {
    exchangeOnline: 'https://outlook.office365.cn',
    exchangeHosts: '.office365.cn',
    graph: 'https://microsoftgraph.chinacloudapi.cn',
    login: 'https://login.chinacloudapi.cn',
    tokenExchange: 'api://AzureADTokenExchangeChina',
    workflowHosts: [],
    tenantDomains: ['.partner.onmschina.cn', '.onmschina.cn'],
  },
};

/** Is it a domain that Microsoft gave to a tenant? Nobody else can publish in one. */
export function isMicrosoftsOwn(domain: string): boolean {
  return endsLike(domain, '');
}

/** Is it the domain between the two sides of a hybrid tenant, such as `contoso.mail.onmicrosoft.com`? */
export function isCoexistence(domain: string): boolean {
  return endsLike(domain, '.mail');
}

const tenantDomains = clouds.flatMap((cloud) => cloudFacts[cloud].tenantDomains);

function endsLike(domain: string, before: string): boolean {
  for (const suffix of tenantDomains) if (domain.endsWith(before === '' ? suffix : before + suffix)) return true;
  return false;
}
