import { describe, expect, test } from 'vitest';
import { routed } from '../../src/domain/route.ts';
import type { Severity } from '../../src/domain/rule.ts';
import { adviceIn, listedOf } from '../../src/domain/telling.ts';
import type { Transition, TransitionKind } from '../../src/domain/transition.ts';

const at = '2026-11-24T06:00:00.000Z';
const base = { reason: 'first-seen', subject: 'contoso.com', at, since: at } as const;

const finding = (kind: TransitionKind, severity: Severity): Transition => ({
  ...base,
  kind,
  of: { type: 'finding', rule: 'dkim/key', verdict: kind === 'resolved' ? 'pass' : 'fail', severity, message: kind },
});
const answer: Transition = { ...base, kind: 'opened', of: { type: 'answer', question: 'verifiable-now', to: 'no' } };
const heardBy = (transitions: readonly Transition[]) =>
  routed(Object.fromEntries(channels.map((channel) => [channel, {}])), 'dkim', transitions).told.map(
    ({ channel }) => channel,
  );
const removed: Transition = { ...base, kind: 'removed', of: { type: 'subject', message: 'is no longer watched.' } };

const channels = ['mail-team', 'desk'];

describe('advice', () => {
  test.each(['low', 'info'] as const)(
    'of severity %s reaches no channel alone; in another message it is counted',
    (severity) => {
      const advice = [finding('opened', severity), finding('resolved', severity)];
      expect(heardBy(advice)).toEqual([]);
      const together = [...advice, finding('opened', 'medium')];
      expect(heardBy(together)).toEqual(channels);
      expect(listedOf(together)).toEqual([finding('opened', 'medium')]);
      expect(adviceIn(together)).toBe(2);
    },
  );
});

test('an answer is listed only when no finding that is listed explains it', () => {
  expect(listedOf([answer, finding('opened', 'high')])).toEqual([finding('opened', 'high')]);
  expect(listedOf([answer, finding('opened', 'low')])).toEqual([answer]);
  expect(listedOf([answer, finding('resolved', 'high')])).toEqual([answer, finding('resolved', 'high')]);
});

test('a subject that leaves the watch is told', () => {
  expect(heardBy([removed])).toEqual(channels);
  expect(heardBy([])).toEqual([]);
});
