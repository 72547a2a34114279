import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Blind,
  createBlindCount,
  noWatchMemory,
  stepBlindness,
  type WatchMemory,
} from '../../src/domain/blindness.ts';
import type { SubjectState } from '../../src/domain/compare.ts';
import type { Finding } from '../../src/domain/finding.ts';
import type { Transition } from '../../src/domain/transition.ts';

const at = (look: number) => new Date(Date.parse('2026-11-24T06:00:00Z') + look * 86_400_000).toISOString();

const blindTo = (cause: string, subjects: Record<string, number>): Blind => ({
  cause,
  message: `No ${cause}.`,
  remedy: 'Look.',
  subjects: new Map(Object.entries(subjects)),
});
const domains = (count: number, looks: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`d${index}`, looks]));

const wordsOf = (transitions: readonly Transition[]) =>
  transitions.map(({ kind, of }) => (of.type === 'watch' ? `${kind} ${of.cause}: ${of.count}, ${of.left} left` : kind));

/** What is told of looks a day apart; of hourly ones when `next` is an hour away. */
function told(looks: readonly (readonly Blind[])[], watched = 10, next?: (look: number) => string): string[][] {
  let memory: WatchMemory = noWatchMemory;
  return looks.map((now, index) => {
    const stepped = stepBlindness(memory, 'looks', now, {
      at: at(index),
      watched,
      next: next?.(index) ?? at(index + 1),
    });
    memory = stepped.memory;
    return wordsOf(stepped.transitions);
  });
}

describe('what nobody can look at', () => {
  test('of half of a watch is told at once, of all of one cause together, and ends once', () => {
    const silent = blindTo('silent:selector-key', domains(5, 1));
    expect(told([[silent], [silent], []])).toEqual([
      ['blind silent:selector-key: 5, 5 left'],
      [],
      ['seeing silent:selector-key: 5, 0 left'],
    ]);
  });

  test('of half of a watch that is looked at every hour waits for the next look', () => {
    const silent = blindTo('silent:selector-key', domains(5, 1));
    const hourly = (look: number) => new Date(Date.parse(at(look)) + 3_600_000).toISOString();
    expect(told([[silent], []], 10, hourly)).toEqual([[], []]);
    expect(told([[silent], [silent]], 10, hourly)).toEqual([[], ['blind silent:selector-key: 5, 5 left']]);
  });

  test('of one of two waits too where it may have been silent for a moment, not where it has expired', () => {
    expect(told([[blindTo('silent:x', domains(1, 1))]], 2)).toEqual([[]]);
    expect(told([[blindTo('expired:x', domains(1, 1))]], 2)).toEqual([['blind expired:x: 1, 1 left']]);
  });

  test('of a few is told at the third look in a row; each is closed once', () => {
    const few = (looks: Record<string, number>) => [blindTo('silent:x', looks)];
    expect(told([few({ a: 1 }), few({ a: 2 }), few({ a: 3, b: 1 }), few({ a: 4, b: 2 }), few({ b: 3 }), []])).toEqual([
      [],
      [],
      ['blind silent:x: 1, 1 left'],
      [],
      ['seeing silent:x: 1, 1 left', 'blind silent:x: 1, 1 left'],
      ['seeing silent:x: 1, 0 left'],
    ]);
  });

  test('conditions of the watch are told at once, and looks leave them alone', () => {
    const noRun = blindTo('no-run', { '*': 1 });
    const first = stepBlindness(noWatchMemory, 'conditions', [noRun], { at: at(0), watched: 0 });
    expect(wordsOf(first.transitions)).toEqual(['blind no-run: 1, 1 left']);
    const looked = stepBlindness(first.memory, 'looks', [], { at: at(1), watched: 3, next: at(2) });
    expect(looked.transitions).toEqual([]);
    const over = stepBlindness(looked.memory, 'conditions', [], { at: at(2), watched: 0 });
    expect(wordsOf(over.transitions)).toEqual(['seeing no-run: 1, 0 left']);
    expect(over.memory.blind).toEqual({});
  });

  test('every subject that is told to be blind is told to be seen exactly once', () => {
    const look = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), fc.integer({ min: 1, max: 5 }), {
      noNullPrototype: true,
    });
    fc.assert(
      fc.property(fc.array(look, { maxLength: 30 }), fc.integer({ min: 1, max: 12 }), (looks, watched) => {
        let memory: WatchMemory = noWatchMemory;
        const blind = new Set<string>();
        for (const [index, subjects] of [...looks, {}].entries()) {
          const now = Object.keys(subjects).length === 0 ? [] : [blindTo('silent:x', subjects)];
          const stepped = stepBlindness(memory, 'looks', now, { at: at(index), watched, next: at(index + 1) });
          memory = stepped.memory;
          for (const { kind, of } of stepped.transitions) {
            for (const subject of of.type === 'watch' ? of.subjects : []) {
              expect(blind.has(subject), `${subject} ${kind}`).toBe(kind === 'seeing');
              if (kind === 'seeing') blind.delete(subject);
              else blind.add(subject);
            }
          }
        }
        expect([...blind]).toEqual([]);
        expect(memory.blind).toEqual({});
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('why', () => {
  const stateOf = (findings: readonly Partial<Finding>[], changes: Partial<SubjectState> = {}): SubjectState => ({
    runId: 'r',
    run: {
      evaluation: 'dkim',
      subject: 'contoso.com',
      at: at(0),
      answers: { now: 'undetermined' },
      findings: findings.map((one) => ({
        rule: 'dkim/x',
        verdict: 'unknown',
        message: 'Could not look.',
        evidence: [],
        ...one,
      })),
    },
    since: at(-3),
    runs: 4,
    findings: { 'dkim/x': { since: at(-3), unknownRuns: 2 } },
    answers: {},
    ...changes,
  });
  const causesOf = (state: SubjectState) => {
    const count = createBlindCount();
    count.add(state);
    return count.result().blind.map(({ cause, subjects }) => [cause, ...subjects.values()]);
  };
  const evidence = [{ fact: 'selector-key', observed: 'x' }];

  test.each<[string, Partial<Finding>, unknown[][]]>([
    ['a time-out', { reason: 'timeout', evidence }, [['silent:selector-key', 2]]],
    ['a refusal', { reason: 'denied', evidence }, [['denied:selector-key', 2]]],
    ['old facts', { reason: 'stale', evidence }, [['expired:selector-key', 2]]],
    ['too little', { reason: 'insufficient', evidence }, [['insufficient:selector-key', 2]]],
    ['what a failed rule blocks', { blockedBy: 'dkim/y' }, []],
    ['what nobody supplied', { reason: 'not_supplied' }, []],
    ['a pass', { verdict: 'pass' }, []],
  ])('%s', (_, finding, causes) => expect(causesOf(stateOf([finding]))).toEqual(causes));

  test('an answer that was known and is undetermined now is told, whatever for', () => {
    const known = { answers: { now: { answer: 'yes' as const, since: at(-9) } } };
    expect(causesOf(stateOf([{ verdict: 'manual' }], known))).toEqual([['person:dkim/x', 4]]);
    expect(causesOf(stateOf([{ reason: 'not_supplied' }], known))).toEqual([['missing:dkim/x', 4]]);
    expect(causesOf(stateOf([{ verdict: 'manual' }]))).toEqual([]);
  });
});
