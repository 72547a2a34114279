import { z } from 'zod';
import { goodForADay } from './node.ts';

/*
 * What only a Linux node knows about itself. Links, addresses, routes and neighbours are the same facts as on Windows.
 */

/** `net.ipv4.conf.SCOPE.*` (ip-sysctl of the Linux kernel). What counts at an interface is the higher one of its own and `all`. */
export const nodeKernelSettings = z
  .array(
    z.object({
      /** `all`, `default`, or the name of an interface. */
      scope: z.string(),
      /** 0 answers ARP for every address of the machine; 1, 2 and 8 do not for one on another interface; 3 for none of scope host. */
      arpIgnore: z.number(),
      /** 2 never names an address of another interface when it asks by ARP. */
      arpAnnounce: z.number(),
      /** 0 off; 1 drops what arrives by another interface than replies would leave by; 2 what no route leads back to. */
      rpFilter: z.number(),
    }),
  )
  .meta({ title: 'kernel network settings', goodForHours: goodForADay });

/** What the files say that sysctl reads at a start (sysctl.d(5)), in their order: the last one counts. */
export const nodeStoredKernelSettings = z
  .array(
    z.object({
      /** As in {@link nodeKernelSettings}, or a pattern for several (`*`, `eth*`). */
      scope: z.string(),
      setting: z.enum(['arp_ignore', 'arp_announce', 'rp_filter']),
      value: z.number(),
    }),
  )
  .meta({ title: 'stored kernel network settings', goodForHours: goodForADay });

/** `ip rule` beyond the three that every Linux has: then more than the main table decides where replies go. */
export const nodeRoutingRules = z
  .array(z.object({ priority: z.number(), rule: z.string() }))
  .meta({ title: 'routing rules', goodForHours: goodForADay });

/** `ss -Hltn`: listening TCP sockets. An address of `0.0.0.0` or `::` means all of its family. */
export const nodeListeners = z
  .array(z.object({ address: z.string(), port: z.number() }))
  .meta({ title: 'listening sockets', goodForHours: goodForADay });

/** `postconf`: main.cf with its defaults, and the services of master.cf that listen on the network. */
export const nodePostfix = z
  .object({
    /** By name, as `postconf` shows them, without what names other parameters still to be looked up. */
    settings: z.record(z.string(), z.string()),
    services: z.array(
      z.object({
        /** As master.cf names it: `smtp`, `submission`, `192.0.2.25:25`. */
        name: z.string(),
        /** TCP port; undefined for a name that is no well-known one. */
        port: z.number().optional(),
        /** The address that it is confined to. */
        address: z.string().optional(),
        /** `smtpd`, `postscreen`. */
        command: z.string(),
        /** What its own `-o` options set. */
        overrides: z.record(z.string(), z.string()),
      }),
    ),
  })
  .meta({ title: 'Postfix configuration', goodForHours: goodForADay });

/** What stands between the network and the listeners: rules of nftables, iptables' included. */
export const nodePacketFilter = z
  .object({
    /** Chains that see what comes in, and all that they lead to. */
    chains: z.array(
      z.object({
        /** `ip filter INPUT`: family, table and name. */
        id: z.string(),
        /** Set where the kernel itself leads packets to it. */
        hook: z.literal('input').optional(),
        /** What happens to packets that no rule decides about; set beside `hook`. */
        policy: z.enum(['accept', 'drop']).optional(),
        rules: z.array(
          z.object({
            /** What the rule does: a verdict, or `jump ID` and `goto ID`; undefined when it only counts or logs. */
            verdict: z.string().optional(),
            /** Does it concern every new connection to the TCP ports listed? `some` when it asks for more than these words can say. */
            applies: z.enum(['all', 'some', 'none']),
            /** Only to these TCP ports; to all when undefined. */
            ports: z.array(z.tuple([z.number(), z.number()])).optional(),
            /** Only on this interface; on all when undefined. */
            interface: z.string().optional(),
          }),
        ),
      }),
    ),
  })
  .meta({ title: 'packet filter', goodForHours: goodForADay });

/** Rules that lead new connections to another address or port (REDIRECT, DNAT) before anything listens for them. */
export const nodeRedirects = z
  .array(
    z.object({
      /** `ip nat PREROUTING`: family, table and name. */
      chain: z.string(),
      /** Only those to these addresses; to all when undefined. */
      addresses: z.array(z.string()).optional(),
      /** Only those to these TCP ports; to all when undefined. */
      ports: z.array(z.tuple([z.number(), z.number()])).optional(),
    }),
  )
  .meta({ title: 'redirect rules', goodForHours: goodForADay });

/** Rules about ARP packets (arptables, family arp of nftables): they may silence a VIP without a kernel setting. */
export const nodeArpFilter = z
  .object({ rules: z.number() })
  .meta({ title: 'packet filter for ARP', goodForHours: goodForADay });

export type NodeArpFilter = z.infer<typeof nodeArpFilter>;
export type NodeKernelSettings = z.infer<typeof nodeKernelSettings>;
export type NodeStoredKernelSettings = z.infer<typeof nodeStoredKernelSettings>;
export type NodeRoutingRules = z.infer<typeof nodeRoutingRules>;
export type NodeListeners = z.infer<typeof nodeListeners>;
export type NodePostfix = z.infer<typeof nodePostfix>;
export type NodeRedirects = z.infer<typeof nodeRedirects>;
export type NodePacketFilter = z.infer<typeof nodePacketFilter>;
