// "Could not look" never makes anything better or worse: facts are taken from recorded organizations, one at a time.
import { describe, expect, it } from 'vitest';
import type { FactSet, Gathered } from '../../../src/domain/fact-set.ts';
import { judge } from '../../../src/domain/judge.ts';
import { coveringEntry } from '../../../src/evaluations/teams-exchange-interop/ews-lists.ts';
import { teamsExchangeInterop } from '../../../src/evaluations/teams-exchange-interop/index.ts';
import { goldenCases } from '../cases.ts';

const cases = goldenCases(teamsExchangeInterop);
const silence = { status: 'unobtainable', reason: 'timeout', detail: 'no answer within 10 s' } as const;

/** Every fact set that lacks one fact more than `facts`, with what it lacks. */
function* withoutOne({ facts, parts }: FactSet): Generator<readonly [what: string, set: FactSet]> {
  for (const name of Object.keys(facts)) yield [name, { facts: { ...facts, [name]: silence }, parts }];
  for (const [kind, members] of Object.entries(parts)) {
    for (const [part, known] of Object.entries(members as Record<string, Record<string, Gathered<unknown>>>)) {
      for (const name of Object.keys(known)) {
        const silenced = { ...members, [part]: { ...known, [name]: silence } };
        yield [`${name} of ${part}`, { facts, parts: { ...parts, [kind]: silenced } }];
      }
    }
  }
}

describe('a fact that could not be looked at', () => {
  const healthy = cases.find(({ name }) => name === 'go');

  it('takes the yes from a question it decides, and never makes a no', () => {
    if (healthy === undefined) throw new Error('the case "go" is gone');
    const { facts, now } = healthy;
    const undecided: string[] = [];
    for (const [what, set] of withoutOne(facts)) {
      const run = judge(teamsExchangeInterop, facts.subject, set, { now: new Date(now) });
      expect(Object.values(run.answers), what).not.toContain('no');
      expect(
        run.findings.filter(({ verdict }) => verdict === 'fail'),
        what,
      ).toEqual([]);
      if (run.answers.calendar !== 'yes') undecided.push(what);
    }
    expect(undecided).toContain('tenant');
    expect(undecided).toContain('ews-bearer of mail.contoso.com');
    expect(undecided).toContain('autodiscover-dns of contoso.com');
    expect(undecided).not.toContain('rest-endpoint of contoso.com');
  });

  const refused = cases.flatMap(({ name, facts, now, run }) => {
    const questions = Object.entries(run?.answers ?? {}).flatMap(([question, answer]) =>
      answer === 'no' ? [question] : [],
    );
    return questions.length === 0 ? [] : [[name, { facts, now: new Date(now), questions }] as const];
  });
  it.each(refused)('does not turn %s into a yes', (_, { facts, now, questions }) => {
    for (const [what, set] of withoutOne(facts)) {
      const { answers } = judge(teamsExchangeInterop, facts.subject, set, { now });
      for (const question of questions) expect(answers[question], `${question} without ${what}`).not.toBe('yes');
    }
  });
});

describe('EWS lists', () => {
  it.each([
    ['*', 'Teams/1.0', true],
    ['*Teams/*', 'Teams/1.0', true],
    ['teams/*', 'Teams/1.0', true],
    ['Teams/1.0', 'Teams/1.0', true],
    ['Teams', 'Teams/1.0', false],
    ['*SchedulingService*', 'SchedulingService', true],
    ['Outlook*', 'Teams/1.0', false],
    ['T*s/*0', 'Teams/1.0', true],
    ['*s/*s/*', 'Teams/1.0', false],
    ['', 'Teams/1.0', false],
    [`${'*a'.repeat(5000)}*b`, 'a'.repeat(5000), false],
  ])('%s covers %s: %s', (entry, agent, covered) => {
    expect(coveringEntry([entry], agent) !== undefined).toBe(covered);
  });
});

describe('the order of mending', () => {
  it('has a place for every rule that can stand in the way, and one only', () => {
    const listed = (teamsExchangeInterop.mending ?? []).flatMap(({ rules }) => rules);
    expect(new Set(listed).size).toBe(listed.length);
    const blocking = teamsExchangeInterop.rules.filter(({ blocks }) => blocks.length > 0);
    expect([...listed].sort()).toEqual(blocking.map(({ id }) => id.slice(id.indexOf('/') + 1)).sort());
  });
});
