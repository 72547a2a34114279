// The life of incidents over the whole App: DNS, rules, store and channel are real or as real as it gets.
import readWorkbook from 'read-excel-file/node';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Notice } from '../../src/domain/notice.ts';
import { failedSelectorsCsv } from '../../src/evaluations/dkim/failed-selectors-csv.ts';
import { organizationPage, overviewPage, type Site, subjectPage, watchPage } from '../../src/pages/index.ts';
import { createMemoryStore } from '../../src/store/memory-store.ts';
import type { Store } from '../../src/store/store.ts';
import { createMachine, type Machine } from './machine.ts';
import { useResolvers } from './resolvers.ts';
import { acceptedRow, createTenant, type Tenant } from './tenant.ts';

const key = 'contoso/dkim/shop.contoso.com/dkim/active-key-published#selector1';
const watch = { organization: 'contoso', evaluation: 'dkim' };

let tenant: Tenant;
let store: Store;
let made: Machine;
/** What each channel took. */
let taken: Record<string, Notice[]>;
let refuses: ReadonlySet<string>;

const resolvers = useResolvers(() => tenant.zone);

beforeEach(async () => {
  tenant = createTenant(['contoso.com', 'mail.contoso.com', 'shop.contoso.com']);
  store = createMemoryStore();
  taken = {};
  refuses = new Set();
  made = createMachine({
    store,
    resolvers: resolvers.addresses,
    notifierFor: (_document, channel) => ({
      id: 'test',
      send: async (notice) => {
        if (refuses.has(channel)) return { outcome: 'rejected', detail: 'HTTP 404: the flow is gone.' };
        taken[channel] = [...(taken[channel] ?? []), notice];
        return { outcome: 'delivered', detail: 'Taken.' };
      },
    }),
  });
  await made.app.putOrganization('contoso', organization(), undefined);
  await supply();
});

const organization = (changes: object = {}) => ({
  id: 'contoso',
  name: 'Contoso',
  channels: { 'mail-team': { url: 'secret:CHANNEL_MAIL' }, desk: { url: 'secret:CHANNEL_DESK' } },
  evaluations: { dkim: { channels: ['mail-team'] } },
  ...changes,
});

async function supply(): Promise<void> {
  const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  await made.app.acceptFacts('contoso', json(tenant.rows), false);
  await made.app.acceptFacts('contoso', json(tenant.rows.map(({ Domain }) => acceptedRow(Domain))), false);
}

/** One look a day. */
async function look(days = 1): Promise<void> {
  for (let day = 0; day < days; day += 1) {
    made.clock.advance({ days: 1 });
    await made.app.startRun('contoso', 'dkim', 'request');
    expect(await made.work()).toEqual([]);
    await made.app.superviseRuns();
    await made.app.deliver();
  }
}

const noticesOf = (channel = 'mail-team') => taken[channel] ?? [];
/** `opened was-good`, … of everything that a channel was told of incidents, in order. */
const told = (channel?: string) =>
  noticesOf(channel).flatMap(({ events }) => events.map(({ type, transition }) => `${type} ${transition.reason}`));

describe('an incident', () => {
  test('is opened and resolved under one key, each once, with one event', async () => {
    await look();
    tenant.lose('shop.contoso.com');
    await look(3);
    expect(await made.app.incidents('contoso')).toMatchObject([
      { key, state: 'open', severity: 'critical', owner: 'microsoft', since: '2026-11-26T06:00:00.000Z' },
    ]);
    tenant.mend('shop.contoso.com');
    await look(2);
    expect(told()).toEqual(['incident.opened was-good', 'incident.resolved passes-again']);
    expect(new Set(noticesOf().flatMap(({ events }) => events.map((event) => event.key)))).toEqual(new Set([key]));
    expect(await made.app.incidents('contoso')).toEqual([]);
    expect(await made.app.incidents('contoso', true)).toMatchObject([{ key, state: 'resolved' }]);
    expect(made.log.filter(({ message }) => message === 'incident').map(({ fields }) => fields.reason)).toEqual([
      'was-good',
      'passes-again',
    ]);
  });

  test('that flaps for 60 days makes four posts: opened, resolved, flapping, steady', async () => {
    await look();
    for (let day = 0; day < 60; day += 1) {
      if (day % 2 === 0) tenant.lose('shop.contoso.com');
      else tenant.mend('shop.contoso.com');
      if (day % 20 === 0) await supply();
      await look();
    }
    tenant.mend('shop.contoso.com');
    await supply();
    await look(20);
    expect(told()).toEqual([
      'incident.opened was-good',
      'incident.resolved passes-again',
      'incident.opened flaps-while-good',
      'incident.resolved steady-and-good',
    ]);
    expect(noticesOf()[2]?.causes[0]?.message).toMatch(
      /^Changed 6 times in the last \d+ looks; the next word of it comes/,
    );
  });

  test('of a domain that leaves the watch is told to be over', async () => {
    tenant.lose('shop.contoso.com');
    await made.app.putOrganization(
      'contoso',
      organization({
        evaluations: { dkim: { channels: ['mail-team'], domains: ['contoso.com', 'shop.contoso.com'] } },
      }),
      undefined,
    );
    await look();
    await made.app.putOrganization(
      'contoso',
      organization({ evaluations: { dkim: { channels: ['mail-team'], domains: ['contoso.com'] } } }),
      undefined,
    );
    await look();
    expect(told()).toEqual(['incident.opened first-seen', 'incident.resolved no-longer-judged']);
    expect(noticesOf()[1]?.causes.map(({ kind }) => kind)).toEqual(['removed']);
  });

  test('confirmRuns of the document decides after how many looks a fail is told', async () => {
    const rules = { 'dkim/active-key-published': { confirmRuns: 3 } };
    await made.app.putOrganization(
      'contoso',
      organization({ evaluations: { dkim: { channels: ['mail-team'], rules } } }),
      undefined,
    );
    await look();
    tenant.lose('shop.contoso.com');
    await look(2);
    expect(told()).toEqual([]);
    expect(await made.app.incidents('contoso')).toMatchObject([{ key, state: 'not-confirmed' }]);
    await look();
    expect(told()).toEqual(['incident.opened was-good']);
  });
});

describe('a silence', () => {
  const until = '2026-12-10T00:00:00Z';

  test('keeps an incident from being told, never from being shown, and what is still so afterwards is told then', async () => {
    await look();
    const { id } = await made.app.addSilence(
      'contoso',
      { match: { subject: 'shop.*' }, until, reason: 'Move.' },
      'Adele',
    );
    tenant.lose('shop.contoso.com');
    await look(2);
    expect(told()).toEqual([]);
    expect(await made.app.incidents('contoso')).toMatchObject([
      { key, state: 'open', silenced: 'Silenced by Adele until 2026-12-10 00:00 UTC: Move.' },
    ]);
    expect((await store.summary(watch))?.counts).toMatchObject({ silenced: 1, accepted: 0 });
    await made.app.endStatement('contoso', 'silence', id);
    await look(2);
    expect(told()).toEqual(['incident.opened no-longer-hushed']);
  });

  test('over what is mended within it is quiet, and what was told before is closed when it ends', async () => {
    tenant.lose('shop.contoso.com');
    await look();
    await made.app.addSilence(
      'contoso',
      { match: { owner: 'microsoft' }, until: '2026-11-29T12:00:00Z', reason: 'x' },
      'Adele',
    );
    await look();
    tenant.mend('shop.contoso.com');
    await look(2);
    expect(told()).toEqual(['incident.opened first-seen', 'incident.silenced silence-begins']);
    await look(2);
    expect(told().slice(2)).toEqual(['incident.resolved passes-again']);
  });

  test('says nothing of what does not fit', async () => {
    await look();
    await made.app.addSilence('contoso', { match: { subject: 'www.*' }, until, reason: 'x' }, 'Adele');
    tenant.lose('shop.contoso.com');
    await look();
    expect(told()).toEqual(['incident.opened was-good']);
  });
});

describe('an acceptance', () => {
  test('of an open incident is told once, and that it is over later', async () => {
    tenant.lose('shop.contoso.com');
    await look();
    const given = { key, until: '2027-06-01T00:00:00Z', reason: 'No mail.', ticket: 'RISK-7' };
    await made.app.addAcceptance('contoso', given, 'Adele');
    await look(3);
    expect(told()).toEqual(['incident.opened first-seen', 'incident.accepted risk-accepted']);
    expect(noticesOf()[1]?.causes[0]?.message).toContain(
      'Accepted by Adele until 2027-06-01 00:00 UTC (RISK-7): No mail.',
    );
    await made.app.heartbeat();
    tenant.mend('shop.contoso.com');
    await look();
    expect(told().slice(2)).toEqual(['incident.resolved passes-again']);
  });

  test('ends with a worse state, which is told', async () => {
    const rules = (severity: string) =>
      organization({
        evaluations: { dkim: { channels: ['mail-team'], rules: { 'dkim/active-key-published': { severity } } } },
      });
    await made.app.putOrganization('contoso', rules('medium'), undefined);
    tenant.lose('shop.contoso.com');
    await look();
    await made.app.addAcceptance('contoso', { key, until: '2027-06-01', reason: 'No mail.' }, 'Adele');
    await look();
    await made.app.putOrganization('contoso', rules('critical'), undefined);
    await look(2);
    expect(told().slice(2)).toEqual(['incident.worsened worse-than-accepted']);
    expect(await made.app.statements('contoso', 'acceptance')).toEqual([]);
    expect(await made.app.statements('contoso', 'acceptance', true)).toMatchObject([{ endedFor: 'it got worse' }]);
  });

  test('is refused for what is not open, and for longer than a year', async () => {
    await look();
    const at = { until: '2027-06-01', reason: 'x' };
    await expect(made.app.addAcceptance('contoso', { key, ...at }, 'Adele')).rejects.toThrow('is not open');
    tenant.lose('shop.contoso.com');
    await look();
    await expect(made.app.addAcceptance('contoso', { key, ...at, until: '2028-06-01' }, 'Adele')).rejects.toThrow(
      'an acceptance lasts 366 days at most',
    );
  });
});

describe('what is accepted and silenced', () => {
  const accepted = 'Accepted by Adele until 2027-06-01 00:00 UTC (RISK-7): No mail.';
  const silenced = 'Silenced by Adele until 2026-12-10 00:00 UTC: Move.';

  /** One of each, said after the last look: nothing waits for the next one. */
  beforeEach(async () => {
    tenant.lose('shop.contoso.com');
    tenant.lose('mail.contoso.com');
    await look();
    const risk = { key, until: '2027-06-01T00:00:00Z', reason: 'No mail.', ticket: 'RISK-7' };
    await made.app.addAcceptance('contoso', risk, 'Adele');
    const maintenance = { match: { subject: 'mail.*' }, until: '2026-12-10T00:00:00Z', reason: 'Move.' };
    await made.app.addSilence('contoso', maintenance, 'Adele');
  });

  test.each([
    ['text', 'of what fails: 1 accepted, 1 silenced'],
    ['md', 'Of what fails: 1 accepted, 1 silenced. It counts all the same.'],
    ['csv', 'Accepted,Silenced'],
    ['json', '"accepted": "Accepted by'],
    ['junit', '<property name="silenced" value="1"'],
    ['html', 'Of what fails: 1 accepted, 1 silenced. It counts all the same.'],
  ] as const)('stands in a report as %s, with who, until when and why, and is counted', async (format, counted) => {
    const { body } = await made.app.report('contoso', 'dkim', format);
    const text = String(body).replaceAll('\\(', '(').replaceAll('\\)', ')').replace(/\s+/g, ' ');
    expect(text).toContain(counted);
    expect(text).toContain(accepted);
    expect(text).toContain(silenced);
  });

  test('stands in a workbook, beside the answer that it does not change and beside the finding', async () => {
    const { body } = await made.app.report('contoso', 'dkim', 'xlsx');
    const sheets = await readWorkbook(Buffer.from(body as Uint8Array));
    expect(sheets[0]?.data.map((row) => row.slice(-2))).toEqual([
      ['Findings accepted', 'Findings silenced'],
      [1, 1],
      [1, 1],
    ]);
    for (const { data } of [sheets[1], sheets.at(-1)].flatMap((one) => one ?? [])) {
      const cells = data.flat();
      expect([cells.includes(accepted), cells.includes(silenced)]).toEqual([true, true]);
    }
  });

  test('stands in the log for ticketing, in what programs read of a subject, and on the pages', async () => {
    const states = await made.app.lastStates('contoso', 'dkim');
    expect(
      failedSelectorsCsv(states)
        .split('\r\n')
        .map((line) => line.split(',').at(-1)),
    ).toEqual(['Incident', 'silenced', 'accepted', '']);
    const { run } = await made.app.subject('contoso', 'dkim', 'shop.contoso.com');
    expect(run.findings.flatMap((one) => one.accepted ?? [])).toEqual([accepted]);
    const site: Site = { now: made.clock.now(), who: 'Adele', root: '' };
    const watchText = watchPage(site, await made.app.watchView('contoso', 'dkim'));
    expect(watchText).toContain('Of what fails: 1 accepted, 1 silenced. It counts all the same.');
    expect(watchText).toContain(`1 of 2: ${accepted}`);
    expect(subjectPage(site, await made.app.subjectView('contoso', 'dkim', 'shop.contoso.com'))).toContain(accepted);
    await look();
    expect(organizationPage(site, await made.app.organizationView('contoso'))).toContain(
      'Of what fails: 1 accepted, 1 silenced.',
    );
    expect(overviewPage(site, await made.app.overview())).toContain('Of what fails: 1 accepted, 1 silenced.');
  });
});

describe('the digest of a week', () => {
  test('tells what is still open by cause, what comes, and how it was a week ago; once', async () => {
    for (const domain of ['shop.contoso.com', 'mail.contoso.com']) tenant.lose(domain);
    await look();
    await made.app.heartbeat();
    expect(noticesOf()).toHaveLength(1);
    await look(7);
    await made.app.heartbeat();
    await made.app.heartbeat();
    expect(noticesOf()).toHaveLength(2);
    const digest = noticesOf()[1];
    expect(digest).toMatchObject({
      kind: 'digest',
      digest: {
        trend: { now: 2, before: undefined },
        watched: 3,
        open: [{ kind: 'reminded', rule: 'dkim/active-key-published', count: 2 }],
      },
    });
    expect(digest?.events.map(({ type }) => type)).toEqual(['incident.reminded', 'incident.reminded']);
    tenant.mend('mail.contoso.com');
    await look(7);
    await made.app.heartbeat();
    expect(noticesOf().at(-1)?.digest).toMatchObject({ trend: { now: 1, before: 2 } });
  });

  test('counts what is accepted and silenced, and names supplied facts that are about to expire', async () => {
    tenant.lose('shop.contoso.com');
    await look();
    await made.app.addAcceptance('contoso', { key, until: '2026-12-20', reason: 'No mail.' }, 'Adele');
    await made.app.heartbeat();
    await look(18);
    await made.app.heartbeat();
    const { digest } = noticesOf().at(-1) ?? {};
    expect(digest).toMatchObject({ open: [], accepted: 1, trend: { now: 0 } });
    expect(digest?.deadlines.map(({ at, what }) => `${at.slice(0, 10)} ${what}`)).toEqual([
      expect.stringMatching(/^2026-12-20 the acceptance acceptance-\d+-\w+ ends \(No mail\.\)$/),
      expect.stringMatching(/^2026-12-24 what was supplied as .* about 3 subjects expires; supply it again$/),
      expect.stringMatching(/^2026-12-24 what was supplied as .* about 3 subjects expires; supply it again$/),
    ]);
  });

  test('names the rotation that is coming', async () => {
    const pending = {
      KeyCreationTime: '2026-12-01T08:00:00Z',
      RotateOnDate: '2026-12-18T08:00:00Z',
      SelectorBeforeRotateOnDate: 'selector1',
      SelectorAfterRotateOnDate: 'selector2',
    };
    const rows = tenant.rows.map((row) => (row.Domain === 'shop.contoso.com' ? { ...row, ...pending } : row));
    await look();
    await made.app.heartbeat();
    await look(7);
    await made.app.acceptFacts('contoso', new TextEncoder().encode(JSON.stringify(rows)), false);
    await look();
    await made.app.heartbeat();
    expect(noticesOf().at(-1)?.digest?.deadlines).toEqual([
      expect.objectContaining({ at: '2026-12-18T08:00:00.000Z', what: 'shop.contoso.com signs with selector2' }),
    ]);
  });

  test('names the key that expires and that no other follows, while it still counts', async () => {
    const add = (name: string, days: number) => made.app.addKey('contoso', { name, days });
    await add('EX1', 20);
    await add('EX2', 20);
    await add('EX2', 365);
    await look();
    await made.app.heartbeat();
    await look(7);
    await made.app.heartbeat();
    expect(noticesOf().at(-1)?.digest?.deadlines).toEqual([
      expect.objectContaining({
        at: '2026-12-14T06:00:00.000Z',
        what: 'the collector\'s key "EX1" expires; make another of that name, and put it where this one is',
      }),
    ]);
  });

  test('does not come when there is nothing to say', async () => {
    await look();
    await made.app.heartbeat();
    await look(7);
    await made.app.heartbeat();
    expect(noticesOf()).toEqual([]);
  });
});

describe('blindness', () => {
  test('of expired exports is told at once, reminded weekly, degrades health and ends once', async () => {
    await look();
    await made.app.heartbeat();
    await look(31);
    expect(told()).toEqual(['watch.blind nobody-can-look']);
    expect(noticesOf()[0]?.causes[0]).toMatchObject({
      kind: 'blind',
      count: 3,
      cause: 'watch expired:signing-configuration',
    });
    expect((await made.app.health()).faults).toEqual([
      expect.stringMatching(
        /^dkim of contoso: since 2026-12-\d\d 06:00 UTC 3 subject\(s\) cannot be looked at: Could not look/,
      ),
    ]);
    for (let week = 0; week < 3; week += 1) {
      await look(7);
      await made.app.heartbeat();
    }
    expect(told().slice(1)).toEqual(Array.from({ length: 3 }, () => 'watch.blind still-blind'));
    await supply();
    await look(3);
    expect(told().slice(4)).toEqual(['watch.seeing can-be-judged-again']);
    expect((await made.app.health()).faults).toEqual([]);
    expect(await made.app.incidents('contoso')).toEqual([]);
  });

  test('without a run for two slots is told, and that runs are back', async () => {
    await look();
    await made.app.superviseRuns();
    made.clock.advance({ days: 3 });
    await made.app.superviseRuns();
    await made.app.deliver();
    expect(told()).toEqual(['watch.blind nobody-can-look']);
    expect(noticesOf()[0]?.causes[0]?.message).toMatch(/^Nobody has looked: a run was due at /);
    await look();
    expect(told().slice(1)).toEqual(['watch.seeing can-be-judged-again']);
  });

  test('a channel that refuses is told by another one; when it works again it gets what it missed, in order, as one', async () => {
    refuses = new Set(['mail-team']);
    tenant.lose('shop.contoso.com');
    await look();
    tenant.lose('mail.contoso.com');
    await look();
    tenant.mend('shop.contoso.com');
    await look(3);
    expect(told('desk')).toEqual(['watch.blind nobody-can-look']);
    expect(noticesOf('desk')[0]?.causes[0]?.message).toBe(
      'The channel mail-team takes nothing: HTTP 404: the flow is gone.',
    );
    expect(told()).toEqual([]);
    refuses = new Set();
    made.clock.advance({ hours: 2 });
    await made.app.superviseRuns();
    await made.app.deliver();
    expect(noticesOf()).toHaveLength(1);
    expect(noticesOf()[0]?.events.map(({ key: of, type }) => `${type} ${of.split('/')[2]}`)).toEqual([
      'incident.opened shop.contoso.com',
      'incident.opened mail.contoso.com',
      'incident.resolved shop.contoso.com',
    ]);
    made.clock.advance({ hours: 2 });
    await made.app.superviseRuns();
    await made.app.deliver();
    expect(told('desk').slice(1)).toEqual(['watch.seeing can-be-judged-again']);
    expect(await store.pending(watch, 10)).toEqual([]);
  });
});
