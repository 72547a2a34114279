import { createTableStore } from '../../src/store/table-store.ts';
import { useAzurite } from '../azurite.ts';
import { storeContract } from './store.ts';

const azurite = useAzurite();
let stores = 0;

storeContract('table store on Azurite', async () => {
  stores += 1;
  const store = createTableStore({ connectionString: azurite.connectionString, tablePrefix: `t${stores}` });
  await store.open();
  return store;
});
