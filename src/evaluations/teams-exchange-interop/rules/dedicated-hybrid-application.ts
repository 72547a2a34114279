import { enumerateFirst } from '../../../domain/words.ts';
import { enableRemedy } from '../application-certificate.ts';
import { deadlines } from '../dates.ts';
import { onlyFor } from '../organization.ts';
import { federationAlone, isOverrideOn, wantsRichCoexistence } from '../rich-coexistence.ts';
import { rule } from '../rule.ts';

/** See dedicated-hybrid-application.md. */
export const dedicatedHybridApplication = rule({
  id: 'teams-exchange-interop/dedicated-hybrid-application',
  title: 'Hybrid look-ups use the dedicated hybrid application',
  severity: 'medium',
  blocks: ['rich-coexistence'],
  needs: ['on-premises-hybrid', 'setting-overrides', 'auth-servers', 'hybrid-application'],
  optional: ['auth-certificate'],
  scope: onlyFor('rich-coexistence'),
  judge(
    {
      'on-premises-hybrid': hybrid,
      'setting-overrides': { overrides },
      'auth-servers': { servers },
      'hybrid-application': app,
      'auth-certificate': certificate,
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
    const told = app.keyCredentials.flatMap(({ thumbprint }) =>
      thumbprint === undefined ? [] : [thumbprint.toUpperCase()],
    );
    const signing = certificate?.current?.toUpperCase();
    const update = 'ConfigureExchangeHybridApplication.ps1 -UpdateCertificate (CSS-Exchange), on one server.';
    if (signing !== undefined && !told.includes(signing)) {
      if (told.length < app.keyCredentials.length) {
        return {
          verdict: 'manual',
          message: `"${app.name}" holds a certificate whose thumbprint Entra ID does not tell; the servers sign with ${signing}.`,
          remedy: `Entra admin center > App registrations > ${app.name} > Certificates & secrets: ${signing} has to be there, else ${update}`,
          evidence,
        };
      }
      return {
        ...fail(
          `"${app.name}" holds the certificate ${enumerateFirst(told)}, but the servers sign with the Auth certificate ${signing}: renewed, and not uploaded.`,
          'tenant',
          update,
        ),
        evidence: [...evidence, { fact: 'auth-certificate', observed: `current ${signing}` }],
      };
    }
    if (!isOverrideOn(overrides, 'ExchangeOnpremAsThirdPartyAppId')) {
      return fail(
        'The setting override ExchangeOnpremAsThirdPartyAppId is not on: the servers still use the shared service principal.',
        'on-premises',
      );
    }
    const configured = servers.some(
      ({ type, enabled, applicationIdentifier }) =>
        type === 'AzureAD' && enabled && applicationIdentifier?.toLowerCase() === app.appId?.toLowerCase(),
    );
    if (!configured)
      return fail(`No enabled AuthServer of type AzureAD names the application ${app.appId}.`, 'on-premises');
    return { verdict: 'pass', message: `The servers use "${app.name}", which has the consent it needs.`, evidence };
  },
});
