import { expect, test } from 'vitest';
import { known, noFacts } from '../../src/domain/fact-set.ts';
import { gather } from '../../src/domain/gather.ts';
import { rule } from '../../src/domain/rule.ts';
import type { Source, Sources } from '../../src/domain/source.ts';
import { exchangeOrganization } from '../../src/domain/subject.ts';

test('work that sources share is done once in a run, and again in the next', async () => {
  let done = 0;
  const work = async () => {
    done += 1;
    return { enabled: true, domains: [] };
  };
  const source = (fact: 'directory-synchronisation' | 'exchange-servers'): Source => ({
    fact,
    limitMs: 1000,
    gather: async (_, context) => {
      const value = await context.once('the same work', work);
      return known(
        fact === 'directory-synchronisation' ? value : { servers: [], externalHosts: [] },
        'test',
        'now',
      ) as never;
    },
  });
  const evaluation = {
    id: 'teams-exchange-interop',
    title: 'One rule',
    subjectKind: 'exchange-organization',
    questions: [],
    rules: [
      rule({
        id: 'teams-exchange-interop/both',
        title: 'Needs both',
        severity: 'low',
        blocks: [],
        needs: ['directory-synchronisation', 'exchange-servers'],
        judge: () => ({ verdict: 'pass', message: 'Fine.' }),
      }),
    ],
  } as const;
  const subject = exchangeOrganization.parse({ kind: 'exchange-organization', id: 'contoso' });
  const sources = {
    'directory-synchronisation': source('directory-synchronisation'),
    'exchange-servers': source('exchange-servers'),
  } as unknown as Sources;
  const options = { now: new Date('2026-11-24T09:00:00Z'), supplied: noFacts };
  await gather(evaluation, subject, sources, options);
  expect(done).toBe(1);
  await gather(evaluation, subject, sources, options);
  expect(done).toBe(2);
});
