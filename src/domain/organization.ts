import { z } from 'zod';
import { clouds } from './cloud.ts';
import { notOwned } from './json.ts';
import { channelWhen } from './route.ts';
import { keptRulePolicy, rulePolicy } from './rule.ts';
import type { OfTenant } from './tenant.ts';

const secretName = /^secret:[A-Za-z][A-Za-z0-9_]*$/;

/** `secret:NAME`, or an address written out, which only the local host accepts. */
const channelUrl = z.string().refine((text) => secretName.test(text) || /^(https?|smtps?):\/\//.test(text), {
  error: 'is neither secret:NAME (NAME of the setting that holds the address) nor an http(s) address',
});

export const channelKinds = ['teams-workflow', 'webhook', 'email', 'ping', 'console'] as const;

const mailAddress = z.email({ error: 'is no mail address' });

const channel = z
  .strictObject({
    kind: z
      .enum(channelKinds)
      .default('teams-workflow')
      .describe(
        'How it is told: a card in Teams, CloudEvents to an address of yours, a mail, a ping after every run that worked, or a line in the log.',
      ),
    url: channelUrl
      .optional()
      .describe(
        'secret:NAME, NAME being the setting that holds the address (CHANNEL_… or …_WEBHOOK): a Key Vault reference in Azure, the environment locally. Of email the SMTP server (smtp://USER:PASSWORD@HOST:587); without it Microsoft Graph sends. Not for a console.',
      ),
    signWith: z
      .string()
      .regex(secretName, { error: 'must be secret:NAME, NAME being the setting that holds the shared secret' })
      .optional()
      .describe(
        'Of a webhook: secret:NAME, NAME being the setting that holds the secret which every post is signed with.',
      ),
    contentType: z
      .enum(['application/cloudevents+json', 'application/json'])
      .optional()
      .describe(
        'Of a webhook: what the receiver takes; application/cloudevents+json when left out. The body is the same.',
      ),
    from: mailAddress.optional().describe('Of email: the mailbox that sends.'),
    to: z.array(mailAddress).min(1).max(50).optional().describe('Of email: who gets the mails.'),
    when: channelWhen.optional(),
    fallback: z
      .string()
      .optional()
      .describe(
        'The channel that is told when this one takes nothing; all others of this document are when it is left out.',
      ),
    heartbeat: z
      .boolean()
      .optional()
      .describe('A card every day also when nothing changed: a silent channel looks like a healthy one.'),
  })
  .superRefine((one, context) => {
    const refuse = (property: string, message: string) =>
      context.addIssue({ code: 'custom', path: [property], message });
    for (const [property, kind] of ofOneKind)
      if (one[property] !== undefined && one.kind !== kind) refuse(property, `is for channels of kind ${kind} only`);
    if (one.kind === 'email' && one.from === undefined) refuse('from', 'is missing: the mailbox that sends');
    if (one.kind === 'email' && one.to === undefined) refuse('to', 'is missing: the addresses that get the mails');
    const isMail = one.url !== undefined && /^smtps?:/.test(one.url);
    if (one.kind === 'email' ? one.url?.startsWith('http') : isMail)
      refuse('url', 'is an address of another kind of channel; smtp(s) is for email, http(s) for all others');
  })
  .describe('Somebody who is told what changed.');

/** Properties that one kind of channel alone has. */
const ofOneKind = [
  ['signWith', 'webhook'],
  ['contentType', 'webhook'],
  ['from', 'email'],
  ['to', 'email'],
] as const;

const ncrontab = z.string().regex(/^\S+( \S+){5}$/, {
  error: 'is no schedule; write six fields (second minute hour day month weekday, UTC), e.g. "0 0 6 * * *"',
});

/** What every evaluation has in an organization's document. */
const commonSettings = {
  schedule: ncrontab,
  channels: z
    .array(z.string())
    .default([])
    .describe('Who is told what changed: names from the channels of this document.'),
  rules: z.record(z.string(), keptRulePolicy).default({}),
};

/** Whatever an evaluation adds of its own stays as it is: its own schema reads it. */
const evaluationSettings = z.looseObject(commonSettings);
export type EvaluationSettings = z.infer<typeof evaluationSettings>;

/**
 * What an organization's document may say of an evaluation: when it runs by default, and what else there is to say.
 *
 * @param properties those that every evaluation has (`schedule`, `channels`, `rules`) may be narrowed
 */
export function settingsOf<P extends z.ZodRawShape>(schedule: string, properties: P) {
  return z.strictObject({
    ...commonSettings,
    schedule: ncrontab
      .default(schedule)
      .describe('When it runs: NCRONTAB with six fields (second minute hour day month weekday) in UTC.'),
    rules: z.record(z.string(), rulePolicy).default({}).describe('What is set for single rules, by their ids.'),
    ...properties,
  });
}

/** Organization ids are part of keys and addresses, so they are narrow on purpose. */
export const organizationId = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, {
    error: 'is no organization id; use up to 63 lower-case letters, digits and hyphens',
  })
  .refine(...notOwned);

const documentProperties = {
  $schema: z.string().optional().describe('Where the schema of this document is: editors complete it from there.'),
  id: organizationId.describe('What the organization is called in addresses and keys; it stays what it is.'),
  name: z.string().min(1).optional().describe('What people call the organization; its id when left out.'),
  tenant: z
    .strictObject({
      id: z.guid().optional().describe('The id of the tenant (a GUID).'),
      cloud: z.enum(clouds).default('worldwide').describe("Which of Microsoft's clouds the tenant is in."),
    })
    .optional()
    .describe('The Microsoft 365 tenant, which is asked for what only it knows.'),
  channels: z
    .record(
      z
        .string()
        .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, { error: 'is no channel name; use lower-case letters, digits and hyphens' })
        .refine(...notOwned),
      channel,
    )
    .default({})
    .describe('Who can be told what changed, by names of your own; each evaluation says which of them hear of it.'),
  retentionDays: z
    .int()
    .min(1)
    .max(3_650)
    .default(400)
    .describe('How many days history, finished runs, refused notices and expired facts are kept.'),
  report: z
    .strictObject({
      author: z.string().min(1).max(200).optional().describe('Who hands it on, as it stands in the report.'),
      logo: z
        .string()
        .max(150_000)
        .regex(/^data:image\/(?:png|jpeg|webp|svg\+xml);base64,[A-Za-z0-9+/]+=*$/, {
          error: 'is no picture in base64; write data:image/png;base64,… (png, jpeg, webp or svg+xml, up to 100 KB)',
        })
        .optional()
        .describe(
          'The logo of whoever hands it on, as data:image/png;base64,…: a report is one file and loads nothing.',
        ),
    })
    .optional()
    .describe('What stands in reports that are handed on.'),
  badge: z
    .boolean()
    .optional()
    .describe('Whether anybody may see the worst answer of each evaluation as a badge; nobody may when left out.'),
};

/** A document as it is kept: of what an evaluation adds of its own, that evaluation's schema is the judge. */
export const organizationDocument = z.strictObject({
  ...documentProperties,
  evaluations: z.record(z.string(), evaluationSettings.optional()).default({}),
});

/** The declarative watch list of one organization. Unknown keys are refused by path; every key but `id` has a default. */
export type OrganizationDocument = z.infer<typeof organizationDocument>;

/** What a subject of this organization knows of its tenant. */
export function tenantPropertiesOf({ tenant }: Pick<OrganizationDocument, 'tenant'>): OfTenant {
  if (tenant === undefined) return {};
  return { cloud: tenant.cloud, ...(tenant.id === undefined ? {} : { tenantId: tenant.id }) };
}

/** The schema of the document, with the part of each evaluation. */
export function organizationDocumentOf(
  evaluations: readonly {
    readonly id: string;
    readonly title: string;
    readonly settings: z.ZodType<EvaluationSettings>;
    readonly questions: readonly { readonly title: string }[];
    readonly rules: readonly { readonly id: string }[];
  }[],
): z.ZodType<OrganizationDocument> {
  return z
    .strictObject({
      ...documentProperties,
      evaluations: z
        .strictObject(
          Object.fromEntries(
            evaluations.map(({ id, title, questions, settings }) => {
              const asked = questions.map((question) => question.title).join(' ');
              return [id, settings.optional().describe(`${title}. ${asked}`.trim())];
            }),
          ),
        )
        .default({})
        .describe('What is watched: an evaluation runs when it is named here.'),
    })
    .superRefine((document, context) => {
      for (const [name, { fallback, when }] of Object.entries(document.channels)) {
        const refuse = (path: (string | number)[], message: string) =>
          context.addIssue({ code: 'custom', path: ['channels', name, ...path], message });
        if (fallback === name) refuse(['fallback'], 'is the channel itself; name another one');
        else if (fallback !== undefined && !Object.hasOwn(document.channels, fallback))
          refuse(['fallback'], `names the channel "${fallback}", which "channels" does not have`);
        else if (fallback !== undefined && document.channels[fallback]?.kind === 'ping')
          refuse(['fallback'], 'is a ping, which can be told nothing; name another channel');
        for (const [index, id] of (when?.evaluations ?? []).entries())
          if (!evaluations.some((one) => one.id === id))
            refuse(
              ['when', 'evaluations', index],
              `is no evaluation; there are ${evaluations.map((one) => one.id).join(', ')}`,
            );
      }
      for (const { id, rules } of evaluations) {
        const settings = document.evaluations[id];
        for (const [index, name] of (settings?.channels ?? []).entries()) {
          if (Object.hasOwn(document.channels, name)) continue;
          context.addIssue({
            code: 'custom',
            path: ['evaluations', id, 'channels', index],
            message: `names the channel "${name}", which "channels" does not have`,
          });
        }
        for (const rule of Object.keys(settings?.rules ?? {})) {
          if (rules.some((one) => one.id === rule)) continue;
          context.addIssue({
            code: 'custom',
            path: ['evaluations', id, 'rules', rule],
            message: `is no rule; the rules are ${rules.map((one) => one.id).join(', ')}`,
          });
        }
      }
    });
}

/** A document that was refused, with one line for each fault: where, what, how to mend it. */
export class InvalidDocument extends Error {
  readonly what: string;
  readonly issues: readonly string[];
  constructor(what: string, issues: readonly string[]) {
    super(`${what}: ${issues.join('; ')}`);
    this.what = what;
    this.name = 'InvalidDocument';
    this.issues = issues;
  }
}

/** Parses with a zod schema and speaks about faults as people do. @throws InvalidDocument */
export function parseDocument<T extends z.ZodType>(what: string, schema: T, value: unknown): z.infer<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new InvalidDocument(what, result.error.issues.map(describeIssue));
}

/** `channels.mail-team.url: is neither …` */
export function describeIssue(issue: z.core.$ZodIssue): string {
  const path = issue.path
    .map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`))
    .join('')
    .replace(/^\./, '');
  return path === '' ? issue.message : `${path}: ${issue.message}`;
}
