import type { TokenCredential } from '@azure/identity';
import type { Config } from '../config.ts';
import type { Identity } from '../domain/access.ts';
import type { Notifier } from '../domain/notice.ts';
import { InvalidDocument, type OrganizationDocument } from '../domain/organization.ts';
import type { Registry } from '../evaluations/registry.ts';
import { createHttp, type Http } from '../http/client.ts';
import { createRoots } from '../http/roots.ts';
import { createBudgets, workflowBudget } from '../notifiers/budget.ts';
import { createNotifier, type GraphSender } from '../notifiers/index.ts';
import type { Queue } from '../queue/queue.ts';
import type { StorageQueue } from '../queue/storage-queue.ts';
import { endpointsOf } from '../sources/cloud-endpoints.ts';
import { defaultResolvers, type ResolverAddresses } from '../sources/dns/resolvers.ts';
import type { SignIn } from '../sources/entra.ts';
import { createTenantIdentity, type TenantIdentity } from '../sources/identity.ts';
import { createWorld, type World, type WorldOptions } from '../sources/world.ts';
import { createMemoryStore } from '../store/memory-store.ts';
import type { Store } from '../store/store.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import { type Log, silentLog } from './log.ts';

/** What the App stands on. Production makes them from the configuration; tests and the CLI put others in their place. */
export interface Ports {
  readonly store: Store;
  readonly queue: Queue;
  /** The evaluations there are. */
  readonly evaluations: Registry;
  /** What their sources ask. */
  readonly world: World;
  readonly log: Log;
  readonly clock: () => Date;
  readonly notifierFor: (document: OrganizationDocument, channel: string) => Notifier;
  readonly publicUrl: string | undefined;
  /** Channel addresses written out in a document are accepted: the local host only. */
  readonly localChannels: boolean;
  /** Ids of organizations that are made up, so that saved facts are all there is to know of them: the demo. */
  readonly savedFactsOf?: readonly string[];
  /** Traces and metrics of runs, when somebody collects them. */
  readonly telemetry?: Telemetry | undefined;
  /** Who does what is done; what happens by itself when left out. */
  readonly by?: Identity;
  /** How people and applications sign in; nobody does without it. */
  readonly signIn?: SignIn | undefined;
  /** Whoever calls from this machine has all rights: the local host only. */
  readonly localAccess?: boolean;
  /** The program of the thread in which large files are read; without it all is read in this thread. */
  readonly readingThread?: URL | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** The ports as deployed: Azure Storage, resolvers, tenants, Teams. SDKs that not every function needs load lazily. */
export async function productionPorts(
  evaluations: Registry,
  config: Config,
  environment: Environment,
  log: Log,
): Promise<Ports> {
  const { store, queue } = await openStorage(config);
  const resolverSettings = ['FIELDCHECK_RESOLVERS', 'FIELDCHECK_ZONE_RESOLVERS'].filter((name) => environment[name]);
  return {
    store,
    queue,
    evaluations,
    world: fromSetting(resolverSettings.join(' or '), () => createWorld(worldOptions(config, environment))),
    log,
    clock: () => new Date(),
    notifierFor: channelNotifiers(config, environment),
    publicUrl: config.FIELDCHECK_PUBLIC_URL,
    localChannels: config.FIELDCHECK_LOCAL_CHANNELS,
    savedFactsOf: config.FIELDCHECK_SAVED_FACTS,
    telemetry: await telemetryOf(environment),
    signIn: await signInOf(config),
    localAccess: config.FIELDCHECK_LOCAL_ACCESS,
  };
}

/** Do the standard variables name a collector, for everything, traces or metrics? */
export function namesCollector(environment: Environment): boolean {
  return ['', '_TRACES', '_METRICS'].some((of) => environment[`OTEL_EXPORTER_OTLP${of}_ENDPOINT`]);
}

export function isTelemetryOff({ OTEL_SDK_DISABLED: off }: Environment): boolean {
  return off?.toLowerCase() === 'true';
}

/** To whom the standard variables send; nobody without an address among them, or when they switch it off. */
async function telemetryOf(environment: Environment): Promise<Telemetry | undefined> {
  if (!namesCollector(environment) || isTelemetryOff(environment)) return undefined;
  const { createTelemetry } = await import('../telemetry/opentelemetry.ts');
  return createTelemetry();
}

/** Loaded only where somebody can sign in. */
async function signInOf(config: Config): Promise<SignIn | undefined> {
  const { FIELDCHECK_SIGN_IN_CLIENT_ID: clientId, FIELDCHECK_TENANT_ID: tenantId } = config;
  if (clientId === undefined) return undefined;
  if (tenantId === undefined) {
    throw new InvalidDocument('settings', [
      'FIELDCHECK_SIGN_IN_CLIENT_ID: needs FIELDCHECK_TENANT_ID, the tenant whose people may sign in',
    ]);
  }
  const { createSignIn } = await import('../sources/entra.ts');
  return createSignIn(
    {
      clientId: clientId.toLowerCase(),
      tenantId: tenantId.toLowerCase(),
      login: config.FIELDCHECK_ENDPOINT_LOGIN,
      managedIdentityClientId: config.FIELDCHECK_IDENTITY_CLIENT_ID,
    },
    createHttp(),
  );
}

/** The ports of one evaluation from a shell: sources as deployed, nothing stored, nobody told. */
export function shellPorts(
  evaluations: Registry,
  config: Config,
  environment: Environment,
  options: Partial<WorldOptions>,
): Ports {
  return {
    store: createMemoryStore(),
    queue: { open: async () => {}, sendSlices: async () => {}, sendDue: async () => {}, sendDelivery: async () => {} },
    evaluations,
    world: createWorld({ ...worldOptions(config, environment), ...options }),
    log: silentLog,
    clock: () => new Date(),
    notifierFor: () => {
      throw new Error('An evaluation from the shell tells nobody.');
    },
    publicUrl: undefined,
    localChannels: true,
  };
}

/** As {@link shellPorts}, over the storage where the settings name one and a document says whose it is; it is only read. */
export async function lookPorts(
  evaluations: Registry,
  config: Config,
  environment: Environment,
  options: Partial<WorldOptions>,
  document: OrganizationDocument | undefined,
): Promise<Ports> {
  const ports = shellPorts(evaluations, config, environment, options);
  return document === undefined || !namesStorage(config)
    ? ports
    : { ...ports, store: (await openStorage(config)).store };
}

function namesStorage(config: Config): boolean {
  const { AzureWebJobsStorage, AzureWebJobsStorage__accountName, AzureWebJobsStorage__tableServiceUri } = config;
  return [AzureWebJobsStorage, AzureWebJobsStorage__accountName, AzureWebJobsStorage__tableServiceUri].some(
    (value) => value !== undefined,
  );
}

/** What the settings say about sources. Credentials are used only when they were configured. */
export function worldOptions(
  config: Config,
  environment: Environment,
): WorldOptions & { readonly resolvers: ResolverAddresses } {
  const configured = config.FIELDCHECK_IDENTITY_CLIENT_ID ?? config.FIELDCHECK_CLIENT_ID;
  const named = config.FIELDCHECK_RESOLVERS;
  return {
    resolvers: {
      ...(named === undefined ? defaultResolvers(environment) : { first: named, secondOpinion: [] }),
      zones: config.FIELDCHECK_ZONE_RESOLVERS,
    },
    ratePerSecond: config.FIELDCHECK_RESOLVER_RATE,
    allowPrivate: config.FIELDCHECK_ALLOW_PRIVATE,
    endpoints: {
      exchangeOnline: config.FIELDCHECK_ENDPOINT_EXCHANGE_ONLINE,
      graph: config.FIELDCHECK_ENDPOINT_GRAPH,
      login: config.FIELDCHECK_ENDPOINT_LOGIN,
    },
    ...(configured === undefined
      ? {}
      : {
          identity: {
            managedIdentityClientId: config.FIELDCHECK_IDENTITY_CLIENT_ID,
            ownTenantId: config.FIELDCHECK_TENANT_ID,
            clientId: config.FIELDCHECK_CLIENT_ID,
            clientSecret: config.FIELDCHECK_CLIENT_SECRET,
            clientCertificate: config.FIELDCHECK_CLIENT_CERTIFICATE,
          },
        }),
  };
}

/**
 * Turns a channel of a document into its notifier; `secret:NAME` is the setting NAME of the environment. Budgets of addresses
 * hold as long as what it returns is kept.
 */
export function channelNotifiers(
  config: Config,
  environment: Environment,
  { clock = () => new Date(), ca }: { readonly clock?: () => Date; readonly ca?: readonly string[] } = {},
): Ports['notifierFor'] {
  const keepingTo = createBudgets(clock);
  const graphFor = graphSenders(config, environment, ca);
  return (document, name) => {
    const channel = document.channels[name];
    if (channel === undefined) throw new Error(`channel "${name}" is no longer in the document of ${document.id}`);
    const settingOf = (reference: string | undefined, holds: string): string | undefined => {
      if (reference?.startsWith('secret:') !== true) return reference;
      const setting = reference.slice('secret:'.length);
      const value = environment[setting];
      if (value === undefined || value === '')
        throw new Error(
          `channel "${name}" of ${document.id}: the setting ${setting}, which should hold its ${holds}, is not set`,
        );
      return value;
    };
    const url = settingOf(channel.url, 'address');
    const notifier = createNotifier(
      { ...channel, url, signWith: settingOf(channel.signWith, 'shared secret') },
      {
        allowedHostSuffixes: config.FIELDCHECK_WEBHOOK_HOSTS,
        allowLocal: config.FIELDCHECK_LOCAL_CHANNELS,
        allowPrivate: config.FIELDCHECK_ALLOW_PRIVATE,
        ...(channel.kind === 'email' && url === undefined ? { graph: graphFor(document) } : {}),
        ...(ca === undefined ? {} : { roots: createRoots(ca) }),
      },
    );
    return channel.kind === 'teams-workflow' && url !== undefined ? keepingTo(notifier, url, workflowBudget) : notifier;
  };
}

/** Who sends mails through Microsoft Graph: the app's identity, in its own tenant, else in that of the organization. */
function graphSenders(
  config: Config,
  environment: Environment,
  ca: readonly string[] | undefined,
): (document: OrganizationDocument) => GraphSender | undefined {
  const { identity: settings, endpoints = {} } = worldOptions(config, environment);
  // Made when the first mail is sent: hardly anybody sends mails this way.
  let opened: { readonly http: Http; readonly identity: TenantIdentity | undefined } | undefined;
  return ({ tenant }) => {
    const id = config.FIELDCHECK_TENANT_ID ?? tenant?.id;
    if (settings === undefined || id === undefined) return undefined;
    if (opened === undefined) {
      const http = createHttp({ ca });
      opened = { http, identity: createTenantIdentity(settings, { endpoints, roots: http.roots }) };
    }
    const { http, identity } = opened;
    if (identity === undefined) return undefined;
    const sender = { id, cloud: tenant?.cloud ?? 'worldwide' };
    return {
      origin: endpointsOf(sender.cloud, endpoints).graph,
      clientId: identity.clientIdFor(sender),
      token: (rejected) => identity.token(sender, 'graph', rejected),
      http,
    };
  };
}

/**
 * Tables and queues as the settings name them; nothing is asked yet.
 *
 * @throws Error with a sentence when the settings name none, InvalidDocument when they cannot be used
 */
export async function openStorage(config: Config): Promise<{ store: Store; queue: StorageQueue }> {
  const [{ createTableStore }, { createStorageQueue, queueOptions }, { QueueServiceClient }] = await Promise.all([
    import('../store/table-store.ts'),
    import('../queue/storage-queue.ts'),
    import('@azure/storage-queue'),
  ]);
  const connectionString = config.AzureWebJobsStorage;
  if (connectionString !== undefined) {
    return fromSetting('AzureWebJobsStorage', () => ({
      store: createTableStore({ connectionString }),
      queue: createStorageQueue(QueueServiceClient.fromConnectionString(connectionString, queueOptions)),
    }));
  }
  const account = config.AzureWebJobsStorage__accountName;
  const tables =
    config.AzureWebJobsStorage__tableServiceUri ??
    (account === undefined ? undefined : `https://${account}.table.core.windows.net`);
  const queues =
    config.AzureWebJobsStorage__queueServiceUri ??
    (account === undefined ? undefined : `https://${account}.queue.core.windows.net`);
  if (tables === undefined || queues === undefined) {
    throw new Error(
      'No storage is configured. Set AzureWebJobsStorage__accountName (with AzureWebJobsStorage__credential and __clientId) in Azure, or AzureWebJobsStorage to a connection string locally.',
    );
  }
  const credential = await storageCredential(config);
  return {
    store: createTableStore({ tableServiceUrl: tables, credential }),
    queue: createStorageQueue(new QueueServiceClient(queues, credential, queueOptions)),
  };
}

/** @throws InvalidDocument naming the setting, when its value cannot be used */
function fromSetting<T>(name: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw new InvalidDocument('settings', [`${name}: ${error instanceof Error ? error.message : String(error)}`]);
  }
}

/** In Azure that of the app; elsewhere that of whoever has signed in with `az login`, who needs FIELDCHECK_DEVELOPER_ACCESS. */
async function storageCredential(config: Config): Promise<TokenCredential> {
  const { AzureCliCredential, ManagedIdentityCredential } = await import('@azure/identity');
  const { AzureWebJobsStorage__credential: kind, AzureWebJobsStorage__clientId: clientId } = config;
  if (kind === undefined && clientId === undefined) return new AzureCliCredential();
  return clientId === undefined ? new ManagedIdentityCredential() : new ManagedIdentityCredential({ clientId });
}
