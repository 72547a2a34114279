import { expect, it } from 'vitest';
import { evaluateAll } from '../../src/app/evaluations/evaluate.ts';
import { silentLog } from '../../src/app/log.ts';
import { known, noFacts } from '../../src/domain/fact-set.ts';
import type { Sources } from '../../src/domain/source.ts';
import { clusterEvaluation, contoso, rule } from '../domain/cluster.ts';

const paid = rule({
  id: 'cluster/licence-paid',
  title: 'The licence is paid',
  severity: 'high',
  blocks: ['now'],
  needs: ['licence'],
  judge: (_, { subject }) => ({ verdict: 'pass', message: `The licence of ${subject.id} is paid.` }),
});
const clusters = ['silent1', 'silent2', 'contoso1', 'contoso2', 'contoso3'].map((id) => ({ ...contoso, id }));

/** Silent clusters answer when all others are done. */
async function evaluate(doneWith: (id: string) => void): Promise<readonly string[]> {
  const done: string[] = [];
  const others = Promise.withResolvers<void>();
  const sources: Sources = {
    licence: {
      fact: 'licence',
      limitMs: 20_000,
      async gather({ id }) {
        if (id.startsWith('silent')) await others.promise;
        return known({ paid: true }, 'the vendor', '2026-11-24T06:00:00Z');
      },
    },
  };
  await evaluateAll(
    clusterEvaluation([paid]),
    clusters,
    { sources, now: new Date('2026-11-24T09:30:00Z'), log: silentLog, supplied: () => noFacts, inFlight: 2 },
    ({ subject, run }) => {
      doneWith(subject.id);
      done.push(run.findings[0]?.message ?? '');
      if (done.length === 3) others.resolve();
    },
  );
  return done;
}

it('lets others pass while subjects wait for silence, and waits for them in the end', async () => {
  const done = await evaluate(() => {});
  expect(done.slice(0, 3)).toEqual([
    'The licence of contoso1 is paid.',
    'The licence of contoso2 is paid.',
    'The licence of contoso3 is paid.',
  ]);
  expect(done.slice(3).toSorted()).toEqual(['The licence of silent1 is paid.', 'The licence of silent2 is paid.']);
});

it('ends with what went wrong with one that gave its place away', async () => {
  const evaluation = evaluate((id) => {
    if (id === 'silent1') throw new Error('The table of states is full.');
  });
  await expect(evaluation).rejects.toThrow('The table of states is full.');
});

it('begins with no other one when something went wrong', async () => {
  const begun: string[] = [];
  const licence: Sources[string] = {
    fact: 'licence',
    limitMs: 20_000,
    gather({ id }) {
      begun.push(id);
      return known({ paid: true }, 'the vendor', '2026-11-24T06:00:00Z');
    },
  };
  const evaluation = evaluateAll(
    clusterEvaluation([paid]),
    clusters,
    {
      sources: { licence },
      now: new Date('2026-11-24T09:30:00Z'),
      log: silentLog,
      supplied: () => noFacts,
      inFlight: 2,
    },
    ({ subject: { id } }) => {
      if (id === 'silent1') throw new Error('The table of states is full.');
    },
  );
  await expect(evaluation).rejects.toThrow('The table of states is full.');
  await new Promise(setImmediate);
  expect(begun).toEqual(['silent1', 'silent2']);
});
