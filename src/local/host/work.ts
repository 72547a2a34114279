/** Knows what is going on, so that a stop can wait for it. */
export interface WorkInFlight {
  /** Counts `work` until it settles. What it throws is the business of the one who started it. */
  track(work: Promise<unknown>): void;
  /** Waits until nothing is going on. @returns false when `limitMs` passed first */
  idle(limitMs: number): Promise<boolean>;
  count(): number;
}

export function createWorkInFlight(): WorkInFlight {
  const going = new Set<Promise<unknown>>();
  return {
    track(work) {
      going.add(work);
      const settled = () => going.delete(work);
      work.then(settled, settled);
    },
    async idle(limitMs) {
      const deadline = Date.now() + limitMs;
      // More than one round: a run that ends may start its last step, such as deleting its message.
      while (going.size > 0) {
        const remaining = deadline - Date.now();
        if (remaining <= 0) return false;
        await withTimeLimit(Promise.allSettled(going), remaining, 'drain').catch(() => undefined);
      }
      return true;
    },
    count: () => going.size,
  };
}

/**
 * Waits for `work`, but not longer than `limitMs`. The work itself goes on; what it gives or throws later is dropped.
 *
 * @throws Error with `message` when the time passed
 */
export async function withTimeLimit<T>(work: Promise<T>, limitMs: number, message: string): Promise<T> {
  if (limitMs === Number.POSITIVE_INFINITY) return work;
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(message)), limitMs);
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}
