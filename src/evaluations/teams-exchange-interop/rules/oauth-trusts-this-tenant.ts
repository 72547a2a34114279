import { enumerateFirst } from '../../../domain/words.ts';
import { accessControlIssuers, tenantIdOf } from '../../../facts/exchange-organization/cloud.ts';
import { afterEwsKnown, ewsHosts } from '../predecessors.ts';
import { rule } from '../rule.ts';

/** See oauth-trusts-this-tenant.md. */
export const oauthTrustsThisTenant = rule({
  id: 'teams-exchange-interop/oauth-trusts-this-tenant',
  title: 'OAuth on EWS trusts this tenant',
  severity: 'high',
  blocks: ['calendar', 'delegates'],
  needs: ['published-host', 'ews-bearer', 'tenant'],
  optional: ['auth-servers', 'virtual-directories'],
  per: 'host',
  parts: (_, { byPart }) => ewsHosts(byPart('published-host')),
  after: ({ 'published-host': host }, { part }) => [
    ...afterEwsKnown(part, host),
    { rule: 'teams-exchange-interop/ews-without-pre-authentication', target: part },
  ],
  judge({ 'ews-bearer': answer, tenant, 'auth-servers': servers, 'virtual-directories': directories }, { part }) {
    const own = tenantIdOf(tenant);
    const { trustedIssuers, authorizationUri, challenge, raw } = answer;
    const evidence = [
      {
        fact: 'ews-bearer',
        observed: `trusted_issuers ${trustedIssuers.map(({ issuer, realm }) => `${issuer}@${realm}`).join(', ') || 'none'}; authorization_uri ${authorizationUri ?? 'none'}`,
      },
      { fact: 'tenant', observed: own ?? 'not known' },
    ] as const;
    const wizard =
      'Run the Hybrid Configuration Wizard (full hybrid) or configure OAuth by hand: Microsoft Learn, "Configure OAuth authentication between Exchange and Exchange Online organizations".';
    const fail = (message: string, remedy = wizard) =>
      ({ verdict: 'fail', owner: 'on-premises', message, remedy, evidence }) as const;

    if (challenge === 'none') {
      return fail(
        `${part} offers no OAuth: it answers an empty Bearer token (${answer.status}) without a Bearer challenge.`,
        'Set-WebServicesVirtualDirectory -OAuthAuthentication $true on every server, or keep the proxy in front from removing WWW-Authenticate.',
      );
    }
    const off = (directories?.ews ?? []).filter(({ oauth }) => oauth === false).map(({ server }) => server);
    if (off.length > 0) {
      return {
        ...fail(
          `OAuth is off on the EWS virtual directory of ${enumerateFirst(off)}: whoever lands there gets no answer.`,
          'Set-WebServicesVirtualDirectory -OAuthAuthentication $true on these servers.',
        ),
        evidence: [
          ...evidence,
          { fact: 'virtual-directories', observed: `OAuthAuthentication False: ${off.join(', ')}` },
        ],
      };
    }
    if (challenge === 'malformed') {
      return {
        verdict: 'manual',
        message: `The Bearer challenge of ${part} cannot be read: ${raw ?? 'it is cut off'}.`,
        remedy: 'Ask the server itself for the challenge, past what publishes it, and compare.',
        evidence,
      };
    }
    const acs = trustedIssuers.filter(({ issuer }) => accessControlIssuers.includes(issuer.toLowerCase()));
    const realms = acs.map(({ realm }) => realm.toLowerCase());
    const evoSts = authorizationUri !== undefined && isMicrosoftSignIn(authorizationUri);
    if (own === undefined) {
      return {
        verdict: 'manual',
        message: `${part} trusts ${enumerateFirst(realms) || 'no tenant by name'}, but which tenant is the organization's own is not known.`,
        remedy: 'Write the tenant id into the organization document (tenant.id).',
        evidence,
      };
    }
    if (realms.includes(own)) {
      return {
        verdict: 'pass',
        message: evoSts
          ? `${part} trusts tenant ${own} and names Microsoft's sign-in: OAuth is proven.`
          : `${part} trusts tenant ${own}. It names no sign-in endpoint, which is usual without Hybrid Modern Authentication.`,
        evidence,
      };
    }
    if (realms.some((realm) => realm === '*' || realm === '')) {
      if (answer.exchangeOnlineServer) {
        return fail(
          `${part} answers as a server of Exchange Online does, not as one on premises.`,
          'Correct the address of the published host.',
        );
      }
      return {
        verdict: 'manual',
        message: `${part} trusts every tenant (realm *), which proves nothing: its AuthServer has no realm.`,
        remedy: 'Get-AuthServer: the realm of the ACS AuthServer has to be the tenant id.',
        evidence,
      };
    }
    if (realms.length > 0) {
      return fail(
        `${part} trusts tenant ${enumerateFirst(realms)}, not this one (${own}): left over from another tenant.`,
      );
    }
    if (evoSts) {
      return {
        verdict: 'pass',
        message: `${part} names Microsoft's sign-in, so EvoSTS is trusted; the ACS issuer is missing, which free/busy needs and Microsoft's connectivity test asks for.`,
        evidence,
      };
    }
    const trusted = servers?.servers.find(
      ({ type, enabled, realm, authMetadataUrl }) =>
        type === 'AzureAD' &&
        enabled &&
        (realm?.toLowerCase() === own || authMetadataUrl?.toLowerCase().includes(own) === true),
    );
    if (trusted !== undefined) {
      return {
        verdict: 'pass',
        message: `${part} offers OAuth, and the collector found the enabled AuthServer ${trusted.name} of tenant ${own}.`,
        evidence: [
          ...evidence,
          { fact: 'auth-servers', observed: `${trusted.name}: ${trusted.authMetadataUrl ?? trusted.realm}` },
        ],
      };
    }
    if (servers !== undefined) return fail(`${part} offers OAuth, but no enabled AuthServer belongs to tenant ${own}.`);
    return {
      verdict: 'manual',
      message: `${part} offers OAuth but does not say whom it trusts; a server that trusts EvoSTS alone looks the same.`,
      remedy: 'Run Collect-TeamsInteropFacts.ps1 in the Exchange Management Shell: Get-AuthServer decides.',
      evidence,
    };
  },
});

/** Sign-in endpoints of Entra ID, worldwide, US government and 21Vianet. */
function isMicrosoftSignIn(uri: string): boolean {
  return /^https:\/\/(login\.windows\.net|login\.microsoftonline\.(com|us)|login\.chinacloudapi\.cn|login\.partner\.microsoftonline\.cn)\//i.test(
    uri,
  );
}
