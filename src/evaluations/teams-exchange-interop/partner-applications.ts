import type { PartnerApplications } from '../../facts/exchange-organization/on-premises.ts';

type PartnerApplication = PartnerApplications['applications'][number];

/** The partner application with that id: of several an enabled one, because those that are off do no harm beside it. */
export function partnerFor(appId: string, { applications }: PartnerApplications): PartnerApplication | undefined {
  const ours = applications.filter((one) => one.appId.toLowerCase() === appId);
  return ours.find(({ enabled }) => enabled) ?? ours[0];
}
