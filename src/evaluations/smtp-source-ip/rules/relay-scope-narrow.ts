import type { Judgement } from '../../../domain/rule.ts';
import { connectorTarget, narrowScope, permissionsMissing, relayRight, wideRanges } from '../connectors.ts';
import { rule } from '../rule.ts';
import { withBalancer } from '../service.ts';
import { lacksPermissions } from '../settings.ts';

/** See relay-scope-narrow.md. */
export const relayScopeNarrow = rule({
  id: 'smtp-source-ip/relay-scope-narrow',
  title: 'Whoever may relay is on a short list',
  severity: 'critical',
  blocks: ['relay-safe'],
  needs: ['node-receive-connectors', 'node-connector-permissions'],
  optional: ['smtp-load-balancer'],
  per: 'node',
  judge({ 'node-receive-connectors': connectors, 'node-connector-permissions': permissions, ...facts }, place) {
    const at = withBalancer(facts, place);
    return connectors.map((connector): Judgement => {
      const target = connectorTarget(at, connector);
      if (!connector.enabled) return { verdict: 'not_applicable', target, message: `${target} is disabled.` };
      const right = relayRight(connector, permissions, at);
      const evidence = [
        {
          fact: 'node-receive-connectors' as const,
          observed: `${connector.name}: ${connector.remoteIPRanges.join(', ')}`,
        },
      ];
      if (right === undefined && lacksPermissions(connector, permissions)) return permissionsMissing(connector, at);
      if (right === undefined) {
        return {
          verdict: 'pass',
          target,
          message: `${target} grants nobody who has not signed in the right to relay.`,
          evidence,
        };
      }
      const wide = wideRanges(connector, at.subject);
      if (wide.length === 0) {
        return {
          verdict: 'pass',
          target,
          message: `${target} may relay, for a short list of addresses only.`,
          evidence,
        };
      }
      return {
        verdict: 'fail',
        target,
        owner: 'on-premises',
        message: `${target} may relay (${right.why}) and admits too many: ${wide.map(({ range, why }) => `${range} ${why}`).join('; ')}. It is an open relay for them.`,
        remedy: `Narrow the scope to the real clients:\n${narrowScope(
          connector,
          wide.map(({ range }) => range),
          at,
        )}\nor take the right away:\n${right.revoke}\nor approve the ranges as "relayClients" of ${at.subject.id}.`,
        evidence: [...evidence, { fact: 'node-connector-permissions', observed: right.why }],
      };
    });
  },
});
