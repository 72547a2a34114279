import { setTimeout as sleep } from 'node:timers/promises';

/** Requests with the same key are sent at most so many a second. */
export interface Pace {
  readonly key: string;
  readonly perSecond: number;
}

/** Hands out turns: the promise ends when the next request of that pace may be sent. It rejects when `signal` aborts. */
export function createTurns(): (pace: Pace, signal: AbortSignal) => Promise<void> {
  const next = new Map<string, number>();
  return async ({ key, perSecond }, signal) => {
    const now = performance.now();
    const at = Math.max(now, next.get(key) ?? 0);
    next.set(key, at + 1000 / perSecond);
    if (at > now) await sleep(at - now, undefined, { signal });
  };
}
