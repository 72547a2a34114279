// Everybody of a large tenant, where Graph counts and where it refuses to. `npm run bench -- users [people]`
import { randomUUID } from 'node:crypto';
import { contoso } from '../tenant/access.ts';
import { startFakeCloud } from '../tenant/fake-cloud.ts';
import { fakeTenant, skuIdOf } from '../tenant/fake-tenant.ts';
import { runChild } from './child.ts';
import { figure, printGoal, printTable } from './report.ts';
import type { UsersJob, UsersResult } from './users-run.ts';

/** Plans that a large subscription brings along, beside Teams and Exchange Online. */
const otherPlans = 40;

export async function run([people = '50000']: string[]): Promise<void> {
  const cloud = await startFakeCloud();
  try {
    const tenant = fakeTenant(contoso.id, ['contoso.com']);
    tenant.graph['/v1.0/organization'] = [{ onPremisesSyncEnabled: true, verifiedDomains: [] }];
    tenant.graph['/v1.0/users'] = persons(Number(people));
    cloud.tenants.set(contoso.id, tenant);
    cloud.pageSize = 999;
    const { clientId, secret: clientSecret } = cloud.application;
    const world = {
      resolvers: ['127.0.0.1:9'],
      identity: { clientId, clientSecret },
      endpoints: cloud.endpoints,
      ca: [cloud.ca],
    };
    const rows = [];
    for (const countsUsers of [true, false]) {
      cloud.countsUsers = countsUsers;
      const before = cloud.graph.arrived.length;
      const job: UsersJob = { tenantId: contoso.id, world };
      const result = await runChild<UsersResult>('users-run.ts', job);
      rows.push({ countsUsers, requests: cloud.graph.arrived.length - before, ...result });
    }
    printTable(
      rows.map(({ countsUsers, requests, counted, seconds, peakMb }) => ({
        Graph: countsUsers ? 'counts' : 'does not count',
        people: figure(counted?.users ?? Number.NaN),
        'without Teams': figure(counted?.withoutTeams ?? Number.NaN),
        requests: figure(requests),
        seconds: figure(seconds),
        'peak MB': figure(peakMb),
      })),
    );
    printGoal('requests', Math.max(...rows.map(({ requests }) => requests)), '≤', 60);
    printGoal('peak memory, MB', Math.max(...rows.map(({ peakMb }) => peakMb)), '≤', 200);
  } finally {
    await cloud.close();
  }
}

function persons(count: number) {
  const ids = ['57ff2da0-773e-42df-b2af-ffb7a2317929', 'efb87545-963c-4e0d-99df-69c6916d9eb0'];
  const assignedPlans = [...ids, ...Array.from({ length: otherPlans }, () => randomUUID())].map((servicePlanId) => ({
    assignedDateTime: '2025-03-04T09:17:40Z',
    capabilityStatus: 'Enabled',
    service: 'MicrosoftCommunicationsOnline',
    servicePlanId,
  }));
  const assignedLicenses = [{ skuId: skuIdOf('SPE_E3'), disabledPlans: [randomUUID()] }];
  return Array.from({ length: count }, (_, index) => ({
    id: randomUUID(),
    userPrincipalName: `person${index}@contoso.com`,
    mail: `person${index}@contoso.com`,
    onPremisesSyncEnabled: true,
    ...(index % 1000 === 0 ? { assignedPlans: [], assignedLicenses: [] } : { assignedPlans, assignedLicenses }),
  }));
}
