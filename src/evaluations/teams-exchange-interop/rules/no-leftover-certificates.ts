import { applications } from '../../../facts/exchange-organization/cloud.ts';
import { rule } from '../rule.ts';

/** See no-leftover-certificates.md. */
export const noLeftoverCertificates = rule({
  id: 'teams-exchange-interop/no-leftover-certificates',
  title: 'No certificate is left on the shared service principal',
  severity: 'low',
  blocks: [],
  needs: ['service-principals'],
  judge({ 'service-principals': { principals } }) {
    const left = principals.find(({ appId }) => appId === applications.exchangeOnline)?.keyCredentials ?? [];
    const evidence = [
      {
        fact: 'service-principals',
        observed: `${left.length} certificates: ${left.map(({ thumbprint }) => thumbprint ?? 'without thumbprint').join(', ')}`,
      },
    ] as const;
    if (left.length === 0) {
      return { verdict: 'pass', message: 'The service principal of Exchange Online holds no certificate of yours.' };
    }
    return {
      verdict: 'fail',
      owner: 'tenant',
      message: `The service principal of Exchange Online still holds ${left.length} ${left.length === 1 ? 'certificate' : 'certificates'}: who owns a server on premises can act in the cloud (CVE-2025-53786).`,
      remedy:
        'ConfigureExchangeHybridApplication.ps1 -ResetFirstPartyServicePrincipalKeyCredentials (CSS-Exchange), after the dedicated hybrid application works. Running the wizard again puts it back.',
      evidence,
    };
  },
});
