import { z } from 'zod';
import { isoTime } from '../../domain/time.ts';

/** Issues that Microsoft has open for Exchange Online, the oldest first. */
export const exchangeOnlineIncidents = z
  .object({
    incidents: z.array(
      z.object({
        /** As Microsoft's support knows it, e.g. `EX123456`. */
        id: z.string(),
        title: z.string(),
        /** ISO 8601, UTC. */
        since: isoTime,
      }),
    ),
  })
  .meta({ title: 'open incidents of Exchange Online' });

export type ExchangeOnlineIncidents = z.infer<typeof exchangeOnlineIncidents>;
