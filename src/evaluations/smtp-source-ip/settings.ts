import type { FactValue, PartFactName } from '../../domain/fact.ts';
import { parseEndpoint, plainAddress } from '../../domain/ip-range.ts';
import type { Severity } from '../../domain/rule.ts';
import type { SmtpServiceFacts } from '../../facts/smtp-service/index.ts';
import {
  type ConnectorPermission,
  isLoopbackAdapter,
  type ReceiveConnector,
  sameWindowsName,
} from '../../facts/smtp-service/node.ts';
import { vipAddresses } from '../../facts/smtp-service/service.ts';
import type { SmtpService } from '../../facts/smtp-service/subject.ts';

/** The anonymous logon; its name is in the language of the server. */
export const anonymousLogon = 'S-1-5-7';
const anyRecipient = 'ms-exch-smtp-accept-any-recipient';

/** By what, if by anything, somebody who has not signed in may relay through a connector. */
export function hasRelayRight(
  connector: ReceiveConnector,
  permissions: readonly ConnectorPermission[],
): 'anonymous' | 'anonymous-inherited' | 'externally-secured' | undefined {
  const rows = permissions.filter(
    (row) =>
      sameWindowsName(row.connector, connector.name) &&
      row.sid.toUpperCase() === anonymousLogon &&
      row.extendedRights.some((right) => right.toLowerCase() === anyRecipient),
  );
  if (rows.length > 0 && !rows.some(({ deny }) => deny)) {
    return rows.every(({ inherited }) => inherited) ? 'anonymous-inherited' : 'anonymous';
  }
  const trustsAll =
    connector.authMechanism.includes('ExternalAuthoritative') && connector.permissionGroups.includes('ExchangeServers');
  return trustsAll ? 'externally-secured' : undefined;
}

/** Facts of a node that hold the settings in {@link nodeSettings}. */
export const comparedFacts = [
  'node-adapters',
  'node-ip-addresses',
  'node-bindings',
  'node-ip-interfaces',
  'node-firewall',
  'node-receive-connectors',
] as const satisfies readonly PartFactName<SmtpServiceFacts>[];

/** Those, and what {@link relayRights} adds. */
export const settingFacts = [...comparedFacts, 'node-connector-permissions'] as const;

/** Those facts of one node, as far as they are known. */
export type SettingFacts = {
  readonly [N in (typeof settingFacts)[number]]?: FactValue<SmtpServiceFacts, N> | undefined;
};

/**
 * The settings of a node that matter, as texts by name, without what differs between equal nodes: names and addresses
 * of their own become `<node>`. Sections that are not known are left out.
 */
export function nodeSettings(facts: SettingFacts, service: SmtpService, node: string): Record<string, string> {
  const settings: Record<string, string> = {};
  const adapters = facts['node-adapters'];
  const addresses = facts['node-ip-addresses'];
  const vips = vipAddresses(service);
  const own = service.nodes.find(({ name }) => name === node)?.address;
  const loopbacks = (adapters ?? []).filter(isLoopbackAdapter);
  const isLoopback = (alias: string) => loopbacks.some(({ name }) => sameWindowsName(name, alias));
  const lan =
    service.lanAlias ?? addresses?.find(({ ipAddress }) => own !== undefined && ipAddress === plainAddress(own))?.alias;
  const role = (alias: string) =>
    isLoopback(alias) ? 'loopback' : lan !== undefined && sameWindowsName(alias, lan) ? 'LAN' : undefined;

  if (adapters !== undefined)
    settings['loopback adapters'] = loopbacks.map(({ status }) => status).join(', ') || 'none';
  if (addresses !== undefined) {
    settings['VIPs on the loopback adapter'] = texts(
      addresses.flatMap(({ alias, ipAddress, prefixLength, addressState }) =>
        isLoopback(alias) && vips.includes(ipAddress) ? [`${ipAddress}/${prefixLength} ${addressState}`] : [],
      ),
    );
  }
  const bindings = facts['node-bindings'];
  if (bindings !== undefined) {
    settings['loopback bindings'] = texts(
      bindings.flatMap(({ name, componentId, enabled }) => (enabled && isLoopback(name) ? [componentId] : [])),
    );
  }
  for (const row of facts['node-ip-interfaces'] ?? []) {
    const where = role(row.alias);
    if (where === undefined) continue;
    const of = `${where} ${row.addressFamily === 'ipv4' ? 'IPv4' : 'IPv6'}`;
    settings[`${of} weak host send`] = onOff(row.weakHostSend);
    settings[`${of} weak host receive`] = onOff(row.weakHostReceive);
    if (where === 'loopback') {
      settings[`${of} automatic metric`] = onOff(row.automaticMetric);
      settings[`${of} metric`] = String(row.interfaceMetric);
    }
  }
  const firewall = facts['node-firewall'];
  for (const { name, enabled, allowsInbound } of firewall?.profiles ?? []) {
    settings[`firewall profile ${name}`] = `${onOff(enabled)}, inbound ${allowsInbound ? 'allowed' : 'blocked'}`;
  }
  for (const connector of facts['node-receive-connectors'] ?? []) {
    const of = connectorName(connector, node);
    settings[`${of}: enabled`] = connector.enabled ? 'yes' : 'no';
    settings[`${of}: bindings`] = texts(
      connector.bindings.map((binding) => {
        const endpoint = parseEndpoint(binding);
        return own !== undefined && endpoint?.address === plainAddress(own) ? `<node>:${endpoint.port}` : binding;
      }),
    );
    settings[`${of}: remote ranges`] = texts(connector.remoteIPRanges);
    settings[`${of}: permission groups`] = texts(connector.permissionGroups);
    settings[`${of}: authentication`] = texts(connector.authMechanism);
    settings[`${of}: protocol log`] = connector.verboseLog ? 'verbose' : 'none';
  }
  return settings;
}

/** Who may relay through each connector of a node, by setting; none where connectors or permissions are not known. */
export function relayRights(facts: SettingFacts, node: string): Record<string, string> {
  const permissions = facts['node-connector-permissions'];
  if (permissions === undefined) return {};
  return Object.fromEntries(
    (facts['node-receive-connectors'] ?? []).map((connector) => [
      `${connectorName(connector, node)}: relay right`,
      hasRelayRight(connector, permissions) ?? 'none',
    ]),
  );
}

/** How bad it is when a setting of {@link nodeSettings} or {@link relayRights} is not as accepted. */
export function settingSeverity(setting: string): Severity {
  if (/relay right|remote ranges|authentication|permission groups/.test(setting)) return 'critical';
  if (/VIPs|weak host|loopback adapters/.test(setting)) return 'critical';
  if (/metric|bindings|firewall|: enabled/.test(setting)) return 'high';
  return 'medium';
}

const onOff = (on: boolean) => (on ? 'on' : 'off');
const texts = (items: readonly string[]) => [...items].sort().join(', ') || 'none';

/** As its nodes have it in common: without the node's name. */
function connectorName({ name }: ReceiveConnector, node: string): string {
  return `connector ${withoutNode(name, node)}`;
}

function withoutNode(name: string, node: string): string {
  const at = name.toLowerCase().lastIndexOf(node.toLowerCase());
  return at === -1 ? name : `${name.slice(0, at)}<node>${name.slice(at + node.length)}`;
}
