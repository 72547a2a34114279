import { rule } from '../rule.ts';
import { onlyWithDsr } from '../service.ts';

const enoughShare = 0.9;

/** See log-shows-vip-as-local.md. */
export const logShowsVipAsLocal = rule({
  id: 'smtp-source-ip/log-shows-vip-as-local',
  title: 'Clients are connected to the VIP itself',
  severity: 'low',
  blocks: [],
  needs: ['smtp-log-local-address'],
  scope: onlyWithDsr,
  after: () => [{ rule: 'smtp-source-ip/log-fresh' }],
  judge({ 'smtp-log-local-address': { mailSessions, toVip } }) {
    const evidence = [
      { fact: 'smtp-log-local-address' as const, observed: `${toVip} of ${mailSessions} mail sessions` },
    ];
    if (mailSessions === 0) return { verdict: 'not_applicable', message: 'There is no mail session in the log.' };
    if (toVip / mailSessions >= enoughShare) {
      return {
        verdict: 'pass',
        message: `${toVip} of ${mailSessions} mail sessions have the VIP as local address, as with Direct Server Return.`,
        evidence,
      };
    }
    return {
      verdict: 'fail',
      owner: 'network',
      message: `${toVip} of ${mailSessions} mail sessions have the VIP as local address: the others came by NAT, by transparency, or past the load balancer.`,
      remedy:
        "Switch the virtual service to Direct Server Return, nodes first; look for clients that use the nodes' own addresses.",
      evidence,
    };
  },
});
