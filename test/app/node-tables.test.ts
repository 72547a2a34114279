import { beforeEach, expect, test } from 'vitest';
import type { Notice } from '../../src/domain/notice.ts';
import { ex1File, ex2File, smtpService } from '../../src/local/demo/smtp-nodes.ts';
import { createMemoryStore } from '../../src/store/memory-store.ts';
import { createMachine, type Machine } from './machine.ts';

let made: Machine;
let told: Notice[];

beforeEach(() => {
  told = [];
  made = createMachine({
    store: createMemoryStore(),
    // Nothing here asks a name server.
    resolvers: ['127.0.0.1:9'],
    notifierFor: () => ({
      id: 'kept',
      send: async (notice) => {
        told.push(notice);
        return { outcome: 'delivered', detail: 'Kept.' };
      },
    }),
  });
});

async function watch(services: readonly object[]): Promise<void> {
  const document = {
    id: 'contoso',
    name: 'Contoso',
    channels: { 'mail-team': { url: 'http://127.0.0.1:9/hook' } },
    evaluations: { 'smtp-source-ip': { services, channels: ['mail-team'] } },
  };
  await made.app.putOrganization('contoso', document, undefined);
}

/** Sends what the collector found on both nodes, or on EX2 alone, judges it and tells it. */
async function runOn(ex2Mended: boolean, nodes = ['EX1', 'EX2']): Promise<void> {
  const ex1 = nodes.includes('EX1') ? [ex1File(made.clock.now())] : [];
  for (const file of [...ex1, ex2File(ex2Mended, made.clock.now())])
    await made.app.acceptFacts('contoso', new TextEncoder().encode(JSON.stringify(file)), false);
  await made.app.startRun('contoso', 'smtp-source-ip', 'request');
  expect(await made.work()).toEqual([]);
  await made.app.deliver();
}

/** A rule's words about each node, as the subject's only table in a notice has them. */
function wordsOf(notice: Notice | undefined, rule: string): string[] | undefined {
  const row = notice?.subjects[0]?.byNode?.rows.find((one) => one.rule === `smtp-source-ip/${rule}`);
  return row?.cells.map((cell) => cell?.words ?? '');
}

test('a notice about an SMTP service holds what was found on each node, when it opens and when it is resolved', async () => {
  await watch([smtpService]);
  await runOn(false);
  expect(told).toHaveLength(1);
  expect(told[0]?.subjects[0]?.byNode).toMatchObject({ at: '2026-11-24T06:00:00.000Z', targets: ['EX1', 'EX2'] });
  expect(wordsOf(told[0], 'lan-weak-host-receive')).toEqual(['✓ pass', '✗ fail (critical)']);
  expect(wordsOf(told[0], 'nodes-alike')).toEqual(['✗ fail (high)', '✗ fail (high)']);
  expect(wordsOf(told[0], 'connector-bound-to-vip')).toEqual(['✓ pass', '✓ pass']);

  made.clock.advance({ hours: 1 });
  await runOn(true);
  expect(told).toHaveLength(2);
  expect(told[1]?.subjects[0]?.byNode?.at).toBe('2026-11-24T07:00:00.000Z');
  expect(wordsOf(told[1], 'lan-weak-host-receive')).toEqual(['✓ pass', '✓ pass']);
});

test('a service of one node needs no table', async () => {
  const [, ex2] = smtpService.nodes;
  await watch([{ ...smtpService, nodes: [ex2] }]);
  await runOn(false, ['EX2']);
  expect(told[0]?.subjects).toHaveLength(1);
  expect(told[0]?.subjects[0]).not.toHaveProperty('byNode');
});

test('tables for each of many services would hide what fails', async () => {
  const services = Array.from({ length: 11 }, (_, index) => ({ ...smtpService, id: `smtp-${index}` }));
  await watch(services);
  await runOn(false);
  expect(told[0]?.subjects).toHaveLength(11);
  expect(told[0]?.subjects.some(({ byNode }) => byNode !== undefined)).toBe(false);
});
