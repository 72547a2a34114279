import type { Cloud } from '../../domain/cloud.ts';

/** Clouds as licences tell them apart: GCC is part of the worldwide cloud with plans of its own. */
export type LicenceCloud = Cloud | 'gcc';
export type LicensedProduct = 'teams' | 'exchange';

interface ServicePlan {
  readonly product: LicensedProduct;
  readonly cloud: LicenceCloud;
  /** `servicePlanName`; what administrators see. */
  readonly name: string;
  /** `servicePlanId`, by which plans are told: names change. */
  readonly id: string;
}

/**
 * Service plans that license a user for Teams, or give a mailbox in Exchange Online (Foundation and archiving plans give
 * none). 21Vianet offers no Teams; its Exchange plans are not in the source.
 *
 * Source: Entra documentation, "Product names and service plan identifiers for licensing", 2026-11.
 */
export const servicePlans: readonly ServicePlan[] = [
  { product: 'teams', cloud: 'worldwide', name: 'TEAMS1', id: '57ff2da0-773e-42df-b2af-ffb7a2317929' },
  { product: 'teams', cloud: 'gcc', name: 'TEAMS_GOV', id: '304767db-7d23-49e8-a945-4a7eb65f9f28' },
  { product: 'teams', cloud: 'gcc-high', name: 'TEAMS_AR_GCCHIGH', id: '9953b155-8aef-4c56-92f3-72b0487fce41' },
  { product: 'teams', cloud: 'gcc-high', name: 'TEAMS_GCCHIGH', id: '495922d5-f138-498b-8967-4acdcdfb2a74' },
  { product: 'teams', cloud: 'dod', name: 'TEAMS_AR_DOD', id: 'fd500458-c24c-478e-856c-a6067a8376cd' },
  { product: 'teams', cloud: 'dod', name: 'TEAMS_DOD', id: 'ec0dd2de-a877-4059-a9b8-5838b5629b2a' },
  { product: 'exchange', cloud: 'worldwide', name: 'EXCHANGE_S_STANDARD', id: '9aaf7827-d63c-4b61-89c3-182f06f82e5c' },
  {
    product: 'exchange',
    cloud: 'worldwide',
    name: 'EXCHANGE_S_ENTERPRISE',
    id: 'efb87545-963c-4e0d-99df-69c6916d9eb0',
  },
  { product: 'exchange', cloud: 'worldwide', name: 'EXCHANGE_S_DESKLESS', id: '4a82b400-a79f-41a4-b4e2-e94f5787b113' },
  {
    product: 'exchange',
    cloud: 'worldwide',
    name: 'EXCHANGE_S_ESSENTIALS',
    id: '1126bef5-da20-4f07-b45e-ad25d2581aa8',
  },
  { product: 'exchange', cloud: 'worldwide', name: 'EXCHANGE_L_STANDARD', id: 'd42bdbd6-c335-4231-ab3d-c8f348d5aff5' },
  { product: 'exchange', cloud: 'worldwide', name: 'EXCHANGE_B_STANDARD', id: '90927877-dcff-4af6-b346-2332c0b15bb7' },
  {
    product: 'exchange',
    cloud: 'worldwide',
    name: 'EXCHANGE_S_STANDARD_MIDMARKET',
    id: 'fc52cc4b-ed7d-472d-bbe7-b081c23ecc56',
  },
  { product: 'exchange', cloud: 'gcc', name: 'EXCHANGE_S_ENTERPRISE_GOV', id: '8c3069c0-ccdb-44be-ab77-986203a67df2' },
  { product: 'exchange', cloud: 'gcc', name: 'EXCHANGE_S_STANDARD_GOV', id: 'e9b4930a-925f-45e2-ac2a-3f7788ca6fdd' },
];

/** The plans of whatever cloud that license a product. */
export function planIds(product: LicensedProduct): readonly string[] {
  return servicePlans.flatMap((plan) => (plan.product === product ? [plan.id] : []));
}

/** Does one of these plans (ids in lower case) license the product, in whatever cloud? */
export function isLicensed(product: LicensedProduct, plans: ReadonlySet<string>): boolean {
  return planIds(product).some((id) => plans.has(id));
}

/** The plans by which the product is licensed in a cloud, as administrators see them; those of GCC High and DoD for Exchange are the worldwide ones. */
export function planNames(product: LicensedProduct, cloud: LicenceCloud): readonly string[] {
  const of = (wanted: LicenceCloud) =>
    servicePlans.flatMap((plan) => (plan.product === product && plan.cloud === wanted ? [plan.name] : []));
  const own = of(cloud);
  return own.length > 0 || product === 'teams' ? own : of('worldwide');
}
