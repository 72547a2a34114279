import type { Owner } from '../../../domain/rule.ts';
import { afterRoute } from '../predecessors.ts';
import { rule } from '../rule.ts';

/** See autodiscover-v2-returns-ews.md. */
export const autodiscoverV2ReturnsEws = rule({
  id: 'teams-exchange-interop/autodiscover-v2-returns-ews',
  title: 'Autodiscover V2 names an EWS URL on the internet',
  severity: 'high',
  blocks: ['calendar'],
  needs: ['autodiscover-dns', 'autodiscover-redirect', 'autodiscover-v2'],
  per: 'domain',
  after: ({ 'autodiscover-dns': dns, 'autodiscover-redirect': redirect }, { part }) => [
    ...afterRoute(part, dns, redirect),
    { rule: 'teams-exchange-interop/waf-passes-autodiscover-v2', target: part },
  ],
  judge({ 'autodiscover-v2': answer }) {
    const { host, outcome, status, errorCode, location, protocol, answered, email } = answer;
    const evidence = [
      {
        fact: 'autodiscover-v2',
        observed: `${host}: ${status ?? 'reset'} ${answered?.url ?? location ?? errorCode ?? outcome}`,
      },
    ] as const;
    const fail = (message: string, remedy: string, owner: Owner = 'on-premises') =>
      ({ verdict: 'fail', owner, message, remedy, evidence }) as const;
    const publish = 'Publish /autodiscover of the Exchange server as it is, without pre-authentication or rewriting.';
    switch (outcome) {
      case 'blocked':
        return fail(
          `${host} refuses autodiscover.json and other paths with 403: something in front of Exchange turns callers away.`,
          publish,
          'network',
        );
      case 'page':
        return fail(
          `${host} answers autodiscover.json with a web page (${status}), not with an EWS URL: Autodiscover V2 is not published there.`,
          publish,
        );
      case 'redirect':
        return fail(`${host} redirects autodiscover.json to ${location} in place of an answer.`, publish, 'network');
      case 'exchange-online':
        return fail(
          `${host} sends ${email} on to Exchange Online: on premises this is a remote mailbox.`,
          `Get-RemoteMailbox ${email}: name a sample user whose mailbox is on premises, or remove the stale remote mailbox.`,
        );
      case 'error':
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
    const setUrl =
      'Set-WebServicesVirtualDirectory -Identity "SERVER\\EWS (Default Web Site)" -ExternalUrl https://mail.contoso.com/EWS/Exchange.asmx, with your own published host, on every server.';
    switch (answered.scope) {
      case 'public':
        return { verdict: 'pass', message: `${host} names ${answered.url}.`, evidence };
      case 'hybrid-agent':
        return {
          verdict: 'pass',
          message: `${host} names ${answered.url}; that this leads to the Hybrid Agent is judged by path-without-hybrid-agent.`,
          evidence,
        };
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
  },
});
