import { enumerate } from '../../../domain/words.ts';
import { nodesWith } from '../../../facts/smtp-service/service.ts';
import { giveThemAgain, notReadToTheEnd } from '../log-words.ts';
import { exceptLinux, postfixLogsNoRights } from '../postfix.ts';
import { rule } from '../rule.ts';

/** See no-relay-sessions-from-load-balancer.md. */
export const noRelaySessionsFromLoadBalancer = rule({
  id: 'smtp-source-ip/no-relay-sessions-from-load-balancer',
  title: 'No session of the load balancer was granted the right to relay',
  severity: 'critical',
  blocks: ['relay-safe'],
  needs: [],
  optional: ['smtp-log'],
  judge({ 'smtp-log': log }, { subject }) {
    if (log === undefined) return { verdict: 'not_applicable', message: 'There is no receive log to look into.' };
    if (nodesWith(subject, 'windows').length === 0) return postfixLogsNoRights;
    const { anyRecipientSessions: sessions, anyRecipientConnectors: connectors } = log.loadBalancer;
    const evidence = [
      {
        fact: 'smtp-log' as const,
        observed: `${sessions} sessions from the load balancer with SMTPAcceptAnyRecipient`,
      },
    ];
    const notRead = notReadToTheEnd(log);
    if (sessions === 0 && notRead !== '') {
      return {
        verdict: 'manual',
        message: `Nothing of the kind is in what could be read of the receive log.${notRead}`,
        remedy: giveThemAgain,
        evidence,
      };
    }
    if (sessions === 0) {
      return {
        verdict: 'pass',
        message: `No session from a load-balancer address was granted SMTPAcceptAnyRecipient before it signed in; monitors do not count.${exceptLinux(subject)}`,
        evidence,
      };
    }
    return {
      verdict: 'fail',
      owner: 'on-premises',
      message: `${sessions} sessions from a load-balancer address were granted SMTPAcceptAnyRecipient, without signing in, on ${enumerate(connectors)}: whoever is behind that address may relay.`,
      remedy: `Take the load balancer out of RemoteIPRanges of ${enumerate(connectors)}; see smtp-source-ip/relay-connector-excludes-load-balancer.`,
      evidence,
    };
  },
});
