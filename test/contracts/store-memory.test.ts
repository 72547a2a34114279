import { createMemoryStore } from '../../src/store/memory-store.ts';
import { storeContract } from './store.ts';

storeContract('memory store', async () => {
  const store = createMemoryStore();
  await store.open();
  return store;
});
