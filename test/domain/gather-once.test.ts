import { expect, test } from 'vitest';
import { known, noFacts } from '../../src/domain/fact-set.ts';
import { gather } from '../../src/domain/gather.ts';
import type { AnySource } from '../../src/domain/source.ts';
import { clusterEvaluation, contoso, rule } from './cluster.ts';

test('work that sources share is done once in a run, and again in the next', async () => {
  let done = 0;
  const work = async () => {
    done += 1;
    return { paid: true, synchronised: true };
  };
  const source = (fact: 'licence' | 'clock'): AnySource => ({
    fact,
    limitMs: 1000,
    gather: async (_, context) => known(await context.once('the same work', work), 'test', 'now'),
  });
  const evaluation = clusterEvaluation([
    rule({
      id: 'cluster/both',
      title: 'Needs both',
      severity: 'low',
      blocks: [],
      needs: ['licence', 'clock'],
      judge: () => ({ verdict: 'pass', message: 'Fine.' }),
    }),
  ]);
  const sources = { licence: source('licence'), clock: source('clock') };
  const options = { now: new Date('2026-11-24T09:00:00Z'), supplied: noFacts };
  await gather(evaluation, contoso, sources, options);
  expect(done).toBe(1);
  await gather(evaluation, contoso, sources, options);
  expect(done).toBe(2);
});
