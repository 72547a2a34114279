// A dated word of a person counts for a while: that it ends is told ahead, so that nobody is surprised by a question.
import { describe, expect, test } from 'vitest';
import { declaredOf } from '../../../src/domain/declaration.ts';
import type { Gathered } from '../../../src/domain/fact-set.ts';
import { judge } from '../../../src/domain/judge.ts';
import { teamsExchangeInterop } from '../../../src/evaluations/teams-exchange-interop/index.ts';
import { goldenCases } from '../cases.ts';

const cases = goldenCases(teamsExchangeInterop);
const word = { statement: 'firewall-admits-microsoft', value: true, by: 'Network team', at: '2026-01-10' };

describe('a declaration', () => {
  test('counts until its day, and for a year when it names none', () => {
    const at = (text: string) => new Date(`${text}T12:00:00Z`);
    expect(declaredOf(word.statement, [word], at('2026-11-24'))).toMatchObject({ until: '2027-01-09' });
    expect(declaredOf(word.statement, [word], at('2027-01-09'))).toMatchObject({ state: 'valid' });
    expect(declaredOf(word.statement, [word], at('2027-01-10'))).toMatchObject({ state: 'expired' });
    expect(declaredOf(word.statement, [{ ...word, expires: '2026-12-01' }], at('2026-11-24'))).toMatchObject({
      until: '2026-12-01',
    });
  });

  test.each([
    ['firewall-declared', 'firewall-admits-microsoft'],
    ['go', 'teams-calendar-policy'],
  ])('of %s comes to an end, and the rule says so six weeks ahead', (name, statement) => {
    const golden = cases.find((one) => one.name === name);
    if (golden === undefined) throw new Error(`the case "${name}" is gone`);
    const { facts, now } = golden;
    const comesWith = (expires: string) => {
      const statements = [{ ...word, statement, expires }];
      const declared = { ...facts.facts.declarations, value: { statements } } as Gathered<unknown>;
      const set = { ...facts, facts: { ...facts.facts, declarations: declared } };
      return judge(teamsExchangeInterop, facts.subject, set, { now: new Date(now) }).findings.find(
        ({ rule }) => rule === `teams-exchange-interop/${statement}`,
      )?.comes;
    };
    expect(comesWith('2027-02-01')).toBeUndefined();
    expect(comesWith('2026-12-24')).toEqual({
      at: '2026-12-24',
      what: `what is declared of ${statement} counts for the last time; look it up and declare it anew`,
    });
  });
});
