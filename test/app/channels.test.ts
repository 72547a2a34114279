// Channels at work: who hears of what, what becomes of a channel that is dead, and what is said when one is tried out.
import type { RequestListener } from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { WebhookEvent } from '../../src/notifiers/webhook/event.ts';
import { healthPage, type Site } from '../../src/pages/index.ts';
import { createMemoryStore } from '../../src/store/memory-store.ts';
import { type Loopback, startLoopback } from '../notifiers/loopback.ts';
import { createMachine, type Machine } from './machine.ts';
import { useResolvers } from './resolvers.ts';
import { acceptedRow, createTenant, type Tenant } from './tenant.ts';

let tenant: Tenant;
let made: Machine;
const servers: Loopback[] = [];

const resolvers = useResolvers(() => tenant.zone);
beforeEach(() => {
  tenant = createTenant(['contoso.com'], ['shop.contoso.com']);
  made = createMachine({ store: createMemoryStore(), resolvers: resolvers.addresses });
});
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

/** A receiver that answers with what `status` is at the time. */
async function receiver(status: () => number = () => 200) {
  const answer: RequestListener = (_request, response) => void response.writeHead(status()).end();
  const server = await startLoopback(answer);
  servers.push(server);
  return {
    url: `http://127.0.0.1:${server.port}/in`,
    arrived: server.arrived,
    events: () => server.arrived.map(({ body }) => JSON.parse(body) as WebhookEvent),
  };
}

async function watching(channels: object, names: readonly string[] = Object.keys(channels)): Promise<void> {
  const document = { id: 'contoso', name: 'Contoso', channels, evaluations: { dkim: { channels: names } } };
  await made.app.putOrganization('contoso', document, undefined);
  const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  await made.app.acceptFacts('contoso', json(tenant.rows), false);
  await made.app.acceptFacts('contoso', json(tenant.rows.map(({ Domain }) => acceptedRow(Domain))), false);
}

async function runOnce(): Promise<string> {
  const { runId } = await made.app.startRun('contoso', 'dkim', 'request');
  expect(await made.work()).toEqual([]);
  await made.app.superviseRuns();
  await made.app.deliver();
  return runId;
}

const typesOf = (events: readonly WebhookEvent[]) => events.map(({ type }) => type);

describe('routes', () => {
  test('each finding goes to whom it concerns, and what no route takes is counted in the run and logged', async () => {
    const [microsoft, dnsTeam] = [await receiver(), await receiver()];
    await watching({
      tickets: { kind: 'webhook', url: microsoft.url, when: { owners: ['microsoft'] } },
      dns: { kind: 'webhook', url: dnsTeam.url, when: { owners: ['customer-dns'] } },
    });
    await runOnce();
    expect(typesOf(microsoft.events())).toEqual(['fieldcheck.incident.opened']);
    expect(dnsTeam.arrived).toEqual([]);
    await watching({ dns: { kind: 'webhook', url: dnsTeam.url, when: { owners: ['network'] } } });
    made.clock.advance({ days: 1 });
    tenant.mend('shop.contoso.com');
    const runId = await runOnce();
    const { unrouted } = await made.app.runStatus(runId);
    expect(unrouted).toBeGreaterThan(0);
    expect(made.log).toContainEqual({
      level: 'warn',
      message: 'changes that no route takes',
      fields: { organization: 'contoso', evaluation: 'dkim', runId, changes: unrouted },
    });
    expect(dnsTeam.arrived).toEqual([]);
    const since = made.clock.now().toISOString();
    const wanted = { organization: 'contoso', evaluation: 'dkim', changes: unrouted, since, at: since };
    made.clock.advance({ days: 1 });
    await runOnce();
    await made.app.superviseRuns();
    expect(await made.app.health()).toMatchObject({ status: 'ok', unrouted: [wanted] });
    const site: Site = { now: made.clock.now(), who: 'Adele', root: '/api' };
    expect(healthPage(site, await made.app.healthView())).toContain(
      `Told to nobody: ${unrouted} ${unrouted === 1 ? 'change' : 'changes'} of dkim of contoso since`,
    );
    const series = 'fieldcheck_unrouted_changes{organization="contoso",evaluation="dkim"}';
    expect(await made.app.metrics({ subjects: false })).toContain(`${series} ${unrouted}`);
    made.clock.advance({ days: 31 });
    expect(await made.app.metrics({ subjects: false })).toContain(`${series} 0`);
  });
});

describe('channels with one address', () => {
  test('of one organization hear of each thing once, and of all that either wants', async () => {
    const tickets = await receiver();
    await watching({
      microsoft: { kind: 'webhook', url: tickets.url, when: { owners: ['microsoft'], kinds: ['opened'] } },
      critical: { kind: 'webhook', url: tickets.url, when: { severity: 'critical', kinds: ['opened'] } },
      over: { kind: 'webhook', url: tickets.url, when: { kinds: ['resolved'] } },
    });
    await runOnce();
    made.clock.advance({ days: 1 });
    tenant.mend('shop.contoso.com');
    tenant.lose('contoso.com');
    await runOnce();
    made.clock.advance({ days: 1 });
    await runOnce();
    const told = tickets.events().map(({ type, data }) => `${type} ${'subject' in data ? data.subject : ''}`);
    expect(told.sort()).toEqual([
      'fieldcheck.incident.opened contoso.com',
      'fieldcheck.incident.opened shop.contoso.com',
      'fieldcheck.incident.resolved shop.contoso.com',
    ]);
  });

  test('of several organizations get one heartbeat a day between them', async () => {
    const team = await receiver();
    const channels = { team: { url: team.url, heartbeat: true } };
    for (const id of ['adatum', 'contoso', 'fabrikam']) {
      const dkim = { domains: ['contoso.com'], channels: ['team'] };
      await made.app.putOrganization(id, { id, name: id, channels, evaluations: { dkim } }, undefined);
      await made.app.startRun(id, 'dkim', 'request');
    }
    expect(await made.work()).toEqual([]);
    await made.app.superviseRuns();
    await made.app.heartbeat();
    expect(team.arrived).toHaveLength(1);
    expect(team.arrived[0]?.body).toContain('3 organizations');
    const { lastDeliveries = [] } = await made.app.health();
    expect(lastDeliveries.map(({ organization, at }) => [organization, at !== undefined])).toEqual([
      ['adatum', true],
      ['contoso', true],
      ['fabrikam', true],
    ]);
  });
});

describe('a webhook', () => {
  test('hears of one incident from opened to resolved, under one key', async () => {
    const tickets = await receiver();
    await watching({ tickets: { kind: 'webhook', url: tickets.url } });
    await runOnce();
    made.clock.advance({ days: 1 });
    tenant.mend('shop.contoso.com');
    await runOnce();
    made.clock.advance({ days: 1 });
    await runOnce();
    expect(tickets.events().map(({ type, subject }) => [type, subject])).toEqual([
      ['fieldcheck.incident.opened', 'contoso/dkim/shop.contoso.com/dkim/active-key-published#selector1'],
      ['fieldcheck.incident.resolved', 'contoso/dkim/shop.contoso.com/dkim/active-key-published#selector1'],
    ]);
  });

  test('that takes some events and then no more gets the others later, and those not again', async () => {
    tenant = createTenant([], ['a.contoso.com', 'b.contoso.com', 'c.contoso.com']);
    let left = 2;
    const tickets = await receiver(() => {
      left -= 1;
      return left >= 0 ? 200 : 503;
    });
    await watching({ tickets: { kind: 'webhook', url: tickets.url } });
    await runOnce();
    left = 100;
    made.clock.advance({ minutes: 5 });
    await made.app.deliver();
    const subjects = tickets.events().map(({ data }) => ('subject' in data ? data.subject : ''));
    expect(subjects.filter((name) => name === 'a.contoso.com')).toHaveLength(1);
    expect(subjects.filter((name) => name === 'b.contoso.com')).toHaveLength(1);
    expect(subjects.at(-1)).toBe('c.contoso.com');
    expect(await made.app.deliver()).toEqual([]);
  });
});

describe('a channel that is dead for ten days', () => {
  test.each([
    [404, 'that refuses'],
    [503, 'that stays away'],
  ])('%i (%s) is told through its fallback and in health, and gets all it missed in order', async (status) => {
    let dead = false;
    const tickets = await receiver(() => (dead ? status : 200));
    const [ops, bystander] = [await receiver(), await receiver()];
    await watching(
      {
        tickets: { kind: 'webhook', url: tickets.url, fallback: 'ops' },
        ops: { kind: 'webhook', url: ops.url },
        bystander: { kind: 'webhook', url: bystander.url },
      },
      ['tickets'],
    );
    await runOnce();
    const before = tickets.arrived.length;
    dead = true;
    for (let day = 0; day < 10; day += 1) {
      made.clock.advance({ hours: 12 });
      if (day === 0) tenant.mend('shop.contoso.com');
      if (day === 4) tenant.lose('contoso.com');
      await runOnce();
      for (let tries = 0; tries < 6; tries += 1) {
        made.clock.advance({ hours: 2 });
        await made.app.superviseRuns();
        await made.app.deliver();
      }
    }
    expect(ops.events().map(({ type, data }) => [type, 'cause' in data ? data.cause : undefined])).toContainEqual([
      'fieldcheck.watch.blind',
      'channel-dead:tickets',
    ]);
    expect(bystander.arrived).toEqual([]);
    const sick = await made.app.health();
    expect(sick.status).toBe('degraded');
    expect(JSON.stringify(sick)).toContain('The channel tickets takes nothing');
    const tried = tickets.arrived.length;
    dead = false;
    for (let tries = 0; tries < 4; tries += 1) {
      made.clock.advance({ hours: 2 });
      await made.app.superviseRuns();
      await made.app.deliver();
    }
    expect(
      tickets
        .events()
        .slice(0, before)
        .map(({ type }) => type),
    ).toEqual(['fieldcheck.incident.opened']);
    const caughtUp = tickets
      .events()
      .slice(tried)
      .filter(({ type }) => type.startsWith('fieldcheck.incident.'))
      .map(({ type, data }) => `${type} ${'subject' in data ? data.subject : ''}`);
    expect(caughtUp).toEqual([
      'fieldcheck.incident.resolved shop.contoso.com',
      'fieldcheck.incident.opened contoso.com',
    ]);
    expect(ops.events().map(({ type }) => type)).toContain('fieldcheck.watch.seeing');
    expect((await made.app.health()).status).toBe('ok');
  });
});

describe('a ping', () => {
  test('is called when a run starts and when it is over, and hears of nothing else', async () => {
    const alive = await receiver();
    await watching({ alive: { kind: 'ping', url: alive.url } });
    await runOnce();
    await made.app.heartbeat();
    expect(alive.arrived.map(({ target, body }) => [target.replace(/\?.*/, ''), body])).toEqual([
      ['/in/start', 'A run of DKIM over 2 subject(s) has started.'],
      ['/in', '2 subject(s) were looked at.'],
    ]);
  });

  test('that is not there disturbs no run; it is logged', async () => {
    const alive = await receiver(() => 404);
    await watching({ alive: { kind: 'ping', url: alive.url } });
    const runId = await runOnce();
    expect((await made.app.runStatus(runId)).state).toBe('finished');
    expect(made.log.filter(({ message }) => message === 'ping not delivered')).toHaveLength(2);
  });

  test('says fail of a run that was not done in time', async () => {
    const alive = await receiver();
    await watching({ alive: { kind: 'ping', url: alive.url } });
    await made.app.startRun('contoso', 'dkim', 'request');
    made.clock.advance({ hours: 1 });
    await made.app.superviseRuns();
    expect(alive.arrived.map(({ target, body }) => [target.replace(/\?.*/, ''), body])).toEqual([
      ['/in/start', 'A run of DKIM over 2 subject(s) has started.'],
      ['/in/fail', 'Only 0 of 1 parts of the run were done in time.'],
    ]);
  });
});

describe('a channel that is tried out', () => {
  test('gets an incident that is opened and closed in one go, and says so in every event', async () => {
    const tickets = await receiver();
    await watching({ tickets: { kind: 'webhook', url: tickets.url, when: { owners: ['microsoft'] } } });
    expect(await made.app.testChannel('contoso', 'tickets')).toEqual({
      organization: 'contoso',
      channel: 'tickets',
      kind: 'webhook',
      outcome: 'delivered',
      detail: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/…#[0-9a-f]{8} took 2 events\.$/),
    });
    expect(tickets.events()).toMatchObject([
      {
        type: 'fieldcheck.incident.opened',
        sample: true,
        subject: expect.stringMatching(/^contoso\/dkim\/sample\/.*#tickets$/),
      },
      { type: 'fieldcheck.incident.resolved', sample: true },
    ]);
  });

  test.each([
    [401, 'rejected', 'the signature in the address is not accepted'],
    [404, 'rejected', 'the flow does not exist any more'],
    [410, 'rejected', 'the flow does not exist any more'],
    [413, 'rejected', 'the card is larger than the flow takes'],
    [503, 'retry', 'a fault on its side'],
  ])('explains %i of a Workflows webhook', async (status, outcome, sentence) => {
    const flow = await receiver(() => status);
    await watching({ team: { url: flow.url } });
    const tested = await made.app.testChannel('contoso', 'team');
    expect(tested).toMatchObject({ outcome, detail: expect.stringContaining(sentence) });
    expect(tested.detail).not.toContain('/in');
  });

  test('explains what keeps it from being used, and what there is not', async () => {
    await watching({ team: { url: 'secret:CHANNEL_NOWHERE' }, other: { url: 'https://contoso.com/hook?sig=x' } });
    expect(await made.app.testChannel('contoso', 'team')).toMatchObject({
      outcome: 'rejected',
      detail: 'channel "team" of contoso: the setting CHANNEL_NOWHERE, which should hold its address, is not set',
    });
    expect((await made.app.testChannel('contoso', 'other')).detail).toContain('is no Workflows webhook: those end in');
    await expect(made.app.testChannel('contoso', 'nobody')).rejects.toMatchObject({ status: 404 });
    await expect(made.app.testChannel('fabrikam', 'team')).rejects.toMatchObject({ status: 404 });
  });
});
