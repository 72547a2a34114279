import type { ServicePrincipals } from '../../facts/exchange-organization/cloud.ts';
import type { AuthCertificate } from '../../facts/exchange-organization/on-premises.ts';

/** What is wrong with an application's service principal, or the upload of the Auth certificate to it; undefined when nothing is. */
export function uploadProblem(
  appId: string,
  name: string,
  { principals }: ServicePrincipals,
  { current }: AuthCertificate,
): { readonly message: string; readonly remedy: string } | undefined {
  const principal = principals.find((one) => one.appId === appId);
  if (principal === undefined) {
    return { message: `The tenant has no service principal for ${name}.`, remedy: uploadRemedy };
  }
  if (!principal.enabled) {
    return {
      message: `The service principal of ${name} is disabled (accountEnabled false), so it gets no token (AADSTS7000112).`,
      remedy: enableRemedy(appId),
    };
  }
  const thumbprints = principal.keyCredentials.map(({ thumbprint }) => thumbprint?.toUpperCase());
  if (current === undefined || !thumbprints.includes(current.toUpperCase())) {
    return {
      message: `The service principal of ${name} does not hold the current Auth certificate (${current ?? 'none'}).`,
      remedy: uploadRemedy,
    };
  }
  return undefined;
}

/** What makes Entra ID issue tokens for an application again. */
export function enableRemedy(appId: string): string {
  return `Entra admin center > Enterprise applications > ${appId} > Properties: Enabled for users to sign in; or Update-MgServicePrincipal -ServicePrincipalId (Get-MgServicePrincipal -Filter "appId eq '${appId}'").Id -AccountEnabled:$true`;
}

export const uploadRemedy =
  'Upload the public key of the Auth certificate: Update-MgServicePrincipal -KeyCredentials, as in Microsoft Learn, "Configure OAuth with Teams and Exchange on premises", steps 5 to 7.';
