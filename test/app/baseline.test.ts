import { beforeEach, describe, expect, test } from 'vitest';
import { createMemoryStore } from '../../src/store/memory-store.ts';
import { type FactFile, healthy } from '../evaluations/smtp-source-ip/service.ts';
import { createMachine, type Machine } from './machine.ts';

const { kind: _, ...service } = healthy().service;
const organization = {
  id: 'contoso',
  name: 'Contoso',
  evaluations: { dkim: {}, 'smtp-source-ip': { services: [service] } },
};

let made: Machine;

beforeEach(async () => {
  // Nothing here asks a resolver.
  made = createMachine({ store: createMemoryStore(), resolvers: ['192.0.2.53'] });
  await made.app.putOrganization('contoso', organization);
});

/** Files as the collector writes them now; `change` bends that of EX2. */
async function supply(nodes: readonly string[] = ['EX1', 'EX2'], change: (ex2: FactFile) => void = () => {}) {
  const { files } = healthy();
  change(files.EX2);
  const collectedAt = made.clock.now().toISOString();
  const posted = nodes.map((node) => ({ ...files[node], collectedAt }));
  await made.app.acceptFacts('contoso', new TextEncoder().encode(JSON.stringify(posted)), false);
}

/** What the next run finds, by rule and target. */
async function look(...rules: readonly string[]): Promise<Record<string, string>> {
  made.clock.advance({ minutes: 1 });
  await made.app.startRun('contoso', 'smtp-source-ip', 'request');
  expect(await made.work()).toEqual([]);
  const { run } = await made.app.subject('contoso', 'smtp-source-ip', 'smtp-in');
  return Object.fromEntries(
    run.findings
      .filter(({ rule }) => rules.some((name) => rule === `smtp-source-ip/${name}`))
      .map(({ target, verdict, message }) => [target ?? '', `${verdict}: ${message}`]),
  );
}

describe('a baseline', () => {
  test('is not asked for until one is accepted; then a drift is a finding of the next run', async () => {
    await supply();
    expect(await look('baseline-kept')).toEqual({
      EX1: 'not_applicable: EX1: no baseline has been accepted; "fieldcheck baseline accept" records one.',
      EX2: 'not_applicable: EX2: no baseline has been accepted; "fieldcheck baseline accept" records one.',
    });

    expect(await made.app.acceptBaseline('contoso', 'smtp-source-ip', 'smtp-in', ' Mail team ')).toEqual({
      subject: 'smtp-in',
      acceptedAt: '2026-11-24T06:01:00.000Z',
      by: 'Mail team',
      collectedAt: '2026-11-24T06:00:00.000Z',
      nodes: ['EX1', 'EX2'],
      missing: [],
    });
    expect(await look('baseline-kept')).toEqual({
      EX1: 'pass: EX1: as accepted on 2026-11-24T06:01:00.000Z by Mail team.',
      EX2: 'pass: EX2: as accepted on 2026-11-24T06:01:00.000Z by Mail team.',
    });

    made.clock.advance({ hours: 1 });
    await supply(['EX1', 'EX2'], (ex2) => {
      ex2.exchange.receiveConnectors[1].remoteIPRanges.push('0.0.0.0-255.255.255.255');
      ex2.exchange.receiveConnectors[1].whenChangedUtc = '2026-11-24T06:30:00Z';
    });
    expect(await look('baseline-kept')).toEqual({
      EX1: expect.stringMatching(/^pass/),
      EX2: 'fail: EX2 has changed since 2026-11-24T06:01:00.000Z: connector Relay: remote ranges was 203.0.113.10, 203.0.113.11, is 0.0.0.0-255.255.255.255, 203.0.113.10, 203.0.113.11.',
    });
    expect(await look('connectors-unchanged')).toMatchObject({
      'EX1/Relay': expect.stringMatching(/^pass/),
      'EX2/Relay':
        'fail: EX2/Relay was changed on 2026-11-24T06:30:00.000Z, after the baseline of 2026-11-24T06:00:00.000Z.',
    });

    await made.app.acceptBaseline('contoso', 'smtp-source-ip', 'smtp-in');
    expect(Object.values(await look('baseline-kept', 'connectors-unchanged')).join()).not.toContain('fail');
  });

  test('keeps no change secret that came between the collection and the acceptance', async () => {
    await supply();
    made.clock.advance({ hours: 3 });
    await made.app.acceptBaseline('contoso', 'smtp-source-ip', 'smtp-in');
    await supply(['EX1', 'EX2'], (ex2) => {
      ex2.exchange.receiveConnectors[1].whenChangedUtc = '2026-11-24T07:00:00Z';
    });
    expect((await look('connectors-unchanged'))['EX2/Relay']).toContain('after the baseline of 2026-11-24T06:00');
  });

  test('counts longer than the facts that it was made of', async () => {
    await supply();
    await made.app.acceptBaseline('contoso', 'smtp-source-ip', 'smtp-in');
    made.clock.advance({ days: 400 });
    await made.app.retain();
    await supply();
    expect((await look('baseline-kept')).EX1).toMatch(/^pass: EX1: as accepted on 2026-11-24/);
  });

  test('says which nodes it says nothing about', async () => {
    await supply(['EX1']);
    expect(await made.app.acceptBaseline('contoso', 'smtp-source-ip', 'smtp-in')).toMatchObject({
      nodes: ['EX1'],
      missing: ['EX2'],
    });
    await supply(['EX2']);
    expect(await look('baseline-kept')).toMatchObject({
      EX1: expect.stringMatching(/^pass/),
      EX2: expect.stringMatching(/^not_applicable/),
    });
  });

  test.each<[string, string, string | undefined, number, string]>([
    ['fabrikam', 'smtp-in', undefined, 404, 'The organization "fabrikam" does not exist.'],
    ['contoso', 'smtp-out', undefined, 404, 'The service "smtp-out" of "contoso" does not exist.'],
    ['contoso', 'smtp-in', ' ', 400, '"by" must be a name of 1 to 100 characters.'],
    [
      'contoso',
      'smtp-in',
      undefined,
      422,
      'There are no facts about any node of smtp-in, or they have expired; run Collect-SmtpSourceIpFacts.ps1 on every node and supply its files first.',
    ],
  ])('of %s, %s by %o is refused with %i', async (id, name, by, status, message) => {
    await expect(made.app.acceptBaseline(id, 'smtp-source-ip', name, by)).rejects.toMatchObject({ status, message });
  });

  test('of facts that have expired is refused', async () => {
    await supply();
    made.clock.advance({ days: 31 });
    await expect(made.app.acceptBaseline('contoso', 'smtp-source-ip', 'smtp-in')).rejects.toMatchObject({
      status: 422,
    });
  });
});
