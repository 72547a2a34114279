import { z } from 'zod';
import { normaliseDomainName } from '../../domain/domain-name.ts';
import { describeIssue, InvalidDocument } from '../../domain/organization.ts';
import type { AcceptedDomain } from '../../facts/mail-domain/accepted-domain.ts';
import { type SigningConfigurationRow, selectorNames } from '../../facts/mail-domain/signing-configuration.ts';

const optionalText = z
  .union([z.string(), z.null()], { error: 'is no text' })
  .optional()
  .transform((text) => (text === null || text === '' ? undefined : text));

/** An enumeration: its name, or its number in exports of a session that knows the type. */
const optionalLabel = z
  .union([z.string(), z.number(), z.null()], { error: 'is no text' })
  .optional()
  .transform((label) => (label === null || label === undefined || label === '' ? undefined : String(label)));

const optionalFlag = z
  .union(
    [z.boolean(), z.stringbool({ truthy: ['true', 'True'], falsy: ['false', 'False'], case: 'sensitive' }), z.null()],
    { error: 'is neither true nor false' },
  )
  .optional()
  .transform((flag) => flag ?? undefined);

const isoTime = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?$/i;

/**
 * A time in UTC. Exchange Online writes seven fraction digits, and some exports leave the Z out. Times as a country writes
 * them are refused: nobody can tell day from month, or the zone.
 */
const optionalTime = optionalText.transform((text, context) => {
  if (text === undefined) return undefined;
  const match = isoTime.exec(text);
  const ms = match === null ? Number.NaN : Date.parse(match[1] === undefined ? `${text}Z` : text);
  if (!Number.isNaN(ms)) return new Date(ms).toISOString();
  context.issues.push({
    code: 'custom',
    message: `"${text.slice(0, 60)}" is no time in ISO 8601; export with ConvertTo-Json, not as a table or CSV`,
    input: text,
  });
  return z.NEVER;
});

const optionalSize = z.coerce.number().int().positive().optional().catch(undefined);

const optionalSelector = optionalText.transform((text, context) => {
  const name = selectorNames.find((known) => known === text?.toLowerCase());
  if (text === undefined || name !== undefined) return name;
  context.issues.push({
    code: 'custom',
    message: `"${text.slice(0, 60)}" is neither selector1 nor selector2`,
    input: text,
  });
  return z.NEVER;
});

/** `SmtpDomainWithSubdomains` becomes an object in some exports. */
const domainText = z.union(
  [
    z.string(),
    z.object({ Domain: z.string() }).transform(({ Domain }) => Domain),
    z.object({ Address: z.string() }).transform(({ Address }) => Address),
  ],
  { error: 'is missing, or no domain name' },
);

const signingRow = z.object({
  Domain: domainText,
  Enabled: optionalFlag,
  IsDefault: optionalFlag,
  Status: optionalLabel,
  KeyCreationTime: optionalTime,
  LastChecked: optionalTime,
  RotateOnDate: optionalTime,
  SelectorBeforeRotateOnDate: optionalSelector,
  SelectorAfterRotateOnDate: optionalSelector,
  Selector1CNAME: optionalText,
  Selector2CNAME: optionalText,
  Selector1PublicKey: optionalText,
  Selector2PublicKey: optionalText,
  Selector1KeySize: optionalSize,
  Selector2KeySize: optionalSize,
});

const acceptedRow = z.object({
  DomainName: domainText,
  DomainType: optionalLabel,
  InitialDomain: optionalFlag,
  IsCoexistenceDomain: optionalFlag,
  SendingFromDomainDisabled: optionalFlag,
  PendingRemoval: optionalFlag,
});

export type DkimExport =
  | { readonly kind: 'signing-configuration'; readonly rows: ReadonlyMap<string, SigningConfigurationRow> }
  | { readonly kind: 'accepted-domain'; readonly rows: ReadonlyMap<string, AcceptedDomain> };

/** Tells by its columns what an export is; undefined when it is neither of the two. */
export function kindOfExport(rows: readonly Record<string, unknown>[]): DkimExport['kind'] | undefined {
  const [row] = rows;
  if (row === undefined) return undefined;
  if ('Selector1CNAME' in row || 'RotateOnDate' in row || 'SelectorBeforeRotateOnDate' in row)
    return 'signing-configuration';
  return 'DomainName' in row ? 'accepted-domain' : undefined;
}

/**
 * `Get-DkimSigningConfig` rows by domain, without directory noise.
 *
 * @throws InvalidDocument naming row and property
 */
export function signingConfigurations(
  name: string,
  rows: readonly Record<string, unknown>[],
): ReadonlyMap<string, SigningConfigurationRow> {
  return byDomain(
    name,
    rows,
    signingRow,
    'Get-DkimSigningConfig',
    ({ Domain }) => Domain,
    (row, domain) => ({
      domain,
      ...defined({
        enabled: row.Enabled,
        isDefault: row.IsDefault,
        status: row.Status,
        keyCreationTime: row.KeyCreationTime,
        lastChecked: row.LastChecked,
        rotateOnDate: row.RotateOnDate,
        selectorBeforeRotateOnDate: row.SelectorBeforeRotateOnDate,
        selectorAfterRotateOnDate: row.SelectorAfterRotateOnDate,
      }),
      selectors: {
        selector1: defined({
          cname: row.Selector1CNAME,
          publicKey: row.Selector1PublicKey,
          keySize: row.Selector1KeySize,
        }),
        selector2: defined({
          cname: row.Selector2CNAME,
          publicKey: row.Selector2PublicKey,
          keySize: row.Selector2KeySize,
        }),
      },
    }),
  );
}

/**
 * `Get-AcceptedDomain` rows by domain.
 *
 * @throws InvalidDocument naming row and property
 */
export function acceptedDomains(
  name: string,
  rows: readonly Record<string, unknown>[],
): ReadonlyMap<string, AcceptedDomain> {
  return byDomain(
    name,
    rows,
    acceptedRow,
    'Get-AcceptedDomain',
    ({ DomainName }) => DomainName.replace(/^\*\./, ''),
    (row) => ({
      listed: true,
      ...defined({
        domainType: row.DomainType,
        initialDomain: row.InitialDomain,
        isCoexistenceDomain: row.IsCoexistenceDomain,
        sendingFromDomainDisabled: row.SendingFromDomainDisabled,
        pendingRemoval: row.PendingRemoval,
      }),
    }),
  );
}

function byDomain<S extends z.ZodType, T>(
  name: string,
  rows: readonly Record<string, unknown>[],
  schema: S,
  cmdlet: string,
  domainOf: (row: z.infer<S>) => string,
  convert: (row: z.infer<S>, domain: string) => T,
): ReadonlyMap<string, T> {
  const found = new Map<string, T>();
  const faults: string[] = [];
  for (const [index, row] of rows.entries()) {
    const parsed = schema.safeParse(row);
    if (!parsed.success) {
      faults.push(...parsed.error.issues.map((issue) => `[${index}].${describeIssue(issue)}`));
      continue;
    }
    const domain = normaliseDomainName(domainOf(parsed.data));
    if ('problem' in domain) faults.push(`[${index}]: ${domain.problem}`);
    else found.set(domain.name, convert(parsed.data, domain.name));
  }
  if (faults.length > 0) throw new InvalidDocument(`${name}, an export of ${cmdlet}`, faults.slice(0, 20));
  return found;
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** The same object without the properties that are undefined. */
function defined<T extends object>(properties: T): Defined<T> {
  return Object.fromEntries(Object.entries(properties).filter(([, value]) => value !== undefined)) as Defined<T>;
}
