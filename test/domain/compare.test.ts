import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Comparison, compare, type SubjectState, subjectState } from '../../src/domain/compare.ts';
import { type Answer, answers, type Finding, findingKey, type Run } from '../../src/domain/finding.ts';
import { type Severity, severities } from '../../src/domain/rule.ts';
import { isWorthTelling } from '../../src/domain/telling.ts';
import { type Transition, transition } from '../../src/domain/transition.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const start = Date.parse('2026-11-24T06:00:00Z');
const day = (days: number) => new Date(start + days * dayMs).toISOString();

type Said = Omit<Finding, 'rule' | 'evidence' | 'message'> & { rule?: string; message?: string };

const pass: Said = { verdict: 'pass' };
const unknown: Said = { verdict: 'unknown' };
const blocked: Said = { verdict: 'unknown', blockedBy: 'dkim/active-cname-correct' };
const notSupplied: Said = { verdict: 'unknown', reason: 'not_supplied' };
const manual: Said = { verdict: 'manual' };
const notApplicable: Said = { verdict: 'not_applicable' };
const fail = (severity: Severity = 'high'): Said => ({
  verdict: 'fail',
  severity,
  owner: 'microsoft',
  remedy: 'Mend it.',
});

const finding = (said: Said): Finding => ({
  rule: 'dkim/active-key-published',
  message: `It is ${said.verdict}.`,
  evidence: [{ fact: 'selector-key', observed: 'NXDOMAIN', at: '2026-11-24T05:59:58Z' }],
  ...said,
});

const runOf = (at: string, findings: readonly Said[], given: Run['answers'] = {}): Run => ({
  evaluation: 'dkim',
  subject: 'contoso.com',
  at,
  answers: given,
  findings: findings.map(finding),
});

/** Compares runs one after the other, a day apart, as the store does. */
function replay(runs: readonly (readonly Said[] | Run)[]): Comparison[] {
  const compared: Comparison[] = [];
  let state: SubjectState | undefined;
  for (const [index, one] of runs.entries()) {
    const current = 'findings' in one ? one : runOf(day(index), one);
    const comparison = compare(state, `run-${index}`, current);
    state = comparison.state;
    compared.push(comparison);
  }
  return compared;
}

/** What each run told: `opened first-seen`, … */
const told = (runs: readonly (readonly Said[] | Run)[]) =>
  replay(runs).map(({ transitions }) => transitions.map(({ kind, reason }) => `${kind} ${reason}`).join(', '));

describe('what is told of a finding', () => {
  it.each([
    ['the first sight of a pass', [[pass]], ['']],
    ['the first sight of something that does not apply', [[notApplicable]], ['']],
    ['the first sight of a fail, once', [[fail()], [fail()], [fail()]], ['opened first-seen', '', '']],
    ['a pass that fails', [[pass], [fail()]], ['', 'opened was-good']],
    ['a fail that passes', [[fail()], [pass], [pass]], ['opened first-seen', 'resolved passes-again', '']],
    ['a fail that no longer applies', [[fail()], [notApplicable]], ['opened first-seen', 'resolved no-longer-applies']],
    [
      'a fail that gets worse, and what is left of it as advice',
      [[fail('medium')], [fail('critical')], [fail('low')], [fail('medium')]],
      ['opened first-seen', 'worsened severity-rose', 'resolved only-advice-now', 'opened severity-rose'],
    ],
    [
      'one that comes back a moment later, once a second look has found it',
      [[fail()], [pass], [fail()], [pass], [fail()], [fail()]],
      ['opened first-seen', 'resolved passes-again', '', '', '', 'reopened fails-again'],
    ],
    [
      'unknown neither opens nor resolves',
      [[unknown], [fail()], [unknown], [pass]],
      ['', 'opened first-seen', '', 'resolved passes-again'],
    ],
    ['unknown between two passes is silent', [[pass], [unknown], [unknown], [pass]], ['', '', '', '']],
    [
      'unknown between two fails is silent',
      [[fail()], [unknown], [unknown], [fail()]],
      ['opened first-seen', '', '', ''],
    ],
    [
      'manual neither opens nor resolves',
      [[fail()], [manual], [manual], [manual], [fail()]],
      ['opened first-seen', '', '', '', ''],
    ],
    [
      'unknown for long is told by its watch, not finding by finding',
      [[pass], [unknown], [unknown], [unknown], [unknown], [pass]],
      ['', '', '', '', '', ''],
    ],
    [
      'unknown that turns out to fail',
      [[pass], [unknown], [unknown], [unknown], [fail()]],
      ['', '', '', '', 'opened was-good'],
    ],
    [
      'what another failed rule blocks does not go unknown',
      [[blocked], [blocked], [blocked], [blocked], [pass]],
      ['', '', '', '', ''],
    ],
    [
      'what nobody supplies does not go unknown',
      [[notSupplied], [notSupplied], [notSupplied], [notSupplied], [pass]],
      ['', '', '', '', ''],
    ],
  ] satisfies [string, Said[][], string[]][])('%s', (_, runs, expected) => {
    expect(told(runs)).toEqual(expected);
  });

  it('carries sentence, remedy, owner, since when and what was seen', () => {
    const [, , third] = replay([[pass], [{ ...fail(), target: 'selector1', message: 'No key.' }], [pass]]);
    const [, opened] = replay([[pass], [fail('critical')]]);
    expect(opened?.transitions).toEqual([
      {
        kind: 'opened',
        reason: 'was-good',
        subject: 'contoso.com',
        at: day(1),
        since: day(1),
        of: {
          type: 'finding',
          rule: 'dkim/active-key-published',
          verdict: 'fail',
          severity: 'critical',
          owner: 'microsoft',
          message: 'It is fail.',
          observed: 'NXDOMAIN',
          remedy: 'Mend it.',
        },
      },
    ]);
    expect(third?.transitions.map(({ kind }) => kind)).toEqual(['resolved']);
  });

  it('a resolved one says since when it had failed, and how bad it was told to be', () => {
    const [, , resolved] = replay([[fail('critical')], [fail('medium')], [pass]]);
    expect(resolved?.transitions[0]).toMatchObject({ since: day(0), of: { severity: 'critical', verdict: 'pass' } });
  });
});

describe('a target that is no longer there', () => {
  const of = (target: string, said: Said) => ({ ...said, target });

  it('is resolved when its rule was judged', () => {
    const [, second] = replay([[of('selector1', fail()), of('selector2', pass)], [of('selector2', pass)]]);
    expect(second?.transitions).toEqual([
      {
        kind: 'resolved',
        reason: 'no-longer-judged',
        subject: 'contoso.com',
        at: day(1),
        since: day(0),
        of: {
          type: 'finding',
          rule: 'dkim/active-key-published',
          target: 'selector1',
          verdict: 'not_applicable',
          severity: 'high',
          message: 'No longer judged for selector1: it is not part of the subject any more.',
        },
      },
    ]);
  });

  it('is remembered when its rule could not be judged at all', () => {
    expect(told([[of('selector1', fail())], [unknown], [of('selector1', fail())], [of('selector1', pass)]])).toEqual([
      'opened first-seen',
      '',
      '',
      'resolved passes-again',
    ]);
  });

  it('is remembered when its rule is not in the run', () => {
    const other = { ...pass, rule: 'dkim/signing-enabled' };
    expect(told([[of('selector1', fail())], [other], [of('selector1', fail()), other]])).toEqual([
      'opened first-seen',
      '',
      '',
    ]);
  });

  it('is forgotten silently when it was good', () => {
    const [, second] = replay([[of('selector1', pass), of('selector2', pass)], [of('selector2', pass)]]);
    expect(second?.transitions).toEqual([]);
    expect(Object.keys(second?.state.findings ?? {})).toEqual(['dkim/active-key-published#selector2']);
  });
});

describe('what is told of an answer', () => {
  const answered = (list: readonly Answer[]) =>
    list.map((answer, index) => runOf(day(index), [], { 'verifiable-now': answer }));

  it.each([
    [
      ['yes', 'yes'],
      ['', ''],
    ],
    [
      ['no', 'no'],
      ['opened first-seen', ''],
    ],
    [
      ['yes', 'no', 'yes'],
      ['', 'opened was-good', 'resolved passes-again'],
    ],
    [
      ['no', 'undetermined', 'no'],
      ['opened first-seen', '', ''],
    ],
    [
      ['no', 'undetermined', 'yes'],
      ['opened first-seen', '', 'resolved passes-again'],
    ],
    [
      ['undetermined', 'yes'],
      ['', ''],
    ],
    [
      ['no', 'not_applicable'],
      ['opened first-seen', 'resolved no-longer-applies'],
    ],
  ] satisfies [Answer[], string[]][])('%s', (list, expected) => {
    expect(told(answered(list))).toEqual(expected);
  });
});

describe('history', () => {
  it('counts equal runs instead of keeping each, whatever their evidence and sentences', () => {
    const compared = replay([
      [fail()],
      [{ ...fail(), message: 'In other words.' }],
      [fail()],
      [fail('critical')],
      [pass],
      [pass],
    ]);
    expect(compared.map(({ state }) => [state.runs, state.since])).toEqual([
      [1, day(0)],
      [2, day(0)],
      [3, day(0)],
      [1, day(3)],
      [1, day(4)],
      [2, day(4)],
    ]);
    expect(compared.map(({ superseded }) => superseded?.runs)).toEqual([
      undefined,
      undefined,
      undefined,
      3,
      1,
      undefined,
    ]);
  });

  it('the state survives being stored', () => {
    const [, second] = replay([[fail()], [unknown, { ...pass, rule: 'dkim/signing-enabled' }]]);
    expect(subjectState.parse(JSON.parse(JSON.stringify(second?.state)))).toEqual(second?.state);
  });
});

describe('isWorthTelling', () => {
  const of = (runs: readonly (readonly Said[])[]) => replay(runs).at(-1)?.transitions.map(isWorthTelling);
  it('what blocks a question opens and resolves loudly, advice silently', () => {
    expect(of([[fail('medium')]])).toEqual([true]);
    expect(of([[fail('low')]])).toEqual([false]);
    expect(of([[fail('high')], [pass]])).toEqual([true]);
    expect(of([[fail('info')], [pass]])).toEqual([false]);
  });
});

describe('any sequence of runs', () => {
  const said: fc.Arbitrary<Said> = fc.oneof(
    fc.constantFrom(pass, unknown, unknown, blocked, manual, notApplicable),
    fc.constantFrom(...severities).map(fail),
  );
  const run = fc.record({
    findings: fc.dictionary(fc.constantFrom('selector1', 'selector2'), said, { maxKeys: 2, noNullPrototype: true }),
    whole: fc.option(said, { freq: 8 }),
    answer: fc.constantFrom(...answers),
    pauseHours: fc.integer({ min: 1, max: 240 }),
  });
  const runs = fc.array(run, { minLength: 1, maxLength: 25 }).map((list) => {
    let at = start;
    return list.map(({ findings, whole, answer, pauseHours }) => {
      at += pauseHours * hourMs;
      const targeted = Object.entries(findings).map(([target, one]) => ({ ...one, target }));
      const untargeted = whole === null ? [] : [{ ...whole, rule: 'dkim/signing-enabled' }];
      return runOf(new Date(at).toISOString(), [...targeted, ...untargeted], { 'verifiable-now': answer });
    });
  });

  const keyOf = ({ of }: Transition) =>
    of.type === 'finding' ? findingKey(of) : of.type === 'answer' ? `answer ${of.question}` : of.type;

  const isConclusive = ({ verdict }: Finding) => verdict !== 'unknown' && verdict !== 'manual';

  /** What receivers believe after all of it, by finding. @throws when something is told that does not fit what was told before */
  const believedAfter = (compared: readonly Comparison[]): ReadonlyMap<string, 'open' | 'flapping'> => {
    const believed = new Map<string, 'open' | 'flapping'>();
    for (const { transitions } of compared) {
      expect(new Set(transitions.map(keyOf)).size, 'one transition for each thing').toBe(transitions.length);
      for (const one of transitions) {
        const key = keyOf(one);
        transition.parse(one);
        const before = believed.get(key);
        const what = `${key} ${one.kind} ${one.reason} when ${before ?? 'nothing'} was told`;
        switch (one.kind) {
          case 'opened':
          case 'reopened':
            // What was told as advice begins anew as an alarm.
            expect(before === undefined || one.reason === 'severity-rose', what).toBe(true);
            believed.set(key, 'open');
            break;
          case 'flapping':
            expect(before, what).toBe(one.reason === 'flaps-while-open' ? 'open' : undefined);
            believed.set(key, 'flapping');
            break;
          case 'steady':
            expect(before, what).toBe('flapping');
            if (one.reason === 'steady-and-good') believed.delete(key);
            else believed.set(key, 'open');
            break;
          case 'worsened':
            expect(before, what).toBe('open');
            break;
          case 'resolved':
            expect(before, what).toBe('open');
            if (one.reason !== 'only-advice-now') believed.delete(key);
            break;
          default:
            expect.fail(what);
        }
      }
    }
    return believed;
  };

  it('tells each change once: nothing opens that is open, nothing resolves or worsens that is not', () => {
    fc.assert(
      fc.property(runs, (list) => {
        believedAfter(replay(list));
      }),
      { numRuns: 1000 },
    );
  });

  it('once nothing changes any more, what is believed to be open is what fails', () => {
    fc.assert(
      fc.property(runs, (list) => {
        const last = list.at(-1) ?? expect.fail('no run');
        const after = (days: number) => new Date(Date.parse(last.at) + days * dayMs).toISOString();
        const steady = Array.from({ length: 25 }, (_, index) => ({ ...last, at: after(index + 1) }));
        const compared = replay([...list, ...steady]);
        const { findings, answers: given } = compared.at(-1)?.state ?? expect.fail('no run');
        const failing = [
          ...Object.entries(findings).flatMap(([key, { verdict }]) => (verdict === 'fail' ? [key] : [])),
          ...Object.entries(given).flatMap(([question, { answer }]) => (answer === 'no' ? [`answer ${question}`] : [])),
        ];
        const believed = believedAfter(compared);
        // What nobody could judge at the end stays what it was: not confirmed, or flapping.
        const judged = new Set(last.findings.flatMap((one) => (isConclusive(one) ? [findingKey(one)] : [])));
        const unseen = Object.entries(findings).flatMap(([key, { soft, flapping }]) =>
          (soft ?? flapping) === undefined || judged.has(key) ? [] : [key],
        );
        const certain = (key: string) => !unseen.includes(key) && !(unseen.length > 0 && key.startsWith('answer'));
        expect([...believed.keys()].filter(certain).sort()).toEqual(failing.filter(certain).sort());
      }),
      { numRuns: 1000 },
    );
  });

  it('a run that is compared again with what it left is no change for the history', () => {
    fc.assert(
      fc.property(runs, (list) => {
        for (const { state } of replay(list)) expect(compare(state, 'again', state.run).superseded).toBeUndefined();
      }),
    );
  });
});
