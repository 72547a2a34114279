import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  changesShare,
  type FindingMemory,
  findingMemory,
  type Happened,
  incidentKey,
  type LookPolicy,
  readIncidentKey,
  type Seen,
  step,
  stepUnseen,
  tellAtOnce,
} from '../../src/domain/incident.ts';
import { type Severity, severities } from '../../src/domain/rule.ts';

const at = (look: number) => new Date(Date.parse('2026-11-24T06:00:00Z') + look * 86_400_000).toISOString();
const fail = (severity: Severity = 'critical'): Seen => ({ verdict: 'fail', severity, owner: 'microsoft' });
const pass: Seen = { verdict: 'pass' };
const silenced = (id = 'silence-1'): LookPolicy => ({ confirmRuns: 1, silenced: { id, words: 'x' } });
const accepted = (severity: Severity): LookPolicy => ({
  confirmRuns: 1,
  accepted: { id: 'acceptance-1', words: 'x', severity },
});

/** What is told of looks one after the other; a look is what was found, alone or with what holds for it. */
function told(looks: readonly (Seen | readonly [Seen, LookPolicy])[], confirmRuns = 1): string[] {
  let memory: FindingMemory | undefined;
  return looks.map((look, index) => {
    const [seen, policy] = 'verdict' in look ? [look, { confirmRuns }] : look;
    const one = step(memory, seen, at(index), policy);
    memory = one.memory;
    return one.happened === undefined ? '' : `${one.happened.kind} ${one.happened.reason}`;
  });
}

describe('soft and hard', () => {
  test('a fail counts once as many looks in a row have found it; one that is gone before was never told', () => {
    expect(told([pass, fail(), pass, fail(), fail(), fail()], 2)).toEqual(['', '', '', '', 'opened was-good', '']);
    expect(told([pass, fail(), fail(), fail()], 3)).toEqual(['', '', '', 'opened was-good']);
  });

  test('since is when it was found first, not when it was told', () => {
    let memory = step(undefined, pass, at(0), { confirmRuns: 2 }).memory;
    memory = step(memory, fail(), at(1), { confirmRuns: 2 }).memory;
    expect(step(memory, fail(), at(2), { confirmRuns: 2 }).happened).toMatchObject({ kind: 'opened', since: at(1) });
  });

  test('what was told to change back and forth takes a look more for each word', () => {
    expect(told([pass, fail(), pass, fail(), fail(), pass, pass, pass])).toEqual([
      '',
      'opened was-good',
      'resolved passes-again',
      '',
      'reopened fails-again',
      '',
      '',
      'resolved passes-again',
    ]);
  });

  test('within the hour after a word somebody is at work on it: each change is told at once', () => {
    let memory = step(undefined, pass, at(0), tellAtOnce).memory;
    const words = [fail(), pass, fail(), pass].map((seen, index) => {
      const taken = step(memory, seen, new Date(Date.parse(at(1)) + index * 10 * 60_000).toISOString(), tellAtOnce);
      memory = taken.memory;
      return taken.happened?.kind;
    });
    expect(words).toEqual(['opened', 'resolved', 'reopened', 'resolved']);
    const soon = new Date(Date.parse(at(1)) + 40 * 60_000).toISOString();
    expect(step(memory, fail(), soon, { confirmRuns: 2 }).happened?.kind).toBe('reopened');
    expect(step(memory, fail(), soon, { confirmRuns: 2, isSaid: true }).happened).toBeUndefined();
  });

  test('what is steady costs no memory of looks', () => {
    let memory = step(undefined, fail(), at(0), tellAtOnce).memory;
    for (let look = 1; look < 30; look += 1) memory = step(memory, fail(), at(look), tellAtOnce).memory;
    expect(memory.looks).toBeUndefined();
    expect(findingMemory.parse(JSON.parse(JSON.stringify(memory)))).toEqual(memory);
  });
});

describe('flapping, as Icinga counts it', () => {
  test.each([
    ['ffffffffffffffffffffp', 0.059],
    ['pfpfpfpfpfpfpfpfpfpfp', 0.99],
    ['pfpfpf', 0.285],
    ['pfpfpfp', 0.339],
  ])('%s changes with a share of %d', (looks, share) => {
    expect(changesShare(looks)).toBeCloseTo(share, 3);
  });

  test('starts above 30 %, is quiet, and ends below 25 %', () => {
    const flapping = Array.from({ length: 40 }, (_, index) => (index % 2 === 0 ? pass : fail()));
    const words = told([...flapping, ...Array.from({ length: 20 }, () => fail())]);
    expect(words.filter((word) => word !== '')).toEqual([
      'opened was-good',
      'resolved passes-again',
      'flapping flaps-while-good',
      'steady steady-and-failing',
    ]);
    expect(words.indexOf('flapping flaps-while-good')).toBe(6);
  });
});

describe('what people said', () => {
  test('a silence begins with a word where something was told, and ends with what is still so', () => {
    expect(told([fail(), [fail(), silenced()], [fail(), silenced()], fail()])).toEqual([
      'opened first-seen',
      'silenced silence-begins',
      '',
      '',
    ]);
    expect(told([pass, [fail(), silenced()], fail()])).toEqual(['', '', 'opened no-longer-hushed']);
    expect(told([pass, [fail(), silenced()], [pass, silenced()], pass])).toEqual(['', '', '', '']);
  });

  test('an acceptance is told, hushes what is as bad or less, and is outgrown by what is worse', () => {
    expect(told([fail('high'), [fail('high'), accepted('high')], [fail('critical'), accepted('high')]])).toEqual([
      'opened first-seen',
      'accepted risk-accepted',
      'worsened worse-than-accepted',
    ]);
    expect(told([pass, [fail('medium'), accepted('high')], [pass, accepted('high')]])).toEqual(['', '', '']);
  });

  test('what is gone is told now or never, also in a silence', () => {
    expect(told([fail(), [{ verdict: 'not_applicable', gone: true }, silenced()]])).toEqual([
      'opened first-seen',
      'resolved no-longer-judged',
    ]);
  });
});

describe('what the release before wrote', () => {
  const old = { verdict: 'fail', severity: 'high', since: at(-9), unknownRuns: 0, toldAt: at(-2) } as const;

  test('a fail is an incident that is open and was told', () => {
    expect(step(old, fail('high'), at(0), tellAtOnce).happened).toBeUndefined();
    expect(step(old, pass, at(0), tellAtOnce).happened).toEqual({
      kind: 'resolved',
      reason: 'passes-again',
      since: at(-9),
      severity: 'high',
    });
    expect(step(old, fail('critical'), at(0), tellAtOnce).happened).toMatchObject({ kind: 'worsened' });
  });

  test('a pass is none', () => {
    const { toldAt: _toldAt, severity: _severity, ...good } = { ...old, verdict: 'pass' as const };
    expect(step(good, pass, at(0), tellAtOnce).happened).toBeUndefined();
    expect(step(good, fail(), at(0), tellAtOnce).happened).toMatchObject({ kind: 'opened', reason: 'was-good' });
  });
});

test('looks at which nobody could judge are counted, and change nothing else', () => {
  const { memory } = step(undefined, fail(), at(0), tellAtOnce);
  const unseen = stepUnseen(stepUnseen(memory, at(1), true), at(2), true);
  expect(unseen).toEqual({ ...memory, unknownRuns: 2, unknownSince: at(1) });
  expect(stepUnseen(memory, at(1), false)).toEqual(memory);
  expect(step(unseen, fail(), at(3), tellAtOnce).memory.unknownRuns).toBe(0);
});

describe('the key', () => {
  const watch = { organization: 'contoso', evaluation: 'smtp-source-ip' };
  test.each([
    [
      'smtp-in',
      'smtp-source-ip/relay-scope-narrow',
      'EX1/Relay 1',
      'contoso/smtp-source-ip/smtp-in/smtp-source-ip/relay-scope-narrow#EX1%2FRelay%201',
    ],
    ['a/b#c', 'smtp-source-ip/nodes-alike', undefined, 'contoso/smtp-source-ip/a%2Fb%23c/smtp-source-ip/nodes-alike'],
  ])('of %s is taken apart again', (subject, rule, target, key) => {
    expect(incidentKey(watch, subject, { rule, target })).toBe(key);
    expect(readIncidentKey(key)).toEqual({ ...watch, subject, rule, ...(target === undefined ? {} : { target }) });
  });

  test.each(['', 'contoso', 'contoso/dkim/a', 'contoso/dkim/%/dkim/b'])('"%s" is none', (key) => {
    expect(readIncidentKey(key)).toBeUndefined();
  });

  test('any names survive it', () => {
    const name = fc.string({ minLength: 1, unit: 'grapheme' });
    fc.assert(
      fc.property(name, name, (subject, target) => {
        const key = incidentKey(watch, subject, { rule: 'dkim/active-key-published', target });
        expect(readIncidentKey(key)).toEqual({ ...watch, subject, rule: 'dkim/active-key-published', target });
      }),
    );
  });
});

describe('any life', () => {
  const seen = fc.oneof(
    { weight: 3, arbitrary: fc.constant(pass) },
    { weight: 1, arbitrary: fc.constant<Seen>({ verdict: 'not_applicable' }) },
    { weight: 4, arbitrary: fc.constantFrom(...severities).map((severity) => fail(severity)) },
  );
  const hush = fc.oneof(
    { weight: 6, arbitrary: fc.constant({}) },
    { weight: 1, arbitrary: fc.constantFrom('silence-1', 'silence-2').map((id) => ({ silenced: { id, words: 'x' } })) },
    {
      weight: 1,
      arbitrary: fc
        .constantFrom(...severities)
        .map((severity) => ({ accepted: { id: 'acceptance-1', words: 'x', severity } })),
    },
  );
  const look = fc.record({ seen, hush, confirmRuns: fc.integer({ min: 1, max: 3 }), unseen: fc.boolean() });
  const looks = fc.array(look, { minLength: 1, maxLength: 60 });

  function live(list: typeof looks extends fc.Arbitrary<infer L> ? L : never) {
    let memory: FindingMemory | undefined;
    const happened: Happened[] = [];
    list.forEach((one, index) => {
      if (one.unseen && index % 3 === 0) {
        memory = stepUnseen(memory, at(index), true);
        return;
      }
      const taken = step(memory, one.seen, at(index), { confirmRuns: one.confirmRuns, ...one.hush });
      memory = taken.memory;
      if (taken.happened !== undefined) happened.push(taken.happened);
    });
    return { memory, happened };
  }

  test('every opening that is told is told to be over exactly once, before the next one', () => {
    fc.assert(
      fc.property(looks, (list) => {
        let open = false;
        for (const { kind, reason } of live(list).happened) {
          const begins = kind === 'opened' || kind === 'reopened' || reason === 'flaps-while-good';
          const ends = (kind === 'resolved' && reason !== 'only-advice-now') || reason === 'steady-and-good';
          if (begins && reason !== 'severity-rose') {
            expect(open, `${kind} ${reason} while open`).toBe(false);
            open = true;
          } else if (ends) {
            expect(open, `${kind} ${reason} without having been opened`).toBe(true);
            open = false;
          } else if (kind === 'worsened' && reason === 'worse-than-accepted') {
            // To whoever did not hear of it before, this is the first word.
            open = true;
          } else expect(open, `${kind} ${reason} of nothing`).toBe(true);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test('what is believed at the end is what was told last, and once all is quiet it is what is so', () => {
    fc.assert(
      fc.property(looks, fc.boolean(), (list, bad) => {
        const end = Array.from({ length: 25 }, () => ({
          seen: bad ? fail() : pass,
          hush: {},
          confirmRuns: 1,
          unseen: false,
        }));
        const { memory } = live([...list, ...end]);
        expect(memory?.told?.as).toBe(bad ? 'open' : undefined);
        expect(memory?.open !== undefined).toBe(bad);
      }),
      { numRuns: 1_000 },
    );
  });

  test('words are at most as many as Icinga would say: nothing is told while it flaps', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { minLength: 100, maxLength: 100 }), (list) => {
        let memory: FindingMemory | undefined;
        list.forEach((bad, index) => {
          const taken = step(memory, bad ? fail() : pass, at(index), tellAtOnce);
          if (memory?.flapping === true && taken.memory.flapping === true) expect(taken.happened).toBeUndefined();
          memory = taken.memory;
        });
      }),
    );
  });
});
