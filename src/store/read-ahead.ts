// Reading what stands next to each other for many callers: a page of 1,000 rows is one storage transaction, as is a row.
import pLimit from 'p-limit';
import { withPrefix } from './keys.ts';
import { pageSize, wantedRows } from './ranges.ts';
import type { Row, Table } from './tables.ts';

/** What a process works on at a time lies within two pages; more would be memory for nothing. */
const pagesKept = 2;

interface KeptPage {
  /** All that was there between these two keys, both inclusive, was read. */
  readonly from: string;
  readonly to: string;
  /** By what they start with; those that were handed out are gone. */
  readonly rows: Map<string, readonly Row[]>;
  /** Starts that were asked for, whether there were rows or not. */
  readonly taken: Set<string>;
}

/**
 * Reads rows of a partition by what they start with: always a whole page, whose rest is kept for those who ask next.
 * Whoever asks for the same again gets what is there then. What is kept may be overtaken by a writer meanwhile, which
 * ETags find out.
 *
 * @param end the highest key that may be read
 * @param startOf what a row key starts with
 */
export function createReadAhead(
  table: Table,
  partition: string,
  end: string,
  startOf: (rowKey: string) => string,
): (starts: readonly string[]) => Promise<readonly Row[]> {
  const pages: KeptPage[] = [];
  // One after the other: what one reads is what the next one wants.
  const oneAtATime = pLimit(1);

  async function take(starts: readonly string[]): Promise<readonly Row[]> {
    const sorted = starts.toSorted();
    const [first] = sorted;
    if (first === undefined) return [];
    const last = withPrefix(sorted.at(-1) ?? first).to;
    let page = pages.find(
      ({ from, to, taken }) => from <= first && last <= to && !starts.some((one) => taken.has(one)),
    );
    if (page === undefined) {
      page = await readPage(first);
      pages.unshift(page);
      pages.length = Math.min(pages.length, pagesKept);
    }
    // Others stand in between, or there is more about each than a page holds.
    if (last > page.to) return Array.fromAsync(wantedRows(table, partition, starts, startOf));
    return sorted.flatMap((start) => handOut(page, start));
  }

  async function readPage(from: string): Promise<KeptPage> {
    const { rows, more } = await table.range(partition, { from, to: end, limit: pageSize });
    const last = rows.at(-1);
    return {
      from,
      to: last === undefined || !more ? end : last.rowKey,
      rows: Map.groupBy(rows, ({ rowKey }) => startOf(rowKey)),
      taken: new Set(),
    };
  }

  return (starts) => oneAtATime(take, starts);
}

function handOut({ rows, taken }: KeptPage, start: string): readonly Row[] {
  const found = rows.get(start) ?? [];
  rows.delete(start);
  taken.add(start);
  return found;
}
