import { enumerate } from '../../../domain/words.ts';
import { isLoopbackAdapter } from '../../../facts/smtp-service/node.ts';
import { isLoadBalancer } from '../../../facts/smtp-service/service.ts';
import { isOneOf } from '../node.ts';
import { rule } from '../rule.ts';
import { familyName, onlyWithDsr, vipFamilies } from '../service.ts';

const defaultRoute = { ipv4: '0.0.0.0/0', ipv6: '::/0' } as const;

/** See return-path-symmetric.md. */
export const returnPathSymmetric = rule({
  id: 'smtp-source-ip/return-path-symmetric',
  title: 'Replies go by the router, not by the load balancer',
  severity: 'high',
  blocks: ['dsr-ready'],
  needs: ['node-adapters', 'node-routes'],
  per: 'node',
  scope: onlyWithDsr,
  judge({ 'node-adapters': adapters, 'node-routes': routes }, at) {
    const service = at.subject;
    const loopbacks = adapters.filter(isLoopbackAdapter).map(({ name }) => name);
    const families = vipFamilies(service).map((family) => ({
      family,
      gateways: routes.filter(({ alias, prefix }) => prefix === defaultRoute[family] && !isOneOf(alias, loopbacks)),
    }));
    const all = families.flatMap(({ gateways }) => gateways);
    const evidence = all.map(({ alias, nextHop }) => ({
      fact: 'node-routes' as const,
      observed: `${alias}: default route to ${nextHop}`,
    }));
    const balancer = all.find(({ nextHop }) => isLoadBalancer(service, nextHop));
    if (balancer !== undefined) {
      return {
        verdict: 'fail',
        owner: 'network',
        message: `${at.part}: its default gateway ${balancer.nextHop} is the load balancer; with Direct Server Return replies go by the router.`,
        remedy: `Set the router of the subnet as default gateway of ${at.part}: New-NetRoute -InterfaceAlias '${balancer.alias}' -DestinationPrefix ${balancer.prefix} -NextHop <router>, then Remove-NetRoute -DestinationPrefix ${balancer.prefix} -NextHop ${balancer.nextHop}`,
        evidence,
      };
    }
    const without = families.filter(({ gateways }) => gateways.length === 0).map(({ family }) => familyName[family]);
    if (without.length > 0) {
      return {
        verdict: 'fail',
        owner: 'network',
        message: `${at.part}: there is no default gateway for ${enumerate(without)}, so replies reach only neighbours.`,
        remedy: `Set the router of the subnet as default gateway of ${at.part}: New-NetRoute -InterfaceAlias <LAN> -DestinationPrefix ${without.includes('IPv4') ? '0.0.0.0/0' : '::/0'} -NextHop <router>`,
        evidence,
      };
    }
    return {
      verdict: 'pass',
      message: `${at.part}: replies go by ${enumerate([...new Set(all.map(({ nextHop }) => nextHop))])}, which is no load-balancer address. Firewalls on the way were not looked at.`,
      evidence,
    };
  },
});
