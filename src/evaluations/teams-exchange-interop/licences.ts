import type { Observation } from '../../domain/rule.ts';
import { enumerateFirst } from '../../domain/words.ts';
import { licenceCloudOf, type Tenant, type TenantSubscriptions } from '../../facts/exchange-organization/cloud.ts';
import { type LicensedProduct, planNames } from '../../facts/exchange-organization/service-plans.ts';

const titles = { teams: 'Teams', exchange: 'Exchange Online' } as const;

/** What the tenant has to give to those who lack a plan, for the remedy. */
export function freeLicences(
  facts: TenantSubscriptions | undefined,
  plan: LicensedProduct,
): {
  /** Follows the remedy's own sentence; empty when nobody could count. */
  readonly sentence: string;
  readonly evidence: readonly Observation[];
} {
  if (facts === undefined) return { sentence: '', evidence: [] };
  const title = titles[plan];
  const fact = 'tenant-subscriptions';
  const free = ({ enabled, consumed }: TenantSubscriptions['subscriptions'][number]) => Math.max(0, enabled - consumed);
  const holding = facts.subscriptions.filter((one) => one[plan]).sort((a, b) => free(b) - free(a));
  if (holding.length === 0) {
    return {
      sentence: ` No subscription of the tenant includes ${title}: buy one first.`,
      evidence: [{ fact, observed: `subscriptions with ${title}: 0 of ${facts.subscriptions.length}` }],
    };
  }
  const used = enumerateFirst(holding.map(({ name, enabled, consumed }) => `${name}: ${consumed} of ${enabled} used`));
  const evidence = [{ fact, observed: used }] as const;
  const giving = holding.filter((one) => free(one) > 0);
  if (giving.length === 0) {
    return { sentence: ` No subscription of the tenant with ${title} has a free licence (${used}).`, evidence };
  }
  const total = giving.reduce((sum, one) => sum + free(one), 0);
  const names = enumerateFirst(giving.map((one) => (giving.length === 1 ? one.name : `${one.name} (${free(one)})`)));
  return { sentence: ` ${total} free licence${total === 1 ? '' : 's'} with ${title}: ${names}.`, evidence };
}

const cloudWords = {
  worldwide: '',
  gcc: ' in GCC',
  'gcc-high': ' in GCC High',
  dod: ' in DoD',
  '21vianet': ' at 21Vianet',
} as const;

/** The plan to look for in the tenant's cloud, and which cloud that is where it is not the worldwide one. */
export function planWords(product: LicensedProduct, tenant: Tenant | undefined): { plan: string; where: string } {
  const cloud = tenant === undefined ? 'worldwide' : licenceCloudOf(tenant);
  return { plan: planNames(product, cloud).slice(0, 2).join(' or ') || titles[product], where: cloudWords[cloud] };
}
