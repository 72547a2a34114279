import { describe, expect, it } from 'vitest';
import { everyPart, type FactSet, known, noFacts, Unobtainable } from '../../src/domain/fact-set.ts';
import { factsNeeded, gather } from '../../src/domain/gather.ts';
import type { AnySource, Sources } from '../../src/domain/source.ts';
import { clusterEvaluation, contoso, rule } from './cluster.ts';

const now = new Date('2026-11-24T09:30:00Z');

const one = (needs: readonly ('clock' | 'licence' | 'node-version')[]) =>
  rule({
    id: 'cluster/x',
    title: 'X',
    severity: 'low',
    blocks: [],
    needs,
    judge: () => ({ verdict: 'pass', message: 'x' }),
  });

type Context = Parameters<AnySource['gather']>[1];
type Gather = (context: Context) => Promise<unknown>;
function source(fact: string, gatherIt: Gather, limitMs = 1000): AnySource {
  return { fact, limitMs, gather: (_, context) => gatherIt(context) };
}
const sourcesOf = (...list: AnySource[]): Sources => Object.fromEntries(list.map((each) => [each.fact, each]));

const both = clusterEvaluation([one(['licence', 'clock']), one(['licence'])]);
const paid = known({ paid: true }, 'test', now.toISOString());
const inTime = known({ synchronised: true }, 'test', now.toISOString());

it('asks every source once, whatever the number of rules and sources that want its fact', async () => {
  const asked: string[] = [];
  const facts = await gather(
    both,
    contoso,
    sourcesOf(
      source('licence', async () => {
        asked.push('licence');
        return paid;
      }),
      source('clock', async (context) => {
        asked.push('clock');
        expect(await context.gathered('licence')).toBe(paid);
        return inTime;
      }),
    ),
    { now, supplied: noFacts },
  );
  expect(asked.sort()).toEqual(['clock', 'licence']);
  expect(facts).toEqual({ facts: { licence: paid, clock: inTime }, parts: {} });
  expect(factsNeeded(both)).toEqual(['licence', 'clock']);
});

it('asks for every fact that a rule names, in whatever way', () => {
  const curious = rule({
    id: 'cluster/curious',
    title: 'Curious',
    severity: 'low',
    blocks: [],
    needs: ['licence'],
    optional: ['node-version'],
    per: 'node',
    peers: ['node-settings'],
    optionalPeers: ['node-name', 'node-version'],
    judge: () => ({ verdict: 'pass', message: 'x' }),
  });
  const reading = clusterEvaluation([one(['licence'])], { reads: ['clock', 'licence'], scope: () => undefined });
  expect(factsNeeded(reading), 'what the evaluation itself reads').toEqual(['licence', 'clock']);
  expect(factsNeeded(clusterEvaluation([curious, one(['clock'])]))).toEqual([
    'licence',
    'node-version',
    'node-settings',
    'node-name',
    'clock',
  ]);
});

it('does not ask for what was supplied', async () => {
  const supplied: FactSet = { facts: { licence: paid, clock: inTime }, parts: {} };
  const never = source('licence', () => expect.fail('was asked'));
  const facts = await gather(both, contoso, sourcesOf(never, { ...never, fact: 'clock' }), {
    now,
    supplied,
  });
  expect(facts).toEqual(supplied);
});

describe('never throws, and says why a fact is not there', () => {
  const ofOne = clusterEvaluation([one(['licence'])]);
  const look = async (gatherIt: Gather, limitMs?: number, signal?: AbortSignal) => {
    const sources = sourcesOf(source('licence', gatherIt, limitMs));
    return (await gather(ofOne, contoso, sources, { now, supplied: noFacts, signal })).facts.licence;
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
        source('licence', () => Promise.reject(new Unobtainable('denied', 'no role'))),
        source('clock', async (context) => {
          heard.push(await context.gathered('licence'));
          return inTime;
        }),
      ),
      { now, supplied: noFacts },
    );
    expect(heard).toMatchObject([{ status: 'unobtainable', reason: 'denied' }]);
    expect(facts.facts.clock).toBe(inTime);
  });

  it('for every part, when a source of a part fact fails', async () => {
    const facts = await gather(
      clusterEvaluation([one(['node-version'])]),
      contoso,
      sourcesOf(source('node-version', () => Promise.reject(new Unobtainable('timeout', 'silent')))),
      { now, supplied: noFacts },
    );
    expect(facts.parts.node?.[everyPart]?.['node-version']).toMatchObject({ reason: 'timeout' });
  });
});
