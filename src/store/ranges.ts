// Reading rows in order, page after page, and deleting them so.
import { setImmediate as othersFirst } from 'node:timers/promises';
import type { z } from 'zod';
import { behind, continuationTo, placeOf, withPrefix } from './keys.ts';
import { unpack } from './rows.ts';
import { InvalidContinuation, type Page } from './store.ts';
import type { Row, Table } from './tables.ts';
import { groupOf, writeEach } from './transactions.ts';

/** The most that Table Storage gives at once. */
export const pageSize = 1_000;

/**
 * The rows that start with one of `starts` (by `startOf`: the row key as a whole when left out), in order. Where they
 * are neighbours, that is one range and one storage transaction; where others stand in between, the next range begins
 * behind them, at the next start that is wanted.
 */
export async function* wantedRows(
  table: Table,
  partition: string,
  starts: readonly string[],
  startOf: (rowKey: string) => string = (rowKey) => rowKey,
): AsyncGenerator<Row> {
  const sorted = starts.toSorted();
  const wanted = new Set(sorted);
  const { to } = withPrefix(sorted.at(-1) ?? '');
  const limit = Math.min(2 * sorted.length + 2, pageSize);
  for (let from = sorted[0]; from !== undefined; ) {
    const { rows, more } = await table.range(partition, { from, to, limit });
    for (const row of rows) if (wanted.has(startOf(row.rowKey))) yield row;
    const last = rows.at(-1)?.rowKey;
    if (last === undefined || !more) return;
    from = wanted.has(startOf(last)) ? behind(last) : sorted.find((start) => start > last);
  }
}

/** In pages of `first` rows; all rows of the partition when `prefix` is empty. */
export function rowsWithPrefix(table: Table, partition: string, prefix: string, first = pageSize): AsyncGenerator<Row> {
  const { from, to } = withPrefix(prefix);
  return rowsBetween(table, partition, from, to, Math.min(first, pageSize));
}

/** All rows between two keys, both inclusive, read in pages of `limit`. */
export async function* rowsBetween(
  table: Table,
  partition: string,
  from: string,
  to: string,
  limit: number,
  keysOnly = false,
): AsyncGenerator<Row> {
  for (let start = from; ; ) {
    const { rows, more } = await table.range(partition, { from: start, to, limit, keysOnly });
    yield* rows;
    const last = rows.at(-1);
    if (last === undefined || !more) return;
    start = behind(last.rowKey);
  }
}

export async function pageOf<T extends z.ZodType>(
  table: Table,
  partition: string,
  prefix: string,
  schema: T,
  limit: number,
  continuation: string | undefined,
): Promise<Page<z.infer<T>>> {
  const bounds = withPrefix(prefix);
  const from = continuation === undefined ? bounds.from : placeOf(continuation, partition, prefix);
  if (from === undefined) throw new InvalidContinuation();
  // One more than asked for: it says whether there is a next page, and where that starts.
  const { rows } = await table.range(partition, { from, to: bounds.to, limit: limit + 1 });
  const items = rows.slice(0, limit).map((row) => unpack(schema, row));
  const next = rows[limit];
  return next === undefined ? { items } : { items, continuation: continuationTo(partition, next.rowKey) };
}

/** @returns how many rows there were */
export async function removeRange(table: Table, partition: string, from: string, to: string): Promise<number> {
  let deleted = 0;
  for (let found = pageSize; found === pageSize; ) {
    const rowKeys = await keysIn(table, partition, from, to, pageSize);
    found = rowKeys.length;
    deleted += await removeRows(table, partition, rowKeys);
  }
  return deleted;
}

export async function keysIn(
  table: Table,
  partition: string,
  from: string,
  to: string,
  limit: number,
): Promise<readonly string[]> {
  if (limit <= 0) return [];
  return (await table.range(partition, { from, to, limit, keysOnly: true })).rows.map(({ rowKey }) => rowKey);
}

/** @returns how many were there */
export async function removeRows(table: Table, partition: string, rowKeys: readonly string[]): Promise<number> {
  const groups = rowKeys.map((rowKey) => groupOf([{ kind: 'delete', rowKey }]));
  return (await writeEach(table, partition, groups)).length;
}

/** Rows unpacked before others get their turn. */
const unpackedAtOnce = 100;

export async function unpackAll<T extends z.ZodType>(schema: T, rows: AsyncIterable<Row>): Promise<z.infer<T>[]> {
  const documents: z.infer<T>[] = [];
  for await (const row of rows) {
    documents.push(unpack(schema, row));
    // A page of states takes a tenth of a second to unpack.
    if (documents.length % unpackedAtOnce === 0) await othersFirst();
  }
  return documents;
}
