import { z } from 'zod';
import { notOwned } from '../../../domain/json.ts';
import { isTime } from '../../../domain/time.ts';
import { reasonFirst } from '../../supplied/powershell-error.ts';
import { linuxSection } from './linux-section.ts';

/*
 * The fact file `smtp-source-ip/1`, as the collector, another shell or a person's own ConvertTo-Json writes it: enums as
 * numbers, numbers in quotes, names or booleans; a bare object for a list of one; empty text for nothing. Parsing gives
 * one spelling of each value; a value that means nothing is refused by path.
 */

const nothing = (value: unknown) => (value === null || value === '' ? undefined : value);

/** A value that may be missing, `null` or empty. */
const maybe = <T extends z.ZodType>(schema: T) => z.preprocess(nothing, schema.optional());

/** A list; PowerShell unwraps a list of one. */
const list = <T extends z.ZodType>(item: T) =>
  z.preprocess((value) => {
    const given = nothing(value);
    return given === undefined ? [] : Array.isArray(given) ? given : [given];
  }, z.array(item));

/** A section: like a list, but a missing one is not an empty one. */
const section = <T extends z.ZodType>(item: T) =>
  z.preprocess((value) => {
    const given = nothing(value);
    return given === undefined || Array.isArray(given) ? given : [given];
  }, z.array(item).optional());

const text = z.preprocess((value) => (typeof value === 'number' ? String(value) : value), z.string());

const count = z.preprocess(
  (value) => (typeof value === 'string' && /^-?\d+$/.test(value.trim()) ? Number(value) : value),
  z.number({ error: 'is no number' }),
);

/** `true`, `1`, `"True"`, `"1"` and their opposites. */
const truth = z.unknown().transform((value, context): boolean => {
  const word = String(value).trim().toLowerCase();
  if (word === 'true' || word === '1') return true;
  if (word === 'false' || word === '0') return false;
  context.issues.push({ code: 'custom', message: 'is neither true nor false', input: value });
  return z.NEVER;
});

/** ISO 8601, or `/Date(milliseconds)/` of PowerShell 5.1; to ISO 8601 in UTC. Without a zone it is taken as UTC. */
const instant = z.unknown().transform((value, context): string => {
  const written = String(value);
  const ticks = /^\\?\/Date\((-?\d+)(?:[+-]\d{4})?\)\\?\/$/.exec(written)?.[1];
  const zoned = /[zZ]$|[+-]\d{2}:?\d{2}$/.test(written) ? written : `${written}Z`;
  const at = ticks === undefined ? new Date(zoned) : new Date(Number(ticks));
  if (!Number.isNaN(at.getTime()) && (ticks !== undefined || isTime(zoned))) return at.toISOString();
  context.issues.push({
    code: 'custom',
    message: 'is no date; write ISO 8601, e.g. 2026-11-24T09:30:00Z',
    input: value,
  });
  return z.NEVER;
});

/**
 * An enum of Windows or Exchange: its number, the number in quotes, its name, or for two values a boolean.
 * @param members names and numbers as Microsoft documents them; the first name of a number is the one it is read as
 */
function enumOf<const M extends Readonly<Record<string, number>>>(members: M) {
  const entries = Object.entries(members);
  const numbers = new Set(Object.values(members));
  const expected = entries.map(([name, number]) => `${name} (${number})`).join(', ');
  return z.unknown().transform((value, context): keyof M & string => {
    const word = String(value).trim().toLowerCase();
    const asNumber = /^\d+$/.test(word) ? Number(word) : numbers.size === 2 ? booleanNumber(word) : undefined;
    const found =
      entries.find(([name]) => name.toLowerCase() === word) ??
      (asNumber === undefined ? undefined : entries.find(([, number]) => number === asNumber));
    if (found !== undefined) return found[0];
    context.issues.push({ code: 'custom', message: `is none of ${expected}`, input: value });
    return z.NEVER;
  });
}

function booleanNumber(word: string): number | undefined {
  return word === 'true' ? 1 : word === 'false' ? 0 : undefined;
}

/** Flags: their sum, the sum in quotes, or names with commas. To names; a bit nobody documents stays as its number. */
function flagsOf(members: Readonly<Record<string, number>>) {
  const names = Object.keys(members);
  return z.unknown().transform((value, context): string[] => {
    const given = Array.isArray(value) ? value.join(',') : String(value);
    const words = given
      .split(',')
      .map((word) => word.trim())
      .filter((word) => word !== '');
    const found: string[] = [];
    for (const word of words) {
      if (/^\d+$/.test(word)) {
        let rest = Number(word);
        for (const [name, bit] of Object.entries(members)) {
          if (bit === 0 || (rest & bit) === 0) continue;
          found.push(name);
          rest &= ~bit;
        }
        if (rest !== 0) found.push(String(rest));
        continue;
      }
      const name = names.find((known) => known.toLowerCase() === word.toLowerCase());
      if (name === undefined) {
        context.issues.push({ code: 'custom', message: `"${word}" is none of ${names.join(', ')}`, input: value });
        return z.NEVER;
      }
      if (members[name] !== 0) found.push(name);
    }
    return found;
  });
}

const onOff = enumOf({ Disabled: 0, Enabled: 1 });
const family = enumOf({ IPv4: 2, IPv6: 23 });
const store = enumOf({ persistent: 0, active: 1, PersistentStore: 0, ActiveStore: 1 });
const addressState = enumOf({ Invalid: 0, Tentative: 1, Duplicate: 2, Deprecated: 3, Preferred: 4 });
const netbiosOption = enumOf({ dhcp: 0, on: 1, off: 2, EnableNetbiosViaDhcp: 0, EnableNetbios: 1, DisableNetbios: 2 });
const networkCategory = enumOf({ Public: 0, Private: 1, DomainAuthenticated: 2 });
const profileEnabled = enumOf({ False: 0, True: 1, NotConfigured: 2, Disabled: 0, Enabled: 1 });
const inboundAction = enumOf({ NotConfigured: 0, Allow: 2, Block: 4 });
const ruleAction = enumOf({ NotConfigured: 0, Allow: 2, Block: 4 });
const ruleProfiles = flagsOf({ Any: 0, Domain: 1, Private: 2, Public: 4 });
const transportRole = flagsOf({ None: 0, HubTransport: 32, FrontendTransport: 16384 });
const loggingLevel = enumOf({ None: 0, Verbose: 1 });
const permissionGroups = flagsOf({
  None: 0,
  AnonymousUsers: 1,
  ExchangeUsers: 2,
  ExchangeServers: 4,
  ExchangeLegacyServers: 8,
  Partners: 16,
  Custom: 32,
});
const authMechanism = flagsOf({
  None: 0,
  Tls: 1,
  Integrated: 2,
  BasicAuth: 4,
  BasicAuthRequireTLS: 8,
  ExchangeServer: 16,
  ExternalAuthoritative: 32,
});

/** `DisabledInterfaceAliases`: names, or the word `NotConfigured` for none. */
const aliases = list(text).transform((names) => names.filter((name) => name.toLowerCase() !== 'notconfigured'));

/**
 * A list of words without blanks or commas in them. A list that lies deeper than the depth of ConvertTo-Json becomes one text
 * with blanks between its items, and a CSV or Format-List has them with commas, in braces.
 */
const wordsOf = <T extends z.ZodType<string>>(item: T) =>
  list(item).transform((texts, context) =>
    texts.flatMap((one) => {
      if (/^System\.|^Microsoft\.Exchange\./.test(one)) {
        context.addIssue({
          code: 'custom',
          message: `is "${one}", the name of a type and no value; write the list itself`,
        });
      }
      return one
        .replace(/^\{(.*)\}$/, '$1')
        .replace(/\s+-\s+/g, '-')
        .split(/[\s,]+/)
        .filter((word) => word !== '');
    }),
  );

/** An `IPRange` or `IPBinding` object says the same in `Expression`. */
const expression = z.preprocess(
  (value) => (typeof value === 'object' && value !== null && 'Expression' in value ? value.Expression : value),
  text,
);

/** A number, or a word such as `unlimited`. */
const limit = z.preprocess(nothing, z.union([count, z.string()]).optional());

const declared = z.object({
  mode: maybe(z.enum(['dsr', 'transparent', 'snat-accepted', 'proxy-protocol', 'snat'])),
  vips: list(text),
  ports: list(count),
  lbAddresses: list(text),
  probeAddresses: list(text),
  lanAlias: maybe(text),
  loopbackAlias: maybe(text),
  exchangeServers: list(text),
});

/** The fact file of one host. A missing section is unknown; fields that no rule reads are ignored. */
export const smtpNodeFile = z.object({
  schema: z.literal('smtp-source-ip/1', {
    error: 'is not "smtp-source-ip/1"; collect the facts with the current collector',
  }),
  collectedAt: instant,
  collector: maybe(z.object({ version: maybe(text), psVersion: maybe(text) })),
  host: z.object({
    name: text.pipe(
      z
        .string()
        .min(1, { error: 'is empty; it is the name of the node' })
        .refine(...notOwned),
    ),
    os: maybe(text),
    build: maybe(text),
    system: maybe(z.enum(['windows', 'linux'])),
  }),
  linux: maybe(linuxSection),
  declared: maybe(declared),
  adapters: section(
    z.object({
      name: text,
      interfaceDescription: maybe(text),
      interfaceGuid: maybe(text),
      status: maybe(text),
      componentId: maybe(text),
    }),
  ),
  bindings: section(z.object({ name: text, componentId: text, enabled: maybe(truth) })),
  ipInterfaces: section(
    z.object({
      alias: text,
      addressFamily: family,
      store: z.preprocess((value) => nothing(value) ?? 'active', store),
      interfaceMetric: maybe(count),
      automaticMetric: maybe(onOff),
      weakHostSend: maybe(onOff),
      weakHostReceive: maybe(onOff),
      dhcp: maybe(onOff),
    }),
  ),
  ipAddresses: section(
    z.object({
      alias: text,
      ipAddress: text,
      prefixLength: maybe(count),
      addressState: maybe(addressState),
      skipAsSource: maybe(truth),
    }),
  ),
  routes: section(
    z.object({ prefix: text, nextHop: text, alias: text, routeMetric: maybe(count), interfaceMetric: maybe(count) }),
  ),
  neighbors: section(
    z.object({ alias: maybe(text), ipAddress: text, linkLayerAddress: maybe(text), state: maybe(text) }),
  ),
  netbios: section(z.object({ guid: text, option: maybe(netbiosOption) })),
  dnsClients: section(z.object({ alias: text, registers: maybe(truth), servers: list(text) })),
  dnsAnswers: section(z.object({ name: text, addresses: list(text) })),
  firewall: maybe(
    z.object({
      profiles: section(
        z.object({
          name: text,
          enabled: maybe(profileEnabled),
          defaultInbound: z.preprocess((value) => nothing(value) ?? 0, inboundAction),
          disabledAliases: aliases,
        }),
      ),
      connectionProfiles: section(z.object({ alias: text, category: networkCategory })),
      inbound25: section(z.object({ profile: ruleProfiles, action: ruleAction, enabled: truth })),
      inbound: section(
        z.object({
          profile: ruleProfiles,
          action: ruleAction,
          enabled: truth,
          localPorts: list(text),
          interfaces: list(text),
        }),
      ),
    }),
  ),
  exchange: maybe(
    z.object({
      version: maybe(text),
      receiveConnectors: section(
        z.object({
          identity: text,
          dn: maybe(text),
          enabled: z.preprocess((value) => nothing(value) ?? true, truth),
          transportRole: maybe(transportRole),
          bindings: wordsOf(expression),
          remoteIPRanges: wordsOf(expression),
          permissionGroups: maybe(permissionGroups),
          authMechanism: maybe(authMechanism),
          protocolLoggingLevel: maybe(loggingLevel),
          fqdn: maybe(text),
          maxInboundConnectionPerSource: limit,
          maxInboundConnectionPercentagePerSource: limit,
          whenChangedUtc: maybe(instant),
        }),
      ),
      adPermissions: section(
        z.object({
          connector: text,
          sid: text,
          extendedRights: wordsOf(text),
          accessRights: wordsOf(text),
          deny: z.preprocess((value) => nothing(value) ?? false, truth),
          inherited: z.preprocess((value) => nothing(value) ?? false, truth),
        }),
      ),
      frontendTransport: maybe(
        z.object({ receiveProtocolLogPath: maybe(text), maxAge: maybe(text), maxDirectorySize: maybe(text) }),
      ),
    }),
  ),
  logSummary: maybe(
    z.object({
      /** `postfix`: counted from its log. */
      kind: maybe(z.enum(['exchange', 'postfix'])),
      from: maybe(instant),
      to: maybe(instant),
      files: z.preprocess((value) => nothing(value) ?? 0, count),
      truncated: z.preprocess((value) => nothing(value) ?? false, truth),
      byRemote: list(
        z.object({
          connector: text,
          remoteIp: text,
          localIps: list(text),
          localPort: maybe(count),
          sessions: count,
          mailSessions: count,
          probeSessions: z.preprocess((value) => nothing(value) ?? 0, count),
          ehloNames: z.preprocess((value) => nothing(value) ?? 0, count),
          senderDomains: maybe(count),
          anyRecipientSessions: z.preprocess((value) => nothing(value) ?? 0, count),
        }),
      ),
    }),
  ),
  probes: section(
    z.object({
      target: text,
      via: text.pipe(z.string().regex(/^(vip|node:.+)$/, { error: 'is neither "vip" nor "node:NAME"' })),
      at: maybe(instant),
      sourceIp: maybe(text),
      banner: maybe(text),
      helloIp: maybe(text),
      elapsedMs: maybe(count),
      error: maybe(text),
    }),
  ),
  errors: list(z.object({ section: text, message: maybe(text.pipe(z.string().transform(reasonFirst))) })),
});

export type SmtpNodeFile = z.infer<typeof smtpNodeFile>;
