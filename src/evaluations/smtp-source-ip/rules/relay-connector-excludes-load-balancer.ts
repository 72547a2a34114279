import type { Judgement } from '../../../domain/rule.ts';
import { enumerate } from '../../../domain/words.ts';
import type { SmtpLoadBalancer } from '../../../facts/smtp-service/load-balancer.ts';
import { connectorTarget, narrowScope, permissionsMissing, rangesWithLoadBalancer, relayRight } from '../connectors.ts';
import {
  closedRestrictions,
  mapsNotRead,
  networksWithLoadBalancer,
  noPostfixService,
  postfixServices,
  unreadNetworks,
  withoutLoadBalancer,
} from '../postfix.ts';
import { onLinux, rule } from '../rule.ts';
import { natKnowledge, withBalancer } from '../service.ts';
import { lacksPermissions } from '../settings.ts';

/** See relay-connector-excludes-load-balancer.md. */
export const relayConnectorExcludesLoadBalancer = rule({
  id: 'smtp-source-ip/relay-connector-excludes-load-balancer',
  title: 'No connector that may relay admits the load balancer',
  severity: 'critical',
  blocks: ['relay-safe'],
  needs: ['node-receive-connectors', 'node-connector-permissions'],
  optional: ['smtp-source-nat', 'smtp-load-balancer'],
  per: 'node',
  variant: onLinux({
    needs: ['node-postfix'],
    optional: ['smtp-source-nat', 'smtp-load-balancer'],
    judge(facts, place): Judgement | Judgement[] {
      const at = withBalancer(facts, place);
      const { 'node-postfix': postfix, 'smtp-source-nat': sourceNat } = facts;
      const services = postfixServices(postfix, at.subject);
      if (services.length === 0) return noPostfixService(at.part);
      const { nat, because } = natKnowledge(at.subject, sourceNat, at.part);
      return services.map((service): Judgement => {
        const target = `${at.part}/${service.name}`;
        const { relaysFor, networks } = service;
        const evidence = [
          { fact: 'node-postfix' as const, observed: `mynetworks = ${service.setting('mynetworks')}` },
          ...configured(facts, at === place),
          ...(sourceNat === undefined ? [] : [{ fact: 'smtp-source-nat' as const, observed: because }]),
        ];
        const holding = networksWithLoadBalancer(networks, at.subject);
        if (relaysFor === 'nobody') {
          return { verdict: 'pass', target, message: `${target} relays for nobody who has not signed in.`, evidence };
        }
        if (relaysFor === 'mynetworks' && holding.length === 0) {
          const unread = unreadNetworks(networks);
          if (unread.length > 0) return mapsNotRead(target, unread, evidence);
          return {
            verdict: 'pass',
            target,
            message: `${target} relays for mynetworks, which holds no load-balancer address.`,
            evidence,
          };
        }
        const scope =
          relaysFor === 'everybody' ? 'everybody' : `mynetworks, whose ${enumerate(holding.map(({ text }) => text))}`;
        const without = withoutLoadBalancer(networks, at.subject);
        return {
          verdict: 'fail',
          target,
          severity: severityUnder[nat],
          owner: 'on-premises',
          message: `${target} relays for ${scope} ${relaysFor === 'everybody' ? 'and so for the load balancer' : 'holds a load-balancer address'}, ${consequences[nat]}`,
          remedy: [
            'First preserve client addresses, or list the real clients; then take the load balancer out:',
            relaysFor === 'everybody'
              ? service.set('smtpd_relay_restrictions', closedRestrictions)
              : service.set('mynetworks', without),
            'systemctl reload postfix',
          ].join('\n'),
          evidence,
        };
      });
    },
  }),
  judge(facts, place) {
    const at = withBalancer(facts, place);
    const service = at.subject;
    const { nat, because } = natKnowledge(service, facts['smtp-source-nat'], at.part);
    return facts['node-receive-connectors'].map((connector): Judgement => {
      const target = connectorTarget(at, connector);
      if (!connector.enabled) return { verdict: 'not_applicable', target, message: `${target} is disabled.` };
      const right = relayRight(connector, facts['node-connector-permissions'], at);
      const ranges = rangesWithLoadBalancer(connector, service);
      const evidence = [
        {
          fact: 'node-receive-connectors' as const,
          observed: `${connector.name}: ${connector.remoteIPRanges.join(', ')}`,
        },
      ];
      if (right === undefined && lacksPermissions(connector, facts['node-connector-permissions'])) {
        return permissionsMissing(connector, at);
      }
      if (right === undefined) {
        return {
          verdict: 'pass',
          target,
          message: `${target} grants nobody who has not signed in the right to relay.`,
          evidence,
        };
      }
      if (ranges.length === 0) {
        return {
          verdict: 'pass',
          target,
          message: `${target} may relay, and its scope holds no load-balancer address.`,
          evidence,
        };
      }
      return {
        verdict: 'fail',
        target,
        severity: severityUnder[nat],
        owner: 'on-premises',
        message: `${target} may relay (${right.why}), its scope ${enumerate(ranges)} holds a load-balancer address, ${consequences[nat]}`,
        remedy: `First preserve client addresses, or list the real clients; then take the load balancer out of the scope:\n${narrowScope(connector, ranges, at)}`,
        evidence: [
          ...evidence,
          { fact: 'node-connector-permissions', observed: right.why },
          ...configured(facts, at === place),
          ...(facts['smtp-source-nat'] === undefined ? [] : [{ fact: 'smtp-source-nat' as const, observed: because }]),
        ],
      };
    });
  },
});

/** What the load balancer's own configuration adds to what the document declares. */
function configured(
  { 'smtp-load-balancer': balancer }: { readonly 'smtp-load-balancer'?: SmtpLoadBalancer | undefined },
  addsNothing: boolean,
) {
  return balancer === undefined || addsNothing
    ? []
    : [
        {
          fact: 'smtp-load-balancer' as const,
          observed: `${balancer.product} connects from ${enumerate(balancer.addresses ?? [])}`,
        },
      ];
}

const consequences = {
  proven: `and clients come with the load balancer's address: a hidden open relay. Whoever reaches the VIP may relay.`,
  assumed: `and source NAT is accepted for this service: a hidden open relay. Whoever reaches the VIP may relay.`,
  'not-known': `and it is not known whether the load balancer hides its clients. If it does, whoever reaches the VIP may relay.`,
  disproven: `but client addresses are preserved now. It becomes an open relay when the load balancer's mode flips.`,
} as const;

const severityUnder = { proven: 'critical', assumed: 'critical', 'not-known': 'high', disproven: 'low' } as const;
