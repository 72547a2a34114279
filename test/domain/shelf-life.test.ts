import { expect, test } from 'vitest';
import { type FactSet, known } from '../../src/domain/fact-set.ts';
import { judge } from '../../src/domain/judge.ts';
import { rule } from '../../src/domain/rule.ts';
import { exchangeOrganization } from '../../src/domain/subject.ts';

const contoso = exchangeOrganization.parse({ kind: 'exchange-organization', id: 'contoso' });
const now = new Date('2026-11-24T09:00:00Z');

const synchronised = rule({
  id: 'teams-exchange-interop/synchronised',
  title: 'The directory is synchronised',
  severity: 'low',
  blocks: ['calendar'],
  needs: ['directory-synchronisation'],
  judge: ({ 'directory-synchronisation': sync }) =>
    sync.enabled
      ? { verdict: 'pass', message: 'It is.' }
      : { verdict: 'fail', message: 'It is not.', owner: 'tenant', remedy: 'Switch it on.' },
});

const next = rule({
  id: 'teams-exchange-interop/next',
  title: 'What comes after',
  severity: 'high',
  blocks: ['calendar'],
  needs: ['directory-synchronisation'],
  after: () => [{ rule: 'teams-exchange-interop/synchronised' }],
  judge: () => ({ verdict: 'pass', message: 'It came.' }),
});

const evaluation = {
  id: 'teams-exchange-interop',
  title: 'Two rules',
  subjectKind: 'exchange-organization',
  questions: [{ id: 'calendar', title: 'Is it?' }],
  rules: [synchronised, next],
} as const;

const observed = (at: string, enabled = true): FactSet => ({
  facts: { 'directory-synchronisation': known({ enabled, domains: [] }, 'Microsoft Graph', at) },
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
    message:
      'Could not look: directory synchronisation: too old (observed 2026-11-23T08:59:59Z, and it keeps for 1 d).',
  });
  expect(run.answers).toEqual({ calendar: 'undetermined' });
});

test('advice blocks no rule that comes after it', () => {
  const advice = judge(evaluation, contoso, observed('2026-11-24T08:00:00Z', false), { now });
  expect(advice.findings.map(({ verdict }) => verdict)).toEqual(['fail', 'pass']);
  expect(advice.answers).toEqual({ calendar: 'yes' });

  const policies = { 'teams-exchange-interop/synchronised': { severity: 'high' } } as const;
  const fault = judge(evaluation, contoso, observed('2026-11-24T08:00:00Z', false), { now, policies });
  expect(fault.findings[1]).toMatchObject({ verdict: 'unknown', blockedBy: 'teams-exchange-interop/synchronised' });
});
