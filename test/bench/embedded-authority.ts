// The embedded DNS server with a world's records, as a process of its own: node embedded-authority.ts '{"domains":…}'
import { createZone, startDnsServer } from '../../src/local/dns-server.ts';
import { txtStrings } from '../dns-server/dkim-zone.ts';
import { recordsAt, type World } from './world.ts';

const world = JSON.parse(process.argv[2] ?? '{}') as World;
const zone = createZone();
for (let index = 0; index < world.domains; index++) {
  for (const record of recordsAt(world, index)) {
    if (record.type === 'CNAME') zone.set(record.name, { type: 'CNAME', data: record.target, ttl: 3600 });
    else zone.set(record.name, { type: 'TXT', data: txtStrings(record.text), ttl: 3600 });
  }
}
const server = await startDnsServer({ zone });
process.send?.(server.address);
// Ends with the process that started it, also when that was killed.
process.once('disconnect', () => process.exit());
