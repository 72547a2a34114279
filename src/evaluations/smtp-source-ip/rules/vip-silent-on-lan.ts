import { plainAddress } from '../../../domain/ip-range.ts';
import { enumerate } from '../../../domain/words.ts';
import { isLoopbackAdapter, type NodeNeighbors } from '../../../facts/smtp-service/node.ts';
import { vipAddresses } from '../../../facts/smtp-service/service.ts';
import { inForce, isSilent, kernelName, lanNotToldOnLinux, setKernel } from '../linux.ts';
import { isOneOf, lanAlias, quoted } from '../node.ts';
import { onLinux, type RuleContext, rule } from '../rule.ts';
import { familyOf, onlyWithDsr } from '../service.ts';

/** See vip-silent-on-lan.md. */
export const vipSilentOnLan = rule({
  id: 'smtp-source-ip/vip-silent-on-lan',
  title: 'The node does not answer ARP for the VIP',
  severity: 'critical',
  blocks: ['dsr-ready'],
  needs: ['node-adapters', 'node-ip-addresses'],
  optional: ['node-bindings'],
  per: 'node',
  optionalPeers: ['node-neighbors'],
  scope: onlyWithDsr,
  variant: onLinux({
    needs: ['node-adapters', 'node-ip-addresses', 'node-kernel-settings'],
    optional: ['node-host', 'node-arp-filter'],
    optionalPeers: ['node-neighbors'],
    judge(facts, at) {
      const { 'node-ip-addresses': addresses, 'node-kernel-settings': settings } = facts;
      const vips = vipAddresses(at.subject);
      const carriers = facts['node-adapters'].filter(isLoopbackAdapter).map(({ name }) => name);
      const exposed = addresses.filter(({ alias, ipAddress }) => vips.includes(ipAddress) && !isOneOf(alias, carriers));
      const [first] = exposed;
      if (first !== undefined) {
        return {
          verdict: 'fail',
          owner: 'on-premises',
          message: `${at.part}: the VIP ${first.ipAddress} is on ${first.alias}, so the node answers ARP for it and takes the service away from the load balancer.`,
          remedy: exposed
            .flatMap(({ alias, ipAddress, prefixLength }) => [
              `ip addr del ${ipAddress}/${prefixLength} dev ${alias}`,
              'Take it out where the network is configured, too; then, on the neighbours:',
              `ip neigh flush to ${ipAddress}`,
            ])
            .join('\n'),
          evidence: exposed.map(({ alias, ipAddress }) => ({
            fact: 'node-ip-addresses',
            observed: `${alias}: ${ipAddress}`,
          })),
        };
      }
      const witness = peerThatSawUs(at, vips);
      if (witness !== undefined) {
        return {
          verdict: 'fail',
          owner: 'on-premises',
          message: `${at.part}: its neighbour ${witness.peer} has the hardware address of ${at.part} (${witness.mac}) for the VIP ${witness.vip}: the node has answered ARP for it.`,
          remedy: [
            ...setKernel('arpIgnore', 1),
            ...setKernel('arpAnnounce', 2),
            'Then, on the neighbours:',
            `ip neigh flush to ${witness.vip}`,
          ].join('\n'),
          evidence: [{ fact: 'node-neighbors', part: witness.peer, observed: `${witness.vip} is at ${witness.mac}` }],
        };
      }
      // Neighbour discovery asks an interface for its own addresses only.
      if (!vips.some((vip) => familyOf(vip) === 'ipv4')) {
        return { verdict: 'pass', message: `${at.part}: Linux answers no neighbour discovery for an address of lo.` };
      }
      const lan = lanAlias(facts, at);
      if (lan === undefined) return lanNotToldOnLinux(at);
      const [ignore, announce] = [inForce(settings, lan, 'arpIgnore'), inForce(settings, lan, 'arpAnnounce')];
      const evidence = [
        {
          fact: 'node-kernel-settings' as const,
          observed: `in force at ${lan}: ${kernelName.arpIgnore} ${ignore}, ${kernelName.arpAnnounce} ${announce}`,
        },
      ];
      const [answersNone, namesNone] = [isSilent('arpIgnore', ignore), isSilent('arpAnnounce', announce)];
      if (answersNone && namesNone) {
        return {
          verdict: 'pass',
          message: `${at.part}: ${lan} answers no ARP for addresses of lo (arp_ignore ${ignore}, arp_announce ${announce}). ARP on the wire was not looked at.`,
          evidence,
        };
      }
      const rules = facts['node-arp-filter']?.rules ?? 0;
      const faults = [
        ...(answersNone ? [] : [`answers ARP for the VIP (arp_ignore ${ignore} in force)`]),
        ...(namesNone ? [] : [`names the VIP when it asks by ARP itself (arp_announce ${announce} in force)`]),
      ];
      const remedy = [
        ...(answersNone ? [] : setKernel('arpIgnore', 1)),
        ...(namesNone ? [] : setKernel('arpAnnounce', 2)),
        'Then, on the neighbours:',
        ...vips.map((vip) => `ip neigh flush to ${vip}`),
      ].join('\n');
      if (rules > 0) {
        return {
          verdict: 'manual',
          message: `${at.part}: by its kernel settings ${lan} ${faults.join(' and ')}, but it has ${rules} rules about ARP packets, which may keep it silent.`,
          remedy: `Look whether the rules drop ARP for the VIP, in and out:\nnft list ruleset arp\nWithout them:\n${remedy}`,
          evidence: [...evidence, { fact: 'node-arp-filter', observed: `${rules} rules` }],
        };
      }
      return {
        verdict: 'fail',
        owner: 'on-premises',
        message: `${at.part}: ${lan} ${faults.join(' and ')}: the node takes the service away from the load balancer.`,
        remedy,
        evidence,
      };
    },
  }),
  judge({ 'node-adapters': adapters, 'node-ip-addresses': addresses, 'node-bindings': bindings = [] }, at) {
    const vips = vipAddresses(at.subject);
    const loopbacks = adapters.filter(isLoopbackAdapter).map(({ name }) => name);
    const exposed = addresses.filter(({ alias, ipAddress }) => vips.includes(ipAddress) && !isOneOf(alias, loopbacks));
    const [first] = exposed;
    const shared = nlbCards(bindings).filter((card) => exposed.some(({ alias }) => isOneOf(alias, [card])));
    if (shared.length > 0) {
      return {
        verdict: 'fail',
        owner: 'network',
        message: nlbSentence(at.part, shared),
        remedy:
          'Put a load balancer before the nodes, and take them out of the cluster (Remove-NlbClusterNode) before its VIP is set there; until then take the service out of the document.',
        evidence: shared.map((card) => ({ fact: 'node-bindings', observed: `${card}: ${nlb} bound` })),
      };
    }
    if (first !== undefined) {
      return {
        verdict: 'fail',
        owner: 'on-premises',
        message: `${at.part}: the VIP ${first.ipAddress} is on ${first.alias}, so the node answers ARP for it and takes the service away from the load balancer.`,
        remedy: exposed
          .map(
            ({ alias, ipAddress }) =>
              `Remove-NetIPAddress -InterfaceAlias ${quoted(alias)} -IPAddress ${ipAddress} -Confirm:$false\nThen, on the neighbours:\narp -d ${ipAddress}`,
          )
          .join('\n'),
        evidence: exposed.map(({ alias, ipAddress }) => ({
          fact: 'node-ip-addresses',
          observed: `${alias}: ${ipAddress}`,
        })),
      };
    }
    const witness = peerThatSawUs(at, vips);
    if (witness !== undefined) {
      return {
        verdict: 'fail',
        owner: 'on-premises',
        message: `${at.part}: its neighbour ${witness.peer} has the hardware address of ${at.part} (${witness.mac}) for the VIP ${witness.vip}: the node has answered ARP for it.`,
        remedy: `Find the interface of ${at.part} that has the VIP, and remove it there:\nGet-NetIPAddress -IPAddress ${witness.vip}\nThen, on the neighbours:\narp -d ${witness.vip}`,
        evidence: [{ fact: 'node-neighbors', part: witness.peer, observed: `${witness.vip} is at ${witness.mac}` }],
      };
    }
    return {
      verdict: 'pass',
      message: `${at.part}: no interface but the loopback adapter has the VIP. ARP on the wire was not looked at.`,
    };
  },
});

/** What Windows calls the driver of Network Load Balancing in its list of bindings. */
const nlb = 'ms_wlbs';

/** Network cards whose address Windows Network Load Balancing shares among the nodes. */
export function nlbCards(
  bindings: readonly { readonly name: string; readonly componentId: string; readonly enabled: boolean }[],
): string[] {
  return bindings
    .filter(({ componentId, enabled }) => enabled && componentId.toLowerCase() === nlb)
    .map(({ name }) => name);
}

/** What cannot be answered about such a node, and why. */
export function nlbSentence(node: string, cards: readonly string[]): string {
  return `${node}: Windows Network Load Balancing is bound to ${enumerate(cards)}: its nodes share the VIP there and nothing stands before them, so there is no Direct Server Return to be ready for. It is not supported.`;
}

/** A peer whose neighbour table has one hardware address for this node and for a VIP. */
function peerThatSawUs(
  {
    subject,
    part,
    peers,
  }: Pick<RuleContext, 'subject' | 'part'> & {
    readonly peers: Readonly<Record<string, { readonly 'node-neighbors'?: NodeNeighbors | undefined }>>;
  },
  vips: readonly string[],
): { peer: string; vip: string; mac: string } | undefined {
  const own = subject.nodes.find(({ name }) => name === part)?.address;
  if (own === undefined) return undefined;
  for (const [peer, { 'node-neighbors': neighbors = [] }] of Object.entries(peers)) {
    const ours = neighbors.find(({ ipAddress }) => ipAddress === plainAddress(own))?.linkLayerAddress;
    // Azure shows one hardware address for every neighbour; it tells nobody apart.
    if (ours === undefined || /^(00:)*00$/.test(ours) || ours === '12:34:56:78:9a:bc') continue;
    const vip = neighbors.find(
      ({ ipAddress, linkLayerAddress }) => vips.includes(ipAddress) && linkLayerAddress === ours,
    );
    if (vip !== undefined) return { peer, vip: vip.ipAddress, mac: ours };
  }
  return undefined;
}
