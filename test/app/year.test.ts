// Ten weeks of the simulated year (`npm run bench -- year`), with a fifth of the domains.
import { beforeEach, expect, test, vi } from 'vitest';
import { manyOrganizations } from '../bench/year.ts';
import { judgeYear, liveThrough } from '../bench/year-run.ts';
import { scenarios } from '../bench/year-weather.ts';

const setMachineTime = (now: Date) => vi.setSystemTime(now);
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'] });
  return () => vi.useRealTimers();
});

const days = 70;
const all = scenarios(0.1).filter(({ organization }) => organization !== 'hourly');

test('nothing is missed, false, or left open; each scenario makes as few posts as it has to', {
  timeout: 120_000,
}, async () => {
  const year = await liveThrough(all, days, [6, 8, 9, 10, 11], setMachineTime);
  const rows = judgeYear(all, year, days);
  expect(
    Object.fromEntries(
      rows.map(({ scenario, incidents, missed, false: wrong, unbalanced, posts, blind, seeing }) => [
        scenario.organization,
        { incidents, missed, false: wrong, unbalanced, posts, blind, seeing },
      ]),
    ),
  ).toEqual({
    quiet: { incidents: 3, missed: 0, false: 0, unbalanced: 0, posts: 6, blind: 0, seeing: 0 },
    flapping: { incidents: 1, missed: 0, false: 0, unbalanced: 0, posts: 3, blind: 0, seeing: 0 },
    microsoft: { incidents: 12, missed: 0, false: 0, unbalanced: 0, posts: 2, blind: 0, seeing: 0 },
    outage: { incidents: 0, missed: 0, false: 0, unbalanced: 0, posts: 2, blind: 1, seeing: 1 },
    rotating: { incidents: 0, missed: 0, false: 0, unbalanced: 0, posts: 0, blind: 0, seeing: 0 },
    mended: { incidents: 4, missed: 0, false: 0, unbalanced: 0, posts: 8, blind: 0, seeing: 0 },
    bursts: { incidents: 0, missed: 0, false: 0, unbalanced: 0, posts: 0, blind: 0, seeing: 0 },
    unreadable: { incidents: 0, missed: 0, false: 0, unbalanced: 0, posts: 1, blind: 1, seeing: 0 },
    expired: { incidents: 3, missed: 0, false: 0, unbalanced: 0, posts: 2, blind: 1, seeing: 1 },
    dead: { incidents: 5, missed: 0, false: 0, unbalanced: 0, posts: 2, blind: 0, seeing: 0 },
    clock: { incidents: 1, missed: 0, false: 0, unbalanced: 0, posts: 3, blind: 1, seeing: 1 },
  });
  expect(Math.max(...year.posts.map(({ bytes }) => bytes))).toBeLessThanOrEqual(22_000);
  const digests = year.posts.filter(({ notice }) => notice.kind === 'digest').map(({ at }) => at);
  expect(digests.length).toBeGreaterThan(5);
});

test('sixty organizations with one cause in one channel make two posts', { timeout: 60_000 }, async () => {
  expect(await manyOrganizations(60, 2, setMachineTime)).toBe(2);
});
