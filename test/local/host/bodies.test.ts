import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { createBodyRoom } from '../../../src/local/host/bodies.ts';

const megabytes = (count: number) => count * 1_000_000;

test('bodies go in while there is room, in the order of coming, small ones at any time', async () => {
  const room = createBodyRoom(megabytes(40), 60_000);
  const inside: string[] = [];
  const enter = async (name: string, bytes: number | undefined) => {
    const leave = await room.enter(bytes);
    inside.push(name);
    return leave ?? expect.unreachable();
  };
  const leaveFirst = await enter('30 MB', megabytes(30));
  const second = enter('20 MB', megabytes(20));
  const third = enter('1 MB', megabytes(1));
  await enter('small', 250_000);
  expect(inside).toEqual(['30 MB', 'small']);
  leaveFirst();
  const leaves = await Promise.all([second, third]);
  expect(inside).toEqual(['30 MB', 'small', '20 MB', '1 MB']);
  // Of unknown length, or longer than the room: alone.
  const unknown = enter('in chunks', undefined);
  for (const leave of leaves) leave();
  const leaveUnknown = await unknown;
  const longest = enter('64 MB', megabytes(64));
  await nextTurn();
  expect(inside.slice(4)).toEqual(['in chunks']);
  leaveUnknown();
  await longest;
  expect(inside.slice(4)).toEqual(['in chunks', '64 MB']);
});

test('a body for which there is no room for long is sent away, and lets smaller ones by', async () => {
  vi.useFakeTimers();
  const room = createBodyRoom(megabytes(40), 60_000);
  const leaveFirst = await room.enter(megabytes(30));
  const large = room.enter(megabytes(20));
  await vi.advanceTimersByTimeAsync(1_000);
  const smaller = room.enter(megabytes(5));
  await vi.advanceTimersByTimeAsync(59_000);
  expect(await large).toBeUndefined();
  expect(await smaller).toBeTypeOf('function');
  leaveFirst?.();
  expect(await room.enter(megabytes(35))).toBeTypeOf('function');
  vi.useRealTimers();
});
