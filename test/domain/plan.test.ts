import { describe, expect, test } from 'vitest';
import { planOf, type Waiting } from '../../src/domain/plan.ts';

const time = (minutes: number) => new Date(Date.parse('2026-11-24T06:00:00Z') + minutes * 60_000).toISOString();
const row = (organization: string, subject: string, minutes = 0, notBefore?: number, evaluation = 'dkim'): Waiting => ({
  notice: {
    organization,
    evaluation,
    channel: 'mail-team',
    runId: `${organization}.dkim.1`,
    subject,
    at: time(minutes),
    transitions: [],
    answers: {},
  },
  ...(notBefore === undefined ? {} : { notBefore: time(notBefore) }),
});
const planAt = (minutes: number, rows: readonly Waiting[], organizations = 1) =>
  planOf(rows, () => ({ address: 'secret:CHANNEL_MAIL', organizations }), new Date(time(minutes)), 120_000).map(
    ({ evaluation, rows: planned }) => [evaluation, planned.map(({ notice }) => notice.subject).join(' ')],
  );

describe('what goes out now', () => {
  test('is all that waits for one address and evaluation, oldest first', () => {
    const rows = [
      row('contoso', 'b', 5),
      row('contoso', 'a', 5),
      row('contoso', 'c', 0),
      row('contoso', 'x', 1, undefined, 'toy'),
    ];
    expect(planAt(6, rows)).toEqual([
      ['dkim', 'c a b'],
      ['toy', 'x'],
    ]);
  });

  test('waits ten minutes for the other organizations that share the address', () => {
    const rows = [row('contoso', 'a', 0), row('fabrikam', 'b', 4)];
    expect(planAt(9, rows, 2)).toEqual([]);
    expect(planAt(10, rows, 2)).toEqual([['dkim', 'a b']]);
  });

  test('waits for nobody when a clock has dated it ahead', () => {
    expect(planAt(0, [row('contoso', 'a', 26 * 60)], 2)).toEqual([['dkim', 'a']]);
  });

  test('leaves what another deliverer has taken, and takes along what was put off', () => {
    expect(planAt(0, [row('contoso', 'a', 0, 1)])).toEqual([]);
    expect(planAt(0, [row('contoso', 'a', 0, 60)])).toEqual([]);
    expect(planAt(5, [row('contoso', 'a', 0, 60), row('contoso', 'b', 1, 6), row('contoso', 'c', 2)])).toEqual([
      ['dkim', 'a c'],
    ]);
  });
});
