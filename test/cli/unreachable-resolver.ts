// Runs in a network namespace of its own (`unshare -n node unreachable-resolver.ts`), where only loopback is: evaluates and
// examines from a shell with two resolvers, of which the first cannot be connected to. Prints one JSON line.
import { execFileSync } from 'node:child_process';
import { createZone, startDnsServer } from '../../src/local/dns-server.ts';
import { dkimKey, txtStrings } from '../dns-server/dkim-zone.ts';
import { fieldcheck } from './shell.ts';

execFileSync('ip', ['link', 'set', 'lo', 'up']);
const zone = createZone();
for (const selector of ['selector1', 'selector2']) {
  zone.set(`${selector}._domainkey.contoso.com`, { type: 'TXT', data: txtStrings(dkimKey(2048)) });
}
// What doctor asks a resolver for.
zone.set('microsoft.com', { type: 'NS', data: 'ns1.microsoft.com' });
const { address: second, close } = await startDnsServer({ zone });
const seen: unknown[] = [];
for (const first of process.argv.slice(2)) {
  const resolvers = ['--resolver', first, '--resolver', second];
  const evaluated = await fieldcheck(['evaluate', 'dkim', 'contoso.com', ...resolvers, '--json']);
  const examined = await fieldcheck(['doctor'], { settings: { FIELDCHECK_RESOLVERS: `${first},${second}` } });
  const zoned = await fieldcheck(['doctor'], {
    settings: { FIELDCHECK_RESOLVERS: second, FIELDCHECK_ZONE_RESOLVERS: `${first}=fabrikam.com` },
  });
  seen.push({ first, second, evaluated, examined, zoned });
}
await close();
console.log(JSON.stringify(seen));
