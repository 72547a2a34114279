import type { Judgement } from '../../../domain/rule.ts';
import { connectorTarget, narrowScope, permissionsMissing, relayRight, wideAmong, wideRanges } from '../connectors.ts';
import {
  closedRestrictions,
  isOwnNetwork,
  mapsNotRead,
  noPostfixService,
  othersDecide,
  postfixServices,
  unreadNetworks,
} from '../postfix.ts';
import { onLinux, rule } from '../rule.ts';
import { withBalancer } from '../service.ts';
import { lacksPermissions } from '../settings.ts';

/** See relay-scope-narrow.md. */
export const relayScopeNarrow = rule({
  id: 'smtp-source-ip/relay-scope-narrow',
  title: 'Whoever may relay is on a short list',
  severity: 'critical',
  blocks: ['relay-safe'],
  needs: ['node-receive-connectors', 'node-connector-permissions'],
  optional: ['smtp-load-balancer'],
  per: 'node',
  variant: onLinux({
    needs: ['node-postfix'],
    optional: ['smtp-load-balancer'],
    judge({ 'node-postfix': postfix, ...facts }, place): Judgement | Judgement[] {
      const at = withBalancer(facts, place);
      const services = postfixServices(postfix, at.subject);
      if (services.length === 0) return noPostfixService(at.part);
      return services.map((service): Judgement => {
        const target = `${at.part}/${service.name}`;
        const { relaysFor, networks, tables } = service;
        const evidence = ['smtpd_relay_restrictions', 'smtpd_recipient_restrictions', 'mynetworks'].map((name) => ({
          fact: 'node-postfix' as const,
          observed: `${name} = ${service.setting(name)}`,
        }));
        if (relaysFor === 'everybody') {
          return {
            verdict: 'fail',
            target,
            owner: 'on-premises',
            message: `${target} is an open relay: neither smtpd_relay_restrictions nor smtpd_recipient_restrictions stops a foreign recipient.`,
            remedy: `${service.set('smtpd_relay_restrictions', closedRestrictions)}\nsystemctl reload postfix`,
            evidence,
          };
        }
        if (relaysFor === 'nobody' && tables.length === 0) {
          return { verdict: 'pass', target, message: `${target} relays for nobody who has not signed in.`, evidence };
        }
        const wide = wideAmong(
          networks.flatMap((one) => (relaysFor === 'nobody' || one.not || isOwnNetwork(one) ? [] : [one.text])),
          at.subject,
        );
        if (wide.length > 0) {
          const rest = networks.filter(({ text }) => !wide.some((one) => one.range === text)).map(({ text }) => text);
          return {
            verdict: 'fail',
            target,
            owner: 'on-premises',
            message: `${target} relays for too many: ${wide.map(({ range, why }) => `${range} in mynetworks ${why}`).join('; ')}. It is an open relay for them.`,
            remedy: `Narrow mynetworks to the real clients:\n${service.set('mynetworks', [...rest, ...at.subject.relayClients].join(', '))}\nsystemctl reload postfix\nor approve the ranges as "relayClients" of ${at.subject.id}.`,
            evidence,
          };
        }
        if (tables.length > 0) return othersDecide(target, tables, evidence);
        const unread = unreadNetworks(networks);
        if (unread.length > 0) return mapsNotRead(target, unread, evidence);
        return {
          verdict: 'pass',
          target,
          message: `${target} relays for a short list of addresses only (mynetworks).`,
          evidence,
        };
      });
    },
  }),
  judge({ 'node-receive-connectors': connectors, 'node-connector-permissions': permissions, ...facts }, place) {
    const at = withBalancer(facts, place);
    return connectors.map((connector): Judgement => {
      const target = connectorTarget(at, connector);
      if (!connector.enabled) return { verdict: 'not_applicable', target, message: `${target} is disabled.` };
      const right = relayRight(connector, permissions, at);
      const evidence = [
        {
          fact: 'node-receive-connectors' as const,
          observed: `${connector.name}: ${connector.remoteIPRanges.join(', ')}`,
        },
      ];
      if (right === undefined && lacksPermissions(connector, permissions)) return permissionsMissing(connector, at);
      if (right === undefined) {
        return {
          verdict: 'pass',
          target,
          message: `${target} grants nobody who has not signed in the right to relay.`,
          evidence,
        };
      }
      const wide = wideRanges(connector, at.subject);
      if (wide.length === 0) {
        return {
          verdict: 'pass',
          target,
          message: `${target} may relay, for a short list of addresses only.`,
          evidence,
        };
      }
      return {
        verdict: 'fail',
        target,
        owner: 'on-premises',
        message: `${target} may relay (${right.why}) and admits too many: ${wide.map(({ range, why }) => `${range} ${why}`).join('; ')}. It is an open relay for them.`,
        remedy: `Narrow the scope to the real clients:\n${narrowScope(
          connector,
          wide.map(({ range }) => range),
          at,
        )}\nor take the right away:\n${right.revoke}\nor approve the ranges as "relayClients" of ${at.subject.id}.`,
        evidence: [...evidence, { fact: 'node-connector-permissions', observed: right.why }],
      };
    });
  },
});
