import { type AutodiscoverAnswer, allOf, isHybridAgentName } from '../../../facts/exchange-organization/published.ts';
import { afterRoute, homingMailboxes } from '../predecessors.ts';
import { rule } from '../rule.ts';

/** See path-without-hybrid-agent.md. */
export const pathWithoutHybridAgent = rule({
  id: 'teams-exchange-interop/path-without-hybrid-agent',
  title: 'The way to EWS does not lead through the Hybrid Agent',
  severity: 'high',
  blocks: ['calendar', 'delegates'],
  needs: ['autodiscover-dns', 'autodiscover-redirect', 'autodiscover-v2'],
  optional: ['exchange-online-hybrid'],
  per: 'domain',
  parts: (_, { all, byPart }) => homingMailboxes(all, byPart('autodiscover-dns')),
  after: ({ 'autodiscover-dns': dns, 'autodiscover-redirect': redirect }, { part }) => [
    ...afterRoute(part, dns, redirect),
    { rule: 'teams-exchange-interop/waf-passes-autodiscover-v2', target: part },
    { rule: 'teams-exchange-interop/autodiscover-v2-returns-ews', target: part },
  ],
  judge({ 'autodiscover-dns': dns, 'autodiscover-v2': fact, 'exchange-online-hybrid': hybrid }) {
    const answers = allOf<AutodiscoverAnswer>(fact);
    const { answered, host, fromExchange } = answers.find((one) => one.answered?.scope === 'hybrid-agent') ?? fact;
    const remedy =
      'Publish Autodiscover and EWS on the internet, and set the EWS ExternalUrl to the published host: the Hybrid Agent carries free/busy and moves only.';
    const evidence = [{ fact: 'autodiscover-v2', observed: `EWS URL: ${answered?.url ?? 'none'}` }] as const;
    if (answered?.scope === 'hybrid-agent') {
      return {
        verdict: 'fail',
        owner: 'network',
        message: `${host} names ${answered.url}: the Hybrid Agent does not let Teams through.`,
        remedy,
        evidence,
      };
    }
    const proxied = dns.chain.find(isHybridAgentName);
    if (proxied !== undefined && fromExchange) {
      return {
        verdict: 'pass',
        message: `${dns.name} leads through the Entra application proxy (${proxied}), and Exchange's own answer came through it: it passes callers through.`,
        evidence: [...evidence, { fact: 'autodiscover-dns', observed: `CNAME ${proxied}` }],
      };
    }
    if (proxied !== undefined) {
      return {
        verdict: 'manual',
        message: `${dns.name} leads through the Entra application proxy (${proxied}); it must pass callers through without pre-authentication.`,
        remedy:
          'Entra admin center > Enterprise applications > Application proxy: Pre-authentication has to be Passthrough.',
        evidence: [...evidence, { fact: 'autodiscover-dns', observed: `CNAME ${proxied}` }],
      };
    }
    const unseen = hybrid?.endpointsUnseen?.replace(/\.$/, '');
    const agent = hybrid?.sharingEndpoints.find((endpoint) => endpoint.includes('msappproxy.net'));
    return {
      verdict: 'pass',
      message:
        agent === undefined
          ? `Teams reaches EWS at ${answered?.host ?? host} without the Hybrid Agent.${unseen === undefined ? '' : ` Whether one serves free/busy and moves beside it is not known: ${unseen}.`}`
          : `Teams reaches EWS at ${answered?.host ?? host}; the Hybrid Agent (${agent}) serves free/busy and moves beside it.`,
      evidence,
    };
  },
});
