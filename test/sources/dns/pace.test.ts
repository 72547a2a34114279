import { describe, expect, it } from 'vitest';
import { Pace, type SendWindow } from '../../../src/sources/dns/pace.ts';

/** Takes all it can get, once per millisecond. */
function sendFor(pace: Pace, from: number, milliseconds: number): number {
  let sent = 0;
  for (let now = from; now < from + milliseconds; now++) while (pace.take(now)) sent++;
  return sent;
}

describe('Pace', () => {
  it('sends at the configured rate, without a burst at the start or after a rest', () => {
    const pace = new Pace(800, 0);
    expect(sendFor(pace, 0, 10)).toBeLessThanOrEqual(9);
    expect(sendFor(pace, 10, 1000)).toBeGreaterThanOrEqual(799);
    expect(sendFor(pace, 60_000, 10)).toBeLessThanOrEqual(16 + 8);
  });

  it('has no limit of its own when none is configured', () => {
    const pace = new Pace(Number.POSITIVE_INFINITY, 0);
    for (let i = 0; i < 10_000; i++) expect(pace.take(0)).toBe(true);
  });

  const timeOut = (pace: Pace, sentIn: SendWindow, count: number): void => {
    for (let i = 0; i < count; i++) pace.timedOut(sentIn, true);
  };

  it('cuts the rate when lost queries show, once for all that were sent at the old rate, and recovers slowly to below it', () => {
    const pace = new Pace(1200, 0);
    let now = 0;
    const before = pace.sent(true);
    const second = (lost: number): void => {
      for (let quarter = 0; quarter < 4; quarter++, now += 250) {
        const sent = sendFor(pace, now, 250);
        for (let i = 0; i < sent; i++) pace.answered();
        for (let i = 0; i < lost / 4; i++) pace.lost(before);
        pace.review(now + 250);
      }
    };
    second(0);
    expect(pace.rate).toBe(1200);
    second(200);
    expect(pace.epoch).toBe(1);
    const cut = pace.rate;
    expect(cut).toBeLessThan(1000);
    second(200); // from before the cut: nothing new
    expect(pace.epoch).toBe(1);
    for (let i = 0; i < 30; i++) second(0);
    expect(pace.rate).toBeGreaterThan(cut);
    expect(pace.rate).toBeLessThan(1100);
  });

  it('takes names that never answer for dead, not for losses, also when only they are left', () => {
    const pace = new Pace(800, 0);
    const asked = Array.from({ length: 200 }, () => pace.sent(true));
    const [sentIn] = asked;
    for (let i = 0; i < 170; i++) pace.answered();
    pace.review(250);
    if (sentIn !== undefined) timeOut(pace, sentIn, 30);
    pace.review(2250);
    const retried = pace.sent(false);
    for (let i = 0; i < 30; i++) pace.timedOut(retried, false);
    pace.review(5250);
    expect(pace.rate).toBe(800);
  });

  it('takes time-outs for losses when most questions time out, down to what was answered', () => {
    const pace = new Pace(5000, 0);
    for (let now = 0; now < 250; now += 5) sendFor(pace, now, 5);
    const asked = Array.from({ length: 1250 }, () => pace.sent(true));
    for (let i = 0; i < 250; i++) pace.answered();
    pace.review(250);
    const [sentIn] = asked;
    if (sentIn !== undefined) timeOut(pace, sentIn, 800);
    pace.review(300);
    expect(pace.rate).toBeLessThanOrEqual(800);
    expect(pace.rate).toBeGreaterThanOrEqual(700);
  });

  it('leaves the rate alone when nothing at all is answered: that resolver is down', () => {
    const pace = new Pace(800, 0);
    timeOut(pace, pace.sent(true), 200);
    pace.review(1000);
    expect(pace.rate).toBe(800);
  });
});
