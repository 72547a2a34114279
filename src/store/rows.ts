// What a row holds: the version of its form and a JSON document, compressed when it is not small.
import { gunzipSync, gzipSync } from 'node:zlib';
import { z } from 'zod';
import type { Cells, Row } from './tables.ts';

/** The form in which this release writes rows. A row of a higher version is refused, never guessed at. */
const version = 1;

/** Documents up to this length stay readable in the table: runs, slice results, most of the outbox. States are longer. */
const maxPlainCharacters = 2_000;

/** A binary property holds 64 KiB, an entity 1 MiB: 15 properties stay below both with their names and keys. */
const maxPropertyBytes = 60_000;
const maxProperties = 15;
const maxPackedBytes = maxPropertyBytes * maxProperties;
/** Guards the memory of whoever reads the row. */
const maxDocumentBytes = 64 * 1024 * 1024;

/** What was to be stored is more than one row or one transaction can hold. Nothing of it is written. */
export class RowTooLarge extends Error {
  constructor(what: string, problem: string) {
    super(`${what} cannot be stored: ${problem}`);
    this.name = 'RowTooLarge';
  }
}

/** A stored row is damaged, or written by a newer release. It stays as it is; the message names it. */
export class UnreadableRow extends Error {
  constructor(row: Row, problem: string, options?: ErrorOptions) {
    super(`The stored row "${row.rowKey}" of "${row.partitionKey}" cannot be read: ${problem}`, options);
    this.name = 'UnreadableRow';
  }
}

/** @throws RowTooLarge naming `what` when it is over 900,000 bytes compressed, or over 64 MiB before that. */
export function pack(what: string, document: unknown): Cells {
  const json = JSON.stringify(document);
  if (json.length <= maxPlainCharacters) return { v: version, pieces: 0, json };
  if (json.length > maxDocumentBytes) throw new RowTooLarge(what, `it is over ${maxDocumentBytes} bytes long`);
  // A state is written once and read once a day: the fastest level takes half the time for a twentieth more bytes.
  const packed = gzipSync(json, { level: 1 });
  if (packed.length > maxPackedBytes) {
    throw new RowTooLarge(what, `it takes ${packed.length} bytes compressed, and a row holds ${maxPackedBytes}`);
  }
  // How many pieces count: a longer document may have left more of them in the row.
  const cells: Record<string, number | Buffer> = { v: version, pieces: Math.ceil(packed.length / maxPropertyBytes) };
  for (let start = 0; start < packed.length; start += maxPropertyBytes) {
    cells[`gzip${start / maxPropertyBytes}`] = packed.subarray(start, start + maxPropertyBytes);
  }
  return cells;
}

/** @throws UnreadableRow when the row is of a newer version, damaged, or not what `schema` says. */
export function unpack<T extends z.ZodType>(schema: T, row: Row): z.infer<T> {
  const { v } = row.cells;
  if (typeof v === 'number' && v > version) {
    throw new UnreadableRow(
      row,
      `it is of version ${v}, and this release reads up to version ${version}. A newer release wrote it; run that one, or a later one.`,
    );
  }
  if (v !== version) throw new UnreadableRow(row, `it has no version that fieldcheck writes`);
  const parsed = schema.safeParse(documentOf(row));
  if (parsed.success) return parsed.data;
  throw new UnreadableRow(row, z.prettifyError(parsed.error).replaceAll('\n', ' '));
}

function documentOf(row: Row): unknown {
  try {
    return JSON.parse(jsonOf(row.cells));
  } catch (error) {
    throw new UnreadableRow(row, 'its document is damaged', { cause: error });
  }
}

function jsonOf({ pieces, ...cells }: Cells): string {
  if (pieces === 0 && typeof cells.json === 'string') return cells.json;
  if (typeof pieces !== 'number') throw new Error('how many pieces it has is not known');
  const packed = Array.from({ length: pieces }, (_, index) => {
    const piece = cells[`gzip${index}`];
    if (piece instanceof Uint8Array) return piece;
    throw new Error(`piece ${index} of ${pieces} is missing`);
  });
  return gunzipSync(Buffer.concat(packed), { maxOutputLength: maxDocumentBytes * 3 }).toString();
}

/** Bytes that these cells take on the wire: binary travels as base64, text as JSON inside JSON. */
export function wireBytes(cells: Cells): number {
  let bytes = 0;
  for (const [name, cell] of Object.entries(cells)) {
    bytes += name.length * 2 + 32;
    if (typeof cell === 'string') bytes += Buffer.byteLength(JSON.stringify(cell));
    else if (typeof cell !== 'number') bytes += Math.ceil(cell.length / 3) * 4;
  }
  return bytes;
}
