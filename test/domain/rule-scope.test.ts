import { expect, test } from 'vitest';
import { noFacts } from '../../src/domain/fact-set.ts';
import { judge } from '../../src/domain/judge.ts';
import { clusterEvaluation, contoso, rule } from './cluster.ts';

const fabrikam = { ...contoso, id: 'fabrikam' };

const onlyContoso = rule({
  id: 'cluster/only-contoso',
  title: 'A rule about one cluster only',
  severity: 'low',
  blocks: ['now'],
  needs: ['licence'],
  scope: ({ subject }) => (subject.id === 'contoso' ? undefined : 'Only contoso is asked.'),
  judge: () => ({ verdict: 'pass', message: 'It is.' }),
});

const evaluation = clusterEvaluation([onlyContoso], { questions: [{ id: 'now', title: 'Is it?' }] });

test('a rule out of scope says why, although its facts are missing, and the answer does not apply', () => {
  const run = judge(evaluation, fabrikam, noFacts, { now: new Date('2026-11-24T09:00:00Z') });
  expect(run.findings).toEqual([
    { rule: 'cluster/only-contoso', verdict: 'not_applicable', message: 'Only contoso is asked.', evidence: [] },
  ]);
  expect(run.answers).toEqual({ now: 'not_applicable' });
});

test('a rule in scope still needs its facts', () => {
  const run = judge(evaluation, contoso, noFacts, { now: new Date('2026-11-24T09:00:00Z') });
  expect(run.findings[0]?.verdict).toBe('unknown');
  expect(run.answers).toEqual({ now: 'undetermined' });
});
