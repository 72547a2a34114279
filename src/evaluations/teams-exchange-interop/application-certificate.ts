import type { ServicePrincipals } from '../../facts/exchange-organization/cloud.ts';
import type { AuthCertificate } from '../../facts/exchange-organization/on-premises.ts';

/** What is wrong with the upload of the Auth certificate to an application's service principal; undefined when it is there. */
export function uploadProblem(
  appId: string,
  name: string,
  { principals }: ServicePrincipals,
  { current }: AuthCertificate,
): string | undefined {
  const principal = principals.find((one) => one.appId === appId);
  if (principal === undefined) return `The tenant has no service principal for ${name}`;
  const thumbprints = principal.keyCredentials.map(({ thumbprint }) => thumbprint?.toUpperCase());
  if (current === undefined || !thumbprints.includes(current.toUpperCase())) {
    return `The service principal of ${name} does not hold the current Auth certificate (${current ?? 'none'})`;
  }
  return undefined;
}

export const uploadRemedy =
  'Upload the public key of the Auth certificate: Update-MgServicePrincipal -KeyCredentials, as in Microsoft Learn, "Configure OAuth with Teams and Exchange on premises", steps 5 to 7.';
