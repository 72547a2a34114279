import { isMicrosoftsOwn } from '../../../domain/cloud.ts';
import type { FactName, FactValue, PartFactName } from '../../../domain/fact.ts';
import { type Gathered, known, Unobtainable } from '../../../domain/fact-set.ts';
import { bound, type GatherContext, type SourceOf, type Sources, type SourcesOf } from '../../../domain/source.ts';
import type { CloudTenant } from '../../../domain/tenant.ts';
import type { Tenant, UsersInScope } from '../../../facts/exchange-organization/cloud.ts';
import type { ExchangeOrganizationFacts } from '../../../facts/exchange-organization/index.ts';
import {
  type AutodiscoverAnswer,
  type AutodiscoverV2,
  allOf,
  type ExchangeOnlineAutodiscover,
  type PublishedReach,
  routeOf,
} from '../../../facts/exchange-organization/published.ts';
import type { ExchangeOrganization } from '../../../facts/exchange-organization/subject.ts';
import { createAddressGuard } from '../../../http/address-guard.ts';
import { get } from '../../../http/anonymous-get.ts';
import type { Roots } from '../../../http/roots.ts';
import { endpointsOf } from '../../cloud-endpoints.ts';
import { type ExchangeOnlineReader, exchangeOnlineReader } from '../../exchange-online/reader.ts';
import { grantStep } from '../../grants.ts';
import { type GraphReader, graphReader } from '../../graph/reader.ts';
import { asGathered, settled } from '../../https-probe/answers.ts';
import { type ProbeRun, startProbes } from '../../https-probe/probe-run.ts';
import { lookUpAddresses, type Resolve } from '../../https-probe/resolve.ts';
import { domainOf } from '../../https-probe/sample-users.ts';
import { readTenant } from '../../https-probe/tenant.ts';
import { optionalSource } from '../../optional-source.ts';
import type { World } from '../../world.ts';
import { entraConnectFacts } from './collector.ts';
import { composeHybridOption, composeKnownBuilds, composeMailboxHomes } from './compose.ts';
import { exchangeOnlineEwsOf, exchangeOnlineHybridOf, recipientOf } from './exchange-online.ts';
import {
  cloudSyncJobsOf,
  consentResourcesOf,
  countedUsersOf,
  domainsPerFilter,
  graphRequests,
  hybridApplicationOf,
  ownHybridApplication,
  principalsLookedAt,
  servicePrincipalsOf,
  synchronisationOf,
  tallyUsers,
  tenantSubscriptionsOf,
  usersInScopeOf,
} from './graph.ts';

export interface InteropOptions {
  /** Looks names up; the resolvers of the run. */
  readonly resolve: Resolve;
  /** `--allow-private`: probes run inside the network, where private addresses count as published. */
  readonly allowPrivate?: boolean | undefined;
  readonly roots: Roots;
  /** `--endpoint`: the operator's word, outside the address guard and resolved by the system. */
  readonly endpoints?:
    | { readonly 'exchange-online'?: string | undefined; readonly login?: string | undefined }
    | undefined;
  /** Reads a tenant. Undefined: nobody gave credentials, so what only Graph knows is not supplied. */
  readonly graph?: ((tenant: CloudTenant) => GraphReader) | undefined;
  readonly exchangeOnline?: ((tenant: CloudTenant) => ExchangeOnlineReader) | undefined;
  /** What probes call themselves. */
  readonly userAgent?: string | undefined;
  /** Time limit of one request, in milliseconds. */
  readonly timeoutMs?: number | undefined;
}

type Facts = ExchangeOrganizationFacts;
type Fact = FactName<Facts>;
type PartFact = PartFactName<Facts>;
type Value<N extends Fact> = FactValue<Facts, N>;
type Source<N extends Fact> = SourceOf<Facts, N, ExchangeOrganization>;
type Context = GatherContext<Facts>;

/** Binds every fact about an Exchange organization to its source. */
export function exchangeOrganizationSources(world: World): Sources {
  const { resolvers, allowPrivate, roots, endpoints, graph, exchangeOnline } = world;
  return bound(
    interopSources({
      resolve: (name, type) => resolvers.ask(name, type),
      allowPrivate,
      roots,
      endpoints: { 'exchange-online': endpoints.exchangeOnline, login: endpoints.login },
      ...(graph === undefined ? {} : { graph: (tenant: CloudTenant) => graphReader(graph, tenant) }),
      ...(exchangeOnline === undefined
        ? {}
        : { exchangeOnline: (tenant: CloudTenant) => exchangeOnlineReader(exchangeOnline, tenant) }),
    }),
  );
}

const defaults = { userAgent: 'fieldcheck (anonymous readiness probe)', timeoutMs: 10_000 };

/** A chain of dependent requests: names, TLS, port 80, Autodiscover, TLS of the next host, EWS. */
const chainLimitMs = 75_000;
const cloudLimitMs = 60_000;
/** Where Graph does not count, 50,000 people are 51 pages one after the other, each of which may take seconds. */
const usersLimitMs = 170_000;

const probe = 'https probe';

/** The sources of every fact about an Exchange organization. */
export function interopSources(options: InteropOptions): SourcesOf<Facts, ExchangeOrganization> {
  const timeoutMs = options.timeoutMs ?? defaults.timeoutMs;
  const userAgent = options.userAgent ?? defaults.userAgent;
  const allowPrivate = options.allowPrivate ?? false;

  const run = (subject: ExchangeOrganization, context: Context): Promise<ProbeRun> =>
    context.once('https probe', async () => {
      const organization = subject;
      const named = options.endpoints?.['exchange-online'];
      return startProbes(
        organization,
        await domainsToProbe(organization, context),
        {
          resolve: options.resolve,
          allowPrivate,
          roots: options.roots,
          exchangeOnline: {
            origin: named ?? endpointsOf(organization.cloud).exchangeOnline,
            guarded: named === undefined,
          },
          userAgent,
          timeoutMs,
        },
        context,
      );
    });

  const perDomain = <N extends PartFact>(
    fact: N,
    work: (probes: ProbeRun, domain: string) => Promise<Value<N>>,
  ): Source<N> =>
    parts(fact, async (subject, context) => {
      const probes = await run(subject, context);
      return someOf(probes.domains).map((domain) => [domain, asGathered(work(probes, domain), probe, context.now)]);
    });

  const perHost = <N extends PartFact>(
    fact: N,
    work: (probes: ProbeRun, host: string, context: Context) => Promise<Value<N>>,
    only: (published: Value<'published-host'>) => boolean = () => true,
  ): Source<N> =>
    parts(fact, async (subject, context) => {
      const probes = await run(subject, context);
      const hosts = [...(await probes.hosts.all())].filter(([, published]) => only(published));
      return hosts.map(([host]) => [host, asGathered(work(probes, host, context), probe, context.now)]);
    });

  const cloud =
    <R>(name: string, permission: string, reader: ((tenant: CloudTenant) => R) | undefined) =>
    <N extends Fact>(
      fact: N,
      work: (from: R, organization: ExchangeOrganization, context: Context) => Promise<Value<N>>,
      limitMs = cloudLimitMs,
    ): Source<N> => ({
      fact,
      limitMs,
      gather: (async (subject: ExchangeOrganization, context: Context) => {
        if (reader === undefined)
          throw notSupplied(
            `no credentials for ${name} were configured: ${grantStep(undefined, permission)}, then set FIELDCHECK_CLIENT_ID and FIELDCHECK_CLIENT_SECRET`,
          );
        const organization = subject;
        const value = await work(reader(await tenantToRead(organization, context)), organization, context);
        return known(value, name, context.now.toISOString());
      }) as unknown as Source<N>['gather'],
    });
  const fromGraph = cloud('Microsoft Graph', 'User.Read.All', options.graph);
  const fromExchangeOnline = cloud('Exchange Online', 'Exchange.ManageAsApp', options.exchangeOnline);

  return {
    'autodiscover-dns': parts('autodiscover-dns', async (subject, context) => {
      const probes = await run(subject, context);
      const without = await settled(
        domainsOf(subject, context).then((domains) => domainsWithoutMailbox(subject, domains, context)),
      );
      const look = async (domain: string, homesNoMailbox: boolean) => {
        const resolver = await settled(probes.autodiscover.resolverOf(domain));
        const dns = probes.autodiscover.dns(domain);
        return asGathered(
          homesNoMailbox ? dns.then((value) => ({ ...value, homesNoMailbox })) : dns,
          'value' in resolver ? resolver.value : 'resolver',
          context.now,
        );
      };
      return [
        ...someOf(probes.domains).map((domain) => [domain, look(domain, false)] as const),
        ...('value' in without ? without.value : []).map((domain) => [domain, look(domain, true)] as const),
      ];
    }),
    'autodiscover-redirect': perDomain('autodiscover-redirect', (probes, domain) =>
      probes.autodiscover.redirect(domain),
    ),
    'autodiscover-v2': perDomain('autodiscover-v2', answersOnPremises),
    'rest-endpoint': perDomain('rest-endpoint', async (probes, domain) => {
      if (!probes.organization.intents.includes('presence'))
        throw notSupplied('the organization does not ask about presence');
      return probes.autodiscover.rest(domain);
    }),
    'exchange-online-autodiscover': parts('exchange-online-autodiscover', async (subject, context) => {
      const probes = await run(subject, context);
      const homing = [...new Set([...probes.domains, ...sampleDomains(subject)])];
      const others = (
        await settled(domainsOf(subject, context)).then((all) => ('value' in all ? all.value : []))
      ).filter((domain) => !homing.includes(domain));
      const gathered = (work: Promise<ExchangeOnlineAutodiscover>) =>
        asGathered(work, 'Autodiscover V2 of Exchange Online', context.now);
      return [
        ...someOf(homing).map((domain) => [domain, gathered(routingInTheCloud(probes, domain))] as const),
        ...others.map((domain) => [domain, gathered(Promise.resolve({ users: [] }))] as const),
      ];
    }),
    'published-host': perHost('published-host', async (probes, host) => {
      const published = (await probes.hosts.all()).get(host);
      if (published === undefined) throw new Unobtainable('insufficient', `nothing names ${host}`);
      return published;
    }),
    'host-tls': perHost('host-tls', async (probes, host) => {
      await refuseUnrouted(probes, host);
      return probes.wire.tls(host);
    }),
    'ews-anonymous': perHost('ews-anonymous', (probes, host) => probes.hosts.ews(host), leadsToEws),
    'ews-bearer': perHost(
      'ews-bearer',
      async (probes, host, context) => {
        const answer = await probes.hosts.bearer(host);
        const silent =
          answer.challenge === 'bearer' && answer.trustedIssuers.length === 0 && answer.authorizationUri === undefined;
        // A server that trusts EvoSTS alone says nothing, like one that trusts nobody: only Get-AuthServer decides then.
        if (silent && (await context.gathered('auth-servers')).status !== 'known') {
          throw new Unobtainable(
            'insufficient',
            `${host} offers OAuth but does not say whom it trusts, and the collector was not run`,
          );
        }
        return answer;
      },
      leadsToEws,
    ),
    'published-version': perHost('published-version', async (probes, host, context) => {
      await refuseUnrouted(probes, host);
      const servers = await context.gathered('exchange-servers');
      return probes.hosts.version(host, servers.status === 'known' ? servers.value : undefined);
    }),
    'published-reach': one('published-reach', chainLimitMs, async (subject, context) => {
      const reach = await reachOf(await run(subject, context));
      return known(reach, probe, context.now.toISOString());
    }),
    tenant: one('tenant', cloudLimitMs, async (subject, context) => {
      const organization = subject;
      const domains = await domainsOf(organization, context);
      const named = options.endpoints?.login;
      const origin = named ?? endpointsOf(organization.cloud).login;
      const guard = createAddressGuard({
        allowPrivate,
        addressesOf: async (host) => (await lookUpAddresses(options.resolve, host)).addresses,
      });
      const asked = await Promise.all(
        domains.map((domain) =>
          tenantBySignIn(
            domain,
            (url) =>
              get(url, {
                guard: named === undefined ? guard : undefined,
                trust: options.roots.ours.secureContext,
                userAgent,
                timeoutMs,
                signal: context.signal,
              }),
            origin,
          ),
        ),
      );
      const tenant: Tenant = {
        ...(organization.tenantId === undefined ? {} : { declaredId: organization.tenantId }),
        declaredCloud: organization.cloud,
        found: asked.flatMap((answer) => ('found' in answer ? [answer.found] : [])),
        notFound: asked.flatMap((answer) => ('notFound' in answer ? [answer.notFound] : [])),
        notAnswered: asked.flatMap((answer) => ('why' in answer ? [answer] : [])),
      };
      if (tenant.declaredId === undefined && tenant.found.length === 0) {
        const [silent] = tenant.notAnswered;
        if (silent !== undefined) throw new Unobtainable('unreachable', silent.why);
        throw new Unobtainable(
          'insufficient',
          `Entra ID knows none of ${tenant.notFound.join(', ')}, and no tenant id is declared`,
        );
      }
      return known(
        tenant,
        tenant.found.length > 0 ? 'sign-in endpoint' : 'organization document',
        context.now.toISOString(),
      );
    }),
    declarations: one('declarations', 1000, async (subject, context) =>
      known({ statements: [...subject.declared] }, 'organization document', context.now.toISOString()),
    ),

    'directory-synchronisation': fromGraph('directory-synchronisation', async (graph, _, { signal, gathered }) => {
      const [reply, cloudSync] = await Promise.all([
        graph.get(graphRequests.organization, signal),
        gathered('cloud-sync-jobs'),
      ]);
      return synchronisationOf(reply, cloudSync.status === 'known' ? cloudSync.value : undefined);
    }),
    'users-in-scope': fromGraph(
      'users-in-scope',
      async (graph, { sampleUsers, ...organization }, context) => {
        const { signal } = context;
        if (sampleUsers.length > 0) {
          const found = await Promise.all(sampleUsers.map((user) => graph.list(graphRequests.user(user), signal)));
          return usersInScopeOf(found.flat(), { sampleUsers, domains: [] });
        }
        const domains = await domainsOf({ ...organization, sampleUsers }, context);
        const counted = await countUsers(graph, domains, signal);
        if (counted !== undefined) return counted;
        const tally = tallyUsers(domains, await graph.list(graphRequests.subscribedSkus, signal));
        for await (const page of graph.pages(graphRequests.users, signal)) tally.add(page);
        return tally.value();
      },
      usersLimitMs,
    ),
    'tenant-subscriptions': optionalSource(
      fromGraph('tenant-subscriptions', async (graph, _, { signal }) =>
        tenantSubscriptionsOf(await graph.list(graphRequests.subscribedSkus, signal)),
      ),
    ),
    'service-principals': fromGraph('service-principals', async (graph, _, { signal }) => {
      const lists = await Promise.all(
        principalsLookedAt.map((appId) => graph.list(graphRequests.servicePrincipals(appId), signal)),
      );
      return servicePrincipalsOf(lists.flat());
    }),
    'hybrid-application': fromGraph('hybrid-application', async (graph, _, { signal, gathered }) => {
      const [apps, authServers] = await Promise.all([
        graph.list(graphRequests.hybridApplications, signal),
        gathered('auth-servers'),
      ]);
      const app = ownHybridApplication(apps, authServers.status === 'known' ? authServers.value : undefined);
      const appId = app?.appId;
      const [assignments, principals] =
        appId === undefined
          ? [[], []]
          : await Promise.all([
              graph.list(graphRequests.appRoleAssignments(appId), signal),
              graph.list(graphRequests.servicePrincipals(appId), signal),
            ]);
      const resources = await Promise.all(
        consentResourcesOf(assignments).map((id) => graph.get(graphRequests.appRoles(id), signal)),
      );
      return hybridApplicationOf(app, assignments, resources, principals);
    }),
    'cloud-sync-jobs': fromGraph('cloud-sync-jobs', async (graph, _, { signal }) => {
      const principals = await graph.list(graphRequests.cloudSyncPrincipals, signal);
      const ids = principals.flatMap((principal) => {
        const { id } = principal as { id?: unknown };
        return typeof id === 'string' ? [id] : [];
      });
      const jobs = await Promise.all(ids.map((id) => graph.list(graphRequests.synchronizationJobs(id), signal)));
      return cloudSyncJobsOf(jobs.flat());
    }),
    'exchange-online-recipients': fromExchangeOnline(
      'exchange-online-recipients',
      async (exchangeOnline, { sampleUsers }, { signal }) => {
        if (sampleUsers.length === 0) throw new Unobtainable('insufficient', 'no sample user is named');
        const recipients = await Promise.all(
          sampleUsers.map(async (user) => {
            const [mailUsers, mailboxes] = await Promise.all([
              exchangeOnline.rows('Get-MailUser', { Identity: user }, signal),
              exchangeOnline.rows('Get-Mailbox', { Identity: user }, signal),
            ]);
            return recipientOf(user, mailUsers, mailboxes);
          }),
        );
        return { recipients };
      },
    ),
    'exchange-online-hybrid': fromExchangeOnline('exchange-online-hybrid', async (exchangeOnline, _, { signal }) => {
      const rows = (cmdlet: string) => exchangeOnline.rows(cmdlet, {}, signal);
      const [connectors, organizations, relationships, endpoints] = await Promise.all([
        rows('Get-IntraOrganizationConnector'),
        rows('Get-OnPremisesOrganization'),
        rows('Get-OrganizationRelationship'),
        // They only add to a sentence, and take a role of their own.
        rows('Get-MigrationEndpoint').catch((error: unknown) => {
          if (error instanceof Unobtainable) return error.message;
          throw error;
        }),
      ]);
      return exchangeOnlineHybridOf({ connectors, organizations, relationships, endpoints });
    }),
    'exchange-online-ews': fromExchangeOnline('exchange-online-ews', async (exchangeOnline, _, { signal }) =>
      exchangeOnlineEwsOf(
        await exchangeOnline.rows('Get-OrganizationConfig', { RetrieveEwsOperationAccessPolicy: true }, signal),
      ),
    ),

    'exchange-servers': collected('exchange-servers'),
    'virtual-directories': collected('virtual-directories'),
    'auth-servers': collected('auth-servers'),
    'partner-applications': collected('partner-applications'),
    'auth-certificate': collected('auth-certificate'),
    'on-premises-hybrid': collected('on-premises-hybrid'),
    'setting-overrides': collected('setting-overrides'),
    'ews-policies': collected('ews-policies'),
    'calendar-delegates': collected('calendar-delegates'),
    'entra-connect': collected('entra-connect'),
    writeback: collected('writeback'),
    'mail-builds': one('mail-builds', 1000, async () => {
      throw notSupplied('no message headers were supplied');
    }),

    'hybrid-option': one('hybrid-option', cloudLimitMs, async (_, context) => {
      const [entraConnect, cloudSync, writeback, recipients] = await Promise.all([
        context.gathered('entra-connect'),
        context.gathered('cloud-sync-jobs'),
        context.gathered('writeback'),
        context.gathered('exchange-online-recipients'),
      ]);
      return composeHybridOption({ entraConnect, cloudSync, writeback, recipients });
    }),
    'mailbox-homes': one('mailbox-homes', cloudLimitMs, async (_, context) => {
      const [servers, mail, declarations] = await Promise.all([
        context.gathered('exchange-servers'),
        context.gathered('mail-builds'),
        context.gathered('declarations'),
      ]);
      return composeMailboxHomes({ servers, mail, declarations }, context.now);
    }),
    'known-builds': one('known-builds', chainLimitMs, async (_, context) => {
      const [servers, mail, published] = await Promise.all([
        context.gathered('exchange-servers'),
        context.gathered('mail-builds'),
        context.gathered('published-version'),
      ]);
      return composeKnownBuilds({ servers, mail, published });
    }),
  };
}

/** Graph counts, and nobody is listed to be counted here. Undefined where it does not support the filters. */
async function countUsers(
  graph: GraphReader,
  domains: readonly string[],
  signal: AbortSignal,
): Promise<UsersInScope | undefined> {
  const filters = Array.from({ length: Math.ceil(domains.length / domainsPerFilter) }, (_, index) =>
    domains.slice(index * domainsPerFilter, (index + 1) * domainsPerFilter),
  );
  const counts = await Promise.all(
    filters.map(async (some) => {
      const [users, withoutTeams, withoutExchange] = await Promise.all([
        graph.counted(graphRequests.usersCounted(some), signal),
        graph.counted(graphRequests.usersWithout('teams', some), signal),
        graph.counted(graphRequests.usersWithout('exchange', some), signal),
      ]);
      if (users === undefined || withoutTeams === undefined || withoutExchange === undefined) return undefined;
      return { users, withoutTeams, withoutExchange };
    }),
  );
  const known = counts.flatMap((one) => (one === undefined ? [] : [one]));
  return known.length < counts.length ? undefined : countedUsersOf(known);
}

/** The domains to look at: as declared, else those of the tenant that carry mail. @throws Unobtainable when there are none */
async function domainsOf(organization: ExchangeOrganization, context: Context): Promise<readonly string[]> {
  if (organization.domains.length > 0) return organization.domains;
  // Whose tenant it is, is itself asked about the domains; without both there is nothing to begin with.
  if (organization.tenantId === undefined)
    throw new Unobtainable('insufficient', 'neither domains nor a tenant are named');
  const sync = await context.gathered('directory-synchronisation');
  const found = sync.status === 'known' ? sync.value.domains : [];
  const domains = found.filter(({ name, mail }) => mail && !isMicrosoftsOwn(name)).map(({ name }) => name);
  if (domains.length > 0) return domains;
  throw new Unobtainable('insufficient', 'no domain is named, and the tenant was not asked for its domains');
}

/** What the domain's Autodiscover says, with a note where both sides say that a mailbox was moved. @throws Unobtainable */
async function answersOnPremises({ autodiscover, exchangeOnline }: ProbeRun, domain: string): Promise<AutodiscoverV2> {
  const answers = await autodiscover.answers(domain);
  const sentOn = allOf<AutodiscoverAnswer>(answers).filter(({ outcome }) => outcome === 'exchange-online');
  if (sentOn.length === 0) return answers;
  const routing = await settled(exchangeOnline.routing(domain));
  const inCloud = 'value' in routing ? routing.value.users.filter(({ outcome }) => outcome === 'cloud-mailbox') : [];
  const marked = <A extends AutodiscoverAnswer>(answer: A): A =>
    answer.outcome === 'exchange-online' && inCloud.some(({ user }) => user === answer.email)
      ? { ...answer, moved: true }
      : answer;
  const { others } = answers;
  return { ...marked(answers), ...(others === undefined ? {} : { others: others.map(marked) }) };
}

/** Where Exchange Online sends callers, with the same note. @throws Unobtainable */
async function routingInTheCloud(probes: ProbeRun, domain: string): Promise<ExchangeOnlineAutodiscover> {
  const routing = await probes.exchangeOnline.routing(domain);
  const isInCloud = routing.users.some(({ outcome }) => outcome === 'cloud-mailbox');
  if (!isInCloud || !probes.domains.includes(domain)) return routing;
  const answers = await settled(probes.autodiscover.answers(domain));
  const sentOn = 'value' in answers ? allOf<AutodiscoverAnswer>(answers.value) : [];
  const isSentOn = (user: string) =>
    sentOn.some(({ email, outcome }) => email === user && outcome === 'exchange-online');
  return {
    ...routing,
    users: routing.users.map((one) =>
      one.outcome === 'cloud-mailbox' && isSentOn(one.user) ? { ...one, moved: true } : one,
    ),
  };
}

/** Declared hosts are looked at even where no domain is known. @throws Unobtainable when there is neither */
async function domainsToProbe(organization: ExchangeOrganization, context: Context): Promise<readonly string[]> {
  const domains = await settled(domainsOf(organization, context));
  if ('value' in domains) {
    const without = await domainsWithoutMailbox(organization, domains.value, context);
    return domains.value.filter((domain) => !without.includes(domain));
  }
  if (organization.hosts.length > 0) return [];
  throw domains.error;
}

/**
 * Domains in which nobody has a mailbox on premises: those of the cloud alone publish Autodiscover of Exchange Online, and
 * rightly so. None where the collector did not count every mailbox, and none where it would be all: then what was counted
 * is not what is asked about.
 */
async function domainsWithoutMailbox(
  organization: ExchangeOrganization,
  domains: readonly string[],
  context: Context,
): Promise<readonly string[]> {
  const servers = await context.gathered('exchange-servers');
  const counted = servers.status === 'known' ? servers.value.domains : undefined;
  if (counted === undefined) return [];
  const used = new Set([
    ...counted.flatMap(({ domain, mailboxes }) => (mailboxes > 0 ? [domain] : [])),
    ...sampleDomains(organization),
  ]);
  const without = domains.filter((domain) => !used.has(domain));
  return without.length === domains.length ? [] : without;
}

/** @throws Unobtainable when there is no domain: nothing looked at is no pass */
function someOf(domains: readonly string[]): readonly string[] {
  if (domains.length === 0) throw new Unobtainable('insufficient', 'no domain is named');
  return domains;
}

function sampleDomains({ sampleUsers }: ExchangeOrganization): readonly string[] {
  return sampleUsers.map(domainOf);
}

function leadsToEws({ ews, ewsUnknownFor }: Value<'published-host'>): boolean {
  return ews !== undefined || ewsUnknownFor.length > 0;
}

/** A host that is only the name a domain's Autodiscover would have is not asked for anything. @throws Unobtainable */
async function refuseUnrouted(probes: ProbeRun, host: string): Promise<void> {
  const namings = (await probes.hosts.all()).get(host)?.namedBy ?? [];
  for (const { domain, as } of namings) {
    if (as !== 'autodiscover' || domain === undefined) return;
    if (routeOf(await probes.autodiscover.dns(domain)) !== undefined) return;
  }
  throw new Unobtainable('insufficient', `DNS names no server of the organization at ${host}`);
}

async function reachOf(probes: ProbeRun): Promise<PublishedReach> {
  const answered: string[] = [];
  const silent: { host: string; why: string }[] = [];
  const inside: string[] = [];
  const hosts = [...(await probes.hosts.all()).keys()];
  const results = await Promise.all(
    hosts.map(async (host) => {
      const routed = await settled(refuseUnrouted(probes, host));
      return { host, tls: 'error' in routed ? routed : await settled(probes.wire.tls(host)) };
    }),
  );
  for (const { host, tls } of results) {
    if ('value' in tls) {
      answered.push(host);
      if (await probes.wire.isInside(host)) inside.push(host);
      // An IPv6 address alone costs nothing: callers fall back.
      const dead = (tls.value.silent ?? []).filter(({ address }) => !address.includes(':'));
      silent.push(...dead.map(({ address, why }) => ({ host: `${host} at ${address}`, why })));
    } else if (tls.error.reason === 'timeout' || tls.error.reason === 'unreachable')
      silent.push({ host, why: tls.error.message });
  }
  const leftOut = await probes.hosts.leftOut();
  return {
    answered,
    silent,
    ...(inside.length === 0 ? {} : { inside }),
    ...(leftOut.length === 0 ? {} : { leftOut: [...leftOut] }),
  };
}

type TenantAnswer = { found: Tenant['found'][number] } | { notFound: string } | { domain: string; why: string };

async function tenantBySignIn(
  domain: string,
  ask: (url: URL) => ReturnType<typeof get>,
  origin: string,
): Promise<TenantAnswer> {
  const answer = await settled(ask(new URL(`/${domain}/.well-known/openid-configuration`, origin)));
  if ('error' in answer) return { domain, why: answer.error.message };
  if (answer.value.status === 400 || answer.value.status === 404) return { notFound: domain };
  const found = answer.value.status === 200 ? readTenant(domain, answer.value.body) : undefined;
  return found === undefined
    ? { domain, why: `the sign-in endpoint answered ${answer.value.status} for ${domain} without naming a tenant` }
    : { found };
}

function notSupplied(why: string): Unobtainable {
  return new Unobtainable('not_supplied', why);
}

/** The tenant whose cloud is read: the declared one, else the one that the sign-in endpoint names for the domains. */
async function tenantToRead(organization: ExchangeOrganization, context: Context): Promise<CloudTenant> {
  if (organization.tenantId !== undefined) return { id: organization.tenantId, cloud: organization.cloud };
  const tenant = await context.gathered('tenant');
  const [found] = tenant.status === 'known' ? tenant.value.found : [];
  if (found === undefined) throw notSupplied('name the tenant (tenant.id in the organization document)');
  return { id: found.tenantId, cloud: organization.cloud };
}

/** Comes in the collector's file only. */
function collected<N extends Fact>(fact: N): Source<N> {
  return {
    fact,
    limitMs: 1000,
    gather: async () => {
      const [where, call] = entraConnectFacts.includes(fact)
        ? (['on the active Entra Connect server', '.\\Collect-TeamsInteropFacts.ps1'] as const)
        : (['in the Exchange Management Shell', '.\\Collect-TeamsInteropFacts.ps1 -SampleMailbox USER'] as const);
      throw notSupplied(
        `no file of Collect-TeamsInteropFacts.ps1 was supplied: run the collector ${where}, ${call}, and give its file with --facts`,
      );
    },
  };
}

function one<N extends Fact>(
  fact: N,
  limitMs: number,
  gather: (subject: ExchangeOrganization, context: Context) => Promise<Gathered<Value<N>>>,
): Source<N> {
  // The compiler cannot see that N is no part fact; the map above names each.
  return { fact, limitMs, gather: gather as unknown as Source<N>['gather'] };
}

function parts<N extends PartFact>(
  fact: N,
  gather: (
    subject: ExchangeOrganization,
    context: Context,
  ) => Promise<readonly (readonly [string, Promise<Gathered<Value<N>>>])[]>,
): Source<N> {
  const all = async (subject: ExchangeOrganization, context: Context) => {
    const entries = await gather(subject, context);
    return Object.fromEntries(await Promise.all(entries.map(async ([part, fact]) => [part, await fact] as const)));
  };
  return { fact, limitMs: chainLimitMs, gather: all as unknown as Source<N>['gather'] };
}
