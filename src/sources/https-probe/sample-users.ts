/** Sample users that are asked about at most, of all domains together; the others are left out the same in every run. */
const usersOfOrganization = 60;

/** The users whose mailboxes are asked about, by domain. */
export interface SampleUsers {
  /** Every domain that one of them has. */
  readonly domains: readonly string[];
  of(domain: string): readonly string[];
  /** Those beyond the limit. */
  leftOut(domain: string): readonly string[];
}

export function sampleUsersOf(users: readonly string[]): SampleUsers {
  const asked = users.slice(0, usersOfOrganization);
  const beyond = users.slice(usersOfOrganization);
  return {
    domains: [...new Set(asked.map(domainOf))],
    of: (domain) => asked.filter((user) => domainOf(user) === domain),
    leftOut: (domain) => beyond.filter((user) => domainOf(user) === domain),
  };
}

/** The domain of an address, in lower case. */
export function domainOf(user: string): string {
  return user.slice(user.lastIndexOf('@') + 1).toLowerCase();
}
