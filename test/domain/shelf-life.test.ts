import { expect, test } from 'vitest';
import { type FactSet, known } from '../../src/domain/fact-set.ts';
import { judge } from '../../src/domain/judge.ts';
import { clusterEvaluation, contoso, rule } from './cluster.ts';

const now = new Date('2026-11-24T09:00:00Z');

const synchronised = rule({
  id: 'cluster/synchronised',
  title: 'The clock is synchronised',
  severity: 'low',
  blocks: ['now'],
  needs: ['clock'],
  judge: ({ clock }) =>
    clock.synchronised
      ? { verdict: 'pass', message: 'It is.' }
      : { verdict: 'fail', message: 'It is not.', owner: 'tenant', remedy: 'Switch it on.' },
});

const next = rule({
  id: 'cluster/next',
  title: 'What comes after',
  severity: 'high',
  blocks: ['now'],
  needs: ['clock'],
  after: () => [{ rule: 'cluster/synchronised' }],
  judge: () => ({ verdict: 'pass', message: 'It came.' }),
});

const evaluation = clusterEvaluation([synchronised, next], { questions: [{ id: 'now', title: 'Is it?' }] });

const observed = (at: string, synchronised = true): FactSet => ({
  facts: { clock: known({ synchronised }, 'the cluster itself', at) },
  parts: {},
});

test('a fact within its shelf life is judged by', () => {
  const run = judge(evaluation, contoso, observed('2026-11-23T09:00:00Z'), { now });
  expect(run.findings.map(({ verdict }) => verdict)).toEqual(['pass', 'pass']);
});

test('a fact past its shelf life is too old to judge by, and the finding says how old', () => {
  const run = judge(evaluation, contoso, observed('2026-11-23T08:59:59Z'), { now });
  expect(run.findings[0]).toMatchObject({
    verdict: 'unknown',
    message: 'Could not look: clock of the cluster: too old (observed 2026-11-23T08:59:59Z, and it keeps for 1 d).',
  });
  expect(run.answers).toEqual({ now: 'undetermined' });
});

test('advice blocks no rule that comes after it', () => {
  const advice = judge(evaluation, contoso, observed('2026-11-24T08:00:00Z', false), { now });
  expect(advice.findings.map(({ verdict }) => verdict)).toEqual(['fail', 'pass']);
  expect(advice.answers).toEqual({ now: 'yes' });

  const policies = { 'cluster/synchronised': { severity: 'high' } } as const;
  const fault = judge(evaluation, contoso, observed('2026-11-24T08:00:00Z', false), { now, policies });
  expect(fault.findings[1]).toMatchObject({ verdict: 'unknown', blockedBy: 'cluster/synchronised' });
});
