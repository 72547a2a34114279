import { z } from 'zod';
import { isoTime } from '../../domain/time.ts';
import { exchangeBuild } from './builds.ts';
import { intraOrganizationConnector } from './cloud.ts';

// What the collector reads on the organization's own servers. It is run by hand or once a week, so its facts keep.

const goodForAMonth = 30 * 24;

/** Every Exchange server, with the file version of ExSetup.exe: `AdminDisplayVersion` never shows the security update. */
export const exchangeServers = z
  .object({
    servers: z.array(
      z.object({
        name: z.string(),
        fqdn: z.string().optional(),
        role: z.string().optional(),
        /** From ExSetup (four parts), else from `AdminDisplayVersion` (three parts). */
        build: exchangeBuild.optional(),
        /** Mailboxes homed there; left out when they were not counted. */
        mailboxes: z.number().optional(),
      }),
    ),
    /** Mailboxes by the domain of their primary address; left out unless every mailbox of the forest was counted. */
    domains: z.array(z.object({ domain: z.string(), mailboxes: z.number() })).optional(),
    /** Host names of the EWS external URLs, by server. */
    externalHosts: z.array(z.object({ server: z.string(), host: z.string() })),
  })
  .meta({ title: 'Exchange servers', goodForHours: goodForAMonth });

export const virtualDirectory = z.object({
  server: z.string(),
  internalUrl: z.string().optional(),
  externalUrl: z.string().optional(),
  oauth: z.boolean().optional(),
  wsSecurity: z.boolean().optional(),
});

export const virtualDirectories = z
  .object({ ews: z.array(virtualDirectory), autodiscover: z.array(virtualDirectory) })
  .meta({ title: 'EWS and Autodiscover virtual directories', goodForHours: goodForAMonth });

/** `Get-AuthServer`. */
export const authServers = z
  .object({
    servers: z.array(
      z.object({
        name: z.string(),
        /** `AzureAD` (EvoSTS), `MicrosoftACS`, `ADFS` … */
        type: z.string(),
        enabled: z.boolean(),
        /** `https://sts.windows.net/<tenant id>/`, whatever the realm is written as. */
        issuerIdentifier: z.string().optional(),
        realm: z.string().optional(),
        authMetadataUrl: z.string().optional(),
        applicationIdentifier: z.string().optional(),
        domains: z.array(z.string()),
        graphBaseUrl: z.string().optional(),
      }),
    ),
  })
  .meta({ title: 'authorization servers', goodForHours: goodForAMonth });

/** `Get-PartnerApplication`, with the roles of each linked account. */
export const partnerApplications = z
  .object({
    applications: z.array(
      z.object({
        name: z.string(),
        appId: z.string(),
        enabled: z.boolean(),
        realm: z.string().optional(),
        authMetadataUrl: z.string().optional(),
        useAuthServer: z.boolean(),
        /** `unreadable`: there is one, but its roles could not be read. */
        linkedAccount: z.enum(['none', 'there', 'unreadable']),
        roles: z.array(z.string()),
        roleEntries: z.array(z.string()),
      }),
    ),
  })
  .meta({ title: 'partner applications', goodForHours: goodForAMonth });

/** `Get-AuthConfig`, and the certificate it names on every server. */
export const authCertificate = z
  .object({
    current: z.string().optional(),
    next: z.string().optional(),
    /** ISO 8601, UTC. */
    nextEffective: isoTime.optional(),
    servers: z.array(
      z.object({
        server: z.string(),
        thumbprint: z.string(),
        present: z.boolean(),
        status: z.string().optional(),
        hasPrivateKey: z.boolean().optional(),
        /** ISO 8601, UTC. */
        notAfter: isoTime.optional(),
      }),
    ),
    /** Servers whose certificates could not be read. */
    unreadable: z.array(z.string()),
  })
  .meta({ title: 'Auth certificate', goodForHours: goodForAMonth });

/** `Get-HybridConfiguration` and `Get-IntraOrganizationConnector`. */
export const onPremisesHybrid = z
  .object({
    present: z.boolean(),
    features: z.array(z.string()),
    domains: z.array(z.string()),
    connectors: z.array(intraOrganizationConnector),
    /** `Get-OrganizationRelationship`; left out in files of older collectors' readers. */
    relationships: z
      .array(z.object({ name: z.string(), enabled: z.boolean(), domains: z.array(z.string()) }))
      .optional(),
  })
  .meta({ title: 'hybrid configuration on premises', goodForHours: goodForAMonth });

/** `Get-SettingOverride`. */
export const settingOverrides = z
  .object({
    overrides: z.array(
      z.object({
        name: z.string(),
        component: z.string(),
        section: z.string(),
        parameters: z.array(z.string()),
        status: z.string(),
      }),
    ),
  })
  .meta({ title: 'setting overrides', goodForHours: goodForAMonth });

export const ewsPolicy = z.object({
  /** Undefined: not set, which admits. */
  enabled: z.boolean().optional(),
  applicationAccessPolicy: z.string().optional(),
  allowList: z.array(z.string()),
  blockList: z.array(z.string()),
});

/** EWS policies of the organization and of its mailboxes, the latter counted by equal settings. */
export const ewsPolicies = z
  .object({
    organization: ewsPolicy,
    mailboxes: z.array(ewsPolicy.extend({ count: z.number() })),
    /** Mailboxes that the collector was told to look at (-SampleMailbox), as salted hashes. */
    samples: z.array(ewsPolicy.extend({ mailbox: z.string() })).optional(),
    /** Mailboxes looked at; `truncated` when there are more. */
    sampled: z.number(),
    truncated: z.boolean(),
  })
  .meta({ title: 'EWS policies', goodForHours: goodForAMonth });

/** Delegates of sampled mailboxes; people are salted hashes. */
export const calendarDelegates = z
  .object({
    mailboxes: z.array(
      z.object({
        mailbox: z.string(),
        sendOnBehalfCount: z.number(),
        delegates: z.array(
          z.object({
            delegate: z.string(),
            rights: z.array(z.string()),
            sendOnBehalf: z.boolean(),
            /** The folder's sharing flags say delegate; left out where Exchange tells no flags. */
            isDelegate: z.boolean().optional(),
          }),
        ),
      }),
    ),
  })
  .meta({ title: 'calendar delegates', goodForHours: goodForAMonth });

/** Entra Connect: the Exchange hybrid option and what the connector account may write. */
export const entraConnect = z
  .object({
    exchangeHybrid: z.boolean(),
    staging: z.boolean().optional(),
    rules: z.array(z.object({ name: z.string(), enabled: z.boolean() })),
  })
  .meta({ title: 'Entra Connect', goodForHours: goodForAMonth });

export const writeback = z
  .object({
    /** Read on a staging server: its account may be another than the one that writes. */
    staging: z.boolean().optional(),
    permissions: z.array(
      z.object({
        forest: z.string(),
        classes: z.array(z.object({ class: z.string(), granted: z.array(z.string()), missing: z.array(z.string()) })),
      }),
    ),
    /** Mailbox users in which Entra ID has written its object id back. */
    effect: z.array(
      z.object({ forest: z.string(), sampled: z.number(), populated: z.number(), truncated: z.boolean() }),
    ),
  })
  .meta({ title: 'writeback to Active Directory', goodForHours: goodForAMonth });

/** Everything that tells whether the "Exchange hybrid deployment" option (or Cloud Sync's writeback) is on. */
export const hybridOption = z
  .object({
    /** None where all that is known is whom Exchange Online does not know. */
    proofs: z.array(
      z.object({
        from: z.enum(['entra-connect', 'cloud-sync', 'writeback-effect', 'exchange-guid']),
        on: z.boolean(),
        observed: z.string(),
      }),
    ),
    /** Sample users whom Exchange Online does not know: neither a mail user nor a mailbox. */
    unknownUsers: z.array(z.string()).optional(),
    /** Only a staging server of Entra Connect was looked at. */
    staging: z.boolean().optional(),
  })
  .meta({ title: 'Exchange hybrid option', goodForHours: goodForAMonth });

/** Builds in the `Received` headers of a message that the organization sent. */
export const mailBuilds = z
  .object({
    hops: z.array(
      z.object({
        server: z.string(),
        /** `mailbox`: the MAPI hop, made by the server that homes the mailbox. */
        kind: z.enum(['transport', 'mailbox']),
        build: exchangeBuild,
      }),
    ),
  })
  .meta({ title: 'builds in mail headers', goodForHours: goodForAMonth });

/** Servers that home mailboxes: from the collector, else from mail headers, else a declaration. */
export const mailboxHomes = z
  .object({
    basis: z.enum(['collector', 'mail-headers', 'declared']),
    servers: z.array(
      z.object({ server: z.string(), build: exchangeBuild.optional(), mailboxes: z.number().optional() }),
    ),
    declared: z.object({ value: z.boolean(), by: z.string(), at: z.string(), until: z.string().optional() }).optional(),
  })
  .meta({ title: 'servers that home mailboxes', goodForHours: goodForAMonth });

/** Every build that anything told, for judging how current it is. */
export const knownBuilds = z
  .object({
    builds: z.array(
      z.object({
        /** Host or server. */
        where: z.string(),
        from: z.enum(['collector', 'mail-headers', 'probe']),
        build: exchangeBuild,
      }),
    ),
  })
  .meta({ title: 'known builds', goodForHours: goodForAMonth });

/** Dated words of people about what nobody can read. */
export const declarations = z
  .object({
    statements: z.array(
      z.object({
        statement: z.string(),
        value: z.unknown(),
        by: z.string(),
        at: z.string(),
        expires: z.string().optional(),
      }),
    ),
  })
  .meta({ title: 'declarations' });

export type ExchangeServers = z.infer<typeof exchangeServers>;
export type VirtualDirectories = z.infer<typeof virtualDirectories>;
export type AuthServers = z.infer<typeof authServers>;
export type PartnerApplications = z.infer<typeof partnerApplications>;
export type AuthCertificate = z.infer<typeof authCertificate>;
export type OnPremisesHybrid = z.infer<typeof onPremisesHybrid>;
export type SettingOverrides = z.infer<typeof settingOverrides>;
export type EwsPolicy = z.infer<typeof ewsPolicy>;
export type EntraConnect = z.infer<typeof entraConnect>;
export type Writeback = z.infer<typeof writeback>;
export type HybridOption = z.infer<typeof hybridOption>;
export type MailBuilds = z.infer<typeof mailBuilds>;
export type MailboxHomes = z.infer<typeof mailboxHomes>;
export type KnownBuilds = z.infer<typeof knownBuilds>;
export type Declarations = z.infer<typeof declarations>;
