// Runs of the App as traces and metrics, at a collector on loopback that keeps what it is sent (OTLP over HTTP in JSON,
// https://opentelemetry.io/docs/specs/otlp/#otlphttp).
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createTelemetry } from '../../src/telemetry/opentelemetry.ts';

interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly status: { readonly code?: number };
}

let collector: Server;
const arrived: { readonly path: string; readonly headers: IncomingHttpHeaders; readonly body: string }[] = [];

beforeAll(async () => {
  collector = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    arrived.push({ path: request.url ?? '', headers: request.headers, body });
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
  await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
  vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', `http://127.0.0.1:${(collector.address() as AddressInfo).port}`);
  vi.stubEnv('OTEL_SERVICE_NAME', 'fieldcheck-contoso');
});
afterAll(() => {
  vi.unstubAllEnvs();
  collector.close();
});

const work = {
  runId: 'contoso.dkim.20261124T060000Z-1',
  organization: 'contoso',
  evaluation: 'dkim',
  startedAt: '2026-11-24T06:00:00.000Z',
  endedAt: '2026-11-24T06:00:02.500Z',
  subjects: 20,
  complete: true,
};

const sentTo = (path: string) => arrived.filter((one) => one.path === path).map(({ body }) => JSON.parse(body));
const spans = (): Span[] =>
  sentTo('/v1/traces').flatMap(({ resourceSpans }) =>
    resourceSpans.flatMap(({ scopeSpans }: { scopeSpans: { spans: Span[] }[] }) =>
      scopeSpans.flatMap((of) => of.spans),
    ),
  );

test('a run and its slices are one trace, whichever process worked on them', async () => {
  const [one, other] = [createTelemetry(), createTelemetry()];
  one.sliceEnded({ ...work, slice: 0, subjects: 12 });
  other.sliceEnded({ ...work, slice: 1, subjects: 8 });
  one.runEnded(work);
  one.runEnded({ ...work, runId: 'contoso.dkim.20261125T060000Z-2', complete: false });
  await Promise.all([one.close(), other.close()]);

  const [root] = spans().filter(({ name, status }) => name === 'run dkim' && status.code !== 2);
  expect(root?.parentSpanId ?? '').toBe('');
  const slices = spans().filter(({ name }) => name.startsWith('slice '));
  expect(slices.map(({ name }) => name).sort()).toEqual(['slice 0', 'slice 1']);
  for (const slice of slices) expect([slice.traceId, slice.parentSpanId]).toEqual([root?.traceId, root?.spanId]);
  expect(Number(root?.endTimeUnixNano) - Number(root?.startTimeUnixNano)).toBe(2.5e9);
  expect(spans().filter(({ status }) => status.code === 2)).toHaveLength(1);
  expect(arrived[0]?.body).toContain('fieldcheck-contoso');
});

test('durations of runs and subjects looked at are metrics, with no subject in them', () => {
  const text = JSON.stringify(sentTo('/v1/metrics'));
  for (const name of ['fieldcheck.run.duration', 'fieldcheck.subjects']) expect(text).toContain(name);
  expect(text).not.toContain('contoso.com');
});

test('headers and attributes that the variables name go along, as JSON', async () => {
  vi.stubEnv('OTEL_EXPORTER_OTLP_HEADERS', 'x-tenant=contoso');
  vi.stubEnv('OTEL_RESOURCE_ATTRIBUTES', 'deployment.environment.name=test');
  vi.stubEnv('OTEL_EXPORTER_OTLP_PROTOCOL', 'http/protobuf');
  arrived.length = 0;
  const telemetry = createTelemetry();
  telemetry.runEnded(work);
  await telemetry.close();
  expect(arrived.map(({ path }) => path).sort()).toEqual(['/v1/metrics', '/v1/traces']);
  for (const { headers, body } of arrived) {
    expect(headers).toMatchObject({ 'content-type': 'application/json', 'x-tenant': 'contoso' });
    expect(body).toContain('{"key":"deployment.environment.name","value":{"stringValue":"test"}}');
    expect(body).toContain('{"key":"service.name","value":{"stringValue":"fieldcheck-contoso"}}');
  }
});

test('a collector that is away disturbs nobody', async () => {
  vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', 'http://127.0.0.1:9');
  vi.stubEnv('OTEL_EXPORTER_OTLP_TIMEOUT', '500');
  const telemetry = createTelemetry();
  telemetry.runEnded(work);
  await telemetry.close();
});
