import { rule } from '../../../domain/rule.ts';
import { judgeWeakHost, loopbackAliases, loopbackPresent } from '../node.ts';
import { onlyWithDsr } from '../service.ts';

/** See loopback-weak-host-send.md. */
export const loopbackWeakHostSend = rule({
  id: 'smtp-source-ip/loopback-weak-host-send',
  title: 'Replies from the VIP may leave by the LAN',
  severity: 'critical',
  blocks: ['dsr-ready'],
  needs: ['node-adapters', 'node-ip-interfaces'],
  per: 'node',
  scope: onlyWithDsr,
  after: (_, at) => loopbackPresent(at),
  judge({ 'node-adapters': adapters, 'node-ip-interfaces': interfaces }, at) {
    return judgeWeakHost(
      interfaces,
      loopbackAliases(adapters, at),
      'weakHostSend',
      'replies with the VIP as their source cannot leave by the LAN.',
      at,
    );
  },
});
