import { describe, expect, expectTypeOf, it, vi } from 'vitest';
import { everyPart, type FactSet, type Gathered, known, noFacts, notKnown } from '../../src/domain/fact-set.ts';
import { type JudgeOptions, judge } from '../../src/domain/judge.ts';
import { type AnyRule, type Evaluation, type Judgement, rule } from '../../src/domain/rule.ts';
import { mailDomain } from '../../src/domain/subject.ts';
import type { SelectorCname } from '../../src/facts/selector.ts';

const contoso = mailDomain.parse({ kind: 'mail-domain', id: 'contoso.com' });
const now = new Date('2026-11-24T09:30:00Z');
const at = '2026-11-24T09:29:58.000Z';

const evaluation = (...rules: AnyRule[]): Evaluation => ({
  id: 'dkim',
  title: 'Test',
  subjectKind: 'mail-domain',
  questions: [
    { id: 'now', title: 'Now?' },
    { id: 'later', title: 'Later?' },
  ],
  rules,
});

const run = (rules: AnyRule | readonly AnyRule[], facts: FactSet = noFacts, options: Partial<JudgeOptions> = {}) =>
  judge(evaluation(...[rules].flat()), contoso, facts, { now, ...options });

const accepted = (gathered: FactSet['facts']['accepted-domain']): FactSet => ({
  facts: gathered === undefined ? {} : { 'accepted-domain': gathered },
  parts: {},
});
const listed = accepted(known({ listed: true }, 'domains.json', at));

const fine = { verdict: 'pass', message: 'Fine.' } as const;
const bad = { verdict: 'fail', owner: 'tenant', message: 'Bad.', remedy: 'Mend it.' } as const;

const needsAccepted = (judgement: Judgement, id = 'dkim/first') =>
  rule({ id, title: id, severity: 'high', blocks: ['now'], needs: ['accepted-domain'], judge: () => judgement });

describe('a judgement becomes a finding', () => {
  it('with severity and owner of a fail, evidence with time and source of its fact', () => {
    const judgement = { ...bad, evidence: [{ fact: 'accepted-domain', observed: 'listed' }] } as const;
    expect(run(needsAccepted(judgement), listed)).toEqual({
      evaluation: 'dkim',
      subject: 'contoso.com',
      at: '2026-11-24T09:30:00.000Z',
      answers: { now: 'no', later: 'not_applicable' },
      findings: [
        {
          rule: 'dkim/first',
          verdict: 'fail',
          severity: 'high',
          owner: 'tenant',
          message: 'Bad.',
          remedy: 'Mend it.',
          evidence: [{ fact: 'accepted-domain', observed: 'listed', at, source: 'domains.json' }],
        },
      ],
    });
  });

  it('whose severity the judgement may set, and the organization above it', () => {
    const first = needsAccepted({ ...bad, severity: 'low' });
    expect(run(first, listed).findings[0]?.severity).toBe('low');
    const policies = { 'dkim/first': { severity: 'critical' } } as const;
    expect(run(first, listed, { policies }).findings[0]?.severity).toBe('critical');
  });

  it('that may block fewer questions than its rule', () => {
    const both = rule({
      id: 'dkim/both',
      title: 'Both',
      severity: 'high',
      blocks: ['now', 'later'],
      needs: ['accepted-domain'],
      judge: () => ({ ...bad, blocks: ['later'] }),
    });
    expect(run(both, listed).answers).toEqual({ now: 'not_applicable', later: 'no' });
  });

  it('or several, one for each target', () => {
    const many = rule({
      id: 'dkim/many',
      title: 'Many',
      severity: 'high',
      blocks: ['now'],
      needs: [],
      judge: () => [
        { ...fine, target: 'a' },
        { ...bad, target: 'b' },
      ],
    });
    expect(run(many).findings.map(({ target, verdict }) => [target, verdict])).toEqual([
      ['a', 'pass'],
      ['b', 'fail'],
    ]);
  });
});

describe('unknown', () => {
  it.each([
    ['timeout', 'no answer in time'],
    ['denied', 'access denied'],
    ['unreachable', 'not reachable'],
    ['refused', 'refused by the address guard'],
    ['malformed', 'not readable'],
    ['insufficient', 'not enough to go by'],
    ['not_supplied', 'not supplied'],
    ['stale', 'too old'],
  ] as const)('names the fact and why it is not there: %s', (reason, words) => {
    const { findings, answers } = run(needsAccepted(fine), accepted(notKnown(reason, 'the detail', 'a server', at)));
    expect(findings).toEqual([
      {
        rule: 'dkim/first',
        verdict: 'unknown',
        message: `Could not look: accepted domain: ${words} (the detail).`,
        evidence: [
          { fact: 'accepted-domain', observed: `unobtainable, ${reason}: the detail`, at, source: 'a server' },
        ],
        reason,
      },
    ]);
    expect(answers.now).toBe('undetermined');
  });

  it('a fact that nobody spoke of is not supplied', () => {
    expect(run(needsAccepted(fine)).findings[0]?.message).toBe(
      'Could not look: accepted domain: not supplied (nobody supplied it and no source was asked).',
    );
  });

  it('is not what a rule can say', () => {
    expectTypeOf<Judgement['verdict']>().toEqualTypeOf<'pass' | 'fail' | 'manual' | 'not_applicable'>();
  });

  it('a rule that throws is our fault, told, and stops no other', () => {
    const onRuleError = vi.fn();
    const error = new TypeError('x is undefined');
    const broken = rule({
      id: 'dkim/broken',
      title: 'Broken',
      severity: 'high',
      blocks: ['now'],
      needs: [],
      judge() {
        throw error;
      },
    });
    const { findings, answers } = run([broken, needsAccepted(fine)], listed, { onRuleError });
    expect(findings.map(({ verdict, message }) => [verdict, message])).toEqual([
      [
        'unknown',
        'Could not judge: dkim/broken stopped with an error of its own. This is a fault in fieldcheck, not in what it looked at.',
      ],
      ['pass', 'Fine.'],
    ]);
    expect(answers.now).toBe('undetermined');
    expect(onRuleError).toHaveBeenCalledExactlyOnceWith('dkim/broken', error);
  });

  it.each(['parts', 'after'] as const)('so is one that throws in %s', (where) => {
    const onRuleError = vi.fn();
    const boom = () => {
      throw new Error('boom');
    };
    const broken: AnyRule = {
      ...rule({
        id: 'dkim/broken',
        title: 'Broken',
        severity: 'high',
        blocks: ['now'],
        needs: ['selector-cname'],
        per: 'selector',
        judge: () => fine,
      }),
      [where]: boom,
    };
    expect(run(broken, noFacts, { onRuleError }).findings).toMatchObject([{ verdict: 'unknown' }]);
    expect(onRuleError).toHaveBeenCalledOnce();
  });
});

describe('optional facts', () => {
  const seen = vi.fn();
  const optional = rule({
    id: 'dkim/optional',
    title: 'Optional',
    severity: 'high',
    blocks: ['now'],
    needs: [],
    optional: ['accepted-domain'],
    judge: (facts) => {
      seen(facts['accepted-domain']);
      return fine;
    },
  });

  it('may be missing when nobody supplied them', () => {
    expect(run(optional).findings[0]?.verdict).toBe('pass');
    expect(seen).toHaveBeenLastCalledWith(undefined);
    run(optional, listed);
    expect(seen).toHaveBeenLastCalledWith({ listed: true });
  });

  it('make the rule unknown for any other reason', () => {
    expect(run(optional, accepted(notKnown('denied', 'no role'))).findings[0]?.message).toBe(
      'Could not look: accepted domain: access denied (no role).',
    );
  });
});

describe('predecessors', () => {
  const second = rule({
    id: 'dkim/second',
    title: 'Second',
    severity: 'high',
    blocks: ['later'],
    needs: ['accepted-domain'],
    after: () => [{ rule: 'dkim/first' }],
    judge: () => fine,
  });

  it('that failed block, whatever the facts', () => {
    const { findings, answers } = run([needsAccepted(bad), second], listed);
    expect(findings[1]).toEqual({
      rule: 'dkim/second',
      verdict: 'unknown',
      message: 'Not judged: blocked by dkim/first, which failed.',
      evidence: [],
      blockedBy: 'dkim/first',
    });
    expect(answers).toEqual({ now: 'no', later: 'undetermined' });
  });

  it('that are unknown do not: the rule speaks for itself', () => {
    const first = rule({
      id: 'dkim/first',
      title: 'First',
      severity: 'high',
      blocks: ['now'],
      needs: ['signing-configuration'],
      judge: () => fine,
    });
    expect(run([first, second], listed).findings.map(({ verdict }) => verdict)).toEqual(['unknown', 'pass']);
  });

  it('that only advise do not', () => {
    const { findings } = run([needsAccepted({ ...bad, severity: 'low' }), second], listed);
    expect(findings[1]?.verdict).toBe('pass');
  });

  it('are named with their target when it is another', () => {
    const first = needsAccepted({ ...bad, target: 'selector2' });
    const afterOther = { ...second, after: () => [{ rule: 'dkim/first', target: 'selector2' }] };
    expect(run([first, afterOther], listed).findings[1]?.message).toBe(
      'Not judged: blocked by dkim/first (selector2), which failed.',
    );
  });
});

describe('rules that are judged per part', () => {
  const cname = (name: string): Gathered<SelectorCname> =>
    known({ name, outcome: 'no-name', chain: [], otherTypes: [], doubledZone: false, asked: [] }, '192.0.2.53', at);
  const perSelector = rule({
    id: 'dkim/per-selector',
    title: 'Per selector',
    severity: 'high',
    blocks: ['now'],
    needs: ['selector-cname'],
    per: 'selector',
    judge: ({ 'selector-cname': found }, { part }) => ({
      verdict: 'pass',
      message: `${part} sees ${found.name}.`,
      evidence: [{ fact: 'selector-cname', observed: found.outcome }],
    }),
  });
  const parts = (selector: NonNullable<FactSet['parts']['selector']>): FactSet => ({ facts: {}, parts: { selector } });

  it('see the facts of their part alone, so that one silent part blinds no other', () => {
    const { findings, answers } = run(
      perSelector,
      parts({
        selector1: { 'selector-cname': cname('one') },
        selector2: { 'selector-cname': notKnown('timeout', 'silent') },
      }),
    );
    expect(findings).toEqual([
      {
        rule: 'dkim/per-selector',
        target: 'selector1',
        verdict: 'pass',
        message: 'selector1 sees one.',
        evidence: [{ fact: 'selector-cname', observed: 'no-name', at, source: '192.0.2.53' }],
      },
      {
        rule: 'dkim/per-selector',
        target: 'selector2',
        verdict: 'unknown',
        message: 'Could not look: CNAME of the selector: no answer in time (silent).',
        evidence: [{ fact: 'selector-cname', observed: 'unobtainable, timeout: silent' }],
        reason: 'timeout',
      },
    ]);
    expect(answers.now).toBe('undetermined');
  });

  it('are unknown for a part that is only declared', () => {
    const declared = { ...evaluation(perSelector), parts: () => ({ selector: ['selector1', 'selector2'] }) };
    const facts = parts({ selector1: { 'selector-cname': cname('one') } });
    expect(judge(declared, contoso, facts, { now }).findings.map(({ target, verdict }) => [target, verdict])).toEqual([
      ['selector1', 'pass'],
      ['selector2', 'unknown'],
    ]);
  });

  it('are unknown once when the source failed for every part', () => {
    const facts = parts({ [everyPart]: { 'selector-cname': notKnown('unreachable', 'no resolver') } });
    expect(run(perSelector, facts).findings).toMatchObject([
      {
        verdict: 'unknown',
        message: 'Could not look: CNAME of the selector: not reachable (no resolver).',
      },
    ]);
  });

  it('do not apply where there is no part', () => {
    expect(run(perSelector).findings).toMatchObject([
      { verdict: 'not_applicable', message: 'There is no selector to look at.' },
    ]);
  });

  it('may choose their parts, or say why there is none', () => {
    const facts = parts({
      selector1: { 'selector-cname': cname('one') },
      selector2: { 'selector-cname': cname('two') },
    });
    const chosen: AnyRule = { ...perSelector, parts: () => ['selector2'] };
    expect(run(chosen, facts).findings.map(({ message }) => message)).toEqual(['selector2 sees two.']);
    const none: AnyRule = { ...perSelector, parts: () => ({ verdict: 'not_applicable', message: 'None is next.' }) };
    expect(run(none, facts).findings).toMatchObject([{ verdict: 'not_applicable', message: 'None is next.' }]);
  });

  it('that are not per part see a part fact of every part', () => {
    const all = rule({
      id: 'dkim/all',
      title: 'All',
      severity: 'high',
      blocks: ['now'],
      needs: ['selector-cname'],
      judge: ({ 'selector-cname': byPart }) => ({ verdict: 'pass', message: Object.keys(byPart).join(' and ') }),
    });
    const both = parts({ selector1: { 'selector-cname': cname('1') }, selector2: { 'selector-cname': cname('2') } });
    expect(run(all, both).findings[0]?.message).toBe('selector1 and selector2');
    const one = parts({
      selector1: { 'selector-cname': cname('1') },
      selector2: { 'selector-cname': notKnown('timeout', 'silent') },
    });
    expect(run(all, one).findings[0]?.message).toBe(
      'Could not look: CNAME of the selector of selector2: no answer in time (silent).',
    );
  });
});

describe('the evaluation', () => {
  it('may say why nothing applies', () => {
    const scoped = { ...evaluation(needsAccepted(bad)), scope: () => 'Not this one.' };
    const { findings, answers } = judge(scoped, contoso, listed, { now });
    expect(findings).toEqual([
      { rule: 'dkim/first', verdict: 'not_applicable', message: 'Not this one.', evidence: [] },
    ]);
    expect(answers).toEqual({ now: 'not_applicable', later: 'not_applicable' });
  });

  it('may ask fewer questions', () => {
    const fewer = { ...evaluation(needsAccepted(bad)), asked: () => ['later'] };
    expect(judge(fewer, contoso, listed, { now }).answers.now).toBe('not_applicable');
  });

  it('may have an order of proof', () => {
    const first = needsAccepted(bad);
    const proven: Evaluation = {
      ...evaluation(first, needsAccepted(fine, 'dkim/proof')),
      proof: (_question, _blocking, _facts, all) => all.filter(({ finding }) => finding.rule === 'dkim/proof'),
    };
    expect(judge(proven, contoso, listed, { now }).answers.now).toBe('yes');
  });
});
