import { hoursUntil } from '../../../domain/time.ts';
import { enumerateFirst } from '../../../domain/words.ts';
import type { SmtpLog } from '../../../facts/smtp-service/log.ts';
import { nodesWith } from '../../../facts/smtp-service/service.ts';
import { notReadToTheEnd } from '../log-words.ts';
import { rule } from '../rule.ts';

const freshHours = 24;

/** See log-fresh.md. */
export const logFresh = rule({
  id: 'smtp-source-ip/log-fresh',
  title: 'The receive log is of today',
  severity: 'medium',
  blocks: [],
  needs: ['smtp-log'],
  judge({ 'smtp-log': log }, { now, subject }) {
    const { newestLoadBalanced: newest } = log;
    const evidence = [{ fact: 'smtp-log' as const, observed: `newest load-balanced row: ${newest ?? 'none'}` }];
    const age = newest === undefined ? Number.POSITIVE_INFINITY : -hoursUntil(newest, now);
    if (age < freshHours) {
      return {
        verdict: 'pass',
        message: `The newest load-balanced row of the receive log is of ${newest}.${notReadToTheEnd(log)}`,
        evidence,
      };
    }
    return {
      verdict: 'fail',
      owner: 'on-premises',
      message:
        newest === undefined
          ? `The receive log holds no session on a load-balanced port: it proves nothing.${whatElse(log)}${notReadToTheEnd(log)}`
          : `The newest load-balanced row of the receive log is of ${newest}, ${Math.floor(age)} h ago: it proves nothing about today.${notReadToTheEnd(log)}`,
      remedy:
        log.otherPorts.length > 0 && newest === undefined
          ? `Declare the VIPs of ${subject.id} with the port that the nodes see; a load balancer that translates ports cannot do Direct Server Return.`
          : nodesWith(subject, 'windows').length === 0
            ? 'Run the collector again, or pass the newest mail log; when it stays old, check that the pool sends traffic.'
            : 'Run the collector again, or pass the newest RECV*.LOG; when it stays old, check that the connectors write a protocol log and that the pool sends traffic.',
      evidence,
    };
  },
});

/** What was given instead, so that a wrong folder or a translated port is seen. */
function whatElse({ otherPorts, strangers }: SmtpLog): string {
  const told = [
    ...otherPorts.map(({ port, sessions }) => `${sessions} sessions on port ${port}, which is none of the service`),
    ...strangers.map(({ server, sessions }) => `${sessions} sessions of ${server}, which is no node of the service`),
  ];
  return told.length === 0 ? '' : ` It holds ${enumerateFirst(told)}.`;
}
