// Reading rows in order, page after page.
import { behind, withPrefix } from './keys.ts';
import type { Row, Table } from './tables.ts';

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
    const page = await table.range(partition, { from, to, limit });
    for (const row of page) if (wanted.has(startOf(row.rowKey))) yield row;
    const last = page.at(-1)?.rowKey;
    if (last === undefined || page.length < limit) return;
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
    const page = await table.range(partition, { from: start, to, limit, keysOnly });
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < limit) return;
    start = behind(last.rowKey);
  }
}
