import { z } from 'zod';

/** What the load balancer's own configuration says of a service: each way from a VIP to a server behind it. */
export const smtpLoadBalancer = z
  .object({
    /** As people call it: `HAProxy`. */
    product: z.string(),
    /** Addresses that it connects from, as nodes may see them; undefined in what older releases read. */
    addresses: z.array(z.string()).optional(),
    ways: z.array(
      z.object({
        vip: z.string(),
        /** What leads from the VIP to the server, by its name in the configuration. */
        through: z.string().optional(),
        /** Its name in the configuration. */
        server: z.string(),
        address: z.string(),
        /** TCP port of the server; undefined where it is that of the VIP. */
        port: z.number().optional(),
        /** Arrives with the client's own address. */
        keepsClient: z.boolean(),
        /** Arrives at the VIP as it came, only its frame or a tunnel leads to the server: Direct Server Return. */
        direct: z.boolean().optional(),
        /** The address that it connects from, where the configuration says so. */
        source: z.string().optional(),
        /** Begins the connection with the PROXY protocol. */
        sendsProxy: z.boolean(),
        /** Health checks of the server, as the configuration calls their kinds. */
        monitors: z.array(z.string()).optional(),
      }),
    ),
    /** What stands in the configuration about these ways, line by line: what there was before a change. */
    written: z.array(z.string()).optional(),
    /** Directives that say nothing about this, and were passed over. */
    ignored: z.number(),
  })
  .meta({ title: 'configuration of the load balancer' });

export type SmtpLoadBalancer = z.infer<typeof smtpLoadBalancer>;
