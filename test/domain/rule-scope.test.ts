import { expect, test } from 'vitest';
import { noFacts } from '../../src/domain/fact-set.ts';
import { judge } from '../../src/domain/judge.ts';
import { rule } from '../../src/domain/rule.ts';
import { mailDomain } from '../../src/domain/subject.ts';

const contoso = mailDomain.parse({ kind: 'mail-domain', id: 'contoso.com' });
const fabrikam = mailDomain.parse({ kind: 'mail-domain', id: 'fabrikam.com' });

const onlyContoso = rule({
  id: 'dkim/only-contoso',
  title: 'A rule about one domain only',
  severity: 'low',
  blocks: ['verifiable-now'],
  needs: ['accepted-domain'],
  scope: ({ subject }) => (subject.id === 'contoso.com' ? undefined : 'Only contoso.com is asked.'),
  judge: () => ({ verdict: 'pass', message: 'It is.' }),
});

const evaluation = {
  id: 'dkim',
  title: 'One rule',
  subjectKind: 'mail-domain',
  questions: [{ id: 'verifiable-now', title: 'Is it?' }],
  rules: [onlyContoso],
} as const;

test('a rule out of scope says why, although its facts are missing, and the answer does not apply', () => {
  const run = judge(evaluation, fabrikam, noFacts, { now: new Date('2026-11-24T09:00:00Z') });
  expect(run.findings).toEqual([
    { rule: 'dkim/only-contoso', verdict: 'not_applicable', message: 'Only contoso.com is asked.', evidence: [] },
  ]);
  expect(run.answers).toEqual({ 'verifiable-now': 'not_applicable' });
});

test('a rule in scope still needs its facts', () => {
  const run = judge(evaluation, contoso, noFacts, { now: new Date('2026-11-24T09:00:00Z') });
  expect(run.findings[0]?.verdict).toBe('unknown');
  expect(run.answers).toEqual({ 'verifiable-now': 'undetermined' });
});
