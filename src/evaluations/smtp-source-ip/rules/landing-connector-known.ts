import { parseEndpoint, parseRange } from '../../../domain/ip-range.ts';
import type { Judgement } from '../../../domain/rule.ts';
import { enumerate } from '../../../domain/words.ts';
import { landingConnector, relayRight } from '../connectors.ts';
import { rule, windowsOnly } from '../rule.ts';
import { familyOf, natKnowledge, withBalancer } from '../service.ts';

/** Stands for whoever is in nobody's list: the last address of each family's documentation space (RFC 5737, RFC 3849). */
const anybody = { ipv4: '203.0.113.254', ipv6: '2001:db8:ffff::fe' } as const;

/** See landing-connector-known.md. */
export const landingConnectorKnown = rule({
  id: 'smtp-source-ip/landing-connector-known',
  title: 'It is known which connector takes connections of the load balancer',
  severity: 'info',
  blocks: [],
  needs: ['node-receive-connectors', 'node-connector-permissions'],
  optional: ['smtp-source-nat', 'smtp-load-balancer'],
  per: 'node',
  variant: windowsOnly('Postfix takes all clients of a port by one service.'),
  judge(facts, place): Judgement {
    const at = withBalancer(facts, place);
    const service = at.subject;
    const connectors = facts['node-receive-connectors'];
    const { nat } = natKnowledge(service, facts['smtp-source-nat'], at.part);
    const landings = service.vips.flatMap((vip) => {
      const family = familyOf(parseEndpoint(vip)?.address ?? '');
      const balancers = service.loadBalancerAddresses.flatMap((text) => {
        const first = parseRange(text);
        const address = text.split('/')[0] ?? text;
        return first === undefined || familyOf(address) !== family ? [] : [address];
      });
      return [
        ...balancers.map((address) => ({
          who: `the load balancer ${address}`,
          vip,
          connector: landingConnector(connectors, service, vip, address),
          balancer: true,
        })),
        {
          who: 'any other address',
          vip,
          connector: landingConnector(connectors, service, vip, anybody[family]),
          balancer: false,
        },
      ];
    });
    const evidence = landings.map(({ who, vip, connector }) => ({
      fact: 'node-receive-connectors' as const,
      observed: `${who} at ${vip}: ${connector?.name ?? 'no connector'}`,
    }));
    const relaying = landings.find(
      ({ balancer, connector }) =>
        balancer &&
        connector !== undefined &&
        relayRight(connector, facts['node-connector-permissions'], at) !== undefined,
    );
    if (relaying !== undefined) {
      const proven = nat === 'proven' || nat === 'assumed';
      return {
        verdict: 'fail',
        severity: proven ? 'critical' : 'info',
        owner: 'on-premises',
        message: `${at.part}: connections of ${relaying.who} land on ${relaying.connector?.name}, which may relay${proven ? ': every client does' : ''}.`,
        remedy: `Take the load balancer out of the scope of ${relaying.connector?.name}, so that its connections land on the default connector.`,
        evidence,
      };
    }
    const nowhere = landings.filter(({ connector }) => connector === undefined);
    if (nowhere.length > 0) {
      return {
        verdict: 'fail',
        owner: 'on-premises',
        message: `${at.part}: no connector takes connections of ${enumerate(nowhere.map(({ who, vip }) => `${who} at ${vip}`))}.`,
        remedy: 'Widen RemoteIPRanges of the connector that should take them, or accept that they are refused.',
        evidence,
      };
    }
    return {
      verdict: 'pass',
      message: `${at.part}: ${landings.map(({ who, vip, connector }) => `${who} at ${vip} lands on ${connector?.name}`).join('; ')}.`,
      evidence,
    };
  },
});
