import { judgeWeakHost, loopbackAliases, loopbackPresent } from '../node.ts';
import { rule, windowsOnly } from '../rule.ts';
import { onlyWithDsr } from '../service.ts';

/** See loopback-weak-host-send.md. */
export const loopbackWeakHostSend = rule({
  id: 'smtp-source-ip/loopback-weak-host-send',
  title: 'Replies from the VIP may leave by the LAN',
  severity: 'critical',
  blocks: ['dsr-ready'],
  needs: ['node-adapters', 'node-ip-interfaces'],
  optional: ['node-host', 'node-ip-addresses'],
  per: 'node',
  scope: onlyWithDsr,
  after: (_, at) => loopbackPresent(at),
  variant: windowsOnly('an address of lo may leave by every interface.'),
  judge(facts, at) {
    return judgeWeakHost(
      facts,
      loopbackAliases(facts, at),
      'weakHostSend',
      'replies with the VIP as their source cannot leave by the LAN.',
      at,
    );
  },
});
