import type { Judgement } from '../../../domain/rule.ts';
import { enumerateFirst } from '../../../domain/words.ts';
import { accessControlIssuers, type Tenant, tenantIdOf } from '../../../facts/exchange-organization/cloud.ts';
import type { AuthServers, VirtualDirectories } from '../../../facts/exchange-organization/on-premises.ts';
import { allOf, type BearerAnswer } from '../../../facts/exchange-organization/published.ts';
import { describeAuthServer, isEvoSts, isOfTenant } from '../auth-servers.ts';
import { afterEwsKnown, ewsHosts } from '../predecessors.ts';
import { rule } from '../rule.ts';
import { otherAgentSentence } from '../wording.ts';

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
  judge({ 'ews-bearer': fact, tenant, 'auth-servers': servers, 'virtual-directories': directories }, { part }) {
    const judged = allOf<BearerAnswer>(fact).map((answer) => {
      const judgement = judgeAnswer(part, answer, { tenant, servers, directories });
      const where = answer.address === undefined ? '' : `At ${answer.address}: `;
      return { ...judgement, message: `${where}${judgement.message}${otherAgentSentence(answer.otherAgent)}` };
    });
    // Teams gets any of the addresses, so the worst answer decides.
    const worst =
      judged.find(({ verdict }) => verdict === 'fail') ?? judged.find(({ verdict }) => verdict === 'manual');
    if (worst !== undefined) return worst;
    const { notAnswered = [] } = fact;
    if (notAnswered.length > 0) {
      return {
        verdict: 'manual',
        message: `${part} did not answer an empty token at ${enumerateFirst(notAnswered.map(({ of, why }) => `${of} (${why})`))}.`,
        remedy: `Run again; if it stays so, ask the network team what stands at these addresses of ${part}.`,
        evidence: notAnswered.map(({ of, why }) => ({ fact: 'ews-bearer', observed: `${of}: ${why}` }) as const),
      };
    }
    return judged[0] ?? [];
  },
});

function judgeAnswer(
  part: string,
  answer: BearerAnswer,
  {
    tenant,
    servers,
    directories,
  }: {
    readonly tenant: Tenant;
    readonly servers: AuthServers | undefined;
    readonly directories: VirtualDirectories | undefined;
  },
): Judgement {
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

  const known = directories?.ews ?? [];
  if (challenge === 'none' && known.length > 0 && known.every(({ oauth }) => oauth === true)) {
    return {
      ...fail(
        `${part} answers an empty Bearer token (${answer.status}) without a Bearer challenge, though OAuth is on on every server: something in front takes Authorization or WWW-Authenticate away.`,
        `Let what publishes ${part} pass the headers Authorization and WWW-Authenticate through unchanged.`,
      ),
      owner: 'network',
      evidence: [
        ...evidence,
        {
          fact: 'virtual-directories',
          observed: `OAuthAuthentication True: ${known.map(({ server }) => server).join(', ')}`,
        },
      ],
    };
  }
  if (challenge === 'none') {
    return fail(
      `${part} offers no OAuth: it answers an empty Bearer token (${answer.status}) without a Bearer challenge.`,
      'Set-WebServicesVirtualDirectory -OAuthAuthentication $true on every server, or keep the proxy in front from removing WWW-Authenticate.',
    );
  }
  const off = known.filter(({ oauth }) => oauth === false).map(({ server }) => server);
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
  const azure = servers?.servers.filter(isEvoSts) ?? [];
  const ofTenant = azure.filter((server) => own !== undefined && isOfTenant(server, own, tenant) === true);
  const evoStsServer = ofTenant.find(({ enabled }) => enabled);
  const collected = [
    ...evidence,
    {
      fact: 'auth-servers',
      observed: servers?.servers.map(describeAuthServer).join('; ') || 'Get-AuthServer lists none',
    },
  ] as const;
  if (servers !== undefined && own !== undefined && evoStsServer === undefined) {
    const [disabled] = ofTenant;
    if (disabled !== undefined) {
      return {
        ...fail(
          `The AuthServer ${disabled.name} (AzureAD, tenant ${own}) is disabled, so Exchange accepts no token of Teams.`,
          `Set-AuthServer "${disabled.name}" -Enabled $true`,
        ),
        evidence: collected,
      };
    }
    const unclear = azure.filter((server) => server.enabled && isOfTenant(server, own, tenant) === undefined);
    if (unclear.length > 0) {
      return {
        verdict: 'manual',
        message: `The enabled AuthServer ${enumerateFirst(unclear.map(({ name }) => name))} of type AzureAD does not say which tenant it trusts; it has to be ${own}.`,
        remedy: `Get-AuthServer | Format-List Name,Type,IssuerIdentifier,AuthMetadataUrl,Realm: IssuerIdentifier has to be https://sts.windows.net/${own}/.`,
        evidence: collected,
      };
    }
    return {
      ...fail(
        `No AuthServer of type AzureAD (EvoSTS) is enabled for tenant ${own}${
          servers.servers.some(({ type, enabled }) => enabled && /acs$/i.test(type))
            ? '; the ACS one that is there serves free/busy only'
            : ''
        }: Exchange accepts no token of Teams.`,
        `New-AuthServer -Name "EvoSts - ${own}" -Type AzureAD -AuthMetadataUrl https://login.microsoftonline.com/${own}/federationmetadata/2007-06/federationmetadata.xml, or run a current Hybrid Configuration Wizard (full hybrid).`,
      ),
      evidence: collected,
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
  const ownNames = tenant.found.flatMap(({ domain, tenantId }) => (tenantId.toLowerCase() === own ? [domain] : []));
  // A realm may be written as one of the tenant's domains.
  const realms = acs.map(({ realm }) =>
    own !== undefined && ownNames.includes(realm.toLowerCase()) ? own : realm.toLowerCase(),
  );
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
  const anyRealm = realms.some((realm) => realm === '*' || realm === '');
  if (anyRealm && answer.exchangeOnlineServer) {
    return fail(
      `${part} answers as a server of Exchange Online does, not as one on premises.`,
      'Correct the address of the published host.',
    );
  }
  if (evoStsServer !== undefined) {
    return {
      verdict: 'pass',
      message: `${part} offers OAuth, and the collector found the enabled AuthServer ${evoStsServer.name} of tenant ${own}.${
        realms.length > 0 && !anyRealm
          ? ` It trusts tenant ${enumerateFirst(realms)} as well, which is no contradiction: one organization may be in hybrid with several.`
          : ''
      }`,
      evidence: collected,
    };
  }
  if (anyRealm) {
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
  return {
    verdict: 'manual',
    message: `${part} offers OAuth but does not say whom it trusts; a server that trusts EvoSTS alone looks the same.`,
    remedy: 'Run Collect-TeamsInteropFacts.ps1 in the Exchange Management Shell: Get-AuthServer decides.',
    evidence,
  };
}

/** Sign-in endpoints of Entra ID, worldwide, US government and 21Vianet. */
function isMicrosoftSignIn(uri: string): boolean {
  return /^https:\/\/(login\.windows\.net|login\.microsoftonline\.(com|us)|login\.chinacloudapi\.cn|login\.partner\.microsoftonline\.cn)\//i.test(
    uri,
  );
}
