import { TableClient, type TableEntity, TableServiceClient, type TransactionAction } from '@azure/data-tables';

/** A transaction holds a hundred rows of one partition. */
const rowsAtOnce = 100;
const options = { allowInsecureConnection: true };

/**
 * Reads all tables whose names begin with `from`: what a store was at one moment.
 *
 * @returns writes it into new tables whose names begin with `to`
 */
export async function copyOfTables(connectionString: string, from: string): Promise<(to: string) => Promise<void>> {
  const clientOf = (table: string) => TableClient.fromConnectionString(connectionString, table, options);
  const listed = TableServiceClient.fromConnectionString(connectionString, options).listTables();
  const names = (await Array.fromAsync(listed)).flatMap(({ name = '' }) => (name.startsWith(from) ? [name] : []));
  const tables = await Promise.all(
    names.map(async (name) => {
      const rows = await Array.fromAsync(clientOf(name).listEntities<TableEntity>());
      return { name, partitions: [...Map.groupBy(rows, ({ partitionKey }) => partitionKey).values()] };
    }),
  );
  return async (to) => {
    await Promise.all(
      tables.map(async ({ name, partitions }) => {
        const copy = clientOf(name.replace(from, to));
        await copy.createTable();
        for (const partition of partitions) {
          const writes = partition.map(({ etag: _, timestamp: __, ...row }): TransactionAction => ['create', row]);
          for (let at = 0; at < writes.length; at += rowsAtOnce)
            await copy.submitTransaction(writes.slice(at, at + rowsAtOnce));
        }
      }),
    );
  };
}
