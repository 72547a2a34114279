import { Unobtainable } from '../../domain/fact-set.ts';
import { hoursUntil } from '../../domain/time.ts';
import { enumerateFirst } from '../../domain/words.ts';
import type { NodeLog, NodeLogProof } from '../../facts/smtp-service/log.ts';
import type { SmtpService } from '../../facts/smtp-service/subject.ts';

/** What tells that an address speaks for many. */
function namesOf({ localNotTold }: NodeLog): string {
  return localNotTold === undefined ? 'greeting names' : 'domains of senders';
}

/** Below this many mail sessions a share means nothing. */
const sessionsNeeded = 20;
/** From this share on it is source NAT, below it partial. */
const natShare = 0.9;
/** A log whose newest row is older proves nothing about today. */
const freshHours = 24;

/** Is the newest row of a load-balanced session less than 24 hours old? */
export function isFresh(log: Pick<NodeLog, 'newestLoadBalanced'>, now: Date): boolean {
  const { newestLoadBalanced } = log;
  return newestLoadBalanced !== undefined && -hoursUntil(newestLoadBalanced, now) < freshHours;
}

/**
 * Decides from the share of a node's mail sessions that come from the load balancer whether it hides the clients there.
 *
 * @throws Unobtainable `stale` or `insufficient`, when the log does not decide
 */
export function logProof(log: NodeLog, service: SmtpService, now: Date): NodeLogProof {
  if (!isFresh(log, now)) {
    throw new Unobtainable(
      'stale',
      log.newestLoadBalanced === undefined
        ? 'no session on a load-balanced port is in the log'
        : `the newest row of a load-balanced session is of ${log.newestLoadBalanced}, more than ${freshHours} h old`,
    );
  }
  if (service.loadBalancerAddresses.length === 0) {
    throw new Unobtainable(
      'insufficient',
      'no load-balancer address is declared, so none can be recognised; of an Azure load balancer declare 168.63.129.16, where its probes come from',
    );
  }
  const { mailSessions, fromLoadBalancer, clientAddresses, ownMailSessions, pastVip, localNotTold, suspects } = log;
  const proof = {
    mailSessions,
    fromLoadBalancer,
    clientAddresses,
    ownMailSessions,
    ...(localNotTold === undefined ? {} : { localNotTold }),
  };
  if (suspects.length > 0 && fromLoadBalancer === 0) {
    const names = suspects.map(({ address, ehloNames }) => `${address} (${ehloNames} ${namesOf(log)})`);
    throw new Unobtainable(
      'insufficient',
      `${enumerateFirst(names)} ${suspects.length === 1 ? 'speaks' : 'speak'} for many senders and ${suspects.length === 1 ? 'is' : 'are'} not declared: when that is the load balancer, it hides them`,
    );
  }
  if (mailSessions < sessionsNeeded) {
    throw new Unobtainable(
      'insufficient',
      `${mailSessions} mail sessions are in the log, and it takes ${sessionsNeeded} to decide${pastVip > 0 ? `; ${pastVip} that did not arrive at the VIP prove nothing about it` : ''}`,
    );
  }
  if (fromLoadBalancer === 0 && clientAddresses < 2) {
    throw new Unobtainable(
      'insufficient',
      'all mail comes from one address: a smart host, or an undeclared load balancer',
    );
  }
  const share = fromLoadBalancer / mailSessions;
  return { translation: share >= natShare ? 'source-nat' : share > 0 ? 'partial' : 'preserved', ...proof };
}
