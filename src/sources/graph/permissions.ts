/**
 * Everything that fieldcheck reads in Microsoft Graph, by the start of the path, with the least application permission for
 * it (Microsoft Learn: "Microsoft Graph permissions reference"). The list is closed, and every permission in it reads.
 */
export const graphPermissions: readonly (readonly [RegExp, string])[] = [
  [/^\/v1\.0\/domains\b/, 'Domain.Read.All'],
  [/^\/v1\.0\/admin\/serviceAnnouncement\/issues\b/, 'ServiceHealth.Read.All'],
  [/^\/v1\.0\/(organization|subscribedSkus)\b/, 'Organization.Read.All'],
  [/^\/v1\.0\/users\b/, 'User.Read.All'],
  [/^\/v1\.0\/(applications|servicePrincipals)\b/, 'Application.Read.All'],
  [/^\/beta\/servicePrincipals\/[^/]+\/synchronization\/jobs\b/, 'Synchronization.Read.All'],
];

/** The name of the permission that a path needs. @throws TypeError for a path that is not in the list */
export function permissionFor(path: string): string {
  const found = graphPermissions.find(([start]) => start.test(path));
  if (found === undefined) throw new TypeError(`${path} is not among what fieldcheck reads in Microsoft Graph`);
  return found[1];
}
