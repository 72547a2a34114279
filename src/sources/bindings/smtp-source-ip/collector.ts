import {
  everyPart,
  type FactSet,
  type Gathered,
  known,
  noFacts,
  notKnown,
  type PartFacts,
  Unobtainable,
} from '../../../domain/fact-set.ts';
import { parseEndpoint, parseRange, plainAddress } from '../../../domain/ip-range.ts';
import { InvalidDocument, parseDocument } from '../../../domain/organization.ts';
import { enumerate } from '../../../domain/words.ts';
import { concludedNodeFacts, smtpServiceFacts } from '../../../facts/smtp-service/index.ts';
import {
  type FirewallProfile,
  firewallProfiles,
  isLoopbackAdapter,
  type NodeFirewall,
  type NodeIpInterfaces,
  type ReceiveConnector,
  sameWindowsName,
} from '../../../facts/smtp-service/node.ts';
import type { ProbeAttempt } from '../../../facts/smtp-service/probe.ts';
import {
  collectorFor,
  collectorsFor,
  firstLabel,
  nodeNamed,
  vipAddresses,
} from '../../../facts/smtp-service/service.ts';
import { type SmtpService, smtpServiceDeclaration } from '../../../facts/smtp-service/subject.ts';
import type { OpenedFile } from '../../supplied/format.ts';
import { saysDenied } from '../../supplied/powershell-error.ts';
import { isObject } from '../../supplied/powershell-json.ts';
import { type SmtpNodeFile, smtpNodeFile } from './collector-file.ts';
import {
  linuxAdapters,
  linuxAddresses,
  linuxArpFilter,
  linuxListeners,
  linuxNeighbors,
  linuxPacketFilter,
  linuxPostfix,
  linuxRedirects,
  linuxRoutes,
  linuxRoutingRules,
} from './linux-section.ts';

/** One host's fact file, parsed. */
export interface SmtpNodeFacts {
  readonly file: string;
  readonly facts: SmtpNodeFile;
}

/** Is this parsed JSON a fact file of the collector, of whatever version? */
export function isSmtpNodeFile(value: unknown): boolean {
  return isObject(value) && typeof value.schema === 'string' && value.schema.startsWith('smtp-source-ip/');
}

/**
 * Reads fact files; a file may hold several hosts in a list.
 *
 * @throws InvalidDocument naming file and path of every value that means nothing, and how to mend it
 */
export function readSmtpNodeFiles(files: readonly Pick<OpenedFile, 'name' | 'rows'>[]): SmtpNodeFacts[] {
  return files.flatMap(({ name, rows }) =>
    rows.map((row) => {
      try {
        return { file: name, facts: parseDocument(name, smtpNodeFile, row) };
      } catch (error) {
        if (!(error instanceof InvalidDocument)) throw error;
        const isLinux = isObject(row.host) && row.host.system === 'linux';
        const again = `collect it again with ${collectorFor(isLinux ? 'linux' : 'windows')}`;
        throw new InvalidDocument(name, [...error.issues, again]);
      }
    }),
  );
}

/**
 * The facts about a service that its nodes' fact files hold. Files of hosts that are no node of it only give their
 * probes; of two files of one node the newer counts.
 */
export function smtpFactsOf(hosts: readonly SmtpNodeFacts[], service: SmtpService): FactSet {
  const nodes: Record<string, PartFacts> = {};
  for (const node of service.nodes) {
    const newest = newestOf(hosts.filter(({ facts }) => nodeNamed(service, facts.host.name) === node.name));
    if (newest === undefined) continue;
    const system = systemOf(newest);
    nodes[node.name] =
      system === node.system
        ? (system === 'linux' ? linuxNodeFacts : nodeFacts)(newest)
        : ofAnotherSystem(newest, node.name, service);
  }
  const probes = hosts.flatMap((host) => suppliedProbes(host, service));
  const newest = newestOf(hosts);
  if (newest === undefined) return noFacts;
  return {
    facts:
      probes.length === 0
        ? {}
        : {
            'smtp-supplied-probes': known(
              probes,
              hosts.map(collectorOn).join(', '),
              latest(probes.map(({ at }) => at)),
            ),
          },
    // Nodes may come file by file, so the absence of one stands beside them and overrules none.
    parts: { node: { ...nodes, [everyPart]: silentNode(service) } },
  };
}

/** Why files are of another service: they were collected for other VIPs, or on hosts that are no nodes of it and probed it not. */
export function whyForeign(hosts: readonly SmtpNodeFacts[], service: SmtpService): string | undefined {
  const own = vipAddresses(service);
  const vips = [...new Set(hosts.flatMap(({ facts }) => facts.declared?.vips ?? []).map(plainAddress))];
  if (vips.length > 0 && !vips.some((vip) => own.includes(vip)))
    return `they were collected for the VIP ${enumerate(vips)}, and ${service.id} has ${enumerate(own)}`;
  const names = service.nodes.map(({ name }) => name);
  const isOwn = (host: SmtpNodeFacts) =>
    nodeNamed(service, host.facts.host.name) !== undefined || suppliedProbes(host, service).length > 0;
  if (hosts.some(isOwn)) return undefined;
  return `they were collected on ${enumerate(hosts.map(({ facts }) => facts.host.name))}, and the nodes of ${service.id} are ${enumerate(names)}`;
}

/**
 * The service that the files themselves declare, for a run without a service document.
 *
 * @returns undefined when no file declares one
 * @throws InvalidDocument when what they declare is no service
 */
export function declaredService(hosts: readonly SmtpNodeFacts[]): SmtpService | undefined {
  const newest = newestOf(hosts.filter(({ facts }) => (facts.declared?.vips.length ?? 0) > 0));
  const declared = newest?.facts.declared;
  if (newest === undefined || declared === undefined) return undefined;
  const ports = declared.ports.length === 0 ? [25] : declared.ports;
  const address = ({ facts }: SmtpNodeFacts) => {
    const rows = facts.ipAddresses ?? linuxAddresses(facts.linux?.links ?? []);
    const row = rows.find(
      ({ alias, ipAddress }) =>
        !declared.vips.includes(ipAddress) &&
        (declared.lanAlias === undefined
          ? !/^(127\.|169\.254\.|::1|fe80:)/i.test(ipAddress)
          : sameWindowsName(alias, declared.lanAlias)),
    );
    return row === undefined ? undefined : plainAddress(row.ipAddress);
  };
  const service = parseDocument(`${newest.file}: declared`, smtpServiceDeclaration, {
    id: 'smtp',
    mode: declared.mode === 'snat' ? 'snat-accepted' : declared.mode,
    vips: declared.vips.flatMap((vip) => ports.map((port) => `${vip.includes(':') ? `[${vip}]` : vip}:${port}`)),
    loadBalancerAddresses: declared.lbAddresses,
    probeAddresses: declared.probeAddresses,
    nodes: onePerHost(hosts).map((host) => ({
      name: host.facts.host.name,
      address: address(host),
      system: systemOf(host),
    })),
    lanAlias: declared.lanAlias,
    loopbackAlias: declared.loopbackAlias,
  });
  return { kind: 'smtp-service', ...service };
}

/** The newest file of each host, which one file may name in full and another by its first label. */
function onePerHost(hosts: readonly SmtpNodeFacts[]): SmtpNodeFacts[] {
  const byLabel = Map.groupBy(hosts, ({ facts }) => firstLabel(facts.host.name));
  return [...byLabel.values()].flatMap((ofHost) => newestOf(ofHost) ?? []);
}

function newestOf(hosts: readonly SmtpNodeFacts[]): SmtpNodeFacts | undefined {
  return hosts.reduce<SmtpNodeFacts | undefined>(
    (newest, host) => (newest === undefined || host.facts.collectedAt > newest.facts.collectedAt ? host : newest),
    undefined,
  );
}

/** Where a fact comes from as people know it: a file that was posted has no name. */
const collectorOn = (host: SmtpNodeFacts) => `${collectorFor(systemOf(host))} on ${host.facts.host.name}`;

function systemOf({ facts }: SmtpNodeFacts): 'windows' | 'linux' {
  return facts.host.system ?? (facts.linux === undefined ? 'windows' : 'linux');
}

/** ISO 8601 texts in UTC sort as the times they name. */
const latest = (times: readonly string[]) => [...times].sort().at(-1) ?? '';

const collectedFactNames = Object.keys(smtpServiceFacts.partOf).filter(
  (name) => !(concludedNodeFacts as readonly string[]).includes(name),
);

function silentNode(service: SmtpService): PartFacts {
  const why = notKnown(
    'not_supplied',
    `there is no fact file of this node; run ${collectorsFor(service)} there and supply its file`,
  );
  return Object.fromEntries(collectedFactNames.map((name) => [name, why]));
}

/** Every fact of a node whose file is of another system than the document says: its rules would misread it. */
function ofAnotherSystem(host: SmtpNodeFacts, node: string, service: SmtpService): PartFacts {
  const system = systemOf(host);
  const why = notKnown(
    'malformed',
    `${collectorFor(system)} wrote the file of ${node}, and ${service.id} declares it as a ${system === 'linux' ? 'Windows' : 'Linux'} node; set "system": "${system}" of the node if that is what it is`,
    collectorOn(host),
    host.facts.collectedAt,
  );
  return { ...Object.fromEntries(collectedFactNames.map((name) => [name, why])), 'node-host': hostFact(host) };
}

type Read = <T>(section: string, convert: () => T | undefined, optional?: boolean) => Gathered<T>;

/** Reads one section of a file; what the collector could not read is not known, with its reason. */
function sectionsOf(host: SmtpNodeFacts): Read {
  const { facts } = host;
  return <T>(section: string, convert: () => T | undefined, optional = false): Gathered<T> => {
    const failure = facts.errors.find((error) => concerns(error.section, section));
    const observed = [collectorOn(host), facts.collectedAt] as const;
    if (failure !== undefined) {
      const message = failure.message ?? 'the collector gave no reason';
      // What is only extra evidence must not make a rule unknown, so its failure is like its absence.
      return notKnown(optional ? 'not_supplied' : reasonOf(message), `${section}: ${message}`, ...observed);
    }
    try {
      const value = convert();
      return value === undefined
        ? notKnown(
            'not_supplied',
            `the file has no section ${section}; collect it again with ${collectorFor(systemOf(host))}`,
            ...observed,
          )
        : known(value, ...observed);
    } catch (error) {
      if (error instanceof Unobtainable) return notKnown(error.reason, error.message, ...observed);
      throw error;
    }
  };
}

function hostFact(host: SmtpNodeFacts): Gathered<unknown> {
  const { facts } = host;
  return known(
    {
      name: facts.host.name,
      os: facts.host.os,
      build: facts.host.build,
      collectedAt: facts.collectedAt,
      collectorVersion: facts.collector?.version,
      lanAlias: facts.declared?.lanAlias,
      loopbackAlias: facts.declared?.loopbackAlias,
      ...(facts.host.system === undefined ? {} : { system: facts.host.system }),
    },
    collectorOn(host),
    facts.collectedAt,
  );
}

/** What only differs in how it is written is the same fact as on Windows. */
function linuxNodeFacts(host: SmtpNodeFacts): PartFacts {
  const { logSummary, linux = {}, declared } = host.facts;
  const { links, routes, routes6, rules, rules6, neighbors, kernelSettings, listeners, packetFilter, postfix } = linux;
  const read = sectionsOf(host);
  /** Both families or nothing: what is missing of one would look like "there is none". */
  const both = <T, R>(
    four: T[] | undefined,
    six: T[] | undefined,
    convert: (rows: T[], family: 'ipv4' | 'ipv6') => R[],
  ) => (four === undefined || six === undefined ? undefined : [...convert(four, 'ipv4'), ...convert(six, 'ipv6')]);
  const whole = (section: string, convert: () => unknown) => {
    const six = read(`linux.${section}6`, () => true);
    return six.status === 'known' ? read(`linux.${section}`, convert) : six;
  };
  return {
    'node-host': hostFact(host),
    'node-adapters': read('linux.links', () => links && linuxAdapters(links)),
    'node-ip-addresses': read('linux.links', () => links && linuxAddresses(links)),
    'node-routes': whole('routes', () => both(routes, routes6, linuxRoutes)),
    'node-routing-rules': whole('rules', () => both(rules, rules6, linuxRoutingRules)),
    'node-neighbors': read('linux.neighbors', () => neighbors && linuxNeighbors(neighbors), true),
    'node-kernel-settings': read('linux.kernelSettings', () => kernelSettings),
    'node-stored-kernel-settings': read('linux.storedKernelSettings', () => linux.storedKernelSettings),
    'node-listeners': read('linux.listeners', () => listeners && linuxListeners(listeners)),
    'node-packet-filter': read('linux.packetFilter', () => packetFilter && linuxPacketFilter(packetFilter)),
    // Only extra evidence: without the right to read it the kernel settings decide.
    'node-arp-filter': read('linux.packetFilter', () => packetFilter && linuxArpFilter(packetFilter), true),
    'node-redirects': read('linux.packetFilter', () => packetFilter && linuxRedirects(packetFilter), true),
    'node-postfix': read('linux.postfix', () => postfix && linuxPostfix(postfix)),
    'node-log-summary': read('logSummary', () =>
      logSummary === undefined ? undefined : { ...logSummary, exchangeServers: declared?.exchangeServers ?? [] },
    ),
  };
}

function nodeFacts(host: SmtpNodeFacts): PartFacts {
  const { facts } = host;
  const read = sectionsOf(host);
  const loopbacks = (facts.adapters ?? []).flatMap((row) => {
    const adapter = { ...row, interfaceDescription: row.interfaceDescription ?? '', status: row.status ?? '' };
    return isLoopbackAdapter(adapter) ? [adapter] : [];
  });
  return {
    'node-host': hostFact(host),
    'node-adapters': read('adapters', () =>
      facts.adapters?.map((row) => ({
        ...row,
        interfaceDescription: row.interfaceDescription ?? '',
        status: required(row.status, `adapters: status of ${row.name}`),
      })),
    ),
    'node-bindings': read('bindings', () => {
      for (const { name } of loopbacks) {
        if (facts.bindings?.some((row) => sameWindowsName(row.name, name)) === false) {
          throw new Unobtainable('insufficient', `bindings: none is listed for ${name}`);
        }
      }
      return facts.bindings?.map((row) => ({
        ...row,
        enabled: required(row.enabled, `bindings: enabled of ${row.componentId} on ${row.name}`),
      }));
    }),
    'node-ip-interfaces': read('ipInterfaces.active', () => interfaces(facts, ['active', 'ActiveStore'])),
    'node-persistent-ip-interfaces': read('ipInterfaces.persistent', () => {
      const rows = interfaces(facts, ['persistent', 'PersistentStore']);
      if (rows?.length === 0) throw new Unobtainable('insufficient', 'ipInterfaces: no row of the persistent store');
      return rows;
    }),
    'node-ip-addresses': read('ipAddresses', () =>
      facts.ipAddresses?.map((row) => ({
        alias: row.alias,
        ipAddress: plainAddress(row.ipAddress),
        prefixLength: required(row.prefixLength, `ipAddresses: prefixLength of ${row.ipAddress}`),
        addressState: addressStateOf[required(row.addressState, `ipAddresses: addressState of ${row.ipAddress}`)],
        skipAsSource: row.skipAsSource,
      })),
    ),
    'node-routes': read('routes', () =>
      facts.routes?.map((row) => ({
        ...row,
        nextHop: plainAddress(row.nextHop),
        routeMetric: required(row.routeMetric, `routes: routeMetric of ${row.prefix} on ${row.alias}`),
      })),
    ),
    'node-neighbors': read(
      'neighbors',
      () =>
        facts.neighbors?.flatMap((row) =>
          row.linkLayerAddress === undefined
            ? []
            : [
                {
                  alias: row.alias ?? '',
                  ipAddress: plainAddress(row.ipAddress),
                  linkLayerAddress: row.linkLayerAddress.toLowerCase().replaceAll('-', ':'),
                  state: row.state,
                },
              ],
        ),
      true,
    ),
    'node-netbios': read('netbios', () => {
      for (const { name, interfaceGuid = '' } of loopbacks) {
        const row = facts.netbios?.find(({ guid }) => sameGuid(interfaceGuid, guid));
        if (facts.netbios !== undefined) required(row?.option, `netbios: option of ${name}`);
      }
      return facts.netbios?.flatMap((row) =>
        row.option === undefined ? [] : [{ guid: row.guid, option: netbiosOptionOf[row.option] }],
      );
    }),
    'node-dns-clients': read('dnsClients', () => {
      for (const { name } of loopbacks) {
        const row = facts.dnsClients?.find(({ alias }) => sameWindowsName(alias, name));
        if (facts.dnsClients !== undefined) required(row?.registers, `dnsClients: registers of ${name}`);
      }
      return facts.dnsClients?.flatMap((row) =>
        row.registers === undefined ? [] : [{ alias: row.alias, registers: row.registers, servers: row.servers }],
      );
    }),
    'node-dns-answers': read(
      'dnsAnswers',
      () => facts.dnsAnswers?.map((row) => ({ name: row.name, addresses: row.addresses.map(plainAddress) })),
      true,
    ),
    'node-firewall': read('firewall', () => firewall(facts)),
    'node-receive-connectors': read('exchange.receiveConnectors', () =>
      facts.exchange?.receiveConnectors?.map(receiveConnector),
    ),
    'node-connector-permissions': read('exchange.adPermissions', () => {
      const connectors = facts.exchange?.receiveConnectors;
      return facts.exchange?.adPermissions?.map(({ accessRights, ...row }) => {
        const connector = connectors?.find(({ identity, dn }) => isConnector(row.connector, identity, dn))?.identity;
        if (connectors !== undefined && connector === undefined) {
          throw new Unobtainable('malformed', `adPermissions: "${row.connector}" is no receive connector of the file`);
        }
        const sid = sidOf(row.sid);
        if (sid === undefined) {
          throw new Unobtainable(
            'malformed',
            `adPermissions: "${row.sid}" is no SID and no account that is the same everywhere`,
          );
        }
        return {
          ...row,
          sid,
          connector: connectorName(connector ?? row.connector),
          allRights: holdsAllRights(accessRights, row.extendedRights),
        };
      });
    }),
    'node-frontend-transport': read('exchange.frontendTransport', () => facts.exchange?.frontendTransport),
    'node-log-summary': read('logSummary', () =>
      facts.logSummary === undefined
        ? undefined
        : { ...facts.logSummary, exchangeServers: facts.declared?.exchangeServers ?? [] },
    ),
  };
}

/** `exchange` concerns `exchange.adPermissions`, and `firewall.profiles` concerns `firewall`. */
function concerns(error: string, section: string): boolean {
  const [a, b] = [error.toLowerCase(), section.toLowerCase()];
  return a === b || b.startsWith(`${a}.`) || a.startsWith(`${b}.`);
}

function reasonOf(message: string): 'denied' | 'timeout' | 'unreachable' {
  if (saysDenied(message)) return 'denied';
  return /time limit|timed? ?out/i.test(message) ? 'timeout' : 'unreachable';
}

/** A value that a rule will need: a file that leaves it empty says nothing about the section. */
function required<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Unobtainable('insufficient', `${what} is empty`);
  return value;
}

const addressStateOf = {
  Invalid: 'invalid',
  Tentative: 'tentative',
  Duplicate: 'duplicate',
  Deprecated: 'deprecated',
  Preferred: 'preferred',
} as const;

const netbiosOptionOf = {
  dhcp: 'dhcp',
  EnableNetbiosViaDhcp: 'dhcp',
  on: 'on',
  EnableNetbios: 'on',
  off: 'off',
  DisableNetbios: 'off',
} as const;

const sameGuid = (a: string, b: string) => sameWindowsName(a.replace(/[{}]/g, ''), b.replace(/[{}]/g, ''));

function interfaces(facts: SmtpNodeFile, stores: readonly string[]): NodeIpInterfaces | undefined {
  const adapters = facts.adapters?.map(({ name }) => name);
  return facts.ipInterfaces?.flatMap((row) => {
    if (!stores.includes(row.store)) return [];
    const { interfaceMetric, automaticMetric, weakHostSend, weakHostReceive } = row;
    const isAdapter = adapters?.some((name) => sameWindowsName(name, row.alias)) ?? true;
    const complete = [interfaceMetric, automaticMetric, weakHostSend, weakHostReceive].every(
      (one) => one !== undefined,
    );
    // Pseudo interfaces (127.0.0.1, tunnels) lack some settings, and no rule looks at them.
    if (!complete && !isAdapter) return [];
    const of = `of ${row.alias}, ${row.addressFamily}, ${stores[0]} store`;
    return [
      {
        alias: row.alias,
        addressFamily: row.addressFamily === 'IPv4' ? ('ipv4' as const) : ('ipv6' as const),
        interfaceMetric: required(interfaceMetric, `ipInterfaces: interfaceMetric ${of}`),
        automaticMetric: required(automaticMetric, `ipInterfaces: automaticMetric ${of}`) === 'Enabled',
        weakHostSend: required(weakHostSend, `ipInterfaces: weakHostSend ${of}`) === 'Enabled',
        weakHostReceive: required(weakHostReceive, `ipInterfaces: weakHostReceive ${of}`) === 'Enabled',
        dhcp: row.dhcp === undefined ? undefined : row.dhcp === 'Enabled',
      },
    ];
  });
}

function firewall(facts: SmtpNodeFile): NodeFirewall | undefined {
  const { profiles, connectionProfiles, inbound25, inbound } = facts.firewall ?? {};
  if (profiles === undefined || connectionProfiles === undefined) return undefined;
  if (inbound25 === undefined && inbound === undefined) return undefined;
  return {
    profiles: profiles.flatMap((row) => {
      const name = firewallProfiles.find((profile) => sameWindowsName(profile, row.name));
      if (name === undefined) return [];
      const enabled = required(row.enabled, `firewall.profiles: enabled of ${row.name}`);
      return [
        {
          name,
          enabled: enabled !== 'False' && enabled !== 'Disabled',
          allowsInbound: row.defaultInbound === 'Allow',
          disabledAliases: row.disabledAliases,
        },
      ];
    }),
    connectionProfiles: connectionProfiles.map(({ alias, category }) => ({
      alias,
      category: category === 'DomainAuthenticated' ? 'Domain' : category,
    })),
    inbound25: (inbound25 ?? []).map(firewallRule),
    ...(inbound === undefined
      ? {}
      : {
          inbound: inbound.map((row) => ({
            ...firewallRule(row),
            ports: row.localPorts.flatMap(portRange),
            interfaces: row.interfaces.filter((name) => !sameWindowsName(name, 'Any')),
          })),
        }),
  };
}

type FirewallRow = NonNullable<NonNullable<SmtpNodeFile['firewall']>['inbound25']>[number];

function firewallRule({ profile, action, enabled }: FirewallRow): NodeFirewall['inbound25'][number] {
  return { profiles: profilesOf(profile), action: action === 'Block' ? 'block' : 'allow', enabled };
}

/** `25`, `25-30`, `Any`; words of Windows for ports that it chooses itself (`RPC`) are none of SMTP's. */
function portRange(text: string): [number, number][] {
  if (sameWindowsName(text, 'Any')) return [[0, 65_535]];
  const match = /^(\d+)(?:-(\d+))?$/.exec(text);
  return match === null ? [] : [[Number(match[1]), Number(match[2] ?? match[1])]];
}

/** No flag is the value Any. */
function profilesOf(flags: readonly string[]): FirewallProfile[] {
  return flags.length === 0 ? [...firewallProfiles] : firewallProfiles.filter((profile) => flags.includes(profile));
}

/** Does `text` name the connector: by identity, the server in full or not, by its name alone, or by its DN? */
function isConnector(text: string, identity: string, dn: string | undefined): boolean {
  if (sameWindowsName(text, identity) || (dn !== undefined && sameWindowsName(text, dn))) return true;
  const [server, own] = [text, identity].map((one) => (one.includes('\\') ? firstLabel(one.split('\\')[0] ?? '') : ''));
  return (
    (server === '' || own === '' || server === own) && sameWindowsName(connectorName(text), connectorName(identity))
  );
}

/** What Get-ADPermission shows as text, though it is the same in every organization. */
const exchangeAccounts: Readonly<Record<string, number>> = {
  'partner servers': 10,
  'hub transport servers': 21,
  'edge transport servers': 22,
  'externally secured servers': 23,
  'legacy exchange servers': 24,
};

/** A SID, or the well-known account that a name means: the anonymous logon in the languages of Windows, and Exchange's own. */
function sidOf(account: string): string | undefined {
  if (/^S-1-[0-9-]+$/i.test(account)) return account.toUpperCase();
  const [, name = account] = /\\([^\\]*)$/.exec(account) ?? [];
  if (/an[oóô]n[iyí]e?m|匿名|анонимн|익명/i.test(name)) return 'S-1-5-7';
  const exchange = exchangeAccounts[name.toLowerCase()];
  return exchange === undefined ? undefined : `S-1-9-1419165041-1139599005-3936102811-1022490595-${exchange}`;
}

/** Full control, or the right to everything extended where no single right is named, in whichever list a file has it. */
function holdsAllRights(accessRights: readonly string[], extendedRights: readonly string[]): boolean {
  const words = (texts: readonly string[]) =>
    texts.flatMap((text) => text.split(',')).map((right) => right.trim().toLowerCase());
  const [access, extended] = [words(accessRights), words(extendedRights)];
  if (access.includes('genericall') || extended.includes('genericall') || extended.includes('*')) return true;
  return access.includes('extendedright') && extended.length === 0;
}

/** `EX1\Relay` → `Relay`; of a distinguished name the first part. */
function connectorName(identity: string): string {
  const dn = /^CN=((?:[^,\\]|\\.)+),/i.exec(identity)?.[1];
  return dn === undefined ? (identity.split('\\').at(-1) ?? identity) : dn.replace(/\\(.)/g, '$1');
}

function receiveConnector(
  row: NonNullable<NonNullable<SmtpNodeFile['exchange']>['receiveConnectors']>[number],
): ReceiveConnector {
  const what = (field: string) => `exchange.receiveConnectors: ${field} of ${row.identity}`;
  if (row.bindings.length === 0) throw new Unobtainable('insufficient', `${what('bindings')} is empty`);
  if (row.remoteIPRanges.length === 0) throw new Unobtainable('insufficient', `${what('remoteIPRanges')} is empty`);
  const unreadable = row.remoteIPRanges.find((range) => parseRange(range) === undefined);
  if (unreadable !== undefined) {
    throw new Unobtainable(
      'malformed',
      `${what('remoteIPRanges')} holds "${unreadable}", which is no range of addresses`,
    );
  }
  const roles = required(row.transportRole, what('transportRole'));
  return {
    name: connectorName(row.identity),
    dn: row.dn,
    enabled: row.enabled,
    transportRole: roles.includes('FrontendTransport')
      ? 'FrontendTransport'
      : roles.includes('HubTransport')
        ? 'HubTransport'
        : 'None',
    bindings: row.bindings,
    remoteIPRanges: row.remoteIPRanges,
    permissionGroups: required(row.permissionGroups, what('permissionGroups')),
    authMechanism: required(row.authMechanism, what('authMechanism')),
    verboseLog: required(row.protocolLoggingLevel, what('protocolLoggingLevel')) === 'Verbose',
    fqdn: row.fqdn,
    maxInboundConnectionPerSource: numberOnly(row.maxInboundConnectionPerSource),
    maxInboundConnectionPercentagePerSource: numberOnly(row.maxInboundConnectionPercentagePerSource),
    whenChanged: row.whenChangedUtc,
  };
}

/** A word such as `unlimited` is no limit. */
const numberOnly = (limit: string | number | undefined) => (typeof limit === 'number' ? limit : undefined);

/** Probes of the collector that went to this service. */
function suppliedProbes({ facts }: SmtpNodeFacts, service: SmtpService): ProbeAttempt[] {
  const vips = service.vips.flatMap((vip) => parseEndpoint(vip)?.address ?? []);
  return (facts.probes ?? []).flatMap((row) => {
    const endpoint = parseEndpoint(row.target);
    if (endpoint === undefined) return [];
    const node = row.via === 'vip' ? undefined : nodeNamed(service, row.via.slice('node:'.length));
    if (row.via === 'vip' ? !vips.includes(endpoint.address) : node === undefined) return [];
    const sourceAddress = row.sourceIp === undefined ? undefined : plainAddress(row.sourceIp);
    // With Direct Server Return a node owns the VIP: such a greeting never left the node and proves nothing.
    if (row.via === 'vip' && sourceAddress === endpoint.address) return [];
    return [
      {
        target: row.target,
        via: node === undefined ? ('vip' as const) : ('node' as const),
        node,
        at: row.at ?? facts.collectedAt,
        outcome: suppliedOutcome(row),
        sourceAddress,
        banner: row.banner,
        helloAddress: row.helloIp === undefined ? undefined : plainAddress(row.helloIp),
        inspected: /^220[ -]?\s*\*{4,}/.test(row.banner ?? ''),
        elapsedMs: row.elapsedMs,
        detail: row.error,
      },
    ];
  });
}

function suppliedOutcome(row: NonNullable<SmtpNodeFile['probes']>[number]): ProbeAttempt['outcome'] {
  const said = `${row.banner ?? ''} ${row.error ?? ''}`;
  if (/\b421\b/.test(said)) return 'out-of-service';
  if (row.banner !== undefined || row.helloIp !== undefined) return 'answered';
  if (row.error === undefined) return 'unreachable';
  if (/refused/i.test(row.error)) return 'refused';
  return /time|within \d+ s|did not properly respond/i.test(row.error) ? 'timeout' : 'unreachable';
}
