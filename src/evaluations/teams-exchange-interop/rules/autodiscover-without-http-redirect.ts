import { isTrapped, routeOf } from '../../../facts/exchange-organization/published.ts';
import { homingMailboxes } from '../predecessors.ts';
import { rule } from '../rule.ts';

/** See autodiscover-without-http-redirect.md. */
export const autodiscoverWithoutHttpRedirect = rule({
  id: 'teams-exchange-interop/autodiscover-without-http-redirect',
  title: 'Autodiscover answers on port 443, not by a redirect from port 80',
  severity: 'high',
  blocks: ['calendar', 'delegates'],
  needs: ['autodiscover-dns', 'autodiscover-redirect'],
  per: 'domain',
  parts: (_, { all, byPart }) => homingMailboxes(all, byPart('autodiscover-dns')),
  after: (_, { part }) => [{ rule: 'teams-exchange-interop/autodiscover-published', target: part }],
  judge({ 'autodiscover-dns': dns, 'autodiscover-redirect': redirect }) {
    const { host, port443, port80, location, status, nameMatches } = redirect;
    if (port443 === 'not-there') {
      return {
        verdict: 'pass',
        message: `${host} has no address, so nothing redirects; the SRV record leads the way.`,
      };
    }
    const on443 =
      port443 !== 'handshake'
        ? port443
        : nameMatches === true
          ? 'serves the name'
          : 'its certificate does not carry the name';
    const evidence = [
      {
        fact: 'autodiscover-redirect',
        observed: `port 443: ${on443}; port 80: ${port80}${location === undefined ? '' : ` ${status} to ${location}`}`,
      },
    ] as const;
    if (!isTrapped(redirect)) {
      return {
        verdict: 'pass',
        message: `${host} does not depend on a redirect from port 80 (port 443: ${on443}).`,
        evidence,
      };
    }
    const route = routeOf(dns, redirect);
    if (route?.via === 'srv') {
      return {
        verdict: 'pass',
        message: `${host} only redirects from port 80, but the SRV record names ${route.host}, which takes its place.`,
        evidence,
      };
    }
    return {
      verdict: 'fail',
      owner: 'customer-dns',
      message: `${host} only redirects from port 80 to ${location}: Outlook follows that, Teams does not (port 443: ${on443}).`,
      remedy: `Serve ${host} on port 443 with a certificate that carries the name, or remove the name and publish an SRV record to a host that the certificate does carry.`,
      evidence,
    };
  },
});
