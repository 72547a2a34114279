import { beforeAll } from 'vitest';
import { type Azurite, startAzurite } from '../src/local/azurite.ts';

/** More than there are test files: no two of them share one. */
const accounts = Array.from({ length: 500 }, (_, at) => `fieldcheck${at + 1}`);

/** One for all test files that this process runs, one after the other. It ends with the process. */
let azurite: Promise<Azurite> | undefined;
let taken = 0;

async function startWithAccounts(): Promise<Azurite> {
  const key = Buffer.from('the key of every made-up account').toString('base64');
  process.env.AZURITE_ACCOUNTS = accounts.map((account) => `${account}:${key}`).join(';');
  try {
    const started = await startAzurite();
    return { ...started, connectionString: started.connectionString.replace(/(?<=AccountKey=)[^;]+/, key) };
  } finally {
    delete process.env.AZURITE_ACCOUNTS;
  }
}

/**
 * An empty storage account of an in-memory Azurite for the test file that calls this at its top; the connection string is
 * there in tests. Whoever stops an Azurite starts one of their own.
 */
export function useAzurite(): { readonly connectionString: string } {
  let connectionString: string | undefined;
  beforeAll(async () => {
    azurite ??= startWithAccounts();
    const account = accounts[taken];
    taken += 1;
    if (account === undefined) throw new Error('Azurite has no account left that no test file has used.');
    connectionString = (await azurite).connectionString.replaceAll('devstoreaccount1', account);
  });
  return {
    get connectionString() {
      if (connectionString === undefined) throw new Error('Azurite runs only while the tests of this file run.');
      return connectionString;
    },
  };
}
