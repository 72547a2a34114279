import { enumerateFirst } from '../../../domain/words.ts';
import { freeLicences, planWords } from '../licences.ts';
import { rule } from '../rule.ts';

/** See teams-licensed.md. */
export const teamsLicensed = rule({
  id: 'teams-exchange-interop/teams-licensed',
  title: 'Users in scope have a Teams plan',
  severity: 'high',
  blocks: ['calendar', 'delegates'],
  needs: ['users-in-scope'],
  optional: ['tenant-subscriptions', 'tenant'],
  judge({ 'users-in-scope': { users, counted }, 'tenant-subscriptions': subscriptions, tenant }) {
    const { plan, where } = planWords('teams', tenant);
    const named = users.filter(({ teams }) => !teams).map(({ user }) => user);
    const total = counted?.users ?? users.length;
    const without = counted?.withoutTeams ?? named.length;
    const evidence = [
      {
        fact: 'users-in-scope',
        observed: `${total - without} of ${total} users have ${plan} enabled`,
      },
    ] as const;
    if (total === 0) {
      return {
        verdict: 'manual',
        message: 'Nobody is in scope, so no Teams plan was looked at.',
        remedy: 'Name people whose mailbox is on premises as sampleUsers in the organization document.',
        evidence,
      };
    }
    if (without > 0) {
      const licences = freeLicences(subscriptions, 'teams');
      return {
        verdict: 'fail',
        owner: 'tenant',
        message: `Without an enabled Teams plan (${plan}${where}): ${enumerateFirst(named, 5, without)}.`,
        remedy: `Microsoft 365 admin center > Users > Licenses and apps: assign a licence with Microsoft Teams and leave the app on.${licences.sentence}`,
        evidence: [...evidence, ...licences.evidence],
      };
    }
    return { verdict: 'pass', message: `All ${total} users in scope have an enabled Teams plan.`, evidence };
  },
});
