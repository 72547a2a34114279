import { enumerateFirst } from '../../../domain/words.ts';
import { freeLicences, planWords } from '../licences.ts';
import { onlyFor } from '../organization.ts';
import { rule } from '../rule.ts';

/** See compliance-licensed.md. */
export const complianceLicensed = rule({
  id: 'teams-exchange-interop/compliance-licensed',
  title: 'Users in scope have an Exchange Online plan for compliance',
  severity: 'medium',
  blocks: ['compliance'],
  needs: ['users-in-scope'],
  optional: ['tenant-subscriptions', 'tenant'],
  scope: onlyFor('compliance'),
  judge({ 'users-in-scope': { users, counted }, 'tenant-subscriptions': subscriptions, tenant }) {
    const { plan, where } = planWords('exchange', tenant);
    const named = users.filter(({ exchange }) => !exchange).map(({ user }) => user);
    const total = counted?.users ?? users.length;
    const without = counted?.withoutExchange ?? named.length;
    const evidence = [
      {
        fact: 'users-in-scope',
        observed: `${total - without} of ${total} users have an Exchange Online plan`,
      },
    ] as const;
    if (total === 0) {
      return {
        verdict: 'manual',
        message: 'Nobody is in scope, so no Exchange Online plan was looked at.',
        remedy: 'Name people whose mailbox is on premises as sampleUsers in the organization document.',
        evidence,
      };
    }
    if (without > 0) {
      const licences = freeLicences(subscriptions, 'exchange');
      return {
        verdict: 'fail',
        owner: 'tenant',
        message: `eDiscovery and holds do not reach the Teams chats of ${enumerateFirst(named, 5, without)}: no Exchange Online plan (${plan}${where}) is enabled.`,
        remedy: `First Get-MailUser for each of them in Exchange Online: ExchangeGuid must not be all zeros, else switch the Exchange hybrid option on and synchronise; a plan before that makes a second mailbox and breaks the calendar. Then assign a licence with ${plan}; their mailboxes stay on premises.${licences.sentence}`,
        evidence: [...evidence, ...licences.evidence],
      };
    }
    return { verdict: 'pass', message: `All ${total} users in scope have an Exchange Online plan.`, evidence };
  },
});
