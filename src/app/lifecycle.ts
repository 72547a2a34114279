import type { Ports } from './ports.ts';
import { Problem } from './problem.ts';

/** How long work in flight may go on when the app is told to stop, and how long putting back what is left may take; Azure
 * ends the process after five seconds. */
const drainLimitMs = 3_500;
const putBackLimitMs = 1_000;

interface Lifecycle {
  /** Does work that needs no storage. @throws Problem once the app is stopping */
  counted<T>(work: () => Promise<T>): Promise<T>;
  /** Does work on the opened storage. @throws Problem once the app is stopping; StoreUnavailable */
  working<T>(work: () => Promise<T>): Promise<T>;
  /** Opens the storage on first use; after a failure the next call tries again. @throws StoreUnavailable */
  openStorage(): Promise<void>;
  /** Lets work in flight finish, within the time that Azure allows, puts back what did not, and closes everything. */
  stop(putBack: () => Promise<void>): Promise<void>;
}

/** Counts what is in flight, so that stopping can wait for it. */
export function createLifecycle({ store, queue, world }: Pick<Ports, 'store' | 'queue' | 'world'>): Lifecycle {
  let stopping = false;
  const inFlight = new Set<Promise<unknown>>();
  let opened: Promise<void> | undefined;

  function openStorage(): Promise<void> {
    opened ??= Promise.all([store.open(), queue.open()]).then(
      () => undefined,
      (error: unknown) => {
        opened = undefined;
        throw error;
      },
    );
    return opened;
  }

  async function counted<T>(work: () => Promise<T>): Promise<T> {
    if (stopping) throw new Problem(503, 'fieldcheck is stopping; try again in a moment.');
    const running = work();
    inFlight.add(running);
    try {
      return await running;
    } finally {
      inFlight.delete(running);
    }
  }

  return {
    counted,
    working: (work) => counted(() => openStorage().then(work)),
    openStorage,
    async stop(putBack) {
      if (stopping) return;
      stopping = true;
      await within(drainLimitMs, Promise.allSettled([...inFlight]));
      await within(putBackLimitMs, putBack());
      world.close();
      await store.close();
    },
  };
}

async function within(limitMs: number, work: Promise<unknown>): Promise<void> {
  await Promise.race([work, new Promise<void>((resolve) => setTimeout(resolve, limitMs).unref())]);
}
