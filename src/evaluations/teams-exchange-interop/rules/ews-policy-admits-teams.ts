import { enumerateFirst } from '../../../domain/words.ts';
import type { EwsPolicy } from '../../../facts/exchange-organization/on-premises.ts';
import { coveringEntry, isEnforced } from '../ews-lists.ts';
import { rule } from '../rule.ts';

/** User agents of Teams (Learn, "Teams and Exchange interaction issue"), the list entry for each, and what stops without it. */
const agents = [
  { entry: 'MicrosoftNinja/*', agent: 'MicrosoftNinja/1.0', question: 'calendar' },
  { entry: '*Teams/*', agent: 'Teams/1.0', question: 'calendar' },
  { entry: 'SkypeSpaces/*', agent: 'SkypeSpaces/1.0', question: 'calendar' },
  { entry: '*SchedulingService*', agent: 'SchedulingService', question: 'delegates' },
  { entry: '*Microsoft.Skype.Presence.App/*', agent: 'Microsoft.Skype.Presence.App/1.0', question: 'presence' },
] as const;

/** See ews-policy-admits-teams.md. */
export const ewsPolicyAdmitsTeams = rule({
  id: 'teams-exchange-interop/ews-policy-admits-teams',
  title: 'EWS policies on premises admit Teams',
  severity: 'high',
  blocks: ['calendar', 'delegates', 'presence'],
  needs: ['ews-policies'],
  judge({ 'ews-policies': { organization, mailboxes, sampled, truncated } }) {
    const policies = [
      { whose: 'the organization', policy: organization },
      ...mailboxes.map((policy) => ({
        whose: `${policy.count} ${policy.count === 1 ? 'mailbox' : 'mailboxes'}`,
        policy,
      })),
    ];
    const hindrances = policies.flatMap(({ whose, policy }) => {
      const { what, stops } = hindrance(policy);
      return stops.length === 0 ? [] : [{ whose, what, stops }];
    });
    const evidence = policies.map(
      ({ whose, policy }) =>
        ({
          fact: 'ews-policies',
          observed: `${whose}: EwsEnabled ${policy.enabled ?? 'not set'}, ${policy.applicationAccessPolicy ?? 'no access policy'}, allow ${policy.allowList.join(' ') || 'none'}, block ${policy.blockList.join(' ') || 'none'}`,
        }) as const,
    );
    if (hindrances.length > 0) {
      return {
        verdict: 'fail',
        owner: 'on-premises',
        message: `EWS keeps Teams out: ${enumerateFirst(
          hindrances.map(({ whose, what }) => `${whose}: ${what}`),
          3,
        )}.`,
        remedy: `Set-OrganizationConfig -EwsAllowList @{Add=${agents.map(({ entry }) => `"${entry}"`).join(',')}} (Set-CASMailbox for single mailboxes), and EwsEnabled $true or empty.`,
        evidence,
        blocks: [...new Set(hindrances.flatMap(({ stops }) => stops))],
      };
    }
    return {
      verdict: 'pass',
      message: `EWS admits Teams in the organization and in ${truncated ? `the first ${sampled}` : `all ${sampled}`} mailboxes.`,
      evidence,
    };
  },
});

function hindrance(policy: EwsPolicy): { what: string; stops: readonly string[] } {
  const every = [...new Set(agents.map(({ question }) => question))];
  if (policy.enabled === false) return { what: 'EwsEnabled is False', stops: every };
  if (isEnforced(policy, 'EnforceAllowList')) {
    const missing = agents.filter(({ agent }) => coveringEntry(policy.allowList, agent) === undefined);
    const what =
      policy.allowList.length === 0
        ? 'the enforced allow list is empty, which blocks everyone'
        : `the enforced allow list lacks ${enumerateFirst(missing.map(({ entry }) => entry))}`;
    return { what, stops: missing.map(({ question }) => question) };
  }
  if (isEnforced(policy, 'EnforceBlockList')) {
    const blocked = agents.filter(({ agent }) => coveringEntry(policy.blockList, agent) !== undefined);
    const entries = blocked.map(({ agent }) => coveringEntry(policy.blockList, agent) ?? '');
    return {
      what: `the enforced block list holds ${enumerateFirst([...new Set(entries)])}`,
      stops: blocked.map(({ question }) => question),
    };
  }
  return { what: '', stops: [] };
}
