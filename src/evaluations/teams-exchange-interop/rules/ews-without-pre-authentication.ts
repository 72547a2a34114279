import { enumerateFirst } from '../../../domain/words.ts';
import { allOf, type EwsAnswer, isOutlookWeb } from '../../../facts/exchange-organization/published.ts';
import { afterEwsKnown, ewsHosts } from '../predecessors.ts';
import { rule } from '../rule.ts';
import { at, otherAgentSentence, siteRedirect } from '../wording.ts';

/** See ews-without-pre-authentication.md. */
export const ewsWithoutPreAuthentication = rule({
  id: 'teams-exchange-interop/ews-without-pre-authentication',
  title: 'EWS is reached without pre-authentication',
  severity: 'high',
  confirmRuns: 2,
  blocks: ['calendar', 'delegates'],
  needs: ['published-host', 'ews-anonymous'],
  per: 'host',
  parts: (_, { byPart }) => ewsHosts(byPart('published-host')),
  after: ({ 'published-host': host }, { part }) => afterEwsKnown(part, host),
  judge({ 'ews-anonymous': fact }) {
    const answers = allOf<EwsAnswer>(fact);
    const { url, notAnswered = [] } = fact;
    const evidence = [
      ...answers.map(
        ({ address, status, schemes, location }) =>
          ({
            fact: 'ews-anonymous',
            observed: `${at(address)}${url}: ${status}${schemes.length === 0 ? '' : `, ${schemes.join(', ')}`}${location === undefined ? '' : ` to ${location}`}`,
          }) as const,
      ),
      ...notAnswered.map(({ of, why }) => ({ fact: 'ews-anonymous', observed: `${of}: ${why}` }) as const),
    ];
    for (const answer of answers) {
      const wrong = problemOf(answer);
      if (wrong === undefined) continue;
      return {
        verdict: 'fail',
        owner: wrong.owner ?? 'network',
        message: `${answer.url}${answer.address === undefined ? '' : ` at ${answer.address}`} ${wrong.message}${otherAgentSentence(answer.otherAgent)}`,
        remedy:
          wrong.remedy ??
          'Publish /EWS as pass-through: Exchange itself has to ask for the token, nothing in front of it.',
        evidence,
      };
    }
    const unclear = answers.find(({ schemes, fromExchange }) => !asksItself(schemes) && fromExchange === undefined);
    if (unclear !== undefined) {
      return {
        verdict: 'manual',
        message: `${url} asks for ${unclear.schemes.length === 0 ? 'credentials without naming a scheme' : `${enumerateFirst(unclear.schemes)} only`}: a proxy in front may do that, or Exchange with unusual settings.`,
        remedy:
          'Look up the authentication of the EWS virtual directory (Get-WebServicesVirtualDirectory) and of what publishes it.',
        evidence,
      };
    }
    if (notAnswered.length > 0) {
      return {
        verdict: 'manual',
        message: `${url} gave no answer at ${enumerateFirst(notAnswered.map(({ of, why }) => `${of} (${why})`))}; elsewhere it asks for credentials itself.`,
        remedy: `Run again; if it stays so, ask the network team what stands at these addresses of ${new URL(url).hostname}.`,
        evidence,
      };
    }
    return {
      verdict: 'pass',
      message: `${url} itself asks for credentials (401 ${enumerateFirst([...new Set(answers.flatMap(({ schemes }) => schemes))])})${
        answers.length > 1 ? ` at each of ${answers.length} addresses` : ''
      }.${otherAgentSentence(fact.otherAgent)}`,
      evidence,
    };
  },
});

const asksItself = (schemes: readonly string[]) => schemes.some((scheme) => /^(negotiate|ntlm|bearer)$/i.test(scheme));

interface Problem {
  readonly message: string;
  readonly owner?: 'on-premises';
  readonly remedy?: string;
}

function problemOf({ status, schemes, outcome, location, fromExchange }: EwsAnswer): Problem | undefined {
  switch (outcome) {
    case 'challenge':
      // Exchange itself asks for Negotiate and NTLM; where something in front asks, its answer has no sign of Exchange.
      if (asksItself(schemes) || fromExchange !== false) return undefined;
      return {
        message: `asks for ${schemes.length === 0 ? 'credentials without naming a scheme' : `${enumerateFirst(schemes)} only`} (401 without a sign of Exchange): something in front pre-authenticates.`,
      };
    case 'login':
      if (location !== undefined && isOutlookWeb(location)) {
        return {
          message: `redirects to Outlook on the web (${location}): the redirect of the web site reaches EWS, too.`,
          owner: 'on-premises',
          remedy: siteRedirect,
        };
      }
      return {
        message: `redirects to a sign-in page (${location}): a proxy authenticates callers before Exchange sees them.`,
      };
    case 'page':
      if (fromExchange === true) {
        return {
          message: `answers without asking for credentials (${status}), by Exchange itself: the authentication of its EWS directory is not as Microsoft sets it up.`,
          owner: 'on-premises',
          remedy:
            'Get-WebServicesVirtualDirectory | Format-List Server,*Authentication, and IIS Manager > EWS > Authentication on each: set them as Microsoft Learn, "Default settings for Exchange virtual directories", has them.',
        };
      }
      return {
        message: `answers with a web page (${status}) where Exchange would ask for credentials: a proxy stands in between.`,
      };
    case 'forbidden':
      return { message: 'turns anonymous callers away (403) in place of asking for credentials.' };
    case 'policy':
      return { message: 'refuses by the EWS policy of Exchange Online: it is not a server on premises.' };
    case 'not-found':
      return {
        message: 'is not there (404): EWS is not published at that address.',
        owner: 'on-premises',
        remedy:
          'Publish /EWS there as pass-through; Get-WebServicesVirtualDirectory shows which servers have it, and Test-NetConnection from what publishes it whether they answer.',
      };
    case 'other':
      return { message: `answers ${status} where Exchange would ask for credentials.` };
  }
}
