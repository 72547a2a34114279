import { judgeWeakHost, lanAlias, lanNotTold } from '../node.ts';
import { rule, windowsOnly } from '../rule.ts';
import { onlyWithDsr } from '../service.ts';

/** See lan-weak-host-receive.md. */
export const lanWeakHostReceive = rule({
  id: 'smtp-source-ip/lan-weak-host-receive',
  title: 'The LAN interface takes packets for the VIP',
  severity: 'critical',
  blocks: ['dsr-ready'],
  needs: ['node-ip-interfaces'],
  optional: ['node-host', 'node-ip-addresses', 'node-adapters'],
  per: 'node',
  scope: onlyWithDsr,
  variant: windowsOnly(
    'it takes packets for each of its addresses on every interface; what rp_filter drops is judged by smtp-source-ip/return-path-symmetric.',
  ),
  judge(facts, at) {
    const lan = lanAlias(facts, at);
    if (lan === undefined) return lanNotTold(at);
    return judgeWeakHost(
      facts,
      [lan],
      'weakHostReceive',
      'Windows drops what the load balancer sends there for the VIP.',
      at,
    );
  },
});
