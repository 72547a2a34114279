import { daysUntil, type Instant } from '../../../domain/time.ts';
import { enumerateFirst } from '../../../domain/words.ts';
import { buildFloors, isAtLeast } from '../../../facts/exchange-organization/builds.ts';
import type { ExchangeOnlineEws } from '../../../facts/exchange-organization/cloud.ts';
import { deadlines } from '../dates.ts';
import { onlyFor } from '../organization.ts';
import { federationAlone, isOverrideOn, serversThatLookUp, wantsRichCoexistence } from '../rich-coexistence.ts';
import { rule } from '../rule.ts';

const permissions = ['MailboxSettings.Read', 'MailTips.ReadBasic.All', 'Calendars.Read', 'ProfilePhoto.Read.All'];

/** See free-busy-through-graph.md. */
export const freeBusyThroughGraph = rule({
  id: 'teams-exchange-interop/free-busy-through-graph',
  title: 'Hybrid look-ups go through Microsoft Graph',
  severity: 'medium',
  blocks: ['rich-coexistence'],
  needs: ['on-premises-hybrid', 'exchange-servers', 'setting-overrides', 'hybrid-application'],
  optional: ['exchange-online-ews'],
  scope: onlyFor('rich-coexistence'),
  judge(
    {
      'on-premises-hybrid': hybrid,
      'exchange-servers': { servers },
      'setting-overrides': { overrides },
      'hybrid-application': app,
      'exchange-online-ews': ews,
    },
    { now },
  ) {
    const federated = federationAlone(hybrid);
    if (federated !== undefined) {
      return {
        verdict: 'manual',
        message: `Look-ups go by the organization relationship "${federated.name}" alone (federation, no IntraOrganizationConnector): neither the application nor Graph serves them, and whether they work was not looked at.`,
        remedy: `Test-OrganizationRelationship -Identity "${federated.name}" -UserIdentity USER, in the Exchange Management Shell.`,
        evidence: [
          { fact: 'on-premises-hybrid', observed: `relationship "${federated.name}": ${federated.domains.join(', ')}` },
        ],
      };
    }
    if (!wantsRichCoexistence(hybrid)) {
      return {
        verdict: 'not_applicable',
        message: 'The hybrid configuration has no free/busy, photos or MailTips across the two sides.',
      };
    }
    const { date, what } = deadlines.exchangeOnlineEwsOff;
    const days = daysUntil(date, now);
    const behind = serversThatLookUp(servers).filter(
      ({ build }) => build === undefined || isAtLeast(build, buildFloors.graph) !== 'at-least',
    );
    const old = behind.map(({ name, build }) => `${name} (${build?.text ?? 'build not read'})`);
    const missing = permissions.filter((permission) => !app.consented.includes(permission));
    const wrong = [
      ...(old.length > 0 ? [`older than Exchange SE ${buildFloors.graph}: ${enumerateFirst(old)}`] : []),
      ...(isOverrideOn(overrides, 'RouteThroughMSGraph') ? [] : ['the setting override RouteThroughMSGraph is not on']),
      ...(missing.length > 0 ? [`the dedicated hybrid application lacks ${enumerateFirst(missing)}`] : []),
    ];
    const evidence = [
      {
        fact: 'exchange-servers',
        observed: servers.map(({ name, build }) => `${name} ${build?.text ?? '?'}`).join(', ') || 'none',
      },
      { fact: 'hybrid-application', observed: `consented: ${app.consented.join(', ') || 'nothing'}` },
    ] as const;
    if (wrong.length === 0) {
      return {
        verdict: 'pass',
        message: 'Every server that homes mailboxes looks free/busy up through Microsoft Graph.',
        evidence,
      };
    }
    if (wrong.length === 1 && behind.length > 0 && behind.every(({ mailboxes }) => mailboxes === undefined)) {
      return {
        verdict: 'manual',
        message: `Look-ups go through Microsoft Graph, unless one of these homes mailboxes, which could not be counted: ${enumerateFirst(old)}.`,
        remedy:
          'Get-Mailbox -Server for each of them, with Set-ADServerSettings -ViewEntireForest $true: none may be left there.',
        evidence,
      };
    }
    const byEws = days > 0 ? closedTo(ews, app.appId, now) : undefined;
    if (days > 0 && ews === undefined && daysUntil(deadlines.exchangeOnlineEwsPhasedOff.date, now) <= 0) {
      return {
        verdict: 'manual',
        message: `Look-ups go over EWS in Exchange Online (${wrong.join('; ')}), and since ${deadlines.exchangeOnlineEwsPhasedOff.date} tenants are switched off there one by one: whether this one still admits them was not looked at.`,
        remedy: `Get-OrganizationConfig | Format-List EwsEnabled,EwsAllowedAppIDs in Exchange Online: EwsEnabled has to be True, and the list has to name ${app.appId ?? 'the dedicated hybrid application'}.`,
        evidence,
      };
    }
    return {
      verdict: 'fail',
      // Until that day EWS answers whom it admits, so this is a task with a date and no fault yet.
      ...(days > 0 && byEws === undefined ? { severity: 'low' as const } : {}),
      owner: 'on-premises',
      message:
        byEws === undefined
          ? `${days > 0 ? `In ${days} days (${date})` : `Since ${date}`} ${what}, and this is not ready: ${wrong.join('; ')}.`
          : `Look-ups go over EWS in Exchange Online (${wrong.join('; ')}), and ${byEws.why}: free/busy, photos and MailTips of cloud mailboxes fail. Calendars on premises are not touched by that.`,
      remedy: `${byEws === undefined ? '' : `Until ${date}: ${byEws.remedy} For good: `}${mend}`,
      evidence: [
        ...evidence,
        ...(ews === undefined
          ? []
          : [
              {
                fact: 'exchange-online-ews',
                observed: `EwsEnabled ${ews.enabled ?? 'not set'}, ${ews.allowedAppIds.length} allowed applications`,
              } as const,
            ]),
      ],
    };
  },
});

const mend =
  'move every server to Exchange Server SE with the May 2026 update or later, consent to the Graph permissions (ConfigureExchangeHybridApplication.ps1), and set the override RouteThroughMSGraph.';

/** Why EWS of Exchange Online turns the dedicated application away at `now`; undefined while it is admitted. */
function closedTo(ews: ExchangeOnlineEws | undefined, appId: string | undefined, now: Instant) {
  const list = `Set-OrganizationConfig -EwsAllowedAppIDs: keep what is listed and add ${appId ?? 'the dedicated hybrid application'}.`;
  if (ews?.enabled === false) {
    return { why: 'EwsEnabled is False there', remedy: `Set-OrganizationConfig -EwsEnabled $true; ${list}` };
  }
  const listed = ews?.allowedAppIds.some((id) => id.toLowerCase() === appId?.toLowerCase()) === true;
  // That there is no application is told by its own rule.
  if (
    ews?.enabled === true &&
    appId !== undefined &&
    !listed &&
    daysUntil(deadlines.allowedAppIdsEnforced.date, now) <= 0
  ) {
    return { why: `EwsAllowedAppIDs does not name the dedicated application ${appId}`, remedy: list };
  }
  return undefined;
}
