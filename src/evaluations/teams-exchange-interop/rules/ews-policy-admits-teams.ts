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
  judge({ 'ews-policies': { organization, mailboxes, samples = [], sampled, truncated } }) {
    const judged = [
      { whose: 'the organization', policy: organization },
      ...samples.map((policy) => ({ whose: `the sample mailbox ${policy.mailbox}`, policy })),
    ];
    const others = mailboxes.map((policy) => ({ whose: mailboxesOf(policy.count), policy, count: policy.count }));
    const evidence = [...judged, ...others].map(
      ({ whose, policy }) =>
        ({
          fact: 'ews-policies',
          observed: `${whose}: EwsEnabled ${policy.enabled ?? 'not set'}, ${policy.applicationAccessPolicy ?? 'no access policy'}, allow ${policy.allowList.join(' ') || 'none'}, block ${policy.blockList.join(' ') || 'none'}`,
        }) as const,
    );
    const fail = (message: string, stops: readonly string[]) =>
      ({
        verdict: 'fail',
        owner: 'on-premises',
        message,
        remedy: `Set-OrganizationConfig -EwsAllowList @{Add=${agents.map(({ entry }) => `"${entry}"`).join(',')}} (Set-CASMailbox for single mailboxes), and EwsEnabled $true or empty.`,
        evidence,
        blocks: [...new Set(stops)],
      }) as const;
    const hindrances = judged.flatMap((one) => hindranceOf(one));
    if (hindrances.length > 0) return fail(`EWS keeps Teams out: ${told(hindrances)}.`, stopped(hindrances));
    const shut = others.flatMap((one) => hindranceOf(one).map((hindrance) => ({ ...hindrance, count: one.count })));
    const many = shut.reduce((sum, { count }) => sum + count, 0);
    if (many > 0 && many >= sampled && samples.length === 0) {
      return fail(`EWS keeps Teams out of every mailbox that was looked at: ${told(shut)}.`, stopped(shut));
    }
    if (many > 0) {
      return {
        ...fail(
          `EWS admits Teams in the organization${
            samples.length > 0 ? ` and in ${samples.length === 1 ? 'the sample mailbox' : 'all sample mailboxes'}` : ''
          }, but not in ${many} of ${sampled} mailboxes (${told(shut)}): no fault where these are service mailboxes${
            samples.length > 0 ? '' : '; whether the sample users are among them was not looked at (-SampleMailbox)'
          }.`,
          [],
        ),
        severity: 'low',
        remedy:
          'Get-CASMailbox -ResultSize Unlimited -Filter "EwsEnabled -eq $false": for people Set-CASMailbox -EwsEnabled $null; run the collector with -SampleMailbox for the sample users.',
      };
    }
    return {
      verdict: 'pass',
      message: `EWS admits Teams in the organization and in ${truncated ? `the first ${sampled}` : `all ${sampled}`} mailboxes.`,
      evidence,
    };
  },
});

interface Hindrance {
  readonly whose: string;
  readonly what: string;
  readonly stops: readonly string[];
}

function hindranceOf({ whose, policy }: { whose: string; policy: EwsPolicy }): readonly Hindrance[] {
  const { what, stops } = hindrance(policy);
  return stops.length === 0 ? [] : [{ whose, what, stops }];
}

function told(hindrances: readonly Hindrance[]): string {
  return enumerateFirst(
    hindrances.map(({ whose, what }) => `${whose}: ${what}`),
    3,
  );
}

function stopped(hindrances: readonly Hindrance[]): readonly string[] {
  return hindrances.flatMap(({ stops }) => stops);
}

function mailboxesOf(count: number): string {
  return `${count} ${count === 1 ? 'mailbox' : 'mailboxes'}`;
}

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
