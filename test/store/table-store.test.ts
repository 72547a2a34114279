import { randomBytes } from 'node:crypto';
import { TableClient } from '@azure/data-tables';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startAzurite } from '../../src/local/azurite.ts';
import { UnreadableRow } from '../../src/store/rows.ts';
import { type Store, StoreUnavailable } from '../../src/store/store.ts';
import { createTableStore, type StorageRequest } from '../../src/store/table-store.ts';
import { useAzurite } from '../azurite.ts';
import { type FaultyStorage, startFaultyStorage } from './faulty-storage.ts';
import { changeOf, factsOf, noticeOf, resultOf, runId, runOf, stateOf, watch } from './samples.ts';

const azurite = useAzurite();
const names = (count: number) =>
  Array.from({ length: count }, (_, index) => `d${String(index).padStart(4, '0')}.contoso.com`);
const keyOf = (connectionString: string) => /AccountKey=([^;]+)/.exec(connectionString)?.[1] ?? '';

let stores = 0;
function prefix(): string {
  stores += 1;
  return `s${stores}`;
}

describe('storage transactions', () => {
  async function counted() {
    const requests: StorageRequest[] = [];
    const { connectionString } = azurite;
    const store = createTableStore({
      connectionString,
      tablePrefix: prefix(),
      onRequest: (kind) => requests.push(kind),
    });
    await store.open();
    expect(requests.splice(0)).toEqual(['create-table', 'create-table', 'create-table']);
    return { store, requests };
  }

  test('a slice of 96 unchanged subjects is one query and one transaction', async () => {
    const { store, requests } = await counted();
    const subjects = names(300);
    for (let start = 0; start < 300; start += 96) {
      const changes = subjects.slice(start, start + 96).map((subject) => changeOf(subject));
      await store.commit(watch, changes, resultOf(start, changes.length));
    }
    requests.splice(0);
    const slice = subjects.slice(96, 192);
    const read = await store.states(watch, slice);
    const changes = slice.map((subject) => changeOf(subject, { expected: read.get(subject)?.etag }));
    expect(await store.commit(watch, changes, resultOf(1000, 96))).toBe('committed');
    expect(requests).toEqual(['query', 'transaction']);
  });

  test('the slices of a run read 1,000 subjects with one query', async () => {
    const { store, requests } = await counted();
    const subjects = names(1_200);
    for (let start = 0; start < subjects.length; start += 96) {
      const slice = subjects.slice(start, start + 96);
      await store.commit(
        watch,
        slice.map((subject) => changeOf(subject)),
        undefined,
      );
      await store.putFacts(slice.map((subject) => factsOf({ subject })));
    }
    requests.splice(0);
    const reader = store.sliceReader(watch);
    const slices = Array.from({ length: 13 }, (_, index) => subjects.slice(index * 96, (index + 1) * 96));
    const states = await Promise.all(slices.map((slice) => reader.states(slice)));
    expect(states.flatMap((some) => [...some.keys()])).toEqual(subjects);
    expect(requests.splice(0)).toEqual(['query', 'query']);
    const facts = await Promise.all(slices.map((slice) => reader.facts(slice)));
    expect(facts.flat().map(({ subject }) => subject)).toEqual(subjects);
    expect(requests.splice(0)).toEqual(['query', 'query']);
    // Whoever wants it whole learns with a page of each that it is too large for that.
    expect(await store.wholeWatch(watch)).toBeUndefined();
    expect(requests.splice(0)).toEqual(['query', 'query']);
  });

  test('facts about 96 subjects are one query, and one transaction to keep', async () => {
    const { store, requests } = await counted();
    const subjects = names(300);
    await store.putFacts(
      subjects.map((subject) => factsOf({ subject })),
      true,
    );
    expect(requests.splice(0)).toEqual(Array.from({ length: 4 }, () => 'transaction'));
    expect(await store.facts(watch, subjects.slice(96, 192))).toHaveLength(96);
    expect(requests).toEqual(['query']);
    await store.putFacts(subjects.slice(96, 192).map((subject) => factsOf({ subject })));
    expect(requests.splice(1)).toEqual(['query', 'transaction']);
  });

  test('the progress of a run is one query', async () => {
    const { store, requests } = await counted();
    await store.createRun(runOf());
    await store.commit(watch, [changeOf('contoso.com')], resultOf(0, 1));
    requests.splice(0);
    expect((await store.run(runId))?.slices).toHaveLength(1);
    expect(requests).toEqual(['query']);
  });

  test('a page that is just full is one query: the storage says that there is no more', async () => {
    const { store, requests } = await counted();
    const subjects = names(1_000);
    for (let start = 0; start < subjects.length; start += 100) {
      const some = subjects.slice(start, start + 100);
      await store.commit(
        watch,
        some.map((subject) => changeOf(subject)),
        undefined,
      );
      await store.putFacts(some.map((subject) => factsOf({ subject })));
    }
    requests.splice(0);
    expect((await store.compareSubjects(watch, subjects)).missing).toEqual([]);
    expect((await store.compareSubjects(watch, [])).others).toHaveLength(1_000);
    expect(await store.subjectsWithFacts(watch)).toHaveLength(1_000);
    expect(await store.facts(watch, subjects)).toHaveLength(1_000);
    expect((await store.listStates(watch, 1_000)).items).toHaveLength(1_000);
    const reader = store.sliceReader(watch);
    for (let start = 0; start < subjects.length; start += 100)
      expect((await reader.states(subjects.slice(start, start + 100))).size).toBe(100);
    expect(requests).toEqual(Array(6).fill('query'));
  });
});

describe('a row that cannot be read', () => {
  test.each([
    ['of a newer version', { v: 2, json: '{}' }, 'it is of version 2, and this release reads up to version 1'],
    ['that is damaged', { v: 1, json: '{' }, 'its document is damaged'],
    ['that somebody else wrote', { text: 'hello' }, 'it has no version that fieldcheck writes'],
  ])('%s is named, and never taken for missing', async (_, cells, problem) => {
    const { connectionString } = azurite;
    const tablePrefix = prefix();
    const store = createTableStore({ connectionString, tablePrefix });
    await store.open();
    const client = TableClient.fromConnectionString(connectionString, `${tablePrefix}evaluations`, {
      allowInsecureConnection: true,
    });
    await client.createEntity({ partitionKey: 'contoso.dkim', rowKey: 's_contoso.com', ...cells });
    const attempt = store.states(watch, ['contoso.com']);
    await expect(attempt).rejects.toThrow(UnreadableRow);
    await expect(attempt).rejects.toThrow(
      `The stored row "s_contoso.com" of "contoso.dkim" cannot be read: ${problem}`,
    );
    await expect(store.listStates(watch, 10)).rejects.toThrow(UnreadableRow);
  });
});

describe('storage that falters', () => {
  let storage: FaultyStorage;
  let store: Store;
  beforeEach(async () => {
    storage = await startFaultyStorage(azurite.connectionString);
    store = createTableStore({ connectionString: storage.connectionString, tablePrefix: prefix() });
    await store.open();
  });
  afterEach(() => storage.stop());

  test.each([429, 500, 503])('HTTP %d is asked again', async (status) => {
    let refusals = 2;
    storage.fate = () => {
      refusals -= 1;
      return refusals >= 0 ? { status, headers: status === 500 ? {} : { 'retry-after-ms': '10' } } : 'pass';
    };
    const change = changeOf('contoso.com', { pending: [noticeOf('contoso.com')] });
    expect(await store.commit(watch, [change], resultOf(0, 1))).toBe('committed');
    expect((await store.states(watch, ['contoso.com'])).size).toBe(1);
    expect(await store.pending(watch, 10)).toHaveLength(1);
  });

  test('throttling without end is told in one sentence', async () => {
    storage.fate = () => ({
      status: 503,
      headers: { 'retry-after-ms': '10' },
      body: '{"odata.error":{"code":"ServerBusy"}}',
    });
    await expect(store.states(watch, ['contoso.com'])).rejects.toThrow(
      /^The storage is not available: 127\.0\.0\.1:\d+ refused with 503 ServerBusy$/,
    );
  });

  test('a refused identity is told with the role that it needs', async () => {
    storage.fate = () => ({ status: 403, body: '{"odata.error":{"code":"AuthorizationPermissionMismatch"}}' });
    await expect(store.organization('contoso')).rejects.toThrow(
      /refused with 403 AuthorizationPermissionMismatch; the identity needs the role Storage Table Data Contributor on the account/,
    );
  });

  test('empty pages with a token are passed over', async () => {
    const subjects = names(5);
    await store.commit(
      watch,
      subjects.map((subject) => changeOf(subject)),
      undefined,
    );
    let emptyPages = 0;
    storage.fate = ({ url }) => {
      if (!url.includes('()') || url.includes('NextRowKey')) return 'pass';
      emptyPages += 1;
      // In the form in which Azurite reads them back.
      const headers = {
        'x-ms-continuation-NextPartitionKey': Buffer.from('contoso.dkim').toString('base64'),
        'x-ms-continuation-NextRowKey': Buffer.from('s_d0000.contoso.com').toString('base64'),
      };
      return { status: 200, headers, body: '{"value":[]}' };
    };
    expect([...(await store.states(watch, subjects)).keys()]).toEqual(subjects);
    const page = await store.listStates(watch, 3);
    expect(page.items.map((state) => state.run.subject)).toEqual(subjects.slice(0, 3));
    expect((await store.listStates(watch, 3, page.continuation)).items).toHaveLength(2);
    expect(emptyPages).toBe(3);
  });

  test('a commit whose answer got lost is there once', async () => {
    // The first says that something is at hand.
    let transactions = 0;
    storage.fate = ({ url }) => {
      if (!url.endsWith('$batch')) return 'pass';
      transactions += 1;
      return transactions === 2 ? 'lose-answer' : 'pass';
    };
    const change = changeOf('contoso.com', { pending: [noticeOf('contoso.com')] });
    expect(await store.commit(watch, [change], resultOf(0, 1))).toBe('committed');
    expect(storage.seen.filter(({ url }) => url.endsWith('$batch'))).toHaveLength(3);
    expect(await store.pending(watch, 10)).toHaveLength(1);
    expect(await store.atHand()).toMatchObject([{ ...watch, kind: 'notice' }]);
  });

  test('a commit whose connection is cut while it is sent is sent again', async () => {
    let transactions = 0;
    storage.fate = ({ url }) => {
      if (!url.endsWith('$batch')) return 'pass';
      transactions += 1;
      return transactions === 1 ? 'cut' : 'pass';
    };
    const changes = names(4).map((subject) =>
      changeOf(subject, { state: stateOf(subject, { message: randomBytes(400_000).toString('hex') }) }),
    );
    expect(await store.commit(watch, changes, resultOf(0, 4))).toBe('committed');
    expect(transactions).toBe(2);
    expect((await store.states(watch, names(4))).size).toBe(4);
  });

  test('a table that was deleted is named', async () => {
    const { connectionString } = azurite;
    const tablePrefix = prefix();
    const unopened = createTableStore({ connectionString, tablePrefix });
    await expect(unopened.states(watch, ['contoso.com'])).rejects.toThrow(
      `refused with 404 TableNotFound; the table "${tablePrefix}evaluations" was not created, or was deleted`,
    );
  });
});

// Each waits for its limit: beside each other.
describe.concurrent('storage that is gone', () => {
  test('is not waited for by a ping', async () => {
    const storage = await startFaultyStorage(azurite.connectionString);
    try {
      storage.fate = () => 'hang';
      const store = createTableStore({ connectionString: storage.connectionString, tablePrefix: prefix() });
      await expect(store.ping()).rejects.toThrow(/127\.0\.0\.1:\d+ gave no answer within 2 seconds$/);
    } finally {
      await storage.stop();
    }
  });

  test('is told without key, and nothing is half-written', async () => {
    const own = await startAzurite();
    const { connectionString } = own;
    const storage = await startFaultyStorage(connectionString);
    try {
      const store = createTableStore({ connectionString: storage.connectionString });
      await store.open();
      const subjects = names(200);
      const changes = subjects.map((subject) => changeOf(subject, { pending: [noticeOf(subject)] }));
      // The second of several transactions never arrives; what is at hand is noted before them.
      let transactions = 0;
      storage.fate = ({ url }) => {
        if (!url.endsWith('$batch')) return 'pass';
        transactions += 1;
        return transactions <= 2 ? 'pass' : { status: 503, headers: { 'retry-after-ms': '1' } };
      };
      const failure = await store.commit(watch, changes, resultOf(0, 200)).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(StoreUnavailable);

      storage.fate = () => 'pass';
      const written = await store.states(watch, subjects);
      const told = await store.pending(watch, 1000);
      expect(written.size).toBeGreaterThan(0);
      expect(written.size).toBeLessThan(200);
      expect(new Set(told.map(({ notice }) => notice.subject))).toEqual(new Set(written.keys()));
      const again = changes.map((change) => ({ ...change, expected: written.get(change.subject)?.etag }));
      expect(await store.commit(watch, again, resultOf(0, 200))).toBe('committed');
      expect(await store.pending(watch, 1000)).toHaveLength(200);

      const direct = createTableStore({ connectionString });
      await direct.open();
      await own.stop();
      const attempts = await Promise.allSettled([
        direct.commit(watch, [changeOf('fabrikam.com')], undefined),
        direct.states(watch, subjects),
        direct.organization('contoso'),
        direct.ping(),
        direct.open(),
      ]);
      for (const attempt of attempts) {
        const error = attempt.status === 'rejected' ? attempt.reason : undefined;
        expect(error).toBeInstanceOf(StoreUnavailable);
        expect(String(error)).toMatch(
          /^StoreUnavailable: The storage is not available: 127\.0\.0\.1:\d+ (cannot be reached \(ECONN\w+\)|gave no answer within 2 seconds)$/,
        );
        expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain(keyOf(connectionString));
      }
    } finally {
      await storage.stop();
      await own.stop();
    }
  });

  test('is told without the SAS', async () => {
    const store = createTableStore({
      connectionString: 'TableEndpoint=http://127.0.0.1:1/contoso;SharedAccessSignature=sv=2024-11-04&sig=c2VjcmV0',
    });
    const error = await store.states(watch, ['contoso.com']).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(StoreUnavailable);
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toMatch(/sig=|c2VjcmV0/);
  });
});

describe('a location that cannot be used', () => {
  const credential = { getToken: async () => null };
  test.each([
    ['AccountName=contoso;AccountKey=c2VjcmV0', /^The connection string of the storage cannot be used\. It needs /],
    ['', /^The connection string of the storage cannot be used\. It needs /],
  ])('connection string "%s"', (connectionString, sentence) => {
    expect(() => createTableStore({ connectionString })).toThrow(sentence);
    expect(() => createTableStore({ connectionString })).not.toThrow('c2VjcmV0');
  });

  test('is refused with what to write instead', () => {
    expect(() => createTableStore({ accountName: 'https://contoso', credential })).toThrow(
      '"https://contoso" is no storage account; its name is 3 to 24 lower-case letters and digits',
    );
    expect(() => createTableStore({ tableServiceUrl: 'http://contoso.table.core.windows.net', credential })).toThrow(
      'The address of the table service cannot be used; write https://ACCOUNT.table.core.windows.net, without a SAS',
    );
    expect(() => createTableStore({ accountName: 'contoso', credential, tablePrefix: '1' })).toThrow(
      '"1" cannot start the name of a table; use up to 40 letters and digits, a letter first',
    );
  });

  test('an account without a token for it is told, not asked', async () => {
    const refused = {
      getToken: async () => {
        throw Object.assign(new Error('no identity here'), { name: 'CredentialUnavailableError' });
      },
    };
    const store = createTableStore({ accountName: 'contoso', credential: refused });
    await expect(store.ping()).rejects.toThrow(
      'The storage is not available: no token for contoso.table.core.windows.net was to be had (CredentialUnavailableError)',
    );
  });
});
