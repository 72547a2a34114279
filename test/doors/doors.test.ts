import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { run as runSchema } from '../../src/domain/finding.ts';
import { problemsOf } from '../../src/doors/door.ts';
import { doorsOf } from '../../src/doors/index.ts';
import { problemDetails } from '../../src/doors/problem.ts';
import { evaluations } from '../../src/evaluations/index.ts';
import { type Azurite, startAzurite } from '../../src/local/azurite.ts';
import { type DnsServer, startDnsServer } from '../../src/local/dns-server.ts';
import { type Host, startHost } from '../../src/local/host/host.ts';
import type { LogEntry } from '../../src/local/host/log.ts';
import { startTeamsSink, type TeamsSink } from '../../src/local/teams-sink.ts';
import { acceptedRow, createTenant } from '../app/tenant.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const tenant = createTenant(['contoso.com', 'mail.contoso.com'], ['shop.contoso.com', 'news.contoso.com']);
const dkim = 'organizations/contoso/evaluations/dkim';

let azurite: Azurite;
let dns: readonly DnsServer[];
let sink: TeamsSink;
let host: Host;
const log: string[] = [];
const entries: LogEntry[] = [];

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly json: unknown;
}

/** Every answer that any test saw: none may show the address of the channel. */
const answers: string[] = [];

async function call(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const raw = typeof body === 'string' || body instanceof Uint8Array;
  const response = await fetch(`${host.url}/api/${path}`, {
    method,
    ...(body === undefined ? {} : { body: raw ? (body as string | Uint8Array<ArrayBuffer>) : JSON.stringify(body) }),
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
  });
  const text = await response.text();
  answers.push(text + JSON.stringify([...response.headers]));
  const isJson = response.headers.get('content-type')?.includes('json') === true;
  const answer = {
    status: response.status,
    headers: response.headers,
    text,
    json: isJson ? JSON.parse(text) : undefined,
  };
  expectAsDeclared(method, path, answer);
  return answer;
}

const doors = doorsOf(evaluations).map((door) => ({
  ...door,
  pattern: new RegExp(`^${door.path.replace(/\{\w+\}/g, '[^/]+')}$`),
}));

/** Asserts that an answer is one of those that the table of doors names for it, to the last property and header. */
function expectAsDeclared(method: string, path: string, { status, headers, json }: Answer): void {
  const door = doors.find((one) => one.method === method && one.pattern.test(path.replace(/\?.*/, '')));
  const mediaType = headers.get('content-type');
  const where = `${method} ${path} answered ${status} ${mediaType}`;
  expect(door, where).toBeDefined();
  const answer = door?.answers[status];
  if (mediaType === 'application/problem+json') {
    expect([...(door === undefined ? [] : problemsOf(door)), 503], where).toContain(status);
    expect(problemDetails.parse(json), where).toEqual(json);
  } else {
    expect(answer, where).toBeDefined();
    const declared = [answer?.content?.mediaType ?? null, ...(answer?.also ?? []).map((one) => one.mediaType)];
    expect(declared, where).toContain(mediaType);
    const content = [answer?.content, ...(answer?.also ?? [])].find((one) => one?.mediaType === mediaType);
    expect(json === undefined ? undefined : content?.schema.parse(json), where).toEqual(json);
  }
  for (const name of ['etag', 'location'].filter((one) => headers.has(one)))
    expect(
      Object.keys(answer?.headers ?? {}).map((one) => one.toLowerCase()),
      where,
    ).toContain(name);
}

/** Asserts that an answer is problem details (RFC 9457) with this sentence. */
function expectProblem(answer: Answer, status: number, title: string, detail: string | RegExp, issues?: string[]) {
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
  expect(answer.status).toBe(status);
  expect(answer.json).toEqual({
    type: 'about:blank',
    title,
    status,
    detail: typeof detail === 'string' ? detail : expect.stringMatching(detail),
    ...(issues === undefined ? {} : { issues }),
  });
}

function organization(changes: object = {}): object {
  return {
    id: 'contoso',
    name: 'Contoso',
    channels: { 'mail-team': { kind: 'teams-workflow', url: sink.url } },
    evaluations: { dkim: { channels: ['mail-team'] } },
    ...changes,
  };
}

/** Waits until a run is over. */
async function finished(runId: string): Promise<Record<string, unknown>> {
  for (;;) {
    const { json } = await call('GET', `runs/${runId}`);
    const status = json as Record<string, unknown>;
    if (status.state !== 'running') return status;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function runNow(): Promise<Record<string, unknown>> {
  const { json } = await call('POST', `${dkim}/runs`);
  return finished((json as { runId: string }).runId);
}

beforeAll(async () => {
  // What the app logs outside of its functions goes to the console.
  for (const level of ['info', 'warn', 'error'] as const) {
    vi.spyOn(console, level).mockImplementation((line) => void log.push(String(line)));
  }
  // Two: where there is one alone it is asked again after a second whenever something is not there.
  const two = [startDnsServer({ zone: tenant.zone }), startDnsServer({ zone: tenant.zone })];
  [azurite, dns, sink] = await Promise.all([startAzurite(), Promise.all(two), startTeamsSink()]);
  host = await startHost({
    root,
    entry: 'functions/index.ts',
    hostJson: JSON.parse(readFileSync(`${root}host.json`, 'utf8')),
    settings: {
      FIELDCHECK_RESOLVERS: dns.map(({ address }) => address).join(','),
      FIELDCHECK_LOCAL_CHANNELS: 'true',
      FIELDCHECK_PUBLIC_URL: 'https://fieldcheck.contoso.com/',
      // What is due and what waits is asked for by the tests.
      FIELDCHECK_DUE_SCHEDULE: '0 0 0 1 1 *',
      FIELDCHECK_DELIVERY_SCHEDULE: '0 0 0 1 1 *',
      FIELDCHECK_RETENTION_SCHEDULE: '0 0 0 1 1 *',
      FIELDCHECK_HEARTBEAT_SCHEDULE: '0 0 0 1 1 *',
    },
    storageConnection: azurite.connectionString,
    port: 0,
    log: (entry) => {
      entries.push(entry);
      log.push(entry.message);
    },
  });
});
afterAll(async () => {
  vi.restoreAllMocks();
  await host?.stop();
  await Promise.all([azurite?.stop(), ...(dns ?? []).map((server) => server.close()), sink?.close()]);
});

describe('before anything is there', () => {
  test('health is well, and needs no key', async () => {
    const { status, json } = await call('GET', 'health');
    expect([status, json]).toEqual([
      200,
      { status: 'ok', storage: 'ok', faults: [], lastRuns: [], lastDeliveries: [], rejectedNotices: 0 },
    ]);
  });

  test('no organization is listed', async () => {
    expect((await call('GET', 'organizations')).json).toEqual([]);
  });
});

describe('the description of the doors', () => {
  test('is read by anybody: paths for clients, a schema for editors', async () => {
    const openApi = await call('GET', 'openapi.json');
    expect([openApi.status, openApi.json]).toEqual([200, expect.objectContaining({ openapi: '3.1.1' })]);
    const schema = await call('GET', 'organization.schema.json');
    expect([schema.status, schema.headers.get('content-type')]).toEqual([200, 'application/schema+json']);
    expect(schema.json).toMatchObject({ type: 'object', required: ['id'], additionalProperties: false });
  });
});

describe('POST evaluations/{evaluation}', () => {
  test('judges domains now, by DNS alone, in the order asked', async () => {
    const { status, json } = await call('POST', 'evaluations/dkim', { domains: ['Shop.Contoso.com.', 'contoso.com'] });
    expect(status).toBe(200);
    const runs = z.array(runSchema).parse(json);
    expect(runs.map(({ subject, answers: given }) => [subject, given['verifiable-now']])).toEqual([
      ['shop.contoso.com', 'no'],
      ['contoso.com', 'undetermined'],
    ]);
  });

  test('judges one subject', async () => {
    const subject = { kind: 'mail-domain', id: 'contoso.com', selectors: ['selector1'] };
    const { json } = await call('POST', 'evaluations/dkim', { subject });
    expect(z.array(runSchema).parse(json)[0]?.answers['verifiable-now']).toBe('yes');
  });

  test('judges a raw export', async () => {
    const { json } = await call('POST', 'evaluations/dkim', { facts: tenant.rows.slice(1, 3) });
    const runs = z.array(runSchema).parse(json);
    expect(runs.map(({ subject, answers: given }) => [subject, given['verifiable-now']])).toEqual([
      ['mail.contoso.com', 'yes'],
      ['shop.contoso.com', 'no'],
    ]);
    const failed = runs[1]?.findings.find(({ verdict }) => verdict === 'fail');
    expect(failed).toMatchObject({ rule: 'dkim/active-key-published', target: 'selector1', owner: 'microsoft' });
    expect(failed?.message).toBe(
      "The active selector selector1 of shop.contoso.com has no key: the CNAME is right, but in Microsoft's DNS the name does not exist (selector1-shop-contoso-com._domainkey.contoso.onmicrosoft.com). Receivers cannot verify what is signed now.",
    );
  });

  test('says which rows of the facts nobody can read', async () => {
    const { json } = await call('POST', 'evaluations/dkim', { facts: [...tenant.rows.slice(1, 3), 7] });
    expect(json).toMatchObject([{ notes: [expect.stringMatching(/is no object with properties/)] }, {}]);
  });

  test('stores nothing', async () => {
    expect((await call('GET', 'organizations')).json).toEqual([]);
  });

  test.each([
    ['no JSON', '{"domains": [', /^The body is no JSON: /],
    ['an empty body', '', 'The body is empty; JSON is expected.'],
  ])('refuses %s', async (_, body, detail) => {
    expectProblem(await call('POST', 'evaluations/dkim', body), 400, 'Bad Request', detail);
  });

  test('names the element that is no domain', async () => {
    const answer = await call('POST', 'evaluations/dkim', { domains: ['contoso.com', 'someone@contoso.com'] });
    expect(answer.status).toBe(400);
    expect(answer.json).toMatchObject({
      title: 'Bad Request',
      issues: [
        'domains[1]: "someone@contoso.com" is no domain name; write the part after the @ of an address, e.g. contoso.com',
      ],
    });
  });

  test('refuses more domains than a request may ask for', async () => {
    const domains = Array.from({ length: 101 }, (_, index) => `d${index}.contoso.com`);
    const answer = await call('POST', 'evaluations/dkim', { domains });
    const detail = "This is about 101 subjects; one request takes 100, more belong into an organization's document.";
    expectProblem(answer, 413, 'Content Too Large', detail);
  });

  test('refuses a key it does not know', async () => {
    const answer = await call('POST', 'evaluations/dkim', { domains: ['contoso.com'], selector: 's1' });
    expect((answer.json as { issues: string[] }).issues).toEqual(['Unrecognized key: "selector"']);
  });

  test('says which evaluations there are', async () => {
    expectProblem(
      await call('POST', 'evaluations/spf', { domains: ['contoso.com'] }),
      404,
      'Not Found',
      'There is no evaluation "spf"; there are dkim, teams-exchange-interop, smtp-source-ip.',
    );
  });

  test('says what another evaluation wants instead of domains', async () => {
    expectProblem(
      await call('POST', 'evaluations/smtp-source-ip', { domains: ['contoso.com'] }),
      400,
      'Bad Request',
      '"domains" is for dkim only; smtp-source-ip wants {"subject": {…}} or {"facts": …}.',
    );
  });

  test('says of which kind a subject has to be', async () => {
    expectProblem(
      await call('POST', 'evaluations/teams-exchange-interop', { subject: { kind: 'mail-domain', id: 'contoso.com' } }),
      400,
      'Bad Request',
      'subject.kind is "mail-domain"; teams-exchange-interop looks at subjects of kind "exchange-organization".',
    );
  });

  test('refuses a body that is too long before it reads JSON', async () => {
    expectProblem(
      await call('POST', 'evaluations/dkim', ' '.repeat(1_000_001)),
      413,
      'Content Too Large',
      'The body is longer than 1 MB.',
    );
  });
});

describe('organizations', () => {
  test('are written, read and listed; the address of a channel is not shown', async () => {
    const put = await call('PUT', 'organizations/contoso', organization());
    expect(put.status).toBe(200);
    const get = await call('GET', 'organizations/contoso');
    expect(get.json).toEqual(put.json);
    expect(get.headers.get('etag')).toBe(put.headers.get('etag'));
    expect(get.json).toMatchObject({
      id: 'contoso',
      channels: { 'mail-team': { kind: 'teams-workflow', url: 'https://(address not shown)' } },
      evaluations: { dkim: { schedule: '0 0 6 * * *', selectors: ['selector1', 'selector2'] } },
    });
    expect((await call('GET', 'organizations')).json).toEqual([{ id: 'contoso', name: 'Contoso' }]);
  });

  test('try a channel out: what it answered and what to do', async () => {
    const flow = await startTeamsSink();
    const channels = { team: { kind: 'teams-workflow', url: flow.url }, nowhere: { url: 'secret:CHANNEL_NOWHERE' } };
    await call('PUT', 'organizations/fabrikam', { id: 'fabrikam', name: 'Fabrikam', channels });
    const tested = await call('POST', 'organizations/fabrikam/channels/team/test');
    expect(tested.json).toMatchObject({
      kind: 'teams-workflow',
      outcome: 'delivered',
      detail: expect.stringContaining('a card that is not in the channel within a minute failed inside the flow'),
    });
    expect(flow.cards.map(({ payload }) => (payload as { summary: string }).summary)).toEqual([
      'Sample. Fabrikam: 1 new problem, 1 resolved in DKIM for sample',
    ]);
    expect(flow.cards.flatMap(({ problems }) => problems)).toEqual([]);
    expect((await call('POST', 'organizations/fabrikam/channels/nowhere/test')).json).toMatchObject({
      outcome: 'rejected',
      detail: expect.stringContaining('the setting CHANNEL_NOWHERE, which should hold its address, is not set'),
    });
    expectProblem(
      await call('POST', 'organizations/fabrikam/channels/other/test'),
      404,
      'Not Found',
      'The channel "other" of fabrikam does not exist.',
    );
    await call('DELETE', 'organizations/fabrikam');
    await flow.close();
  });

  test('keep the address of a channel when the document that was read is written back', async () => {
    const { json } = await call('GET', 'organizations/contoso');
    const put = await call('PUT', 'organizations/contoso', { ...(json as object), name: 'Contoso Ltd' });
    expect([put.status, put.json]).toEqual([200, { ...(json as object), name: 'Contoso Ltd' }]);
    await call('PUT', 'organizations/contoso', { ...(json as object), name: 'Contoso' });
  });

  test('keep what they were before each change, and when it was replaced; no address is shown', async () => {
    const before = Date.now();
    const { json: current } = await call('GET', 'organizations/contoso');
    await call('PUT', 'organizations/contoso', { ...(current as object), retentionDays: 30 });
    // Written once more as it is, it was not changed.
    await call('PUT', 'organizations/contoso', { ...(current as object), retentionDays: 30 });
    await call('PUT', 'organizations/contoso', current);
    const first = await call('GET', 'organizations/contoso/history?limit=1');
    const page = first.json as { items: { replacedAt: string; document: object }[]; continuation: string };
    expect(page.items.map(({ document }) => document)).toEqual([{ ...(current as object), retentionDays: 30 }]);
    expect(Date.parse(page.items[0]?.replacedAt ?? '')).toBeGreaterThanOrEqual(before);
    const next = await call('GET', `organizations/contoso/history?limit=1&continuation=${page.continuation}`);
    expect((next.json as typeof page).items.map(({ document }) => document)).toEqual([current]);
    expect(current).toMatchObject({ channels: { 'mail-team': { url: 'https://(address not shown)' } } });
    expectProblem(
      await call('GET', 'organizations/fabrikam/history'),
      404,
      'Not Found',
      'The organization "fabrikam" does not exist.',
    );
    expect((await call('GET', 'organizations/contoso/history?continuation=made-up')).status).toBe(400);
  });

  test('refuse the stand-in of an address where none is stored', async () => {
    const answer = await call('PUT', 'organizations/fabrikam', {
      id: 'fabrikam',
      channels: { ops: { url: 'https://(address not shown)' } },
    });
    expect(answer.status).toBe(400);
    expect((answer.json as { issues: string[] }).issues).toEqual([
      'channels.ops.url: "https://(address not shown)" stands for an address that is stored, and none is; write the address or secret:NAME',
    ]);
  });

  test('refuse unknown keys by path', async () => {
    const answer = await call(
      'PUT',
      'organizations/contoso',
      organization({ evaluations: { dkim: { shedule: 'x' } } }),
    );
    expect(answer.status).toBe(400);
    expect(answer.json).toMatchObject({
      detail: 'organization document: evaluations.dkim: Unrecognized key: "shedule"',
      issues: ['evaluations.dkim: Unrecognized key: "shedule"'],
    });
  });

  test('name every fault at once', async () => {
    const answer = await call(
      'PUT',
      'organizations/contoso',
      organization({
        evaluations: {
          dkim: { schedule: '0 0 25 * * *', channels: ['mail-team'], rules: { 'dkim/no-such-rule': {} } },
        },
      }),
    );
    expect(answer.status).toBe(400);
    const { issues } = answer.json as { issues: string[] };
    expect(issues).toHaveLength(2);
    expect(issues[0]).toMatch(
      /^evaluations\.dkim\.rules\.dkim\/no-such-rule: is no rule; the rules are dkim\/signing-configured, /,
    );
    expect(issues[1]).toBe(
      'evaluations.dkim.schedule: is no schedule, or never comes due; write NCRONTAB: six fields, {second} {minute} {hour} {day} {month} {day of week}, in UTC, for example "0 */5 * * * *"',
    );
  });

  test('name each of them once, also where two would say so', async () => {
    const changes = { channels: { team: { url: 'ftp://contoso.com' } }, evaluations: { dkim: { schedule: 'daily' } } };
    const answer = await call('PUT', 'organizations/contoso', organization(changes));
    expect((answer.json as { issues: string[] }).issues).toEqual([
      'channels.team.url: is neither secret:NAME (NAME of the setting that holds the address) nor an http(s) address',
      'evaluations.dkim.schedule: is no schedule; write six fields (second minute hour day month weekday, UTC), e.g. "0 0 6 * * *"',
    ]);
  });

  test('refuse a document that belongs to another address', async () => {
    expectProblem(
      await call('PUT', 'organizations/fabrikam', organization()),
      400,
      'Bad Request',
      'The document\'s id is "contoso", but the address says "fabrikam".',
    );
  });

  test('refuse what is no JSON and what is nothing', async () => {
    expectProblem(
      await call('PUT', 'organizations/contoso', 'id: contoso'),
      400,
      'Bad Request',
      /^The body is no JSON: /,
    );
    expectProblem(
      await call('PUT', 'organizations/contoso', ''),
      400,
      'Bad Request',
      'The body is empty; JSON is expected.',
    );
  });

  test('are not overwritten by somebody who has not seen the last change', async () => {
    const seen = await call('GET', 'organizations/contoso');
    const etag = { 'if-match': seen.headers.get('etag') ?? '' };
    const first = await call('PUT', 'organizations/contoso', organization({ name: 'Contoso One' }), etag);
    expect(first.status).toBe(200);
    expectProblem(
      await call('PUT', 'organizations/contoso', organization({ name: 'Contoso Two' }), etag),
      412,
      'Precondition Failed',
      '"contoso" was changed by somebody else meanwhile; read it again, put your change in and send it again.',
    );
    expect((await call('GET', 'organizations/contoso')).json).toMatchObject({ name: 'Contoso One' });
    // Read again, put in, sent again: both changes are there.
    const again = await call('GET', 'organizations/contoso');
    const both = organization({ name: 'Contoso One', tenant: { cloud: 'gcc-high' } });
    expect(
      (await call('PUT', 'organizations/contoso', both, { 'if-match': again.headers.get('etag') ?? '' })).status,
    ).toBe(200);
    expect((await call('GET', 'organizations/contoso')).json).toMatchObject({
      name: 'Contoso One',
      tenant: { cloud: 'gcc-high' },
    });
    await call('PUT', 'organizations/contoso', organization());
  });

  test('of two that write at once without If-Match one wins or both go one after the other, and none is half', async () => {
    const written = await Promise.all(
      ['Contoso A', 'Contoso B'].map((name) => call('PUT', 'organizations/contoso', organization({ name }))),
    );
    expect(written.map(({ status }) => status).filter((status) => status !== 200 && status !== 412)).toEqual([]);
    expect(written.some(({ status }) => status === 200)).toBe(true);
    await call('PUT', 'organizations/contoso', organization());
  });

  test('that are not there are said to be not there', async () => {
    for (const [method, path] of [
      ['GET', 'organizations/fabrikam'],
      ['DELETE', 'organizations/fabrikam'],
      ['GET', 'organizations/fabrikam/evaluations/dkim/subjects'],
      ['POST', 'organizations/fabrikam/evaluations/dkim/runs'],
      ['GET', 'organizations/fabrikam/evaluations/dkim/failed-selectors.csv'],
      ['GET', 'organizations/fabrikam/evaluations/dkim/report'],
      ['GET', 'metrics?organization=fabrikam'],
    ] as const) {
      expectProblem(await call(method, path), 404, 'Not Found', 'The organization "fabrikam" does not exist.');
    }
    expectProblem(
      await call('POST', 'organizations/fabrikam/facts', tenant.rows),
      404,
      'Not Found',
      'The organization "fabrikam" does not exist.',
    );
  });

  test('have only the evaluations that they declare', async () => {
    expectProblem(
      await call('POST', 'organizations/contoso/evaluations/smtp-source-ip/runs'),
      404,
      'Not Found',
      'The evaluation smtp-source-ip of "contoso" does not exist.',
    );
    expectProblem(
      await call('GET', 'organizations/contoso/evaluations/smtp-source-ip/subjects/smtp-in/runbook'),
      404,
      'Not Found',
      'The evaluation smtp-source-ip of "contoso" does not exist.',
    );
    expectProblem(
      await call('GET', 'organizations/contoso/evaluations/spf/subjects'),
      404,
      'Not Found',
      'There is no evaluation "spf"; there are dkim, teams-exchange-interop, smtp-source-ip.',
    );
  });

  test('can be deleted', async () => {
    await call('PUT', 'organizations/litware', { id: 'litware' });
    expect((await call('DELETE', 'organizations/litware')).status).toBe(204);
    expect((await call('GET', 'organizations/litware')).status).toBe(404);
  });

  test('cannot run what has no subject yet', async () => {
    // From here on the document is one that was read and written back: cards arrive only when its address is still there.
    const { json } = await call('GET', 'organizations/contoso');
    await call('PUT', 'organizations/contoso', json);
    expectProblem(
      await call('POST', `${dkim}/runs`),
      409,
      'Conflict',
      'contoso has no subject for dkim: name domains in its document, or supply facts that do.',
    );
  });
});

describe('POST organizations/{org}/facts', () => {
  const facts = 'organizations/contoso/facts';
  const domains = tenant.rows.map(({ Domain }) => Domain);
  const json = JSON.stringify(tenant.rows);
  const utf16 = (text: string) => new Uint8Array(Buffer.from(`\ufeff${text}`, 'utf16le'));
  const powerShell5 = json.replace(/"(\d{4}-\d\d-\d\dT[^"]+Z)"/g, (_, time) => `"\\/Date(${Date.parse(time)})\\/"`);
  const wire = JSON.stringify({
    value: tenant.rows.map((row) => ({ ...row, 'RotateOnDate@data.type': 'System.DateTime', '@odata.etag': 'x' })),
  });

  test.each([
    ['PowerShell 7', json],
    ['PowerShell 5, with \\/Date(…)\\/', powerShell5],
    ['the REST wire shape, with @data.type', wire],
    ['a UTF-8 file with a byte order mark', new Uint8Array(Buffer.from(`\ufeff${json}`))],
    ['a UTF-16 file, as Out-File writes it', utf16(json)],
    ['accepted domains', JSON.stringify(domains.map((domain) => acceptedRow(domain)))],
  ])('takes %s and, told so, does not run', async (_, body) => {
    const { status, json: accepted, headers } = await call('POST', `${facts}?run=false`, body);
    expect([status, headers.get('location')]).toEqual([202, null]);
    expect(accepted).toEqual({
      evaluation: 'dkim',
      subjects: [...domains].sort(),
      expiresAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
    });
  });

  test('takes a single object, and says of every other domain that the export lacks it', async () => {
    const short = await call('POST', `${facts}?run=false`, tenant.rows[0]);
    expectProblem(
      short,
      422,
      'Unprocessable Content',
      /^This list names 1 of 4 watched by contoso and says that the others are not there: .* send it with \?confirm=true\.$/,
    );
    const { status, json: accepted } = await call('POST', `${facts}?run=false&confirm=true`, tenant.rows[0]);
    expect(status).toBe(202);
    expect((accepted as { subjects: string[] }).subjects).toEqual([...domains].sort());
    await call('POST', `${facts}?run=false`, json);
  });

  test('runs, when nothing else was asked for', async () => {
    const { status, json: accepted, headers } = await call('POST', facts, json);
    const { runId } = accepted as { runId: string };
    expect([status, headers.get('location')]).toEqual([202, `/api/runs/${runId}`]);
    expect(await finished(runId)).toMatchObject({ trigger: 'facts', state: 'finished', subjects: 4, done: 4 });
  });

  test.each([
    ['an empty body', '', /is empty/],
    ['what is no export', 'Dear colleagues', /is neither JSON nor CSV, Format-List or CLIXML/],
    ['an empty list', '[]', /holds no rows/],
    [
      'something else',
      '{"Name":"x"}',
      /is neither saved facts nor .*Get-DkimSigningConfig or Get-AcceptedDomain.* nor /,
    ],
  ])('refuses %s', async (_, body, detail) => {
    const answer = await call('POST', facts, body);
    expect(answer.status).toBe(400);
    expect((answer.json as { detail: string }).detail).toMatch(detail);
  });

  test('says which rows speak of no subject; one that cannot be read costs its own', async () => {
    const rows = [
      tenant.rows[0],
      { ...tenant.rows[1], RotateOnDate: 'tomorrow' },
      { ...tenant.rows[0], Domain: 'x y' },
    ];
    const answer = await call('POST', `${facts}?run=false&confirm=true`, rows);
    await call('POST', `${facts}?run=false`, json);
    expect(answer.status).toBe(202);
    expect(answer.json).toMatchObject({
      notes: [
        expect.stringMatching(/^supplied facts, an export of Get-DkimSigningConfig: row 3: "x y" is no domain name/),
        expect.stringMatching(/^This list names 2 of 4 watched by contoso/),
      ],
    });
  });

  test('refuses facts of an evaluation that is not watched', async () => {
    const answer = await call('POST', facts, {
      fieldcheck: 'facts/1',
      evaluation: 'teams-exchange-interop',
      subject: { kind: 'exchange-organization', id: 'contoso' },
      facts: {},
      parts: {},
    });
    expectProblem(
      answer,
      422,
      'Unprocessable Content',
      "These facts are for teams-exchange-interop, which contoso does not watch; add it to the organization's document first.",
    );
  });
});

describe('runs, subjects, history and reports', () => {
  test('history is newest first and paged, one at a time as well', async () => {
    tenant.mend('news.contoso.com');
    await runNow();
    tenant.lose('news.contoso.com');
    await runNow();
    const path = `${dkim}/subjects/news.contoso.com/runs`;
    const whole = (await call('GET', path)).json as { items: { run: { answers: Record<string, string> } }[] };
    expect(whole.items.map(({ run }) => run.answers['verifiable-now'])).toEqual(['no', 'yes', 'no']);
    const paged: unknown[] = [];
    let continuation: string | undefined;
    do {
      const page = (
        await call(
          'GET',
          `${path}?limit=1${continuation === undefined ? '' : `&continuation=${encodeURIComponent(continuation)}`}`,
        )
      ).json as { items: unknown[]; continuation?: string };
      paged.push(...page.items);
      continuation = page.continuation;
    } while (continuation !== undefined);
    expect(paged).toEqual(whole.items);
  });

  test('a run is told where to look, and the same Idempotency-Key is the same run', async () => {
    const key = { 'idempotency-key': 'ticket 4711/ä' };
    const first = await call('POST', `${dkim}/runs`, undefined, key);
    const { runId } = first.json as { runId: string };
    expect([first.status, first.headers.get('location')]).toEqual([202, `/api/runs/${runId}`]);
    await finished(runId);
    const second = await call('POST', `${dkim}/runs`, undefined, key);
    expect(second.status).toBe(202);
    expect(second.json).toMatchObject({ runId, state: 'finished' });
    const other = await call('POST', `${dkim}/runs`, undefined, { 'idempotency-key': 'ticket 4712' });
    expect((other.json as { runId: string }).runId).not.toBe(runId);
    await finished((other.json as { runId: string }).runId);
  });

  test('progress, answers and verdicts of a run are counted', async () => {
    expect(await runNow()).toMatchObject({
      organization: 'contoso',
      evaluation: 'dkim',
      trigger: 'request',
      state: 'finished',
      subjects: 4,
      done: 4,
      answers: { 'verifiable-now': { yes: 2, no: 2 }, 'verifiable-after-rotation': { yes: 4 } },
      verdicts: { fail: 2 },
    });
  });

  test('subjects are paged in order, each with its last known state', async () => {
    const first = (await call('GET', `${dkim}/subjects?limit=3`)).json as {
      items: { run: { subject: string } }[];
      continuation: string;
    };
    const rest = (await call('GET', `${dkim}/subjects?limit=3&continuation=${encodeURIComponent(first.continuation)}`))
      .json as typeof first;
    expect([...first.items, ...rest.items].map(({ run }) => run.subject)).toEqual([
      'contoso.com',
      'mail.contoso.com',
      'news.contoso.com',
      'shop.contoso.com',
    ]);
    expect(rest.continuation).toBeUndefined();
  });

  test('a subject is found by its name in any spelling', async () => {
    const { json } = await call('GET', `${dkim}/subjects/shop.contoso.com`);
    expect(json).toMatchObject({ run: { subject: 'shop.contoso.com', answers: { 'verifiable-now': 'no' } } });
    expect((await call('GET', `${dkim}/subjects/Shop.Contoso.com`)).json).toEqual(json);
  });

  test('what is not watched is said to be not there', async () => {
    const detail = 'The subject "www.contoso.com" of dkim in "contoso" does not exist.';
    expectProblem(await call('GET', `${dkim}/subjects/www.contoso.com`), 404, 'Not Found', detail);
    expectProblem(await call('GET', `${dkim}/subjects/www.contoso.com/runs`), 404, 'Not Found', detail);
    expectProblem(
      await call('GET', 'runs/contoso.dkim.nothing'),
      404,
      'Not Found',
      'The run "contoso.dkim.nothing" does not exist.',
    );
    expectProblem(await call('GET', 'runs/nothing'), 404, 'Not Found', 'The run "nothing" does not exist.');
  });

  test.each(['0', '-1', '1.5', 'ten', '', '1001'])('limit=%s is refused', async (limit) => {
    expectProblem(
      await call('GET', `${dkim}/subjects?limit=${limit}`),
      400,
      'Bad Request',
      'limit must be a whole number from 1 to 1000.',
    );
  });

  test('a continuation of another list, or of none, is refused', async () => {
    const { continuation } = (await call('GET', `${dkim}/subjects?limit=1`)).json as { continuation: string };
    const detail = 'The continuation does not belong to this list. Leave it out to start with the first page.';
    const foreign = encodeURIComponent(continuation);
    for (const path of [
      `${dkim}/subjects/contoso.com/runs?continuation=${foreign}`,
      `${dkim}/subjects?continuation=made-up`,
    ])
      expectProblem(await call('GET', path), 400, 'Bad Request', detail);
  });

  test('a bounce is explained, with what is known of the organization and without', async () => {
    const message = [
      'Received: from mail.contoso.com by mx.fabrikam.com; Tue, 24 Nov 2026 09:30:00 +0000',
      'DKIM-Signature: v=1; a=rsa-sha256; d=shop.contoso.com; s=selector1; h=From; bh=AAAA; b=AAAA',
      'From: Adele <adele@shop.contoso.com>',
      'To: Ben <ben@fabrikam.com>',
      'Subject: swordfish',
      'Message-ID: <1@shop.contoso.com>',
      '',
    ].join('\r\n');
    const alone = await call('POST', 'explanations', message, { 'content-type': 'message/rfc822' });
    expect([alone.status, alone.json]).toEqual([
      200,
      expect.objectContaining({ in: 'headers', answer: 'no', owner: 'dns-operator' }),
    ]);
    const known = await call('POST', 'organizations/contoso/explanations', Buffer.from(message));
    expect([known.status, known.json]).toEqual([
      200,
      expect.objectContaining({
        answer: 'no',
        owner: 'microsoft',
        supportCase: expect.stringContaining('Message-ID: <1@shop.contoso.com>'),
        signatures: [expect.objectContaining({ key: 'missing' })],
      }),
    ]);
    for (const text of [alone.text, known.text, ...log]) expect(text).not.toMatch(/swordfish|ben@|adele@/);
    expectProblem(
      await call('POST', 'explanations', 'Why?', { 'content-type': 'text/plain' }),
      400,
      'Bad Request',
      /^message: is no message/,
      [expect.stringContaining('hand in the message as it was saved (.eml)') as unknown as string],
    );
    expectProblem(
      await call('POST', 'organizations/fabrikam/explanations', message),
      404,
      'Not Found',
      'The organization "fabrikam" does not exist.',
    );
    expectProblem(
      await call('POST', 'explanations', 'x'.repeat(32_000_001)),
      413,
      'Content Too Large',
      'The body is longer than 32 MB; hand in its header alone, copied as text: that is enough to look at its signatures.',
    );
  });

  test('the failed selectors are a CSV for ticketing', async () => {
    const { status, headers, text } = await call('GET', `${dkim}/failed-selectors.csv`);
    expect([status, headers.get('content-type')]).toEqual([200, 'text/csv; charset=utf-8']);
    const [header, ...lines] = text.trim().split(/\r?\n/);
    expect(header).toMatch(/^Domain,Selector,/);
    expect(lines.map((line) => line.split(',').slice(0, 2))).toEqual([
      ['news.contoso.com', 'selector1'],
      ['shop.contoso.com', 'selector1'],
    ]);
  });

  test('incidents are listed, silenced and accepted ones too, and a silence and an acceptance can be ended', async () => {
    const key = 'contoso/dkim/shop.contoso.com/dkim/active-key-published#selector1';
    const { json: listed } = await call('GET', 'organizations/contoso/incidents');
    expect(listed).toContainEqual(
      expect.objectContaining({ key, state: 'open', severity: 'critical', owner: 'microsoft' }),
    );
    const { text } = await call('GET', 'organizations/contoso/incidents.csv?resolved=true');
    expect(text).toMatch(/^key,state,severity,owner,since,/);
    expect(text).toContain(`${key},open,critical,microsoft,`);

    const soon = new Date(Date.now() + 3_600_000).toISOString();
    const said = { until: soon, reason: 'Known.', ticket: 'CHG-1', by: 'Adele' };
    const silence = await call('POST', 'organizations/contoso/silences', { match: { subject: 'shop.*' }, ...said });
    expect(silence).toMatchObject({
      status: 201,
      json: { by: 'Adele', match: { subject: 'shop.*' }, ticket: 'CHG-1' },
    });
    const acceptance = await call('POST', 'organizations/contoso/acceptances', { key, ...said, by: undefined });
    expect(acceptance).toMatchObject({
      status: 201,
      json: { key, severity: 'critical', by: 'this machine' },
    });
    const { json: both } = await call('GET', 'organizations/contoso/incidents');
    expect(both).toContainEqual(
      expect.objectContaining({
        key,
        state: 'open',
        accepted: expect.stringContaining('Accepted by this machine until '),
        silenced: expect.stringContaining('(CHG-1): Known.'),
      }),
    );
    for (const [kind, { json: one }] of [
      ['silences', silence],
      ['acceptances', acceptance],
    ] as const) {
      const { id } = one as { id: string };
      expect((await call('GET', `organizations/contoso/${kind}`)).json).toEqual([one]);
      const ended = await call('DELETE', `organizations/contoso/${kind}/${id}`);
      expect(ended.json).toMatchObject({ id, endedFor: 'ended by this machine' });
      expect((await call('GET', `organizations/contoso/${kind}`)).json).toEqual([]);
      expect((await call('GET', `organizations/contoso/${kind}?all=true`)).json).toEqual([ended.json]);
      expect((await call('DELETE', `organizations/contoso/${kind}/none`)).status).toBe(404);
    }
  });

  test.each([
    ['silences', { match: {}, until: '2027-01-01', reason: 'x' }, 400, 'match: names nothing'],
    ['silences', { match: { subject: '*' }, reason: 'x' }, 400, 'until'],
    [
      'silences',
      { match: { subject: '*' }, until: '2020-01-01', reason: 'x' },
      400,
      'until: 2020-01-01T00:00:00.000Z is past',
    ],
    ['silences', { match: { subject: '*' }, until: '2099-01-01', reason: 'x' }, 400, 'a silence lasts 90 days at most'],
    ['silences', { match: { rule: 'dkim/none' }, until: '2099-01-01', reason: 'x' }, 400, 'is no rule'],
    ['acceptances', { key: 'fabrikam/dkim/a/b', until: '2099-01-01', reason: 'x' }, 400, 'is no incident of contoso'],
    ['acceptances', { key: 'contoso/dkim/a/dkim/b', until: '2099-01-01', reason: 'x' }, 404, 'does not exist'],
  ])('%s: %o is refused', async (kind, body, status, words) => {
    const refused = await call('POST', `organizations/contoso/${kind}`, body);
    expect([refused.status, refused.text]).toEqual([status, expect.stringContaining(words)]);
  });

  test('the report is a page without scripts that names what fails', async () => {
    const { status, headers, text } = await call('GET', `${dkim}/report`);
    expect([status, headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    expect(headers.get('content-security-policy')).toMatch(
      /^default-src 'none'; style-src 'sha256-[^']+'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'$/,
    );
    expect(headers.get('referrer-policy')).toBe('no-referrer');
    expect(text).toContain('The active selector selector1 of shop.contoso.com has no key');
  });

  test.each([
    ['md', 'text/markdown; charset=utf-8', /^# Contoso: DKIM\n/],
    ['csv', 'text/csv; charset=utf-8', /^Evaluation,Subject,Rule,/],
    ['json', 'application/json', /^\[\n {2}\{\n {4}"evaluation": "dkim"/],
    ['junit', 'application/xml', /^<\?xml .*<testsuites/s],
    ['text', 'text/plain; charset=utf-8', /looked at/],
    ['xlsx', 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet', /^PK/],
  ])('the report comes as %s by ?format= and by Accept', async (format, mediaType, begins) => {
    const asked = await call('GET', `${dkim}/report?format=${format}`);
    expect([asked.status, asked.headers.get('content-type')]).toEqual([200, mediaType]);
    expect(asked.text).toMatch(begins);
    const accepted = await call('GET', 'organizations/contoso/report', undefined, { accept: mediaType });
    expect([accepted.status, accepted.headers.get('content-type')]).toEqual([200, mediaType]);
    expect(accepted.headers.get('content-disposition')).toContain('filename="contoso-report.');
  });

  test('a format that there is not is refused with those that there are', async () => {
    expectProblem(
      await call('GET', `${dkim}/report?format=pdf`),
      400,
      'Bad Request',
      'format must be one of text, md, csv, json, junit, html, xlsx.',
    );
  });

  test('every page is there for people, with a policy that lets nothing inline in', async () => {
    const [{ runId }] = (await call('GET', 'health').then(
      ({ json }) => (json as { lastRuns: { runId: string }[] }).lastRuns,
    )) as [{ runId: string }];
    const contoso = 'pages/organizations/contoso';
    const pages = [
      ['pages', '<bdi>Contoso</bdi> has something to mend'],
      [contoso, 'To mend, by owner'],
      [`${contoso}/dkim`, 'DKIM: receivers cannot verify 2 of '],
      [`${contoso}/dkim?q=shop&answer=no`, '1 of '],
      [`${contoso}/dkim/subjects/shop.contoso.com`, 'receivers cannot verify the domain'],
      [`pages/runs/${runId}`, 'looked at'],
      ['pages/rules', 'rules decide 11 questions'],
      ['pages/rules/dkim/active-key-published', 'The key of the active selector is published'],
      ['pages/health', 'Channels'],
      ['pages/doctor', 'looked at from where fieldcheck runs'],
      ['pages/explain', 'Why was this message not verified?'],
    ] as const;
    for (const [path, sentence] of pages) {
      const { status, headers, text } = await call('GET', path);
      expect([path, status, headers.get('content-type')]).toEqual([path, 200, 'text/html; charset=utf-8']);
      expect(headers.get('content-security-policy')).toContain("script-src 'self'; img-src data:; form-action 'self'");
      expect(text).toContain(sentence);
      expect(text).not.toMatch(/<style|style="|<script>| on[a-z]+="/);
    }
    for (const [path, mediaType] of [
      ['pages/style.css', 'text/css; charset=utf-8'],
      ['pages/script.js', 'text/javascript; charset=utf-8'],
    ] as const) {
      const { headers } = await call('GET', path);
      expect([headers.get('content-type'), headers.get('cache-control')]).toEqual([
        mediaType,
        'public, max-age=31536000, immutable',
      ]);
    }
  });

  test('what there is not is a page that says so', async () => {
    const { status, text } = await call('GET', 'pages/organizations/nobody');
    expect(status).toBe(404);
    expect(text).toContain('The organization &quot;nobody&quot; does not exist.');
  });

  test('a form starts a run and shows it, but only from a page of the same origin', async () => {
    const path = 'pages/organizations/contoso/dkim/runs';
    const foreign = await call('POST', path, '', { 'sec-fetch-site': 'same-site' });
    expect([foreign.status, foreign.text]).toEqual([
      400,
      expect.stringContaining('was not sent from a page of fieldcheck'),
    ]);
    const response = await fetch(`${host.url}/api/${path}`, {
      method: 'POST',
      redirect: 'manual',
      headers: { 'sec-fetch-site': 'same-origin' },
    });
    expect(response.status).toBe(303);
    expect(response.headers.get('location')).toMatch(/^\/api\/pages\/runs\/contoso\.dkim\./);
    await finished((response.headers.get('location') ?? '').slice('/api/pages/runs/'.length));
  });

  test('forms accept an incident and silence a maintenance, say so on the pages, and end them', async () => {
    const send = (path: string, fields: Record<string, string>) =>
      fetch(`${host.url}/api/${path}`, {
        method: 'POST',
        redirect: 'manual',
        headers: { 'content-type': 'application/x-www-form-urlencoded', 'sec-fetch-site': 'same-origin' },
        body: new URLSearchParams(fields).toString(),
      });
    const until = new Date(Date.now() + 10 * 86_400_000).toISOString().slice(0, 10);
    const subject = 'pages/organizations/contoso/dkim/subjects/shop.contoso.com';
    const [, key = ''] = /name="key" value="([^"]+)"/.exec((await call('GET', subject)).text) ?? [];
    expect(key).toBe('contoso/dkim/shop.contoso.com/dkim/active-key-published#selector1');
    const accepted = await send(`${subject}/acceptances`, { key, until, reason: 'The shop closes.', ticket: 'RISK-7' });
    expect([accepted.status, accepted.headers.get('location')]).toEqual([303, `/api/${subject}`]);
    expect((await call('GET', subject)).text).toMatch(/Accepted by .* until .* \(RISK-7\): The shop closes\./);

    const silenced = await send('pages/statements/contoso', {
      evaluation: '',
      subject: '*',
      until,
      reason: 'Zone moves',
    });
    expect([silenced.status, silenced.headers.get('location')]).toEqual([303, '/api/pages/organizations/contoso']);
    const { text } = await call('GET', 'pages/organizations/contoso');
    expect(text).toContain('Silences and acceptances: 2 hold');
    const ends = [...text.matchAll(/action="\/api\/(pages\/statements\/contoso\/[^"]+\/end)"/g)].map(
      ([, path = '']) => path,
    );
    expect(ends).toHaveLength(2);
    for (const end of ends) expect((await send(end, {})).status).toBe(303);
    expect((await call('GET', 'pages/organizations/contoso')).text).toContain('Nothing is silenced or accepted.');
    const late = await send('pages/statements/contoso', { subject: '*', until: '2020-01-01', reason: 'x' });
    expect([late.status, await late.text()]).toEqual([400, expect.stringMatching(/until: 2020-01-01\S* is past/)]);
  });

  test('a bounce that is pasted is explained on the page, and what is none is refused there', async () => {
    const paste = (message: string) =>
      call('POST', 'pages/explain', new URLSearchParams({ message, organization: '' }).toString(), {
        'content-type': 'application/x-www-form-urlencoded',
        'sec-fetch-site': 'same-origin',
      });
    expect((await paste('hello')).text).toContain('It could not be explained.');
    const header =
      'DKIM-Signature: v=1; a=rsa-sha256; d=shop.contoso.com; s=selector1; h=from; bh=AA==; b=AA==\r\nFrom: a@shop.contoso.com\r\n\r\n';
    const { status, text } = await paste(header);
    expect(status).toBe(200);
    expect(text).toContain('aria-label="Explanation"');
    expect(text).toContain('shop.contoso.com');
  });

  test('the local host leads a browser from its root to the overview, and tells others what there is', async () => {
    const browser = await fetch(host.url, { redirect: 'manual', headers: { accept: 'text/html,*/*' } });
    expect([browser.status, browser.headers.get('location')]).toEqual([302, '/api/pages']);
    expect(await (await fetch(host.url)).text()).toContain('The local Functions host is running.');
  });

  test('the numbers are there for Prometheus, subjects only when asked for', async () => {
    const { status, headers, text } = await call('GET', 'metrics');
    expect([status, headers.get('content-type')]).toEqual([
      200,
      'application/openmetrics-text; version=1.0.0; charset=utf-8',
    ]);
    const contoso = 'organization="contoso",evaluation="dkim"';
    expect(text).toContain(`fieldcheck_subjects{${contoso},question="verifiable-now",answer="no"} 2\n`);
    expect(text).not.toContain('shop.contoso.com');
    const { text: one } = await call('GET', 'metrics?organization=contoso&subjects=true');
    expect(one).toContain(
      `fieldcheck_subject_answer{${contoso},subject="shop.contoso.com",question="verifiable-now",answer="no"} 1\n`,
    );
    expectProblem(
      await call('GET', 'metrics?subjects=true'),
      400,
      'Bad Request',
      'subjects=true wants organization=ID: each subject is a series of its own.',
    );
    expectProblem(await call('GET', 'metrics?subjects=yes'), 400, 'Bad Request', 'subjects must be true or false.');
  });

  test('a badge is there once the document says so', async () => {
    const path = `${dkim}/badge.svg`;
    expectProblem(await call('GET', path), 404, 'Not Found', 'There is no such badge.');
    expectProblem(
      await call('GET', 'organizations/fabrikam/evaluations/dkim/badge.svg'),
      404,
      'Not Found',
      'There is no such badge.',
    );
    const { json } = await call('GET', 'organizations/contoso');
    await call('PUT', 'organizations/contoso', { ...(json as object), badge: true });
    const { status, headers, text } = await call('GET', path);
    expect([status, headers.get('content-type'), headers.get('cache-control')]).toEqual([
      200,
      'image/svg+xml',
      'no-cache',
    ]);
    expect(text).toMatch(/aria-label="DKIM: no: 2 of \d+"/);
    await call('PUT', 'organizations/contoso', json);
  });

  test('the channel was told what changed, one card for a run, with a link to the report', async () => {
    await expect.poll(() => sink.cards.length, { timeout: 15_000 }).toBe(3);
    const said = sink.cards.map(({ payload }) => (payload as { summary: string }).summary);
    expect(said).toEqual([
      'Contoso: 2 new problems in DKIM',
      'Contoso: 1 resolved in DKIM for news.contoso.com',
      'Contoso: 1 back again in DKIM for news.contoso.com',
    ]);
    expect(sink.cards.flatMap(({ problems }) => problems)).toEqual([]);
    expect(entries).toContainEqual({
      functionName: 'deliverNudged',
      invocationId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      level: 'information',
      category: 'Function.deliverNudged.User',
      message: expect.stringMatching(/^\{"message":"notice delivered",.*"runId":"contoso\.dkim\./),
    });
    const finishes = log.filter((line) => line.includes('"run finished"'));
    expect(new Set(finishes).size).toBe(finishes.length);
    expect(JSON.stringify(sink.cards[0]?.payload)).toContain(
      'https://fieldcheck.contoso.com/api/pages/organizations/contoso/dkim',
    );
  });

  test('a timer called by hand starts nothing that ran since its slot', async () => {
    const before = (await call('GET', 'health')).json;
    const { status } = await fetch(`${host.url}/admin/functions/startDueRuns`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"input": ""}',
    });
    expect(status).toBe(202);
    expect((await call('GET', 'health')).json).toEqual(before);
    expect(before).toMatchObject({
      status: 'ok',
      lastRuns: [{ organization: 'contoso', evaluation: 'dkim', state: 'finished' }],
    });
  });
});

describe('when the storage is gone', () => {
  test('health says so with 503, and every door asks to come back', { timeout: 60_000 }, async () => {
    await azurite.stop();
    const [health, list] = await Promise.all([call('GET', 'health'), call('GET', 'organizations')]);
    expect(health.status).toBe(503);
    expect(health.json).toEqual({
      status: 'down',
      storage: expect.stringMatching(/^The storage is not available: 127\.0\.0\.1:\d+ /),
      faults: [],
      lastRuns: [],
      lastDeliveries: [],
      rejectedNotices: 0,
    });
    expectProblem(list, 503, 'Service Unavailable', /^The storage is not available: 127\.0\.0\.1:\d+ /);
    expect(list.headers.get('retry-after')).toBe('5');
  });
});

describe('secrets', () => {
  test('the address of the channel stood in no answer and in no line of the log', () => {
    const { pathname, search } = new URL(sink.url);
    expect(answers.length).toBeGreaterThan(80);
    expect(log.some((line) => line.includes('notice delivered'))).toBe(true);
    for (const text of [...answers, ...log]) {
      expect(text).not.toContain(pathname);
      expect(text).not.toContain(search);
    }
  });
});
