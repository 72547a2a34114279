import { enumerateFirst } from '../../../domain/words.ts';
import { isExchangeOnlineName } from '../../../facts/exchange-organization/published.ts';
import { rule } from '../rule.ts';

/** See exchange-online-routes-on-premises.md. */
export const exchangeOnlineRoutesOnPremises = rule({
  id: 'teams-exchange-interop/exchange-online-routes-on-premises',
  title: 'Exchange Online sends callers to the server on premises',
  severity: 'high',
  blocks: ['calendar'],
  needs: ['exchange-online-autodiscover'],
  per: 'domain',
  judge({ 'exchange-online-autodiscover': { users } }) {
    const evidence = users.map(
      ({ user, outcome, url }) =>
        ({ fact: 'exchange-online-autodiscover', observed: `${user}: ${outcome}, ${url}` }) as const,
    );
    const inCloud = users.filter(({ outcome }) => outcome === 'cloud-mailbox').map(({ user }) => user);
    if (inCloud.length > 0) {
      return {
        verdict: 'fail',
        owner: 'tenant',
        message: `Exchange Online has a mailbox of its own for ${enumerateFirst(inCloud)} and keeps Teams there: a duplicate of the one on premises.`,
        remedy:
          'Get-Mailbox and Get-MailUser in Exchange Online: remove the duplicate (Set-User -PermanentlyClearPreviousMailboxInfo after taking away its Exchange licence) and check ExternalEmailAddress.',
        evidence,
      };
    }
    const unknownUsers = users.filter(({ outcome }) => outcome === 'unknown-recipient').map(({ user }) => user);
    if (unknownUsers.length > 0) {
      return {
        verdict: 'manual',
        message: `Exchange Online does not know ${enumerateFirst(unknownUsers)}: not synchronised, or the sample is wrong.`,
        remedy: 'Get-MailUser in Exchange Online for these addresses; correct sampleUsers or the synchronisation.',
        evidence,
      };
    }
    const hosts = [...new Set(users.map(({ host }) => host))];
    return {
      verdict: 'pass',
      message: `Exchange Online sends callers for ${enumerateFirst(users.map(({ user }) => user))} to ${enumerateFirst(hosts.filter((host) => !isExchangeOnlineName(host)))}.`,
      evidence,
    };
  },
});
