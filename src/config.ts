import { z } from 'zod';
import { describeIssue, InvalidDocument } from './domain/organization.ts';
import { readSchedule, scheduleForm } from './domain/schedule.ts';

const flag = z.stringbool({ truthy: ['1', 'true', 'yes', 'on'], falsy: ['0', 'false', 'no', 'off', ''] });

/** A Key Vault reference that Azure could not resolve arrives as its own text. */
const resolved = (text: z.ZodString) =>
  text.refine((value) => !value.startsWith('@Microsoft.KeyVault('), {
    error:
      "is a Key Vault reference that was not resolved; check that the secret exists and that the app's identity may read it",
  });

const listed = (separator: string) => (text: string) =>
  text
    .split(separator)
    .map((one) => one.trim())
    .filter((one) => one !== '');

const address = z.url({ protocol: /^https?$/, error: 'is no http(s) address' });

const schedule = (fallback: string) =>
  z
    .string()
    .refine((text) => readSchedule(text) !== undefined, {
      error: ({ input }) => `is "${input}", and must be ${scheduleForm}; until then its default "${fallback}" holds`,
    })
    .default(fallback);

/** Every setting the app reads, by the name it has in the environment. */
export const settingsSchema = z.object({
  /** Connection string of the storage; local and for tests. In Azure the identity-based settings below are used instead. */
  AzureWebJobsStorage: resolved(z.string()).optional(),
  AzureWebJobsStorage__accountName: z.string().optional(),
  AzureWebJobsStorage__tableServiceUri: address.optional(),
  AzureWebJobsStorage__queueServiceUri: address.optional(),
  AzureWebJobsStorage__credential: z
    .literal('managedidentity', { error: 'must be managedidentity, in lower case' })
    .optional(),
  AzureWebJobsStorage__clientId: z.string().optional(),
  /** Client id of the user-assigned identity that reads tenants. */
  FIELDCHECK_IDENTITY_CLIENT_ID: z.string().optional(),
  /** The tenant that the identity lives in; others are read with the application below. */
  FIELDCHECK_TENANT_ID: z.guid({ error: 'is no tenant id (a GUID)' }).optional(),
  /** Registration that people and applications sign in to fieldcheck with; nobody does without it. */
  FIELDCHECK_SIGN_IN_CLIENT_ID: z.guid({ error: 'is no client id (a GUID)' }).optional(),
  /** Whoever calls from this machine has all rights. Set by the local host only; refused in Azure. */
  FIELDCHECK_LOCAL_ACCESS: flag.default(false),
  /** Application that other tenants admit. It proves itself by certificate or secret, else the identity vouches for it. */
  FIELDCHECK_CLIENT_ID: z.guid({ error: 'is no client id (a GUID)' }).optional(),
  FIELDCHECK_CLIENT_SECRET: resolved(z.string()).optional(),
  FIELDCHECK_CLIENT_CERTIFICATE: resolved(z.string()).optional(),
  /** Comma-separated resolvers: `HOST[:PORT]` or `https://…/dns-query`. */
  FIELDCHECK_RESOLVERS: z.string().transform(listed(',')).optional(),
  /**
   * Resolvers for single zones, asked for what lies in them in place of all others: `HOST[:PORT]=ZONE ZONE …`,
   * comma-separated; several resolvers have a space between them. The local host sets it for its demo.
   */
  FIELDCHECK_ZONE_RESOLVERS: z
    .string()
    .transform((text) =>
      listed(',')(text).map((entry) => {
        const [, resolvers = '', zones = ''] = /^(.*)=(.*)$/.exec(entry) ?? [];
        return { resolvers: listed(' ')(resolvers), zones: listed(' ')(zones) };
      }),
    )
    .refine((all) => all.every(({ resolvers, zones }) => resolvers.length > 0 && zones.length > 0), {
      error: 'must be HOST[:PORT]=ZONE ZONE …, separated by commas',
    })
    .default([]),
  /** Queries per second to one resolver, at most. */
  FIELDCHECK_RESOLVER_RATE: z.coerce.number().positive({ error: 'must be a number above 0' }).optional(),
  /** Where people reach the app; links in notices start with it. */
  FIELDCHECK_PUBLIC_URL: address.transform((url) => url.replace(/\/+$/, '')).optional(),
  /** NCRONTAB, UTC: when due runs are looked for, and when waiting notices are. Used by the timers' bindings. */
  FIELDCHECK_DUE_SCHEDULE: schedule('0 * * * * *'),
  FIELDCHECK_DELIVERY_SCHEDULE: schedule('30 * * * * *'),
  /** When what is older than an organization wants it kept is deleted. */
  FIELDCHECK_RETENTION_SCHEDULE: schedule('0 0 3 * * *'),
  /** When the log, and the channels that ask for it, are told that all is running. */
  FIELDCHECK_HEARTBEAT_SCHEDULE: schedule('0 0 8 * * *'),
  /** Probes and notices may go to private, unique-local and loopback addresses. */
  FIELDCHECK_ALLOW_PRIVATE: flag.default(false),
  /** Comma-separated host suffixes of Workflows webhooks besides the known ones, for sovereign clouds. */
  FIELDCHECK_WEBHOOK_HOSTS: z.string().transform(listed(',')).default([]),
  /** Accept channel addresses written out in a document, and sinks on this machine. Set by the local host only. */
  FIELDCHECK_LOCAL_CHANNELS: flag.default(false),
  /** Ids of organizations of which saved facts are believed. Set by the local host only, for its demo. */
  FIELDCHECK_SAVED_FACTS: z.string().transform(listed(',')).default([]),
  /** The least that is logged. */
  FIELDCHECK_LOG_LEVEL: z.enum(['info', 'warn', 'error'], { error: 'must be info, warn or error' }).default('info'),
  /** Endpoints in place of the cloud's own. */
  FIELDCHECK_ENDPOINT_EXCHANGE_ONLINE: address.optional(),
  FIELDCHECK_ENDPOINT_GRAPH: address.optional(),
  FIELDCHECK_ENDPOINT_LOGIN: address.optional(),
});

export type Config = Readonly<z.infer<typeof settingsSchema>>;

const timerSettings = [
  'FIELDCHECK_DUE_SCHEDULE',
  'FIELDCHECK_DELIVERY_SCHEDULE',
  'FIELDCHECK_RETENTION_SCHEDULE',
  'FIELDCHECK_HEARTBEAT_SCHEDULE',
] as const;

/** A setting that holds the schedule of a timer. */
export type TimerSetting = (typeof timerSettings)[number];

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * What the binding of a timer says. The Functions host takes a timer out of service, and says so nowhere but in its log,
 * when its setting is missing or no NCRONTAB: then the default stands there in place of `%SETTING%`.
 */
export function timerSchedule(environment: Environment, setting: TimerSetting): string {
  const isUsable = isGiven(environment[setting]) && faultsOf(environment, setting).length === 0;
  return isUsable ? `%${setting}%` : settingsSchema.shape[setting].parse(undefined);
}

/** A sentence for each schedule of a timer that was set and cannot be read. */
export function timerFaults(environment: Environment): readonly string[] {
  return timerSettings.flatMap((setting) => faultsOf(environment, setting).map((fault) => `${setting} ${fault}.`));
}

function faultsOf(environment: Environment, setting: TimerSetting): readonly string[] {
  const given = environment[setting];
  if (!isGiven(given)) return [];
  return settingsSchema.shape[setting].safeParse(given).error?.issues.map(({ message }) => message) ?? [];
}

/** An empty setting is one that was not given: deployment templates leave those behind. */
function isGiven(value: string | undefined): boolean {
  return value !== undefined && value !== '';
}

/**
 * The environment as a typed configuration. Settings that are not ours are left alone, as are schedules that cannot be
 * read ({@link timerFaults}): a misspelt one must not stop everything else.
 *
 * @throws InvalidDocument naming every setting with a bad value, never the value itself
 */
export function loadConfig(environment: Environment): Config {
  const unread = timerSettings.filter((setting) => faultsOf(environment, setting).length > 0);
  const given = Object.fromEntries(
    Object.entries(environment).filter(([name, value]) => isGiven(value) && !unread.some((one) => one === name)),
  );
  const result = settingsSchema.safeParse(given);
  // Not by WEBSITE_INSTANCE_ID: the Functions host takes its absence as the sign of the Flex plan.
  if (
    result.data?.FIELDCHECK_LOCAL_ACCESS &&
    (isGiven(environment.WEBSITE_SITE_NAME) || isGiven(environment.WEBSITE_SKU))
  ) {
    throw new InvalidDocument('settings', [
      'FIELDCHECK_LOCAL_ACCESS: gives all rights to whoever calls, and this is Azure; remove it',
    ]);
  }
  if (result.success) return result.data;
  throw new InvalidDocument('settings', result.error.issues.map(describeIssue));
}
