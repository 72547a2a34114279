import type { Judgement } from '../../../domain/rule.ts';
import { enumerate } from '../../../domain/words.ts';
import { connectorTarget, narrowScope, permissionsMissing, rangesWithLoadBalancer, relayRight } from '../connectors.ts';
import { rule } from '../rule.ts';
import { natKnowledge, withBalancer } from '../service.ts';
import { lacksPermissions } from '../settings.ts';

/** See relay-connector-excludes-load-balancer.md. */
export const relayConnectorExcludesLoadBalancer = rule({
  id: 'smtp-source-ip/relay-connector-excludes-load-balancer',
  title: 'No connector that may relay admits the load balancer',
  severity: 'critical',
  blocks: ['relay-safe'],
  needs: ['node-receive-connectors', 'node-connector-permissions'],
  optional: ['smtp-source-nat', 'smtp-load-balancer'],
  per: 'node',
  judge(facts, place) {
    const at = withBalancer(facts, place);
    const service = at.subject;
    const configured = at === place ? undefined : facts['smtp-load-balancer'];
    const { nat, because } = natKnowledge(service, facts['smtp-source-nat'], at.part);
    return facts['node-receive-connectors'].map((connector): Judgement => {
      const target = connectorTarget(at, connector);
      if (!connector.enabled) return { verdict: 'not_applicable', target, message: `${target} is disabled.` };
      const right = relayRight(connector, facts['node-connector-permissions'], at);
      const ranges = rangesWithLoadBalancer(connector, service);
      const evidence = [
        {
          fact: 'node-receive-connectors' as const,
          observed: `${connector.name}: ${connector.remoteIPRanges.join(', ')}`,
        },
      ];
      if (right === undefined && lacksPermissions(connector, facts['node-connector-permissions'])) {
        return permissionsMissing(connector, at);
      }
      if (right === undefined) {
        return {
          verdict: 'pass',
          target,
          message: `${target} grants nobody who has not signed in the right to relay.`,
          evidence,
        };
      }
      if (ranges.length === 0) {
        return {
          verdict: 'pass',
          target,
          message: `${target} may relay, and its scope holds no load-balancer address.`,
          evidence,
        };
      }
      const consequence = {
        proven: `and clients come with the load balancer's address: a hidden open relay. Whoever reaches the VIP may relay.`,
        assumed: `and source NAT is accepted for this service: a hidden open relay. Whoever reaches the VIP may relay.`,
        'not-known': `and it is not known whether the load balancer hides its clients. If it does, whoever reaches the VIP may relay.`,
        disproven: `but client addresses are preserved now. It becomes an open relay when the load balancer's mode flips.`,
      }[nat];
      return {
        verdict: 'fail',
        target,
        severity: nat === 'disproven' ? 'low' : nat === 'not-known' ? 'high' : 'critical',
        owner: 'on-premises',
        message: `${target} may relay (${right.why}), its scope ${enumerate(ranges)} holds a load-balancer address, ${consequence}`,
        remedy: `First preserve client addresses, or list the real clients; then take the load balancer out of the scope:\n${narrowScope(connector, ranges, at)}`,
        evidence: [
          ...evidence,
          { fact: 'node-connector-permissions', observed: right.why },
          ...(configured === undefined
            ? []
            : [
                {
                  fact: 'smtp-load-balancer' as const,
                  observed: `${configured.product} connects from ${enumerate(configured.addresses ?? [])}`,
                },
              ]),
          ...(facts['smtp-source-nat'] === undefined ? [] : [{ fact: 'smtp-source-nat' as const, observed: because }]),
        ],
      };
    });
  },
});
