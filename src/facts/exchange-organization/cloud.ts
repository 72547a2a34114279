import { z } from 'zod';
import { clouds } from '../../domain/cloud.ts';
import { isoTime } from '../../domain/time.ts';
import type { LicenceCloud } from './service-plans.ts';

// What Entra ID and Exchange Online know about the organization.

/** First-party application ids (Microsoft Learn: "Configure OAuth authentication between Exchange and Exchange Online"). */
export const applications = {
  exchangeOnline: '00000002-0000-0ff1-ce00-000000000000',
  skypeForBusiness: '00000004-0000-0ff1-ce00-000000000000',
  teamsScheduler: '7557eb47-c689-4224-abcf-aef9bd7573df',
  cloudVoicemail: 'db7de2b5-2149-435e-8043-e080dd50afae',
  teams: 'cc15fd57-2c6c-4117-a88c-83b1d56b4bbe',
} as const;

/** Issuers of the Azure Access Control Service: worldwide and 21Vianet. */
export const accessControlIssuers: readonly string[] = [
  '00000001-0000-0000-c000-000000000000',
  '00000001-0002-0000-c000-000000000000',
];

const found = z.object({
  domain: z.string(),
  tenantId: z.string(),
  /** Left out where the endpoint does not say in which cloud the tenant is. */
  cloud: z.string().optional(),
  /** In the worldwide cloud, and there in GCC: its licences are others. */
  gcc: z.boolean().optional(),
});

/** The tenant, as declared and as the sign-in endpoint names it for each domain. */
export const tenant = z
  .object({
    declaredId: z.string().optional(),
    declaredCloud: z.enum(clouds),
    found: z.array(found),
    /** Domains that Entra ID does not know. */
    notFound: z.array(z.string()),
    /** Domains about which the endpoint gave no answer. */
    notAnswered: z.array(z.object({ domain: z.string(), why: z.string() })),
  })
  .meta({ title: 'tenant of the domains', goodForHours: 24 });

export type Tenant = z.infer<typeof tenant>;

/** The tenant's own id: what the sign-in endpoint names outranks a declaration that no domain bears out. */
export function tenantIdOf({ declaredId, found: answers }: Tenant): string | undefined {
  const declared = declaredId?.toLowerCase();
  const ids = answers.map(({ tenantId }) => tenantId.toLowerCase());
  return declared !== undefined && ids.includes(declared) ? declared : (ids[0] ?? declared);
}

/** The cloud whose licences the tenant has: what the sign-in endpoint says outranks what was declared. */
export function licenceCloudOf({ declaredCloud, found: answers }: Tenant): LicenceCloud {
  if (answers.some(({ gcc }) => gcc === true)) return 'gcc';
  const told = answers.flatMap(({ cloud }) => clouds.filter((known) => known === cloud));
  return told.find((cloud) => cloud !== 'worldwide') ?? told[0] ?? declaredCloud;
}

/** Graph `organization`. */
export const directorySynchronisation = z
  .object({
    enabled: z.boolean(),
    /** ISO 8601, UTC. */
    lastSync: isoTime.optional(),
    domains: z.array(z.object({ name: z.string(), mail: z.boolean() })),
  })
  .meta({ title: 'directory synchronisation', goodForHours: 24 });

/** Users in scope of the evaluation, with what Graph `users` says about each. */
export const usersInScope = z
  .object({
    /** `sample`: the organization's sample users; `domain`: synchronised people with an address in its domains. */
    scope: z.enum(['sample', 'domain']),
    users: z.array(
      z.object({
        user: z.string(),
        found: z.boolean(),
        synchronised: z.boolean(),
        teams: z.boolean(),
        exchange: z.boolean(),
      }),
    ),
    /** How many there are where Graph counted them: then `users` are some of those who lack a plan, for their names. */
    counted: z.object({ users: z.number(), withoutTeams: z.number(), withoutExchange: z.number() }).optional(),
  })
  .meta({ title: 'users in scope', goodForHours: 24 });

/**
 * Graph `subscribedSkus`: the subscriptions of the tenant. They make a remedy concrete and decide nothing, so no age makes
 * them too old; the evidence says when they were counted.
 */
export const tenantSubscriptions = z
  .object({
    subscriptions: z.array(
      z.object({
        /** `skuPartNumber`, e.g. `SPE_E3`. */
        name: z.string(),
        /** Licences in it, those of a suspended or expired part left out. */
        enabled: z.number(),
        /** Licences that are assigned. */
        consumed: z.number(),
        /** Holds a plan that licenses it: see service-plans.ts. */
        teams: z.boolean(),
        exchange: z.boolean(),
      }),
    ),
  })
  .meta({ title: 'subscriptions of the tenant' });

const keyCredential = z.object({
  /** SHA-1 in upper-case hex, where Entra ID tells it. */
  thumbprint: z.string().optional(),
  /** ISO 8601, UTC. */
  endDate: isoTime.optional(),
});

const servicePrincipal = z.object({
  appId: z.string(),
  enabled: z.boolean(),
  names: z.array(z.string()),
  keyCredentials: z.array(keyCredential),
});

/** Service principals of the first-party applications; an application without one has no entry. */
export const servicePrincipals = z
  .object({ principals: z.array(servicePrincipal) })
  .meta({ title: 'service principals', goodForHours: 24 });

/** The dedicated Exchange hybrid application in Entra ID. */
export const hybridApplication = z
  .object({
    found: z.boolean(),
    /** Its service principal issues tokens (`accountEnabled`); left out where nobody asked. */
    enabled: z.boolean().optional(),
    appId: z.string().optional(),
    name: z.string().optional(),
    keyCredentials: z.array(keyCredential),
    /** Application permissions that an administrator consented to, by value, e.g. `full_access_as_app`. */
    consented: z.array(z.string()),
  })
  .meta({ title: 'dedicated hybrid application', goodForHours: 24 });

/** Jobs of Entra Cloud Sync. */
export const cloudSyncJobs = z
  .object({
    jobs: z.array(
      z.object({
        id: z.string(),
        template: z.string(),
        scheduled: z.boolean(),
        status: z.string(),
        /** ISO 8601, UTC. */
        lastSuccess: isoTime.optional(),
      }),
    ),
  })
  .meta({ title: 'Cloud Sync jobs', goodForHours: 24 });

/** How Exchange Online knows the sample users. */
export const exchangeOnlineRecipients = z
  .object({
    recipients: z.array(
      z.object({
        user: z.string(),
        kind: z.enum(['mail-user', 'mailbox', 'not-found']),
        externalAddress: z.string().optional(),
        /** `ExchangeGuid` is not zero: the Exchange hybrid option writes it. */
        hasExchangeGuid: z.boolean(),
      }),
    ),
  })
  .meta({ title: 'recipients in Exchange Online', goodForHours: 24 });

const intraOrganizationConnector = z.object({
  name: z.string(),
  enabled: z.boolean(),
  domains: z.array(z.string()),
  discoveryEndpoint: z.string().optional(),
  targetSharingEpr: z.string().optional(),
});

export { intraOrganizationConnector };

/** The hybrid configuration as Exchange Online has it. */
export const exchangeOnlineHybrid = z
  .object({
    connectors: z.array(intraOrganizationConnector),
    onPremisesOrganizations: z.array(
      z.object({ name: z.string(), domains: z.array(z.string()), organizationGuid: z.string().optional() }),
    ),
    /** `TargetSharingEpr` of organization relationships and `RemoteServer` of migration endpoints. */
    sharingEndpoints: z.array(z.string()),
    /** Why there may be other endpoints: a cmdlet that was refused costs what it alone tells. */
    endpointsUnseen: z.string().optional(),
  })
  .meta({ title: 'hybrid configuration in Exchange Online', goodForHours: 24 });

/** The EWS gates of Exchange Online. */
export const exchangeOnlineEws = z
  .object({
    enabled: z.boolean().optional(),
    allowedAppIds: z.array(z.string()),
    applicationAccessPolicy: z.string().optional(),
    allowList: z.array(z.string()),
    blockList: z.array(z.string()),
  })
  .meta({ title: 'EWS policy of Exchange Online', goodForHours: 24 });

export type DirectorySynchronisation = z.infer<typeof directorySynchronisation>;
export type UsersInScope = z.infer<typeof usersInScope>;
export type TenantSubscriptions = z.infer<typeof tenantSubscriptions>;
export type ServicePrincipals = z.infer<typeof servicePrincipals>;
export type HybridApplication = z.infer<typeof hybridApplication>;
export type CloudSyncJobs = z.infer<typeof cloudSyncJobs>;
export type ExchangeOnlineRecipients = z.infer<typeof exchangeOnlineRecipients>;
export type ExchangeOnlineHybrid = z.infer<typeof exchangeOnlineHybrid>;
export type ExchangeOnlineEws = z.infer<typeof exchangeOnlineEws>;
