import { deadlines } from '../dates.ts';
import { onlyFor } from '../organization.ts';
import { isOverrideOn, wantsRichCoexistence } from '../rich-coexistence.ts';
import { rule } from '../rule.ts';

/** See dedicated-hybrid-application.md. */
export const dedicatedHybridApplication = rule({
  id: 'teams-exchange-interop/dedicated-hybrid-application',
  title: 'Hybrid look-ups use the dedicated hybrid application',
  severity: 'medium',
  blocks: ['rich-coexistence'],
  needs: ['on-premises-hybrid', 'setting-overrides', 'auth-servers', 'hybrid-application'],
  scope: onlyFor('rich-coexistence'),
  judge(
    {
      'on-premises-hybrid': hybrid,
      'setting-overrides': { overrides },
      'auth-servers': { servers },
      'hybrid-application': app,
    },
    { now },
  ) {
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
    const fail = (message: string, owner: 'tenant' | 'on-premises' = 'tenant') =>
      ({ verdict: 'fail', owner, message, remedy, evidence }) as const;
    const { date, what } = deadlines.sharedPrincipalBlocked;
    if (!app.found) return fail(`There is no dedicated hybrid application, and since ${date} ${what}.`);
    if (!app.consented.includes('full_access_as_app')) {
      return fail(`"${app.name}" lacks the consent of an administrator to full_access_as_app.`);
    }
    const live = app.keyCredentials.some(({ endDate }) => endDate === undefined || now.toISOString() < endDate);
    if (!live) return fail(`"${app.name}" holds no certificate that is still valid.`);
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
