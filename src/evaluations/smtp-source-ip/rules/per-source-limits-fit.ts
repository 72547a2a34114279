import { isAmong } from '../../../domain/ip-range.ts';
import type { Judgement } from '../../../domain/rule.ts';
import { connectorIdentity, connectorTarget, loadBalanced } from '../connectors.ts';
import { noPostfixService, postfixServices } from '../postfix.ts';
import { onLinux, rule } from '../rule.ts';
import { natKnowledge, withBalancer } from '../service.ts';

/** Defaults of a receive connector: made for many clients with an address each. */
const defaultConnections = 20;
const defaultPercentage = 2;

/** `smtpd_client_connection_count_limit` of Postfix: half of its processes, and 0 for no limit. */
const defaultOfPostfix = 50;

/** See per-source-limits-fit.md. */
export const perSourceLimitsFit = rule({
  id: 'smtp-source-ip/per-source-limits-fit',
  title: 'Limits per source fit a world behind one address',
  severity: 'medium',
  blocks: [],
  needs: ['node-receive-connectors'],
  optional: ['smtp-source-nat'],
  per: 'node',
  variant: onLinux({
    needs: ['node-postfix'],
    optional: ['smtp-source-nat', 'smtp-load-balancer'],
    judge({ 'node-postfix': postfix, 'smtp-source-nat': sourceNat, ...facts }, place): Judgement | Judgement[] {
      const at = withBalancer(facts, place);
      const { nat, because } = natKnowledge(at.subject, sourceNat, at.part);
      if (nat === 'disproven' || nat === 'not-known') {
        return {
          verdict: 'not_applicable',
          message: `${at.part}: limits per source matter under source NAT only. ${because}`,
        };
      }
      const services = postfixServices(postfix, at.subject);
      if (services.length === 0) return noPostfixService(at.part);
      return services.map((service): Judgement => {
        const target = `${at.part}/${service.name}`;
        const limit = service.setting('smtpd_client_connection_count_limit');
        const exceptions = service.setting('smtpd_client_event_limit_exceptions');
        const evidence = [
          {
            fact: 'node-postfix' as const,
            observed: `smtpd_client_connection_count_limit = ${limit}, smtpd_client_event_limit_exceptions = ${exceptions}`,
          },
        ];
        const exempt = exceptions.split(/[\s,]+/);
        const isTight =
          Number(limit) > 0 &&
          Number(limit) <= defaultOfPostfix &&
          !at.subject.loadBalancerAddresses.every((one) => isAmong(one.split('/')[0] ?? one, exempt));
        return isTight
          ? {
              verdict: 'fail',
              target,
              owner: 'on-premises',
              message: `${target} takes ${limit} connections per source, and all clients come with the load balancer's address: under load they get 421 4.7.0.`,
              remedy: `${service.set('smtpd_client_event_limit_exceptions', [exceptions, ...at.subject.loadBalancerAddresses].join(', '))}   # or preserve client addresses\nsystemctl reload postfix`,
              evidence,
            }
          : { verdict: 'pass', target, message: `${target} does not throttle the load balancer's address.`, evidence };
      });
    },
  }),
  judge({ 'node-receive-connectors': connectors, 'smtp-source-nat': sourceNat }, at): Judgement | Judgement[] {
    const service = at.subject;
    const { nat, because } = natKnowledge(service, sourceNat, at.part);
    if (nat === 'disproven' || nat === 'not-known') {
      return {
        verdict: 'not_applicable',
        message: `${at.part}: limits per source matter under source NAT only. ${because}`,
      };
    }
    const looked = loadBalanced(connectors, service);
    if (looked.length === 0) {
      return { verdict: 'not_applicable', message: `${at.part}: no enabled front-end connector listens on a VIP.` };
    }
    return looked.map((connector): Judgement => {
      const target = connectorTarget(at, connector);
      const { maxInboundConnectionPerSource: most, maxInboundConnectionPercentagePerSource: percentage } = connector;
      const evidence = [
        {
          fact: 'node-receive-connectors' as const,
          observed: `${connector.name}: ${most ?? 'unlimited'} connections, ${percentage ?? 'unlimited'} % per source`,
        },
      ];
      const tight =
        (most !== undefined && most <= defaultConnections) ||
        (percentage !== undefined && percentage <= defaultPercentage);
      return tight
        ? {
            verdict: 'fail',
            target,
            owner: 'on-premises',
            message: `${target} takes ${most ?? 'unlimited'} connections and ${percentage ?? 100} % per source, and all clients come with the load balancer's address: under load they get 421 4.3.2.`,
            remedy: `Set-ReceiveConnector ${connectorIdentity(at, connector)} -MaxInboundConnectionPerSource unlimited -MaxInboundConnectionPercentagePerSource 100   # or preserve client addresses`,
            evidence,
          }
        : { verdict: 'pass', target, message: `${target} does not throttle the load balancer's address.`, evidence };
    });
  },
});
