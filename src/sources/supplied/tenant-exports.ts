import { z } from 'zod';
import { normaliseDomainName } from '../../domain/domain-name.ts';
import { type Gathered, known, notKnown } from '../../domain/fact-set.ts';
import { describeIssue, InvalidDocument } from '../../domain/organization.ts';
import type { AcceptedDomain } from '../../facts/mail-domain/accepted-domain.ts';
import {
  type SigningConfigurationRow,
  selectorNames,
  type TimeReadings,
} from '../../facts/mail-domain/signing-configuration.ts';
import type { OpenedFile } from './format.ts';
import { isObject, type Row } from './powershell-json.ts';
import { writtenTime } from './written-times.ts';

/** What administrators export of a tenant, by what the doors call it. */
export const tenantCmdlets = {
  'signing-configuration': 'Get-DkimSigningConfig',
  'accepted-domain': 'Get-AcceptedDomain',
} as const;
export type TenantExport = keyof typeof tenantCmdlets;

/** The whole line to run for an export that can be read and says every time exactly. */
export function exportCommand(kind: TenantExport): string {
  const file = kind === 'accepted-domain' ? 'domains.json' : 'signing.json';
  return `${tenantCmdlets[kind]} | ConvertTo-Json -Depth 4 | Out-File -Encoding utf8 ${file}`;
}

/** The one of the two that a text looks like which could not be read. */
export function kindOfText(text: string): TenantExport | undefined {
  if (/Selector[12]|RotateOnDate|KeyCreationTime|Dkim/i.test(text)) return 'signing-configuration';
  return /AcceptedDomain|DomainName|DomainType|InitialDomain/i.test(text) ? 'accepted-domain' : undefined;
}

/** No console writes a value so: it was cut short to fit. */
const cutShort = /…$|\.\.\.$/;

const optionalText = z
  .union([z.string(), z.null()], { error: 'is no text' })
  .optional()
  .transform((text) => (text === null || text?.trim() === '' ? undefined : text));

/** A name or a key: what a console or a mail wrapped is joined. */
const optionalToken = optionalText.transform((text, context) => {
  const joined = text?.replace(/\s*[\r\n]+\s*/g, '').trim();
  if (joined === undefined || !cutShort.test(joined)) return joined;
  context.issues.push({ code: 'custom', message: `"${joined.slice(0, 60)}" was cut short`, input: text });
  return z.NEVER;
});

/** An enumeration: its name, or its number in exports of a session that knows the type. Decides nothing by itself. */
const optionalLabel = z
  .union([z.string(), z.number(), z.null()])
  .optional()
  .transform((label) => (label === null || label === undefined || label === '' ? undefined : String(label)))
  .catch(undefined);

/** .NET writes True and False in every language, Excel does not. */
const truthy = ['true', '1', 'wahr', 'vrai', 'verdadero', 'verdadeiro', 'vero', 'waar', 'sant', 'sand', 'prawda'];
const falsy = ['false', '0', 'falsch', 'faux', 'falso', 'onwaar', 'falskt', 'falsk', 'fałsz'];

const optionalFlag = z
  .union([z.boolean(), z.literal('').transform(() => undefined), z.stringbool({ truthy, falsy }), z.null()], {
    error: 'is neither true nor false',
  })
  .optional()
  .transform((flag) => flag ?? undefined);

/**
 * A time as {@link writtenTime} reads it: UTC, or all its readings. Exchange Online writes seven fraction digits, and some
 * exports leave the Z out.
 */
const optionalTime = (inWords: boolean) =>
  optionalText.transform((text, context) => {
    if (text === undefined) return {};
    const time = writtenTime(text.trim(), inWords);
    if (time === 'never') return {};
    if (typeof time === 'string') return { exact: time };
    if (time !== undefined) return { readings: time };
    context.issues.push({ code: 'custom', message: `"${text.slice(0, 60)}" is no time in ISO 8601`, input: text });
    return z.NEVER;
  });

const optionalSize = z.coerce.number().int().positive().optional().catch(undefined);

const optionalSelector = optionalText.transform((text, context) => {
  const name = selectorNames.find((known) => known === text?.trim().toLowerCase());
  if (text === undefined || name !== undefined) return name;
  context.issues.push({
    code: 'custom',
    message: `"${text.slice(0, 60)}" is neither selector1 nor selector2`,
    input: text,
  });
  return z.NEVER;
});

const signingRow = (inWords: boolean) =>
  z.object({
    Enabled: optionalFlag,
    IsDefault: optionalFlag.catch(undefined),
    Status: optionalLabel,
    KeyCreationTime: optionalTime(inWords).catch({}),
    LastChecked: optionalTime(inWords).catch({}),
    RotateOnDate: optionalTime(inWords),
    SelectorBeforeRotateOnDate: optionalSelector,
    SelectorAfterRotateOnDate: optionalSelector,
    Selector1CNAME: optionalToken,
    Selector2CNAME: optionalToken,
    Selector1PublicKey: optionalToken,
    Selector2PublicKey: optionalToken,
    Selector1KeySize: optionalSize,
    Selector2KeySize: optionalSize,
  });

const acceptedRow = z.object({
  DomainType: optionalLabel,
  InitialDomain: optionalFlag,
  IsCoexistenceDomain: optionalFlag,
  SendingFromDomainDisabled: optionalFlag,
  PendingRemoval: optionalFlag,
});

const changeTimes = (inWords: boolean) => {
  const time = optionalTime(inWords).catch({});
  return z.object({ WhenChangedUTC: time, WhenChanged: time, KeyCreationTime: time });
};

const schemasOf = (inWords: boolean) => ({ signing: signingRow(inWords), changes: changeTimes(inWords) });
const exactly = schemasOf(false);
const inWords = schemasOf(true);

/** Columns in the spelling of the cmdlets, whatever case a script gave them. */
const columns = new Map(
  [
    ...['Domain', 'DomainName', 'Name', 'Identity', 'Id'],
    ...Object.keys(exactly.signing.shape),
    ...Object.keys(acceptedRow.shape),
    ...Object.keys(exactly.changes.shape),
  ].map((column) => [column.toLowerCase(), column]),
);

function spelt(row: Row): Row {
  return Object.fromEntries(Object.entries(row).map(([key, value]) => [columns.get(key.toLowerCase()) ?? key, value]));
}

/** Tells by the columns what an export is; undefined when it is neither of the two. */
export function kindOfExport(rows: readonly Row[]): TenantExport | undefined {
  const found = new Set(rows.flatMap((row) => Object.keys(spelt(row))));
  if (/\bSelector(1|2|Before|After)|\bRotateOnDate\b/.test([...found].join(' '))) return 'signing-configuration';
  if (found.has('Domain') && (found.has('Enabled') || found.has('KeyCreationTime'))) return 'signing-configuration';
  return found.has('DomainName') || found.has('InitialDomain') ? 'accepted-domain' : undefined;
}

/** One row of an export. */
export type ExportedRow<T> =
  | { readonly domain: string; readonly value: T; readonly wildcard: boolean; readonly changed: Changed }
  /** The domain when it is readable; `named` when the row has a name at all, and so cannot be another domain's. */
  | { readonly domain: string | undefined; readonly named: boolean; readonly faults: readonly string[] };

/** When a row was changed, by the columns that tell it. */
type Changed = Readonly<Record<string, { readonly exact?: string; readonly readings?: TimeReadings }>>;

/** A row of `Get-DkimSigningConfig`, without directory noise. */
export function signingConfigurationOf(row: Row, textual = false): ExportedRow<SigningConfigurationRow> {
  const { signing } = textual ? inWords : exactly;
  return exportedRow(row, 'Domain', signing, textual, (data, domain) => ({
    domain,
    ...defined({
      enabled: data.Enabled,
      isDefault: data.IsDefault,
      status: data.Status,
      keyCreationTime: data.KeyCreationTime.exact,
      keyCreationReadings: data.KeyCreationTime.readings,
      lastChecked: data.LastChecked.exact,
      rotateOnDate: data.RotateOnDate.exact,
      rotateOnReadings: data.RotateOnDate.readings,
      selectorBeforeRotateOnDate: data.SelectorBeforeRotateOnDate,
      selectorAfterRotateOnDate: data.SelectorAfterRotateOnDate,
    }),
    selectors: {
      selector1: defined({
        cname: data.Selector1CNAME,
        publicKey: data.Selector1PublicKey,
        keySize: data.Selector1KeySize,
      }),
      selector2: defined({
        cname: data.Selector2CNAME,
        publicKey: data.Selector2PublicKey,
        keySize: data.Selector2KeySize,
      }),
    },
  }));
}

/** A row of `Get-AcceptedDomain`. */
export function acceptedDomainOf(row: Row, textual = false): ExportedRow<AcceptedDomain> {
  return exportedRow(row, 'DomainName', acceptedRow, textual, (data) => ({
    listed: true,
    ...defined({
      domainType: data.DomainType,
      initialDomain: data.InitialDomain,
      isCoexistenceDomain: data.IsCoexistenceDomain,
      sendingFromDomainDisabled: data.SendingFromDomainDisabled,
      pendingRemoval: data.PendingRemoval,
    }),
  }));
}

function exportedRow<S extends z.ZodType, T>(
  row: Row,
  column: 'Domain' | 'DomainName',
  schema: S,
  textual: boolean,
  convert: (data: z.infer<S>, domain: string) => T,
): ExportedRow<T> {
  const properties = spelt(row);
  const text = nameIn(properties, column);
  if (text === undefined || cutShort.test(text)) {
    const fault = text === undefined ? 'is missing, or no domain name' : `"${text.slice(0, 60)}" was cut short`;
    return { domain: undefined, named: false, faults: [`${column}: ${fault}`] };
  }
  // An entry for sub-domains stands for the domain, too, unless that has one of its own.
  const name = normaliseDomainName(text.replace(/^\*\./, ''));
  if ('problem' in name) return { domain: undefined, named: true, faults: [name.problem] };
  const parsed = schema.safeParse(properties);
  if (!parsed.success) return { domain: name.name, named: true, faults: parsed.error.issues.map(describeIssue) };
  return {
    domain: name.name,
    value: convert(parsed.data, name.name),
    wildcard: text.startsWith('*.'),
    changed: (textual ? inWords : exactly).changes.parse(properties),
  };
}

/** `SmtpDomainWithSubdomains` becomes an object in some exports; some people select `Name` or `Identity` alone. */
function nameIn(row: Row, column: 'Domain' | 'DomainName'): string | undefined {
  return [row[column], row.Name, row.Identity, row.Id]
    .map((value) => (isObject(value) ? (value.Domain ?? value.Address) : value))
    .find((value): value is string => typeof value === 'string' && value.trim() !== '')
    ?.trim();
}

/** What an export says, domain by domain. */
export interface TenantRows<T> {
  readonly rows: ReadonlyMap<string, Gathered<T>>;
  /** Why a domain without a row is not proven to have none; undefined when the export is whole. */
  readonly gap: string | undefined;
  /** What no fact says: rows that speak of no domain, and domains that stand there twice. */
  readonly notes: readonly string[];
}

/**
 * Reads an export row by row: one that cannot be read costs its domain's fact and no other.
 *
 * @param read {@link signingConfigurationOf} or {@link acceptedDomainOf}
 * @param noted the value with a sentence about it, where values can carry one
 * @throws InvalidDocument when no row at all speaks of a domain
 */
export function readTenantRows<T>(
  file: OpenedFile,
  kind: TenantExport,
  read: (row: Row, textual: boolean) => ExportedRow<T>,
  noted: (value: T, note: string) => T = (value) => value,
): TenantRows<T> {
  const { name, rows, unread, writtenAt } = file;
  const cmdlet = tenantCmdlets[kind];
  const source = `${cmdlet} in ${name}`;
  const found = new Map<string, Read<T>>();
  const nameless: string[] = [];
  const notes: string[] = [];
  let gap: string | undefined;
  for (const [index, row] of rows.entries()) {
    const number = index + 1;
    const why = unread.get(index);
    const one: ExportedRow<T> =
      why === undefined ? read(row, file.inWords) : { domain: undefined, named: false, faults: [why] };
    if (one.domain === undefined) {
      const { named, faults } = one as Extract<typeof one, { readonly faults: readonly string[] }>;
      nameless.push(`row ${number}: ${faults.join('; ')}`);
      if (!named) gap ??= `row ${number} of ${source} has no readable domain name`;
      continue;
    }
    const before = found.get(one.domain);
    const next: Read<T> = { ...one, number };
    if (before === undefined) found.set(one.domain, next);
    else found.set(one.domain, chosen(before, next, notes, name));
  }
  if (nameless.length > 0 && found.size === 0)
    throw new InvalidDocument(`${name}, an export of ${cmdlet}`, [
      ...nameless.slice(0, 20),
      `run this line and supply its file: ${exportCommand(kind)}`,
    ]);
  notes.push(...nameless.map((line) => `${name}, an export of ${cmdlet}: ${line}; the other rows count`));
  const gathered = [...found].map(([domain, one]): [string, Gathered<T>] => {
    if ('faults' in one) {
      const detail = `row ${one.number} of ${source} is that of ${domain} and cannot be read: ${one.faults.join('; ')}`;
      return [domain, notKnown('malformed', detail, source, writtenAt)];
    }
    return [domain, known(one.note === undefined ? one.value : noted(one.value, one.note), source, writtenAt)];
  });
  return { rows: new Map(gathered), gap, notes };
}

type Read<T> = ExportedRow<T> & { readonly number: number; readonly note?: string };

/** Of two rows of one domain the newer; where nothing tells which that is, neither. */
function chosen<T>(first: Read<T>, second: Read<T>, notes: string[], file: string): Read<T> {
  const domain = second.domain ?? '';
  const twice = `${domain} stands twice in ${file} (rows ${first.number} and ${second.number})`;
  const neither = (why: string): Read<T> => ({
    domain,
    named: true,
    faults: [`${twice}${why}; run this line and supply its file: ${exportCommand('signing-configuration')}`],
    number: second.number,
  });
  if ('faults' in first || 'faults' in second) {
    const broken = 'faults' in first ? first : second;
    return 'faults' in broken
      ? neither(`, and row ${broken.number} cannot be read: ${broken.faults.join('; ')}`)
      : first;
  }
  if (first.wildcard !== second.wildcard) return first.wildcard ? second : first;
  if (JSON.stringify(first.value) === JSON.stringify(second.value)) return first;
  for (const column of ['WhenChangedUTC', 'WhenChanged', 'KeyCreationTime']) {
    const [one, two] = [first.changed[column], second.changed[column]].map((time) => ({
      earliest: time?.exact ?? time?.readings?.earliest ?? '',
      latest: time?.exact ?? time?.readings?.latest ?? '',
    }));
    if (one === undefined || two === undefined || one.latest === '' || two.latest === '') continue;
    const newer = one.latest < two.earliest ? second : two.latest < one.earliest ? first : undefined;
    if (newer === undefined) continue;
    const note = `${twice}: row ${newer.number} counts, its ${column} is the newer.`;
    notes.push(note);
    return { ...newer, note };
  }
  return neither(' with different values, and neither says that it is the newer');
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** The same object without the properties that are undefined. */
function defined<T extends object>(properties: T): Defined<T> {
  return Object.fromEntries(Object.entries(properties).filter(([, value]) => value !== undefined)) as Defined<T>;
}
