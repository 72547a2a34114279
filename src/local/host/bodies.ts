// Where bodies of requests are kept between their coming in and their answer. Azure's host has a process of its own for
// that; here they would take the app's memory, so a body for which there is no room stays with its sender for a while.

export interface BodyRoom {
  /**
   * Waits, in the order of coming, until there is room.
   *
   * @param bytes undefined: nobody knows, so it may fill the room
   * @returns gives the room back
   */
  enter(bytes: number | undefined): Promise<() => void>;
}

/** Bodies up to this length are always let in. */
const smallBytes = 250_000;

/** @param size bytes of all that are inside; a larger one goes in alone */
export function createBodyRoom(size: number): BodyRoom {
  let inside = 0;
  const waiting: { readonly bytes: number; readonly go: () => void }[] = [];
  const admit = () => {
    for (let next = waiting[0]; next !== undefined && inside + next.bytes <= size; next = waiting[0]) {
      waiting.shift();
      inside += next.bytes;
      next.go();
    }
  };
  return {
    async enter(given = size) {
      if (given <= smallBytes) return () => {};
      const bytes = Math.min(given, size);
      const entered = Promise.withResolvers<void>();
      waiting.push({ bytes, go: entered.resolve });
      admit();
      await entered.promise;
      return () => {
        inside -= bytes;
        admit();
      };
    },
  };
}
