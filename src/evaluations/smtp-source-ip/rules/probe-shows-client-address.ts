import { enumerate } from '../../../domain/words.ts';
import { rule } from '../rule.ts';

/** See probe-shows-client-address.md. */
export const probeShowsClientAddress = rule({
  id: 'smtp-source-ip/probe-shows-client-address',
  title: 'The service shows the address of whoever greets it',
  severity: 'critical',
  blocks: ['source-ip-visible'],
  needs: ['smtp-probe-proof'],
  judge({ 'smtp-probe-proof': proof }, { subject }) {
    const service = subject;
    const evidence = proof.seen.map(({ target, node, address }) => ({
      fact: 'smtp-probe-proof' as const,
      observed: `${target}${node === undefined ? '' : `, answered by ${node}`}: Hello [${address}]`,
    }));
    const addresses = [...new Set(proof.seen.map(({ address }) => address))];
    if (proof.translation === 'preserved') {
      return {
        verdict: 'pass',
        message: `The service sees our own address ${enumerate(addresses)} through the VIP, none of the ${proof.declaredLoadBalancers} declared load-balancer addresses.`,
        evidence,
      };
    }
    return {
      verdict: 'fail',
      ...(service.mode === 'snat-accepted' ? { severity: 'info' } : {}),
      owner: 'network',
      message:
        proof.translation === 'source-nat'
          ? `The load balancer hides the client: through the VIP the service sees ${enumerate(addresses)}, not us.`
          : `The load balancer hides the client on some ways: ${proof.seen.map(({ target, node, address }) => `${node ?? target} sees ${address}`).join(', ')}.`,
      remedy:
        'At the load balancer: Direct Server Return (layer 4, after all nodes are ready) or transparency with the load balancer as gateway; source NAT off for this virtual service.',
      evidence,
    };
  },
});
