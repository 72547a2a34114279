import { createRowStore } from './row-store.ts';
import type { Store } from './store.ts';
import type { Row, Table, Tables, Write, Written } from './tables.ts';

/** A store that forgets everything with the process: for the CLI and for tests. Same semantics as the tables in Azure. */
export function createMemoryStore(): Store {
  return createRowStore(createMemoryTables());
}

export function createMemoryTables(): Tables {
  return {
    organizations: createMemoryTable(),
    evaluations: createMemoryTable(),
    facts: createMemoryTable(),
    access: createMemoryTable(),
    audit: createMemoryTable(),
    ping: async () => {},
  };
}

interface Partition {
  readonly rows: Map<string, Row>;
  /** In order. */
  readonly keys: string[];
}

function createMemoryTable(): Table {
  const partitions = new Map<string, Partition>();
  let writesDone = 0;

  return {
    open: async () => {},

    get: async (partitionKey, rowKey) => partitions.get(partitionKey)?.rows.get(rowKey),

    async range(partitionKey, { from, to, limit }) {
      const { rows, keys } = partitions.get(partitionKey) ?? { rows: new Map<string, Row>(), keys: [] };
      const found: Row[] = [];
      for (let index = firstAtOrAfter(keys, from); index < keys.length; index += 1) {
        const key = keys[index] ?? '';
        if (key > to) break;
        if (found.length >= limit) return { rows: found, more: true };
        const row = rows.get(key);
        if (row !== undefined) found.push(row);
      }
      return { rows: found, more: false };
    },

    async write(partitionKey, writes) {
      const partition = partitions.get(partitionKey) ?? { rows: new Map<string, Row>(), keys: [] };
      for (const write of writes) {
        const refusal = refusalOf(write, partition.rows.get(write.rowKey));
        if (refusal !== undefined) return refusal;
      }
      partitions.set(partitionKey, partition);
      const etags = writes.map((write) => {
        writesDone += 1;
        const etag = `"${writesDone}"`;
        apply(partition, partitionKey, write, etag);
        return etag;
      });
      return { outcome: 'written', etags };
    },
  };
}

function refusalOf(write: Write, row: Row | undefined): Written | undefined {
  if (write.kind === 'put') return undefined;
  if (write.kind === 'create') return row === undefined ? undefined : { outcome: 'conflict' };
  if (row === undefined) return { outcome: 'missing' };
  const isOther = write.kind === 'update' && write.etag !== '*' && write.etag !== row.etag;
  return isOther ? { outcome: 'conflict' } : undefined;
}

function apply({ rows, keys }: Partition, partitionKey: string, write: Write, etag: string): void {
  const { rowKey } = write;
  const index = firstAtOrAfter(keys, rowKey);
  if (write.kind === 'delete') {
    keys.splice(index, 1);
    rows.delete(rowKey);
    return;
  }
  if (!rows.has(rowKey)) keys.splice(index, 0, rowKey);
  const cells = write.kind === 'update' ? { ...rows.get(rowKey)?.cells, ...write.cells } : write.cells;
  rows.set(rowKey, { partitionKey, rowKey, etag, cells });
}

function firstAtOrAfter(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] ?? '') < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
