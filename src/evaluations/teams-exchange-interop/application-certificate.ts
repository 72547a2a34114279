import { dayOf, hoursUntil, type Instant } from '../../domain/time.ts';
import type { ServicePrincipals } from '../../facts/exchange-organization/cloud.ts';
import type { AuthCertificate } from '../../facts/exchange-organization/on-premises.ts';

type KeyCredential = ServicePrincipals['principals'][number]['keyCredentials'][number];

/** Does an application hold the certificate that the servers sign with? `not-told`: Entra ID keeps one without a thumbprint. */
export function heldCertificate(
  credentials: readonly KeyCredential[],
  signing: string | undefined,
  now: Instant,
): { readonly held: 'yes' | 'no' | 'not-told' } | { readonly held: 'expired'; readonly on: string } {
  const wanted = signing?.toUpperCase();
  const ours = credentials.filter(({ thumbprint }) => thumbprint !== undefined && thumbprint.toUpperCase() === wanted);
  if (ours.length === 0) {
    return { held: credentials.some(({ thumbprint }) => thumbprint === undefined) ? 'not-told' : 'no' };
  }
  if (ours.some(({ endDate }) => endDate === undefined || hoursUntil(endDate, now) > 0)) return { held: 'yes' };
  const last = ours.map(({ endDate = '' }) => endDate).sort();
  return { held: 'expired', on: dayOf(last.at(-1) ?? '') };
}

/** What is wrong with an application's service principal, or the upload of the Auth certificate to it; undefined when nothing is. */
export function uploadProblem(
  appId: string,
  name: string,
  { principals }: ServicePrincipals,
  { current }: AuthCertificate,
  now: Instant,
): { readonly verdict: 'fail' | 'manual'; readonly message: string; readonly remedy: string } | undefined {
  const principal = principals.find((one) => one.appId === appId);
  if (principal === undefined) {
    return { verdict: 'fail', message: `The tenant has no service principal for ${name}.`, remedy: uploadRemedy };
  }
  if (!principal.enabled) {
    return {
      verdict: 'fail',
      message: `The service principal of ${name} is disabled (accountEnabled false), so it gets no token (AADSTS7000112).`,
      remedy: enableRemedy(appId),
    };
  }
  const certificate = heldCertificate(principal.keyCredentials, current, now);
  switch (certificate.held) {
    case 'yes':
      return undefined;
    case 'expired':
      return {
        verdict: 'fail',
        message: `The service principal of ${name} holds the Auth certificate ${current}, but Entra ID accepts it until ${certificate.on} only.`,
        remedy: uploadRemedy,
      };
    case 'not-told':
      return {
        verdict: 'manual',
        message: `The service principal of ${name} holds a certificate whose thumbprint Entra ID does not tell; it has to be the Auth certificate ${current ?? 'of the servers'}.`,
        remedy: `(Get-MgServicePrincipal -Filter "appId eq '${appId}'").KeyCredentials: compare end date and key with Get-ExchangeCertificate -Thumbprint ${current ?? 'THUMBPRINT'}. ${uploadRemedy}`,
      };
    case 'no':
      return {
        verdict: 'fail',
        message: `The service principal of ${name} does not hold the current Auth certificate (${current ?? 'none'}).`,
        remedy: uploadRemedy,
      };
  }
}

/** What makes Entra ID issue tokens for an application again. */
export function enableRemedy(appId: string): string {
  return `Entra admin center > Enterprise applications > ${appId} > Properties: Enabled for users to sign in; or Update-MgServicePrincipal -ServicePrincipalId (Get-MgServicePrincipal -Filter "appId eq '${appId}'").Id -AccountEnabled:$true`;
}

export const uploadRemedy =
  'Upload the public key of the Auth certificate: Update-MgServicePrincipal -KeyCredentials, as in Microsoft Learn, "Configure OAuth with Teams and Exchange on premises", steps 5 to 7.';
