import { isOwnMail } from '../../../facts/smtp-service/log.ts';
import { rule } from '../rule.ts';
import { namesWord } from '../service.ts';

/** See load-balancer-only-probes.md. */
export const loadBalancerOnlyProbes = rule({
  id: 'smtp-source-ip/load-balancer-only-probes',
  title: 'The load balancer sends health probes and no mail',
  severity: 'critical',
  blocks: [],
  needs: ['smtp-log'],
  optional: ['smtp-source-nat'],
  after: () => [{ rule: 'smtp-source-ip/log-fresh' }],
  judge({ 'smtp-log': log, 'smtp-source-nat': sourceNat }, { subject }) {
    const { loadBalancer, mailSessions } = log;
    const nodes = Object.values(sourceNat ?? {});
    const names = namesWord(subject);
    const evidence = [
      {
        fact: 'smtp-log' as const,
        observed: `from the load balancer ${loadBalancer.mailSessions} mail sessions with ${loadBalancer.ehloNames} ${names}, ${loadBalancer.probeSessions} probe-shaped`,
      },
    ];
    if (loadBalancer.mailSessions === 0) {
      return {
        verdict: 'pass',
        message: `The load balancer sent no mail; ${loadBalancer.probeSessions} of its sessions are probe-shaped.`,
        evidence,
      };
    }
    const { ehloNames, monitorMailSessions } = loadBalancer;
    if (isOwnMail({ mailSessions, fromLoadBalancer: loadBalancer.mailSessions, ehloNames })) {
      return {
        verdict: 'fail',
        severity: 'low',
        owner: 'network',
        message: `The load balancer itself sent mail in ${loadBalancer.mailSessions} of ${mailSessions} mail sessions, with ${loadBalancer.ehloNames} ${names}: alerts of its own, or a monitor that says MAIL FROM. They are left out of the proof.`,
        remedy:
          'Let the load balancer send its alerts by another address or connector, so that its mail and that of hidden clients cannot be confused.',
        evidence,
      };
    }
    if (monitorMailSessions === loadBalancer.mailSessions) {
      return {
        verdict: 'pass',
        message: `The load balancer sent no mail of clients: ${monitorMailSessions} of its sessions say MAIL FROM under one name, as monitors do.`,
        evidence,
      };
    }
    return {
      verdict: 'fail',
      ...(subject.mode === 'snat-accepted'
        ? { severity: 'info' }
        : nodes.length > 0 && nodes.every(({ translation }) => translation === 'preserved')
          ? { severity: 'medium' }
          : {}),
      owner: 'network',
      message: `Mail of clients comes with the load balancer's address: ${loadBalancer.mailSessions} of ${mailSessions} mail sessions, with ${loadBalancer.ehloNames} ${names}.`,
      remedy: 'See smtp-source-ip/log-shows-client-addresses: take source NAT off the virtual service.',
      evidence,
    };
  },
});
