import { afterAll, beforeAll } from 'vitest';
import { type Azurite, startAzurite } from '../src/local/azurite.ts';

/** One in-memory Azurite for the test file that calls this at its top; the connection string is there in tests. */
export function useAzurite(): { readonly connectionString: string } {
  let azurite: Azurite | undefined;
  beforeAll(async () => {
    azurite = await startAzurite();
  });
  afterAll(() => azurite?.stop());
  return {
    get connectionString() {
      if (!azurite) throw new Error('Azurite runs only while the tests of this file run.');
      return azurite.connectionString;
    },
  };
}
