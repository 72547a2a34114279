import { describe, expect, it } from 'vitest';
import { compare, type SubjectState } from '../../src/domain/compare.ts';
import type { Answer, Finding } from '../../src/domain/finding.ts';
import { changesOf, spansOf } from '../../src/domain/spans.ts';
import { finding, run } from '../reports/runs.ts';

const day = (days: number) => new Date(Date.parse('2026-09-01T06:00:00.000Z') + days * 86_400_000).toISOString();

/** What is kept of these daily runs, oldest first: an answer for each day, or nothing where nobody looked. */
function kept(answers: readonly (Answer | undefined)[]): readonly SubjectState[] {
  const states: SubjectState[] = [];
  let last: SubjectState | undefined;
  for (const [index, answer] of answers.entries()) {
    if (answer === undefined) continue;
    const found: Finding = finding({
      verdict: answer === 'no' ? 'fail' : answer === 'undetermined' ? 'unknown' : 'pass',
      message: `It is ${answer}.`,
    });
    const { state, superseded } = compare(last, `run-${index}`, {
      ...run('contoso.com', { q: answer }, found),
      at: day(index),
    });
    if (superseded !== undefined) states.push(superseded);
    last = state;
  }
  return last === undefined ? states : [...states, last];
}

const rules = new Set(['dkim/active-key-published']);
const short = (states: readonly SubjectState[], from: string, to: string) =>
  spansOf(states, 'q', from, to).map(({ answer, from: start, to: end }) => [
    answer,
    start.slice(5, 10),
    end.slice(5, 10),
  ]);

describe('the answers over time', () => {
  it('have no gaps: what was before, what came after, and equal runs are one span', () => {
    const states = kept(['yes', 'yes', 'no', 'no', 'no', 'undetermined', 'yes']);
    expect(short(states, day(-2), day(7))).toEqual([
      ['unseen', '08-30', '09-01'],
      ['yes', '09-01', '09-03'],
      ['no', '09-03', '09-06'],
      ['undetermined', '09-06', '09-07'],
      ['yes', '09-07', '09-08'],
    ]);
  });

  it('are not known from two days after the last look on, until somebody looks again', () => {
    const states = kept(['yes', undefined, undefined, undefined, undefined, 'no']);
    expect(short(states, day(0), day(6))).toEqual([
      ['yes', '09-01', '09-03'],
      ['unseen', '09-03', '09-06'],
      ['no', '09-06', '09-07'],
    ]);
  });

  it('begin where the time shown begins, whatever was before', () => {
    expect(short(kept(['no', 'no', 'no', 'yes']), day(1), day(4))).toEqual([
      ['no', '09-02', '09-04'],
      ['yes', '09-04', '09-05'],
    ]);
  });

  it('are unseen where there is nothing', () => {
    expect(short([], day(0), day(1))).toEqual([['unseen', '09-01', '09-02']]);
  });
});

describe('the changes', () => {
  it('say when it broke, when nobody could look and when it was mended, with what made it so, newest first', () => {
    const changes = changesOf(kept(['yes', 'yes', 'no', 'no', 'undetermined', 'yes']), 'q', rules);
    expect(changes.map(({ kind, at, runs, finding: found }) => [kind, at.slice(5, 10), runs, found?.message])).toEqual([
      ['mended', '09-06', 1, undefined],
      ['could not look', '09-05', 1, 'It is undetermined.'],
      ['broke', '09-03', 2, 'It is no.'],
      ['first seen', '09-01', 2, undefined],
    ]);
  });

  it('name no finding that does not decide the question', () => {
    expect(changesOf(kept(['yes', 'no']), 'q', new Set()).map(({ finding: found }) => found)).toEqual([
      undefined,
      undefined,
    ]);
  });
});
