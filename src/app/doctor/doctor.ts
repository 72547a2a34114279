// Does everything that fieldcheck needs work from here? Works also where the app refuses to start: every part is looked
// at by itself. Nothing is changed, nothing is posted, and no secret is in what it says.
import { z } from 'zod';
import { type Config, settingsSchema } from '../../config.ts';
import {
  type channelKinds,
  describeIssue,
  InvalidDocument,
  type OrganizationDocument,
} from '../../domain/organization.ts';
import { receiversIn, untakenOf } from '../../domain/route.ts';
import { enumerate } from '../../domain/words.ts';
import type { Registry } from '../../evaluations/registry.ts';
import { createHttp, type Http } from '../../http/client.ts';
import { errorCode } from '../../http/failure-words.ts';
import { DnsFailure } from '../../sources/dns/answer.ts';
import { createResolver } from '../../sources/dns/resolver.ts';
import { StoreUnavailable } from '../../store/store.ts';
import { watchesOf } from '../organizations/watches.ts';
import { channelNotifiers, isTelemetryOff, namesCollector, openStorage, worldOptions } from '../ports.ts';
import { type Check, couldNotLook, type Examination, missing, ok } from './check.ts';
import { examineTenants } from './tenant-check.ts';

export interface ExamineOptions {
  /** Looked at besides those that are stored. */
  readonly documents?: readonly OrganizationDocument[];
  /** PEM texts of roots to trust besides the public ones. */
  readonly ca?: readonly string[];
  /** As a world has it (`WorldOptions`). */
  readonly tenantRequestsPerSecond?: number;
  readonly now?: () => Date;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Tokens and storage signatures are refused by a clock that is several minutes off; a minute is a clock nobody sets. */
const clockToleranceMs = 60_000;

const answerLimitMs = 5_000;

/** Every resolver of the Internet knows it. */
const wellKnownName = 'microsoft.com';

/** Looks at everything, side by side where that goes; never throws for what it finds. @returns it also as lines of text */
export async function examine(
  evaluations: Registry,
  environment: Environment,
  options: ExamineOptions = {},
): Promise<Examination & { readonly text: string }> {
  const http = createHttp({ ca: options.ca });
  const { config, checks: settings } = examineSettings(environment);
  const telemetry = examineTelemetry(environment);
  const storage = examineStorage(config);
  // Those that are stored, and in their place those that are given.
  const watched = storage.then((found) => [
    ...new Map([...found.documents, ...(options.documents ?? [])].map((document) => [document.id, document])).values(),
  ]);
  const world = { ...worldOptions(config, environment), tenantRequestsPerSecond: options.tenantRequestsPerSecond };
  const [{ checks: stored, readable }, documents, clock, resolvers, tenants] = await Promise.all([
    storage,
    watched,
    examineClock(config, http, options.now ?? (() => new Date())),
    examineResolvers(config, environment, http),
    watched.then((all) => examineTenants(evaluations, all, world, http)),
  ]);
  http.close();
  const organizations =
    readable && documents.length === 0
      ? [
          missing(
            'organization',
            'organizations',
            'There is none: nothing is watched.',
            'Write a document as the README shows, then: npm run fieldcheck -- apply organizations.json',
          ),
        ]
      : [];
  const channels = documents.flatMap((document) => examineChannels(document, config, environment));
  const routes = documents.flatMap((document) => examineRoutes(evaluations, document));
  const checks = [
    ...settings,
    ...telemetry,
    ...stored,
    ...clock,
    ...resolvers,
    ...organizations,
    ...channels,
    ...routes,
    ...tenants,
  ];
  return { state: stateOf(checks), checks, text: textOf(checks) };
}

/** The worst of them; what is optional is told, but does not count. */
function stateOf(checks: readonly Check[]): Examination['state'] {
  const needed = checks.filter(({ optional }) => optional !== true);
  if (needed.some(({ state }) => state === 'missing')) return 'missing';
  return needed.some(({ state }) => state === 'could not look') ? 'could not look' : 'ok';
}

/** One line for each check, and below it the step that mends it. */
function textOf(checks: readonly Check[]): string {
  return checks
    .map(({ area, what, state, detail, step, optional }) => {
      const line = `${state.padEnd(15)} ${area.padEnd(13)} ${what}: ${detail}${optional === true ? ' (optional)' : ''}\n`;
      return step === undefined ? line : `${line}${' '.repeat(16)}→ ${step}\n`;
    })
    .join('');
}

const correct = (name: string) =>
  `Correct ${name}: in Azure with "azd env set" and "azd provision" (infra/README.md), elsewhere in the environment; then restart the app.`;

const readReference =
  'In Azure, "Environment variables" of the app names the reason: the secret is missing, or the identity lacks the role Key Vault Secrets User. Mend it, then restart the app.';

/** What the standard variables of OpenTelemetry come to, where any of them is set. Nothing is sent to the collector. */
function examineTelemetry(environment: Environment): readonly Check[] {
  const set = Object.keys(environment).filter((name) => name.startsWith('OTEL_') && environment[name] !== '');
  if (set.length === 0) return [];
  const optional = (check: Check): Check => ({ ...check, optional: true });
  if (isTelemetryOff(environment))
    return [ok('telemetry', 'OpenTelemetry', 'switched off by OTEL_SDK_DISABLED; nothing is sent')];
  if (!namesCollector(environment))
    return [
      optional(
        missing(
          'telemetry',
          'OpenTelemetry',
          `${enumerate(set.sort())} set, but no collector; nothing is sent`,
          'Set OTEL_EXPORTER_OTLP_ENDPOINT to the address of the collector (http://HOST:4318), then restart the app.',
        ),
      ),
    ];
  const protocols = [
    'OTEL_EXPORTER_OTLP_PROTOCOL',
    'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL',
    'OTEL_EXPORTER_OTLP_METRICS_PROTOCOL',
  ]
    .filter((name) => !['', 'http/json'].includes(environment[name] ?? ''))
    .map((name) =>
      optional(
        missing(
          'telemetry',
          name,
          `${environment[name]} is not offered; traces and metrics go as http/json all the same`,
          `Set ${name} to http/json and the endpoint to the collector's address for OTLP over HTTP, usually port 4318; it takes JSON there beside protobuf. Then restart the app.`,
        ),
      ),
    );
  return protocols.length > 0
    ? protocols
    : [ok('telemetry', 'OpenTelemetry', 'traces and metrics of runs go to the collector as http/json')];
}

/** Every setting by itself; what cannot be used is left out of the configuration that the other checks go on with. */
function examineSettings(environment: Environment): { config: Config; checks: readonly Check[] } {
  const usable: Record<string, string> = {};
  const checks = Object.entries(settingsSchema.shape).map(([name, schema]) => {
    const value = environment[name];
    if (value === undefined || value === '') return ok('setting', name, 'not set; the default holds');
    if (isReference(value)) return unresolved(name);
    const parsed = z.safeParse(schema, value);
    if (!parsed.success) {
      return missing('setting', name, parsed.error.issues.map(describeIssue).join('; '), correct(name));
    }
    usable[name] = value;
    return ok('setting', name, 'set');
  });
  const references = Object.entries(environment).filter(
    ([name, value]) => !(name in settingsSchema.shape) && isReference(value),
  );
  return {
    config: settingsSchema.parse(usable),
    checks: [...checks, ...references.map(([name]) => unresolved(name))],
  };
}

function isReference(value: string | undefined): boolean {
  return value?.startsWith('@Microsoft.KeyVault(') === true;
}

function unresolved(name: string): Check {
  return missing('setting', name, 'is a Key Vault reference that was not resolved', readReference);
}

/** Tables and queues, each by being read; none is made. */
async function examineStorage(
  config: Config,
): Promise<{ checks: readonly Check[]; documents: readonly OrganizationDocument[]; readable: boolean }> {
  let opened: Awaited<ReturnType<typeof openStorage>>;
  try {
    opened = await openStorage(config);
  } catch (error) {
    const detail = sentenceOf(error);
    return {
      checks: [missing('storage', 'account', detail, correct('AzureWebJobsStorage'))],
      documents: [],
      readable: false,
    };
  }
  const { store, queue } = opened;
  // Reading a partition that does not exist asks the table all the same.
  const nobody = { organization: 'doctor', evaluation: 'doctor' };
  let documents: readonly OrganizationDocument[] = [];
  const parts: readonly (readonly [string, () => Promise<unknown>])[] = [
    [
      'table organizations',
      async () => {
        documents = await store.organizations();
      },
    ],
    ['table evaluations', () => store.runs(nobody, 1)],
    ['table facts', () => store.facts(nobody)],
    ['queue slices', () => queue.ping('slices')],
    ['queue deliveries', () => queue.ping('deliveries')],
  ];
  const checks = await Promise.all(parts.map(([what, read]) => examineStoragePart(what, read)));
  await store.close();
  return { checks, documents, readable: checks[0]?.state === 'ok' };
}

async function examineStoragePart(what: string, read: () => Promise<unknown>): Promise<Check> {
  try {
    await read();
    return ok('storage', what, 'answers');
  } catch (error) {
    const detail = sentenceOf(error);
    if (!(error instanceof StoreUnavailable)) return couldNotLook('storage', what, detail, 'See the log of the app.');
    if (/ 404 /.test(detail)) {
      return missing('storage', what, detail, 'azd provision makes it; on your own machine npm start does.');
    }
    if (/ 40[13] |no token/.test(detail)) {
      const role = what.startsWith('queue') ? 'Storage Queue Data Contributor' : 'Storage Table Data Contributor';
      return missing(
        'storage',
        what,
        detail,
        `azd provision gives the identity the role ${role}; it needs a minute to take effect. Elsewhere check the key in AzureWebJobsStorage.`,
      );
    }
    return couldNotLook(
      'storage',
      what,
      detail,
      'Check the address in AzureWebJobsStorage… and the way to it (private endpoints, firewall); on your own machine npm start must be running.',
    );
  }
}

/** This machine's clock against the storage server's `Date` header. */
async function examineClock(config: Config, http: Http, now: () => Date): Promise<readonly Check[]> {
  const address = tableAddress(config);
  if (address === undefined) return [];
  const what = `against ${address.host}`;
  try {
    const signal = AbortSignal.timeout(answerLimitMs);
    const { headers } = await http.send({ to: address, method: 'GET', signal, bodyLimit: 0, startIsEnough: true });
    const theirs = Date.parse(headers.date ?? '');
    if (Number.isNaN(theirs)) {
      return [couldNotLook('clock', what, 'the answer has no time in it', `Compare the clock by hand.`)];
    }
    const off = now().getTime() - theirs;
    const seconds = Math.round(Math.abs(off) / 1_000);
    if (Math.abs(off) <= clockToleranceMs) return [ok('clock', what, `${seconds} s apart`)];
    return [
      missing(
        'clock',
        what,
        `this machine is ${seconds} s ${off > 0 ? 'ahead' : 'behind'}; sign-ins and schedules go wrong`,
        'Set the clock by NTP (timedatectl set-ntp true; on Windows w32tm /resync).',
      ),
    ];
  } catch {
    const step = 'Mend the way to the storage first, see above.';
    return [couldNotLook('clock', what, 'the storage does not answer', step)];
  }
}

function tableAddress(config: Config): URL | undefined {
  const connection = config.AzureWebJobsStorage;
  if (connection === undefined) {
    const account = config.AzureWebJobsStorage__accountName;
    const uri = account === undefined ? undefined : `https://${account}.table.core.windows.net`;
    return URL.parse(config.AzureWebJobsStorage__tableServiceUri ?? uri ?? '') ?? undefined;
  }
  if (/^UseDevelopmentStorage=true/i.test(connection)) return new URL('http://127.0.0.1:10002');
  const part = (name: string) => new RegExp(`(?:^|;)\\s*${name}=([^;]+)`, 'i').exec(connection)?.[1];
  const endpoint = part('TableEndpoint');
  if (endpoint !== undefined) return URL.parse(endpoint) ?? undefined;
  const [account, suffix = 'core.windows.net'] = [part('AccountName'), part('EndpointSuffix')];
  return account === undefined ? undefined : (URL.parse(`https://${account}.table.${suffix}`) ?? undefined);
}

async function examineResolvers(config: Config, environment: Environment, http: Http): Promise<readonly Check[]> {
  const { first, secondOpinion, zones = [] } = worldOptions(config, environment).resolvers;
  return Promise.all([
    ...[...first, ...secondOpinion].map((address) => examineResolver(address, http)),
    ...zones.flatMap(({ resolvers, zones: [zone] }) =>
      resolvers.map((address) => examineResolver(address, http, zone)),
    ),
  ]);
}

/** @param zone the resolver is asked for this zone alone, and need not know other names */
async function examineResolver(address: string, http: Http, zone?: string): Promise<Check> {
  const setting = zone === undefined ? 'FIELDCHECK_RESOLVERS' : 'FIELDCHECK_ZONE_RESOLVERS';
  let resolver: ReturnType<typeof createResolver>;
  try {
    resolver = createResolver({ address, http, timeouts: [1_000, 2_000] });
  } catch (error) {
    return missing('resolver', address, sentenceOf(error), correct(setting));
  }
  try {
    const { rcode, recursionAvailable } = await resolver.query(zone ?? wellKnownName, 'NS');
    if (zone !== undefined || (rcode === 'NOERROR' && recursionAvailable)) return ok('resolver', address, 'answers');
    return missing(
      'resolver',
      address,
      rcode === 'NOERROR'
        ? 'answers, but does not follow delegations'
        : `says that ${wellKnownName} does not exist, so it does not know the public names`,
      `Name a resolver that does recursion in ${setting}.`,
    );
  } catch (error) {
    const step = `Let UDP and TCP port 53 out to it (https for DNS over HTTPS), or name another resolver in ${setting}.`;
    if (error instanceof DnsFailure && error.reason === 'unreachable') {
      return couldNotLook('resolver', address, `cannot be reached (${errorCode(error.cause)})`, step);
    }
    const detail = error instanceof DnsFailure ? `does not answer (${error.reason})` : sentenceOf(error);
    return missing('resolver', address, detail, step);
  } finally {
    resolver.close();
  }
}

/** Is everything there that a channel takes, and may notices go there? Nothing is posted: `notify test` does that. */
function examineChannels(document: OrganizationDocument, config: Config, environment: Environment): readonly Check[] {
  const notifierFor = channelNotifiers(config, environment);
  return Object.entries(document.channels).map(([name, { kind, url, signWith, from }]) => {
    const what = `${name} of ${document.id}`;
    try {
      notifierFor(document, name);
    } catch (error) {
      const setting = url?.startsWith('secret:') === true ? url.slice('secret:'.length) : undefined;
      const step =
        setting === undefined
          ? kind === 'email'
            ? 'Configure the identity that sends, or name an SMTP server (infra/operations/channels/email.md).'
            : `Put the address into a setting and write secret:NAME in the document of ${document.id}.`
          : `Store the channel's address as the secret of ${setting} (infra/README.md, "Channels"), then restart the app.`;
      return missing('channel', what, sentenceOf(error), step);
    }
    const signed = kind === 'webhook' && signWith === undefined ? '; its posts are not signed (signWith)' : '';
    return ok('channel', what, `${usableWords[kind === 'email' && url === undefined ? 'graph' : kind](from)}${signed}`);
  });
}

/** Does somebody hear of everything that is worth telling? Who limits routes may want it so: it is said, and does not count. */
function examineRoutes(evaluations: Registry, document: OrganizationDocument): readonly Check[] {
  return watchesOf(evaluations, document).map(({ evaluation }) => {
    const what = `${evaluation} of ${document.id}`;
    const receivers = receiversIn(document, evaluation);
    // Without channels nothing is meant to be told.
    if (Object.keys(receivers).length === 0) return ok('route', what, 'has no channel: nobody is told what changes');
    const untaken = untakenOf(receivers, evaluation);
    if (untaken.length === 0) return ok('route', what, 'everything worth telling goes to a channel');
    const step = `Name a channel without "when" in its "channels", or widen a "when", in the document of ${document.id}.`;
    return { ...missing('route', what, `no channel hears of ${enumerate(untaken)}`, step), optional: true };
  });
}

const hasAddress = () => 'has an address that notices may go to';

const usableWords: Readonly<Record<(typeof channelKinds)[number] | 'graph', (from?: string) => string>> = {
  'teams-workflow': hasAddress,
  webhook: hasAddress,
  email: (from) => `has a server that takes mails; sends as ${from}`,
  graph: (from) => `sends as ${from} through Microsoft Graph; whether it may, only a mail shows: notify test`,
  ping: () => 'has an address that is called after every run',
  console: () => 'prints',
};

function sentenceOf(error: unknown): string {
  if (error instanceof InvalidDocument) return error.issues.join('; ');
  return error instanceof Error ? error.message : String(error);
}
