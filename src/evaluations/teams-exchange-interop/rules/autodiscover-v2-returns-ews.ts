import type { Owner } from '../../../domain/rule.ts';
import { enumerateFirst } from '../../../domain/words.ts';
import {
  type AutodiscoverAnswer,
  type AutodiscoverDns,
  allOf,
  isHybridAgentName,
  isOutlookWeb,
  isSignInPage,
  serviceRecordOf,
} from '../../../facts/exchange-organization/published.ts';
import { afterRoute, homingMailboxes } from '../predecessors.ts';
import { rule } from '../rule.ts';
import { at, leftOutSentence, movedRemedy, movedSentence, otherAgentSentence, siteRedirect } from '../wording.ts';

/** See autodiscover-v2-returns-ews.md. */
export const autodiscoverV2ReturnsEws = rule({
  id: 'teams-exchange-interop/autodiscover-v2-returns-ews',
  title: 'Autodiscover V2 names an EWS URL on the internet',
  severity: 'high',
  confirmRuns: 2,
  blocks: ['calendar'],
  needs: ['autodiscover-dns', 'autodiscover-redirect', 'autodiscover-v2'],
  per: 'domain',
  parts: (_, { all, byPart }) => homingMailboxes(all, byPart('autodiscover-dns')),
  after: ({ 'autodiscover-dns': dns, 'autodiscover-redirect': redirect }, { part }) => [
    ...afterRoute(part, dns, redirect),
    { rule: 'teams-exchange-interop/waf-passes-autodiscover-v2', target: part },
  ],
  judge({ 'autodiscover-dns': dns, 'autodiscover-v2': fact }) {
    const answers = allOf<AutodiscoverAnswer>(fact);
    const { notAnswered = [], leftOut = [] } = fact;
    const evidence = [
      ...answers.map(
        ({ host, address, email, status, answered, location, errorCode, outcome }) =>
          ({
            fact: 'autodiscover-v2',
            observed: `${at(address)}${answers.length > 1 ? `${email} at ` : ''}${host}: ${status ?? 'reset'} ${answered?.url ?? location ?? errorCode ?? outcome}`,
          }) as const,
      ),
      ...notAnswered.map(({ of, why }) => ({ fact: 'autodiscover-v2', observed: `${of}: ${why}` }) as const),
    ];
    // The worst answer decides: Teams gets any of the addresses, and every user counts.
    for (const answer of answers.filter(({ moved }) => moved !== true)) {
      const wrong = problemOf(answer, dns);
      if (wrong === undefined) continue;
      const { address, email, otherAgent } = answer;
      const about = [
        ...(address === undefined ? [] : [`asked at ${address}`]),
        ...(answers.some((one) => one.email !== email) && !wrong.message.includes(email) ? [`asked for ${email}`] : []),
      ];
      const message =
        about.length === 0 ? wrong.message : wrong.message.replace(/\.$/, `, when ${about.join(' and ')}.`);
      return { verdict: 'fail', ...wrong, message: `${message}${otherAgentSentence(otherAgent)}`, evidence };
    }
    const moved = [...new Set(answers.flatMap((answer) => (answer.moved === true ? [answer.email] : [])))];
    if (moved.length > 0) {
      return { verdict: 'manual', message: movedSentence(moved), remedy: movedRemedy(moved), evidence };
    }
    if (notAnswered.length > 0) {
      return {
        verdict: 'manual',
        message: `Autodiscover V2 of ${fact.host} names EWS for ${answers.length} of ${answers.length + notAnswered.length} questions; no answer came for ${enumerateFirst(notAnswered.map(({ of, why }) => `${of} (${why})`))}.`,
        remedy: `Run again; if it stays so, ask the network team what happens to GET https://${fact.host}/autodiscover/autodiscover.json?Email=USER&Protocol=EWS there.`,
        evidence,
      };
    }
    const urls = [...new Set(answers.map(({ answered }) => answered?.url ?? ''))];
    return {
      verdict: 'pass',
      message: `${fact.host} names ${enumerateFirst(urls)}${
        fact.answered?.scope === 'hybrid-agent'
          ? '; that this leads to the Hybrid Agent is judged by path-without-hybrid-agent'
          : ''
      }.${leftOutSentence(leftOut)}${otherAgentSentence(fact.otherAgent)}`,
      evidence,
    };
  },
});

interface Problem {
  readonly message: string;
  readonly remedy: string;
  readonly owner: Owner;
}

const publish = 'Publish /autodiscover of the Exchange server as it is, without pre-authentication or rewriting.';
const setUrl =
  'Set-WebServicesVirtualDirectory -Identity "SERVER\\EWS (Default Web Site)" -ExternalUrl https://mail.contoso.com/EWS/Exchange.asmx, with your own published host, on every server.';
const anonymous =
  "Set-WebConfigurationProperty -PSPath MACHINE/WEBROOT/APPHOST -Location 'Default Web Site/Autodiscover' -Filter system.webServer/security/authentication/anonymousAuthentication -Name enabled -Value $true (IIS Manager > Autodiscover > Authentication > Anonymous), on every server.";

function problemOf(answer: AutodiscoverAnswer, dns: AutodiscoverDns): Problem | undefined {
  const {
    host,
    outcome,
    status,
    errorCode,
    location,
    protocol,
    answered,
    email,
    schemes = [],
    fromExchange,
    server,
    otherAgent,
  } = answer;
  const fail = (message: string, remedy: string, owner: Owner = 'on-premises'): Problem => ({ message, remedy, owner });
  const record = serviceRecordOf(dns);
  if (dns.wildcard === true && host === dns.name && !fromExchange && outcome !== 'answer') {
    return fail(
      `${host} has no record of its own: a wildcard record leads it to ${server === undefined ? 'a server' : `a server (${server})`} that is no Exchange and answers autodiscover.json with ${status ?? 'a cut connection'}${
        record === undefined ? '' : `, and hides the SRV record that names ${record.target}`
      }.`,
      `Publish ${host} itself: a CNAME to ${record?.target ?? 'the published Exchange server'}, whose certificate then has to carry ${host}; or take the wildcard record away${record === undefined ? '' : ', so that the SRV record counts'}.`,
      'customer-dns',
    );
  }
  switch (outcome) {
    case 'blocked':
      if (otherAgent !== undefined) {
        return fail(
          `${host} turns away whoever calls itself Teams (${status ?? 'a cut connection'}).`,
          `Admit the user agents SkypeSpaces/*, MicrosoftNinja/* and *Teams/* on what stands in front of ${host}.`,
          'network',
        );
      }
      return fail(
        `${host} refuses autodiscover.json and other paths with ${status ?? 'a cut connection'}: something in front of Exchange turns callers away.`,
        publish,
        'network',
      );
    case 'page':
      return fail(
        `${host} answers autodiscover.json with a web page (${status}), not with an EWS URL: Autodiscover V2 is not published there.`,
        publish,
      );
    case 'redirect':
      if (location !== undefined && isOutlookWeb(location)) {
        return fail(
          `${host} redirects autodiscover.json to Outlook on the web (${location}): the redirect of the web site reaches Autodiscover, too.`,
          siteRedirect,
        );
      }
      if (location !== undefined && isSignInPage(location)) {
        return fail(
          `${host} redirects autodiscover.json to a sign-in page (${location}): something in front pre-authenticates.`,
          `Publish /autodiscover and /EWS as pass-through, without pre-authentication, on what answers at ${host}${
            dns.chain.some(isHybridAgentName)
              ? ' (Entra admin center > Enterprise applications > Application proxy: Pre-authentication Passthrough)'
              : ''
          }.`,
          'network',
        );
      }
      return fail(`${host} redirects autodiscover.json to ${location} in place of an answer.`, publish, 'network');
    case 'exchange-online':
      return fail(
        `${host} sends ${email} on to Exchange Online: on premises this is a remote mailbox.`,
        `Get-RemoteMailbox ${email}: name a sample user whose mailbox is on premises, or remove the stale remote mailbox.`,
      );
    case 'error':
      if (status === 401) {
        const asks = `401${schemes.length === 0 ? '' : ` ${enumerateFirst(schemes)}`}`;
        return fromExchange
          ? fail(
              `${host} asks for credentials before it answers autodiscover.json (${asks} of Exchange's own IIS): anonymous authentication is off on its Autodiscover directory.`,
              anonymous,
            )
          : fail(
              `${host} asks for credentials before it answers autodiscover.json (${asks}, without a sign of Exchange): something in front pre-authenticates.`,
              `Publish /autodiscover and /EWS as pass-through, without pre-authentication, on what answers at ${host}.`,
              'network',
            );
      }
      return fail(
        errorCode === 'InvalidProtocol'
          ? `${host} does not know the protocol EWS (${status} InvalidProtocol): it is too old or no Exchange server.`
          : `${host} answers autodiscover.json for ${email} with ${status}${errorCode === undefined ? '' : ` ${errorCode}`}, not with an EWS URL.`,
        errorCode === 'UserNotFound'
          ? `Check that ${email} has a mailbox on premises.`
          : 'Publish Autodiscover of Exchange 2016 CU3 or later.',
      );
    case 'answer':
      break;
  }
  if (answered === undefined || protocol?.toLowerCase() !== 'ews') {
    return fail(
      `${host} answers autodiscover.json without an EWS URL (protocol ${protocol ?? 'none'}).`,
      'Publish Autodiscover of Exchange 2016 CU3 or later.',
    );
  }
  switch (answered.scope) {
    case 'public':
    case 'hybrid-agent':
      return undefined;
    case 'internal-name':
      return fail(`${host} names ${answered.url}, a name that exists inside the network only.`, setUrl);
    case 'private':
      return fail(`${host} names ${answered.url}, which leads to an address that is not on the internet.`, setUrl);
    case 'no-name':
      return fail(`${host} names ${answered.url}, but ${answered.host} has no address in public DNS.`, setUrl);
    case 'not-https':
      return fail(`${host} names ${answered.url}, which is no https address.`, setUrl);
    case 'exchange-online':
      return fail(`${host} names ${answered.url}, which is Exchange Online and not the server on premises.`, setUrl);
  }
}
