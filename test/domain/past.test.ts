import { describe, expect, it } from 'vitest';
import { compare, type SubjectState } from '../../src/domain/compare.ts';
import type { Finding } from '../../src/domain/finding.ts';
import { nothingKnown, pastOf, spanOf } from '../../src/domain/past.ts';

const now = new Date('2026-12-01T00:00:00Z');
const rule = 'toy/lid-closed';

/** What is kept after a run a day from 10 November on, oldest first. */
function kept(...verdicts: readonly Finding['verdict'][]): SubjectState[] {
  const states: SubjectState[] = [];
  let previous: SubjectState | undefined;
  for (const [day, verdict] of verdicts.entries()) {
    const at = new Date(Date.UTC(2026, 10, 10 + day, 6)).toISOString();
    const finding: Finding = { rule, verdict, message: `${verdict}.`, evidence: [] };
    const run = { evaluation: 'toy', subject: 'attic', at, answers: {}, findings: [finding] };
    const { state, superseded } = compare(previous, `contoso.toy.${day}`, run);
    if (superseded === undefined) states.pop();
    states.push(state);
    previous = state;
  }
  return states;
}

const day = (date: number, hour = 12) => new Date(Date.UTC(2026, 10, date, hour)).toISOString();
const spans = (states: readonly SubjectState[], at: string) =>
  pastOf('attic', states, at).episodes.map((one) => `${one.finding.verdict} ${spanOf(one, now)}`);

describe('what was known at a time', () => {
  const states = kept('pass', 'fail', 'fail', 'pass', 'pass');

  it('lasts from the first run that found it to the first that no longer did', () => {
    expect(spans(states, day(11))).toEqual(['fail from 11 November 06:00 to 13 November 06:00 UTC']);
    expect(spans(states, day(12, 23))).toEqual(['fail from 11 November 06:00 to 13 November 06:00 UTC']);
    expect(spans(states, day(10))).toEqual(['pass from 10 November 06:00 to 11 November 06:00 UTC']);
  });

  it('goes on when nothing has changed since', () => {
    expect(spans(states, day(20))).toEqual([
      'pass since 13 November 06:00 UTC, and still when last looked at (14 November 06:00 UTC)',
    ]);
  });

  it('begins with the very minute of a run', () => {
    expect(spans(states, day(11, 6))[0]).toMatch(/^fail/);
    expect(spans(states, new Date(Date.parse(day(11, 6)) - 1).toISOString())[0]).toMatch(/^pass/);
  });

  it('goes back beyond what history still holds', () => {
    expect(spans(kept('fail', 'unknown', 'fail').slice(2), day(12))).toEqual([
      'fail since 10 November 06:00 UTC, and still when last looked at (12 November 06:00 UTC)',
    ]);
  });

  it('is nothing before the first run, and nothing where there is none', () => {
    const early = pastOf('attic', states, day(9));
    expect([early.state, early.episodes]).toEqual([undefined, []]);
    expect(nothingKnown(early)).toBe(
      'Nothing was known of attic at 2026-11-09 12:00 UTC: it was first looked at 2026-11-10 06:00 UTC.',
    );
    expect(nothingKnown(pastOf('attic', [], day(9)))).toBe('Nothing is known of attic: no run has looked at it.');
    expect(nothingKnown(pastOf('attic', states, day(11)))).toBeUndefined();
  });

  it('names the year where it is another', () => {
    const [episode] = pastOf('attic', states, day(11)).episodes;
    expect(episode && spanOf(episode, new Date('2027-02-01T00:00:00Z'))).toBe(
      'from 11 November 2026 06:00 to 13 November 2026 06:00 UTC',
    );
  });
});
