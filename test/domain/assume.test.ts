// What is assumed outranks what is so, what follows from it is asked anew, and everything that rests on it says so.
import { describe, expect, it } from 'vitest';
import { type Assumption, gatherAssuming, judgeAssuming } from '../../src/domain/assume.ts';
import type { Evaluation } from '../../src/domain/evaluation.ts';
import { everyPart, type FactSet, known, noFacts, notKnown, Unobtainable } from '../../src/domain/fact-set.ts';
import type { Run } from '../../src/domain/finding.ts';
import type { AnySource, Sources } from '../../src/domain/source.ts';
import { clusterEvaluation, contoso, rule } from './cluster.ts';

const now = new Date('2026-11-24T09:30:00Z');
const seen = <T>(value: T, at = '2026-11-24T09:00:00Z') => known(value, 'probe', at);

const licensed = rule({
  id: 'cluster/licensed',
  title: 'Licensed',
  severity: 'high',
  blocks: ['now'],
  needs: ['licence'],
  judge: ({ licence: { paid } }) =>
    paid
      ? { verdict: 'pass', message: 'The licence is paid.' }
      : { verdict: 'fail', owner: 'tenant', message: 'The licence is not paid.', remedy: 'Pay.' },
});
const switchedOn = rule({
  id: 'cluster/switched-on',
  title: 'Switched on',
  severity: 'high',
  blocks: ['now', 'later'],
  needs: ['node-settings'],
  per: 'node',
  judge: ({ 'node-settings': { mode } }, { part }) =>
    mode === 'on'
      ? { verdict: 'pass', message: `${part} is on.` }
      : { verdict: 'fail', owner: 'on-premises', message: `${part} is off.`, remedy: `Switch ${part} on.` },
});
const upToDate = rule({
  id: 'cluster/up-to-date',
  title: 'Up to date',
  severity: 'high',
  blocks: ['later'],
  needs: ['node-version'],
  per: 'node',
  after: () => [{ rule: 'cluster/licensed' }],
  judge: ({ 'node-version': version }, { part }) => ({ verdict: 'pass', message: `${part} has ${version}.` }),
});
const evaluation = clusterEvaluation([licensed, switchedOn, upToDate]);

const real: FactSet = {
  facts: { licence: seen({ paid: false }) },
  parts: {
    node: {
      a: { 'node-settings': seen({ mode: 'off' }), 'node-version': seen('1') },
      b: { 'node-settings': seen({ mode: 'on' }), 'node-version': seen('1') },
    },
  },
};
const never: AnySource = { fact: '', limitMs: 1000, gather: () => expect.fail('was asked') };
const noSources: Sources = { licence: never, 'node-settings': never, 'node-version': never };

async function assume(
  assumed: FactSet,
  {
    of = evaluation,
    supplied = real,
    sources = noSources,
    world,
  }: { of?: Evaluation; supplied?: FactSet; sources?: Sources; world?: Assumption['world'] } = {},
): Promise<Run> {
  const both = await gatherAssuming(of, contoso, sources, { factsFor: () => assumed, world }, { now, supplied });
  return judgeAssuming(of, contoso, both, { now });
}
const ofA = (facts: FactSet['parts'][string]): FactSet => ({ facts: {}, parts: { node: facts } });
const sentences = ({ findings }: Run) => findings.map(({ message, assumed }) => (assumed ? `* ${message}` : message));

describe('what is assumed', () => {
  it('outranks what is so, for the part that it names alone', async () => {
    const run = await assume(ofA({ a: { 'node-settings': seen({ mode: 'on' }) } }));
    expect(sentences(run)).toEqual([
      'The licence is not paid.',
      '* a is on. (Rests on what is assumed: settings of the node.)',
      'b is on.',
      'Not judged: blocked by cluster/licensed, which failed.',
    ]);
  });

  it('turns an answer, and the answer says what it is without; a no that stands anyway does not', async () => {
    const on = ofA({ a: { 'node-settings': seen({ mode: 'on' }) } });
    const unpaid = await assume(on);
    expect(unpaid.answers).toEqual({ now: 'no', later: 'undetermined' });
    expect(unpaid.assumed).toEqual({
      later: {
        without: 'no',
        sentence: 'Would be undetermined with what is assumed; is no without.',
      },
    });
    const paid = await assume({ ...on, facts: { licence: seen({ paid: true }) } });
    expect(paid.answers).toEqual({ now: 'yes', later: 'yes' });
    expect(paid.assumed?.now).toEqual({
      without: 'no',
      sentence: 'Would be yes with what is assumed; is no without.',
    });
  });

  it('says yes to what would be no, and is told so in the words of the evaluation', async () => {
    const of = clusterEvaluation([licensed], {
      answerWords: { yes: 'GO', no: 'NO-GO', undetermined: 'INDETERMINATE', not_applicable: 'not asked' },
    });
    const run = await assume(
      { facts: { licence: seen({ paid: false }) }, parts: {} },
      { of, supplied: { ...real, facts: { licence: seen({ paid: true }) } } },
    );
    expect(run.assumed?.now?.sentence).toBe('Would be NO-GO with what is assumed; is GO without.');
    expect(run.findings[0]).toMatchObject({
      verdict: 'fail',
      assumed: true,
      message: 'The licence is not paid. (Rests on what is assumed: licence of the cluster.)',
      remedy: 'Pay.',
    });
  });

  it('is carried on by what fails for it', async () => {
    const run = await assume(
      { facts: { licence: seen({ paid: false }) }, parts: {} },
      { supplied: { ...real, facts: { licence: seen({ paid: true }) } } },
    );
    expect(sentences(run)).toContain(
      '* Not judged: blocked by cluster/licensed, which failed. (Rests on what is assumed: licence of the cluster.)',
    );
  });

  it('is nothing where it is so anyway: the run is the one without', async () => {
    const run = await assume(real);
    expect(run).toEqual(await assume(noFacts));
    expect(run).not.toHaveProperty('assumed');
    expect(JSON.stringify(run)).not.toContain('assumed');
  });

  it('does not age, and stands for what is too old', async () => {
    const old = seen({ mode: 'on' }, '2025-01-01T00:00:00Z');
    const supplied = ofA({ a: { 'node-settings': old, 'node-version': seen('1') } });
    const run = await assume(ofA({ a: { 'node-settings': old } }), {
      of: clusterEvaluation([switchedOn]),
      supplied,
    });
    expect(sentences(run)).toEqual(['* a is on. (Rests on what is assumed: settings of the node.)']);
  });

  it('cannot be that something is not known', async () => {
    const run = await assume({ facts: { licence: notKnown('denied', 'no') }, parts: {} });
    expect(run.findings[0]?.message).toBe('The licence is not paid.');
  });

  it('marks what applies only because of it, though that reads nothing assumed', async () => {
    const of = clusterEvaluation([switchedOn], {
      reads: ['licence'],
      scope: (fact) => {
        const licence = fact('licence');
        return licence.status === 'known' && !licence.value.paid ? 'Nobody pays.' : undefined;
      },
    });
    const run = await assume({ facts: { licence: seen({ paid: true }) }, parts: {} }, { of });
    expect(sentences(run)).toEqual([
      '* a is off. (Rests on what is assumed.)',
      '* b is on. (Rests on what is assumed.)',
    ]);
    expect(run.assumed?.now).toEqual({
      without: 'not_applicable',
      sentence: 'Would be no with what is assumed; is not applicable without.',
    });
    const back = await assume(
      { facts: { licence: seen({ paid: false }) }, parts: {} },
      { of, supplied: { ...real, facts: { licence: seen({ paid: true }) } } },
    );
    expect(sentences(back)).toEqual(['* Nobody pays. (Rests on what is assumed: licence of the cluster.)']);
  });
});

describe('what follows from it', () => {
  const asked: string[] = [];
  /** The version of a node is read off its settings; the licence off nothing. */
  const sources: Sources = {
    licence: {
      fact: 'licence',
      limitMs: 1000,
      async gather() {
        asked.push('licence');
        return seen({ paid: true });
      },
    },
    'node-settings': {
      fact: 'node-settings',
      limitMs: 1000,
      async gather() {
        asked.push('node-settings');
        return { a: seen({ mode: 'off' }), b: seen({ mode: 'off' }) };
      },
    },
    'node-version': {
      fact: 'node-version',
      limitMs: 1000,
      async gather(_, context) {
        asked.push('node-version');
        const settings = (await context.gathered('node-settings')) as Record<string, ReturnType<typeof seen>>;
        return Object.fromEntries(
          Object.entries(settings).map(([node, { value }]) => [node, seen(`for ${(value as { mode: string }).mode}`)]),
        );
      },
    },
  };

  it('is asked anew, all else once; what is the same after all rests on nothing', async () => {
    asked.length = 0;
    const run = await assume(ofA({ a: { 'node-settings': seen({ mode: 'on' }) } }), { supplied: noFacts, sources });
    expect(asked.sort()).toEqual(['licence', 'node-settings', 'node-version', 'node-version']);
    expect(sentences(run)).toEqual([
      'The licence is paid.',
      '* a is on. (Rests on what is assumed: settings of the node.)',
      'b is off.',
      '* a has for on. (Rests on what is assumed: version of the node.)',
      'b has for off.',
    ]);
  });

  it('is asked anew though it was supplied, where its source says that it was compared', async () => {
    const version = sources['node-version'] as AnySource;
    const run = await assume(ofA({ a: { 'node-settings': seen({ mode: 'on' }) } }), {
      sources: { ...noSources, 'node-version': { ...version, against: ['node-settings'] } },
    });
    expect(sentences(run)).toContain('* a is on. (Rests on what is assumed: settings of the node.)');
    const both = await gatherAssuming(
      evaluation,
      contoso,
      { ...noSources, 'node-version': { ...version, against: ['node-settings'] } },
      { factsFor: () => ofA({ a: { 'node-settings': seen({ mode: 'on' }) } }) },
      { now, supplied: real },
    );
    expect(both.assuming.parts.node?.a?.['node-version']).toMatchObject({ value: 'for on', assumed: true });
    expect(both.facts).toEqual(real);
  });

  it('is found through work that sources share, and through facts that are not per part', async () => {
    const settings: AnySource = {
      fact: 'node-settings',
      limitMs: 1000,
      gather: async (_, context) =>
        context.once('nodes', async () => {
          const licence = (await context.gathered('licence')) as { value: { paid: boolean } };
          return { a: seen({ mode: licence.value.paid ? 'on' : 'off' }) };
        }),
    };
    const version: AnySource = {
      fact: 'node-version',
      limitMs: 1000,
      gather: async (_, context) =>
        Object.fromEntries(
          Object.entries((await context.once('nodes', async () => expect.fail('not shared'))) as object).map(
            ([node, { value }]) => [node, seen(`for ${value.mode}`)],
          ),
        ),
    };
    const run = await assume(
      { facts: { licence: seen({ paid: true }) }, parts: {} },
      {
        supplied: { facts: { licence: seen({ paid: false }) }, parts: {} },
        sources: { ...noSources, 'node-settings': settings, 'node-version': version },
      },
    );
    expect(sentences(run)).toEqual([
      '* The licence is paid. (Rests on what is assumed: licence of the cluster.)',
      '* a is on. (Rests on what is assumed: settings of the node.)',
      '* a has for on. (Rests on what is assumed: version of the node.)',
    ]);
    expect(run.assumed?.now?.without).toBe('no');
  });

  it('may be that nobody can look: then it is unknown, and rests on the assumption', async () => {
    const silent: AnySource = {
      fact: 'node-version',
      limitMs: 1000,
      async gather(_, context) {
        const settings = (await context.gathered('node-settings')) as FactSet['parts'][string];
        if (JSON.stringify(settings).includes('"on"')) throw new Unobtainable('timeout', 'nobody answers there');
        return { a: seen('1'), b: seen('1') };
      },
    };
    const run = await assume(ofA({ a: { 'node-settings': seen({ mode: 'on' }) } }), {
      of: clusterEvaluation([upToDate]),
      supplied: { facts: {}, parts: { node: { a: { 'node-settings': seen({ mode: 'off' }) } } } },
      sources: { ...noSources, 'node-version': silent },
    });
    expect(sentences(run)).toEqual([
      '* Could not look: version of the node: no answer in time (nobody answers there). (Rests on what is assumed: version of the node.)',
    ]);
    expect(run.assumed?.later).toEqual({
      without: 'yes',
      sentence: 'Would be undetermined with what is assumed; is yes without.',
    });
  });

  it('comes from a world in which it is so: only what that marks counts', async () => {
    const inWorld: AnySource = {
      fact: 'node-settings',
      limitMs: 1000,
      gather: async () => ({
        a: { ...seen({ mode: 'on' }), assumed: true },
        b: seen({ mode: 'off' }),
        [everyPart]: notKnown('timeout', 'x'),
      }),
    };
    const run = await assume(noFacts, {
      of: clusterEvaluation([switchedOn]),
      world: { sources: { ...noSources, 'node-settings': inWorld }, facts: ['node-settings'] },
    });
    expect(sentences(run)).toEqual(['* a is on. (Rests on what is assumed: settings of the node.)', 'b is on.']);
  });
});
