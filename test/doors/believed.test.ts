// What POST facts believes: exports and files of collectors of this organization.
import { beforeEach, describe, expect, test } from 'vitest';
import { Problem } from '../../src/app/problem.ts';
import type { AcceptedFacts } from '../../src/app/responses.ts';
import { createMemoryStore } from '../../src/store/memory-store.ts';
import type { Store } from '../../src/store/store.ts';
import { createMachine, type Machine } from '../app/machine.ts';
import { acceptedRow, signingRow } from '../app/tenant.ts';
import { healthy } from '../evaluations/smtp-source-ip/service.ts';

const domains = Array.from({ length: 8 }, (_, index) => `d${index + 1}.contoso.com`);
const export_ = (names: readonly string[]) => names.map((name) => signingRow(name));
const { kind: _, ...service } = healthy().service;

let store: Store;
let made: Machine;
beforeEach(() => {
  // Nothing here asks a resolver.
  store = createMemoryStore();
  made = createMachine({ store, resolvers: ['192.0.2.53'] });
});

const watching = (evaluations: object) => made.app.putOrganization('contoso', { id: 'contoso', evaluations });

async function send(content: unknown, confirm = false): Promise<AcceptedFacts | string> {
  const bytes = new TextEncoder().encode(JSON.stringify(content));
  return made.app.acceptFacts('contoso', bytes, false, confirm).catch((error: unknown) => {
    if (error instanceof Problem) return `${error.status} ${error.message}`;
    throw error;
  });
}

describe('saved facts', () => {
  const saved = {
    fieldcheck: 'facts/1',
    evaluation: 'dkim',
    subject: { kind: 'mail-domain', id: 'd1.contoso.com' },
    facts: {},
    parts: {
      selector: {
        selector1: {
          'selector-cname': {
            status: 'unobtainable',
            reason: 'timeout',
            detail: 'no answer',
            observedAt: '2026-11-24T06:00:00Z',
          },
        },
      },
    },
  };

  test('are for evaluate, not for monitoring', async () => {
    await watching({ dkim: { domains } });
    expect(await send(saved)).toBe(
      '422 These are saved facts, and what is monitored is not believed on their word: send the export or the collector\'s file that they came from. To judge saved facts once, use "fieldcheck evaluate dkim --facts FILE" or POST evaluations/dkim.',
    );
    expect(await made.app.subjectsOf((await made.app.organization('contoso')).document, 'dkim', [])).toHaveLength(8);
  });

  test('beside an export they are no export', async () => {
    await watching({ dkim: { domains } });
    expect(await send([saved, ...export_(domains)])).toMatchObject({
      notes: [expect.stringContaining('row 1: Domain: is missing')],
    });
    const kept = await made.app.exportOrganization('contoso', async (line) => expect(line).not.toContain('no answer'));
    expect(kept.facts).toBe(8);
  });
});

describe.each([
  ['a document that names domains', { dkim: { domains } }],
  ['a document that names none', { dkim: {} }],
])('a list, with %s', (_, evaluations) => {
  beforeEach(async () => {
    await watching(evaluations);
    expect(await send(export_(domains))).toMatchObject({ subjects: domains });
  });

  test('is taken when it names what is watched, or nearly', async () => {
    expect(await send(export_(domains.slice(0, 6)))).not.toContain('422');
    expect(await send(export_(domains).map(({ Domain }) => acceptedRow(Domain)))).toMatchObject({ subjects: domains });
  });

  test('of another tenant is refused, whoever confirms it', async () => {
    const sentence =
      '422 This list has nothing in common with what contoso watches with dkim: it names fabrikam.com and adatum.com, and watched is d1.contoso.com, d2.contoso.com, d3.contoso.com, d4.contoso.com, d5.contoso.com and 3 more.';
    const foreign = [signingRow('fabrikam.com'), signingRow('adatum.com')].toReversed();
    for (const confirm of [false, true])
      expect([sentence, sentence.replace('fabrikam.com and adatum.com', 'adatum.com and fabrikam.com')]).toContain(
        await send(foreign, confirm),
      );
  });

  test('that leaves out more than a quarter is taken only when confirmed, and says so then', async () => {
    const says =
      'This list names 5 of 8 watched by contoso and says that the others are not there: d6.contoso.com, d7.contoso.com and d8.contoso.com; none is new.';
    expect(await send(export_(domains.slice(0, 5)))).toBe(`422 ${says} If that is so, send it with ?confirm=true.`);
    expect(await send(export_(domains.slice(0, 5)), true)).toMatchObject({ subjects: domains, notes: [says] });
  });

  test('with a row that cannot be read says of nobody that it is not there; with less than half it is asked about', async () => {
    const torn = { ...signingRow('d9.contoso.com'), Domain: 9 };
    expect(await send([...export_(domains.slice(0, 4)), torn])).toMatchObject({ evaluation: 'dkim' });
    expect(await send([...export_(domains.slice(0, 3)), torn])).toMatch(
      /^422 This list names 3 of 8 watched by contoso and does not name the others: d4\.contoso\.com, /,
    );
  });
});

test('says what would come, where the list decides what is watched', async () => {
  await watching({ dkim: {} });
  await send(export_(domains));
  expect(await send(export_(['d1.contoso.com', 'new.contoso.com']))).toBe(
    '422 This list names 1 of 8 watched by contoso and says that the others are not there: d2.contoso.com, d3.contoso.com, d4.contoso.com, d5.contoso.com, d6.contoso.com, d7.contoso.com and d8.contoso.com; new would be new.contoso.com. If that is so, send it with ?confirm=true.',
  );
  expect(await made.app.subjectsOf((await made.app.organization('contoso')).document, 'dkim', domains)).toHaveLength(8);
});

describe('a file of a collector', () => {
  const { files } = healthy();
  const collectedAt = '2026-11-24T06:00:00.000Z';

  test('of a node of the service is taken', async () => {
    await watching({ 'smtp-source-ip': { services: [service] } });
    expect(await send({ ...files.EX1, collectedAt })).toMatchObject({ subjects: ['smtp-in'] });
  });

  test('of a node that no service has is refused', async () => {
    await watching({ 'smtp-source-ip': { services: [service] } });
    const other = { ...files.EX1, collectedAt, host: { ...files.EX1?.host, name: 'MAIL7' } };
    expect(await send(other)).toBe(
      '422 These facts are not about contoso: they were collected on MAIL7, and the nodes of smtp-in are EX1 and EX2.',
    );
  });

  test('of another service is refused, though a node is called the same', async () => {
    await watching({ 'smtp-source-ip': { services: [service] } });
    const declared = { vips: ['198.51.100.77'] };
    expect(await send({ ...files.EX1, collectedAt, declared })).toBe(
      `422 These facts are not about contoso: they were collected for the VIP 198.51.100.77, and smtp-in has ${service.vips.map((vip) => vip.replace(/:25$/, '').replace(/[[\]]/g, '')).join(' and ')}.`,
    );
  });

  test('of another organization is refused', async () => {
    await watching({ 'teams-exchange-interop': { domains: ['contoso.com'] } });
    const file = (...names: string[]) => ({
      schema: 'teams-exchange-interop/1',
      collectedAt,
      host: { name: 'EX1' },
      exchange: {
        hybridConfiguration: { present: true, features: [], domains: names.map((domain) => ({ domain })) },
      },
    });
    expect(await send(file('fabrikam.com', 'fabrikam.net'))).toBe(
      '422 These facts are not about contoso: their hybrid configuration is for fabrikam.com and fabrikam.net, and contoso has contoso.com.',
    );
    for (const names of [['fabrikam.com', 'Contoso.com'], []])
      expect(await send(file(...names))).toMatchObject({ subjects: ['contoso'] });
  });

  test('of a time to come would never grow old, and is refused', async () => {
    await watching({ 'smtp-source-ip': { services: [service] } });
    expect(await send({ ...files.EX1, collectedAt: '9999-12-31T23:59:59.000Z' })).toBe(
      '422 These facts are of 9999-12-31T23:59:59.000Z, which is still to come: they would never grow old. Set the clock right where they were collected, and collect them again.',
    );
    // Refused is not kept.
    expect([...(await store.subjectsWithFacts({ organization: 'contoso', evaluation: 'smtp-source-ip' }))]).toEqual([]);
  });
});
