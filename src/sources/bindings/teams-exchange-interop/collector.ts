import { z } from 'zod';
import {
  type FactSet,
  type FactSetOf,
  type Gathered,
  known,
  type NotKnown,
  notKnown,
} from '../../../domain/fact-set.ts';
import { parseDocument } from '../../../domain/organization.ts';
import { isoTime, isTime } from '../../../domain/time.ts';
import { enumerate } from '../../../domain/words.ts';
import { parseBuild } from '../../../facts/exchange-organization/builds.ts';
import type { ExchangeOrganizationFacts } from '../../../facts/exchange-organization/index.ts';
import { reasonFirst, saysDenied } from '../../supplied/powershell-error.ts';

// The file that Collect-TeamsInteropFacts.ps1 writes. Its shape is described in src/collectors/README.md.

/** A text that is not there is `""` in the file. */
const text = z.string().default('');
const truth = z.boolean().nullish();
const number = z.number().nullish();
/** Who saves the file anew writes its times as Windows PowerShell 5.1 does, or in the zone of the machine. */
const inUtc = (value: unknown) => {
  const [, milliseconds] = (typeof value === 'string' ? /^\/Date\((-?\d+)(?:[+-]\d{4})?\)\/$/.exec(value) : null) ?? [];
  const time = milliseconds === undefined ? value : Number(milliseconds);
  const date = typeof time === 'number' || (typeof time === 'string' && isTime(time)) ? new Date(time) : undefined;
  return date === undefined || Number.isNaN(date.getTime()) ? value : date.toISOString();
};
const time = z.preprocess(inUtc, z.union([z.literal(''), isoTime]).nullish());
const list = <T extends z.ZodType>(item: T) =>
  // Windows PowerShell 5.1 may write one element in place of a list, and nothing as null.
  z.preprocess((value) => (value == null ? [] : Array.isArray(value) ? value : [value]), z.array(item));

const policy = {
  ewsEnabled: truth,
  ewsApplicationAccessPolicy: text,
  ewsAllowList: list(z.string()),
  ewsBlockList: list(z.string()),
};

const virtualDirectory = z.object({
  server: z.string(),
  internalUrl: text,
  externalUrl: text,
  oauth: truth,
  wsSecurity: truth,
});

const connector = z.object({
  name: z.string(),
  enabled: truth,
  targetAddressDomains: list(z.string()),
  discoveryEndpoint: text,
  targetSharingEpr: text,
});

const exchange = z.object({
  servers: list(z.object({ name: z.string(), fqdn: text, adminDisplayVersion: text, serverRole: text })).optional(),
  builds: list(z.object({ server: z.string(), build: z.string() })).optional(),
  mailboxes: z
    .object({
      byServer: list(z.object({ server: z.string(), count: z.number(), truncated: truth })),
      byDomain: list(z.object({ domain: z.string(), count: z.number() })),
    })
    .optional(),
  webServicesVirtualDirectories: list(virtualDirectory).optional(),
  autodiscoverVirtualDirectories: list(virtualDirectory).optional(),
  authServers: list(
    z.object({
      name: z.string(),
      type: text,
      enabled: truth,
      issuerIdentifier: text,
      authMetadataUrl: text,
      applicationIdentifier: text,
      realm: text,
      domainNames: list(z.string()),
      graphBaseUrl: text,
    }),
  ).optional(),
  partnerApplications: list(
    z.object({
      name: z.string(),
      applicationIdentifier: text,
      enabled: truth,
      realm: text,
      authMetadataUrl: text,
      useAuthServer: truth,
      hasLinkedAccount: z.boolean(),
      linkedAccount: z.object({ roles: list(z.string()), roleEntries: list(z.string()) }).nullish(),
    }),
  ).optional(),
  authConfig: z
    .object({ currentCertificateThumbprint: text, nextCertificateThumbprint: text, nextCertificateEffectiveDate: time })
    .optional(),
  authCertificates: list(
    z.object({
      server: z.string(),
      thumbprint: z.string(),
      present: z.boolean(),
      status: text,
      hasPrivateKey: truth,
      notAfter: time,
    }),
  ).optional(),
  intraOrganizationConnectors: list(connector).optional(),
  organizationRelationships: list(
    z.object({ name: z.string(), enabled: truth, domainNames: list(z.string()) }),
  ).optional(),
  hybridConfiguration: z
    .object({ present: z.boolean(), features: list(z.string()), domains: list(z.object({ domain: z.string() })) })
    .optional(),
  settingOverrides: list(
    z.object({ name: z.string(), component: text, section: text, parameters: list(z.string()), status: text }),
  ).optional(),
  organizationConfig: z.object({ ...policy, guid: text }).optional(),
  mailboxEwsPolicies: z
    .object({ sampled: z.number(), truncated: z.boolean(), policies: list(z.object({ ...policy, count: z.number() })) })
    .optional(),
  delegates: list(
    z.object({
      mailbox: z.string(),
      sendOnBehalfCount: z.number(),
      delegates: list(
        z.object({
          delegate: z.string(),
          rights: list(z.string()),
          sendOnBehalf: z.boolean(),
          /** Sharing flags of the folder; null where this Exchange tells none. */
          isDelegate: truth,
        }),
      ),
    }),
  ).optional(),
  sampleEwsPolicies: list(z.object({ ...policy, mailbox: z.string() })).optional(),
  /** Recipients of every domain of the forest were in view; false when that could not be set. */
  scope: z.object({ entireForest: z.boolean() }).optional(),
  /** Domains of the forest that could not be read: what stands in them was not looked at. */
  forest: z.object({ notLookedAt: list(z.string()) }).optional(),
});

const entraConnect = z.object({
  globalSettings: z.object({ exchangeHybrid: z.boolean() }).optional(),
  scheduler: z.object({ stagingModeEnabled: truth }).optional(),
  rules: list(z.object({ name: z.string(), enabled: z.boolean() })).optional(),
  writeback: list(
    z.object({
      forest: z.string(),
      classes: list(z.object({ class: z.string(), granted: list(z.string()), missing: list(z.string()) })),
    }),
  ).optional(),
  writebackEffect: list(
    z.object({ forest: z.string(), sampled: number, populated: number, truncated: z.boolean().default(false) }),
  ).optional(),
});

export const interopCollectorFile = z
  .object({
    schema: z.literal('teams-exchange-interop/1'),
    collectedAt: z.preprocess(inUtc, z.iso.datetime()),
    host: z.object({ name: text }).default({ name: '' }),
    exchange: exchange.optional(),
    entraConnect: entraConnect.optional(),
    errors: list(z.object({ section: z.string(), message: z.string().transform(reasonFirst) })),
  })
  .meta({ title: 'file of Collect-TeamsInteropFacts.ps1' });

export type InteropCollectorFile = z.infer<typeof interopCollectorFile>;

/** Is this the collector's file, whatever is wrong inside it? */
export function isInteropCollectorFile(value: unknown): boolean {
  return (value as { schema?: unknown } | null)?.schema === 'teams-exchange-interop/1';
}

/** @throws InvalidDocument naming the path of every fault */
export function parseInteropCollectorFile(value: unknown): InteropCollectorFile {
  return parseDocument('collector file', interopCollectorFile, value);
}

/**
 * Several files of one organization as one set of facts: they complement each other, and of what two of them tell the
 * newer counts. A section that failed does not hide what an older file has of it.
 */
export function interopFactsOf(files: readonly InteropCollectorFile[]): FactSet {
  const facts: Record<string, Gathered<unknown>> = {};
  const several = severalOrganizations(files);
  for (const file of [...files].sort((a, b) => a.collectedAt.localeCompare(b.collectedAt))) {
    for (const [name, gathered] of Object.entries<Gathered<unknown>>(factsOf(file))) {
      // A newer file of a staging server tells nothing about the one that exports.
      if (isStaging(gathered) && facts[name]?.status === 'known') continue;
      if (gathered.status === 'known' || facts[name] === undefined) facts[name] = gathered;
      if (several !== undefined && !entraConnectFacts.includes(name)) {
        facts[name] = notKnown('insufficient', several, gathered.source, file.collectedAt);
      }
    }
  }
  return { facts, parts: {} };
}

/** Facts that are read where Entra Connect runs, which serves several organizations. */
export const entraConnectFacts: readonly string[] = ['entra-connect', 'writeback'];

/** Why files of several Exchange organizations tell nothing of one; undefined where they are of the same, or do not say. */
function severalOrganizations(files: readonly InteropCollectorFile[]): string | undefined {
  const hosts = new Map<string, string>();
  for (const { exchange, host } of files) {
    const guid = exchange?.organizationConfig?.guid.toLowerCase() ?? '';
    if (guid !== '') hosts.set(guid, host.name);
  }
  return hosts.size < 2
    ? undefined
    : `the collector's files are of ${hosts.size} Exchange organizations (${enumerate([...hosts.values()])}), and one evaluation looks at one: watch each as an organization of its own, with its own files`;
}

function isStaging(gathered: Gathered<unknown>): boolean {
  return gathered.status === 'known' && (gathered.value as { staging?: unknown }).staging === true;
}

type FileFacts = FactSetOf<ExchangeOrganizationFacts>['facts'];

function factsOf(file: InteropCollectorFile): FileFacts {
  const source = `Collect-TeamsInteropFacts.ps1${file.host.name === '' ? '' : ` on ${file.host.name}`}`;
  const tell = <T>(sections: readonly string[], value: T | undefined): Gathered<T> =>
    value === undefined ? whyMissing(file, sections, source) : known(value, source, file.collectedAt);
  return {
    ...(file.exchange === undefined ? {} : exchangeFacts(file, file.exchange, tell)),
    ...(file.entraConnect === undefined ? {} : entraFacts(file.entraConnect, tell)),
  };
}

type Tell = <T>(sections: readonly string[], value: T | undefined) => Gathered<T>;

function exchangeFacts(file: InteropCollectorFile, part: z.infer<typeof exchange>, tell: Tell): FileFacts {
  const { servers, webServicesVirtualDirectories: ews, autodiscoverVirtualDirectories: autodiscover } = part;
  const { authConfig, authCertificates, hybridConfiguration, intraOrganizationConnectors, organizationConfig } = part;
  const { mailboxEwsPolicies, delegates } = part;
  return {
    'exchange-servers': tell(
      ['exchange.servers'],
      servers && {
        servers: servers.map((server) => serverOf(server, part)),
        ...optional('domains', mailDomainsOf(file, part)),
        externalHosts: (ews ?? []).flatMap(({ server, externalUrl }) =>
          URL.canParse(externalUrl) ? [{ server, host: new URL(externalUrl).hostname }] : [],
        ),
      },
    ),
    'virtual-directories': tell(
      ['exchange.webServicesVirtualDirectories', 'exchange.autodiscoverVirtualDirectories'],
      ews && autodiscover && { ews: ews.map(directoryOf), autodiscover: autodiscover.map(directoryOf) },
    ),
    'auth-servers': tell(
      ['exchange.authServers'],
      part.authServers && {
        servers: part.authServers.map((one) => ({
          name: one.name,
          type: one.type,
          enabled: one.enabled === true,
          ...optional('issuerIdentifier', one.issuerIdentifier),
          ...optional('realm', one.realm),
          ...optional('authMetadataUrl', one.authMetadataUrl),
          ...optional('applicationIdentifier', one.applicationIdentifier),
          domains: one.domainNames,
          ...optional('graphBaseUrl', one.graphBaseUrl),
        })),
      },
    ),
    'partner-applications': tell(
      ['exchange.partnerApplications'],
      part.partnerApplications && {
        applications: part.partnerApplications.map((one) => ({
          name: one.name,
          appId: one.applicationIdentifier.toLowerCase(),
          enabled: one.enabled === true,
          ...optional('realm', one.realm),
          ...optional('authMetadataUrl', one.authMetadataUrl),
          useAuthServer: one.useAuthServer === true,
          linkedAccount: !one.hasLinkedAccount ? 'none' : one.linkedAccount == null ? 'unreadable' : 'there',
          roles: one.linkedAccount?.roles ?? [],
          roleEntries: one.linkedAccount?.roleEntries ?? [],
        })),
      },
    ),
    'auth-certificate': tell(
      ['exchange.authConfig', 'exchange.authCertificates'],
      authConfig &&
        authCertificates && {
          ...optional('current', authConfig.currentCertificateThumbprint),
          ...optional('next', authConfig.nextCertificateThumbprint),
          ...optional('nextEffective', authConfig.nextCertificateEffectiveDate),
          servers: authCertificates
            .filter(({ server }) => holdsAuthCertificate(server, servers))
            .map(({ server, thumbprint, present, status, hasPrivateKey, notAfter }) => ({
              server,
              thumbprint,
              present,
              ...optional('status', status),
              ...optional('hasPrivateKey', hasPrivateKey),
              ...optional('notAfter', notAfter),
            })),
          unreadable: unreadableServers(file, 'exchange.authCertificates').filter((server) =>
            holdsAuthCertificate(server, servers),
          ),
        },
    ),
    'on-premises-hybrid': tell(
      ['exchange.hybridConfiguration', 'exchange.intraOrganizationConnectors'],
      hybridConfiguration &&
        intraOrganizationConnectors && {
          present: hybridConfiguration.present,
          features: hybridConfiguration.features,
          domains: hybridConfiguration.domains.map(({ domain }) => domain),
          connectors: intraOrganizationConnectors.map((one) => ({
            name: one.name,
            enabled: one.enabled === true,
            domains: one.targetAddressDomains,
            ...optional('discoveryEndpoint', one.discoveryEndpoint),
            ...optional('targetSharingEpr', one.targetSharingEpr),
          })),
          ...optional(
            'relationships',
            part.organizationRelationships?.map(({ name, enabled, domainNames }) => ({
              name,
              enabled: enabled === true,
              domains: domainNames,
            })),
          ),
        },
    ),
    'setting-overrides': tell(
      ['exchange.settingOverrides'],
      part.settingOverrides && { overrides: part.settingOverrides },
    ),
    'ews-policies': tell(
      ['exchange.organizationConfig', 'exchange.mailboxEwsPolicies'],
      organizationConfig &&
        mailboxEwsPolicies && {
          organization: policyOf(organizationConfig),
          mailboxes: mailboxEwsPolicies.policies.map((one) => ({ ...policyOf(one), count: one.count })),
          ...optional(
            'samples',
            part.sampleEwsPolicies?.map((one) => ({ ...policyOf(one), mailbox: one.mailbox })),
          ),
          sampled: mailboxEwsPolicies.sampled,
          truncated:
            mailboxEwsPolicies.truncated || !wholeForest(part) || isIncomplete(file, 'exchange.mailboxEwsPolicies'),
        },
    ),
    'calendar-delegates':
      delegates === undefined && !isIncomplete(file, 'exchange.delegates')
        ? notKnown('not_supplied', 'the collector was given no mailboxes to look at (-SampleMailbox)')
        : tell(
            ['exchange.delegates'],
            delegates && delegates.length > 0 ? { mailboxes: delegates.map(mailboxDelegatesOf) } : undefined,
          ),
  };
}

function entraFacts(part: z.infer<typeof entraConnect>, tell: Tell): FileFacts {
  const { globalSettings, scheduler, rules, writeback, writebackEffect } = part;
  return {
    'entra-connect': tell(
      ['entraConnect.globalSettings', 'entraConnect.rules'],
      globalSettings &&
        rules && {
          exchangeHybrid: globalSettings.exchangeHybrid,
          ...optional('staging', scheduler?.stagingModeEnabled),
          rules,
        },
    ),
    writeback: tell(
      ['entraConnect.writeback', 'entraConnect.writebackEffect'],
      writeback &&
        writebackEffect && {
          ...(scheduler?.stagingModeEnabled === true ? { staging: true } : {}),
          permissions: writeback,
          effect: writebackEffect.map(({ forest, sampled, populated, truncated }) => ({
            forest,
            sampled: sampled ?? 0,
            populated: populated ?? 0,
            truncated,
          })),
        },
    ),
  };
}

function serverOf(
  server: {
    readonly name: string;
    readonly fqdn: string;
    readonly adminDisplayVersion: string;
    readonly serverRole: string;
  },
  part: z.infer<typeof exchange>,
) {
  const { builds, mailboxes } = part;
  const setup = builds?.find((one) => one.server === server.name)?.build;
  const counted = mailboxes?.byServer.find((one) => one.server === server.name);
  const count = counted?.count;
  const build = parseBuild(setup ?? '') ?? updateOf(server.adminDisplayVersion);
  return {
    name: server.name,
    ...optional('fqdn', server.fqdn.toLowerCase()),
    ...optional('role', server.serverRole),
    ...(build === undefined ? {} : { build }),
    // Mailboxes of another domain of the forest, or beyond a time limit, were not in view: then none is not known.
    ...(count === undefined || (count === 0 && (!wholeForest(part) || counted?.truncated === true))
      ? {}
      : { mailboxes: count }),
  };
}

/** Mailboxes by mail domain; undefined unless all servers that may home one were counted to the end, in the whole forest. */
function mailDomainsOf(file: InteropCollectorFile, part: z.infer<typeof exchange>) {
  const { servers = [], mailboxes } = part;
  const homes = servers.filter(({ serverRole }) => serverRole === '' || /mailbox/i.test(serverRole));
  const isCounted = ({ name }: { readonly name: string }) =>
    mailboxes?.byServer.some(({ server, truncated }) => server === name && truncated !== true) === true;
  if (
    mailboxes === undefined ||
    !wholeForest(part) ||
    isIncomplete(file, 'exchange.mailboxes') ||
    !homes.every(isCounted)
  )
    return undefined;
  return mailboxes.byDomain.map(({ domain, count }) => ({ domain: domain.toLowerCase(), mailboxes: count }));
}

/** Were all domains of the forest in view, as far as the file tells? */
function wholeForest({ scope, forest }: z.infer<typeof exchange>): boolean {
  return scope?.entireForest !== false && (forest === undefined || forest.notLookedAt.length === 0);
}

/** The directory knows the cumulative update only, so its fourth part is none. */
function updateOf(adminDisplayVersion: string) {
  const build = parseBuild(adminDisplayVersion);
  return build === undefined ? undefined : { text: build.parts.slice(0, 3).join('.'), parts: build.parts.slice(0, 3) };
}

function directoryOf({ server, internalUrl, externalUrl, oauth, wsSecurity }: z.infer<typeof virtualDirectory>) {
  return {
    server,
    ...optional('internalUrl', internalUrl),
    ...optional('externalUrl', externalUrl),
    ...optional('oauth', oauth),
    ...optional('wsSecurity', wsSecurity),
  };
}

function mailboxDelegatesOf({
  mailbox,
  sendOnBehalfCount,
  delegates,
}: NonNullable<z.infer<typeof exchange>['delegates']>[number]) {
  return {
    mailbox,
    sendOnBehalfCount,
    delegates: delegates.map(({ isDelegate, ...one }) => ({ ...one, ...optional('isDelegate', isDelegate) })),
  };
}

function policyOf(one: z.infer<z.ZodObject<typeof policy>>) {
  return {
    ...optional('enabled', one.ewsEnabled),
    ...optional('applicationAccessPolicy', one.ewsApplicationAccessPolicy),
    allowList: one.ewsAllowList,
    blockList: one.ewsBlockList,
  };
}

/** Leaves a property out where the file has nothing for it. */
function optional<K extends string, V>(name: K, value: V | null | undefined): { readonly [N in K]?: NonNullable<V> } {
  return (value == null || value === '' ? {} : { [name]: value }) as { readonly [N in K]?: NonNullable<V> };
}

function isIncomplete({ errors }: InteropCollectorFile, section: string): boolean {
  return errors.some((error) => error.section === section);
}

/** Exchange 2010 and Edge Transport servers have no Auth certificate. A server of which nothing more is known has one. */
function holdsAuthCertificate(
  name: string,
  servers:
    | readonly { readonly name: string; readonly adminDisplayVersion: string; readonly serverRole: string }[]
    | undefined,
): boolean {
  const server = servers?.find((one) => one.name.toLowerCase() === name.toLowerCase());
  if (server === undefined) return true;
  return !/edge/i.test(server.serverRole) && !/^Version (\d|1[0-4])\./.test(server.adminDisplayVersion);
}

/** Servers that an error of the section names, as in `EX7: access is denied`. */
function unreadableServers({ errors }: InteropCollectorFile, section: string): string[] {
  return errors.flatMap((error) => (error.section === section ? [error.message.split(':')[0] ?? ''] : []));
}

function whyMissing(file: InteropCollectorFile, sections: readonly string[], source: string): NotKnown {
  const error = file.errors.find(({ section }) => sections.includes(section));
  if (error === undefined) {
    return notKnown('not_supplied', `the collector's file has no ${sections.join(', ')}`, source, file.collectedAt);
  }
  const reason = /did not end in time|time limit/i.test(error.message)
    ? 'timeout'
    : saysDenied(error.message)
      ? 'denied'
      : 'unreachable';
  return notKnown(reason, `${error.section}: ${error.message}`, source, file.collectedAt);
}
