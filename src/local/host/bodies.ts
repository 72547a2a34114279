// Where bodies of requests are kept between their coming in and their answer. Azure's host has a process of its own for
// that; here they would take the app's memory, so a body for which there is no room stays with its sender for a while.

export interface BodyRoom {
  /**
   * Waits, in the order of coming, until there is room.
   *
   * @param bytes undefined: nobody knows, so it may fill the room
   * @returns gives the room back; undefined when there was none for too long
   */
  enter(bytes: number | undefined): Promise<(() => void) | undefined>;
}

/** Bodies up to this length are always let in. */
const smallBytes = 250_000;

/**
 * @param size bytes of all that are inside; a larger one goes in alone
 * @param patienceMs how long one waits at most
 */
export function createBodyRoom(size: number, patienceMs: number): BodyRoom {
  let inside = 0;
  let waiting: readonly Waiting[] = [];
  const admit = () => {
    for (let next = waiting[0]; next !== undefined && inside + next.bytes <= size; next = waiting[0]) {
      waiting = waiting.slice(1);
      inside += next.bytes;
      next.end('entered');
    }
  };
  return {
    async enter(given = size) {
      if (given <= smallBytes) return () => {};
      const bytes = Math.min(given, size);
      const { promise, resolve: end } = Promise.withResolvers<'entered' | 'left'>();
      const one: Waiting = { bytes, end };
      const patience = setTimeout(() => {
        waiting = waiting.filter((other) => other !== one);
        end('left');
        // One behind it may be smaller.
        admit();
      }, patienceMs);
      waiting = [...waiting, one];
      admit();
      const ended = await promise;
      clearTimeout(patience);
      if (ended === 'left') return undefined;
      return () => {
        inside -= bytes;
        admit();
      };
    },
  };
}

interface Waiting {
  readonly bytes: number;
  end(how: 'entered' | 'left'): void;
}
