import { afterAll, describe, expect, it } from 'vitest';
import { dkim } from '../../src/evaluations/dkim/index.ts';
import { goldenCases, judgeCase } from './cases.ts';

const zone = process.env.TZ;
afterAll(() => {
  if (zone === undefined) delete process.env.TZ;
  else process.env.TZ = zone;
});

// Which selector is active must not depend on where the process runs.
describe.each(['Pacific/Auckland', 'America/Los_Angeles', 'Asia/Kathmandu'])('in the zone %s', (name) => {
  it('every case of dkim is judged as in UTC', () => {
    const cases = goldenCases(dkim);
    process.env.TZ = 'UTC';
    const runs = cases.map((golden) => judgeCase(dkim, golden));
    process.env.TZ = name;
    expect(new Date('2026-11-24T09:30:00Z').getTimezoneOffset()).not.toBe(0);
    expect(cases.map((golden) => judgeCase(dkim, golden))).toEqual(runs);
  });
});
