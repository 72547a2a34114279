import { isAmong } from '../../../domain/ip-range.ts';
import { isLoadBalancer } from '../../../facts/smtp-service/service.ts';
import { rule } from '../rule.ts';
import { withBalancer } from '../service.ts';

/** See control-shows-client-address.md. */
export const controlShowsClientAddress = rule({
  id: 'smtp-source-ip/control-shows-client-address',
  title: 'A direct connection to the node shows our address',
  severity: 'low',
  blocks: [],
  needs: ['node-control'],
  optional: ['smtp-load-balancer'],
  per: 'node',
  judge({ 'node-control': { address, sourceAddress }, ...facts }, at) {
    const service = withBalancer(facts, at).subject;
    const evidence = [
      {
        fact: 'node-control' as const,
        observed: `Hello [${address}]${sourceAddress === undefined ? '' : `, we are ${sourceAddress}`}`,
      },
    ];
    const isOurs = address === sourceAddress || isAmong(address, service.proberAddresses);
    if (!isOurs && isLoadBalancer(service, address)) {
      return {
        verdict: 'fail',
        owner: 'network',
        message: `${at.part}: greeted directly it sees ${address}, a load-balancer address: the load balancer is a router between us and the node, so the probe proves nothing.`,
        remedy: 'Probe from a network that reaches the nodes without the load balancer.',
        evidence,
      };
    }
    if (isOurs)
      return { verdict: 'pass', message: `${at.part}: greeted directly it sees our address ${address}.`, evidence };
    return {
      verdict: 'fail',
      owner: 'network',
      message: `${at.part}: greeted directly it sees ${address}, not our address: something translates addresses before the load balancer.`,
      remedy: `Find the NAT between prober and node; when it is meant to be, add ${address} to "proberAddresses" of ${service.id}.`,
      evidence,
    };
  },
});
