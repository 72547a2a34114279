// Which writes go together into one entity-group transaction.
import { wireBytes } from './rows.ts';
import { maxOperations, maxTransactionBytes, operationOverheadBytes, type Table, type Write } from './tables.ts';

/** Writes that stand in one transaction or in none. */
export interface Group {
  readonly writes: readonly Write[];
  readonly bytes: number;
}

/** As few transactions as hold the groups, in the order given; in each, operations stay free for closing rows. */
export function inTransactions<G extends Group>(groups: readonly G[], closing = 1): readonly (readonly G[])[] {
  const transactions: G[][] = [];
  let operations = 0;
  let bytes = 0;
  for (const group of groups) {
    let transaction = transactions.at(-1);
    const isFull =
      operations + group.writes.length + closing > maxOperations || bytes + group.bytes > maxTransactionBytes;
    if (transaction === undefined || isFull) {
      transaction = [];
      transactions.push(transaction);
      operations = 0;
      bytes = 0;
    }
    transaction.push(group);
    operations += group.writes.length;
    bytes += group.bytes;
  }
  return transactions;
}

export function groupOf(writes: readonly Write[]): Group {
  const bytes = writes.reduce(
    (sum, write) => sum + operationOverheadBytes + (write.kind === 'delete' ? 0 : wireBytes(write.cells)),
    0,
  );
  return { writes, bytes };
}

/**
 * Writes groups that do not depend on each other: together where that goes, and one by one where a row of one of them was
 * written or deleted by somebody else.
 *
 * @returns those that were written
 */
export async function writeEach<G extends Group>(table: Table, partition: string, groups: readonly G[]): Promise<G[]> {
  const written: G[] = [];
  for (const transaction of inTransactions(groups)) {
    const writes = transaction.flatMap((group) => group.writes);
    if ((await table.write(partition, writes)).outcome === 'written') {
      written.push(...transaction);
      continue;
    }
    for (const group of transaction) {
      if ((await table.write(partition, group.writes)).outcome === 'written') written.push(group);
    }
  }
  return written;
}
