import type { Tenant } from '../../facts/exchange-organization/cloud.ts';
import type { AuthServers } from '../../facts/exchange-organization/on-premises.ts';

export type AuthServer = AuthServers['servers'][number];

const guid = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/gi;

/** An AuthServer of EvoSTS: Teams' middle tier brings its tokens (OfficeDocs-Exchange PR 572); those of ACS serve free/busy only. */
export function isEvoSts({ type }: AuthServer): boolean {
  return type.toLowerCase() === 'azuread';
}

/**
 * Is the AuthServer that tenant's? Its issuer and metadata address name a tenant by id, its realm by id or by one of the
 * tenant's domains.
 *
 * @returns undefined when it names no tenant at all (metadata of `common`, or a domain that is not known)
 */
export function isOfTenant(server: AuthServer, own: string, { found }: Tenant): boolean | undefined {
  const texts = [server.issuerIdentifier, server.authMetadataUrl, server.realm].map(
    (text) => text?.toLowerCase() ?? '',
  );
  const ids = texts.flatMap((text) => text.match(guid) ?? []);
  if (ids.includes(own)) return true;
  const [, metadata = '', realm = ''] = texts;
  const named = [realm, URL.canParse(metadata) ? (new URL(metadata).pathname.split('/')[1] ?? '') : ''];
  const ofDomain = found.find(({ domain }) => named.includes(domain.toLowerCase()));
  if (ofDomain !== undefined) return ofDomain.tenantId.toLowerCase() === own;
  return ids.length > 0 ? false : undefined;
}

/** How an AuthServer is called in evidence: its name and whom it speaks for. */
export function describeAuthServer({
  name,
  type,
  enabled,
  issuerIdentifier,
  authMetadataUrl,
  realm,
}: AuthServer): string {
  return `${name} (${type}${enabled ? '' : ', disabled'}): ${issuerIdentifier ?? authMetadataUrl ?? realm ?? 'names no tenant'}`;
}
