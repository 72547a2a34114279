import { InvalidDocument } from '../../domain/organization.ts';

/**
 * Reads what administrators save from PowerShell: `ConvertTo-Json` of PowerShell 5 and 7, and the REST wire shape.
 *
 * Takes a list or a single object, an OData envelope (`value`), dates as ISO text, as `/Date(ms)/` or wrapped in an object;
 * drops `…@data.type` side keys.
 *
 * @param name what the file is called in an error
 * @returns the rows, at least one
 * @throws InvalidDocument when it is empty, no JSON, one page of several, or holds no objects
 */
export function readPowerShellJson(name: string, text: string): Record<string, unknown>[] {
  if (text.trim() === '')
    throw new InvalidDocument(name, [
      'the file is empty; export it again, e.g. Get-AcceptedDomain | ConvertTo-Json | Out-File domains.json',
    ]);
  let value: unknown;
  try {
    value = JSON.parse(text.trim());
  } catch (error) {
    throw new InvalidDocument(name, [
      `is no JSON (${error instanceof Error ? error.message : String(error)}); export it with ConvertTo-Json`,
    ]);
  }
  return rowsOf(name, value);
}

/** As {@link readPowerShellJson}, of JSON that is parsed. @throws InvalidDocument */
export function rowsOf(name: string, value: unknown): Record<string, unknown>[] {
  if (isObject(value) && '@odata.nextLink' in value)
    throw new InvalidDocument(name, [
      'holds only the first page of the rows (it has an @odata.nextLink); export all of them, e.g. with -ResultSize Unlimited',
    ]);
  const envelope = isObject(value) && Array.isArray(value.value) ? value.value : value;
  const rows = Array.isArray(envelope) ? envelope : [envelope];
  if (rows.length === 0) throw new InvalidDocument(name, ['holds no rows']);
  return rows.map((row, index) => {
    if (!isObject(row)) throw new InvalidDocument(name, [`[${index}]: is no object; expected a row of properties`]);
    return plainRow(row);
  });
}

/** A row without `…@data.type` side keys, its dates as ISO text. */
export function plainRow(row: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(row)
      .filter(([key]) => !key.includes('@'))
      .map(([key, property]) => [key, plainDate(property)]),
  );
}

/** Text of UTF-8 or UTF-16 bytes; the byte order mark decides, without one the zero bytes of UTF-16 give it away. */
export function decodeText(content: Uint8Array): string {
  const [first, second] = content;
  if (first === 0xff && second === 0xfe) return new TextDecoder('utf-16le').decode(content);
  if (first === 0xfe && second === 0xff) return new TextDecoder('utf-16be').decode(content);
  if (content.length >= 2 && second === 0) return new TextDecoder('utf-16le').decode(content);
  if (content.length >= 2 && first === 0) return new TextDecoder('utf-16be').decode(content);
  return new TextDecoder('utf-8').decode(content);
}

/** PowerShell 5 writes `/Date(1626817730517)/`, for some objects inside `{ "value": …, "DateTime": … }`. */
function plainDate(value: unknown): unknown {
  if (isObject(value) && 'DateTime' in value && 'value' in value) return plainDate(value.value);
  if (typeof value !== 'string') return value;
  const match = /^\/Date\((-?\d+)(?:[+-]\d{4})?\)\/$/.exec(value);
  const date = new Date(Number(match?.[1]));
  return Number.isNaN(date.getTime()) ? value : date.toISOString();
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
