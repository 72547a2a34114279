import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { answerOf, blocksAnswers } from '../../src/domain/answer.ts';
import { verdicts } from '../../src/domain/finding.ts';
import { severities } from '../../src/domain/rule.ts';

const finding = fc.oneof(
  fc.record({ verdict: fc.constant('fail' as const), severity: fc.constantFrom(...severities) }),
  fc.record({ verdict: fc.constantFrom(...verdicts.filter((verdict) => verdict !== 'fail')) }),
);

describe('answerOf', () => {
  it.each([
    ['a fail of medium', [{ verdict: 'pass' }, { verdict: 'fail', severity: 'medium' }], 'no'],
    ['a fail beside something unknown', [{ verdict: 'unknown' }, { verdict: 'fail', severity: 'high' }], 'no'],
    [
      'advice',
      [{ verdict: 'pass' }, { verdict: 'fail', severity: 'low' }, { verdict: 'fail', severity: 'info' }],
      'yes',
    ],
    ['advice alone', [{ verdict: 'fail', severity: 'low' }], 'yes'],
    ['something not looked at', [{ verdict: 'pass' }, { verdict: 'unknown' }], 'undetermined'],
    ['something a person has to look at', [{ verdict: 'pass' }, { verdict: 'manual' }], 'undetermined'],
    ['some that do not apply', [{ verdict: 'pass' }, { verdict: 'not_applicable' }], 'yes'],
    ['none that applies', [{ verdict: 'not_applicable' }], 'not_applicable'],
    ['nothing', [], 'not_applicable'],
  ] as const)('%s', (_, findings, answer) => {
    expect(answerOf(findings)).toBe(answer);
  });

  it('is never yes on something not looked at, and does not depend on the order', () => {
    fc.assert(
      fc.property(fc.array(finding), (findings) => {
        const answer = answerOf(findings);
        expect(answerOf([...findings].reverse())).toBe(answer);
        expect(answer === 'no').toBe(findings.some(blocksAnswers));
        if (answer === 'yes') {
          const looked = findings.filter(({ verdict }) => verdict === 'pass' || verdict === 'fail');
          expect(looked.length).toBeGreaterThan(0);
          expect(findings.some(({ verdict }) => verdict === 'unknown' || verdict === 'manual')).toBe(false);
        }
      }),
    );
  });
});
