import type { DoorRequest } from './door.ts';

/** Callers share the keys of the function app, so nobody knows more of them than what they say. */
const unknownCaller = 'a holder of a function key';

/**
 * Who calls, in words that are kept with what they said. THE place where a door learns it.
 *
 * @param named what the body says of it
 */
export function callerOf(_request: Pick<DoorRequest, 'headers'>, named: unknown): string {
  const text = typeof named === 'string' ? named.trim() : '';
  return text === '' ? unknownCaller : text.slice(0, 100);
}
