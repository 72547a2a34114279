import { stripVTControlCharacters } from 'node:util';
import { parse } from 'csv-parse/sync';
import { isOwnedName, measureJson, ownedProperty, RefusedJson } from '../../domain/json.ts';
import { InvalidDocument } from '../../domain/organization.ts';
import { clixmlRows } from './clixml.ts';
import { reasonFirst } from './powershell-error.ts';
import { entriesIn, FirstPageOnly, isObject, jsonEntries, plainRow, type Row } from './powershell-json.ts';

/** What a file holds. */
export interface Rows {
  /** One that cannot be read is empty, so that every other keeps its number. */
  readonly rows: readonly Row[];
  /** Why a row is empty, by its place. */
  readonly unread: ReadonlyMap<number, string>;
  /** Everything is text in the manner of the machine that wrote it: its times know no zone, and perhaps day before month. */
  readonly inWords: boolean;
}

/** For a file of which nobody knows what it should be. */
const anyCommand = 'Get-AcceptedDomain | ConvertTo-Json -Depth 4 | Out-File -Encoding utf8 domains.json';

/**
 * Reads what administrators save from PowerShell: JSON of `ConvertTo-Json` or of the REST interface, CSV, what
 * `Format-List` prints, CLIXML. Its content tells which one it is.
 *
 * @param name what the file is called in an error
 * @param commandFor the whole command line that writes it as it should be, for a file with this text
 * @throws InvalidDocument when none of it can be read, saying what to run instead
 */
export function readRows(
  name: string,
  content: string,
  commandFor: (text: string) => string | undefined = () => undefined,
): Rows {
  const text = withoutConsoleLines(content).trim();
  const refuse = (why: string) =>
    new InvalidDocument(name, [`${why}; run this line and supply its file: ${commandFor(text) ?? anyCommand}`]);
  if (text === '') throw refuse('the file is empty: the command wrote nothing, or failed (nothing configured is [])');
  if (/^[[{]|^null$/.test(text)) return fromEntries(() => jsonEntries(text), refuse);
  if (text.startsWith('<')) return readClixml(text, refuse);
  if (isTable(text)) throw refuse('is a table (Format-Table), which leaves properties out and cuts long values short');
  const list = listRows(text, refuse);
  if (list.length > 0) return whole(list, true);
  const csv = readCsv(text, refuse);
  if (csv !== undefined) return csv;
  const failure = failureIn(text);
  throw refuse(
    failure === undefined
      ? `is neither JSON nor CSV, Format-List or CLIXML; it begins with ${JSON.stringify(text.slice(0, 40))}`
      : `holds an error of PowerShell and no rows: ${failure}`,
  );
}

type Refuse = (why: string) => InvalidDocument;

function whole(rows: readonly Row[], inWords: boolean): Rows {
  return { rows, unread: new Map(), inWords };
}

/** Colours, prompts and warnings that stand in a copied console, a transcript or the output of another process. */
function withoutConsoleLines(text: string): string {
  const plain = text.includes('\u001b') ? stripVTControlCharacters(text) : text;
  return plain.replace(
    /^#< CLIXML\r?\n|^(?:PS [^\n>]*>|(?:WARNING|WARNUNG|AVERTISSEMENT|VERBOSE): )[^\n]*(?:\n|$)/gm,
    '',
  );
}

/**
 * About how many values or lines a text holds, whatever it is: what reading it takes goes by that, and not by its length.
 *
 * @param most the number after which nobody counts on
 */
export function valuesIn(text: string, most: number): number {
  const start = /\S/.exec(text)?.[0];
  if (start === '{' || start === '[') return measureJson(text, most).values;
  const between = start === '<' ? '<' : '\n,;\t';
  let count = 1;
  for (let at = 0; at < text.length && count <= most; at += 1) if (between.includes(text.charAt(at))) count += 1;
  return count;
}

/** As {@link readRows}, of JSON that is parsed. @throws InvalidDocument */
export function rowsOf(name: string, value: unknown): Rows {
  return fromEntries(
    () => entriesIn(value),
    (why) => new InvalidDocument(name, [why]),
  );
}

function fromEntries(read: () => readonly unknown[], refuse: Refuse): Rows {
  let entries: readonly unknown[];
  try {
    entries = read();
  } catch (error) {
    if (error instanceof FirstPageOnly)
      throw refuse('holds only the first page of the rows (it has an @odata.nextLink)');
    if (error instanceof RefusedJson) throw refuse(error.message);
    throw refuse(`is no JSON, or was cut short (${reasonOf(error)})`);
  }
  const unread = new Map<number, string>();
  const rows = entries.map((entry, index) => {
    if (isObject(entry) && !(entry instanceof Error)) return plainRow(entry);
    unread.set(index, entry instanceof Error ? `is no JSON (${entry.message})` : 'is no object with properties');
    return {};
  });
  if (rows.length > 0 && unread.size === rows.length) throw refuse(`holds no rows: what stands there ${unread.get(0)}`);
  return { rows, unread, inWords: false };
}

function readClixml(text: string, refuse: Refuse): Rows {
  if (!/^(?:<\?xml[^>]*>\s*)?<Objs\b/.test(text)) throw refuse('is a markup that nobody exports rows with');
  let rows: readonly Row[];
  try {
    rows = clixmlRows(text);
  } catch (error) {
    throw refuse(`is no CLIXML, or was cut short (${reasonOf(error)})`);
  }
  for (const row of rows) refuseOwned(Object.keys(row), refuse);
  return whole(rows, false);
}

function refuseOwned(names: readonly string[], refuse: Refuse): void {
  const owned = names.find(isOwnedName);
  if (owned !== undefined) throw refuse(ownedProperty(owned));
}

function isTable(text: string): boolean {
  return /^ *-{2,}(?: +-{2,})* *\r?$/m.test(text);
}

const property = /^([A-Za-z_][\w.]*) +:(?: (.*))?$/;

/**
 * What `Format-List` prints: `Name : value`, the colons beneath each other, a long value on several lines. An object ends
 * where a name comes again.
 */
function listRows(text: string, refuse: Refuse): readonly Row[] {
  const rows: Record<string, string>[] = [];
  let row: Record<string, string> = {};
  let name: string | undefined;
  for (const line of text.split(/\r?\n/)) {
    const [, found, value = ''] = property.exec(line) ?? [];
    if (found !== undefined) {
      refuseOwned([found], refuse);
      if (rows.length === 0 || Object.hasOwn(row, found)) {
        row = {};
        rows.push(row);
      }
      row[found] = value.trim();
      name = found;
    } else if (name !== undefined && /^\s+\S|^[\w+/=;:.-]+$/.test(line)) row[name] += line.trim();
  }
  return rows;
}

/** Undefined when it is no CSV. Its first lines may say the type (`#TYPE …`) or, for Excel, the separator (`sep=;`). */
function readCsv(text: string, refuse: Refuse): Rows | undefined {
  const body = text.replace(/^(?:#TYPE [^\n]*\n|sep=.\r?\n)+/i, '');
  const head = body.slice(0, Math.max(0, body.search(/\r?\n|$/)));
  const delimiter = [',', ';', '\t'].reduce((best, one) =>
    head.split(one).length > head.split(best).length ? one : best,
  );
  const columns = head.split(delimiter).map((column) => column.trim().replace(/^"(.*)"$/, '$1'));
  const isHead = columns.every((column) => /^[\w .@-]*$/.test(column));
  if (!isHead || (columns.length === 1 && !head.startsWith('"'))) return undefined;
  refuseOwned(columns, refuse);
  let lines: readonly (readonly string[])[];
  try {
    lines = parse(body, { delimiter, relaxColumnCount: true, relaxQuotes: true, skipEmptyLines: true, trim: true });
  } catch (error) {
    throw refuse(`is no CSV, or was cut short (${reasonOf(error)})`);
  }
  const unread = new Map<number, string>();
  const rows = lines
    // Several exports in one file repeat their first lines.
    .filter((fields) => !fields[0]?.startsWith('#TYPE ') && fields.join() !== columns.join())
    .map((fields, index): Row => {
      if (fields.length === columns.length)
        return Object.fromEntries(columns.map((column, at) => [column, fields[at]]));
      unread.set(index, `has ${fields.length} fields in place of ${columns.length}`);
      return {};
    });
  return rows.length === 0 ? undefined : { rows, unread, inWords: true };
}

/** Why a command failed, when its error was saved in place of what it writes. The reason comes first. */
function failureIn(text: string): string | undefined {
  if (!/CategoryInfo|FullyQualifiedErrorId|The running command stopped because|is not recognized as/.test(text))
    return undefined;
  const [first = ''] = text.split(/\r?\n\s*(?:At line:|\+ |Line \|)/);
  return reasonFirst(first.replace(/\s+/g, ' ')).slice(0, 300);
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
