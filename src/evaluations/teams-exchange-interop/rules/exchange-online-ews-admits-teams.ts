import { daysUntil } from '../../../domain/time.ts';
import { applications } from '../../../facts/exchange-organization/cloud.ts';
import { deadlines } from '../dates.ts';
import { coveringEntry, isEnforced } from '../ews-lists.ts';
import { rule } from '../rule.ts';

const teamsAgent = 'Teams CalendarSkypeSpaces/1.0a$*+';

/** See exchange-online-ews-admits-teams.md. */
export const exchangeOnlineEwsAdmitsTeams = rule({
  id: 'teams-exchange-interop/exchange-online-ews-admits-teams',
  title: 'EWS in Exchange Online admits Teams for cloud mailboxes',
  severity: 'medium',
  blocks: [],
  needs: ['exchange-online-ews'],
  judge({ 'exchange-online-ews': policy }, { now }) {
    const { enabled, allowedAppIds, allowList, blockList } = policy;
    const evidence = [
      {
        fact: 'exchange-online-ews',
        observed: `EwsEnabled ${enabled ?? 'not set'}, ${allowedAppIds.length} allowed applications, ${policy.applicationAccessPolicy ?? 'no access policy'}`,
      },
    ] as const;
    const fail = (message: string, remedy: string) =>
      ({ verdict: 'fail', owner: 'tenant', message, remedy, evidence }) as const;
    const untouched = ' Calendars on premises are not touched by that.';
    const off = deadlines.exchangeOnlineEwsOff;
    if (daysUntil(off.date, now) <= 0) {
      return {
        verdict: 'not_applicable',
        message: `Since ${off.date} EWS in Exchange Online is off for everybody, so these settings admit nobody.${untouched}`,
      };
    }
    const listsTeams = allowedAppIds.some((id) => id.toLowerCase() === applications.teams);
    const addId = `Set-OrganizationConfig -EwsAllowedAppIDs: keep what is listed and add ${applications.teams}.`;
    if (enabled === false) {
      return fail(
        `EWS is switched off in Exchange Online (EwsEnabled False), so Teams cannot read the calendars of cloud mailboxes.${untouched}`,
        `Set-OrganizationConfig -EwsEnabled $true; ${addId}`,
      );
    }
    const phasedOff = deadlines.exchangeOnlineEwsPhasedOff;
    if (enabled === undefined && daysUntil(phasedOff.date, now) <= 0) {
      return fail(
        `EwsEnabled is not set, and since ${phasedOff.date} ${phasedOff.what}, tenant by tenant${
          allowedAppIds.length > 0 ? '; the list EwsAllowedAppIDs has no effect until it is True' : ''
        }.${untouched}`,
        `Set-OrganizationConfig -EwsEnabled $true; ${listsTeams ? 'the list names Teams already' : addId}`,
      );
    }
    const enforced = deadlines.allowedAppIdsEnforced;
    if (enabled === true && !listsTeams && daysUntil(enforced.date, now) <= 0) {
      return fail(
        `EwsEnabled is True, which since ${enforced.date} admits listed applications only, and EwsAllowedAppIDs does not name Teams (${applications.teams}).${untouched}`,
        addId,
      );
    }
    const addAgent = `Set-OrganizationConfig -EwsAllowList @{Add="${teamsAgent}"}.`;
    if (
      isEnforced(policy, 'EnforceAllowList') &&
      !allowList.includes(teamsAgent) &&
      coveringEntry(allowList, teamsAgent) === undefined
    ) {
      return fail(`The enforced EWS allow list of Exchange Online does not name Teams (${teamsAgent}).`, addAgent);
    }
    if (isEnforced(policy, 'EnforceBlockList') && coveringEntry(blockList, teamsAgent) !== undefined) {
      return fail(
        'The enforced EWS block list of Exchange Online names Teams.',
        'Set-OrganizationConfig -EwsBlockList: take the entry out.',
      );
    }
    const days = daysUntil(off.date, now);
    const unset = `EwsEnabled is not set, which from ${phasedOff.date} on means off`;
    return {
      verdict: 'pass',
      message: `EWS in Exchange Online admits Teams${enabled === undefined ? ` (${unset})` : ''}; on ${off.date}, in ${days} days, it ends for everybody.`,
      evidence,
    };
  },
});
