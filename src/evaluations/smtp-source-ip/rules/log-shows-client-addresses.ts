import { rule } from '../rule.ts';

/** See log-shows-client-addresses.md. */
export const logShowsClientAddresses = rule({
  id: 'smtp-source-ip/log-shows-client-addresses',
  title: 'The receive log shows client addresses',
  severity: 'critical',
  blocks: ['source-ip-visible'],
  needs: ['smtp-log-proof'],
  optional: ['smtp-log'],
  judge({ 'smtp-log-proof': proof, 'smtp-log': log }, { subject }) {
    const service = subject;
    const declared = service.loadBalancerAddresses.length;
    const own =
      proof.ownMailSessions > 0
        ? ` ${proof.ownMailSessions} sessions of the load balancer's own mail are left out.`
        : '';
    const share = `${proof.fromLoadBalancer} of ${proof.mailSessions} mail sessions`;
    const byNode = (log?.nodes ?? []).filter(({ mailSessions }) => mailSessions > 0);
    const evidence = [
      {
        fact: 'smtp-log-proof' as const,
        observed: `${share} from the load balancer, ${proof.clientAddresses} client addresses`,
      },
      ...byNode.map(({ name, mailSessions, fromLoadBalancer }) => ({
        fact: 'smtp-log' as const,
        observed: `${name}: ${fromLoadBalancer} of ${mailSessions} from the load balancer`,
      })),
    ];
    if (proof.translation === 'preserved') {
      return {
        verdict: 'pass',
        message: `Client addresses are preserved: none of ${proof.mailSessions} mail sessions from ${proof.clientAddresses} addresses comes from any of the ${declared} declared load-balancer addresses.${own}`,
        evidence,
      };
    }
    const percent = Math.round((100 * proof.fromLoadBalancer) / proof.mailSessions);
    const hidden =
      proof.translation === 'source-nat'
        ? `The load balancer hides the clients: ${share} (${percent} %) come from its address.`
        : `The load balancer hides some clients: ${share} (${percent} %) come from its address, so a service or node of the pool is still in NAT.`;
    const nodes = byNode.map(
      ({ name, fromLoadBalancer, mailSessions }) => `${name} ${fromLoadBalancer} of ${mailSessions}`,
    );
    return {
      verdict: 'fail',
      ...(service.mode === 'snat-accepted' ? { severity: 'info' } : {}),
      owner: 'network',
      message: `${hidden}${proof.translation === 'partial' && nodes.length > 1 ? ` By node: ${nodes.join(', ')}.` : ''}${own}`,
      remedy:
        'At the load balancer: Direct Server Return (layer 4, after all nodes are ready) or transparency with the load balancer as gateway; source NAT (SNIP, Subnet Originating Requests, automap) off for this virtual service.',
      evidence,
    };
  },
});
