import {
  odata,
  type RestError,
  TableClient,
  type TableServiceClientOptions,
  type TransactionAction,
} from '@azure/data-tables';
import type { TokenCredential } from '@azure/identity';
import { createRowStore } from './row-store.ts';
import { type Store, StoreUnavailable } from './store.ts';
import type { Cells, Row, Table, Write, Written } from './tables.ts';

/** Where the tables are: a connection string, or an account with the identity that may use it. */
type TableStoreLocation =
  | { readonly connectionString: string }
  | { readonly accountName: string; readonly credential: TokenCredential }
  /** For sovereign clouds: the whole address, e.g. `https://ACCOUNT.table.core.usgovcloudapi.net`. */
  | { readonly tableServiceUrl: string; readonly credential: TokenCredential };

export type StorageRequest = 'query' | 'get' | 'transaction' | 'create-table';

export type TableStoreOptions = TableStoreLocation & {
  /** Starts the names of the tables, so that several stores can share an account: letters and digits, a letter first. */
  readonly tablePrefix?: string;
  /** Called for every request that goes out, repeated ones included: what the account is billed for. */
  readonly onRequest?: (kind: StorageRequest) => void;
};

/** Together with its repetitions an operation takes no longer than this. */
const operationLimitMs = 10_000;
const pingLimitMs = 2_000;
const retryOptions = { maxRetries: 4, retryDelayInMs: 200, maxRetryDelayInMs: 2_000 };
const maxPageSize = 1_000;

/**
 * The store in Azure Table Storage (or Azurite): tables `organizations`, `evaluations`, `facts`,
 * `access` and `audit`.
 *
 * @throws Error when the connection string, account name or address cannot be used; the message never repeats it
 */
export function createTableStore(options: TableStoreOptions): Store {
  const prefix = options.tablePrefix ?? '';
  if (!/^([A-Za-z][A-Za-z0-9]{0,39})?$/.test(prefix)) {
    throw new Error(`"${prefix}" cannot start the name of a table; use up to 40 letters and digits, a letter first`);
  }
  const clientOf = (table: string) => createClient(options, `${prefix}${table}`);
  const organizations = createAzureTable(clientOf('organizations'));
  return createRowStore({
    organizations,
    evaluations: createAzureTable(clientOf('evaluations')),
    facts: createAzureTable(clientOf('facts')),
    access: createAzureTable(clientOf('access')),
    audit: createAzureTable(clientOf('audit')),
    ping: () => organizations.ping(),
  });
}

function createClient(options: TableStoreOptions, table: string): TableClient {
  const additionalPolicies = [brokenPipeIsReset, ...counting(options.onRequest)];
  const clientOptions: TableServiceClientOptions = { retryOptions, additionalPolicies };
  if ('connectionString' in options) {
    // An http address is in a connection string only when it was written there: an emulator.
    const allowInsecureConnection =
      /(^|;)\s*(DefaultEndpointsProtocol=http|TableEndpoint=http:\/\/[^;]*)\s*(;|$)/i.test(options.connectionString);
    try {
      return TableClient.fromConnectionString(options.connectionString, table, {
        ...clientOptions,
        allowInsecureConnection,
      });
    } catch {
      // The SDK's message may repeat the key.
      throw new Error(
        'The connection string of the storage cannot be used. It needs DefaultEndpointsProtocol, AccountName and AccountKey, ' +
          'or TableEndpoint and SharedAccessSignature; for an emulator UseDevelopmentStorage=true',
      );
    }
  }
  return new TableClient(tableServiceUrl(options), table, options.credential, clientOptions);
}

function tableServiceUrl(options: { accountName: string } | { tableServiceUrl: string }): string {
  if ('accountName' in options) {
    const { accountName } = options;
    if (/^[a-z0-9]{3,24}$/.test(accountName)) return `https://${accountName}.table.core.windows.net`;
    throw new Error(`"${accountName}" is no storage account; its name is 3 to 24 lower-case letters and digits`);
  }
  const url = URL.parse(options.tableServiceUrl);
  if (url?.protocol === 'https:' && url.search === '') return url.href;
  throw new Error(
    'The address of the table service cannot be used; write https://ACCOUNT.table.core.windows.net, without a SAS',
  );
}

type Policies = NonNullable<TableServiceClientOptions['additionalPolicies']>;

/**
 * A connection that the storage has closed while it stood idle breaks when a large transaction is written to it. The client
 * for queues repeats that request; the one for tables repeats it when it is a reset, but not when it is a broken pipe.
 */
const brokenPipeIsReset: Policies[number] = {
  position: 'perRetry',
  policy: {
    name: 'fieldcheckBrokenPipe',
    async sendRequest(request, next) {
      try {
        return await next(request);
      } catch (error) {
        const failed = error as RestError;
        if (failed.code === 'EPIPE') failed.code = 'ECONNRESET';
        throw error;
      }
    },
  },
};

function counting(onRequest: TableStoreOptions['onRequest']): Policies {
  if (onRequest === undefined) return [];
  return [
    {
      position: 'perRetry',
      policy: {
        name: 'fieldcheckRequestCount',
        sendRequest: (request, next) => {
          onRequest(kindOf(request.method, new URL(request.url).pathname));
          return next(request);
        },
      },
    },
  ];
}

function kindOf(method: string, path: string): StorageRequest {
  if (path.endsWith('/$batch')) return 'transaction';
  if (method === 'POST') return 'create-table';
  return path.endsWith('()') ? 'query' : 'get';
}

function createAzureTable(client: TableClient): Table & { ping(): Promise<void> } {
  /** Runs one operation within its time limit, and lets no error of the SDK out: those hold the request, with its SAS. */
  async function within<T>(limitMs: number, operation: (abortSignal: AbortSignal) => Promise<T>): Promise<T> {
    try {
      return await operation(AbortSignal.timeout(limitMs));
    } catch (error) {
      throw new StoreUnavailable(reasonOf(error, client, limitMs));
    }
  }

  const range: Table['range'] = (partitionKey, { from, to, limit, keysOnly = false }) =>
    within(operationLimitMs, async (abortSignal) => {
      const rows: Row[] = [];
      if (limit <= 0) return { rows, more: true };
      const filter = odata`PartitionKey eq ${partitionKey} and RowKey ge ${from} and RowKey le ${to}`;
      const select = keysOnly ? { select: ['PartitionKey', 'RowKey'] } : {};
      const pages = client
        .listEntities({ queryOptions: { filter, ...select }, abortSignal })
        .byPage({ maxPageSize: Math.min(limit, maxPageSize) });
      // A page may be empty and still not be the last one.
      let more = false;
      for await (const page of pages) {
        const left = limit - rows.length;
        for (const entity of page.slice(0, left)) rows.push(rowOf(entity));
        more = page.length > left || page.continuationToken !== undefined;
        if (rows.length >= limit) break;
      }
      return { rows, more };
    });

  return {
    open: () => within(operationLimitMs, (abortSignal) => client.createTable({ abortSignal })),

    get: (partitionKey, rowKey) =>
      within(operationLimitMs, async (abortSignal) => {
        try {
          return rowOf(await client.getEntity(partitionKey, rowKey, { abortSignal }));
        } catch (error) {
          if (outcomeOf(error) === 'missing') return undefined;
          throw error;
        }
      }),

    range,

    write: (partitionKey, writes) =>
      within(operationLimitMs, async (abortSignal): Promise<Written> => {
        try {
          const actions = writes.map((write) => actionOf(partitionKey, write));
          const { subResponses } = await client.submitTransaction(actions, { abortSignal });
          return { outcome: 'written', etags: subResponses.map(({ etag = '' }) => etag) };
        } catch (error) {
          const outcome = outcomeOf(error) ?? (isForeignEtag(error, writes) ? 'conflict' : undefined);
          if (outcome !== undefined) return { outcome };
          throw error;
        }
      }),

    ping: () =>
      within(pingLimitMs, async (abortSignal) => {
        const filter = odata`PartitionKey eq ${'ping'}`;
        await client.listEntities({ queryOptions: { filter }, abortSignal }).byPage({ maxPageSize: 1 }).next();
      }),
  };
}

function actionOf(partitionKey: string, write: Write): TransactionAction {
  const { rowKey } = write;
  if (write.kind === 'delete') return ['delete', { partitionKey, rowKey }];
  const entity = { partitionKey, rowKey, ...write.cells };
  switch (write.kind) {
    case 'create':
      return ['create', entity];
    case 'update':
      return ['update', entity, 'Merge', { etag: write.etag }];
    case 'put':
      return ['upsert', entity, 'Replace'];
  }
}

function rowOf(entity: { partitionKey?: string; rowKey?: string; etag?: string; timestamp?: string }): Row {
  const { partitionKey = '', rowKey = '', etag = '', timestamp: _, ...cells } = entity;
  // A cell of another type than we write is found out when the row is unpacked.
  return { partitionKey, rowKey, etag, cells: cells as Cells };
}

/** What a refusal of the service says about the rows; undefined when it is about something else. */
function outcomeOf(error: unknown): 'conflict' | 'missing' | undefined {
  const { statusCode, code } = restErrorOf(error);
  if (statusCode === 409 || statusCode === 412) return 'conflict';
  return statusCode === 404 && code === 'ResourceNotFound' ? 'missing' : undefined;
}

/** The service calls an ETag that it can never have given out invalid input; to the caller it is one that does not match. */
function isForeignEtag(error: unknown, writes: readonly Write[]): boolean {
  const hasForeign = writes.some((write) => write.kind === 'update' && !/^(\*|W\/"datetime'[^']+'")$/.test(write.etag));
  return hasForeign && restErrorOf(error).statusCode === 400;
}

/** One sentence without the request, whose address may hold a SAS. @throws error itself when it is not the storage's */
function reasonOf(error: unknown, { url, tableName }: TableClient, limitMs: number): string {
  const { host } = new URL(url);
  const name = error instanceof Error ? error.name : '';
  if (name === 'AbortError') return `${host} gave no answer within ${limitMs / 1000} seconds`;
  if (/Authentication|Credential/.test(name)) return `no token for ${host} was to be had (${name})`;
  if (name !== 'RestError') throw error;
  const { statusCode, code = 'no code' } = restErrorOf(error);
  if (statusCode === undefined) return `${host} cannot be reached (${code})`;
  const refusal = `${host} refused with ${statusCode} ${code}`;
  if (statusCode === 401 || statusCode === 403) {
    return `${refusal}; the identity needs the role Storage Table Data Contributor on the account, the key or SAS has to be valid`;
  }
  return code === 'TableNotFound' ? `${refusal}; the table "${tableName}" was not created, or was deleted` : refusal;
}

/** Single operations carry the service's code in the details, transactions in the error itself. */
function restErrorOf(error: unknown): { statusCode?: number | undefined; code?: string | undefined } {
  const { statusCode, code, details } = error as RestError & { details?: { odataError?: { code?: string } } };
  return { statusCode, code: details?.odataError?.code ?? code };
}
