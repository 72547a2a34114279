import { judgeWeakHost, loopbackAliases, loopbackPresent } from '../node.ts';
import { rule, windowsOnly } from '../rule.ts';
import { onlyWithDsr } from '../service.ts';

/** See loopback-weak-host-receive.md. */
export const loopbackWeakHostReceive = rule({
  id: 'smtp-source-ip/loopback-weak-host-receive',
  title: 'The loopback adapter takes packets that came by the LAN',
  severity: 'critical',
  blocks: ['dsr-ready'],
  needs: ['node-adapters', 'node-ip-interfaces'],
  optional: ['node-host', 'node-ip-addresses'],
  per: 'node',
  scope: onlyWithDsr,
  after: (_, at) => loopbackPresent(at),
  variant: windowsOnly('it takes packets for an address of lo on every interface.'),
  judge(facts, at) {
    return judgeWeakHost(
      facts,
      loopbackAliases(facts, at),
      'weakHostReceive',
      'packets for the VIP that came in by the LAN are not handed to it.',
      at,
    );
  },
});
