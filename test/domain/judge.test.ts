import { beforeEach, describe, expect, expectTypeOf, it, vi } from 'vitest';
import { everyPart, type FactSet, type Gathered, known, noFacts, notKnown } from '../../src/domain/fact-set.ts';
import { type JudgeOptions, judge } from '../../src/domain/judge.ts';
import { type AnyRule, factsNamedBy, type Judgement, variantFactory } from '../../src/domain/rule.ts';
import { clusterEvaluation, type clusterFacts, contoso, type NodeSettings, rule } from './cluster.ts';

const now = new Date('2026-11-24T09:30:00Z');
const at = '2026-11-24T09:29:58.000Z';

const run = (rules: AnyRule | readonly AnyRule[], facts: FactSet = noFacts, options: Partial<JudgeOptions> = {}) =>
  judge(clusterEvaluation([rules].flat()), contoso, facts, { now, ...options });

const licence = (gathered: Gathered<{ paid: boolean }>): FactSet => ({ facts: { licence: gathered }, parts: {} });
const paid = licence(known({ paid: true }, 'licences.json', at));

const fine = { verdict: 'pass', message: 'Fine.' } as const;
const bad = { verdict: 'fail', owner: 'tenant', message: 'Bad.', remedy: 'Mend it.' } as const;

const needsLicence = (judgement: Judgement, id = 'cluster/first') =>
  rule({ id, title: id, severity: 'high', blocks: ['now'], needs: ['licence'], judge: () => judgement });

const parts = (node: NonNullable<FactSet['parts'][string]>): FactSet => ({ facts: {}, parts: { node } });
const version = (text: string): Gathered<string> => known(text, 'the node itself', at);
/** Longer than settings keep. */
const longAgo = '2026-11-22T09:30:00.000Z';
const settings = (mode: NodeSettings['mode'], observedAt = at): Gathered<NodeSettings> =>
  known({ mode }, 'the node itself', observedAt);

describe('a judgement becomes a finding', () => {
  it('with severity and owner of a fail, evidence with time and source of its fact', () => {
    const judgement = { ...bad, evidence: [{ fact: 'licence', observed: 'paid' }] } as const;
    expect(run(needsLicence(judgement), paid)).toEqual({
      evaluation: 'cluster',
      subject: 'contoso',
      at: '2026-11-24T09:30:00.000Z',
      answers: { now: 'no', later: 'not_applicable' },
      findings: [
        {
          rule: 'cluster/first',
          verdict: 'fail',
          severity: 'high',
          owner: 'tenant',
          message: 'Bad.',
          remedy: 'Mend it.',
          evidence: [{ fact: 'licence', observed: 'paid', at, source: 'licences.json' }],
        },
      ],
    });
  });

  it('whose severity the judgement may set, and the organization above it', () => {
    const first = needsLicence({ ...bad, severity: 'low' });
    expect(run(first, paid).findings[0]?.severity).toBe('low');
    const policies = { 'cluster/first': { severity: 'critical' } } as const;
    expect(run(first, paid, { policies }).findings[0]?.severity).toBe('critical');
  });

  it('that may block fewer questions than its rule', () => {
    const both = rule({
      id: 'cluster/both',
      title: 'Both',
      severity: 'high',
      blocks: ['now', 'later'],
      needs: ['licence'],
      judge: () => ({ ...bad, blocks: ['later'] }),
    });
    expect(run(both, paid).answers).toEqual({ now: 'not_applicable', later: 'no' });
  });

  it('or several, one for each target', () => {
    const many = rule({
      id: 'cluster/many',
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
    const { findings, answers } = run(needsLicence(fine), licence(notKnown(reason, 'the detail', 'a server', at)));
    expect(findings).toEqual([
      {
        rule: 'cluster/first',
        verdict: 'unknown',
        message: `Could not look: licence of the cluster: ${words} (the detail).`,
        evidence: [{ fact: 'licence', observed: `unobtainable, ${reason}: the detail`, at, source: 'a server' }],
        reason,
      },
    ]);
    expect(answers.now).toBe('undetermined');
  });

  it('a fact that nobody spoke of is not supplied', () => {
    expect(run(needsLicence(fine)).findings[0]?.message).toBe(
      'Could not look: licence of the cluster: not supplied (nobody supplied it and no source was asked).',
    );
  });

  it('is not what a rule can say', () => {
    expectTypeOf<Judgement['verdict']>().toEqualTypeOf<'pass' | 'fail' | 'manual' | 'not_applicable'>();
  });

  it('a rule that throws is our fault, told, and stops no other', () => {
    const onRuleError = vi.fn();
    const error = new TypeError('x is undefined');
    const broken = rule({
      id: 'cluster/broken',
      title: 'Broken',
      severity: 'high',
      blocks: ['now'],
      needs: [],
      judge() {
        throw error;
      },
    });
    const { findings, answers } = run([broken, needsLicence(fine)], paid, { onRuleError });
    expect(findings.map(({ verdict, message }) => [verdict, message])).toEqual([
      [
        'unknown',
        'Could not judge: cluster/broken stopped with an error of its own. This is a fault in fieldcheck, not in what it looked at.',
      ],
      ['pass', 'Fine.'],
    ]);
    expect(answers.now).toBe('undetermined');
    expect(onRuleError).toHaveBeenCalledExactlyOnceWith('cluster/broken', error);
  });

  it.each(['parts', 'after'] as const)('so is one that throws in %s', (where) => {
    const onRuleError = vi.fn();
    const boom = () => {
      throw new Error('boom');
    };
    const broken: AnyRule = {
      ...rule({
        id: 'cluster/broken',
        title: 'Broken',
        severity: 'high',
        blocks: ['now'],
        needs: ['node-version'],
        per: 'node',
        judge: () => fine,
      }),
      [where]: boom,
    };
    // What comes after another rule is only asked where one has failed.
    const [, finding] = run([needsLicence(bad), broken], paid, { onRuleError }).findings;
    expect(finding).toMatchObject({ rule: 'cluster/broken', verdict: 'unknown' });
    expect(onRuleError).toHaveBeenCalledOnce();
  });
});

describe('optional facts', () => {
  const seen = vi.fn();
  const optional = rule({
    id: 'cluster/optional',
    title: 'Optional',
    severity: 'high',
    blocks: ['now'],
    needs: [],
    optional: ['licence'],
    judge: (facts) => {
      seen(facts.licence);
      return fine;
    },
  });

  it('may be missing when nobody supplied them', () => {
    expect(run(optional).findings[0]?.verdict).toBe('pass');
    expect(seen).toHaveBeenLastCalledWith(undefined);
    run(optional, paid);
    expect(seen).toHaveBeenLastCalledWith({ paid: true });
  });

  it('make the rule unknown for any other reason', () => {
    expect(run(optional, licence(notKnown('denied', 'no role'))).findings[0]?.message).toBe(
      'Could not look: licence of the cluster: access denied (no role).',
    );
  });
});

describe('predecessors', () => {
  const second = rule({
    id: 'cluster/second',
    title: 'Second',
    severity: 'high',
    blocks: ['later'],
    needs: ['licence'],
    after: () => [{ rule: 'cluster/first' }],
    judge: () => fine,
  });

  it('that failed block, whatever the facts', () => {
    const { findings, answers } = run([needsLicence(bad), second], paid);
    expect(findings[1]).toEqual({
      rule: 'cluster/second',
      verdict: 'unknown',
      message: 'Not judged: blocked by cluster/first, which failed.',
      evidence: [],
      blockedBy: 'cluster/first',
    });
    expect(answers).toEqual({ now: 'no', later: 'undetermined' });
  });

  it('that are unknown do not: the rule speaks for itself', () => {
    const first = rule({
      id: 'cluster/first',
      title: 'First',
      severity: 'high',
      blocks: ['now'],
      needs: ['clock'],
      judge: () => fine,
    });
    expect(run([first, second], paid).findings.map(({ verdict }) => verdict)).toEqual(['unknown', 'pass']);
  });

  it('that only advise do not', () => {
    const { findings } = run([needsLicence({ ...bad, severity: 'low' }), second], paid);
    expect(findings[1]?.verdict).toBe('pass');
  });

  it('are named with their target when it is another', () => {
    const first = needsLicence({ ...bad, target: 'EX2' });
    const afterOther = { ...second, after: () => [{ rule: 'cluster/first', target: 'EX2' }] };
    expect(run([first, afterOther], paid).findings[1]?.message).toBe(
      'Not judged: blocked by cluster/first (EX2), which failed.',
    );
  });
});

describe('rules that are judged per part', () => {
  const perNode = rule({
    id: 'cluster/per-node',
    title: 'Per node',
    severity: 'high',
    blocks: ['now'],
    needs: ['node-version'],
    per: 'node',
    judge: ({ 'node-version': version }, { part }) => ({
      verdict: 'pass',
      message: `${part} has ${version}.`,
      evidence: [{ fact: 'node-version', observed: `version ${version}` }],
    }),
  });

  it('see the facts of their part alone, so that one silent part blinds no other', () => {
    const { findings, answers } = run(
      perNode,
      parts({
        EX1: { 'node-version': version('one') },
        EX2: { 'node-version': notKnown('timeout', 'silent') },
      }),
    );
    expect(findings).toEqual([
      {
        rule: 'cluster/per-node',
        target: 'EX1',
        verdict: 'pass',
        message: 'EX1 has one.',
        evidence: [{ fact: 'node-version', observed: 'version one', at, source: 'the node itself' }],
      },
      {
        rule: 'cluster/per-node',
        target: 'EX2',
        verdict: 'unknown',
        message: 'Could not look: version of the node: no answer in time (silent).',
        evidence: [{ fact: 'node-version', observed: 'unobtainable, timeout: silent' }],
        reason: 'timeout',
      },
    ]);
    expect(answers.now).toBe('undetermined');
  });

  it('are unknown for a part that is only declared', () => {
    const declared = clusterEvaluation([perNode], { parts: () => ({ node: ['EX1', 'EX2'] }) });
    const facts = parts({ EX1: { 'node-version': version('one') } });
    expect(judge(declared, contoso, facts, { now }).findings.map(({ target, verdict }) => [target, verdict])).toEqual([
      ['EX1', 'pass'],
      ['EX2', 'unknown'],
    ]);
  });

  it('are unknown once when the source failed for every part', () => {
    const facts = parts({ [everyPart]: { 'node-version': notKnown('unreachable', 'no way there') } });
    expect(run(perNode, facts).findings).toMatchObject([
      {
        verdict: 'unknown',
        message: 'Could not look: version of the node: not reachable (no way there).',
      },
    ]);
  });

  it('do not apply where there is no part', () => {
    expect(run(perNode).findings).toMatchObject([
      { verdict: 'not_applicable', message: 'There is no node to look at.' },
    ]);
  });

  it('may choose their parts, or say why there is none', () => {
    const facts = parts({
      EX1: { 'node-version': version('one') },
      EX2: { 'node-version': version('two') },
    });
    const chosen: AnyRule = { ...perNode, parts: () => ['EX2'] };
    expect(run(chosen, facts).findings.map(({ message }) => message)).toEqual(['EX2 has two.']);
    const none: AnyRule = { ...perNode, parts: () => ({ verdict: 'not_applicable', message: 'None is next.' }) };
    expect(run(none, facts).findings).toMatchObject([{ verdict: 'not_applicable', message: 'None is next.' }]);
  });

  it('choose them by the facts that they name, of every part where one is known and fresh', () => {
    const seen = vi.fn();
    const chosen = rule({
      id: 'cluster/chosen',
      title: 'Chosen',
      severity: 'high',
      blocks: ['now'],
      needs: ['node-settings'],
      optional: ['node-version'],
      per: 'node',
      parts(_, { byPart }) {
        seen(byPart('node-settings'), byPart('node-version'));
        // @ts-expect-error the rule does not name it
        byPart('node-name');
        return Object.entries(byPart('node-settings')).flatMap(([part, { mode }]) => (mode === 'on' ? [part] : []));
      },
      judge: (_, { part }) => ({ verdict: 'pass', message: `${part} is on.` }),
    });
    const facts = parts({
      EX1: { 'node-settings': settings('off'), 'node-version': version('one') },
      EX2: { 'node-settings': settings('on') },
      EX3: { 'node-settings': settings('on', longAgo), 'node-version': notKnown('timeout', 'silent') },
      [everyPart]: { 'node-version': version('of all') },
    });
    expect(run(chosen, facts).findings.map(({ message }) => message)).toEqual(['EX2 is on.']);
    expect(seen).toHaveBeenCalledExactlyOnceWith(
      { EX1: { mode: 'off' }, EX2: { mode: 'on' } },
      { EX1: 'one', EX2: 'of all' },
    );
  });

  it('that are not per part see a part fact of every part', () => {
    const all = rule({
      id: 'cluster/all',
      title: 'All',
      severity: 'high',
      blocks: ['now'],
      needs: ['node-version'],
      judge: ({ 'node-version': byPart }) => ({ verdict: 'pass', message: Object.keys(byPart).join(' and ') }),
    });
    const both = parts({ EX1: { 'node-version': version('1') }, EX2: { 'node-version': version('2') } });
    expect(run(all, both).findings[0]?.message).toBe('EX1 and EX2');
    const one = parts({
      EX1: { 'node-version': version('1') },
      EX2: { 'node-version': notKnown('timeout', 'silent') },
    });
    expect(run(all, one).findings[0]?.message).toBe(
      'Could not look: version of the node of EX2: no answer in time (silent).',
    );
  });
});

describe('peers', () => {
  const seen = vi.fn();
  beforeEach(() => void seen.mockReset());
  const alike = rule({
    id: 'cluster/alike',
    title: 'Alike',
    severity: 'high',
    blocks: ['now'],
    needs: ['node-settings'],
    per: 'node',
    peers: ['node-settings'],
    optionalPeers: ['node-version'],
    judge({ 'node-settings': { mode } }, { part, peers }) {
      seen(part, peers);
      const others = Object.keys(peers).filter((peer) => peers[peer]?.['node-settings'].mode !== mode);
      return others.length === 0
        ? { verdict: 'pass', message: `${part} is as the others.` }
        : { ...bad, message: `${part} differs from ${others.join(' and ')}.` };
    },
  });
  const said = ({ findings }: ReturnType<typeof run>) =>
    findings.map(({ target, verdict, message }) => [target, verdict, message]);

  it('are the other parts, never the judged one, each with the facts that the rule named and nothing else', () => {
    const named = known({ registered: true }, 'DNS', at);
    const facts = parts({
      EX1: { 'node-settings': settings('on'), 'node-version': version('one'), 'node-name': named },
      EX2: { 'node-settings': settings('on'), 'node-version': version('two'), 'node-name': named },
      EX3: { 'node-settings': settings('off'), 'node-name': named },
    });
    expect(said(run(alike, facts))).toEqual([
      ['EX1', 'fail', 'EX1 differs from EX3.'],
      ['EX2', 'fail', 'EX2 differs from EX3.'],
      ['EX3', 'fail', 'EX3 differs from EX1 and EX2.'],
    ]);
    const [one, two, three] = [
      { 'node-settings': { mode: 'on' }, 'node-version': 'one' },
      { 'node-settings': { mode: 'on' }, 'node-version': 'two' },
      { 'node-settings': { mode: 'off' } },
    ];
    expect(seen.mock.calls).toStrictEqual([
      ['EX1', { EX2: two, EX3: three }],
      ['EX2', { EX1: one, EX3: three }],
      ['EX3', { EX1: one, EX2: two }],
    ]);
  });

  it('whose needed fact is too old make the rule unknown, naming the fact and the part', () => {
    const facts = parts({
      EX1: { 'node-settings': settings('on') },
      EX2: { 'node-settings': settings('on', longAgo) },
    });
    const { findings, answers } = run(alike, facts);
    expect(findings).toEqual([
      {
        rule: 'cluster/alike',
        target: 'EX1',
        verdict: 'unknown',
        message: `Could not look: settings of the node of EX2: too old (observed ${longAgo}, and it keeps for 1 d).`,
        evidence: [
          {
            fact: 'node-settings',
            observed: `unobtainable, stale: observed ${longAgo}, and it keeps for 1 d`,
            at: longAgo,
            source: 'the node itself',
          },
        ],
        reason: 'stale',
      },
      expect.objectContaining({
        target: 'EX2',
        verdict: 'unknown',
        message: `Could not look: settings of the node: too old (observed ${longAgo}, and it keeps for 1 d).`,
      }),
    ]);
    expect(answers.now).toBe('undetermined');
    expect(seen).not.toHaveBeenCalled();
  });

  it.each([
    ['that is missing', notKnown('timeout', 'silent'), 'no answer in time (silent)'],
    ['that nobody supplied', undefined, 'not supplied (nobody supplied it and no source was asked)'],
  ])('with a needed fact %s do so too', (_, gathered, why) => {
    const facts = parts({ EX1: { 'node-settings': settings('on') }, EX2: { 'node-settings': gathered } });
    expect(said(run(alike, facts))[0]).toEqual([
      'EX1',
      'unknown',
      `Could not look: settings of the node of EX2: ${why}.`,
    ]);
  });

  it('are also those that are only declared', () => {
    const declared = clusterEvaluation([alike], { parts: ({ nodes }) => ({ node: nodes }) });
    const subject = { ...contoso, nodes: ['EX1', 'EX2'] };
    const facts = parts({ EX1: { 'node-settings': settings('on') } });
    expect(said(judge(declared, subject, facts, { now }))).toEqual([
      [
        'EX1',
        'unknown',
        'Could not look: settings of the node of EX2: not supplied (nobody supplied it and no source was asked).',
      ],
      [
        'EX2',
        'unknown',
        'Could not look: settings of the node: not supplied (nobody supplied it and no source was asked).',
      ],
    ]);
  });

  it.each([
    ['nobody supplied', undefined],
    ['was denied', notKnown('denied', 'no right')],
    ['is too old', known('two', 'the node itself', longAgo)],
  ])('do without a fact that is optional and %s', (_, gathered) => {
    const facts = parts({
      EX1: { 'node-settings': settings('on') },
      EX2: { 'node-settings': settings('on'), 'node-version': gathered },
    });
    expect(said(run(alike, facts))[0]).toEqual(['EX1', 'pass', 'EX1 is as the others.']);
    expect(seen.mock.calls[0]).toStrictEqual(['EX1', { EX2: { 'node-settings': { mode: 'on' } } }]);
  });

  it('are all others, also when the rule judges some parts only; and what stands for every part is none', () => {
    const one: AnyRule = { ...alike, parts: () => ['EX1'] };
    const facts = parts({
      EX1: {},
      EX2: {},
      [everyPart]: { 'node-settings': settings('on') },
    });
    expect(said(run(one, facts))).toEqual([['EX1', 'pass', 'EX1 is as the others.']]);
    expect(seen.mock.calls).toStrictEqual([['EX1', { EX2: { 'node-settings': { mode: 'on' } } }]]);
  });

  it('are nobody to a rule that names none of their facts, and the compiler knows which it named', () => {
    const alone = rule({
      id: 'cluster/alone',
      title: 'Alone',
      severity: 'high',
      blocks: ['now'],
      needs: ['node-settings'],
      per: 'node',
      judge(_, { peers }) {
        seen(peers);
        // @ts-expect-error the rule names no fact of its peers
        expect(peers.EX2?.['node-settings']).toBeUndefined();
        return fine;
      },
    });
    const facts = parts({ EX1: { 'node-settings': settings('on') }, EX2: { 'node-settings': settings('on') } });
    expect(run(alone, facts).findings.map(({ verdict }) => verdict)).toEqual(['pass', 'pass']);
    expect(seen.mock.calls).toStrictEqual([[{}], [{}]]);
  });
});

describe('the evaluation', () => {
  it('may say why nothing applies', () => {
    const scoped = clusterEvaluation([needsLicence(bad)], { scope: () => 'Not this one.' });
    const { findings, answers } = judge(scoped, contoso, paid, { now });
    expect(findings).toEqual([
      { rule: 'cluster/first', verdict: 'not_applicable', message: 'Not this one.', evidence: [] },
    ]);
    expect(answers).toEqual({ now: 'not_applicable', later: 'not_applicable' });
  });

  it('says so by facts as rules would read them: one that is too old is not known', () => {
    const scoped = clusterEvaluation([needsLicence(fine)], {
      scope: (fact) => {
        const clock = fact('clock');
        return clock.status === 'known' ? `Synchronised: ${clock.value.synchronised}.` : undefined;
      },
    });
    const message = (observedAt: string) => {
      const clock = known({ synchronised: true }, 'the node itself', observedAt);
      return judge(scoped, contoso, { ...paid, facts: { ...paid.facts, clock } }, { now }).findings[0]?.message;
    };
    expect(message(at)).toBe('Synchronised: true.');
    expect(message(longAgo)).toBe('Fine.');
  });

  it('may ask fewer questions', () => {
    const fewer = clusterEvaluation([needsLicence(bad)], { asked: () => ['later'] });
    expect(judge(fewer, contoso, paid, { now }).answers.now).toBe('not_applicable');
  });

  it('may have an order of proof', () => {
    const first = needsLicence(bad);
    const proven = clusterEvaluation([first, needsLicence(fine, 'cluster/proof')], {
      proof: (_question, _blocking, _fact, all) => all.filter(({ finding }) => finding.rule === 'cluster/proof'),
    });
    expect(judge(proven, contoso, paid, { now }).answers.now).toBe('yes');
  });
});

describe('parts of another kind', () => {
  const old = variantFactory<typeof clusterFacts, typeof contoso, 'node'>(({ part }) => part.startsWith('OLD'));
  const byVersion = old.judged({
    needs: ['node-version'],
    peers: ['node-version'],
    judge: ({ 'node-version': own }, { part, peers }) => ({
      verdict: 'pass',
      message: `${part} has ${own}, beside ${Object.keys(peers).join(' and ') || 'nobody'}.`,
    }),
  });
  const bySettings = (variant: typeof byVersion) =>
    rule({
      id: 'cluster/kinds',
      title: 'Kinds',
      severity: 'high',
      blocks: ['now'],
      needs: ['node-settings'],
      per: 'node',
      peers: ['node-settings'],
      variant,
      judge: ({ 'node-settings': { mode } }, { part, peers }) => ({
        verdict: 'pass',
        message: `${part} is ${mode}, beside ${Object.keys(peers).join(' and ') || 'nobody'}.`,
      }),
    });
  const facts = parts({
    EX1: { 'node-settings': settings('on') },
    EX2: { 'node-settings': settings('off') },
    OLD1: { 'node-version': version('one') },
    OLD2: {},
  });

  it('are judged from facts of theirs and beside their like, with the same id', () => {
    const judged = bySettings(byVersion);
    expect(factsNamedBy(judged)).toEqual(['node-settings', 'node-settings', 'node-version', 'node-version']);
    const { findings } = run(judged, facts);
    expect(findings.map(({ rule: id, target, verdict, message }) => [id, target, verdict, message])).toEqual([
      ['cluster/kinds', 'EX1', 'pass', 'EX1 is on, beside EX2.'],
      ['cluster/kinds', 'EX2', 'pass', 'EX2 is off, beside EX1.'],
      ['cluster/kinds', 'OLD1', 'unknown', expect.stringMatching(/^Could not look: .* of OLD2: not supplied/)],
      ['cluster/kinds', 'OLD2', 'unknown', expect.stringMatching(/^Could not look: /)],
    ]);
  });

  it('are told why the rule does not apply to them, whatever is known of them', () => {
    const { findings, answers } = run(bySettings(old.outside(({ part }) => `${part} has no settings.`)), facts);
    expect(findings.slice(2).map(({ target, verdict, message }) => [target, verdict, message])).toEqual([
      ['OLD1', 'not_applicable', 'OLD1 has no settings.'],
      ['OLD2', 'not_applicable', 'OLD2 has no settings.'],
    ]);
    expect(answers.now).toBe('yes');
  });
});
