/** The directory roles that let an application read (Microsoft Learn: "Permissions in Exchange Online"). */
type ReadingRole = 'Security Reader' | 'Global Reader';

interface Asked {
  /** The least directory role that may ask it. */
  readonly role: ReadingRole;
  readonly parameters: CmdletParameters;
}

/**
 * Everything that fieldcheck can ask of Exchange Online, with the parameters each is asked with when nothing is added.
 * The list is closed, and every name in it reads (`Get-` or `Test-`): the product has no way to change a tenant.
 */
export const cmdlets = {
  'Get-AcceptedDomain': { role: 'Security Reader', parameters: { ResultSize: 'Unlimited' } },
  'Get-DkimSigningConfig': { role: 'Security Reader', parameters: {} },
  'Get-IntraOrganizationConnector': { role: 'Global Reader', parameters: {} },
  'Get-MailUser': { role: 'Global Reader', parameters: {} },
  'Get-Mailbox': { role: 'Global Reader', parameters: {} },
  'Get-MigrationEndpoint': { role: 'Global Reader', parameters: {} },
  'Get-OnPremisesOrganization': { role: 'Global Reader', parameters: {} },
  'Get-OrganizationConfig': { role: 'Global Reader', parameters: {} },
  'Get-OrganizationRelationship': { role: 'Global Reader', parameters: {} },
} as const satisfies Readonly<Record<`Get-${string}` | `Test-${string}`, Asked>>;

export type CmdletParameters = Readonly<Record<string, unknown>>;

const closed: ReadonlyMap<string, Asked> = new Map(Object.entries(cmdlets));

/** @throws TypeError for any name that is not in the list */
export function parametersOf(cmdlet: string, added: CmdletParameters): CmdletParameters {
  return { ...askedWith(cmdlet).parameters, ...added };
}

/** The directory role that lets an application ask it. @throws TypeError for any name that is not in the list */
export function roleFor(cmdlet: string): ReadingRole {
  return askedWith(cmdlet).role;
}

function askedWith(cmdlet: string): Asked {
  const asked = closed.get(cmdlet);
  if (asked === undefined) throw new TypeError(`${cmdlet} is not among the cmdlets that fieldcheck asks`);
  return asked;
}
