import type { FactValue, PartFactName } from '../../domain/fact.ts';
import { parseEndpoint, plainAddress } from '../../domain/ip-range.ts';
import type { Severity } from '../../domain/rule.ts';
import { compareText } from '../../domain/words.ts';
import type { SmtpServiceFacts } from '../../facts/smtp-service/index.ts';
import { type ConnectorPermission, type ReceiveConnector, sameWindowsName } from '../../facts/smtp-service/node.ts';
import { firstLabel, vipAddresses } from '../../facts/smtp-service/service.ts';
import type { SmtpService } from '../../facts/smtp-service/subject.ts';
import { isRelaySetting } from './linux-settings.ts';
import { isOneOf, lanAlias, loopbackAdapters, vipsOn } from './node.ts';
import { familyName, vipFamilies } from './service.ts';

/** The anonymous logon; its name is in the language of the server. */
export const anonymousLogon = 'S-1-5-7';
const anyRecipient = 'ms-exch-smtp-accept-any-recipient';

/**
 * By what, if by anything, somebody who has not signed in may relay through a connector. Of the rows that concern the right
 * the first in the order of Windows decides: explicit deny, explicit allow, inherited deny, inherited allow.
 */
export function hasRelayRight(
  connector: ReceiveConnector,
  permissions: readonly ConnectorPermission[],
): 'anonymous' | 'anonymous-inherited' | 'anonymous-full-control' | 'externally-secured' | undefined {
  const order = ({ inherited, deny }: ConnectorPermission) => (inherited ? 2 : 0) + (deny ? 0 : 1);
  const [first] = anonymousRows(connector, permissions)
    .filter(
      ({ extendedRights, allRights }) =>
        allRights === true || extendedRights.some((right) => right.toLowerCase() === anyRecipient),
    )
    .sort((one, other) => order(one) - order(other));
  if (first !== undefined && !first.deny) {
    if (first.inherited) return 'anonymous-inherited';
    return first.allRights === true ? 'anonymous-full-control' : 'anonymous';
  }
  const trustsAll =
    connector.authMechanism.includes('ExternalAuthoritative') && connector.permissionGroups.includes('ExchangeServers');
  return trustsAll ? 'externally-secured' : undefined;
}

/** What the anonymous logon may do at a connector. */
function anonymousRows(
  connector: ReceiveConnector,
  permissions: readonly ConnectorPermission[],
): ConnectorPermission[] {
  return permissions.filter(
    (row) => sameWindowsName(row.connector, connector.name) && row.sid.toUpperCase() === anonymousLogon,
  );
}

/**
 * Are the permissions of a connector missing from the facts? Whatever admits anonymous senders has rows about them, and
 * custom permissions have rows about somebody.
 */
export function lacksPermissions(connector: ReceiveConnector, permissions: readonly ConnectorPermission[]): boolean {
  const { permissionGroups, name } = connector;
  if (permissionGroups.includes('AnonymousUsers')) return anonymousRows(connector, permissions).length === 0;
  return permissionGroups.includes('Custom') && !permissions.some((row) => sameWindowsName(row.connector, name));
}

/** Facts of a node that hold the settings in {@link nodeSettings}. */
export const comparedFacts = [
  'node-adapters',
  'node-ip-addresses',
  'node-bindings',
  'node-ip-interfaces',
  'node-firewall',
  'node-receive-connectors',
  'node-host',
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
  const at = { subject: service, part: node };
  const adapters = facts['node-adapters'];
  const addresses = facts['node-ip-addresses'];
  const vips = vipAddresses(service);
  const own = service.nodes.find(({ name }) => name === node)?.address;
  const loopbacks = adapters === undefined ? [] : loopbackAdapters({ ...facts, 'node-adapters': adapters }, at);
  // Several are told apart by what they carry: their names are each node's own affair.
  const ordered = [...loopbacks].sort((a, b) => compareText(carried(a.name), carried(b.name)));
  function carried(alias: string): string {
    return texts(vipsOn(addresses ?? [], [alias], at).map(({ ipAddress }) => ipAddress));
  }
  const isLoopback = (alias: string) =>
    isOneOf(
      alias,
      loopbacks.map(({ name }) => name),
    );
  const lan = lanAlias(facts, at);
  const role = (alias: string) => {
    const index = ordered.findIndex(({ name }) => sameWindowsName(name, alias));
    if (index === 0) return 'loopback';
    if (index > 0) return `loopback with ${carried(alias)}`;
    return lan !== undefined && sameWindowsName(alias, lan) ? 'LAN' : undefined;
  };

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
    settings['loopback bindings'] = texts([
      ...new Set(
        bindings.flatMap(({ name, componentId, enabled }) => (enabled && isLoopback(name) ? [componentId] : [])),
      ),
    ]);
  }
  for (const row of facts['node-ip-interfaces'] ?? []) {
    const where = role(row.alias);
    if (where === undefined) continue;
    const of = `${where} ${row.addressFamily === 'ipv4' ? 'IPv4' : 'IPv6'}`;
    settings[`${of} weak host send`] = onOff(row.weakHostSend);
    settings[`${of} weak host receive`] = onOff(row.weakHostReceive);
    if (where !== 'LAN') {
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

/**
 * How bad it is that two nodes differ in a setting of {@link nodeSettings}: what a question depends on is as bad as in the
 * setting's own rule; what is advice there is advice here, and so is what has another rule to judge its effect.
 */
export function differenceSeverity(
  setting: string,
  values: readonly [string, string],
  service: SmtpService,
  /** On which VIPs each connector listens, on the one node and on the other. */
  listening: readonly [Readonly<Record<string, string>>, Readonly<Record<string, string>>],
): Severity {
  if (setting.startsWith('connector ')) {
    const connector = setting.slice(0, setting.lastIndexOf(':'));
    const [one, other] = listening.map((of) => of[connector]);
    if ((one ?? other) === undefined || setting.endsWith(': protocol log')) return 'low';
    // By whichever binding: the any-address, or the VIP itself.
    return setting.endsWith(': bindings') && one === other ? 'low' : 'high';
  }
  if (setting.startsWith('firewall ')) return 'low';
  if (setting === 'VIPs on the loopback adapter') {
    const [one, other] = values.map((text) => text.replaceAll(/\/\d+/g, ''));
    return one === other ? 'low' : 'high';
  }
  if (setting === 'loopback bindings') {
    const of = (id: string) => new Set(values.map((text) => text.split(', ').includes(id)));
    if (of('ms_tcpip').size > 1) return 'high';
    return of('ms_msclient').size > 1 || of('ms_server').size > 1 ? 'medium' : 'low';
  }
  const family = / (IPv[46]) /.exec(setting)?.[1];
  if (family !== undefined && !vipFamilies(service).some((one) => familyName[one] === family)) return 'low';
  if (/metric$/.test(setting) || /^LAN .* weak host send$/.test(setting)) return 'low';
  return 'high';
}

/** How bad it is when a setting of {@link nodeSettings} or {@link relayRights} is not as accepted. */
export function settingSeverity(setting: string): Severity {
  if (isRelaySetting(setting) || /^kernel arp_|^listens /.test(setting)) return 'critical';
  if (/relay right|remote ranges|authentication|permission groups/.test(setting)) return 'critical';
  if (/VIPs|weak host|loopback adapters/.test(setting)) return 'critical';
  if (/metric|bindings|firewall|: enabled/.test(setting)) return 'high';
  return 'medium';
}

const onOff = (on: boolean) => (on ? 'on' : 'off');
const texts = (items: readonly string[]) => [...items].sort().join(', ') || 'none';

/** As its nodes have it in common: without the node's name. */
export function connectorName({ name }: ReceiveConnector, node: string): string {
  return `connector ${withoutNode(name, node)}`;
}

/** Exchange writes the server's short name into those of its default connectors. */
function withoutNode(name: string, node: string): string {
  const label = firstLabel(node);
  const at = name.toLowerCase().lastIndexOf(label);
  return at === -1 ? name : `${name.slice(0, at)}<node>${name.slice(at + label.length)}`;
}
