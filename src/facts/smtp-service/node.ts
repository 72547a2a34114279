import { z } from 'zod';
import { isoTime } from '../../domain/time.ts';

/*
 * What one node of a load-balanced SMTP service knows about itself, section by section, so that a section that could
 * not be read blinds only the rules that need it. The fact file (smtp-node-file.ts) is the tolerant form of the same.
 */

/** The collector runs daily: a day and two hours of grace. */
export const goodForADay = 26;

/** Who collected, when, and which interface names the file itself declares. */
export const nodeHost = z
  .object({
    name: z.string(),
    os: z.string().optional(),
    build: z.string().optional(),
    /** ISO 8601, UTC. */
    collectedAt: isoTime,
    collectorVersion: z.string().optional(),
    lanAlias: z.string().optional(),
    loopbackAlias: z.string().optional(),
    /** What the collector is for; Windows when it does not say. */
    system: z.enum(['windows', 'linux']).optional(),
  })
  .meta({ title: 'collection on the node' });

/** `Get-NetAdapter`; on Linux the links that `ip` lists. */
export const nodeAdapters = z
  .array(
    z.object({
      name: z.string(),
      interfaceDescription: z.string(),
      interfaceGuid: z.string().optional(),
      /** `Up`, `Disabled`, `Disconnected`, `Not Present`. */
      status: z.string(),
      /** `*msloop` for the loopback adapter. On Linux `loopback`, `noarp` for links that speak no ARP (dummy, tunnels), else the kind. */
      componentId: z.string().optional(),
    }),
  )
  .meta({ title: 'network adapters', goodForHours: goodForADay });

/** `Get-NetAdapterBinding`. */
export const nodeBindings = z
  .array(z.object({ name: z.string(), componentId: z.string(), enabled: z.boolean() }))
  .meta({ title: 'adapter bindings', goodForHours: goodForADay });

const ipInterface = z.object({
  alias: z.string(),
  addressFamily: z.enum(['ipv4', 'ipv6']),
  interfaceMetric: z.number(),
  automaticMetric: z.boolean(),
  weakHostSend: z.boolean(),
  weakHostReceive: z.boolean(),
  dhcp: z.boolean().optional(),
});

/** `Get-NetIPInterface` of the active store: what holds until the next boot. One row per alias and family. */
export const nodeIpInterfaces = z
  .array(ipInterface)
  .meta({ title: 'IP interface settings', goodForHours: goodForADay });

/** `Get-NetIPInterface -PolicyStore PersistentStore`: what holds after the next boot. */
export const nodePersistentIpInterfaces = z
  .array(ipInterface)
  .meta({ title: 'persistent IP interface settings', goodForHours: goodForADay });

export const addressStates = ['invalid', 'tentative', 'duplicate', 'deprecated', 'preferred'] as const;

/** `Get-NetIPAddress`. */
export const nodeIpAddresses = z
  .array(
    z.object({
      alias: z.string(),
      /** As {@link plainAddress} spells it. */
      ipAddress: z.string(),
      prefixLength: z.number(),
      addressState: z.enum(addressStates),
      skipAsSource: z.boolean().optional(),
    }),
  )
  .meta({ title: 'IP addresses', goodForHours: goodForADay });

/** `Get-NetRoute`. The effective metric of a route is the sum of its two metrics. */
export const nodeRoutes = z
  .array(
    z.object({
      prefix: z.string(),
      nextHop: z.string(),
      alias: z.string(),
      routeMetric: z.number(),
      interfaceMetric: z.number().optional(),
    }),
  )
  .meta({ title: 'routes', goodForHours: goodForADay });

/** `Get-NetNeighbor`: which hardware address answered for which IP address. */
export const nodeNeighbors = z
  .array(
    z.object({
      alias: z.string(),
      ipAddress: z.string(),
      linkLayerAddress: z.string(),
      state: z.string().optional(),
    }),
  )
  .meta({ title: 'neighbour entries', goodForHours: goodForADay });

/** `NetbiosOptions` of each interface: 0 as DHCP says, 1 on, 2 off. */
export const nodeNetbios = z
  .array(z.object({ guid: z.string(), option: z.enum(['dhcp', 'on', 'off']) }))
  .meta({ title: 'NetBIOS settings', goodForHours: goodForADay });

/** `Get-DnsClient` and the DNS servers of each interface. */
export const nodeDnsClients = z
  .array(z.object({ alias: z.string(), registers: z.boolean(), servers: z.array(z.string()) }))
  .meta({ title: 'DNS client settings', goodForHours: goodForADay });

/** What DNS answers for the node's own host name. */
export const nodeDnsAnswers = z
  .array(z.object({ name: z.string(), addresses: z.array(z.string()) }))
  .meta({ title: 'DNS answers for the host name', goodForHours: goodForADay });

export const firewallProfiles = ['Domain', 'Private', 'Public'] as const;
export type FirewallProfile = (typeof firewallProfiles)[number];

const firewallRule = z.object({
  profiles: z.array(z.enum(firewallProfiles)),
  action: z.enum(['allow', 'block']),
  enabled: z.boolean(),
});

/** Windows Firewall, and the inbound rules that cover TCP port 25 from anywhere. */
export const nodeFirewall = z
  .object({
    profiles: z.array(
      z.object({
        name: z.enum(firewallProfiles),
        enabled: z.boolean(),
        /** Of `DefaultInboundAction`: not configured means block. */
        allowsInbound: z.boolean(),
        /** Interfaces that the profile does not guard. */
        disabledAliases: z.array(z.string()),
      }),
    ),
    connectionProfiles: z.array(z.object({ alias: z.string(), category: z.enum(firewallProfiles) })),
    inbound25: z.array(firewallRule),
    /** The inbound rules of all TCP ports, from anywhere; older collectors tell those of port 25 alone. */
    inbound: z
      .array(
        firewallRule.extend({
          /** First and last port of each range. */
          ports: z.array(z.tuple([z.number(), z.number()])),
          /** Interfaces that the rule is confined to; all when empty. */
          interfaces: z.array(z.string()),
        }),
      )
      .optional(),
  })
  .meta({ title: 'firewall settings', goodForHours: goodForADay });

/** `Get-ReceiveConnector` of the node. */
export const nodeReceiveConnectors = z
  .array(
    z.object({
      /** Without the server: `Default Frontend EX1`. */
      name: z.string(),
      dn: z.string().optional(),
      enabled: z.boolean(),
      /** `FrontendTransport` listens to the world; `HubTransport` to other Exchange services. */
      transportRole: z.enum(['FrontendTransport', 'HubTransport', 'None']),
      bindings: z.array(z.string()),
      remoteIPRanges: z.array(z.string()),
      permissionGroups: z.array(z.string()),
      authMechanism: z.array(z.string()),
      verboseLog: z.boolean(),
      fqdn: z.string().optional(),
      /** Undefined when unlimited or not told. */
      maxInboundConnectionPerSource: z.number().optional(),
      maxInboundConnectionPercentagePerSource: z.number().optional(),
      /** ISO 8601, UTC. */
      whenChanged: isoTime.optional(),
    }),
  )
  .meta({ title: 'receive connectors', goodForHours: goodForADay });

/** `Get-ADPermission` of the receive connectors: extended rights by SID. */
export const nodeConnectorPermissions = z
  .array(
    z.object({
      /** The connector's name, without the server. */
      connector: z.string(),
      sid: z.string(),
      extendedRights: z.array(z.string()),
      /** Full control, or all extended rights: those of SMTP are among them. */
      allRights: z.boolean().optional(),
      deny: z.boolean(),
      inherited: z.boolean(),
    }),
  )
  .meta({ title: 'permissions of the receive connectors', goodForHours: goodForADay });

/** `Get-FrontendTransportService`: how long the receive log is kept. */
export const nodeFrontendTransport = z
  .object({
    receiveProtocolLogPath: z.string().optional(),
    /** `30.00:00:00`: days, then hours. */
    maxAge: z.string().optional(),
    maxDirectorySize: z.string().optional(),
  })
  .meta({ title: 'transport log settings', goodForHours: goodForADay });

/** The receive log, counted on the server: no mail address, user or greeting name. */
export const nodeLogSummary = z
  .object({
    /** `postfix`: counted from its log, where nothing stands about local addresses, greeting names and rights. */
    kind: z.enum(['exchange', 'postfix']).optional(),
    /** ISO 8601, UTC: oldest and newest row. */
    from: isoTime.optional(),
    to: isoTime.optional(),
    files: z.number(),
    truncated: z.boolean(),
    byRemote: z.array(
      z.object({
        connector: z.string(),
        remoteIp: z.string(),
        localIps: z.array(z.string()),
        /** Older collectors count all ports of a connector together. */
        localPort: z.number().optional(),
        sessions: z.number(),
        mailSessions: z.number(),
        probeSessions: z.number(),
        ehloNames: z.number(),
        /** Of Postfix: domains of senders. */
        senderDomains: z.number().optional(),
        anyRecipientSessions: z.number(),
      }),
    ),
    /** Other Exchange servers: not clients. */
    exchangeServers: z.array(z.string()),
  })
  .meta({ title: 'summary of the receive log' });

export type NodeHost = z.infer<typeof nodeHost>;
export type NodeAdapters = z.infer<typeof nodeAdapters>;
export type NodeIpInterfaces = z.infer<typeof nodeIpInterfaces>;
export type NodeIpAddresses = z.infer<typeof nodeIpAddresses>;
export type NodeFirewall = z.infer<typeof nodeFirewall>;
export type NodeNeighbors = z.infer<typeof nodeNeighbors>;
export type NodeRoutes = z.infer<typeof nodeRoutes>;
export type ReceiveConnector = z.infer<typeof nodeReceiveConnectors>[number];
export type ConnectorPermission = z.infer<typeof nodeConnectorPermissions>[number];
export type NodeLogSummary = z.infer<typeof nodeLogSummary>;

/** "Loopback Adapter" in languages of Windows; without a component id they are a hint and no proof. */
const localisedLoopback = /KM-TEST|loopback|bouclage|bucle|环回|環回|ループバック|루프백|замыкания|[^\x20-\x7e]/i;

/** Interfaces that may carry a VIP: nobody asks them by ARP. */
const silentKinds: ReadonlySet<string> = new Set(['*msloop', 'loopback', 'noarp']);

/**
 * Is it a loopback adapter? The component `*msloop` is the proof, and another component's driver is none, whatever it calls
 * itself; on Linux `lo` and what speaks no ARP. Without a component id only the English descriptions are sure: "Microsoft Loopback Adapter" on 2008, "Microsoft
 * KM-TEST Loopback Adapter" from 2012, with " #2" for a second one. "Loopback Pseudo-Interface 1" (127.0.0.1) is none.
 */
export function loopbackKind({ componentId, interfaceDescription }: NodeAdapters[number]): 'yes' | 'no' | 'unsure' {
  if (componentId !== undefined && componentId !== '') return silentKinds.has(componentId.toLowerCase()) ? 'yes' : 'no';
  if (/^Microsoft (KM-TEST )?Loopback Adapter( #\d+)?$/i.test(interfaceDescription)) return 'yes';
  if (/ Loopback Adapter( #\d+)?$/i.test(interfaceDescription)) return 'no';
  return localisedLoopback.test(interfaceDescription) ? 'unsure' : 'no';
}

/** As {@link loopbackKind}; what is unsure counts, and the rule about the adapter says so. */
export function isLoopbackAdapter(adapter: NodeAdapters[number]): boolean {
  return loopbackKind(adapter) !== 'no';
}

/**
 * Connectors that listen to the world: those of the front end. Where there is none of it (Edge Transport, Exchange 2010)
 * those of the transport service itself.
 */
export function facingConnectors<C extends { readonly transportRole: string }>(connectors: readonly C[]): C[] {
  const frontEnd = connectors.filter(({ transportRole }) => transportRole === 'FrontendTransport');
  return frontEnd.length > 0 ? frontEnd : connectors.filter(({ transportRole }) => transportRole === 'HubTransport');
}

/** Names of interfaces, files and GUIDs are equal without regard to case on Windows. */
export function sameWindowsName(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}
