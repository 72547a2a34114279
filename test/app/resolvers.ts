import { beforeAll } from 'vitest';
import { type DnsServer, startDnsServer, type ZoneData } from '../../src/local/dns-server.ts';

/**
 * Two resolvers over the zone that the test has at the time: the second confirms what the first says, without the pause after
 * which one alone is asked again.
 */
export function useResolvers(zoneOf: () => ZoneData): { readonly addresses: readonly string[] } {
  const zone: ZoneData = { lookup: (name) => zoneOf().lookup(name) };
  let servers: readonly DnsServer[] = [];
  beforeAll(async () => {
    servers = await Promise.all([startDnsServer({ zone }), startDnsServer({ zone })]);
    return () => Promise.all(servers.map((server) => server.close()));
  });
  return {
    get addresses() {
      return servers.map(({ address }) => address);
    },
  };
}
