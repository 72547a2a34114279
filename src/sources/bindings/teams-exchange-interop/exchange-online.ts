import { z } from 'zod';
import { Unobtainable } from '../../../domain/fact-set.ts';
import type {
  ExchangeOnlineEws,
  ExchangeOnlineHybrid,
  ExchangeOnlineRecipients,
} from '../../../facts/exchange-organization/cloud.ts';

// Rows of Exchange Online cmdlets as facts. Pure: who runs them is bound in interop-sources.ts.

/** Properties come with the types of the REST route: lists as arrays, one element sometimes alone, values as text. */
const text = z
  .union([z.string(), z.number()])
  .nullish()
  .transform((value) => (value == null ? '' : String(value)));
const truth = z
  .union([z.boolean(), z.string()])
  .nullish()
  .transform((value) =>
    value == null || value === '' ? undefined : value === true || String(value).toLowerCase() === 'true',
  );
const texts = z
  .union([z.array(z.unknown()), z.string()])
  .nullish()
  .transform((value) => (value == null || value === '' ? [] : Array.isArray(value) ? value.map(String) : [value]));

const connector = z.object({
  Name: text,
  Enabled: truth,
  TargetAddressDomains: texts,
  DiscoveryEndpoint: text,
  TargetSharingEpr: text,
});
const onPremisesOrganization = z.object({ Name: text, HybridDomains: texts, OrganizationGuid: text });
const relationship = z.object({ TargetSharingEpr: text });
const migrationEndpoint = z.object({ RemoteServer: text });

/** Rows of the four cmdlets that describe hybrid in Exchange Online. */
export function exchangeOnlineHybridOf(rows: {
  /** `Get-IntraOrganizationConnector` */
  readonly connectors: readonly unknown[];
  /** `Get-OnPremisesOrganization` */
  readonly organizations: readonly unknown[];
  /** `Get-OrganizationRelationship` */
  readonly relationships: readonly unknown[];
  /** `Get-MigrationEndpoint`, or why it gave none */
  readonly endpoints: readonly unknown[] | string;
}): ExchangeOnlineHybrid {
  const { endpoints } = rows;
  const optional = (name: string, value: string) => (value === '' ? {} : { [name]: value });
  return {
    connectors: rows.connectors.map((row) => {
      const one = read('Get-IntraOrganizationConnector', connector, row);
      return {
        name: one.Name,
        enabled: one.Enabled === true,
        domains: one.TargetAddressDomains.map((domain) => domain.toLowerCase()),
        ...optional('discoveryEndpoint', one.DiscoveryEndpoint),
        ...optional('targetSharingEpr', one.TargetSharingEpr),
      };
    }),
    onPremisesOrganizations: rows.organizations.map((row) => {
      const one = read('Get-OnPremisesOrganization', onPremisesOrganization, row);
      return { name: one.Name, domains: one.HybridDomains, ...optional('organizationGuid', one.OrganizationGuid) };
    }),
    sharingEndpoints: [
      ...rows.connectors.map((row) => read('Get-IntraOrganizationConnector', connector, row).TargetSharingEpr),
      ...rows.relationships.map((row) => read('Get-OrganizationRelationship', relationship, row).TargetSharingEpr),
      ...(typeof endpoints === 'string' ? [] : endpoints).map(
        (row) => read('Get-MigrationEndpoint', migrationEndpoint, row).RemoteServer,
      ),
    ].filter((endpoint) => endpoint !== ''),
    ...(typeof endpoints === 'string' ? { endpointsUnseen: endpoints } : {}),
  };
}

const organizationConfig = z.object({
  EwsEnabled: truth,
  EwsAllowedAppIDs: texts,
  EwsApplicationAccessPolicy: text,
  EwsAllowList: texts,
  EwsBlockList: texts,
});

/** The row of `Get-OrganizationConfig`, run with `-RetrieveEwsOperationAccessPolicy`. */
export function exchangeOnlineEwsOf(rows: readonly unknown[]): ExchangeOnlineEws {
  const row = read('Get-OrganizationConfig', organizationConfig, rows[0]);
  return {
    ...(row.EwsEnabled === undefined ? {} : { enabled: row.EwsEnabled }),
    // One text with commas in some shells, a list in others.
    allowedAppIds: row.EwsAllowedAppIDs.flatMap((ids) => ids.split(/[\s,;]+/)).filter((id) => id !== ''),
    ...(row.EwsApplicationAccessPolicy === '' ? {} : { applicationAccessPolicy: row.EwsApplicationAccessPolicy }),
    allowList: row.EwsAllowList,
    blockList: row.EwsBlockList,
  };
}

const mailUser = z.object({ ExternalEmailAddress: text, ExchangeGuid: text });

/** What `Get-MailUser` and `Get-Mailbox` gave for one sample user; both lists are empty for a stranger. */
export function recipientOf(
  userName: string,
  mailUsers: readonly unknown[],
  mailboxes: readonly unknown[],
): ExchangeOnlineRecipients['recipients'][number] {
  if (mailboxes.length > 0) return { user: userName, kind: 'mailbox', hasExchangeGuid: true };
  if (mailUsers.length === 0) return { user: userName, kind: 'not-found', hasExchangeGuid: false };
  const row = read('Get-MailUser', mailUser, mailUsers[0]);
  const external = row.ExternalEmailAddress.replace(/^smtp:/i, '');
  return {
    user: userName,
    kind: 'mail-user',
    ...(external === '' ? {} : { externalAddress: external }),
    hasExchangeGuid: /[1-9a-f]/i.test(row.ExchangeGuid),
  };
}

/** @throws Unobtainable `malformed` naming the cmdlet and the first thing wrong with its row */
function read<T extends z.ZodType>(cmdlet: string, schema: T, value: unknown): z.infer<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new Unobtainable(
    'malformed',
    `the row of ${cmdlet} is not as expected: ${issue?.path.join('.') || 'row'}: ${issue?.message}`,
  );
}
