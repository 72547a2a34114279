import { enumerate } from '../../../domain/words.ts';
import { rule } from '../rule.ts';

/** See probe-shows-client-address.md. */
export const probeShowsClientAddress = rule({
  id: 'smtp-source-ip/probe-shows-client-address',
  title: 'The service shows the address of whoever greets it',
  severity: 'critical',
  blocks: ['source-ip-visible'],
  needs: ['node-probe-proof'],
  per: 'node',
  judge({ 'node-probe-proof': proof }, { subject, part }) {
    const evidence = proof.seen.map(({ target, address }) => ({
      fact: 'node-probe-proof' as const,
      observed: `${target}${proof.unnamed ? '' : `, answered by ${part}`}: Hello [${address}]`,
    }));
    const addresses = enumerate([...new Set(proof.seen.map(({ address }) => address))]);
    if (proof.translation === 'preserved') {
      return {
        verdict: 'pass',
        message: `${part}: through the VIP it sees our own address ${addresses}, none of the ${proof.declaredLoadBalancers} declared load-balancer addresses.`,
        evidence,
      };
    }
    return {
      verdict: 'fail',
      ...(subject.mode === 'snat-accepted' ? { severity: 'info' } : {}),
      owner: 'network',
      message:
        proof.translation === 'partial'
          ? `${part}: the load balancer hides the client on some ways: through the VIP it sees ${addresses}.`
          : `${part}: the load balancer hides the client: through the VIP ${proof.unnamed ? 'a node that does not name itself' : 'it'} sees ${addresses}, not us.`,
      remedy:
        'At the load balancer: Direct Server Return (layer 4, after all nodes are ready) or transparency with the load balancer as gateway; source NAT off for this virtual service.',
      evidence,
    };
  },
});
