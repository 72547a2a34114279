import { describe, expect, it } from 'vitest';
import { everyPart, type FactSet, known, noFacts, Unobtainable } from '../../src/domain/fact-set.ts';
import { factsNeeded, gather } from '../../src/domain/gather.ts';
import { type Evaluation, rule } from '../../src/domain/rule.ts';
import type { GatherContext, Source, Sources } from '../../src/domain/source.ts';
import { mailDomain } from '../../src/domain/subject.ts';

const contoso = mailDomain.parse({ kind: 'mail-domain', id: 'contoso.com' });
const now = new Date('2026-11-24T09:30:00Z');

const one = (needs: readonly ('signing-configuration' | 'accepted-domain' | 'selector-cname')[]) =>
  rule({
    id: 'dkim/x',
    title: 'X',
    severity: 'low',
    blocks: [],
    needs,
    judge: () => ({ verdict: 'pass', message: 'x' }),
  });

const evaluation = (...rules: ReturnType<typeof one>[]): Evaluation => ({
  id: 'dkim',
  title: 'Test',
  subjectKind: 'mail-domain',
  questions: [],
  rules,
});

type Gather = (context: GatherContext) => Promise<unknown>;
function source(fact: Source['fact'], gatherIt: Gather, limitMs = 1000): Source {
  return { fact, limitMs, gather: (_, context) => gatherIt(context) as never };
}
const sourcesOf = (...list: Source[]) =>
  Object.fromEntries(list.map((each) => [each.fact, each])) as unknown as Sources;

const both = evaluation(one(['accepted-domain', 'signing-configuration']), one(['accepted-domain']));
const listed = known({ listed: true }, 'test', now.toISOString());
const noRow = known({ state: 'no-row' as const }, 'test', now.toISOString());

it('asks every source once, whatever the number of rules and sources that want its fact', async () => {
  const asked: string[] = [];
  const facts = await gather(
    both,
    contoso,
    sourcesOf(
      source('accepted-domain', async () => {
        asked.push('accepted-domain');
        return listed;
      }),
      source('signing-configuration', async (context) => {
        asked.push('signing-configuration');
        expect(await context.gathered('accepted-domain')).toBe(listed);
        return noRow;
      }),
    ),
    { now, supplied: noFacts },
  );
  expect(asked.sort()).toEqual(['accepted-domain', 'signing-configuration']);
  expect(facts).toEqual({ facts: { 'accepted-domain': listed, 'signing-configuration': noRow }, parts: {} });
  expect(factsNeeded(both)).toEqual(['accepted-domain', 'signing-configuration']);
});

it('does not ask for what was supplied', async () => {
  const supplied: FactSet = { facts: { 'accepted-domain': listed, 'signing-configuration': noRow }, parts: {} };
  const never = source('accepted-domain', () => expect.fail('was asked'));
  const facts = await gather(both, contoso, sourcesOf(never, { ...never, fact: 'signing-configuration' }), {
    now,
    supplied,
  });
  expect(facts).toEqual(supplied);
});

describe('never throws, and says why a fact is not there', () => {
  const ofOne = evaluation(one(['accepted-domain']));
  const look = async (gatherIt: Gather, limitMs?: number, signal?: AbortSignal) => {
    const sources = sourcesOf(source('accepted-domain', gatherIt, limitMs));
    return (await gather(ofOne, contoso, sources, { now, supplied: noFacts, signal })).facts['accepted-domain'];
  };

  it('what a source knows about it', async () => {
    expect(await look(() => Promise.reject(new Unobtainable('denied', 'no role')))).toMatchObject({
      status: 'unobtainable',
      reason: 'denied',
      detail: 'no role',
    });
  });

  it.each([
    ['an error', () => Promise.reject(new Error('socket hang up')), 'socket hang up'],
    [
      'an error at once',
      () => {
        throw new Error('at once');
      },
      'at once',
    ],
    ['something else', () => Promise.reject('a text'), 'a text'],
  ])('%s is unreachable', async (_, gatherIt, detail) => {
    expect(await look(gatherIt)).toMatchObject({ status: 'unobtainable', reason: 'unreachable', detail });
  });

  it('a source that takes too long is called off', async () => {
    let aborted = false;
    const slow: Gather = ({ signal }) =>
      new Promise(() => {
        signal.addEventListener('abort', () => {
          aborted = true;
        });
      });
    expect(await look(slow, 20)).toMatchObject({ reason: 'timeout', detail: 'no answer within 0.02 s' });
    expect(aborted).toBe(true);
  });

  it('a run that is called off reaches the source', async () => {
    const controller = new AbortController();
    const waiting: Gather = ({ signal }) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(new Unobtainable('timeout', 'called off')));
        controller.abort();
      });
    expect(await look(waiting, 10_000, controller.signal)).toMatchObject({ detail: 'called off' });
  });

  it('a source whose neighbour failed hears why', async () => {
    const heard: unknown[] = [];
    const facts = await gather(
      both,
      contoso,
      sourcesOf(
        source('accepted-domain', () => Promise.reject(new Unobtainable('denied', 'no role'))),
        source('signing-configuration', async (context) => {
          heard.push(await context.gathered('accepted-domain'));
          return noRow;
        }),
      ),
      { now, supplied: noFacts },
    );
    expect(heard).toMatchObject([{ status: 'unobtainable', reason: 'denied' }]);
    expect(facts.facts['signing-configuration']).toBe(noRow);
  });

  it('for every part, when a source of a part fact fails', async () => {
    const facts = await gather(
      evaluation(one(['selector-cname'])),
      contoso,
      sourcesOf(source('selector-cname', () => Promise.reject(new Unobtainable('timeout', 'silent')))),
      { now, supplied: noFacts },
    );
    expect(facts.parts.selector?.[everyPart]?.['selector-cname']).toMatchObject({ reason: 'timeout' });
  });
});
