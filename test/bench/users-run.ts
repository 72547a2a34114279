// The child of the bench `users`: looks at everybody of a tenant in a process of its own.
import { noFacts } from '../../src/domain/fact-set.ts';
import { gather } from '../../src/domain/gather.ts';
import { teamsExchangeInterop } from '../../src/evaluations/teams-exchange-interop/index.ts';
import type { UsersInScope } from '../../src/facts/exchange-organization/cloud.ts';
import { exchangeOrganization } from '../../src/facts/exchange-organization/subject.ts';
import { createWorld, type WorldOptions } from '../../src/sources/world.ts';

export interface UsersJob {
  readonly tenantId: string;
  readonly world: WorldOptions;
}

export interface UsersResult {
  readonly counted: UsersInScope['counted'];
  readonly seconds: number;
  readonly peakMb: number;
}

const { tenantId, world: options } = JSON.parse(process.argv[2] ?? '') as UsersJob;
const world = createWorld(options);
const subject = exchangeOrganization.parse({
  kind: 'exchange-organization',
  id: 'contoso',
  domains: ['contoso.com'],
  tenantId,
});
const evaluation = {
  ...teamsExchangeInterop,
  rules: teamsExchangeInterop.rules.filter(({ id }) => id === 'teams-exchange-interop/teams-licensed'),
};
const started = performance.now();
const { facts } = await gather(evaluation, subject, teamsExchangeInterop.bind(world), {
  now: new Date(),
  supplied: noFacts,
});
const seconds = (performance.now() - started) / 1000;
world.close();
const users = facts['users-in-scope'];
const counted = users?.status === 'known' ? (users.value as UsersInScope).counted : undefined;
process.send?.({ counted, seconds, peakMb: process.resourceUsage().maxRSS / 1024 } satisfies UsersResult);
