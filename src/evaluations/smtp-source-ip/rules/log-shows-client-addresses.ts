import { rule } from '../rule.ts';
import { withBalancer } from '../service.ts';

/** See log-shows-client-addresses.md. */
export const logShowsClientAddresses = rule({
  id: 'smtp-source-ip/log-shows-client-addresses',
  title: 'The receive log shows client addresses',
  severity: 'critical',
  blocks: ['source-ip-visible'],
  needs: ['node-log-proof'],
  optional: ['smtp-load-balancer'],
  per: 'node',
  judge({ 'node-log-proof': proof, ...facts }, place) {
    const { subject, part } = withBalancer(facts, place);
    const declared = subject.loadBalancerAddresses.length;
    const own =
      proof.ownMailSessions > 0
        ? ` ${proof.ownMailSessions} sessions of the load balancer's own mail are left out.`
        : '';
    const notTold =
      subject.mode === 'dsr' && (proof.localNotTold ?? 0) > 0
        ? ' A Postfix log does not show at which address of the node a client was, so some may have come past the VIP.'
        : '';
    const share = `${proof.fromLoadBalancer} of ${proof.mailSessions} mail sessions`;
    const evidence = [
      {
        fact: 'node-log-proof' as const,
        observed: `${share} from the load balancer, ${proof.clientAddresses} client addresses`,
      },
    ];
    if (proof.translation === 'preserved') {
      return {
        verdict: 'pass',
        message: `${part}: client addresses are preserved: none of ${proof.mailSessions} mail sessions from ${proof.clientAddresses} addresses comes from any of the ${declared} declared load-balancer addresses.${own}${notTold}`,
        evidence,
      };
    }
    const percent = Math.round((100 * proof.fromLoadBalancer) / proof.mailSessions);
    const hidden =
      proof.translation === 'source-nat'
        ? `the load balancer hides the clients: ${share} (${percent} %) come from its address.`
        : `the load balancer hides some clients: ${share} (${percent} %) come from its address, so one of its services for the node is still in NAT.`;
    return {
      verdict: 'fail',
      ...(subject.mode === 'snat-accepted' ? { severity: 'info' } : {}),
      owner: 'network',
      message: `${part}: ${hidden}${own}`,
      remedy:
        'At the load balancer: Direct Server Return (layer 4, after all nodes are ready) or transparency with the load balancer as gateway; source NAT (SNIP, Subnet Originating Requests, automap) off for this virtual service.',
      evidence,
    };
  },
});
