import { z } from 'zod';
import { Unobtainable } from '../../../domain/fact-set.ts';
import { enumerateFirst } from '../../../domain/words.ts';
import {
  applications,
  type CloudSyncJobs,
  type DirectorySynchronisation,
  type HybridApplication,
  type ServicePrincipals,
  type TenantSubscriptions,
  type UsersInScope,
} from '../../../facts/exchange-organization/cloud.ts';
import type { AuthServers } from '../../../facts/exchange-organization/on-premises.ts';
import { isLicensed, type LicensedProduct, planIds } from '../../../facts/exchange-organization/service-plans.ts';
import type { ExchangeOrganization } from '../../../facts/exchange-organization/subject.ts';
import type { Counted } from '../../graph/client.ts';

// Microsoft Graph v1.0 replies as facts. Pure: who asks is bound in interop-sources.ts.

const userProperties = 'id,userPrincipalName,mail,proxyAddresses,onPremisesSyncEnabled,assignedPlans';

/** The requests, and what each needs (application permissions, least privilege). */
export const graphRequests = {
  /** `Organization.Read.All` */
  organization:
    '/v1.0/organization?$select=id,displayName,verifiedDomains,onPremisesSyncEnabled,onPremisesLastSyncDateTime',
  /** Synchronised people with an address in the domains: how many. `User.Read.All` */
  usersCounted: (domains: readonly string[]) =>
    `/v1.0/users?$count=true&$top=1&$filter=${synchronisedIn(domains)}&$select=id`,
  /** Those among them without an enabled plan of a product: how many, and some of them. `User.Read.All` */
  usersWithout: (product: LicensedProduct, domains: readonly string[]) => {
    const plans = planIds(product).map(
      (id) => `not(assignedPlans/any(p:p/servicePlanId eq ${id} and p/capabilityStatus eq 'Enabled'))`,
    );
    return `/v1.0/users?$count=true&$top=${namedUsers}&$filter=${[synchronisedIn(domains), ...plans].join(' and ')}&$select=${userProperties}`;
  },
  /**
   * Everybody, where Graph does not count, with licences in place of plans: a page of plans is megabytes. `User.Read.All`
   */
  users: '/v1.0/users?$select=userPrincipalName,mail,onPremisesSyncEnabled,assignedLicenses&$top=999',
  /** One user by an address: a large tenant is not listed to look at a few. `User.Read.All` */
  user: (address: string) => {
    const text = encodeURIComponent(address.replaceAll("'", "''"));
    const proxies = ['smtp', 'SMTP'].map((kind) => `proxyAddresses/any(p:p eq '${kind}:${text}')`);
    const filter = [`userPrincipalName eq '${text}'`, `mail eq '${text}'`, ...proxies].join(' or ');
    return `/v1.0/users?$filter=${filter}&$select=${userProperties}`;
  },
  /** `LicenseAssignment.Read.All` would do; `Organization.Read.All` reads it too and is granted for the above already. */
  subscribedSkus:
    '/v1.0/subscribedSkus?$select=skuId,skuPartNumber,capabilityStatus,consumedUnits,prepaidUnits,servicePlans',
  /** `Application.Read.All` */
  servicePrincipals: (appId: string) =>
    `/v1.0/servicePrincipals?$filter=appId eq '${appId}'&$select=id,appId,servicePrincipalNames,keyCredentials,accountEnabled`,
  /** `Application.Read.All` */
  hybridApplications:
    "/v1.0/applications?$filter=startswith(displayName,'ExchangeServerApp-')&$select=appId,displayName,keyCredentials",
  appRoleAssignments: (appId: string) => `/v1.0/servicePrincipals(appId='${appId}')/appRoleAssignments`,
  appRoles: (id: string) => `/v1.0/servicePrincipals/${id}?$select=id,appRoles`,
  /** `Application.Read.All`: service principals made from the Cloud Sync template. */
  cloudSyncPrincipals:
    "/v1.0/servicePrincipals?$filter=applicationTemplateId eq '1a4721b3-e57f-4451-ae87-ef078703ec94'&$select=id",
  /** `Synchronization.Read.All` */
  synchronizationJobs: (id: string) => `/beta/servicePrincipals/${id}/synchronization/jobs`,
} as const;

/** `endsWith` and `not` are advanced queries (Microsoft Learn, "Advanced query capabilities on Microsoft Entra ID objects"). */
function synchronisedIn(domains: readonly string[]): string {
  const ends = domains.map((domain) => `endsWith(mail,'@${domain}')`);
  return `onPremisesSyncEnabled eq true and (${ends.join(' or ')})`;
}

/** First-party applications whose service principals are looked at. */
export const principalsLookedAt = [
  applications.exchangeOnline,
  applications.teamsScheduler,
  applications.cloudVoicemail,
  applications.skypeForBusiness,
  applications.teams,
] as const;

const keyCredentials = z
  .array(z.object({ customKeyIdentifier: z.string().nullish(), endDateTime: z.string().nullish() }))
  .nullish()
  .transform((keys) =>
    (keys ?? []).map(({ customKeyIdentifier, endDateTime }) => {
      const thumbprint = thumbprintOf(customKeyIdentifier);
      return {
        ...(thumbprint === undefined ? {} : { thumbprint }),
        ...(endDateTime == null ? {} : { endDate: endDateTime }),
      };
    }),
  );

/** Graph gives the identifier as Base64 of the SHA-1, or of its text in hex. */
function thumbprintOf(identifier: string | null | undefined): string | undefined {
  if (identifier == null || identifier === '') return undefined;
  if (/^[0-9a-f]{40}$/i.test(identifier)) return identifier.toUpperCase();
  const bytes = Buffer.from(identifier, 'base64');
  const text = bytes.toString('latin1');
  if (/^[0-9a-f]{40}$/i.test(text)) return text.toUpperCase();
  return bytes.length === 20 ? bytes.toString('hex').toUpperCase() : undefined;
}

const organizations = z.object({
  value: z
    .array(
      z.object({
        onPremisesSyncEnabled: z.boolean().nullish(),
        onPremisesLastSyncDateTime: z.string().nullish(),
        verifiedDomains: z.array(z.object({ name: z.string(), capabilities: z.string().nullish() })).default([]),
      }),
    )
    .min(1),
});

/**
 * @param cloudSync has times of its own: that of the tenant is of Entra Connect
 * @throws Unobtainable `malformed` when the reply is no `organization` list
 */
export function synchronisationOf(reply: unknown, cloudSync?: CloudSyncJobs): DirectorySynchronisation {
  const [first] = read('organization', organizations, reply).value;
  const cycles = (cloudSync?.jobs ?? [])
    .filter(({ template }) => template === 'AD2AADProvisioning')
    .map(({ lastSuccess }) => lastSuccess);
  const lastSync = [first?.onPremisesLastSyncDateTime, ...cycles]
    .flatMap((time) => time ?? [])
    .sort((a, b) => Date.parse(a) - Date.parse(b))
    .at(-1);
  return {
    enabled: first?.onPremisesSyncEnabled === true,
    ...(lastSync === undefined ? {} : { lastSync }),
    domains: (first?.verifiedDomains ?? []).map(({ name, capabilities }) => ({
      name: name.toLowerCase(),
      mail: capabilities?.split(/,\s*/).includes('Email') === true,
    })),
  };
}

const user = z.object({
  userPrincipalName: z.string(),
  mail: z.string().nullish(),
  proxyAddresses: z.array(z.string()).nullish(),
  onPremisesSyncEnabled: z.boolean().nullish(),
  assignedPlans: z.array(z.object({ servicePlanId: z.string(), capabilityStatus: z.string() })).nullish(),
});

/**
 * Sample users where there are any, else synchronised users with an address in the domains. A plan counts when it is
 * `Enabled` for the user: a licence may have it switched off.
 */
export function usersInScopeOf(
  replies: readonly unknown[],
  { sampleUsers, domains }: Pick<ExchangeOrganization, 'sampleUsers' | 'domains'>,
): UsersInScope {
  const users = replies.map((reply) => read('users', user, reply));
  const describe = (name: string, found: z.infer<typeof user> | undefined) => {
    const enabled = new Set(
      (found?.assignedPlans ?? []).flatMap((plan) =>
        plan.capabilityStatus === 'Enabled' ? [plan.servicePlanId.toLowerCase()] : [],
      ),
    );
    return {
      user: name,
      found: found !== undefined,
      synchronised: found?.onPremisesSyncEnabled === true,
      ...decidingPlansIn(enabled),
    };
  };
  if (sampleUsers.length > 0) {
    const byAddress = new Map(users.flatMap((one) => addressesOf(one).map((address) => [address, one] as const)));
    return { scope: 'sample', users: sampleUsers.map((name) => describe(name, byAddress.get(name.toLowerCase()))) };
  }
  const inDomains = users.filter(
    (one) => one.onPremisesSyncEnabled === true && domains.includes(domainOf(one.mail) ?? ''),
  );
  return { scope: 'domain', users: inDomains.map((one) => describe(one.mail ?? one.userPrincipalName, one)) };
}

/** People who lack something, by name: a sentence names five. */
const namedUsers = 20;
/** Domains in one filter: Graph takes a limited number of clauses. */
export const domainsPerFilter = 10;

/**
 * What Graph counted, as a fact; one entry for each filter of domains.
 *
 * @param counts synchronised people in the domains, and those without a plan, some of them by name
 */
export function countedUsersOf(
  counts: readonly { readonly users: Counted; readonly withoutTeams: Counted; readonly withoutExchange: Counted }[],
): UsersInScope {
  const sum = (of: (one: (typeof counts)[number]) => Counted) =>
    counts.reduce((total, one) => total + of(one).count, 0);
  const rows = counts.flatMap(({ withoutTeams, withoutExchange }) => [...withoutTeams.rows, ...withoutExchange.rows]);
  const byName = new Map(rows.map((row) => [read('users', user, row).userPrincipalName, row] as const));
  const domains = [...byName.values()].flatMap((row) => domainOf(read('users', user, row).mail) ?? []);
  return {
    ...usersInScopeOf([...byName.values()], { sampleUsers: [], domains }),
    counted: {
      users: sum(({ users }) => users),
      withoutTeams: sum(({ withoutTeams }) => withoutTeams),
      withoutExchange: sum(({ withoutExchange }) => withoutExchange),
    },
  };
}

const licensedUser = user.pick({ userPrincipalName: true, mail: true, onPremisesSyncEnabled: true }).extend({
  assignedLicenses: z.array(z.object({ skuId: z.string(), disabledPlans: z.array(z.string()).nullish() })).nullish(),
});

/**
 * Counts synchronised people with an address in the domains as they come, and keeps some of those who lack a plan: nobody
 * names 50,000. A plan is on where a licence brings it and does not have it switched off.
 *
 * @param skus rows of `subscribedSkus`, which say what each licence brings
 */
export function tallyUsers(
  domains: readonly string[],
  skus: readonly unknown[],
): { add(rows: readonly unknown[]): void; value(): UsersInScope } {
  const brings = new Map(
    skus.map((row) => {
      const { skuId, capabilityStatus, ...one } = read('subscribedSkus', sku, row);
      const isEnabled = capabilityStatus == null || capabilityStatus === 'Enabled';
      return [skuId?.toLowerCase(), isEnabled ? usablePlansOf(one) : []] as const;
    }),
  );
  const kept: UsersInScope['users'] = [];
  const counted = { users: 0, withoutTeams: 0, withoutExchange: 0 };
  return {
    add(rows) {
      for (const row of rows) {
        const { userPrincipalName, mail, ...one } = read('users', licensedUser, row);
        if (one.onPremisesSyncEnabled !== true || !domains.includes(domainOf(mail) ?? '')) continue;
        const enabled = (one.assignedLicenses ?? []).flatMap(({ skuId, disabledPlans }) => {
          const off = (disabledPlans ?? []).map((plan) => plan.toLowerCase());
          return (brings.get(skuId.toLowerCase()) ?? []).filter((plan) => !off.includes(plan));
        });
        const plans = decidingPlansIn(new Set(enabled));
        counted.users++;
        if (!plans.teams) counted.withoutTeams++;
        if (!plans.exchange) counted.withoutExchange++;
        const named =
          (!plans.teams && counted.withoutTeams <= namedUsers) ||
          (!plans.exchange && counted.withoutExchange <= namedUsers);
        if (named) kept.push({ user: mail ?? userPrincipalName, found: true, synchronised: true, ...plans });
      }
    },
    value: () => ({ scope: 'domain', users: kept, counted }),
  };
}

function domainOf(mail: string | null | undefined): string | undefined {
  return mail?.slice(mail.lastIndexOf('@') + 1).toLowerCase();
}

function decidingPlansIn(plans: ReadonlySet<string>): { teams: boolean; exchange: boolean } {
  return { teams: isLicensed('teams', plans), exchange: isLicensed('exchange', plans) };
}

function addressesOf({ userPrincipalName, mail, proxyAddresses }: z.infer<typeof user>): string[] {
  const proxies = (proxyAddresses ?? []).flatMap((address) => (/^smtp:/i.test(address) ? [address.slice(5)] : []));
  return [userPrincipalName, ...(mail == null ? [] : [mail]), ...proxies].map((address) => address.toLowerCase());
}

const sku = z.object({
  skuId: z.string().nullish(),
  capabilityStatus: z.string().nullish(),
  skuPartNumber: z.string(),
  consumedUnits: z.number().nullish(),
  prepaidUnits: z.object({ enabled: z.number().nullish() }).nullish(),
  servicePlans: z.array(z.object({ servicePlanId: z.string(), provisioningStatus: z.string().nullish() })).nullish(),
});

/** A plan counts unless it is `Disabled` or in `Error`: a pending one is there for whoever gets the licence. */
function usablePlansOf({ servicePlans }: Pick<z.infer<typeof sku>, 'servicePlans'>): readonly string[] {
  return (servicePlans ?? []).flatMap(({ servicePlanId, provisioningStatus }) =>
    provisioningStatus === 'Disabled' || provisioningStatus === 'Error' ? [] : [servicePlanId.toLowerCase()],
  );
}

export function tenantSubscriptionsOf(replies: readonly unknown[]): TenantSubscriptions {
  return {
    subscriptions: replies.map((reply) => {
      const { skuPartNumber, consumedUnits, prepaidUnits, ...more } = read('subscribedSkus', sku, reply);
      return {
        name: skuPartNumber,
        enabled: prepaidUnits?.enabled ?? 0,
        consumed: consumedUnits ?? 0,
        ...decidingPlansIn(new Set(usablePlansOf(more))),
      };
    }),
  };
}

const principal = z.object({
  appId: z.string(),
  accountEnabled: z.boolean().nullish(),
  servicePrincipalNames: z.array(z.string()).default([]),
  keyCredentials,
});

export function servicePrincipalsOf(replies: readonly unknown[]): ServicePrincipals {
  return {
    principals: replies.map((reply) => {
      const one = read('servicePrincipals', principal, reply);
      return {
        appId: one.appId.toLowerCase(),
        enabled: one.accountEnabled !== false,
        names: one.servicePrincipalNames,
        keyCredentials: one.keyCredentials,
      };
    }),
  };
}

const application = z.object({ appId: z.string(), displayName: z.string(), keyCredentials });
const assignment = z.object({ resourceId: z.string(), appRoleId: z.string() });
const resource = z.object({
  id: z.string(),
  appRoles: z.array(z.object({ id: z.string(), value: z.string().nullish() })).default([]),
});

type Application = z.infer<typeof application>;

/**
 * The organization's own among the tenant's dedicated applications: each Exchange organization that is in hybrid with the
 * tenant has one, and its AuthServer names it.
 *
 * @throws Unobtainable when there are several and no AuthServer is known
 */
export function ownHybridApplication(
  replies: readonly unknown[],
  authServers: AuthServers | undefined,
): Application | undefined {
  const all = replies.map((reply) => read('applications', application, reply));
  if (all.length < 2) return all[0];
  if (authServers === undefined) {
    throw new Unobtainable(
      'insufficient',
      `the tenant has ${all.length} dedicated hybrid applications (${enumerateFirst(all.map(({ displayName }) => displayName))}), and the collector, which tells which of them this organization uses, was not run`,
    );
  }
  const named = authServers.servers.map(({ applicationIdentifier }) => applicationIdentifier?.toLowerCase());
  return all.find(({ appId }) => named.includes(appId.toLowerCase())) ?? all[0];
}

export function consentResourcesOf(assignments: readonly unknown[]): readonly string[] {
  return [...new Set(assignments.map((reply) => read('appRoleAssignments', assignment, reply).resourceId))];
}

/**
 * @param resources service principals with `appRoles`, which give the assigned roles their names
 * @param principals the application's own service principal
 */
export function hybridApplicationOf(
  app: Application | undefined,
  assignments: readonly unknown[],
  resources: readonly unknown[],
  principals: readonly unknown[],
): HybridApplication {
  if (app === undefined) return { found: false, keyCredentials: [], consented: [] };
  const names = new Map(
    resources
      .map((reply) => read('servicePrincipals', resource, reply))
      .flatMap(({ id, appRoles }) => appRoles.map((role) => [`${id} ${role.id}`, role.value ?? role.id] as const)),
  );
  const consented = assignments
    .map((reply) => read('appRoleAssignments', assignment, reply))
    .map(({ resourceId, appRoleId }) => names.get(`${resourceId} ${appRoleId}`) ?? appRoleId);
  const [own] = servicePrincipalsOf(principals).principals;
  return {
    found: true,
    ...(own === undefined ? {} : { enabled: own.enabled }),
    appId: app.appId.toLowerCase(),
    name: app.displayName,
    keyCredentials: app.keyCredentials,
    consented,
  };
}

const job = z.object({
  id: z.string(),
  templateId: z.string().nullish(),
  schedule: z.object({ state: z.string().nullish() }).nullish(),
  status: z
    .object({
      code: z.string().nullish(),
      lastSuccessfulExecution: z.object({ timeEnded: z.string().nullish() }).nullish(),
    })
    .nullish(),
});

export function cloudSyncJobsOf(replies: readonly unknown[]): CloudSyncJobs {
  return {
    jobs: replies.map((reply) => {
      const { id, templateId, schedule, status } = read('synchronization jobs', job, reply);
      const lastSuccess = status?.lastSuccessfulExecution?.timeEnded;
      return {
        id,
        template: templateId ?? id.split('.')[0] ?? id,
        scheduled: schedule?.state?.toLowerCase() === 'active',
        status: status?.code ?? 'unknown',
        ...(lastSuccess == null ? {} : { lastSuccess }),
      };
    }),
  };
}

/** @throws Unobtainable `malformed` naming what was read and the first thing wrong with it */
function read<T extends z.ZodType>(what: string, schema: T, value: unknown): z.infer<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new Unobtainable(
    'malformed',
    `the reply of Microsoft Graph for ${what} is not as expected: ${issue?.path.join('.')}: ${issue?.message}`,
  );
}
