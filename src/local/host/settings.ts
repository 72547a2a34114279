import { z } from 'zod';

/** "hh:mm:ss" or "d.hh:mm:ss" as host.json writes times; read as milliseconds. */
const timeSpan = z.string().transform((text, context) => {
  const [, days = 0, hours, minutes, seconds] = /^(?:(\d+)\.)?(\d{1,2}):(\d\d):(\d\d(?:\.\d+)?)$/.exec(text) ?? [];
  if (seconds === undefined) {
    context.addIssue({ code: 'custom', message: 'must be a time like "00:00:30"' });
    return z.NEVER;
  }
  return (((Number(days) * 24 + Number(hours)) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000;
});

const hostJsonSchema = z.object({
  version: z.literal('2.0'),
  // Left out, the Flex plan allows 30 minutes; "-1" is without limit.
  functionTimeout: z.union([z.literal('-1').transform(() => Number.POSITIVE_INFINITY), timeSpan]).default(30 * 60_000),
  extensions: z
    .object({
      http: z.object({ routePrefix: z.string().default('api') }).prefault({}),
      queues: z
        .object({
          batchSize: z.int().min(1).max(32).default(16),
          newBatchThreshold: z.int().min(0).optional(),
          maxDequeueCount: z.int().min(1).default(5),
          visibilityTimeout: timeSpan.default(0),
          maxPollingInterval: timeSpan.refine((ms) => ms >= 100, 'must be at least 100 ms').default(60_000),
          messageEncoding: z.enum(['base64', 'none']).default('base64'),
        })
        .prefault({}),
    })
    .prefault({}),
  logging: z.object({ logLevel: z.record(z.string(), z.string()).default({}) }).prefault({}),
});

/** What the local host reads of host.json, times in milliseconds. */
export type HostSettings = z.output<typeof hostJsonSchema>;
export type QueueSettings = HostSettings['extensions']['queues'];

/**
 * Reads host.json (already parsed). Keys that the local host has no use for are left alone, as Azure does.
 *
 * @throws Error that names the key and what it must be
 */
export function readHostJson(hostJson: unknown): HostSettings {
  const read = hostJsonSchema.safeParse(hostJson);
  if (read.success) return read.data;
  const problems = read.error.issues.map((issue) => `${issue.path.join('.') || '(document)'}: ${issue.message}`);
  throw new Error(`host.json: ${problems.join('; ')}.`);
}

/** Application settings by name, as `process.env` holds them. */
export type AppSettings = Readonly<Record<string, string | undefined>>;

/**
 * Replaces each `%NAME%` by the application setting NAME, as the Functions host does in schedules and queue names.
 *
 * @throws Error that names `where` and the setting that is missing
 */
export function expandSettings(text: string, settings: AppSettings, where: string): string {
  return text.replace(/%([^%]+)%/g, (_, name: string) => {
    const value = settings[name];
    if (value === undefined) throw new Error(`${where} asks for %${name}%, but there is no setting named ${name}.`);
    return value;
  });
}

/** Whether the setting `AzureWebJobs.<name>.Disabled` takes a function out of service. */
export function isDisabled(functionName: string, settings: AppSettings): boolean {
  return /^(1|true)$/i.test(settings[`AzureWebJobs.${functionName}.Disabled`] ?? '');
}

/**
 * Puts application settings into `process.env`, where the app reads them in Azure too.
 *
 * @returns a function that puts back what stood there before
 */
export function enterEnvironment(settings: Readonly<Record<string, string>>): () => void {
  const before = Object.keys(settings).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, settings);
  return () => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  };
}
