// What arrives at the doors and is not what it should be: refused with a sentence, never dropped, never a fault of ours.
import { describe, expect, test, vi } from 'vitest';
import { answerOf, doorsOf } from '../../src/doors/index.ts';
import { evaluations } from '../../src/evaluations/index.ts';
import { createMemoryStore } from '../../src/store/memory-store.ts';
import { createMachine } from '../app/machine.ts';

const doors = doorsOf(evaluations).map((door) => ({
  ...door,
  pattern: new RegExp(`^${door.path.replace(/\{(\w+)\}/g, '(?<$1>[^/]+)')}$`),
}));

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly json: unknown;
  readonly detail: string;
}

/** The doors of an App of its own, called as a host calls them. */
function doorsOfNewApp() {
  const { app } = createMachine({ store: createMemoryStore(), resolvers: ['127.0.0.1:9'] });
  const faults = vi.fn();
  const call = async (
    method: string,
    address: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer> => {
    const [path = '', search] = address.split('?');
    const door = doors.find((one) => one.method === method && one.pattern.test(path));
    if (door === undefined) throw new Error(`no door ${method} ${path}`);
    const text = typeof body === 'string' ? body : JSON.stringify(body ?? '');
    const answer = await answerOf(
      door,
      () => app,
      {
        params: { ...door.pattern.exec(path)?.groups },
        query: new URLSearchParams(search),
        headers: new Headers(headers),
        body: new Blob([text]).stream(),
      },
      faults,
    );
    expect(faults.mock.calls, `${method} ${address}`).toEqual([]);
    const json: unknown =
      answer.jsonBody ?? (String(answer.body).startsWith('{') ? JSON.parse(String(answer.body)) : undefined);
    const { detail = '' } = (json ?? {}) as { detail?: string };
    return { status: answer.status ?? 200, headers: answer.headers ?? {}, json, detail };
  };
  return call;
}

const contoso = { id: 'contoso', evaluations: { dkim: { domains: ['contoso.com'] } } };

describe('conditions (RFC 9110 section 13)', () => {
  test.each<[string, Record<string, string>, boolean, number]>([
    ['If-Match: * where there is none', { 'if-match': '*' }, false, 412],
    ['If-Match: * where there is one', { 'if-match': '*' }, true, 200],
    ['If-Match of another version', { 'if-match': '"0"' }, true, 412],
    ['If-Match of another version where there is none', { 'if-match': '"0"' }, false, 412],
    ['If-None-Match: * where there is none', { 'if-none-match': '*' }, false, 200],
    ['If-None-Match: * where there is one', { 'if-none-match': '*' }, true, 412],
    ['If-None-Match of another version', { 'if-none-match': '"0", W/"x,y"' }, true, 200],
    ['a tag without quotes', { 'if-match': 'abc' }, true, 400],
    ['a tag that does not end', { 'if-match': '"abc' }, true, 400],
    ['a tag with a blank in it', { 'if-match': '"a b"' }, true, 400],
    ['* among tags', { 'if-match': '"0", *' }, true, 400],
    ['nothing', { 'if-none-match': '' }, false, 400],
    ['a weak tag in lower case', { 'if-none-match': 'w/"0"' }, false, 400],
  ])('%s', async (_, headers, exists, status) => {
    const call = doorsOfNewApp();
    if (exists) await call('PUT', 'organizations/contoso', contoso);
    const before = await call('GET', 'organizations/contoso');
    const answer = await call('PUT', 'organizations/contoso', { ...contoso, name: 'New' }, headers);
    expect(answer.status).toBe(status);
    const after = await call('GET', 'organizations/contoso');
    if (status === 200) expect(after.json).toMatchObject({ name: 'New' });
    else expect(after).toEqual(before);
  });

  test('the tag that was given out holds once, also in a list', async () => {
    const call = doorsOfNewApp();
    const { headers } = await call('PUT', 'organizations/contoso', contoso);
    const condition = { 'if-match': `"0", ${headers.etag}` };
    expect((await call('PUT', 'organizations/contoso', { ...contoso, name: 'One' }, condition)).status).toBe(200);
    const late = await call('PUT', 'organizations/contoso', { ...contoso, name: 'Two' }, condition);
    expect([late.status, late.detail]).toEqual([
      412,
      '"contoso" was changed by somebody else meanwhile; read it again, put your change in and send it again.',
    ]);
    expect((await call('PUT', 'organizations/contoso', contoso, { 'if-none-match': headers.etag ?? '' })).status).toBe(
      200,
    );
  });

  test('each says what is so', async () => {
    const call = doorsOfNewApp();
    expect((await call('PUT', 'organizations/contoso', contoso, { 'if-match': '*' })).detail).toBe(
      '"contoso" does not exist, and If-Match asks for a version of it; leave If-Match out.',
    );
    await call('PUT', 'organizations/contoso', contoso);
    expect((await call('PUT', 'organizations/contoso', contoso, { 'if-none-match': '*' })).detail).toBe(
      '"contoso" exists, and If-None-Match asks that it does not; leave If-None-Match out.',
    );
    expect((await call('PUT', 'organizations/contoso', contoso, { 'if-match': 'abc' })).detail).toBe(
      'If-Match is neither * nor a list of entity tags; write the ETag as it was given, with its quotes, e.g. "1".',
    );
  });

  test('deleting asks for them, too', async () => {
    const call = doorsOfNewApp();
    await call('PUT', 'organizations/contoso', contoso);
    expect((await call('DELETE', 'organizations/contoso', '', { 'if-match': '"0"' })).status).toBe(412);
    expect((await call('DELETE', 'organizations/contoso', '', { 'if-match': 'x' })).status).toBe(400);
    expect((await call('GET', 'organizations/contoso')).status).toBe(200);
    expect((await call('DELETE', 'organizations/contoso', '', { 'if-match': '*' })).status).toBe(204);
  });
});

const owned = ['__proto__', 'constructor', 'toString', 'prototype', 'hasOwnProperty', 'valueOf'];
const why = 'is a name that programs keep for themselves; choose another';
const service = { id: 'smtp-in', vips: ['192.0.2.25:25'], nodes: [{ name: 'EX1', address: '192.0.2.11' }] };
const known = { status: 'known', value: {}, source: 'x', observedAt: '2026-11-24T06:00:00Z' };

/** Where a name of somebody's choice stands, as JSON text: an object literal would take `__proto__` for something else. */
const places: Readonly<Record<string, (name: string) => [string, string, string]>> = {
  'a channel': (name) => ['PUT', 'organizations/contoso', `{"id":"contoso","channels":{"${name}":{"kind":"console"}}}`],
  'a channel that is named only': (name) => [
    'PUT',
    'organizations/contoso',
    `{"id":"contoso","evaluations":{"dkim":{"channels":["${name}"]}}}`,
  ],
  'an evaluation of a document': (name) => [
    'PUT',
    'organizations/contoso',
    `{"id":"contoso","evaluations":{"${name}":{}}}`,
  ],
  'a rule': (name) => [
    'PUT',
    'organizations/contoso',
    `{"id":"contoso","evaluations":{"dkim":{"rules":{"${name}":{}}}}}`,
  ],
  'a selector': (name) => [
    'PUT',
    'organizations/contoso',
    `{"id":"contoso","evaluations":{"dkim":{"selectors":["${name}"]}}}`,
  ],
  'a selector of a request': (name) => [
    'POST',
    'evaluations/dkim',
    `{"domains":["contoso.com"],"selectors":["${name}"]}`,
  ],
  'a domain': (name) => ['POST', 'evaluations/dkim', `{"domains":["${name}"]}`],
  'a service': (name) => [
    'PUT',
    'organizations/contoso',
    `{"id":"contoso","evaluations":{"smtp-source-ip":{"services":[${JSON.stringify({ ...service, id: name })}]}}}`,
  ],
  'a node': (name) => [
    'POST',
    'evaluations/smtp-source-ip',
    JSON.stringify({ subject: { kind: 'smtp-service', ...service, nodes: [{ name, address: '192.0.2.11' }] } }),
  ],
  'an Exchange organization': (name) => [
    'POST',
    'evaluations/teams-exchange-interop',
    JSON.stringify({ subject: { kind: 'exchange-organization', id: name } }),
  ],
  'a kind of subject': (name) => ['POST', 'evaluations/dkim', `{"subject":{"kind":"${name}","id":"contoso.com"}}`],
  'a fact': (name) => [
    'POST',
    'evaluations/dkim',
    `{"facts":{"fieldcheck":"facts/1","evaluation":"dkim","subject":{"kind":"mail-domain","id":"contoso.com"},"facts":{"${name}":${JSON.stringify(known)}},"parts":{}}}`,
  ],
  'a part': (name) => [
    'POST',
    'evaluations/dkim',
    `{"facts":{"fieldcheck":"facts/1","evaluation":"dkim","subject":{"kind":"mail-domain","id":"contoso.com"},"facts":{},"parts":{"selector":{"${name}":{}}}}}`,
  ],
  'a property of an export': (name) => [
    'POST',
    'organizations/contoso/facts',
    `[{"Domain":"contoso.com","${name}":1}]`,
  ],
  'a column of an export': (name) => ['POST', 'organizations/contoso/facts', `"Domain","${name}"\r\n"contoso.com","1"`],
  'a line of an export': (name) => ['POST', 'organizations/contoso/facts', `Domain : contoso.com\r\n${name} : 1\r\n`],
  'a CLIXML property': (name) => [
    'POST',
    'organizations/contoso/facts',
    `<Objs Version="1.1.0.1"><Obj RefId="0"><Props><S N="Domain">contoso.com</S><S N="${name}">1</S></Props></Obj></Objs>`,
  ],
  'a host of a collector': (name) => [
    'POST',
    'organizations/contoso/facts',
    JSON.stringify({ schema: 'smtp-source-ip/1', collectedAt: '2026-11-24T06:00:00Z', host: { name } }),
  ],
};

describe('names that every object of the language has already', () => {
  test.each(Object.keys(places).flatMap((place) => owned.map((name) => [place, name] as const)))(
    '%s: %s',
    async (place, name) => {
      const call = doorsOfNewApp();
      await call('PUT', 'organizations/contoso', { id: 'contoso', evaluations: { dkim: {}, 'smtp-source-ip': {} } });
      const [method, address, body] = places[place]?.(name) ?? ['', '', ''];
      const { status, detail } = await call(method, address, body);
      expect(status).toBe(400);
      expect(detail).toMatch(
        /a name that programs keep for themselves|is no (selector|channel|rule|service)|has one label only|is no domain name|subject\.kind is|which "channels" does not have/,
      );
    },
  );

  test('the sentence names it, and says what to do', async () => {
    const call = doorsOfNewApp();
    const channels = await call('PUT', 'organizations/contoso', '{"id":"contoso","channels":{"__proto__":{}}}');
    expect(channels.detail).toBe(`The body has a property "__proto__", which ${why}.`);
    const node = await call('POST', 'evaluations/smtp-source-ip', {
      subject: { kind: 'smtp-service', ...service, nodes: [{ name: 'toString', address: '192.0.2.11' }] },
    });
    expect(node.detail).toBe(`request: subject.nodes[0].name: ${why}`);
    expect((await call('PUT', 'organizations/constructor', { id: 'constructor' })).detail).toBe(
      `organization document: id: ${why}`,
    );
  });

  test.each(owned)('as part of an address %s is nothing that exists', async (name) => {
    const call = doorsOfNewApp();
    await call('PUT', 'organizations/contoso', contoso);
    for (const address of [
      `organizations/${name}`,
      `organizations/${name}/history`,
      `organizations/contoso/evaluations/${name}/subjects`,
      `organizations/contoso/evaluations/dkim/subjects/${name}`,
      `organizations/contoso/evaluations/${name}/report`,
      `runs/${name}`,
    ])
      expect((await call('GET', address)).status, address).toBe(404);
    expect((await call('POST', `evaluations/${name}`, { domains: ['contoso.com'] })).status).toBe(404);
  });
});

const nested = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`;

describe('what is nested without end', () => {
  test.each([
    ['PUT', 'organizations/contoso', (deep: string) => `{"id":"contoso","tenant":${deep}}`],
    ['POST', 'evaluations/dkim', (deep: string) => `{"domains":${deep}}`],
    ['POST', 'evaluations/dkim', (deep: string) => `{"facts":${deep}}`],
    ['POST', 'organizations/contoso/facts', (deep: string) => deep],
    ['POST', 'organizations/contoso/facts', (deep: string) => `{"Domain":"contoso.com"} {"Domain":${deep}}`],
    [
      'POST',
      'organizations/contoso/facts',
      (deep: string) => `{"schema":"teams-exchange-interop/1","exchange":${deep}}`,
    ],
  ])('%s %s, case %#', async (method, address, body) => {
    const call = doorsOfNewApp();
    await call('PUT', 'organizations/contoso', contoso);
    for (const levels of [200, 20_000]) {
      const { status, detail } = await call(method, address, body(nested(levels)));
      expect([status, detail]).toEqual([400, expect.stringContaining('is nested more than 128 levels deep')]);
      // Half of it: the end is missing.
      expect((await call(method, address, body(nested(levels)).slice(0, levels))).status).toBe(400);
    }
  });

  test('a message for a bounce is no JSON, and is read all the same', async () => {
    const { status } = await doorsOfNewApp()('POST', 'explanations', nested(20_000));
    expect(status).toBe(400);
  });
});

describe('times, ports and addresses that there are not', () => {
  const put = (settings: object) => ({ id: 'contoso', evaluations: { 'smtp-source-ip': settings } });
  const time = 'is no time; write ISO 8601, e.g. 2026-11-24T09:30:00Z';
  const vip = 'is no VIP; write address:port, e.g. 192.0.2.25:25 or [2001:db8::25]:25';
  const saved = (observedAt: string) => ({
    fieldcheck: 'facts/1',
    evaluation: 'dkim',
    subject: { kind: 'mail-domain', id: 'contoso.com' },
    facts: { 'accepted-domain': { ...known, value: { listed: false }, observedAt } },
    parts: {},
  });

  test.each([
    '192.0.2.25:0',
    '192.0.2.25:65536',
    '192.0.2.25:99999',
    '999.0.2.25:25',
    '[2001:db8::25]:70000',
    '[::zz]:25',
  ])('the VIP %s', async (one) => {
    const call = doorsOfNewApp();
    const services = [{ ...service, vips: ['192.0.2.25:65535', one] }];
    expect((await call('PUT', 'organizations/contoso', put({ services }))).detail).toBe(
      `organization document: evaluations.smtp-source-ip.services[0].vips[1]: ${vip}`,
    );
  });

  test.each(['0.0.0.0:25', '239.1.2.3:25', '255.255.255.255:25', '[::]:25', '[ff02::1]:25'])(
    'the VIP %s, to which no connection leads',
    async (one) => {
      expect(
        (await doorsOfNewApp()('PUT', 'organizations/contoso', put({ services: [{ ...service, vips: [one] }] })))
          .detail,
      ).toBe(
        'organization document: evaluations.smtp-source-ip.services[0].vips[0]: is no VIP but an address that no connection leads to; write that at which clients reach the service',
      );
    },
  );

  test.each(['300.0.2.11', '192.0.2', '2001:db8::g', 'ex1'])('the address %s of a node', async (address) => {
    const services = [{ ...service, nodes: [{ name: 'EX1', address }] }];
    expect((await doorsOfNewApp()('PUT', 'organizations/contoso', put({ services }))).detail).toBe(
      'organization document: evaluations.smtp-source-ip.services[0].nodes[0].address: is no IP address; write e.g. 192.0.2.11',
    );
  });

  test.each(['yesterday', '2026-02-31', '2026-13-01T00:00:00Z', '2026-11-24T25:00:00Z', '+275760-09-13T00:00:00Z', ''])(
    'saved facts of "%s"',
    async (observedAt) => {
      const { status, detail } = await doorsOfNewApp()('POST', 'evaluations/dkim', { facts: saved(observedAt) });
      expect([status, detail]).toEqual([400, `facts: [0].facts.accepted-domain.observedAt: ${time}`]);
    },
  );

  test.each(['2026-02-31T06:00:00Z', '2026-02-31', '-271821-04-20T00:00:00Z', '/Date(99999999999999999)/'])(
    'files of collectors of "%s"',
    async (at) => {
      const call = doorsOfNewApp();
      const evaluations = { 'smtp-source-ip': { services: [service] }, 'teams-exchange-interop': {} };
      await call('PUT', 'organizations/contoso', { id: 'contoso', evaluations });
      const node = await call('POST', 'organizations/contoso/facts', {
        schema: 'smtp-source-ip/1',
        collectedAt: at,
        host: { name: 'EX1' },
      });
      expect([node.status, node.detail]).toEqual([
        400,
        expect.stringContaining('collectedAt: is no date; write ISO 8601'),
      ]);
      const authCertificates = [{ server: 'EX1', thumbprint: 'a', present: true, notAfter: at }];
      const forest = await call('POST', 'organizations/contoso/facts', {
        schema: 'teams-exchange-interop/1',
        collectedAt: '2026-11-24T06:00:00Z',
        exchange: { authCertificates },
      });
      expect([forest.status, forest.detail]).toEqual([
        400,
        expect.stringContaining('exchange.authCertificates[0].notAfter: '),
      ]);
    },
  );
});

describe('what one request may start', () => {
  const names = (count: number, of: (index: number) => string) =>
    Array.from({ length: count }, (_, index) => of(index));
  const selectors = (count: number) => names(count, (index) => `s${index}`);
  const domains = (count: number) => names(count, (index) => `d${index}.contoso.com`);
  const ask = (evaluation: string, body: unknown) => doorsOfNewApp()('POST', `evaluations/${evaluation}`, body);

  test.each<[string, string, unknown, string]>([
    ['domains', 'dkim', { domains: domains(101) }, 'This is about 101 subjects; one request takes 100'],
    [
      'selectors',
      'dkim',
      { domains: domains(1), selectors: selectors(21) },
      '21 selectors; one request takes 20 of each',
    ],
    ['look-ups', 'dkim', { domains: domains(81), selectors: selectors(5) }, 'one request takes 400'],
    [
      'selectors of a subject',
      'dkim',
      { subject: { kind: 'mail-domain', id: 'contoso.com', selectors: selectors(401) } },
      'contoso.com has 401 selectors; one request takes 20 of each subject.',
    ],
    [
      'hosts',
      'teams-exchange-interop',
      { subject: { kind: 'exchange-organization', id: 'contoso', hosts: domains(51) } },
      "This would start more than 50 hosts; one request takes 50, more belong into an organization's document.",
    ],
    [
      'nodes',
      'smtp-source-ip',
      {
        subject: {
          kind: 'smtp-service',
          ...service,
          nodes: names(50, (index) => `192.0.2.${index + 1}`).map((address, index) => ({
            name: `EX${index}`,
            address,
          })),
        },
      },
      'one request takes 50',
    ],
  ])('%s', async (_, evaluation, body, sentence) => {
    const { status, detail } = await ask(evaluation, body);
    expect([status, detail]).toEqual([413, expect.stringContaining(sentence)]);
  });

  test('rows of an export', async () => {
    const call = doorsOfNewApp();
    await call('PUT', 'organizations/contoso', contoso);
    const rows = `Domain,Selector1CNAME\r\n${'contoso.com,\r\n'.repeat(100_001)}`;
    const { status, detail } = await call('POST', 'organizations/contoso/facts', rows);
    expect([status, detail]).toEqual([413, 'supplied facts: 100001 rows; one request takes 100000.']);
  });
});
