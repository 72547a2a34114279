import { applications } from '../../../facts/exchange-organization/cloud.ts';
import { enableRemedy } from '../application-certificate.ts';
import { rule } from '../rule.ts';

/** See service-principal-names-registered.md. */
export const servicePrincipalNamesRegistered = rule({
  id: 'teams-exchange-interop/service-principal-names-registered',
  title: 'The EWS host is a service principal name of Exchange Online',
  severity: 'high',
  blocks: ['calendar'],
  needs: ['published-host', 'service-principals'],
  per: 'host',
  parts: (_, { byPart }) =>
    Object.entries(byPart('published-host')).flatMap(([host, { ews }]) => (ews === undefined ? [] : [host])),
  judge({ 'published-host': { ews }, 'service-principals': { principals } }, { part }) {
    const exchange = principals.find(({ appId }) => appId === applications.exchangeOnline);
    const remedy = `Add it in Microsoft Graph PowerShell: $sp = Get-MgServicePrincipal -Filter "appId eq '${applications.exchangeOnline}'"; Update-MgServicePrincipal -ServicePrincipalId $sp.Id -ServicePrincipalNames ($sp.ServicePrincipalNames + 'https://${part}/').`;
    if (exchange === undefined) {
      return {
        verdict: 'fail',
        owner: 'tenant',
        message:
          'The tenant has no service principal for Exchange Online, so no name of a server can be registered with it.',
        remedy,
        evidence: [{ fact: 'service-principals', observed: `${applications.exchangeOnline}: not there` }],
      };
    }
    const teams = principals.find(({ appId }) => appId === applications.teams);
    for (const [principal, name, then] of [
      [exchange, 'Exchange Online', 'Entra ID issues no token for any server of yours'],
      [teams, 'Microsoft Teams Services', 'Teams itself gets no token'],
    ] as const) {
      if (principal === undefined || principal.enabled) continue;
      return {
        verdict: 'fail',
        owner: 'tenant',
        message: `The service principal of ${name} is disabled (accountEnabled false), so ${then} (AADSTS7000112).`,
        remedy: enableRemedy(principal.appId),
        evidence: [{ fact: 'service-principals', observed: `${principal.appId}: accountEnabled false` }],
      };
    }
    const wanted = new Set([`https://${part}`, (ews ?? '').toLowerCase().replace(/\/$/, '')]);
    const found = exchange.names.find((name) => wanted.has(name.toLowerCase().replace(/\/$/, '')));
    const evidence = [
      { fact: 'service-principals', observed: found ?? `none of ${exchange.names.length} names is https://${part}/` },
    ] as const;
    if (found === undefined) {
      return {
        verdict: 'fail',
        owner: 'tenant',
        message: `https://${part}/ is no service principal name of Exchange Online, so Entra ID issues no token for that server.`,
        remedy,
        evidence,
      };
    }
    return {
      verdict: 'pass',
      message: `${found} is registered with the service principal of Exchange Online.`,
      evidence,
    };
  },
});
