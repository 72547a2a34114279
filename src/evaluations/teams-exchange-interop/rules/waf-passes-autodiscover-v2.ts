import { type AutodiscoverAnswer, allOf } from '../../../facts/exchange-organization/published.ts';
import { afterRoute, homingMailboxes } from '../predecessors.ts';
import { rule } from '../rule.ts';
import { at } from '../wording.ts';

/** See waf-passes-autodiscover-v2.md. */
export const wafPassesAutodiscoverV2 = rule({
  id: 'teams-exchange-interop/waf-passes-autodiscover-v2',
  title: 'No filter in front of Exchange blocks autodiscover.json',
  severity: 'high',
  confirmRuns: 2,
  blocks: ['calendar'],
  needs: ['autodiscover-dns', 'autodiscover-redirect', 'autodiscover-v2'],
  per: 'domain',
  parts: (_, { all, byPart }) => homingMailboxes(all, byPart('autodiscover-dns')),
  after: ({ 'autodiscover-dns': dns, 'autodiscover-redirect': redirect }, { part }) => afterRoute(part, dns, redirect),
  judge({ 'autodiscover-dns': dns, 'autodiscover-v2': fact }) {
    const answers = allOf<AutodiscoverAnswer>(fact);
    const blocked = answers.filter(({ outcome }) => outcome === 'blocked');
    const evidence = (blocked.length > 0 ? blocked : answers.slice(0, 1)).map(
      (answer) =>
        ({
          fact: 'autodiscover-v2',
          observed: `${at(answer.address)}autodiscover.json: ${answer.outcome === 'blocked' ? saidOf(answer) : answer.outcome}${
            answer.otherPath === undefined
              ? ''
              : `; ${answer.otherPath.path}: ${answer.otherPath.status ?? 'no answer'}`
          }`,
        }) as const,
    );
    const { host } = fact;
    if (blocked.length === 0) {
      return { verdict: 'pass', message: `${host} lets autodiscover.json through.`, evidence };
    }
    if (dns.wildcard === true && host === dns.name) {
      return {
        verdict: 'not_applicable',
        message: `${host} is led somewhere by a wildcard record, so what refuses there is no filter in front of Exchange.`,
        evidence,
      };
    }
    const filtered = blocked.find(
      ({ otherPath, status }) =>
        otherPath?.status !== undefined && otherPath.status !== 403 && otherPath.status !== status,
    );
    if (filtered === undefined) {
      return {
        verdict: 'not_applicable',
        message: `${host} refuses other paths as well, so it is no filter on autodiscover.json.`,
        evidence,
      };
    }
    const { address, email, otherPath, otherAgent, server } = filtered;
    const where = `${host}${address === undefined ? '' : ` at ${address}`}`;
    const seen = `${where} answers ${otherPath?.path} (${otherPath?.status}), but autodiscover.json${
      answers.length > blocked.length ? ` for ${email}` : ''
    } with ${saidOf(filtered)}`;
    if (otherAgent !== undefined) {
      return {
        verdict: 'fail',
        owner: 'network',
        message: `${seen} when the caller calls itself Teams, and otherwise with ${otherAgent}: a filter turns Teams away by its user agent.`,
        remedy: `Admit the user agents SkypeSpaces/*, MicrosoftNinja/* and *Teams/* on what stands in front of ${host}.`,
        evidence,
      };
    }
    if (server !== undefined && /^Microsoft-IIS/i.test(server)) {
      return {
        verdict: 'fail',
        owner: 'on-premises',
        message: `${seen} of ${server}: a URL Rewrite rule of IIS takes it for ProxyShell or ProxyNotShell.`,
        remedy:
          'IIS Manager on every Exchange server > Default Web Site > Autodiscover > URL Rewrite: let the rule ask for (?=.*autodiscover)(?=.*powershell), as Microsoft’s own mitigation does, or remove it; a patched server needs none.',
        evidence,
      };
    }
    return {
      verdict: 'fail',
      owner: 'network',
      message: `${seen}: a filter takes it for ProxyShell.`,
      remedy: `Make an exception in the ${filtered.silent === true ? 'intrusion prevention' : 'web application firewall'} for GET /autodiscover/autodiscover.json with an address in the query; a patched Exchange server needs no such block.${
        filtered.status === undefined
          ? ' If nothing in front does that, look for a URL Rewrite rule with AbortRequest on the servers (IIS Manager > Autodiscover > URL Rewrite).'
          : ''
      }`,
      evidence,
    };
  },
});

function saidOf({ status, silent }: AutodiscoverAnswer): string {
  if (status === undefined) return silent === true ? 'silence, twice' : 'a reset connection';
  return status === 403 ? '403' : `a page of refusal (${status})`;
}
