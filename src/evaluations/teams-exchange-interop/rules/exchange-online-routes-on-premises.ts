import { enumerateFirst } from '../../../domain/words.ts';
import {
  type ExchangeOnlineAutodiscover,
  isTenantInitialName,
} from '../../../facts/exchange-organization/published.ts';
import { rule } from '../rule.ts';
import { leftOutSentence, movedRemedy, movedSentence } from '../wording.ts';

/** See exchange-online-routes-on-premises.md. */
export const exchangeOnlineRoutesOnPremises = rule({
  id: 'teams-exchange-interop/exchange-online-routes-on-premises',
  title: 'Exchange Online sends callers to the server on premises',
  severity: 'high',
  blocks: ['calendar'],
  needs: ['exchange-online-autodiscover'],
  per: 'domain',
  judge({ 'exchange-online-autodiscover': { users, notAnswered = [], leftOut = [] } }) {
    const evidence = [
      ...users.map(
        ({ user, outcome, url, reached }) =>
          ({
            fact: 'exchange-online-autodiscover',
            observed: `${user}: ${outcome}, ${url}${reached === undefined ? '' : `; there: ${reached.detail}`}`,
          }) as const,
      ),
      ...notAnswered.map(
        ({ of, why }) => ({ fact: 'exchange-online-autodiscover', observed: `${of}: ${why}` }) as const,
      ),
    ];
    if (users.length === 0 && notAnswered.length === 0) {
      return { verdict: 'not_applicable', message: 'No mailbox on premises has its address in this domain.' };
    }
    const moved = users.filter((one) => one.moved === true).map(({ user }) => user);
    const inCloud = users
      .filter((one) => one.outcome === 'cloud-mailbox' && one.moved !== true)
      .map(({ user }) => user);
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
    for (const { user, host, reached } of users.filter((one) => one.moved !== true)) {
      const wrong = problemAt(host, reached);
      if (wrong === undefined) continue;
      return {
        verdict: 'fail',
        owner: 'tenant',
        message: `Exchange Online sends Teams for ${user} to ${host}, ${wrong}.`,
        remedy: `Exchange Online takes that name from the domain of ExternalEmailAddress: Get-MailUser ${user} | Format-List ExternalEmailAddress. Set targetAddress on premises to an address in a domain whose Autodiscover is published (Set-MailUser or Set-Mailbox, then synchronise), or publish ${host}.`,
        evidence,
      };
    }
    if (moved.length > 0) {
      return { verdict: 'manual', message: movedSentence(moved), remedy: movedRemedy(moved), evidence };
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
    const silent = [
      ...notAnswered.map(({ of, why }) => `${of} (${why})`),
      ...users.flatMap(({ user, reached }) => (reached?.outcome === 'silent' ? [`${user} (${reached.detail})`] : [])),
    ];
    if (silent.length > 0) {
      return {
        verdict: 'manual',
        message: `Where Exchange Online sends Teams could not be looked at to the end for ${enumerateFirst(silent)}.`,
        remedy:
          'Run again; if it stays so, ask the network team whether what gives no answer admits Microsoft 365 only.',
        evidence,
      };
    }
    const hosts = [...new Set(users.map(({ host }) => host))];
    return {
      verdict: 'pass',
      message: `Exchange Online sends callers for ${enumerateFirst(users.map(({ user }) => user))} to ${enumerateFirst(hosts)}.${leftOutSentence(leftOut)}`,
      evidence,
    };
  },
});

type Reached = ExchangeOnlineAutodiscover['users'][number]['reached'];

/** Why Teams finds nothing at the host that Exchange Online names; undefined when it does, or nobody could tell. */
function problemAt(host: string, reached: Reached): string | undefined {
  if (isTenantInitialName(host)) return 'a name of the tenant in Exchange Online, where nobody can publish a server';
  switch (reached?.outcome) {
    case undefined:
    case 'silent':
      return undefined;
    case 'answer':
      return reached.answered === undefined || reached.answered.scope === 'public'
        ? undefined
        : `and that names ${reached.answered.url}, which is not on the internet (${reached.answered.scope})`;
    case 'no-name':
      return 'a name that public DNS does not know';
    case 'not-public':
      return 'a name that leads to no address on the internet';
    case 'tls':
    case 'refused':
    case 'other':
      return `and Teams gets no EWS address there (${reached.detail})`;
  }
}
