import { enumerate } from '../../../domain/words.ts';
import type { SmtpLoadBalancer } from '../../../facts/smtp-service/load-balancer.ts';
import type { Translation } from '../../../facts/smtp-service/log.ts';
import { isLinuxNode, isLoadBalancer, nodeAt } from '../../../facts/smtp-service/service.ts';
import type { SmtpService } from '../../../facts/smtp-service/subject.ts';
import { rule } from '../rule.ts';

/** See evidence-agrees.md. */
export const evidenceAgrees = rule({
  id: 'smtp-source-ip/evidence-agrees',
  title: 'Configuration, log and probe tell the same',
  severity: 'high',
  blocks: [],
  needs: ['smtp-evidence'],
  optional: ['smtp-load-balancer'],
  judge({ 'smtp-evidence': { configuration, log, probe }, 'smtp-load-balancer': balancer }, { subject }) {
    const { mode } = subject;
    const evidence = [
      {
        fact: 'smtp-evidence' as const,
        observed: [
          ...(configuration === undefined
            ? []
            : [
                `configuration: VIP on the loopback adapter of ${{ ready: 'all nodes', partly: 'some nodes', none: 'no node' }[configuration]}`,
              ]),
          ...Object.entries(log).map(([node, translation]) => `log of ${node}: ${translation}`),
          ...Object.entries(probe).map(([node, translation]) => `probe of ${node}: ${translation}`),
        ].join('; '),
      },
    ];
    const disagree = (message: string, remedy: string) =>
      ({ verdict: 'fail', owner: 'network', message, remedy, evidence }) as const;
    const own = balancer === undefined ? undefined : balancerContradicts(balancer, subject, { ...log, ...probe });
    if (own !== undefined) return { ...disagree(own.message, own.remedy), evidence: [...evidence, ...own.evidence] };
    const contradicting = Object.keys(probe).filter((node) => node in log && log[node] !== probe[node]);
    const [first] = contradicting;
    if (first !== undefined) {
      return disagree(
        `${enumerate(contradicting)}: the probe says ${words[probe[first] ?? 'preserved']}, the log says ${words[log[first] ?? 'preserved']}: the load balancer was switched in between, or they went different ways.`,
        'Run the collector again so that the log is of now; probe each VIP and port.',
      );
    }
    const seen = { ...log, ...probe };
    const hiding = Object.keys(seen).filter((node) => seen[node] !== 'preserved');
    if (mode === 'dsr' && configuration === 'ready' && hiding.length > 0) {
      return disagree(
        `All nodes carry the VIP, but the load balancer ${hiding.length < subject.nodes.length || hiding.some((node) => seen[node] === 'partial') ? 'still hides some clients' : 'hides the clients'} from ${enumerate(hiding)}: it is not switched to Direct Server Return yet, or another virtual service took the connections.`,
        'Once dsr-ready is yes, switch the virtual service to Direct Server Return; check that it is the one behind this VIP and port.',
      );
    }
    if (mode === 'dsr' && configuration === 'none' && hiding.length < Object.keys(seen).length) {
      return disagree(
        'Client addresses are preserved though no node carries the VIP: the load balancer is transparent, or clients go past it.',
        'Declare mode "transparent" if that is what it is; otherwise find out how clients reach the nodes.',
      );
    }
    const ways = balancer?.ways.length ?? 0;
    const told = [...new Set(Object.values(seen))];
    return {
      verdict: 'pass',
      message: `The evidence agrees${told.length === 0 ? '' : `: ${enumerate(told.map((one) => words[one]))}`}.${balancer === undefined ? '' : ` ${balancer.product} says so, too: ${ways} ways to servers.`}`,
      evidence,
    };
  },
});

const words = {
  'source-nat': 'that clients are hidden',
  partial: 'that some clients are hidden',
  preserved: 'that client addresses are preserved',
} as const;

/** What the load balancer's own configuration says against the document, or against what was seen; the first that applies. */
function balancerContradicts(
  { product, ways }: SmtpLoadBalancer,
  service: SmtpService,
  seen: Readonly<Record<string, Translation>>,
) {
  const said = (message: string, remedy: string) => ({
    message,
    remedy,
    evidence: ways.map(({ vip, server, address, keepsClient, source, sendsProxy }) => ({
      fact: 'smtp-load-balancer' as const,
      observed: `${vip} to ${server} (${address}): ${keepsClient ? 'with the address of the client' : `from ${source ?? 'its own address'}`}${sendsProxy ? ', with the PROXY protocol' : ''}`,
    })),
  });
  const names = (of: typeof ways) => enumerate([...new Set(of.map(({ server }) => server))]);
  // Postfix can speak it.
  const isLinux = (address: string) => isLinuxNode({ subject: service, part: nodeAt(service, address) ?? '' });
  const proxied = ways.filter(({ sendsProxy, address }) => sendsProxy && !isLinux(address));
  if (proxied.length > 0) {
    return said(
      `${product} begins its connections to ${names(proxied)} with the PROXY protocol, which Exchange does not speak: it resets them.`,
      `Take send-proxy off the servers ${names(proxied)}, or put a server before Exchange that speaks it.`,
    );
  }
  if (service.mode === 'dsr' && ways.length > 0) {
    return said(
      `${service.id} is declared as dsr, and ${product} ends the connections of clients itself and opens others to ${names(ways)}: a proxy cannot do Direct Server Return.`,
      'Declare the mode that it has (snat-accepted, or transparent with "source 0.0.0.0 usesrc clientip"), or put a layer 4 load balancer in its place.',
    );
  }
  const hiding = ways.filter(({ keepsClient }) => !keepsClient);
  if (service.mode === 'transparent' && hiding.length > 0) {
    return said(
      `${service.id} is declared as transparent, and ${product} connects to ${names(hiding)} from its own address.`,
      'Add "source 0.0.0.0 usesrc clientip" to the backend, with HAProxy as gateway of the nodes.',
    );
  }
  const undeclared = ways.flatMap(({ source }) =>
    source === undefined || isLoadBalancer(service, source) ? [] : source,
  );
  if (undeclared.length > 0) {
    return said(
      `${product} connects from ${enumerate([...new Set(undeclared)])}, which is not declared.`,
      `Add it to "loadBalancerAddresses" of ${service.id}: without it the log cannot tell the load balancer from a client.`,
    );
  }
  // With the PROXY protocol the node learns the client's address all the same.
  const shown = hiding.filter(
    ({ address, sendsProxy }) => !sendsProxy && seen[nodeAt(service, address) ?? ''] === 'preserved',
  );
  if (shown.length > 0) {
    return said(
      `${product} connects to ${names(shown)} from its own address, and client addresses are preserved there: clients go another way.`,
      'Find out how clients reach the nodes; the configuration may be of another load balancer.',
    );
  }
  return undefined;
}
