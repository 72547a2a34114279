import { setImmediate as othersFirst } from 'node:timers/promises';
import pLimit from 'p-limit';
import { Problem } from '../problem.ts';

/** From this many bytes on a body is held several times while it is read. */
const hugeBytes = 2_000_000;

/** Side by side they would take the memory of the process, and gain nothing. */
const oneAfterTheOther = pLimit(1);

/** With more than these before it a request would wait longer than its caller does. */
const mostWaiting = 16;

/**
 * Does what a body asks for; huge ones one after the other, each from before it is copied until it is answered.
 *
 * @param bytes undefined: nobody knows yet
 * @throws Problem (503) when too many wait
 */
export async function inTurn<Result>(bytes: number | undefined, work: () => Promise<Result>): Promise<Result> {
  if (bytes !== undefined && bytes < hugeBytes) return work();
  const { pendingCount } = oneAfterTheOther;
  if (pendingCount >= mostWaiting)
    throw new Problem(503, `${pendingCount} large requests wait for their turn already; try again in a minute.`);
  return oneAfterTheOther(work);
}

let last: Promise<unknown> = Promise.resolve();

/**
 * A turn of the event loop for whoever asks, in which nobody else has one who asked here: what takes some ten milliseconds
 * takes a quarter of a second when eight callers do it in the same turn.
 */
export function ownTurn(): Promise<unknown> {
  last = last.then(() => othersFirst());
  return last;
}
