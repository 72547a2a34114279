import { enumerateFirst } from '../../../domain/words.ts';
import type { ExchangeServers } from '../../../facts/exchange-organization/on-premises.ts';
import { enableRemedy, heldCertificate } from '../application-certificate.ts';
import { isEvoSts } from '../auth-servers.ts';
import { deadlines } from '../dates.ts';
import { onlyFor } from '../organization.ts';
import {
  federationAlone,
  isOverrideOn,
  isRoutingDomain,
  knowsDedicatedApp,
  serversThatLookUp,
  wantsRichCoexistence,
} from '../rich-coexistence.ts';
import { rule } from '../rule.ts';

/** See dedicated-hybrid-application.md. */
export const dedicatedHybridApplication = rule({
  id: 'teams-exchange-interop/dedicated-hybrid-application',
  title: 'Hybrid look-ups use the dedicated hybrid application',
  severity: 'medium',
  blocks: ['rich-coexistence'],
  needs: ['on-premises-hybrid', 'setting-overrides', 'auth-servers', 'hybrid-application'],
  optional: ['auth-certificate', 'exchange-servers'],
  scope: onlyFor('rich-coexistence'),
  judge(
    {
      'on-premises-hybrid': hybrid,
      'setting-overrides': { overrides },
      'auth-servers': { servers },
      'hybrid-application': app,
      'auth-certificate': certificate,
      'exchange-servers': exchange,
    },
    { now },
  ) {
    const federated = federationAlone(hybrid);
    if (federated !== undefined) {
      if (!isOverrideOn(overrides, 'ExchangeOnpremAsThirdPartyAppId')) {
        return {
          verdict: 'not_applicable',
          message: `Look-ups go by the organization relationship "${federated.name}" alone (federation, no IntraOrganizationConnector): they use no application.`,
        };
      }
      return {
        verdict: 'fail',
        owner: 'on-premises',
        message: `Look-ups go by the organization relationship "${federated.name}" alone, but the setting override ExchangeOnpremAsThirdPartyAppId is on, which may break free/busy there.`,
        remedy:
          'Get-SettingOverride, then Remove-SettingOverride for the one with the section ExchangeOnpremAsThirdPartyAppId, and Get-ExchangeDiagnosticInfo -Process Microsoft.Exchange.Directory.TopologyService -Component VariantConfiguration -Argument Refresh.',
        evidence: [{ fact: 'setting-overrides', observed: 'ExchangeOnpremAsThirdPartyAppId: Enabled=true' }],
      };
    }
    if (!wantsRichCoexistence(hybrid)) {
      return {
        verdict: 'not_applicable',
        message: 'The hybrid configuration has no free/busy, photos or MailTips across the two sides.',
      };
    }
    const lookingUp = serversThatLookUp(exchange?.servers ?? []);
    const evidence = [
      {
        fact: 'hybrid-application',
        observed: app.found ? `${app.name}, consented: ${app.consented.join(', ') || 'nothing'}` : 'not there',
      },
    ] as const;
    const remedy =
      'ConfigureExchangeHybridApplication.ps1 -FullyConfigureExchangeHybridApplication (CSS-Exchange), once, on one server.';
    const fail = (message: string, owner: 'tenant' | 'on-premises' = 'tenant', mend = remedy) =>
      ({ verdict: 'fail', owner, message, remedy: mend, evidence }) as const;
    const outward = hybrid.connectors.filter(({ enabled }) => enabled);
    if (!outward.some(({ domains }) => domains.some(isRoutingDomain))) {
      return {
        ...fail(
          outward.length === 0
            ? 'No IntraOrganizationConnector is enabled on premises, so the servers look nothing up in the cloud by OAuth.'
            : `The IntraOrganizationConnector "${outward[0]?.name}" on premises does not name <tenant>.mail.onmicrosoft.com (TargetAddressDomains: ${enumerateFirst(outward.flatMap(({ domains }) => domains)) || 'none'}), so the servers look nothing up there.`,
          'on-premises',
          'Run the Hybrid Configuration Wizard again, or Get-IntraOrganizationConnector | Set-IntraOrganizationConnector -Enabled $true -TargetAddressDomains with <tenant>.mail.onmicrosoft.com.',
        ),
        evidence: [
          {
            fact: 'on-premises-hybrid',
            observed: `connectors: ${hybrid.connectors.map(({ name, enabled, domains }) => `${name} (${enabled ? 'enabled' : 'disabled'}): ${domains.join(', ')}`).join('; ') || 'none'}`,
          },
        ],
      };
    }
    const { date, what } = deadlines.sharedPrincipalBlocked;
    if (!app.found) return fail(`There is no dedicated hybrid application, and since ${date} ${what}.`);
    if (app.enabled === false) {
      return fail(
        `The service principal of "${app.name}" is disabled (accountEnabled false), so it gets no token (AADSTS7000112).`,
        'tenant',
        enableRemedy(app.appId ?? ''),
      );
    }
    if (!app.consented.includes('full_access_as_app')) {
      return fail(`"${app.name}" lacks the consent of an administrator to full_access_as_app.`);
    }
    const live = app.keyCredentials.some(({ endDate }) => endDate === undefined || now.toISOString() < endDate);
    if (!live) return fail(`"${app.name}" holds no certificate that is still valid.`);
    const update = 'ConfigureExchangeHybridApplication.ps1 -UpdateCertificate (CSS-Exchange), on one server.';
    const signing = certificate?.current?.toUpperCase();
    if (signing !== undefined) {
      const kept = heldCertificate(app.keyCredentials, signing, now);
      const signed = [...evidence, { fact: 'auth-certificate', observed: `current ${signing}` }] as const;
      if (kept.held === 'not-told') {
        return {
          verdict: 'manual',
          message: `"${app.name}" holds a certificate whose thumbprint Entra ID does not tell; the servers sign with ${signing}.`,
          remedy: `Entra admin center > App registrations > ${app.name} > Certificates & secrets: ${signing} has to be there, else ${update}`,
          evidence,
        };
      }
      if (kept.held === 'expired') {
        return {
          ...fail(
            `"${app.name}" holds the Auth certificate ${signing} that the servers sign with, but Entra ID accepts it until ${kept.on} only.`,
            'tenant',
            update,
          ),
          evidence: signed,
        };
      }
      if (kept.held === 'no') {
        const told = app.keyCredentials.flatMap(({ thumbprint }) => thumbprint?.toUpperCase() ?? []);
        return {
          ...fail(
            `"${app.name}" holds the certificate ${enumerateFirst(told)}, but the servers sign with the Auth certificate ${signing}: renewed, and not uploaded.`,
            'tenant',
            update,
          ),
          evidence: signed,
        };
      }
    }
    if (!isOverrideOn(overrides, 'ExchangeOnpremAsThirdPartyAppId')) {
      return fail(
        'The setting override ExchangeOnpremAsThirdPartyAppId is not on: the servers still use the shared service principal.',
        'on-premises',
      );
    }
    const ofApp = servers.filter(
      (server) =>
        isEvoSts(server) && server.enabled && server.applicationIdentifier?.toLowerCase() === app.appId?.toLowerCase(),
    );
    if (ofApp.length === 0)
      return fail(`No enabled AuthServer of type AzureAD names the application ${app.appId}.`, 'on-premises');
    const [first] = ofApp;
    if (!ofApp.some(({ domains }) => domains.some(isRoutingDomain))) {
      return {
        verdict: 'manual',
        message: `The AuthServer "${first?.name}" names the application, but its DomainName (${enumerateFirst(first?.domains ?? []) || 'empty'}) lacks <tenant>.mail.onmicrosoft.com, by which it is chosen for mailboxes in the cloud.`,
        remedy: `Set-AuthServer "${first?.name}" -DomainName with <tenant>.mail.onmicrosoft.com, as ConfigureExchangeHybridApplication.ps1 does; Test-OAuthConnectivity -Service EWS shows whether L:${app.appId}-AS: signs.`,
        evidence: [
          ...evidence,
          { fact: 'auth-servers', observed: `${first?.name}: DomainName ${first?.domains.join(', ') || 'empty'}` },
        ],
      };
    }
    const [old, untold] = [lookingUp.filter(isTooOld), lookingUp.filter(isUntold)];
    if (old.length > 0) {
      return {
        ...fail(
          `${enumerateFirst(old.map(({ name, build }) => `${name} (${build?.text})`))} ${old.length === 1 ? 'is' : 'are'} too old to use the dedicated application (2016 CU23, 2019 CU14 or CU15 with the April 2025 update, or Subscription Edition), and since ${date} ${what}.`,
          'on-premises',
          'Install the newest update, better Exchange Server SE, on every server that homes mailboxes.',
        ),
        evidence: [...evidence, { fact: 'exchange-servers', observed: buildsOf(old) }],
      };
    }
    if (untold.length > 0) {
      return {
        verdict: 'manual',
        message: `The servers use "${app.name}"; whether these home mailboxes on a build that does is not told: ${enumerateFirst(
          untold.map(
            ({ name, build, mailboxes }) =>
              `${name} (${build?.text ?? 'build not read'}${mailboxes === undefined ? ', mailboxes not counted' : ''})`,
          ),
        )}.`,
        remedy:
          'Look up the file version of ExSetup.exe there: 15.1.2507.55, 15.2.1544.25, 15.2.1748.24 or 15.2.2562.17, or later; or Get-Mailbox -Server: none may be left on an older one.',
        evidence: [...evidence, { fact: 'exchange-servers', observed: buildsOf(untold) }],
      };
    }
    return { verdict: 'pass', message: `The servers use "${app.name}", which has the consent it needs.`, evidence };
  },
});

type Server = ExchangeServers['servers'][number];

/** Homes mailboxes on a build that does not know the application. */
function isTooOld({ build, mailboxes }: Server): boolean {
  return mailboxes !== undefined && build !== undefined && knowsDedicatedApp(build) === 'no';
}

function isUntold(server: Server): boolean {
  return !isTooOld(server) && (server.build === undefined || knowsDedicatedApp(server.build) !== 'yes');
}

function buildsOf(servers: readonly Server[]): string {
  return servers.map(({ name, build }) => `${name} ${build?.text ?? 'not read'}`).join(', ');
}
