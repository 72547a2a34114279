import type { FactSet, PartFacts } from '../domain/fact-set.ts';
import type { Severity } from '../domain/rule.ts';
import type { SmtpService } from '../domain/subject.ts';
import { parseEndpoint, plainAddress } from './smtp-addresses.ts';
import type { SmtpBaseline } from './smtp-evidence.ts';
import { type ConnectorPermission, isLoopbackAdapter, type ReceiveConnector, sameWindowsName } from './smtp-node.ts';
import { vipAddresses } from './smtp-service.ts';

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

/**
 * The settings of a node that matter, as texts by name, without what differs between equal nodes: names and addresses
 * of their own become `<node>`. Sections that are not known are left out.
 */
export function nodeSettings(facts: PartFacts, service: SmtpService, node: string): Record<string, string> {
  const settings: Record<string, string> = {};
  const adapters = knownValue(facts['node-adapters']);
  const addresses = knownValue(facts['node-ip-addresses']);
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
  const bindings = knownValue(facts['node-bindings']);
  if (bindings !== undefined) {
    settings['loopback bindings'] = texts(
      bindings.flatMap(({ name, componentId, enabled }) => (enabled && isLoopback(name) ? [componentId] : [])),
    );
  }
  for (const row of knownValue(facts['node-ip-interfaces']) ?? []) {
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
  const firewall = knownValue(facts['node-firewall']);
  for (const { name, enabled, allowsInbound } of firewall?.profiles ?? []) {
    settings[`firewall profile ${name}`] = `${onOff(enabled)}, inbound ${allowsInbound ? 'allowed' : 'blocked'}`;
  }
  const permissions = knownValue(facts['node-connector-permissions']);
  for (const connector of knownValue(facts['node-receive-connectors']) ?? []) {
    const of = `connector ${withoutNode(connector.name, node)}`;
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
    if (permissions !== undefined) settings[`${of}: relay right`] = hasRelayRight(connector, permissions) ?? 'none';
  }
  return settings;
}

/** How bad it is when a setting of {@link nodeSettings} is not as accepted. */
export function settingSeverity(setting: string): Severity {
  if (/relay right|remote ranges|authentication|permission groups/.test(setting)) return 'critical';
  if (/VIPs|weak host|loopback adapters/.test(setting)) return 'critical';
  if (/metric|bindings|firewall|: enabled/.test(setting)) return 'high';
  return 'medium';
}

/**
 * What `fieldcheck baseline accept` records: the settings of every node whose facts are known.
 * @param by who accepts it
 */
export function baselineOf(facts: FactSet, service: SmtpService, accepted: { at: Date; by?: string }): SmtpBaseline {
  const nodes = Object.fromEntries(
    service.nodes.flatMap(({ name }) => {
      const settings = nodeSettings(facts.parts.node?.[name] ?? {}, service, name);
      return Object.keys(settings).length === 0 ? [] : [[name, settings] as const];
    }),
  );
  const [collectedAt] = Object.keys(nodes)
    .flatMap((name) => knownValue(facts.parts.node?.[name]?.['node-host'])?.collectedAt ?? [])
    .sort();
  return {
    acceptedAt: accepted.at.toISOString(),
    ...(accepted.by === undefined ? {} : { by: accepted.by }),
    ...(collectedAt === undefined ? {} : { collectedAt }),
    nodes,
  };
}

const onOff = (on: boolean) => (on ? 'on' : 'off');
const texts = (items: readonly string[]) => [...items].sort().join(', ') || 'none';

function withoutNode(name: string, node: string): string {
  const at = name.toLowerCase().lastIndexOf(node.toLowerCase());
  return at === -1 ? name : `${name.slice(0, at)}<node>${name.slice(at + node.length)}`;
}

function knownValue<T>(
  gathered: { status: 'known'; value: T } | { status: 'unobtainable' } | undefined,
): T | undefined {
  return gathered?.status === 'known' ? gathered.value : undefined;
}
