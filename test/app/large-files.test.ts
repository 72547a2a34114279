// What is large is read in a thread of its own, so that nobody else waits. How long the event loop is held is not
// measured here, where many processes share a processor: `npm run bench -- requests` does. Held here is what decides
// it: nothing is parsed in this thread, and what comes over from the other, and goes to the store, comes in pieces.
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { serialize } from 'node:v8';
import type { Worker } from 'node:worker_threads';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { Problem } from '../../src/app/problem.ts';
import { atDesk } from '../../src/app/reading/thread.ts';
import { inTurn, ownTurn } from '../../src/app/reading/turns.ts';
import { evaluations } from '../../src/evaluations/index.ts';
import { createZone } from '../../src/local/dns-server.ts';
import { createMemoryStore } from '../../src/store/memory-store.ts';
import type { Store } from '../../src/store/store.ts';
import { healthy } from '../evaluations/smtp-source-ip/service.ts';
import { builtPackage } from '../tools/built-package.ts';
import { createMachine, type Machine } from './machine.ts';
import { useResolvers } from './resolvers.ts';
import { signingRow } from './tenant.ts';

const threads: Worker[] = [];
const replies: { readonly bytes: number; readonly before: number }[] = [];

vi.mock('node:worker_threads', async (original) => {
  const real = await original<typeof import('node:worker_threads')>();
  class Watched extends real.Worker {
    constructor(...given: ConstructorParameters<typeof Worker>) {
      super(...given);
      threads.push(this);
      this.on('message', (reply) => replies.push({ bytes: serialize(reply).length, before: threads.length }));
    }
  }
  return { ...real, Worker: Watched };
});

// As deployed: each thread loads the product anew, and built it does so sooner.
const readingThread = pathToFileURL(join((await builtPackage()).folder, 'app/dist/reading-thread.js'));
const encode = (value: unknown) => new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value));
const export_ = (count: number, wide = '') =>
  Array.from({ length: count }, (_, index) => ({ ...signingRow(`d${index}.contoso.com`), Description: wide }));

let store: Store;
const empty = createZone();
const resolvers = useResolvers(() => empty);
beforeEach(() => {
  store = createMemoryStore();
  threads.length = 0;
  replies.length = 0;
});

async function watching(id: string, ports: { readonly readingThread?: URL } = { readingThread }): Promise<Machine> {
  const made = createMachine({ store, resolvers: resolvers.addresses, ports });
  await made.app.putOrganization(id, { id, evaluations: { dkim: {} } });
  return made;
}

const answered = (accepted: Promise<unknown>) =>
  accepted.catch((error: unknown) => {
    if (error instanceof Error) return `${error.name} ${error.message}`;
    throw error;
  });

describe('a large file', () => {
  it('leaves this thread for one of its own, and what is kept is the same', async () => {
    const rows = export_(250);
    const [here, there] = [encode(rows), encode(rows)];
    const without = await (await watching('contoso', {})).app.acceptFacts('contoso', here, false);
    expect(threads).toHaveLength(0);
    expect(await (await watching('fabrikam')).app.acceptFacts('fabrikam', there, false)).toEqual(without);
    expect(threads).toHaveLength(1);
    // Its bytes went over and were not copied.
    expect([here.byteLength > 250_000, there.byteLength]).toEqual([true, 0]);
    const kept = async (organization: string) =>
      (await store.facts({ organization, evaluation: 'dkim' })).map((row) => ({ ...row, organization: '' }));
    expect(await kept('fabrikam')).toEqual(await kept('contoso'));
  });

  it.each([
    [
      'no JSON',
      `[{"Domain": "contoso.com"${' '.repeat(300_000)}`,
      'InvalidDocument supplied facts: is no JSON, or was cut short',
    ],
    [
      'for nobody',
      [{ a: ' '.repeat(300_000) }],
      'InvalidDocument supplied facts: is neither saved facts nor an export of',
    ],
    [
      'nested',
      `${'['.repeat(200_000)}${']'.repeat(200_000)}`,
      'InvalidDocument supplied facts: is nested more than 128 levels deep',
    ],
    [
      'too many rows',
      `[${'{"DomainName":"contoso.com"},'.repeat(100_001)}{}]`,
      'Problem supplied facts: 100002 rows; one request takes 100000.',
    ],
    [
      'too many values',
      `[${'1,'.repeat(2_000_000)}1]`,
      'Problem supplied facts: more than 2000000 values or lines; one request takes so many, send it in parts.',
    ],
  ])('that is refused (%s) is refused with the same sentence', async (_, content, sentence) => {
    const [here, there] = [await watching('contoso', {}), await watching('fabrikam')];
    const refusal = await answered(here.app.acceptFacts('contoso', encode(content), false));
    expect(refusal).toContain(sentence);
    expect(await answered(there.app.acceptFacts('fabrikam', encode(content), false))).toBe(refusal);
    expect(threads).toHaveLength(1);
  });

  it('of 30 MB, eight at once: read elsewhere, two at a time, handed over and stored in pieces', async () => {
    const put = vi.spyOn(store, 'putFacts');
    const ids = Array.from({ length: 8 }, (_, index) => `organization-${index}`);
    // Wide rows: what is not kept costs its reading alone.
    const content = encode(export_(610, 'x'.repeat(48_500)));
    expect(content.byteLength).toBeGreaterThan(30_000_000);
    const machines = await Promise.all(ids.map((id) => watching(id)));
    const bodies = ids.map(() => content.slice());
    const all = Promise.all(
      machines.map(({ app }, at) => app.acceptFacts(ids[at] ?? '', bodies[at] ?? content, false)),
    );
    await nextTurn();
    expect(threads.length).toBeLessThanOrEqual(2);
    for (const { subjects } of await all) expect(subjects).toHaveLength(610);
    expect(threads).toHaveLength(8);
    expect(bodies.map(({ byteLength }) => byteLength)).toEqual(bodies.map(() => 0));
    // A megabyte is copied in a few milliseconds.
    expect(Math.max(...replies.map(({ bytes }) => bytes))).toBeLessThan(1_000_000);
    expect(Math.max(...put.mock.calls.map(([rows]) => rows.length))).toBeLessThanOrEqual(198);
  });

  it('says of one subject as much as can be kept of it at once, and no more', async () => {
    const { service, files } = healthy();
    const { kind: _, ...smtpIn } = service;
    const { app } = await watching('contoso');
    await app.putOrganization('contoso', { id: 'contoso', evaluations: { 'smtp-source-ip': { services: [smtpIn] } } });
    const route = {
      prefix: '198.51.100.0/24',
      nextHop: '192.0.2.1',
      alias: 'LAN',
      routeMetric: 1,
      interfaceMetric: 15,
    };
    const send = (routes: number) =>
      answered(app.acceptFacts('contoso', encode({ ...files.EX1, routes: Array(routes).fill(route) }), false));
    expect(await send(5_000)).toMatchObject({ subjects: ['smtp-in'] });
    expect(await send(70_000)).toBe(
      'Problem What this says of smtp-in is longer than 6 MB; send it in parts, such as the file of each node by itself.',
    );
  });

  it('whose thread ends is a fault and no silence', async () => {
    const ending = new URL('data:text/javascript,process.exit()');
    const asked = atDesk({ evaluations, readingThread: ending }, new Uint8Array(300_000), (desk) => desk.readFacts());
    await expect(asked).rejects.toThrow('The thread that reads ended.');
  });

  it('that takes more memory than a thread may have is refused, and the process goes on', async () => {
    const greedy = new URL('data:text/javascript,const all=[];for(;;)all.push(Array(1e6).fill(0))');
    const asked = atDesk({ evaluations, readingThread: greedy }, new Uint8Array(300_000), (desk) => desk.readFacts());
    await expect(asked).rejects.toEqual(
      new Problem(413, 'Reading what was sent takes more memory than one request may; send it in parts.'),
    );
  });

  it('is a message, too: its explanation is the same', async () => {
    const head = ['From: Megan <megan@contoso.com>', 'Date: Tue, 24 Nov 2026 09:00:00 +0000', 'Subject: a long one'];
    const message = encode(`${head.join('\r\n')}\r\n\r\n${'words and words\r\n'.repeat(20_000)}`);
    const look = async (ports: { readonly readingThread?: URL }) =>
      (await watching('contoso', ports)).app.look('dkim', { name: 'message', content: message.slice() });
    const here = await look({});
    expect(await look({ readingThread })).toEqual(here);
    expect([threads.length, here.answer]).toEqual([1, 'no']);
  });
});

describe('turns', () => {
  it('are of one caller each, however many ask at once', async () => {
    const done: number[] = [];
    const all = [1, 2, 3].map((name) => ownTurn().then(() => done.push(name)));
    const seen: number[] = [];
    while (seen.at(-1) !== 3) {
      await nextTurn();
      seen.push(done.length);
    }
    await Promise.all(all);
    expect([done, [...new Set(seen)].filter((count) => count > 0)]).toEqual([
      [1, 2, 3],
      [1, 2, 3],
    ]);
  });
});

describe('huge bodies', () => {
  it('are taken one after the other, others at any time, and nobody waits for ever', async () => {
    const done: string[] = [];
    const first = Promise.withResolvers<void>();
    const work = (name: string, until?: Promise<void>) => async () => {
      await until;
      done.push(name);
    };
    const huge = [inTurn(undefined, work('first', first.promise))];
    for (let index = 0; index < 16; index++) huge.push(inTurn(2_000_000, work(`huge ${index}`)));
    await inTurn(1_999_999, work('small'));
    await expect(inTurn(30_000_000, work('one too many'))).rejects.toEqual(
      new Problem(503, '16 large requests wait for their turn already; try again in a minute.'),
    );
    expect(done).toEqual(['small']);
    first.resolve();
    await Promise.all(huge);
    expect(done).toHaveLength(18);
    expect(done.slice(0, 3)).toEqual(['small', 'first', 'huge 0']);
  });
});
