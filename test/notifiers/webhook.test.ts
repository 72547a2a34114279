import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { type CloudEvent, HTTP } from 'cloudevents';
import { Webhook } from 'standardwebhooks';
import { afterEach, expect, it } from 'vitest';
import { z } from 'zod';
import { createNotifier } from '../../src/notifiers/index.ts';
import { type WebhookEvent, webhookEvent } from '../../src/notifiers/webhook/event.ts';
import { type Loopback, startLoopback } from './loopback.ts';
import { answer, finding, notice, ofSubject, transition } from './notices.ts';

const secret = `whsec_${Buffer.from('a shared secret of thirty-two b.').toString('base64')}`;
const key = 'contoso/dkim/contoso.com/dkim/active-key-published#selector1';

const servers: Loopback[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function receiver(statuses: readonly number[] = []) {
  const left = [...statuses];
  const server = await startLoopback((_request, response) => void response.writeHead(left.shift() ?? 200).end());
  servers.push(server);
  return { server, url: `http://127.0.0.1:${server.port}/in` };
}

/** A receiver as the page on webhooks tells to write one: proves who posts and when, then reads the event. */
function receive({ headers, body }: Loopback['arrived'][number], now = Date.now()): CloudEvent<WebhookEvent['data']> {
  const [id, timestamp, signatures] = ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map((name) =>
    String(headers[name]),
  );
  if (Math.abs(now / 1_000 - Number(timestamp)) > 300) throw new Error('too old');
  const key = Buffer.from(secret.replace('whsec_', ''), 'base64');
  const expected = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest();
  const isOurs = signatures?.split(' ').some((one) => {
    const given = Buffer.from(one.replace('v1,', ''), 'base64');
    return given.length === expected.length && timingSafeEqual(given, expected);
  });
  if (isOurs !== true) throw new Error('not signed by whom we share the secret with');
  const event = HTTP.toEvent<WebhookEvent['data']>({ headers, body });
  if (Array.isArray(event)) throw new Error('a batch');
  (event as CloudEvent<unknown>).validate();
  return event as CloudEvent<WebhookEvent['data']>;
}

const schema = z.toJSONSchema(webhookEvent);
const ajv = new Ajv2020({ strict: false });
addFormats.default(ajv);
const validate = ajv.compile(schema);

it('posts one incident from opened to resolved as signed CloudEvents', async () => {
  const { server, url } = await receiver();
  const notifier = createNotifier({ kind: 'webhook', url, signWith: secret }, { allowLocal: true });
  const days = ['2026-11-24', '2026-11-25', '2026-11-26', '2026-11-27', '2026-11-28', '2026-11-29'];
  const kinds = ['opened', 'worsened', 'accepted', 'resolved', 'reopened', 'resolved'] as const;
  for (const [index, kind] of kinds.entries()) {
    const of = finding({
      ...(kind === 'resolved' ? { verdict: 'pass', message: 'The key answers.' } : {}),
      supportCase: 'Asked 192.0.2.53 for the key.',
    });
    const at = `${days[index]}T06:00:00.000Z`;
    const changed = [{ ...transition(kind, 'contoso.com', of), at }];
    await notifier.send(notice({ at, subjects: [ofSubject('contoso.com', ...changed)] }), AbortSignal.timeout(10_000));
  }
  const events = server.arrived.map((arrived) => receive(arrived));
  expect(events.map(({ type, time, subject }) => `${time} ${type} ${subject}`)).toEqual(
    kinds.map((kind, index) => `${days[index]}T06:00:00.000Z fieldcheck.incident.${kind} ${key}`),
  );
  expect(new Set(events.map(({ id }) => id)).size).toBe(kinds.length);
  expect(new Set(events.map(({ data }) => data?.title))).toEqual(
    new Set(['Contoso: active-key-published: contoso.com (selector1)']),
  );
  for (const { body } of server.arrived) {
    expect(validate(JSON.parse(body)), JSON.stringify(validate.errors)).toBe(true);
    expect(webhookEvent.parse(JSON.parse(body))).toEqual(JSON.parse(body));
  }
  expect(JSON.parse(server.arrived[0]?.body ?? '')).toEqual({
    specversion: '1.0',
    id: `${key}@2026-11-24T06:00:00.000Z:opened`,
    source: '/organizations/contoso/evaluations/dkim',
    type: 'fieldcheck.incident.opened',
    subject: key,
    time: '2026-11-24T06:00:00.000Z',
    datacontenttype: 'application/json',
    data: {
      title: 'Contoso: active-key-published: contoso.com (selector1)',
      dedupKey: createHash('sha256').update(key).digest('hex').slice(0, 40),
      state: 'open',
      kind: 'opened',
      reason: 'was-good',
      organization: { id: 'contoso', name: 'Contoso' },
      evaluation: 'dkim',
      subject: 'contoso.com',
      rule: 'dkim/active-key-published',
      target: 'selector1',
      verdict: 'fail',
      severity: 'critical',
      owner: 'microsoft',
      since: '2026-11-24T09:30:00.000Z',
      message: expect.stringContaining('Microsoft publishes no key'),
      observed: expect.stringContaining('NXDOMAIN'),
      remedy: expect.stringContaining('support case'),
      supportCase: 'Asked 192.0.2.53 for the key.',
      runId: 'contoso.dkim.2026-11-24T06-00',
      link: expect.stringMatching(/^https:/),
    },
  });
  expect(events.map(({ data }) => (data !== undefined && 'state' in data ? data.state : ''))).toEqual([
    'open',
    'open',
    'accepted',
    'resolved',
    'open',
    'resolved',
  ]);
});

it('is verified by the library of Standard Webhooks, and a changed body or an old time is not', async () => {
  const { server, url } = await receiver();
  const given = notice({ subjects: [ofSubject('contoso.com', transition('opened', 'contoso.com', finding()))] });
  await createNotifier({ kind: 'webhook', url, signWith: secret }, { allowLocal: true }).send(
    given,
    AbortSignal.timeout(10_000),
  );
  const [arrived] = server.arrived;
  if (arrived === undefined) throw new Error('nothing came');
  const headers = arrived.headers as Record<string, string>;
  expect(new Webhook(secret).verify(arrived.body, headers)).toEqual(JSON.parse(arrived.body));
  expect(() => new Webhook(secret).verify(arrived.body.replace('critical', 'low'), headers)).toThrow(/signature/i);
  expect(() => receive({ ...arrived, body: `${arrived.body} ` })).toThrow('not signed');
  expect(() => receive(arrived, Date.now() + 600_000)).toThrow('too old');
  expect(JSON.stringify(arrived)).not.toContain(secret);
});

it('sends the same id when the same notice is sent again, and another one for another event', async () => {
  const { server, url } = await receiver();
  const notifier = createNotifier({ kind: 'webhook', url }, { allowLocal: true });
  const given = notice({
    subjects: ['contoso.com', 'fabrikam.com'].map((name) => ofSubject(name, transition('opened', name, finding()))),
  });
  await notifier.send(given, AbortSignal.timeout(10_000));
  await notifier.send(given, AbortSignal.timeout(10_000));
  const ids = server.arrived.map(({ body }) => (JSON.parse(body) as WebhookEvent).id);
  expect(ids).toEqual([ids[0], ids[1], ids[0], ids[1]]);
  expect(ids[0]).not.toBe(ids[1]);
  const keys = server.arrived.map(({ headers }) => headers['idempotency-key']);
  expect(keys).toEqual([keys[0], keys[1], keys[0], keys[1]]);
  expect(keys[0]).toMatch(/^msg_[0-9a-f]{32}$/);
  expect(server.arrived[0]?.headers['webhook-signature']).toBeUndefined();
});

it('stops at the first event that does not arrive, and says which did, so that none is overtaken', async () => {
  const { server, url } = await receiver([200, 503]);
  const given = notice({
    subjects: ['a.contoso.com', 'b.contoso.com', 'c.contoso.com'].map((name) =>
      ofSubject(name, transition('opened', name, finding())),
    ),
  });
  const notifier = createNotifier({ kind: 'webhook', url }, { allowLocal: true });
  const delivery = await notifier.send(given, AbortSignal.timeout(10_000));
  expect(delivery).toMatchObject({ outcome: 'retry', sent: new Set([given.events[0]?.id]) });
  expect(server.arrived).toHaveLength(2);
});

it('posts nothing where nothing is an incident, and once a day that all is running', async () => {
  const { server, url } = await receiver();
  const notifier = createNotifier({ kind: 'webhook', url }, { allowLocal: true });
  const onlyAnswer = notice({
    subjects: [ofSubject('contoso.com', transition('opened', 'contoso.com', answer('verifiable-now', 'yes', 'no')))],
  });
  const nothing = await notifier.send(onlyAnswer, AbortSignal.timeout(10_000));
  expect(nothing.detail).toMatch(/nothing of this is an incident, so nothing was posted\.$/);
  expect(server.arrived).toHaveLength(0);
  await notifier.send(notice({ kind: 'heartbeat' }), AbortSignal.timeout(10_000));
  const [{ body = '' } = {}] = server.arrived;
  expect(validate(JSON.parse(body)), JSON.stringify(validate.errors)).toBe(true);
  expect(JSON.parse(body)).toMatchObject({
    type: 'fieldcheck.heartbeat',
    subject: 'contoso/dkim',
    id: expect.stringMatching(/^contoso\/dkim@\d{4}-\d{2}-\d{2}:heartbeat$/),
  });
});

it('takes the type that a receiver insists on, and refuses a secret that could be guessed', async () => {
  const { server, url } = await receiver();
  const given = notice({ subjects: [ofSubject('contoso.com', transition('opened', 'contoso.com', finding()))] });
  const plain = createNotifier({ kind: 'webhook', url, contentType: 'application/json' }, { allowLocal: true });
  await plain.send(given, AbortSignal.timeout(10_000));
  expect(server.arrived[0]?.headers['content-type']).toBe('application/json');
  const weak = () => createNotifier({ kind: 'webhook', url, signWith: 'short' }, { allowLocal: true });
  expect(weak).toThrow('The shared secret is shorter than 24 bytes: make one with "openssl rand -base64 32"');
});

it('is shown in its page as its schema describes it', async () => {
  const page = await readFile(new URL('../../infra/operations/channels/webhook.md', import.meta.url), 'utf8');
  const [whole = ''] = [...page.matchAll(/```json\n(\{\n {2}"specversion.*?)```/gs)].map(
    ([, text]) => text?.trim() ?? '',
  );
  expect(webhookEvent.parse(JSON.parse(whole))).toEqual(JSON.parse(whole));
});
