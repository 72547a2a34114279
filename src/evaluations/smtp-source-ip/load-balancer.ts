import { plainAddress } from '../../domain/ip-range.ts';
import { enumerate } from '../../domain/words.ts';
import type { SmtpLoadBalancer } from '../../facts/smtp-service/load-balancer.ts';
import type { Translation } from '../../facts/smtp-service/log.ts';
import { isLinuxNode, isLoadBalancer, nodeAt } from '../../facts/smtp-service/service.ts';
import type { SmtpService } from '../../facts/smtp-service/subject.ts';
import { counted } from './service.ts';

/** How a product is told to do what a mode needs. */
interface Product {
  /** What makes a way Direct Server Return; undefined of a proxy, which cannot. */
  readonly direct?: string;
  /** What makes it show the client, with replies that go back through it. */
  readonly transparent: string;
  /** What takes the PROXY protocol off. */
  readonly withoutProxy: string;
}

/** By the names that the readers of their configurations give them. */
const products: Readonly<Record<string, Product>> = {
  HAProxy: {
    transparent: 'Add "source 0.0.0.0 usesrc clientip" to the backend, with HAProxy as gateway of the nodes.',
    withoutProxy: 'Take send-proxy off the servers',
  },
  NetScaler: {
    direct: 'service type ANY with -usip YES, virtual server with -m MAC, "enable ns mode MBF"',
    transparent: 'Set -usip YES on the services, with the NetScaler as gateway of the nodes.',
    withoutProxy: 'Set -proxyProtocol DISABLED in the net profile of',
  },
  'Kemp LoadMaster': {
    direct: 'Force L4 on the virtual service and "Direct return" as the forwarding method of its real servers',
    transparent: 'Switch Transparency on, with the LoadMaster as gateway of the nodes.',
    withoutProxy: 'Switch the PROXY protocol off for',
  },
};

export function productOf({ product }: Pick<SmtpLoadBalancer, 'product'>): Product {
  return (
    (Object.hasOwn(products, product) ? products[product] : undefined) ?? {
      direct: 'its own Direct Server Return',
      transparent: 'Switch transparency on, with the load balancer as gateway of the nodes.',
      withoutProxy: 'Switch the PROXY protocol off for',
    }
  );
}

type Ways = SmtpLoadBalancer['ways'];

/** Names of the servers of ways, each once. */
export function serversOf(ways: Ways): string {
  return enumerate([...new Set(ways.map(({ server }) => server))]);
}

/** What says of a way what a person looks for in it. */
export function wayWords({
  vip,
  server,
  address,
  port,
  keepsClient,
  direct,
  source,
  sendsProxy,
}: Ways[number]): string {
  const how = keepsClient ? 'with the address of the client' : `from ${source ?? 'its own address'}`;
  const to = port === undefined ? address : `${address}, port ${port}`;
  return `${vip} to ${server} (${to}): ${how}${direct === true ? ', at the VIP (Direct Server Return)' : ''}${sendsProxy ? ', with the PROXY protocol' : ''}`;
}

/** How much of a configuration was read, for whoever wonders; and which nodes it leads nobody to. */
export function readWords({ product, ways, ignored }: SmtpLoadBalancer, { nodes }: SmtpService): string {
  const without = nodes.filter(({ address }) => !ways.some((way) => way.address === plainAddress(address)));
  const none = without.length === 0 ? '' : `none to ${enumerate(without.map(({ name }) => name))}; `;
  return `${product}: ${counted(ways.length, 'way')} to servers; ${none}${counted(ignored, 'other directive')} passed over`;
}

/** Scripts that know no MAC address of the server: CTX138969 of NetScaler's support. */
const scripts = /^(citrix-|ftp|ldap|mysql|nntp|pop3|radius|smtp|snmp|user|ntlm|rdp)/i;

interface Contradiction {
  /** `fail` when it is wrong whatever is meant, `manual` when somebody has to say what is meant. */
  readonly verdict: 'fail' | 'manual';
  readonly message: string;
  readonly remedy: string;
}

/**
 * What the load balancer's own configuration says against the document, or against what was seen; the first that applies.
 *
 * @param seen proof by node
 */
export function contradictionOf(
  balancer: SmtpLoadBalancer,
  service: SmtpService,
  seen: Readonly<Record<string, Translation>>,
): Contradiction | undefined {
  const { product, ways } = balancer;
  const { direct, transparent, withoutProxy } = productOf(balancer);
  const named = (of: Ways) => {
    const vips = [...new Set(of.map(({ vip }) => vip))];
    return vips.length === service.vips.length ? serversOf(of) : `${serversOf(of)} (${enumerate(vips)})`;
  };
  const wrong = (message: string, remedy: string) => ({ verdict: 'fail', message, remedy }) as const;
  const asked = (message: string, remedy: string) => ({ verdict: 'manual', message, remedy }) as const;
  if (ways.length === 0) {
    return asked(
      `The configuration of ${product} has no way from ${enumerate(service.vips)} to a server: it is of another load balancer, or the service is made otherwise there.`,
      `Give the configuration of the load balancer that has ${enumerate(service.vips)}; of a pair either will do.`,
    );
  }
  const proxied = ways.filter(({ sendsProxy }) => sendsProxy);
  if (service.mode === 'proxy-protocol') {
    const plain = ways.filter(({ sendsProxy }) => !sendsProxy);
    return plain.length === 0
      ? undefined
      : wrong(
          `${service.id} is declared as proxy-protocol, and ${product} connects to ${named(plain)} without it.`,
          'Declare the mode that it has, or let it send the PROXY protocol to a server that speaks it.',
        );
  }
  // Postfix speaks it.
  const toExchange = proxied.filter(
    ({ address }) => !isLinuxNode({ subject: service, part: nodeAt(service, address) ?? '' }),
  );
  if (toExchange.length > 0) {
    return wrong(
      `${product} begins its connections to ${named(toExchange)} with the PROXY protocol, which Exchange does not speak: it resets them.`,
      `${withoutProxy} ${named(toExchange)}, or put a server before Exchange that speaks it.`,
    );
  }
  const hiding = ways.filter(({ keepsClient }) => !keepsClient);
  if (service.mode === 'dsr') {
    const through = ways.filter((way) => way.direct !== true);
    if (through.length > 0 && direct === undefined) {
      return wrong(
        `${service.id} is declared as dsr, and ${product} ends the connections of clients itself and opens others to ${named(through)}: a proxy cannot do Direct Server Return.`,
        'Declare the mode that it has (snat-accepted, or transparent with "source 0.0.0.0 usesrc clientip"), or put a layer 4 load balancer in its place.',
      );
    }
    if (through.length > 0) {
      return wrong(
        `${service.id} is declared as dsr, and ${product} passes connections to ${named(through)} on to their own addresses: it is not switched to Direct Server Return.`,
        `Once dsr-ready is yes, switch it (${direct}); "fieldcheck runbook smtp-source-ip" has the commands, and what undoes them. Otherwise declare the mode that it has.`,
      );
    }
    const translatedWays = ways.filter(({ port }) => port !== undefined);
    if (translatedWays.length > 0) {
      return wrong(
        `${product} is to change the port of connections to ${named(translatedWays)} (${translatedWays[0]?.vip} to ${translatedWays[0]?.port}): Direct Server Return cannot, they arrive at the port of the VIP.`,
        'Let the nodes listen on the port of the VIP, and give the servers that port in the load balancer.',
      );
    }
    if (hiding.length > 0) {
      return wrong(
        `${product} passes connections to ${named(hiding)} on at the VIP and hides the clients: replies go to the load balancer.`,
        `Let it keep the address of the client: ${direct}.`,
      );
    }
    const modes = balancer.written?.find((line) => line.startsWith('enable ns mode '));
    // An excerpt without that line says nothing of it.
    if (product === 'NetScaler' && modes !== undefined && !/\bMBF\b/.test(modes)) {
      return wrong(
        `${product} passes connections to ${named(ways)} on by their MAC address, and MAC-based forwarding (mode MBF) is off there, which Direct Server Return needs.`,
        'Switch it on at the NetScaler: "enable ns mode MBF".',
      );
    }
    const blind = ways.filter(
      ({ monitors = [] }) => monitors.length > 0 && monitors.every((kind) => scripts.test(kind)),
    );
    if (product === 'NetScaler' && blind.length > 0) {
      return wrong(
        `${product} looks after ${named(blind)} with scripts only (${enumerate([...new Set(blind.flatMap(({ monitors = [] }) => monitors))])}): with -m MAC it learns no MAC address from them, and connections come back to it.`,
        'Bind a TCP or PING monitor beside the script.',
      );
    }
  } else {
    const straight = ways.filter((way) => way.direct === true);
    if (straight.length > 0) {
      return wrong(
        `${service.id} is declared as ${service.mode}, and ${product} passes connections to ${named(straight)} on as they came: that is Direct Server Return.`,
        'Declare mode "dsr", so that the nodes are judged by what it needs.',
      );
    }
  }
  if (service.mode === 'transparent' && hiding.length > 0) {
    return wrong(
      `${service.id} is declared as transparent, and ${product} connects to ${named(hiding)} from ${hiding[0]?.source === undefined ? 'its own address' : enumerate([...new Set(hiding.flatMap(({ source = [] }) => source))])}.`,
      transparent,
    );
  }
  if (service.mode === 'snat-accepted' && hiding.length === 0) {
    return wrong(
      `${service.id} is declared as snat-accepted, and ${product} connects to ${named(ways)} with the address of the client.`,
      'Declare mode "transparent", so that it is asked whether clients are visible.',
    );
  }
  const undeclared = ways.flatMap(({ source }) =>
    source === undefined || service.loadBalancerAddresses.length === 0 || isLoadBalancer(service, source) ? [] : source,
  );
  if (undeclared.length > 0) {
    return wrong(
      `${product} connects from ${enumerate([...new Set(undeclared)])}, which the document does not name: it is taken for the load balancer's, because the configuration says so.`,
      `Add it to "loadBalancerAddresses" of ${service.id}: without the configuration nobody could tell it from a client.`,
    );
  }
  // With the PROXY protocol the node learns the client's address all the same.
  const shown = hiding.filter(
    ({ address, sendsProxy }) => !sendsProxy && seen[nodeAt(service, address) ?? ''] === 'preserved',
  );
  if (shown.length > 0) {
    return wrong(
      `${product} connects to ${named(shown)} from its own address, and client addresses are preserved there: clients go another way.`,
      'Find out how clients reach the nodes; the configuration may be of another load balancer.',
    );
  }
  const strangers = ways.filter(({ address }) => nodeAt(service, address) === undefined);
  if (strangers.length > 0) {
    return asked(
      `${product} passes connections on to ${named(strangers)}, which ${service.id} does not name as nodes.`,
      `Name every server behind the VIP in "nodes" of ${service.id}, by the address that the load balancer has for it: what is not named is not looked at.`,
    );
  }
  const other = ways.filter(({ port }) => port !== undefined);
  if (other.length > 0) {
    return asked(
      `${product} passes connections to ${other[0]?.vip} on to port ${other[0]?.port} of ${named(other)}: translated ports are not supported, connectors and logs are judged at the port of the VIP.`,
      'Let the nodes listen on the port of the VIP, or look at that port by hand.',
    );
  }
  return undefined;
}
