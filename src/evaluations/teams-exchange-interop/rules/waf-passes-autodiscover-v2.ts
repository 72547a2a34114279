import { afterRoute } from '../predecessors.ts';
import { rule } from '../rule.ts';

/** See waf-passes-autodiscover-v2.md. */
export const wafPassesAutodiscoverV2 = rule({
  id: 'teams-exchange-interop/waf-passes-autodiscover-v2',
  title: 'No filter in front of Exchange blocks autodiscover.json',
  severity: 'high',
  blocks: ['calendar'],
  needs: ['autodiscover-dns', 'autodiscover-redirect', 'autodiscover-v2'],
  per: 'domain',
  after: ({ 'autodiscover-dns': dns, 'autodiscover-redirect': redirect }, { part }) => afterRoute(part, dns, redirect),
  judge({ 'autodiscover-v2': { host, outcome, status, otherPath } }) {
    const said = status === undefined ? 'a reset connection' : `${status}`;
    const evidence = [
      {
        fact: 'autodiscover-v2',
        observed: `autodiscover.json: ${outcome === 'blocked' ? said : outcome}${
          otherPath === undefined ? '' : `; ${otherPath.path}: ${otherPath.status ?? 'no answer'}`
        }`,
      },
    ] as const;
    if (outcome !== 'blocked') {
      return { verdict: 'pass', message: `${host} lets autodiscover.json through.`, evidence };
    }
    if (otherPath?.status === undefined || otherPath.status === 403) {
      return {
        verdict: 'not_applicable',
        message: `${host} refuses other paths as well, so it is no filter on autodiscover.json.`,
        evidence,
      };
    }
    return {
      verdict: 'fail',
      owner: 'network',
      message: `${host} answers ${otherPath.path} (${otherPath.status}), but autodiscover.json with ${said}: a filter takes it for ProxyShell.`,
      remedy:
        'Make an exception in the web application firewall for GET /autodiscover/autodiscover.json with an address in the query; a patched Exchange server needs no such block.',
      evidence,
    };
  },
});
