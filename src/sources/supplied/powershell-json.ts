import { parseJson, RefusedJson } from '../../domain/json.ts';

/** A row of what PowerShell wrote, or of what Exchange Online sends. */
export type Row = Readonly<Record<string, unknown>>;

/** A list that says itself that more of it stands elsewhere. */
export class FirstPageOnly extends Error {}

/**
 * The entries of what `ConvertTo-Json` of PowerShell 5 or 7 wrote, or of the REST wire shape: a list, a single object, an
 * envelope (`value`), or several of these one after the other, as `… | ForEach-Object { ConvertTo-Json $_ }` writes them.
 * Lines that a console wrapped inside a text are joined.
 *
 * @returns entry by entry, whatever it is; a `SyntaxError` in place of one among several that is no JSON
 * @throws SyntaxError when nothing can be read, RefusedJson, FirstPageOnly
 */
export function jsonEntries(text: string): readonly unknown[] {
  return jsonDocuments(text).flatMap(entriesIn);
}

/** The entries of one JSON value: those of a list or an envelope, else itself. @throws FirstPageOnly */
export function entriesIn(document: unknown): readonly unknown[] {
  if (isObject(document) && '@odata.nextLink' in document) throw new FirstPageOnly();
  return entriesOf(document);
}

function jsonDocuments(text: string): readonly unknown[] {
  try {
    return [parseJson(text)];
  } catch (error) {
    if (error instanceof RefusedJson) throw error;
    const documents = separated(text);
    if (documents === undefined) throw error;
    const [only, ...more] = documents;
    if (only !== undefined && more.length === 0) return [parseJson(only)];
    return documents.map((document): unknown => {
      try {
        return parseJson(document);
      } catch (fault) {
        if (fault instanceof RefusedJson) throw fault;
        return fault;
      }
    });
  }
}

const token = /"[^"\\]*(?:\\.[^"\\]*)*"|[[\]{}]|,|[^\s"[\]{},]+|\s+|"/gs;

/** The texts of JSON values that stand one after the other; undefined when one of them has no end. */
function separated(text: string): readonly string[] | undefined {
  const documents: string[] = [];
  let depth = 0;
  let document = '';
  for (const [part] of text.matchAll(token)) {
    if (part === '"') return undefined;
    if (depth === 0 && (part === ',' || part.trim() === '')) continue;
    if (part === '{' || part === '[') depth++;
    else if (part === '}' || part === ']') depth--;
    if (depth < 0) return undefined;
    document += part.startsWith('"') ? part.replace(/[\r\n]+/g, '') : part;
    if (depth > 0) continue;
    documents.push(document);
    document = '';
  }
  return depth === 0 ? documents : undefined;
}

/** `null` is what PowerShell 7 writes of nothing. */
function entriesOf(document: unknown): readonly unknown[] {
  if (document === null) return [];
  if (Array.isArray(document)) return document.flatMap((entry) => (isList(entry) ? entriesOf(entry) : [entry]));
  return isObject(document) && Array.isArray(document.value) ? entriesOf(document.value) : [document];
}

/** PowerShell 5 wraps some lists: `{ "value": […], "Count": 2 }`. */
function isList(value: unknown): boolean {
  return Array.isArray(value) || (isObject(value) && Array.isArray(value.value) && 'Count' in value);
}

/**
 * A row without `…@data.type` side keys, its dates as ISO text, enumerations by their names and lists as lists: Windows
 * PowerShell writes all three as objects of their own.
 */
export function plainRow(row: Row): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(row)
      .filter(([key]) => !key.includes('@'))
      .map(([key, property]) => [key, plainValue(property)]),
  );
}

function plainValue(value: unknown): unknown {
  if (typeof value === 'string') return plainDate(value);
  if (!isObject(value) || !('value' in value)) return value;
  if ('DateTime' in value) return plainValue(value.value);
  if (Array.isArray(value.value) && 'Count' in value) return value.value;
  // An enumeration: { "value": 1, "Value": "Valid" }, the number and its name.
  return 'Value' in value && Object.keys(value).length === 2
    ? [value.Value, value.value].find((one) => typeof one === 'string')
    : value;
}

/** PowerShell 5 writes `/Date(1626817730517)/`. */
function plainDate(value: string): string {
  const match = /^\/Date\((-?\d+)(?:[+-]\d{4})?\)\/$/.exec(value);
  const date = new Date(Number(match?.[1]));
  return Number.isNaN(date.getTime()) ? value : date.toISOString();
}

/**
 * Text of UTF-8, UTF-16 or Windows-1252 bytes. The byte order mark decides; without one the zero bytes of UTF-16 give it
 * away, and what is no UTF-8 is taken for what Windows PowerShell writes by default.
 */
export function decodeText(content: Uint8Array): string {
  const [first, second] = content;
  if (first === 0xff && second === 0xfe) return new TextDecoder('utf-16le').decode(content);
  if (first === 0xfe && second === 0xff) return new TextDecoder('utf-16be').decode(content);
  if (content.length >= 2 && second === 0) return new TextDecoder('utf-16le').decode(content);
  if (content.length >= 2 && first === 0) return new TextDecoder('utf-16be').decode(content);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(content);
  } catch {
    return new TextDecoder('windows-1252').decode(content);
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
