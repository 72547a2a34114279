// The fake cloud for a person to try things against: node test/tenant/serve.ts [domains…]
//
// Serves login, Exchange Online and Graph for one tenant until Ctrl+C, and prints the settings that lead there. With no
// domains named the tenant has ten, all accepted and set up for DKIM; in DNS nobody knows them.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { contoso } from './access.ts';
import { startFakeCloud } from './fake-cloud.ts';
import { fakeTenant } from './fake-tenant.ts';

const named = process.argv.slice(2);
const domains = named.length > 0 ? named : Array.from({ length: 10 }, (_, index) => `d${index}.contoso.com`);
const cloud = await startFakeCloud();
cloud.tenants.set(contoso.id, fakeTenant(contoso.id, domains));
const folder = mkdtempSync(join(tmpdir(), 'fieldcheck-tenant-'));
const root = join(folder, 'root.pem');
writeFileSync(root, cloud.ca);

console.log(`# ${domains.length} domains in tenant ${contoso.id}; Ctrl+C ends it`);
console.log(`export FIELDCHECK_ENDPOINT_LOGIN=${cloud.endpoints.login}`);
console.log(`export FIELDCHECK_ENDPOINT_EXCHANGE_ONLINE=${cloud.endpoints.exchangeOnline}`);
console.log(`export FIELDCHECK_ENDPOINT_GRAPH=${cloud.endpoints.graph}`);
console.log(`export FIELDCHECK_CLIENT_ID=${cloud.application.clientId}`);
console.log(`export FIELDCHECK_CLIENT_SECRET=${cloud.application.secret}`);
console.log(`export NODE_EXTRA_CA_CERTS=${root}`);
console.log(`# then: npm run fieldcheck -- evaluate dkim --organization organization.json`);
console.log(`# with organization.json: {"id":"contoso","tenant":{"id":"${contoso.id}"},"evaluations":{"dkim":{}}}`);

process.once('SIGINT', async () => {
  rmSync(folder, { recursive: true });
  await cloud.close();
});
