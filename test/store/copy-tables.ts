import { TableClient, type TableEntity, TableServiceClient, type TransactionAction } from '@azure/data-tables';

/** A transaction holds a hundred rows of one partition. */
const rowsAtOnce = 100;

/** Copies all tables whose names begin with `from` into new ones that begin with `to`: what a store was at one moment. */
export async function copyTables(connectionString: string, from: string, to: string): Promise<void> {
  const options = { allowInsecureConnection: true };
  const clientOf = (table: string) => TableClient.fromConnectionString(connectionString, table, options);
  for await (const { name = '' } of TableServiceClient.fromConnectionString(connectionString, options).listTables()) {
    if (!name.startsWith(from)) continue;
    const copy = clientOf(name.replace(from, to));
    await copy.createTable();
    const rows = await Array.fromAsync(clientOf(name).listEntities<TableEntity>());
    for (const partition of Map.groupBy(rows, ({ partitionKey }) => partitionKey).values()) {
      const writes = partition.map(({ etag: _, timestamp: __, ...row }): TransactionAction => ['create', row]);
      for (let at = 0; at < writes.length; at += rowsAtOnce)
        await copy.submitTransaction(writes.slice(at, at + rowsAtOnce));
    }
  }
}
