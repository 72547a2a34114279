import { Unobtainable } from '../../domain/fact-set.ts';
import { hoursUntil } from '../../domain/time.ts';
import { isOwnMail, type SmtpLog, type SmtpLogProof } from '../../facts/smtp-service/log.ts';
import type { SmtpService } from '../../facts/smtp-service/subject.ts';

/** Below this many mail sessions a share means nothing. */
const sessionsNeeded = 20;
/** From this share on it is source NAT, below it partial. */
const natShare = 0.9;
/** A log whose newest row is older proves nothing about today. */
const freshHours = 24;

/** Is the newest row of a load-balanced session less than 24 hours old? */
export function isFresh(log: SmtpLog, now: Date): boolean {
  const { newestLoadBalanced } = log;
  return newestLoadBalanced !== undefined && -hoursUntil(newestLoadBalanced, now) < freshHours;
}

/**
 * Decides from the share of mail sessions that come from the load balancer whether it hides the clients.
 *
 * @throws Unobtainable `stale` or `insufficient`, when the log does not decide
 */
export function logProof(log: SmtpLog, service: SmtpService, now: Date): SmtpLogProof {
  if (!isFresh(log, now)) {
    throw new Unobtainable(
      'stale',
      log.newestLoadBalanced === undefined
        ? 'no session on a load-balanced port is in the log'
        : `the newest row of a load-balanced session is of ${log.newestLoadBalanced}, more than ${freshHours} h old`,
    );
  }
  if (service.loadBalancerAddresses.length === 0) {
    throw new Unobtainable('insufficient', 'no load-balancer address is declared, so none can be recognised');
  }
  const ownMailSessions = isOwnMail(log) ? log.loadBalancer.mailSessions : 0;
  const mailSessions = log.mailSessions - ownMailSessions;
  const fromLoadBalancer = log.loadBalancer.mailSessions - ownMailSessions;
  if (mailSessions < sessionsNeeded) {
    throw new Unobtainable(
      'insufficient',
      `${mailSessions} mail sessions are in the log, and it takes ${sessionsNeeded} to decide`,
    );
  }
  if (fromLoadBalancer === 0 && log.clientAddresses < 2) {
    throw new Unobtainable(
      'insufficient',
      `all mail comes from one address, ${log.busiest[0]?.address ?? 'unknown'}: a smart host, or an undeclared load balancer`,
    );
  }
  const share = fromLoadBalancer / mailSessions;
  return {
    translation: share >= natShare ? 'source-nat' : share > 0 ? 'partial' : 'preserved',
    mailSessions,
    fromLoadBalancer,
    clientAddresses: log.clientAddresses,
    ownMailSessions,
  };
}
