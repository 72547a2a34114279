import {
  type AddressRange,
  containsRange,
  overlaps,
  parseAddress,
  parseEndpoint,
  parseRange,
  plainAddress,
  rangeSize,
  reachesPublicSpace,
} from '../../domain/ip-range.ts';
import type { Judgement } from '../../domain/rule.ts';
import { type ConnectorPermission, facingConnectors, type ReceiveConnector } from '../../facts/smtp-service/node.ts';
import { loadBalancerRanges } from '../../facts/smtp-service/service.ts';
import type { SmtpService } from '../../facts/smtp-service/subject.ts';
import { quoted } from './node.ts';
import type { RuleContext } from './rule.ts';
import { connectorName, hasRelayRight } from './settings.ts';

/** What findings about one connector are called by. */
export function connectorTarget(at: RuleContext, connector: ReceiveConnector): string {
  return `${at.part}/${connector.name}`;
}

/** `EX1\Relay`, as the shell takes it. */
export function connectorIdentity(at: RuleContext, connector: ReceiveConnector): string {
  return quoted(`${at.part.split('.')[0]}\\${connector.name}`);
}

export interface RelayRight {
  /** In words, why whoever reaches the connector may relay. */
  readonly why: string;
  /** The line that takes the right away. */
  readonly revoke: string;
}

/**
 * May somebody who has not signed in relay through it? Either the anonymous logon (S-1-5-7) may send to any recipient,
 * or the connector takes everybody for an authenticated Exchange server. A deny outweighs an allow.
 */
export function relayRight(
  connector: ReceiveConnector,
  permissions: readonly ConnectorPermission[],
  at: RuleContext,
): RelayRight | undefined {
  const right = hasRelayRight(connector, permissions);
  const identity = connectorIdentity(at, connector);
  switch (right) {
    case 'anonymous':
      return {
        why: 'anonymous senders (S-1-5-7) have the right Ms-Exch-SMTP-Accept-Any-Recipient',
        revoke: `Get-ReceiveConnector ${identity} | Remove-ADPermission ${anonymous} -ExtendedRights Ms-Exch-SMTP-Accept-Any-Recipient`,
      };
    case 'anonymous-full-control':
      return {
        why: 'anonymous senders (S-1-5-7) have full control of it, and the right Ms-Exch-SMTP-Accept-Any-Recipient with it',
        revoke: `Get-ReceiveConnector ${identity} | Remove-ADPermission ${anonymous} -AccessRights GenericAll`,
      };
    case 'anonymous-inherited':
      return {
        why: 'anonymous senders (S-1-5-7) have the right Ms-Exch-SMTP-Accept-Any-Recipient by inheritance',
        // What is inherited cannot be removed here, and a deny of its own comes first.
        revoke: `Get-ReceiveConnector ${identity} | Add-ADPermission ${anonymous} -ExtendedRights Ms-Exch-SMTP-Accept-Any-Recipient -Deny`,
      };
    case 'externally-secured':
      return {
        why: 'it is externally secured (ExternalAuthoritative with ExchangeServers), so every sender is trusted',
        revoke: `Set-ReceiveConnector ${identity} -AuthMechanism Tls -PermissionGroups AnonymousUsers`,
      };
    case undefined:
      return undefined;
  }
}

/** The anonymous logon by its SID, since its name is in the language of the server. */
const anonymous =
  "-User (New-Object System.Security.Principal.SecurityIdentifier 'S-1-5-7').Translate([System.Security.Principal.NTAccount])";

/** When the facts do not hold the permissions of a connector, nobody can say who may relay through it. */
export function permissionsMissing(connector: ReceiveConnector, at: RuleContext): Judgement {
  const target = connectorTarget(at, connector);
  return {
    verdict: 'manual',
    target,
    message: `${target} admits anonymous senders, and the fact file does not hold what they may do there: it is not known whether they may relay.`,
    remedy: `Run the collector as somebody who may read the permissions, or look for Ms-Exch-SMTP-Accept-Any-Recipient of the anonymous logon:\nGet-ReceiveConnector ${connectorIdentity(at, connector)} | Get-ADPermission | Format-List User, ExtendedRights, AccessRights, Deny, IsInherited`,
  };
}

/**
 * The lines that give a connector a narrower scope: what of it is neither refused nor too wide stays; without any the
 * approved clients; without those somebody has to know the clients.
 */
export function narrowScope(connector: ReceiveConnector, refused: readonly string[], at: RuleContext): string {
  const rest = connector.remoteIPRanges.filter((range) => !refused.includes(range));
  const known = rest.length > 0 ? rest : at.subject.relayClients;
  const identity = connectorIdentity(at, connector);
  return known.length > 0
    ? `Set-ReceiveConnector ${identity} -RemoteIPRanges ${known.map(quoted).join(', ')}`
    : `$clients = @()   # the addresses of the real clients, each in quotes\nSet-ReceiveConnector ${identity} -RemoteIPRanges $clients`;
}

/** Parts of the scope that are too wide: all or much of the world, or public addresses that nobody approved. */
export function wideRanges(connector: ReceiveConnector, service: SmtpService): { range: string; why: string }[] {
  return wideAmong(connector.remoteIPRanges, service);
}

/** As {@link wideRanges}, of ranges wherever they stand. */
export function wideAmong(scope: readonly string[], service: SmtpService): { range: string; why: string }[] {
  const approved = ranges(service.relayClients);
  // A single address of the load balancer or of a node is the business of the rule about the load balancer.
  const own = ranges([...service.loadBalancerAddresses, ...service.nodes.map(({ address }) => address)]);
  return scope.flatMap((text) => {
    const range = parseRange(text);
    if (range === undefined || approved.some((one) => containsRange(one, range))) return [];
    const most = range.family === 4 ? 256n : 1n << 64n;
    if (rangeSize(range) > most) return [{ range: text, why: `is wider than a /${range.family === 4 ? 24 : 64}` }];
    if (own.some((one) => containsRange(one, range))) return [];
    return reachesPublicSpace(range) ? [{ range: text, why: 'holds public addresses' }] : [];
  });
}

/** Ranges of the scope that hold an address of the load balancer. */
export function rangesWithLoadBalancer(connector: ReceiveConnector, service: SmtpService): string[] {
  const balancers = ranges(loadBalancerRanges(service));
  return connector.remoteIPRanges.filter((text) => {
    const range = parseRange(text);
    return range !== undefined && balancers.some((balancer) => overlaps(range, balancer));
  });
}

/** Listens the connector on this VIP: by the any-address of its family, or by the VIP itself? */
export function listensOn(connector: ReceiveConnector, vip: string): boolean {
  const wanted = parseEndpoint(vip);
  if (wanted === undefined) return false;
  const any = parseAddress(wanted.address)?.family === 6 ? '::' : '0.0.0.0';
  return connector.bindings.some((binding) => {
    const endpoint = parseEndpoint(binding);
    return endpoint?.port === wanted.port && (endpoint?.address === wanted.address || endpoint?.address === any);
  });
}

/** Enabled front-end connectors that receive what the load balancer passes on. */
export function loadBalanced(connectors: readonly ReceiveConnector[], service: SmtpService): ReceiveConnector[] {
  return facingConnectors(connectors).filter(
    (connector) => connector.enabled && service.vips.some((vip) => listensOn(connector, vip)),
  );
}

/** On which VIPs each load-balanced connector of a node listens, by the name that nodes have in common. */
export function vipsByConnector(
  connectors: readonly ReceiveConnector[],
  service: SmtpService,
  node: string,
): Record<string, string> {
  return Object.fromEntries(
    loadBalanced(connectors, service).map((connector) => [
      connectorName(connector, node),
      service.vips.filter((vip) => listensOn(connector, vip)).join(', '),
    ]),
  );
}

/**
 * The connector that takes a connection from `address` at `vip`: of those that listen there the one whose range around
 * the address is the narrowest (Exchange: the most specific match wins).
 */
export function landingConnector(
  connectors: readonly ReceiveConnector[],
  service: SmtpService,
  vip: string,
  address: string,
): ReceiveConnector | undefined {
  const one = parseAddress(address);
  if (one === undefined) return undefined;
  let best: { connector: ReceiveConnector; size: bigint } | undefined;
  for (const connector of loadBalanced(connectors, service)) {
    if (!listensOn(connector, vip)) continue;
    for (const range of ranges(connector.remoteIPRanges)) {
      if (!containsRange(range, one)) continue;
      const size = rangeSize(range);
      if (best === undefined || size < best.size) best = { connector, size };
    }
  }
  return best?.connector;
}

/** Does `binding` name an address that no interface of the node has? */
export function bindsAbsentAddress(binding: string, addresses: readonly string[]): boolean {
  const endpoint = parseEndpoint(binding);
  if (endpoint === undefined || endpoint.address === '0.0.0.0' || endpoint.address === '::') return false;
  return !addresses.includes(plainAddress(endpoint.address));
}

function ranges(texts: readonly string[]): AddressRange[] {
  return texts.flatMap((text) => parseRange(text) ?? []);
}
