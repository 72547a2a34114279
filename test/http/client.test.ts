import type { RequestListener } from 'node:http';
import type { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createHttp, type Http, type HttpRequest } from '../../src/http/client.ts';
import { HttpFailure } from '../../src/http/failure-words.ts';
import { type Loopback, startLoopback } from '../notifiers/loopback.ts';

let server: Loopback;
let answer: RequestListener;
let sockets: Set<Socket>;
let http: Http;

beforeEach(async () => {
  sockets = new Set();
  answer = (_request, response) => void response.end('all of it');
  server = await startLoopback((request, response) => {
    sockets.add(request.socket);
    answer(request, response);
  });
  http = createHttp();
});
afterEach(async () => {
  http.close();
  await server.close();
});

const secret = '/hook?sig=SECRET';

const ask = (changes: Partial<HttpRequest> = {}, by: Http = http) =>
  by.send({
    to: new URL(`http://localhost:${server.port}${secret}`),
    method: 'GET',
    signal: new AbortController().signal,
    limitMs: 10_000,
    bodyLimit: 100,
    ...changes,
  });

async function failure(asked: Promise<unknown>): Promise<string> {
  const error = await asked.then(
    () => expect.fail('it was answered'),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof HttpFailure)) throw error;
  expect(`${error.stack} ${JSON.stringify(error)}`).not.toContain('SECRET');
  return `${error.kind}: ${error.message}`;
}

describe('an answer', () => {
  it('comes with its status, the first line of each header, and its body', async () => {
    answer = (_request, response) => {
      response.writeHead(404, ['Set-Cookie', 'a=1', 'Set-Cookie', 'b=2', 'Retry-After', '7']).end('nobody');
    };
    const { status, headers, body } = await ask();
    expect([status, headers['set-cookie'], headers['retry-after'], body.toString()]).toEqual([
      404,
      'a=1',
      '7',
      'nobody',
    ]);
    expect(server.arrived[0]).toMatchObject({ method: 'GET', target: secret, headers: { 'user-agent': 'fieldcheck' } });
  });

  it('that redirects is the answer', async () => {
    answer = (_request, response) => void response.writeHead(302, { location: '/elsewhere' }).end();
    expect((await ask()).status).toBe(302);
    expect(server.arrived).toHaveLength(1);
  });

  it('may be as long as the limit, and no byte longer', async () => {
    answer = (_request, response) => void response.end('x'.repeat(100));
    expect((await ask()).body).toHaveLength(100);
    expect(await failure(ask({ bodyLimit: 99 }))).toBe('too-large: sent an answer beyond every size');
  });

  it('of which the start is enough, is not waited for to its end', async () => {
    answer = (_request, response) => void response.write('x'.repeat(1000));
    expect((await ask({ startIsEnough: true })).body.toString()).toBe('x'.repeat(100));
    answer = (_request, response) => void response.writeHead(503).write('x'.repeat(1000));
    expect(await ask()).toMatchObject({ status: 503, body: Buffer.from('x'.repeat(100)) });
  });

  it('that breaks off is none, unless the start is enough', async () => {
    answer = (_request, response) => {
      response.writeHead(200, { 'content-length': '50' }).write('half of', () => response.destroy());
    };
    expect(await failure(ask())).toMatch(/^unreachable: cannot be reached \([A-Z_]+\)$/);
    expect((await ask({ startIsEnough: true })).body.toString()).toBe('half of');
  });
});

describe('no answer', () => {
  it('in time', async () => {
    answer = () => {};
    expect(await failure(ask({ limitMs: 100 }))).toBe('timeout: did not answer within 0.1 s');
    answer = (_request, response) => void response.write('x');
    expect(await failure(ask({ limitMs: 100 }))).toBe('timeout: did not answer within 0.1 s');
  });

  it('while anybody waits', async () => {
    answer = () => {};
    const controller = new AbortController();
    const asked = failure(ask({ signal: controller.signal }));
    controller.abort();
    expect(await asked).toBe('stopped: was not waited for any longer');
    expect(await failure(ask({ signal: AbortSignal.abort() }))).toBe('stopped: was not waited for any longer');
  });

  it('before everything ends, and none after that', async () => {
    answer = () => http.close();
    expect(await failure(ask())).toBe('stopped: was not waited for any longer');
    expect(http.closed.aborted).toBe(true);
    expect(await failure(ask())).toBe('stopped: was not waited for any longer');
    const unused = createHttp();
    unused.close();
    expect(await failure(ask({}, unused))).toBe('stopped: was not waited for any longer');
    expect(server.arrived).toHaveLength(1);
  });

  it('where nobody listens', async () => {
    await server.close();
    expect(await failure(ask())).toBe('unreachable: cannot be reached (ECONNREFUSED)');
  });
});

describe('connections', () => {
  it('are kept for the requests that follow', async () => {
    // A request that comes at the very end of another opens one more.
    for (let count = 0; count < 10; count++) await ask();
    expect(server.arrived).toHaveLength(10);
    expect(sockets.size).toBeLessThan(10);
  });

  it('are for one request each where what is sent goes out as it was written', async () => {
    const asWritten = createHttp({ asWritten: true });
    const to = { origin: `http://localhost:${server.port}`, target: "/a?sig=%2f~'()*&x=/../%7e" };
    await ask({ to, headers: { host: 'contoso.com:443' } }, asWritten);
    await ask({ to, headers: { host: 'contoso.com:443' } }, asWritten);
    expect(sockets.size).toBe(2);
    expect(server.arrived[0]).toMatchObject({ target: to.target, host: 'contoso.com:443' });
    asWritten.close();
  });
});
