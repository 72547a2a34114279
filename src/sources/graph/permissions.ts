/** What a request needs: an application permission of Microsoft Graph, and the evaluation whose grants hold it. */
export interface GraphPermission {
  readonly name: string;
  readonly evaluation: 'dkim' | 'teams-exchange-interop';
}

/**
 * Everything that fieldcheck reads in Microsoft Graph, by the start of the path, with the least application permission for
 * it (Microsoft Learn: "Microsoft Graph permissions reference"). The list is closed, and every permission in it reads.
 */
export const graphPermissions: readonly (readonly [RegExp, GraphPermission])[] = [
  [/^\/v1\.0\/domains\b/, { name: 'Domain.Read.All', evaluation: 'dkim' }],
  [/^\/v1\.0\/admin\/serviceAnnouncement\/issues\b/, { name: 'ServiceHealth.Read.All', evaluation: 'dkim' }],
  [
    /^\/v1\.0\/(organization|subscribedSkus)\b/,
    { name: 'Organization.Read.All', evaluation: 'teams-exchange-interop' },
  ],
  [/^\/v1\.0\/users\b/, { name: 'User.Read.All', evaluation: 'teams-exchange-interop' }],
  [
    /^\/v1\.0\/(applications|servicePrincipals)\b/,
    { name: 'Application.Read.All', evaluation: 'teams-exchange-interop' },
  ],
  [
    /^\/beta\/servicePrincipals\/[^/]+\/synchronization\/jobs\b/,
    { name: 'Synchronization.Read.All', evaluation: 'teams-exchange-interop' },
  ],
];

/** @throws TypeError for a path that is not in the list */
export function permissionFor(path: string): GraphPermission {
  const found = graphPermissions.find(([start]) => start.test(path));
  if (found === undefined) throw new TypeError(`${path} is not among what fieldcheck reads in Microsoft Graph`);
  return found[1];
}
