import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Comparison, compare, type SubjectState, subjectState } from '../../src/domain/compare.ts';
import { type Answer, answers, type Finding, findingKey, type Run } from '../../src/domain/finding.ts';
import { type Severity, severities } from '../../src/domain/rule.ts';
import { isWorthTelling, reminderDays, unknownRunsBeforeTelling } from '../../src/domain/telling.ts';
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
      'a fail that gets worse, and what gets better silently',
      [[fail('medium')], [fail('critical')], [fail('low')], [fail('medium')]],
      ['opened first-seen', 'worsened severity-rose', '', 'worsened severity-rose'],
    ],
    [
      'flapping, each time',
      [[fail()], [pass], [fail()], [pass]],
      ['opened first-seen', 'resolved passes-again', 'opened was-good', 'resolved passes-again'],
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
      'unknown three times in a row, once, and that it can be judged again',
      [[pass], [unknown], [unknown], [unknown], [unknown], [pass]],
      ['', '', '', 'went_unknown unknown-in-a-row', '', 'resolved can-be-judged-again'],
    ],
    [
      'what was never judged goes unknown too',
      [[unknown], [unknown], [unknown]],
      ['', '', 'went_unknown unknown-in-a-row'],
    ],
    [
      'unknown that turns out to fail',
      [[pass], [unknown], [unknown], [unknown], [fail()]],
      ['', '', '', 'went_unknown unknown-in-a-row', 'opened was-good'],
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

  it('a resolved one says since when it had failed, and how badly', () => {
    const [, , resolved] = replay([[fail('critical')], [fail('medium')], [pass]]);
    expect(resolved?.transitions[0]).toMatchObject({ since: day(0), of: { severity: 'medium', verdict: 'pass' } });
  });
});

describe('reminders', () => {
  const daily = (said: Said, days: number) => told(Array.from({ length: days }, () => [said]));

  it.each(['critical', 'high'] as const)(
    'tell of an open %s finding again after seven days, and seven later',
    (severity) => {
      const days = daily(fail(severity), 16);
      expect(days.flatMap((one, index) => (one === 'reminder still-failing' ? [index] : []))).toEqual([7, 14]);
    },
  );

  it.each(['medium', 'low', 'info'] as const)('do not tell of a %s one', (severity) => {
    expect(daily(fail(severity), 16).filter((one) => one.startsWith('reminder'))).toEqual([]);
  });

  it('come on the day although the run starts a little early', () => {
    const at = (ms: number) => runOf(new Date(start + ms).toISOString(), [fail()]);
    expect(told([at(0), at(reminderDays * dayMs - hourMs)])).toEqual(['opened first-seen', 'reminder still-failing']);
    expect(told([at(0), at(reminderDays * dayMs - hourMs - 1)])).toEqual(['opened first-seen', '']);
  });

  it('count from when it got worse', () => {
    const runs = [
      ...Array.from({ length: 5 }, () => [fail('high')]),
      ...Array.from({ length: 8 }, () => [fail('critical')]),
    ];
    const days = told(runs);
    expect(days[5]).toBe('worsened severity-rose');
    expect(days.indexOf('reminder still-failing')).toBe(12);
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
    expect(of([[unknown], [unknown], [unknown]])).toEqual([true]);
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

  it('tells each change once: nothing opens that is open, nothing resolves or worsens that is not', () => {
    fc.assert(
      fc.property(runs, (list) => {
        const open = new Set<string>();
        const unseen = new Set<string>();
        for (const { transitions } of replay(list)) {
          expect(new Set(transitions.map(keyOf)).size, 'one transition for each thing').toBe(transitions.length);
          for (const one of transitions) {
            const key = keyOf(one);
            transition.parse(one);
            switch (one.kind) {
              case 'opened':
                expect(open.has(key), `${key} opened twice`).toBe(false);
                open.add(key);
                unseen.delete(key);
                break;
              case 'worsened':
              case 'reminder':
                expect(open.has(key), `${key} ${one.kind} without being open`).toBe(true);
                break;
              case 'went_unknown':
                unseen.add(key);
                break;
              default:
                expect(open.has(key) || unseen.has(key), `${key} resolved without being told of`).toBe(true);
                open.delete(key);
                unseen.delete(key);
            }
          }
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('what is open at the end is what last failed conclusively', () => {
    fc.assert(
      fc.property(runs, (list) => {
        const open = new Set<string>();
        const compared = replay(list);
        for (const { transitions } of compared) {
          for (const one of transitions) {
            if (one.kind === 'opened') open.add(keyOf(one));
            if (one.kind === 'resolved') open.delete(keyOf(one));
          }
        }
        const { findings, answers: last } = compared.at(-1)?.state ?? expect.fail('no run');
        const failing = [
          ...Object.entries(findings).flatMap(([key, { verdict }]) => (verdict === 'fail' ? [key] : [])),
          ...Object.entries(last).flatMap(([question, { answer }]) => (answer === 'no' ? [`answer ${question}`] : [])),
        ];
        expect([...open].sort()).toEqual(failing.sort());
      }),
      { numRuns: 1000 },
    );
  });

  it('a run that is compared again with what it left changes nothing', () => {
    fc.assert(
      fc.property(runs, (list) => {
        for (const { state } of replay(list)) {
          const again = compare(state, 'again', state.run);
          const news = again.transitions.filter(({ kind }) => kind !== 'went_unknown');
          expect(news).toEqual([]);
          expect(again.superseded).toBeUndefined();
        }
      }),
    );
  });

  it('goes unknown after exactly so many unknown runs in a row', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10 }), (count) => {
        const list = Array.from({ length: count }, () => [unknown]);
        expect(told(list).filter((one) => one.startsWith('went_unknown'))).toHaveLength(
          count >= unknownRunsBeforeTelling ? 1 : 0,
        );
      }),
    );
  });
});
