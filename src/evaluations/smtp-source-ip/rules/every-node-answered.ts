import type { Judgement } from '../../../domain/rule.ts';
import { rule } from '../rule.ts';
import { counted } from '../service.ts';

/** See every-node-answered.md. */
export const everyNodeAnswered = rule({
  id: 'smtp-source-ip/every-node-answered',
  title: 'Every node was seen through the VIP',
  severity: 'low',
  confirmRuns: 2,
  blocks: [],
  needs: ['smtp-nodes-seen'],
  judge({ 'smtp-nodes-seen': { nodes, unnamed, tries } }, { subject }): Judgement[] {
    return subject.nodes.map(({ name }) => {
      const evidence = [
        {
          fact: 'smtp-nodes-seen' as const,
          observed: `${nodes.join(', ') || 'no node'} in ${counted(tries, 'try', 'tries')}`,
        },
      ];
      if (nodes.includes(name))
        return { verdict: 'pass', target: name, message: `${name} answered through the VIP.`, evidence };
      if (unnamed.length > 0) {
        return {
          verdict: 'manual',
          target: name,
          message: `${name}: it cannot be told whether it answered through the VIP: the greeting "${unnamed[0]}" names no node.`,
          remedy:
            'Give each node its own name in the greeting (Fqdn or Banner of the connector), or look at the pool on the load balancer.',
          evidence,
        };
      }
      return {
        verdict: 'fail',
        target: name,
        owner: 'network',
        message: `${name} did not answer through the VIP in ${counted(tries, 'try', 'tries')}: it may be out of the pool, and nothing is known about its way.`,
        remedy: `Look at the state of ${name} in the pool of the load balancer; try again with more tries.`,
        evidence,
      };
    });
  },
});
