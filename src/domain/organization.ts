import { z } from 'zod';
import { domainName } from './domain-name.ts';
import { severities } from './rule.ts';
import { clouds, declaration, intents, smtpServiceDeclaration } from './subject.ts';

/** `secret:NAME`, or an address written out, which only the local host accepts. */
const channelUrl = z
  .string()
  .refine((text) => /^secret:[A-Za-z][A-Za-z0-9_]*$/.test(text) || /^https?:\/\//.test(text), {
    error: 'is neither secret:NAME (NAME of the setting that holds the address) nor an http(s) address',
  });

const channel = z.strictObject({
  kind: z.enum(['teams-workflow', 'webhook', 'console']).default('teams-workflow'),
  url: channelUrl.optional(),
  /** A card every day also when nothing changed: a silent channel looks like a healthy one. */
  heartbeat: z.boolean().optional(),
});

/** What a document may set for a rule. */
export const rulePolicy = z.strictObject({
  severity: z.enum(severities).optional(),
  maxAgeDays: z.number().int().positive().optional(),
});

const ncrontab = z.string().regex(/^\S+( \S+){5}$/, {
  error: 'is no schedule; write six fields (second minute hour day month weekday, UTC), e.g. "0 0 6 * * *"',
});

const common = (schedule: string) => ({
  /** NCRONTAB with six fields, UTC. */
  schedule: ncrontab.default(schedule),
  channels: z.array(z.string()).default([]),
  rules: z.record(z.string(), rulePolicy).default({}),
});

const dkim = z.strictObject({
  ...common('0 0 6 * * *'),
  /** Left out: discovered from the tenant. */
  domains: z.array(domainName).optional(),
  ignore: z.array(z.string().min(1)).default([]),
  selectors: z
    .array(z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, { error: 'is no selector name' }))
    .min(1)
    .default(['selector1', 'selector2']),
});

const teamsExchangeInterop = z.strictObject({
  ...common('0 30 6 * * *'),
  domains: z.array(domainName).optional(),
  sampleUsers: z
    .array(z.string().regex(/^[^@\s]+@[^@\s]+$/, { error: 'is no user name; write it like adele@contoso.com' }))
    .default([]),
  hosts: z.array(domainName).default([]),
  intents: z.array(z.enum(intents)).default([]),
  declared: z.array(declaration).default([]),
});

const smtpSourceIp = z.strictObject({
  ...common('0 0 7 * * *'),
  services: z.array(smtpServiceDeclaration).default([]),
  declared: z.array(declaration).default([]),
});

/** Organization ids are part of keys and addresses, so they are narrow on purpose. */
export const organizationId = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, {
  error: 'is no organization id; use up to 63 lower-case letters, digits and hyphens',
});

/** The declarative watch list of one organization. Unknown keys are refused by path; every key but `id` has a default. */
export const organizationDocument = z
  .strictObject({
    $schema: z.string().optional(),
    id: organizationId,
    name: z.string().min(1).optional(),
    tenant: z.strictObject({ id: z.guid().optional(), cloud: z.enum(clouds).default('worldwide') }).optional(),
    channels: z
      .record(
        z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, {
          error: 'is no channel name; use lower-case letters, digits and hyphens',
        }),
        channel,
      )
      .default({}),
    /** How long history, refused notices, finished runs and expired facts are kept. */
    retentionDays: z.int().min(1).max(3_650).default(400),
    evaluations: z
      .strictObject({
        dkim: dkim.optional(),
        'teams-exchange-interop': teamsExchangeInterop.optional(),
        'smtp-source-ip': smtpSourceIp.optional(),
      })
      .default({}),
  })
  .superRefine((document, context) => {
    for (const [evaluation, settings] of Object.entries(document.evaluations)) {
      for (const [index, name] of (settings?.channels ?? []).entries()) {
        if (name in document.channels) continue;
        context.addIssue({
          code: 'custom',
          path: ['evaluations', evaluation, 'channels', index],
          message: `names the channel "${name}", which "channels" does not have`,
        });
      }
      for (const rule of Object.keys(settings?.rules ?? {})) {
        if (rule.startsWith(`${evaluation}/`)) continue;
        context.addIssue({
          code: 'custom',
          path: ['evaluations', evaluation, 'rules', rule],
          message: `is no rule of ${evaluation}`,
        });
      }
    }
  });

export type OrganizationDocument = z.infer<typeof organizationDocument>;

/** The published JSON Schema of the document, with which editors complete it. */
export function organizationSchema(): object {
  return z.toJSONSchema(organizationDocument, { io: 'input' });
}

/** A document that was refused, with one line for each fault: where, what, how to mend it. */
export class InvalidDocument extends Error {
  readonly issues: readonly string[];
  constructor(what: string, issues: readonly string[]) {
    super(`${what}: ${issues.join('; ')}`);
    this.name = 'InvalidDocument';
    this.issues = issues;
  }
}

/** @throws InvalidDocument naming the path of every fault. */
export function parseOrganization(value: unknown): OrganizationDocument {
  return parseDocument('organization document', organizationDocument, value);
}

/** Parses with a zod schema and speaks about faults as people do. @throws InvalidDocument */
export function parseDocument<T extends z.ZodType>(what: string, schema: T, value: unknown): z.infer<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new InvalidDocument(what, result.error.issues.map(describeIssue));
}

/** `evaluations.dkim.schedule: is no schedule; …` */
export function describeIssue(issue: z.core.$ZodIssue): string {
  const path = issue.path
    .map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`))
    .join('')
    .replace(/^\./, '');
  return path === '' ? issue.message : `${path}: ${issue.message}`;
}
