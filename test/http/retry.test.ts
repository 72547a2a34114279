import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createHttp, type Http } from '../../src/http/client.ts';
import { createPatientHttp, type PatientHttp, retryAfterSeconds } from '../../src/http/retry.ts';
import { type Loopback, selfSigned, startLoopback } from '../notifiers/loopback.ts';
import { refusal } from '../tenant/refusal.ts';

const tls = selfSigned('localhost');
const backOffSeconds = [0, 0, 0];
let server: Loopback;
let answers: ((tries: number) => { status: number; retryAfter?: string } | 'hang' | 'cut')[];
let connections: Http;
let http: PatientHttp;

beforeEach(async () => {
  answers = [];
  server = await startLoopback((_, response) => {
    const answer = answers.shift()?.(server.arrived.length) ?? { status: 200 };
    if (answer === 'hang') return;
    if (answer === 'cut') {
      response.destroy();
      return;
    }
    const headers = answer.retryAfter === undefined ? {} : { 'retry-after': answer.retryAfter };
    response.writeHead(answer.status, headers).end('{}');
  }, tls);
  connections = createHttp({ ca: [tls.cert] });
  http = createPatientHttp(connections, { backOffSeconds });
});
afterEach(async () => {
  connections.close();
  await server.close();
});

const ask = (by: PatientHttp = http, scheme = 'https', signal = AbortSignal.timeout(20_000)) =>
  by.send({
    service: 'The service',
    pace: { key: 'a', perSecond: 1000 },
    url: new URL(`${scheme}://localhost:${server.port}/`),
    method: 'GET',
    headers: {},
    signal,
  });

describe('requests to cloud services', () => {
  it('trust the roots that were given, and no others', async () => {
    expect((await ask()).status).toBe(200);
    const others = createHttp();
    expect(await refusal(ask(createPatientHttp(others)))).toEqual({
      reason: 'unreachable',
      says: `the certificate of localhost:${server.port} is not trusted (DEPTH_ZERO_SELF_SIGNED_CERT), so The service was not asked; if it is yours, name its root with --ca`,
    });
    others.close();
  });

  it('go over https, so that no token travels in the clear', async () => {
    expect(await refusal(ask(http, 'http'))).toEqual({
      reason: 'refused',
      says: `The service is asked over https only, and its endpoint is given as http://localhost:${server.port}`,
    });
  });

  it('are sent again after a connection was cut or a gateway was at fault', async () => {
    answers = [() => 'cut', () => ({ status: 502 }), () => ({ status: 200 })];
    expect((await ask()).status).toBe(200);
    expect(server.arrived).toHaveLength(3);
  });

  it('say where nobody answers', async () => {
    await server.close();
    expect(await refusal(ask())).toEqual({
      reason: 'unreachable',
      says: `The service cannot be reached at localhost:${server.port} (ECONNREFUSED), 4 times in a row; it is asked again at the next run`,
    });
  });

  it('give up on a service that stays at fault, and say how often it was', async () => {
    answers = Array.from({ length: 9 }, () => () => ({ status: 500 }));
    expect(await refusal(ask())).toEqual({
      reason: 'unreachable',
      says: 'The service is at fault (500), 4 times in a row; it is asked again at the next run',
    });
    expect(server.arrived).toHaveLength(4);
  });

  it('wait until the date that a service names', async () => {
    const past = new Date(Date.now() - 60_000).toUTCString();
    answers = [() => ({ status: 429, retryAfter: past })];
    expect((await ask()).status).toBe(200);
  });

  it('end by their own limit when nothing comes', async () => {
    const hasty = createPatientHttp(connections, { backOffSeconds, tryLimitMs: 200 });
    answers = Array.from({ length: 9 }, () => () => 'hang');
    expect(await refusal(ask(hasty))).toEqual({
      reason: 'timeout',
      says: 'The service did not answer within 0.2 s, 4 times in a row; it is asked again at the next run',
    });
  });

  it('end when everything stops', async () => {
    answers = [() => 'hang'];
    const asked = refusal(ask());
    connections.close();
    expect(await asked).toEqual({ reason: 'timeout', says: 'The service was not waited for any longer' });
  });

  it('keep one pace for each key', async () => {
    const slow = (key: string) =>
      http.send({
        service: 'The service',
        pace: { key, perSecond: 0.001 },
        url: new URL(`https://localhost:${server.port}/`),
        method: 'GET',
        headers: {},
        signal: AbortSignal.timeout(2_000),
      });
    expect((await slow('one')).status).toBe(200);
    expect((await slow('two')).status).toBe(200);
    expect((await refusal(slow('one'))).says).toBe('The service was not waited for any longer');
    expect(server.arrived).toHaveLength(2);
  });
});

describe('Retry-After', () => {
  const now = new Date('2026-11-24T09:30:00Z');

  it.each([
    ['7', 7],
    [' 120 ', 120],
    ['0', 0],
    ['86400', 86_400],
    ['Tue, 24 Nov 2026 09:30:30 GMT', 30],
    ['Tue, 24 Nov 2026 09:00:00 GMT', 0],
    ['Wed, 25 Nov 2026 09:30:00 GMT', 86_400],
    ['soon', undefined],
    ['-5', undefined],
    ['1.5', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('%j is %s seconds', (header, seconds) => {
    expect(retryAfterSeconds(header, now)).toBe(seconds);
  });
});
