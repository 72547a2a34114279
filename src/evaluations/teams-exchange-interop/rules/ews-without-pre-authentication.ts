import { enumerateFirst } from '../../../domain/words.ts';
import { afterEwsKnown, ewsHosts } from '../predecessors.ts';
import { rule } from '../rule.ts';

/** See ews-without-pre-authentication.md. */
export const ewsWithoutPreAuthentication = rule({
  id: 'teams-exchange-interop/ews-without-pre-authentication',
  title: 'EWS is reached without pre-authentication',
  severity: 'high',
  blocks: ['calendar', 'delegates'],
  needs: ['published-host', 'ews-anonymous'],
  per: 'host',
  parts: (_, { byPart }) => ewsHosts(byPart('published-host')),
  after: ({ 'published-host': host }, { part }) => afterEwsKnown(part, host),
  judge({ 'ews-anonymous': { url, status, schemes, outcome, location } }) {
    const evidence = [
      {
        fact: 'ews-anonymous',
        observed: `${url}: ${status}${schemes.length === 0 ? '' : `, ${schemes.join(', ')}`}${location === undefined ? '' : ` to ${location}`}`,
      },
    ] as const;
    const fail = (message: string, owner: 'network' | 'on-premises' = 'network') =>
      ({
        verdict: 'fail',
        owner,
        message,
        remedy: 'Publish /EWS as pass-through: Exchange itself has to ask for the token, nothing in front of it.',
        evidence,
      }) as const;
    switch (outcome) {
      case 'challenge': {
        if (schemes.some((scheme) => /^(negotiate|ntlm|bearer)$/i.test(scheme))) {
          return {
            verdict: 'pass',
            message: `${url} itself asks for credentials (401 ${enumerateFirst(schemes)}).`,
            evidence,
          };
        }
        return {
          verdict: 'manual',
          message: `${url} asks for ${schemes.length === 0 ? 'credentials without naming a scheme' : `${enumerateFirst(schemes)} only`}: a proxy in front may do that, or Exchange with unusual settings.`,
          remedy:
            'Look up the authentication of the EWS virtual directory (Get-WebServicesVirtualDirectory) and of what publishes it.',
          evidence,
        };
      }
      case 'login':
        return fail(
          `${url} redirects to a sign-in page (${location}): a proxy authenticates callers before Exchange sees them.`,
        );
      case 'page':
        return fail(
          `${url} answers with a web page (${status}) where Exchange would ask for credentials: a proxy stands in between.`,
        );
      case 'forbidden':
        return fail(`${url} turns anonymous callers away (403) in place of asking for credentials.`);
      case 'policy':
        return fail(`${url} refuses by the EWS policy of Exchange Online: it is not a server on premises.`);
      case 'not-found':
        return fail(`There is no EWS at ${url} (404).`, 'on-premises');
      case 'other':
        return fail(`${url} answers ${status} where Exchange would ask for credentials.`);
    }
  },
});
