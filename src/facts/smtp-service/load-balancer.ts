import { z } from 'zod';

/** What the load balancer's own configuration says of a service: each way from a VIP to a server behind it. */
export const smtpLoadBalancer = z
  .object({
    /** As people call it: `HAProxy`. */
    product: z.string(),
    ways: z.array(
      z.object({
        vip: z.string(),
        /** Its name in the configuration. */
        server: z.string(),
        address: z.string(),
        /** Connects with the client's own address. */
        keepsClient: z.boolean(),
        /** The address that it connects from, where the configuration says so. */
        source: z.string().optional(),
        /** Begins the connection with the PROXY protocol. */
        sendsProxy: z.boolean(),
      }),
    ),
    /** Directives that say nothing about this, and were passed over. */
    ignored: z.number(),
  })
  .meta({ title: 'configuration of the load balancer' });

export type SmtpLoadBalancer = z.infer<typeof smtpLoadBalancer>;
