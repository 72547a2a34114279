// What the store needs of a table: rows by key, ranges of rows in order, and transactions within a partition.

export type Cells = Readonly<Record<string, string | number | Buffer>>;

export interface Row {
  readonly partitionKey: string;
  readonly rowKey: string;
  readonly etag: string;
  readonly cells: Cells;
}

export type Write =
  /** Must not be there yet. */
  | { readonly kind: 'create'; readonly rowKey: string; readonly cells: Cells }
  /**
   * Must be there with this ETag; `*`: with any. Cells that it does not name stay as they are: changing a row in its
   * place is what emulators can do quickly, however many rows there are.
   */
  | { readonly kind: 'update'; readonly rowKey: string; readonly cells: Cells; readonly etag: string }
  /** Whether it is there or not. */
  | { readonly kind: 'put'; readonly rowKey: string; readonly cells: Cells }
  /** Must be there. */
  | { readonly kind: 'delete'; readonly rowKey: string };

export type Written =
  | { readonly outcome: 'written' /** New ETags in the order of the writes. */; readonly etags: readonly string[] }
  /** A row was there already, or had another ETag: nothing is written. */
  | { readonly outcome: 'conflict' }
  /** A row was not there: nothing is written. */
  | { readonly outcome: 'missing' };

interface Range {
  /** First and last row key, both inclusive. */
  readonly from: string;
  readonly to: string;
  readonly limit: number;
  /** Leaves the cells out. */
  readonly keysOnly?: boolean;
}

export interface Found {
  /** In order of row key. */
  readonly rows: readonly Row[];
  /** Whether the range may hold more behind them. The storage says so: a page that is just full may be all there is. */
  readonly more: boolean;
}

/** Every method throws StoreUnavailable when the storage does not answer or refuses. */
export interface Table {
  /** Creates the table when it is missing. */
  open(): Promise<void>;
  get(partitionKey: string, rowKey: string): Promise<Row | undefined>;
  range(partitionKey: string, range: Range): Promise<Found>;
  /** All or nothing; 1 to {@link maxOperations} writes to different rows. */
  write(partitionKey: string, writes: readonly Write[]): Promise<Written>;
}

export interface Tables {
  readonly organizations: Table;
  readonly evaluations: Table;
  readonly facts: Table;
  readonly access: Table;
  readonly audit: Table;
  ping(): Promise<void>;
}

/** Of an entity-group transaction (Microsoft Learn: Performing entity group transactions). */
export const maxOperations = 100;
/** The service allows 4 MiB; the rest is for the headers that every operation brings along. */
export const maxTransactionBytes = 3_800_000;
export const operationOverheadBytes = 700;
