/**
 * Everything that fieldcheck can ask of Exchange Online, with the parameters each is asked with when nothing is added.
 * The list is closed, and every name in it reads (`Get-` or `Test-`): the product has no way to change a tenant.
 */
export const cmdlets = {
  'Get-AcceptedDomain': { ResultSize: 'Unlimited' },
  'Get-DkimSigningConfig': {},
  'Get-IntraOrganizationConnector': {},
  'Get-MailUser': {},
  'Get-Mailbox': {},
  'Get-MigrationEndpoint': {},
  'Get-OnPremisesOrganization': {},
  'Get-OrganizationConfig': {},
  'Get-OrganizationRelationship': {},
} as const satisfies Readonly<Record<`Get-${string}` | `Test-${string}`, CmdletParameters>>;

export type CmdletParameters = Readonly<Record<string, unknown>>;

const closed: ReadonlyMap<string, CmdletParameters> = new Map(Object.entries(cmdlets));

/** @throws TypeError for any name that is not in the list */
export function parametersOf(cmdlet: string, added: CmdletParameters): CmdletParameters {
  const own = closed.get(cmdlet);
  if (own === undefined) throw new TypeError(`${cmdlet} is not among the cmdlets that fieldcheck asks`);
  return { ...own, ...added };
}
