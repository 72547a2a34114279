import { beforeEach, describe, expect, test } from 'vitest';
import type { WatchMemory } from '../../src/domain/blindness.ts';
import { organizationDocument } from '../../src/domain/organization.ts';
import { type Statement, statement } from '../../src/domain/statement.ts';
import { RowTooLarge } from '../../src/store/rows.ts';
import { InvalidContinuation, type RunProgress, type Store, type Watch } from '../../src/store/store.ts';
import {
  changeOf,
  factsOf,
  incompressible,
  noticeOf,
  resultOf,
  runId,
  runOf,
  stateOf,
  time,
  watch,
} from '../store/samples.ts';

const otherWatch: Watch = { organization: 'fabrikam', evaluation: 'dkim' };

const oddSubjects = [
  'contoso.com',
  'xn--bcher-kva.contoso.com',
  'Contoso.com',
  'CONTOSO.COM',
  'a/b\\c#d?e',
  '100%+1 & "quoted" o\'clock',
  'line\nbreak\ttab\u0000nul\u007f\u009f',
  'bücher.contoso.com',
  '=2f',
  '~',
  '_',
  '😀',
  '\ud800',
  '',
  'x'.repeat(1024),
  `${'x'.repeat(1023)}y`,
  '/'.repeat(1024),
];

/** What every store does, whatever it keeps its rows in. `create` gives a store that is open and empty. */
export function storeContract(name: string, create: () => Promise<Store>): void {
  describe(name, () => {
    let store: Store;
    beforeEach(async () => {
      store = await create();
    });

    const commit = (...changes: Parameters<Store['commit']>[1]) => store.commit(watch, changes, undefined);
    const etagOf = async (subject: string) => (await store.states(watch, [subject])).get(subject)?.etag;
    const readRun = async (id: string): Promise<RunProgress> => {
      const progress = await store.run(id);
      if (progress === undefined) throw new Error(`there is no run ${id}`);
      return progress;
    };
    const noticesOf = async () =>
      (await store.pending(watch, 1000)).map(({ notice }) => `${notice.subject} ${notice.channel}`);

    test('answers a ping, and may be opened again', async () => {
      await store.ping();
      await store.open();
    });

    describe('organizations', () => {
      const organizationOf = (id: string, name?: string) => organizationDocument.parse({ id, name });
      // What an evaluation adds of its own is kept as it is: the store knows no evaluation.
      const settings = {
        schedule: '0 0 6 * * *',
        domains: ['contoso.com'],
        rules: { 'dkim/rotation-on-schedule': { severity: 'low', maxAgeDays: 365 } },
      };
      const document = (name: string) =>
        organizationDocument.parse({ id: 'contoso', name, evaluations: { dkim: settings } });

      test('of two who write, one wins; the other reads again and loses nothing', async () => {
        expect(await store.organization('contoso')).toBeUndefined();
        const first = await store.putOrganization(document('One'), undefined, time());
        expect(first).toEqual(expect.any(String));
        expect(await store.putOrganization(document('Two'), undefined, time())).toBeUndefined();
        const second = await store.putOrganization(document('Two'), first, time());
        expect(second).not.toBe(first);
        expect(await store.putOrganization(document('Three'), first, time())).toBeUndefined();
        expect(await store.organization('contoso')).toEqual({ value: document('Two'), etag: second });
        expect((await store.organization('contoso'))?.value.evaluations.dkim).toEqual({ ...settings, channels: [] });
        expect(await store.putOrganization(document('Four'), '*', time())).toEqual(expect.any(String));
        expect((await store.organization('contoso'))?.value.name).toBe('Four');
      });

      test('are listed in order, and gone once deleted', async () => {
        for (const id of ['fabrikam', 'contoso']) await store.putOrganization(organizationOf(id), '*', time());
        expect((await store.organizations()).map(({ id }) => id)).toEqual(['contoso', 'fabrikam']);
        const some = async (...ids: string[]) => (await store.organizations(ids)).map(({ id }) => id);
        expect(await some('fabrikam', 'nobody', 'adatum')).toEqual(['fabrikam']);
        expect(await some()).toEqual([]);
        expect(await store.deleteOrganization('contoso')).toBe(true);
        expect(await store.deleteOrganization('contoso')).toBe(false);
        expect(await store.putOrganization(organizationOf('contoso'), '"no-such-etag"', time())).toBeUndefined();
        expect((await store.organizations()).map(({ id }) => id)).toEqual(['fabrikam']);
      });

      test('of which one is replaced keep what was there before, newest first, until that is old', async () => {
        const history = async (limit = 10) => store.organizationHistory('contoso', limit);
        expect(await history()).toEqual({ items: [] });
        const first = await store.putOrganization(document('One'), undefined, time(1));
        const second = await store.putOrganization(document('Two'), first, time(2));
        expect(await history()).toEqual({ items: [{ replacedAt: time(2), document: document('One') }] });
        // A conflict changes nothing; neither does the same document once more.
        expect(await store.putOrganization(document('Lost'), first, time(3))).toBeUndefined();
        expect(await store.putOrganization(document('Two'), second, time(3))).toEqual(expect.any(String));
        for (const name of ['Three', 'Four']) await store.putOrganization(document(name), '*', time(4));
        await store.putOrganization(organizationOf('contoso-2'), '*', time(1));
        await store.putOrganization(organizationOf('contoso-2', 'Other'), '*', time(5));

        const { items, pages } = await allPages((continuation) =>
          store.organizationHistory('contoso', 2, continuation),
        );
        expect(pages).toBe(2);
        // Two were replaced within one millisecond: both are there.
        expect(items.map(({ replacedAt }) => replacedAt)).toEqual([time(4), time(4), time(2)]);
        expect(items.map(({ document: { name } }) => name).sort()).toEqual(['One', 'Three', 'Two']);
        const { continuation } = await history(1);
        await expect(store.organizationHistory('contoso-2', 1, continuation)).rejects.toThrow(InvalidContinuation);
        expect((await store.organizations()).map(({ name }) => name)).toEqual(['Four', 'Other']);

        expect(await store.pruneOrganization('contoso', time(2), 10)).toBe(0);
        expect(await store.pruneOrganization('contoso', time(5), 1)).toBe(1);
        expect(await store.pruneOrganization('contoso', time(5), 10)).toBe(2);
        expect(await history()).toEqual({ items: [] });
        expect((await store.organization('contoso'))?.value.name).toBe('Four');
      });

      test('that are deleted leave no history, and lose that of no other', async () => {
        for (const id of ['contoso', 'fabrikam']) {
          await store.putOrganization(organizationOf(id), '*', time(1));
          await store.putOrganization(organizationOf(id, 'Changed'), '*', time(2));
        }
        expect(await store.deleteOrganization('contoso')).toBe(true);
        expect(await store.organizationHistory('contoso', 10)).toEqual({ items: [] });
        expect((await store.organizationHistory('fabrikam', 10)).items).toHaveLength(1);
      });

      test('of many who write one whatever there is, none is lost', async () => {
        await store.putOrganization(document('0'), undefined, time());
        await Promise.all(['1', '2', '3'].map((name) => store.putOrganization(document(name), '*', time(1))));
        const { items } = await store.organizationHistory('contoso', 10);
        const current = (await store.organization('contoso'))?.value.name;
        expect([...items.map(({ document: { name } }) => name), current].sort()).toEqual(['0', '1', '2', '3']);
      });
    });

    describe('runs', () => {
      test('one starts once, is found by its id, and becomes final once', async () => {
        const etag = await store.createRun(runOf());
        expect(etag).toEqual(expect.any(String));
        expect(await store.createRun(runOf({ trigger: 'request' }))).toBeUndefined();
        const running = await readRun(runId);
        expect(running).toEqual({ run: runOf(), etag, slices: [] });
        expect(await store.finishRun(running, 'finished', time(5))).toBe(true);
        expect(await store.finishRun(running, 'incomplete', time(6))).toBe(false);
        expect(await store.finishRun(await readRun(runId), 'incomplete', time(6))).toBe(false);
        const final = runOf({ state: 'finished', finishedAt: time(5) });
        expect((await store.run(runId))?.run).toEqual(final);
        expect(await store.runs(watch, 10)).toEqual([final]);
      });

      test('of two who finish one at the same time, one does', async () => {
        await store.createRun(runOf());
        const read = await readRun(runId);
        const done = await Promise.all([1, 2, 3, 4].map((minute) => store.finishRun(read, 'finished', time(minute))));
        expect(done.filter(Boolean)).toHaveLength(1);
      });

      test('are listed newest first, each watch its own', async () => {
        for (const hour of [2, 1, 3]) {
          await store.createRun(runOf({ runId: `contoso.dkim.${hour}`, startedAt: time(hour * 60) }));
        }
        await store.createRun(runOf({ ...otherWatch, runId: 'fabrikam.dkim.9', startedAt: time(9 * 60) }));
        const ids = async (limit: number) => (await store.runs(watch, limit)).map((run) => run.runId);
        expect(await ids(10)).toEqual(['contoso.dkim.3', 'contoso.dkim.2', 'contoso.dkim.1']);
        expect(await ids(1)).toEqual(['contoso.dkim.3']);
      });

      test('know the slices that were committed, and not those of a run whose id starts alike', async () => {
        const alike = `${runId}.1`;
        await store.createRun(runOf());
        await store.createRun(runOf({ runId: alike }));
        await store.commit(watch, [changeOf('b.contoso.com')], resultOf(1, 1));
        await store.commit(watch, [changeOf('a.contoso.com')], resultOf(0, 1));
        await store.commit(watch, [changeOf('c.contoso.com')], resultOf(0, 1, alike));
        expect((await store.run(runId))?.slices).toEqual([resultOf(0, 1), resultOf(1, 1)]);
        expect((await store.run(alike))?.slices).toEqual([resultOf(0, 1, alike)]);
      });

      test('an id of another shape is no run', async () => {
        for (const id of [
          '',
          'contoso',
          'contoso.dkim',
          'contoso.dkim.',
          'contoso.spf.1',
          '../x.dkim.1',
          'Contoso.dkim.1',
        ]) {
          expect(await store.run(id)).toBeUndefined();
        }
        await expect(store.createRun(runOf({ runId: 'fabrikam.dkim.1' }))).rejects.toThrow(
          '"fabrikam.dkim.1" is no id for a run of dkim of contoso; it has to start with "contoso.dkim."',
        );
      });
    });

    describe('states', () => {
      test('come back as they were, for every subject there can be', async () => {
        expect(await commit(...oddSubjects.map((subject) => changeOf(subject)))).toBe('committed');
        const states = await store.states(watch, oddSubjects);
        expect([...states.keys()].sort()).toEqual([...oddSubjects].sort());
        for (const subject of oddSubjects) expect(states.get(subject)?.value).toEqual(stateOf(subject));
      });

      test('are found between others, and not where there are none', async () => {
        const names = Array.from({ length: 60 }, (_, index) => `d${String(index).padStart(2, '0')}.contoso.com`);
        await commit(...names.map((subject) => changeOf(subject)));
        const wanted = ['a.contoso.com', 'd00.contoso.com', 'd30.contoso.com', 'd59.contoso.com', 'z.contoso.com'];
        const found = await store.states(watch, wanted);
        expect([...found.keys()]).toEqual(['d00.contoso.com', 'd30.contoso.com', 'd59.contoso.com']);
        expect((await store.states(watch, [])).size).toBe(0);
        expect((await store.states(watch, ['d30.contoso.com'])).size).toBe(1);
        expect((await store.states(otherWatch, wanted)).size).toBe(0);
      });

      test('are read slice by slice as they are when they are asked for again', async () => {
        const names = Array.from({ length: 6 }, (_, index) => `d${index}.contoso.com`);
        await commit(...names.map((subject) => changeOf(subject)));
        const reader = store.sliceReader(watch);
        const namesOf = async (...wanted: number[]) => [
          ...(await reader.states(wanted.map((index) => names[index] ?? 'none.contoso.com'))).keys(),
        ];
        expect(await namesOf(0, 1)).toEqual(names.slice(0, 2));
        const etag = await etagOf('d1.contoso.com');
        const rewritten = stateOf('d1.contoso.com', { run: 'contoso.dkim.later' });
        await commit(changeOf('d1.contoso.com', { expected: etag, state: rewritten }));
        expect(await Promise.all([namesOf(4, 5), namesOf(2, 99, 3)])).toEqual([names.slice(4), names.slice(2, 4)]);
        // Asked for a second time, it is read a second time.
        expect((await reader.states(['d1.contoso.com'])).get('d1.contoso.com')?.value).toEqual(rewritten);
        expect((await store.sliceReader(otherWatch).states(names)).size).toBe(0);
        expect((await reader.states([])).size).toBe(0);
      });

      test('of a small watch are read whole, with the facts about it', async () => {
        expect(await store.wholeWatch(watch)).toEqual({ states: [], facts: [] });
        await commit(changeOf('b.contoso.com'), changeOf('a.contoso.com'));
        await store.putFacts([factsOf(), factsOf({ ...otherWatch, content: 'other' })]);
        const found = await store.wholeWatch(watch);
        expect(found?.states.map(({ value }) => value)).toEqual([stateOf('a.contoso.com'), stateOf('b.contoso.com')]);
        expect(found?.states[0]?.etag).toBe(await etagOf('a.contoso.com'));
        expect(found?.facts).toEqual([factsOf()]);
      });

      test('are listed in order of subject, page by page; a removed one leaves its history', async () => {
        const names = Array.from({ length: 7 }, (_, index) => `d${index}.contoso.com`);
        await commit(...names.map((subject) => changeOf(subject)));
        const etag = await etagOf('d3.contoso.com');
        await commit(changeOf('d3.contoso.com', { expected: etag, superseded: stateOf('d3.contoso.com') }));
        const removed = stateOf('d3.contoso.com', { run: 'another' });
        await store.removeSubject(watch, removed, [noticeOf('d3.contoso.com')]);
        await store.removeSubject(watch, removed, [noticeOf('d3.contoso.com')]);
        expect(await store.pending(watch, 10)).toHaveLength(1);
        const listed = await allPages((continuation) => store.listStates(watch, 2, continuation));
        expect(listed.pages).toBe(3);
        expect(listed.items.map(({ run }) => run.subject)).toEqual(names.filter((name) => name !== 'd3.contoso.com'));
        expect((await store.history(watch, 'd3.contoso.com', 10)).items).toHaveLength(2);
      });
    });

    test('comparing subjects tells which have no state yet and which have one but are not watched', async () => {
      // Of the one a key can hold no more than a digest, and the other is written in another way there.
      const [long, spelt] = [`${'d'.repeat(400)}.contoso.com`, 'smtp-in/Node EX1'];
      await commit(...['a.contoso.com', 'b.contoso.com', long, spelt].map((subject) => changeOf(subject)));
      const { missing, others } = await store.compareSubjects(watch, ['b.contoso.com', 'c.contoso.com']);
      expect(missing).toEqual(['c.contoso.com']);
      expect(others).toEqual(['a.contoso.com', long, spelt]);
    });

    describe('history', () => {
      /** Commits states one after another; each but the last is superseded by the next. */
      async function live(subject: string, count: number) {
        let previous = stateOf(subject, { run: 'contoso.dkim.0', at: time(0) });
        await commit({ subject, state: previous, pending: [] });
        for (let index = 1; index < count; index += 1) {
          const state = stateOf(subject, { run: `contoso.dkim.${index}`, at: time(index) });
          const expected = await etagOf(subject);
          expect(await commit({ subject, state, expected, superseded: previous, pending: [] })).toBe('committed');
          previous = state;
        }
      }

      test('is newest first over many pages, without the current state and without other subjects', async () => {
        await live('contoso.com', 12);
        await live('contoso.co', 2);
        await live('contoso.com.br', 2);
        const { items, pages } = await allPages((continuation) => store.history(watch, 'contoso.com', 3, continuation));
        expect(pages).toBe(4);
        expect(items.map((state) => state.runId)).toEqual(
          Array.from({ length: 11 }, (_, index) => `contoso.dkim.${10 - index}`),
        );
      });

      test('goes on where it stopped when a newer state came in between', async () => {
        await live('contoso.com', 4);
        const first = await store.history(watch, 'contoso.com', 2);
        const state = stateOf('contoso.com', { run: 'contoso.dkim.9', at: time(9) });
        const { value: superseded, etag: expected } =
          (await store.states(watch, ['contoso.com'])).get('contoso.com') ?? {};
        await commit({ subject: 'contoso.com', state, expected, superseded, pending: [] });
        const rest = await store.history(watch, 'contoso.com', 2, first.continuation);
        expect([...first.items, ...rest.items].map((item) => item.runId)).toEqual(
          [2, 1, 0].map((index) => `contoso.dkim.${index}`),
        );
      });

      test('a continuation of another list is refused', async () => {
        await live('contoso.com', 4);
        const { continuation } = await store.history(watch, 'contoso.com', 1);
        expect(continuation).toEqual(expect.any(String));
        const refused = [
          store.history(watch, 'fabrikam.com', 1, continuation),
          store.history(otherWatch, 'contoso.com', 1, continuation),
          store.listStates(watch, 1, continuation),
          store.history(watch, 'contoso.com', 1, 'made up'),
          store.history(
            watch,
            'contoso.com',
            1,
            Buffer.from("contoso.dkim h_contoso.com_' or 1 eq 1").toString('base64url'),
          ),
        ];
        for (const attempt of refused) await expect(attempt).rejects.toThrow(InvalidContinuation);
      });
    });

    describe('commit', () => {
      test('of two who write a subject, one wins; the other reads again; nothing lost, nothing twice', async () => {
        await commit(changeOf('contoso.com'));
        const expected = await etagOf('contoso.com');
        const attempt = (number: number, etag: string | undefined) => {
          const run = `contoso.dkim.${number}`;
          return commit({
            subject: 'contoso.com',
            state: stateOf('contoso.com', { run, at: time(number) }),
            expected: etag,
            superseded: stateOf('contoso.com'),
            pending: [noticeOf('contoso.com', { run, at: time(number) })],
          });
        };
        const results = await Promise.all([attempt(1, expected), attempt(2, expected)]);
        expect([...results].sort()).toEqual(['committed', 'conflict']);
        expect(await noticesOf()).toHaveLength(1);
        const loser = results.indexOf('conflict') + 1;
        expect(await attempt(loser, await etagOf('contoso.com'))).toBe('committed');
        expect(await noticesOf()).toHaveLength(2);
        expect((await store.states(watch, ['contoso.com'])).get('contoso.com')?.value.runId).toBe(
          `contoso.dkim.${loser}`,
        );
      });

      test('a conflict in one subject writes nothing of its transaction', async () => {
        await commit(changeOf('b.contoso.com'));
        const changes = [
          changeOf('a.contoso.com', { pending: [noticeOf('a.contoso.com')] }),
          changeOf('b.contoso.com', { pending: [noticeOf('b.contoso.com')] }),
        ];
        expect(await store.commit(watch, changes, resultOf(0, 2))).toBe('conflict');
        expect([...(await store.states(watch, ['a.contoso.com', 'b.contoso.com'])).keys()]).toEqual(['b.contoso.com']);
        expect(await noticesOf()).toEqual([]);
        await store.createRun(runOf());
        expect((await store.run(runId))?.slices).toEqual([]);
      });

      test('a state that was removed meanwhile is a conflict too', async () => {
        await commit(changeOf('contoso.com'));
        const expected = await etagOf('contoso.com');
        await store.removeSubject(watch, stateOf('contoso.com'), []);
        expect(await commit(changeOf('contoso.com', { expected }))).toBe('conflict');
      });

      test('a slice that comes again changes nothing, and tells nothing again', async () => {
        const changes = [changeOf('contoso.com', { pending: [noticeOf('contoso.com')] })];
        expect(await store.commit(watch, changes, resultOf(0, 1))).toBe('committed');
        await store.settle(watch, await store.pending(watch, 10), { outcome: 'delivered', at: time() });
        const etag = await etagOf('contoso.com');
        expect(await store.commit(watch, changes, resultOf(0, 1))).toBe('committed');
        expect(await store.commit(watch, [{ ...changeOf('contoso.com'), expected: etag }], resultOf(0, 1))).toBe(
          'committed',
        );
        expect(await store.commit(watch, [], resultOf(0, 1))).toBe('committed');
        expect(await etagOf('contoso.com')).toBe(etag);
        expect(await noticesOf()).toEqual([]);
      });

      test('a slice done by two at once is done once', async () => {
        const changes = [changeOf('contoso.com', { pending: [noticeOf('contoso.com')] })];
        const both = await Promise.all([1, 2].map(() => store.commit(watch, changes, resultOf(0, 1))));
        expect(both).toEqual(['committed', 'committed']);
        expect(await noticesOf()).toEqual(['contoso.com mail-team']);
      });

      test('a slice of no subjects has its result', async () => {
        await store.createRun(runOf());
        expect(await store.commit(watch, [], resultOf(0, 0))).toBe('committed');
        expect((await store.run(runId))?.slices).toEqual([resultOf(0, 0)]);
      });

      test('a run of one slice ends in the transaction of its result, once, and not over the head of others', async () => {
        const names = Array.from({ length: 100 }, (_, index) => `d${String(index).padStart(3, '0')}.contoso.com`);
        const changes = names.map((name) => changeOf(name));
        const etag = (await store.createRun(runOf({ slices: 1 }))) ?? '';
        const run = runOf({ slices: 1, state: 'finished', finishedAt: time(5) });
        expect(await store.commit(watch, changes, resultOf(0, 100), { run, etag })).toBe('ended');
        expect(await readRun(runId)).toMatchObject({ run, slices: [resultOf(0, 100)] });
        expect(await store.runs(watch, 10)).toEqual([run]);
        expect((await store.states(watch, names)).size).toBe(100);
        expect(await store.commit(watch, changes, resultOf(0, 100), { run, etag })).toBe('committed');
        expect(await store.commit(watch, [], resultOf(0, 100), { run, etag })).toBe('committed');

        const late = { runId: 'contoso.dkim.late', slices: 1 };
        const lateEtag = (await store.createRun(runOf(late))) ?? '';
        await store.finishRun(await readRun(late.runId), 'incomplete', time(40));
        const end = { run: { ...runOf(late), state: 'finished', finishedAt: time(41) } as const, etag: lateEtag };
        const change = changeOf('late.contoso.com');
        expect(await store.commit(watch, [change], resultOf(0, 1, late.runId), end)).toBe('committed');
        expect(await readRun(late.runId)).toMatchObject({
          run: { state: 'incomplete' },
          slices: [resultOf(0, 1, late.runId)],
        });
      });

      test('a slice cut short between its transactions is taken up without telling anything twice', async () => {
        const names = Array.from({ length: 120 }, (_, index) => `d${String(index).padStart(3, '0')}.contoso.com`);
        const last = names.at(-1) ?? '';
        const changes = names.map((name) => changeOf(name, { pending: [noticeOf(name)] }));
        // Somebody else's state makes the last transaction fail, as a crash before it would.
        await commit(changeOf(last, { state: stateOf(last, { run: 'contoso.dkim.other' }) }));
        expect(await store.commit(watch, changes, resultOf(0, 120))).toBe('conflict');
        const told = (await store.pending(watch, 1000)).length;
        expect(told).toBeGreaterThan(0);
        expect(told).toBeLessThan(120);
        await store.settle(watch, await store.pending(watch, 1000), { outcome: 'delivered', at: time() });

        const read = await store.states(watch, names);
        const again = changes.map((change) => ({ ...change, expected: read.get(change.subject)?.etag }));
        expect(await store.commit(watch, again, resultOf(0, 120))).toBe('committed');
        expect((await store.pending(watch, 1000)).length).toBe(120 - told);
        expect((await store.states(watch, names)).size).toBe(120);
        await store.createRun(runOf());
        expect((await store.run(runId))?.slices).toEqual([resultOf(0, 120)]);
      });

      test('a state of more than 64 KiB comes back whole; one that no row holds is refused by name', async () => {
        const large = stateOf('contoso.com', { message: incompressible(400_000) });
        expect(await commit({ subject: 'contoso.com', state: large, pending: [] })).toBe('committed');
        expect((await store.states(watch, ['contoso.com'])).get('contoso.com')?.value).toEqual(large);

        const tooLarge = stateOf('fabrikam.com', { message: incompressible(1_200_000) });
        const attempt = commit(changeOf('contoso.co'), { subject: 'fabrikam.com', state: tooLarge, pending: [] });
        await expect(attempt).rejects.toThrow(RowTooLarge);
        await expect(attempt).rejects.toThrow(
          /^The state of fabrikam\.com cannot be stored: it takes \d+ bytes compressed, and a row holds 900000$/,
        );
        expect((await store.states(watch, ['contoso.co', 'fabrikam.com'])).size).toBe(0);
      });

      test('a state that grew and shrank is what was written last', async () => {
        for (const length of [10, 200_000, 10_000, 10]) {
          const state = stateOf('contoso.com', { message: incompressible(length) });
          await commit({ subject: 'contoso.com', state, expected: await etagOf('contoso.com'), pending: [] });
          expect((await store.states(watch, ['contoso.com'])).get('contoso.com')?.value).toEqual(state);
        }
      });

      test('large states are spread over transactions', async () => {
        // A transaction holds four.
        const changes = Array.from({ length: 6 }, (_, index) => {
          const subject = `d${index}.contoso.com`;
          return { subject, state: stateOf(subject, { message: incompressible(700_000) }), pending: [] };
        });
        expect(await store.commit(watch, changes, resultOf(0, 6))).toBe('committed');
        expect(
          (
            await store.states(
              watch,
              changes.map(({ subject }) => subject),
            )
          ).size,
        ).toBe(6);
      });

      test('more channels than a transaction holds are refused, and nothing is written', async () => {
        const pending = Array.from({ length: 99 }, (_, index) => noticeOf('contoso.com', { channel: `c${index}` }));
        await expect(commit(changeOf('contoso.com', { pending }))).rejects.toThrow(
          'What changed about contoso.com cannot be stored: it is 100 rows, and a transaction holds 99. Give the evaluation fewer channels.',
        );
        expect(await commit(changeOf('contoso.com', { pending: pending.slice(1) }))).toBe('committed');
        expect(await noticesOf()).toHaveLength(98);
      });
    });

    describe('outbox', () => {
      test('waits oldest first, and a delivered notice is gone', async () => {
        for (const minute of [2, 1, 3]) {
          const subject = `d${minute}.contoso.com`;
          await commit(changeOf(subject, { pending: [noticeOf(subject, { at: time(minute) })] }));
        }
        expect(await noticesOf()).toEqual([1, 2, 3].map((minute) => `d${minute}.contoso.com mail-team`));
        const [first] = await store.pending(watch, 1);
        expect(first?.notice).toEqual(noticeOf('d1.contoso.com', { at: time(1) }));
        await store.settle(watch, first ? [first] : [], { outcome: 'delivered', at: time(9) });
        expect(await noticesOf()).toEqual([2, 3].map((minute) => `d${minute}.contoso.com mail-team`));
        expect(await store.pending(otherWatch, 10)).toEqual([]);
        expect(await store.pending(watch, 0)).toEqual([]);
      });

      test('a notice that is put off counts its attempts, and hides no other', async () => {
        await commit(
          changeOf('a.contoso.com', { pending: [noticeOf('a.contoso.com', { channel: 'dead' })] }),
          changeOf('b.contoso.com', { pending: [noticeOf('b.contoso.com', { at: time(1) })] }),
        );
        const dead = async () => (await store.pending(watch, 10)).filter(({ notice }) => notice.channel === 'dead');
        await store.settle(watch, await dead(), { outcome: 'retry', notBefore: time(5) });
        await store.settle(watch, await dead(), { outcome: 'retry', notBefore: time(15) });
        expect(await dead()).toMatchObject([{ attempts: 2, notBefore: time(15) }]);
        const due = async (at: string) => (await store.pending(watch, 1, at)).map(({ notice }) => notice.channel);
        expect(await due(time(10))).toEqual(['mail-team']);
        expect(await due(time(15))).toEqual(['dead']);
      });

      test('what was refused goes back as if it had never been tried, once, also when two ask for it', async () => {
        const names = Array.from({ length: 120 }, (_, index) => `d${index}.contoso.com`);
        for (const some of [names.slice(0, 60), names.slice(60)])
          await commit(...some.map((name) => changeOf(name, { pending: [noticeOf(name)] })));
        await store.settle(watch, await store.pending(watch, 1000), { outcome: 'retry', notBefore: time(5) });
        const [waiting, ...refused] = await store.pending(watch, 1000);
        await store.settle(watch, refused, { outcome: 'rejected', at: time(6), reason: 'HTTP 401' });
        const requeued = await Promise.all([1, 2].map(() => store.requeueRejected(watch)));
        expect(requeued.reduce((sum, count) => sum + count, 0)).toBe(119);
        expect(await store.rejected(watch, 10)).toEqual([]);
        const again = await store.pending(watch, 1000);
        expect(again.find(({ id }) => id === waiting?.id)).toEqual(waiting);
        const untried = again.filter(({ id }) => id !== waiting?.id);
        expect(untried.map(({ notice }) => notice)).toEqual(refused.map(({ notice }) => notice));
        expect(untried.every(({ attempts, notBefore }) => attempts === 0 && notBefore === undefined)).toBe(true);
        expect(await store.requeueRejected(watch)).toBe(0);
      });

      test('of two who claim the same notices at once, each has those that the other has not', async () => {
        const names = Array.from({ length: 120 }, (_, index) => `d${index}.contoso.com`);
        await commit(...names.map((name) => changeOf(name, { pending: [noticeOf(name)] })));
        const rows = await store.pending(watch, 1000);
        const claimed = await Promise.all(
          [rows.slice(0, 80), rows.slice(40)].map((part) => store.claim(watch, part, time(5))),
        );
        expect(
          claimed
            .flat()
            .map(({ id }) => id)
            .sort(),
        ).toEqual(rows.map(({ id }) => id).sort());
        expect(await store.claim(watch, rows, time(9))).toEqual([]);
        expect(await store.pending(watch, 1000, time(4))).toEqual([]);
        const again = await store.pending(watch, 1000, time(5));
        expect(again).toHaveLength(120);
        expect(new Set(again.map(({ attempts }) => attempts))).toEqual(new Set([1]));
        await store.settle(watch, claimed.flat(), { outcome: 'delivered', at: time(1) });
        expect(await store.claim(watch, again, time(9))).toEqual([]);
        expect(await noticesOf()).toEqual([]);
      });

      test('a refused notice is kept apart with the reason, newest first', async () => {
        await commit(
          changeOf('a.contoso.com', { pending: [noticeOf('a.contoso.com')] }),
          changeOf('b.contoso.com', { pending: [noticeOf('b.contoso.com', { at: time(1) })] }),
        );
        for (const [index, row] of (await store.pending(watch, 10)).entries()) {
          await store.settle(watch, [row], { outcome: 'rejected', at: time(10 + index), reason: 'HTTP 400' });
        }
        expect(await noticesOf()).toEqual([]);
        expect(await store.rejected(watch, 10)).toMatchObject([
          { notice: { subject: 'b.contoso.com' }, attempts: 1, reason: 'HTTP 400', at: time(11) },
          { notice: { subject: 'a.contoso.com' }, attempts: 1, reason: 'HTTP 400', at: time(10) },
        ]);
        expect(await store.rejected(watch, 1)).toHaveLength(1);
      });

      test('what somebody else settled stays settled, and the rest is settled all the same', async () => {
        const names = Array.from({ length: 130 }, (_, index) => `d${index}.contoso.com`);
        await commit(...names.map((name) => changeOf(name, { pending: [noticeOf(name)] })));
        const rows = await store.pending(watch, 1000);
        expect(rows).toHaveLength(130);
        const one = rows.slice(5, 6);
        await store.settle(watch, one, { outcome: 'delivered', at: time() });
        await store.settle(watch, one, { outcome: 'retry', notBefore: time(5) });
        await store.settle(watch, one, { outcome: 'rejected', at: time(), reason: 'late' });
        expect(await store.rejected(watch, 10)).toEqual([]);
        expect(await store.pending(watch, 1000)).toHaveLength(129);
        await store.settle(watch, rows, { outcome: 'delivered', at: time() });
        expect(await noticesOf()).toEqual([]);
      });
    });

    test('of each channel the last delivery is remembered, for each watch by itself', async () => {
      expect(await store.lastDeliveries(watch)).toEqual([]);
      const delivery = (channel: string, at: string) => ({ channel, runId, at });
      await store.noteDelivery(watch, delivery('ops', time(1)));
      await store.noteDelivery(watch, delivery('mail-team', time(1)));
      await store.noteDelivery(watch, delivery('mail-team', time(2)));
      await store.noteDelivery(otherWatch, delivery('mail-team', time(3)));
      expect(await store.lastDeliveries(watch)).toEqual([delivery('mail-team', time(2)), delivery('ops', time(1))]);
    });

    test('what a watch came to is kept as it was last counted, for each watch by itself', async () => {
      expect(await store.summary(watch)).toBeUndefined();
      const summary = (at: string, no: number) => ({
        runId,
        at,
        factsFrom: time(1),
        counts: {
          subjects: 3,
          answers: { 'verifiable-now': { yes: 3 - no, no } },
          worst: { yes: 3 - no, no },
          open: { critical: { microsoft: no } },
          advice: 0,
          unknown: 1,
          accepted: 1,
          silenced: 2,
        },
      });
      await store.putSummary(watch, summary(time(1), 1));
      await store.putSummary(otherWatch, summary(time(2), 3));
      await store.putSummary(watch, summary(time(3), 2));
      expect(await store.summary(watch)).toEqual(summary(time(3), 2));
      expect([...(await store.summaries(watch.evaluation))]).toEqual([
        [watch.organization, summary(time(3), 2)],
        [otherWatch.organization, summary(time(2), 3)],
      ]);
      const read = async () => store.summariesOf(otherWatch.evaluation, ['nobody', otherWatch.organization]);
      const [[organization, { value, etag }]] = [...(await read())] as [[string, { value: object; etag: string }]];
      expect([organization, value]).toEqual([otherWatch.organization, summary(time(2), 3)]);
      // Of several that are kept together one was written by somebody else, one was not there: the others are kept.
      const put = (id: string, expected?: string) => ({ organization: id, summary: summary(time(4), 0), expected });
      const all = [put('adatum'), put(watch.organization, etag), put(otherWatch.organization, etag)];
      const kept = await store.putSummaries(watch.evaluation, all);
      expect([...kept].sort()).toEqual(['adatum', otherWatch.organization]);
      expect(await store.summary(watch)).toEqual(summary(time(3), 2));
      expect(await store.summary(otherWatch)).toEqual(summary(time(4), 0));
      expect(await store.putSummaries(watch.evaluation, [put('adatum')])).toEqual(new Set());
      const now = (await read()).get(otherWatch.organization)?.etag;
      expect((await store.putSummaries(watch.evaluation, [put(otherWatch.organization, now)])).size).toBe(1);
      await store.purge(watch);
      expect([await store.summary(watch), await store.summary(otherWatch)]).toEqual([undefined, summary(time(4), 0)]);
    });

    test('what is remembered of a watch is written by one at a time, with what it tells', async () => {
      expect(await store.watchMemory(watch)).toBeUndefined();
      const memory = (message: string): WatchMemory => ({
        blind: { 'no-run': { since: time(), wideLooks: 1, told: ['*'], message, remedy: 'Look.' } },
        digests: { 'mail-team': { at: time(), open: 3 } },
      });
      const notice = noticeOf('*no-run');
      expect(await store.putWatchMemory(watch, memory('first'), undefined, [notice])).toBe(true);
      expect(await store.putWatchMemory(watch, memory('late'), undefined, [noticeOf('*late')])).toBe(false);
      const read = await store.watchMemory(watch);
      expect(read?.value).toEqual(memory('first'));
      expect((await store.pending(watch, 10)).map((row) => row.notice.subject)).toEqual(['*no-run']);
      expect(await store.putWatchMemory(watch, memory('second'), read?.etag, [])).toBe(true);
      expect(await store.putWatchMemory(watch, memory('third'), read?.etag, [])).toBe(false);
      expect((await store.watchMemory(watch))?.value).toEqual(memory('second'));
      expect(await store.watchMemory(otherWatch)).toBeUndefined();
    });

    test('what people said is kept for each organization by itself, and goes with it', async () => {
      const silence = (id: string, changes: object = {}): Statement =>
        statement.parse({
          kind: 'silence',
          id,
          at: time(),
          by: 'Adele',
          reason: 'Move.',
          from: time(),
          until: time(60),
          match: { subject: '*' },
          ...changes,
        });
      await store.putStatement('contoso', silence('silence-2'));
      await store.putStatement('contoso', silence('silence-1'));
      await store.putStatement('contoso2', silence('silence-3'));
      await store.putStatement('contoso', silence('silence-2', { endedAt: time(5), endedFor: 'done' }));
      expect(await store.statements('contoso')).toEqual([
        silence('silence-1'),
        silence('silence-2', { endedAt: time(5), endedFor: 'done' }),
      ]);
      expect(await store.organizations()).toEqual([]);
      expect(await store.pruneOrganization('contoso', time(60), 10)).toBe(0);
      expect(await store.pruneOrganization('contoso', time(61), 1)).toBe(1);
      await store.deleteOrganization('contoso');
      expect(await store.statements('contoso')).toEqual([]);
      expect(await store.statements('contoso2')).toEqual([silence('silence-3')]);
      await store.putStatement('fabrikam', silence('silence-4'));
      expect(await store.statementsOf([])).toEqual(new Map());
      await store.putStatement('contoso', silence('silence-5'));
      const found = await store.statementsOf(['fabrikam', 'contoso', 'contoso2', 'adatum']);
      expect([...found].map(([id, said]) => [id, ...said.map((one) => one.id)]).sort()).toEqual([
        ['adatum'],
        ['contoso', 'silence-5'],
        ['contoso2', 'silence-3'],
        ['fabrikam', 'silence-4'],
      ]);
      expect([...(await store.statementsOf(['fabrikam', 'contoso'])).keys()].sort()).toEqual(['contoso', 'fabrikam']);
    });

    describe('supplied facts', () => {
      const known = async (...subjects: string[]) =>
        (await store.facts(watch, subjects)).map(({ subject, content }) => `${subject} ${JSON.stringify(content)}`);

      test('of one subject and name the newest is kept, whatever comes last', async () => {
        await store.putFacts([factsOf({ observedAt: time(2), content: 'newer' })]);
        await store.putFacts([factsOf({ observedAt: time(1), content: 'older' })]);
        await store.putFacts([
          factsOf({ name: 'twice', observedAt: time(4), content: 'second' }),
          factsOf({ name: 'twice', observedAt: time(3), content: 'first' }),
        ]);
        expect(await known('contoso.com')).toEqual(['contoso.com "newer"', 'contoso.com "second"']);
        await store.putFacts([factsOf({ observedAt: time(2), content: 'as new' })]);
        expect(await known('contoso.com')).toEqual(['contoso.com "as new"', 'contoso.com "second"']);
        // Who thought that nothing was there was wrong.
        const others = [factsOf({ observedAt: time(1), content: 'older' }), factsOf({ name: 'third', content: 'new' })];
        await store.putFacts(others, true);
        expect(await known('contoso.com')).toEqual([
          'contoso.com "as new"',
          'contoso.com "new"',
          'contoso.com "second"',
        ]);
        await store.putFacts([]);
      });

      test('come back for the subjects asked for, each watch its own, and for odd subjects too', async () => {
        const subjects = [...oddSubjects, 'contoso.co', 'contoso.com.br', 'contoso-com'];
        const rows = subjects.flatMap((subject) =>
          ['one', 'two'].map((name) => factsOf({ subject, name, content: name })),
        );
        await store.putFacts([...rows, factsOf({ ...otherWatch, content: 'other' })]);
        expect((await store.facts(watch, subjects)).map(({ subject }) => subject).sort()).toEqual(
          [...subjects, ...subjects].sort(),
        );
        expect(await known('contoso.com', 'contoso.com.br', 'fabrikam.com')).toEqual([
          'contoso.com.br "one"',
          'contoso.com.br "two"',
          'contoso.com "one"',
          'contoso.com "two"',
        ]);
        expect(await known()).toEqual([]);
        const reader = store.sliceReader(watch);
        for (const subject of subjects.toSorted()) {
          const contents = (await reader.facts([subject])).map((facts) => [facts.subject, facts.content]);
          expect(contents).toEqual([
            [subject, 'one'],
            [subject, 'two'],
          ]);
        }
        expect(await store.facts(watch)).toHaveLength(2 * subjects.length);
        expect((await store.subjectsWithFacts(watch)).toSorted()).toEqual(subjects.toSorted());
        expect(await store.facts(otherWatch, ['contoso.com'])).toEqual([factsOf({ ...otherWatch, content: 'other' })]);
      });

      test('of more subjects than a transaction holds are kept and found', async () => {
        const subjects = Array.from({ length: 250 }, (_, index) => `d${index}.contoso.com`);
        await store.putFacts(subjects.map((subject) => factsOf({ subject, content: incompressible(3_000) })));
        expect((await store.facts(watch, subjects)).map(({ subject }) => subject).sort()).toEqual(subjects.toSorted());
        expect(await store.facts(watch, ['d7.contoso.com', 'd77.contoso.com', 'd99.contoso.com'])).toHaveLength(3);
      });

      test('of two who write the same at once, the newer stays', async () => {
        await Promise.all(
          [1, 3, 2].map((minute) => store.putFacts([factsOf({ observedAt: time(minute), content: minute })])),
        );
        expect(await known('contoso.com')).toEqual(['contoso.com 3']);
      });
    });

    describe('what is at hand', () => {
      const atHand = async () =>
        (await store.atHand()).map(({ organization, evaluation, kind }) => `${kind} ${organization}.${evaluation}`);
      const clear = async () => store.doneAtHand((await store.atHand()).map(({ id }) => id));

      test('is a run from before it begins until it has ended, by itself or with its only slice', async () => {
        expect(await atHand()).toEqual([]);
        const alike = { runId: 'contoso.dkim.slice', slices: 1 };
        await store.createRun(runOf());
        const etag = (await store.createRun(runOf(alike))) ?? '';
        await store.createRun(runOf({ ...otherWatch, runId: 'fabrikam.dkim.9' }));
        expect(await atHand()).toEqual(['run contoso.dkim', 'run contoso.dkim', 'run fabrikam.dkim']);
        await store.commit(watch, [], resultOf(0, 0));
        expect(await atHand()).toHaveLength(3);
        await store.finishRun(await readRun(runId), 'finished', time(5));
        expect(await atHand()).toEqual(['run contoso.dkim', 'run fabrikam.dkim']);
        const run = { ...runOf(alike), state: 'finished', finishedAt: time(5) } as const;
        expect(await store.commit(watch, [], resultOf(0, 0, alike.runId), { run, etag })).toBe('ended');
        await store.forgetRuns([run]);
        expect(await atHand()).toEqual(['run fabrikam.dkim']);
      });

      test('is each of several runs that are about to begin, written together, and once', async () => {
        const runs = [runOf({ slices: 1 }), runOf({ ...otherWatch, runId: 'fabrikam.dkim.9', slices: 1 })];
        const noted = await store.noteRuns(runs);
        expect(await atHand()).toEqual(['run contoso.dkim', 'run fabrikam.dkim']);
        await clear();
        expect(await store.createRun(runOf({ slices: 1 }), noted)).toBeDefined();
        expect(await atHand()).toEqual([]);
        // One that turns out to be larger than was said is noted as what it is.
        expect(await store.createRun(runOf({ ...otherWatch, runId: 'fabrikam.dkim.9' }), noted)).toBeDefined();
        expect((await store.atHand()).map(({ run }) => run?.slices)).toEqual([runOf().slices]);
      });

      test('is noted before anything can wait: by a slice, a watch, a subject that goes, and what is put back', async () => {
        await commit(changeOf('a.contoso.com'));
        expect(await atHand()).toEqual([]);
        await commit(changeOf('contoso.com', { pending: [noticeOf('contoso.com')] }));
        expect(await atHand()).toEqual(['notice contoso.dkim']);
        await clear();
        await store.removeSubject(watch, stateOf('a.contoso.com'), [noticeOf('a.contoso.com')]);
        expect(await atHand()).toEqual(['notice contoso.dkim']);
        await clear();
        await store.settle(watch, await store.pending(watch, 10), {
          outcome: 'rejected',
          at: time(),
          reason: 'HTTP 400',
        });
        expect(await atHand()).toEqual(['open contoso.dkim']);
        await clear();
        await store.requeueRejected(watch);
        expect(await atHand()).toEqual(['notice contoso.dkim']);
        await clear();
        const blind = { since: time(), wideLooks: 1, told: [], message: 'Nobody has looked.', remedy: 'Look.' };
        await store.putWatchMemory(watch, { digests: {}, blind: { 'no-run': blind } }, undefined, [noticeOf('*')]);
        expect((await atHand()).sort()).toEqual(['notice contoso.dkim', 'open contoso.dkim']);
      });

      test('is noted though the work that it is about is cut short, and goes with its watch', async () => {
        await commit(changeOf('contoso.com'));
        expect(await commit(changeOf('contoso.com', { pending: [noticeOf('contoso.com')] }))).toBe('conflict');
        expect(await atHand()).toEqual(['notice contoso.dkim']);
        await store.noteAtHand({ organization: 'contoso-2', evaluation: 'dkim' }, 'open');
        await store.purge(watch);
        expect(await atHand()).toEqual(['open contoso-2.dkim']);
      });

      test('of more watches than a transaction holds is read and done; when all were looked through is kept', async () => {
        for (let index = 0; index < 120; index += 1)
          await store.noteAtHand({ organization: `contoso-${index}`, evaluation: 'dkim' }, 'notice');
        expect(await atHand()).toHaveLength(120);
        expect(await store.lookedThrough()).toBeUndefined();
        await store.keepLookedThrough(time(1));
        await store.keepLookedThrough(time(2));
        expect(await store.lookedThrough()).toBe(time(2));
        expect(await atHand()).toHaveLength(120);
        await clear();
        expect(await atHand()).toEqual([]);
        expect(await store.lookedThrough()).toBe(time(2));
      });
    });

    test('prune deletes what is old and final, no more than the limit, and says how much', async () => {
      const old = (subject: string) => stateOf(subject, { run: 'contoso.dkim.old', at: time(-600) });
      await store.createRun(runOf({ runId: 'contoso.dkim.old', startedAt: time(-600) }));
      await store.createRun(runOf({ runId: 'contoso.dkim.stuck', startedAt: time(-600) }));
      await store.createRun(runOf());
      const subjects = ['a.contoso.com', 'b.contoso.com'];
      await store.commit(
        watch,
        subjects.map((subject) => changeOf(subject, { state: old(subject), pending: [noticeOf(subject)] })),
        resultOf(0, 2, 'contoso.dkim.old'),
      );
      const [rejected, waiting] = await store.pending(watch, 10);
      await store.settle(watch, rejected ? [rejected] : [], {
        outcome: 'rejected',
        at: time(-500),
        reason: 'HTTP 400',
      });
      await store.finishRun(await readRun('contoso.dkim.old'), 'finished', time(-590));
      const read = await store.states(watch, subjects);
      const changes = subjects.map((subject) =>
        changeOf(subject, { expected: read.get(subject)?.etag, superseded: old(subject) }),
      );
      expect(await store.commit(watch, changes, resultOf(0, 2))).toBe('committed');
      await store.putFacts([factsOf({ name: 'old', expiresAt: time(-400) }), factsOf()]);

      expect(await store.prune(watch, time(-700), 100)).toBe(0);
      expect(await store.prune(watch, time(-60), 1)).toBe(1);
      let deleted = 1;
      for (let count = 1; count > 0; deleted += count) count = await store.prune(watch, time(-60), 100);
      // Two of the history, one notice, the run with its index and its slice, one supplied fact.
      expect(deleted).toBe(7);
      expect((await store.history(watch, 'a.contoso.com', 10)).items).toEqual([]);
      expect(await store.rejected(watch, 10)).toEqual([]);
      expect(await store.pending(watch, 10)).toEqual([waiting]);
      expect((await store.runs(watch, 10)).map((run) => run.runId)).toEqual([runId, 'contoso.dkim.stuck']);
      expect(await store.run('contoso.dkim.old')).toBeUndefined();
      expect((await store.run(runId))?.slices).toHaveLength(1);
      expect((await store.states(watch, subjects)).size).toBe(2);
      expect(await store.facts(watch, ['contoso.com'])).toEqual([factsOf()]);
    });

    test('history of all subjects is listed in order of subject, newest first, and only of this watch', async () => {
      for (const subject of ['b.contoso.com', 'a.contoso.com']) {
        await store.restore(watch, {
          states: [],
          history: [1, 3, 2].map((minute) => stateOf(subject, { run: `contoso.dkim.${minute}`, at: time(minute) })),
        });
      }
      await store.restore(otherWatch, { states: [], history: [stateOf('fabrikam.com')] });
      const { items, pages } = await allPages((continuation) => store.listHistory(watch, 4, continuation));
      expect(items.map(({ run }) => `${run.subject} ${run.at}`)).toEqual(
        ['a.contoso.com', 'b.contoso.com'].flatMap((subject) =>
          [3, 2, 1].map((minute) => `${subject} ${time(minute)}`),
        ),
      );
      expect(pages).toBe(2);
      const elsewhere = (await store.listHistory(watch, 4)).continuation;
      await expect(store.listHistory(otherWatch, 4, elsewhere)).rejects.toThrow(InvalidContinuation);
    });

    test('restore writes what was read, over what is there, as often as it is called', async () => {
      await commit(changeOf('a.contoso.com', { state: stateOf('a.contoso.com', { message: 'Wrong.' }) }));
      const states = Array.from({ length: 120 }, (_, n) => stateOf(`${n}.contoso.com`)).concat(
        stateOf('a.contoso.com'),
      );
      const history = [stateOf('a.contoso.com', { run: 'contoso.dkim.old', at: time(-60) })];
      const facts = [factsOf({ observedAt: time(2), content: 'as it was' })];
      await store.putFacts([factsOf({ observedAt: time(3), content: 'later' })]);
      await store.restore(watch, { states, history, facts });
      await store.restore(watch, { states, history, facts });
      expect(await store.facts(watch)).toEqual(facts);
      expect((await allPages((continuation) => store.listStates(watch, 100, continuation))).items).toHaveLength(121);
      expect((await store.states(watch, ['a.contoso.com'])).get('a.contoso.com')?.value).toEqual(
        stateOf('a.contoso.com'),
      );
      expect((await store.history(watch, 'a.contoso.com', 10)).items).toEqual(history);
      expect(await store.pending(watch, 10)).toEqual([]);
    });

    test('purge deletes everything of one watch, however much, and nothing of another', async () => {
      const states = Array.from({ length: 1_100 }, (_, n) => stateOf(`${n}.contoso.com`));
      await store.restore(watch, { states, history: [stateOf('a.contoso.com')] });
      await store.createRun(runOf());
      await commit(changeOf('a.contoso.com', { pending: [noticeOf('a.contoso.com')] }));
      await store.putFacts([factsOf()]);
      await store.restore(otherWatch, { states: [stateOf('fabrikam.com')], history: [] });
      // 1,101 states, one of the history, a run and its index, a notice, a supplied fact.
      expect(await store.purge(watch)).toBe(1_106);
      expect((await store.listStates(watch, 10)).items).toEqual([]);
      expect((await store.listHistory(watch, 10)).items).toEqual([]);
      expect(await store.runs(watch, 10)).toEqual([]);
      expect(await store.pending(watch, 10)).toEqual([]);
      expect(await store.facts(watch)).toEqual([]);
      expect((await store.listStates(otherWatch, 10)).items).toHaveLength(1);
      expect(await store.purge(watch)).toBe(0);
    });

    describe('access', () => {
      const given = (organization: string, id: string, role: 'reader' | 'operator' = 'reader') => ({
        organization,
        kind: 'group' as const,
        id,
        role,
        by: 'Ada',
        at: time(),
      });
      const [one, two] = ['99999999-0000-0000-0000-000000000001', '99999999-0000-0000-0000-000000000002'] as const;

      test('a role takes the place of the one before, and goes', async () => {
        await store.putGrant(given('contoso', one));
        await store.putGrant(given('contoso', one, 'operator'));
        await store.putGrant(given('contoso', two));
        await store.putGrant(given('contoso-2', one));
        expect(await store.grants('contoso')).toEqual([given('contoso', one, 'operator'), given('contoso', two)]);
        expect(await store.grants()).toHaveLength(3);
        expect(await store.deleteGrant(given('contoso', one))).toBe(true);
        expect(await store.deleteGrant(given('contoso', one))).toBe(false);
        expect(await store.grants('contoso')).toEqual([given('contoso', two)]);
      });

      const keyOf = (id: string, organization: string) => ({
        id,
        organization,
        name: 'EX1',
        role: 'collector' as const,
        by: 'Ada',
        at: time(),
        expiresAt: time(60),
        hash: 'ab'.repeat(32),
      });

      test('a key is made once, found by its id in every case of letters, and changed by whoever read it', async () => {
        expect(await store.putKey(keyOf('aB3', 'contoso'), undefined)).toBe(true);
        expect(await store.putKey(keyOf('aB3', 'fabrikam'), undefined)).toBe(false);
        expect(await store.putKey(keyOf('Ab3', 'fabrikam'), undefined)).toBe(true);
        const read = await store.key('aB3');
        expect(read?.value).toEqual(keyOf('aB3', 'contoso'));
        const ended = { ...keyOf('aB3', 'contoso'), endedAt: time(1) };
        expect(await store.putKey(ended, read?.etag)).toBe(true);
        expect(await store.putKey(ended, read?.etag)).toBe(false);
        expect(await store.keys('contoso')).toEqual([ended]);
        expect(await store.keys()).toHaveLength(2);
        expect(await store.key('ab3')).toBeUndefined();
      });

      test('what gives access to an organization goes with it, and nothing of another', async () => {
        await store.putGrant(given('contoso', one));
        await store.putGrant(given('contoso-2', one));
        await store.putKey(keyOf('a', 'contoso'), undefined);
        await store.putKey(keyOf('b', 'contoso-2'), undefined);
        expect(await store.deleteAccess('contoso')).toBe(2);
        expect([await store.grants('contoso'), await store.keys('contoso')]).toEqual([[], []]);
        expect([await store.grants(), await store.keys()].map(({ length }) => length)).toEqual([1, 1]);
        expect(await store.deleteAccess('contoso')).toBe(0);
      });
    });

    describe('the audit', () => {
      const entry = (minute: number, organization?: string) => ({
        at: time(minute),
        by: { kind: 'person' as const, id: 'a', name: 'Ada' },
        via: 'token' as const,
        action: 'document.write',
        ...(organization === undefined ? {} : { organization }),
      });

      test('is read newest first, page by page, of one organization or of all', async () => {
        for (const minute of [1, 2, 3]) await store.putAudit(entry(minute, 'contoso'));
        await store.putAudit(entry(4, 'fabrikam'));
        await store.putAudit(entry(5));
        const { items, pages } = await allPages((continuation) => store.audit('contoso', 2, continuation));
        expect(items).toEqual([entry(3, 'contoso'), entry(2, 'contoso'), entry(1, 'contoso')]);
        expect(pages).toBe(2);
        expect((await store.audit(undefined, 10)).items.map(({ at }) => at)).toEqual([5, 4, 3, 2, 1].map(time));
        const { continuation } = await store.audit('contoso', 2);
        await expect(store.audit('fabrikam', 2, continuation)).rejects.toThrow(InvalidContinuation);
        await expect(store.audit(undefined, 2, continuation)).rejects.toThrow(InvalidContinuation);
      });

      test('what one process writes within a millisecond keeps its order', async () => {
        const actions = Array.from({ length: 20 }, (_, n) => `a.${n}`);
        for (const action of actions) await store.putAudit({ ...entry(1, 'contoso'), action });
        expect((await store.audit('contoso', 20)).items.map(({ action }) => action)).toEqual(actions.toReversed());
      });

      test('what is old goes, of every list, also of an organization that is deleted', async () => {
        for (const minute of [1, 2, 3]) await store.putAudit(entry(minute, 'contoso'));
        await store.putAudit(entry(1));
        expect(await store.pruneAudit(time(3), 2)).toBe(2);
        expect(await store.pruneAudit(time(3), 10)).toBe(1);
        expect((await store.audit('contoso', 10)).items).toEqual([entry(3, 'contoso')]);
        expect((await store.audit(undefined, 10)).items).toEqual([entry(3, 'contoso')]);
      });
    });

    test('how all was is kept as it was given, the last one', async () => {
      expect(await store.keptHealth()).toBeUndefined();
      await store.keepHealth({ at: time(), seen: [] });
      await store.keepHealth({ at: time(1), seen: [{ organization: 'contoso' }] });
      expect(await store.keptHealth()).toEqual({ at: time(1), seen: [{ organization: 'contoso' }] });
      expect(await store.organizations()).toEqual([]);
    });
  });
}

async function allPages<T>(page: (continuation?: string) => Promise<{ items: readonly T[]; continuation?: string }>) {
  const items: T[] = [];
  let pages = 0;
  let continuation: string | undefined;
  do {
    const next = await page(continuation);
    items.push(...next.items);
    pages += 1;
    continuation = next.continuation;
  } while (continuation !== undefined);
  return { items, pages };
}
