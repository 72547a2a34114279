import { request } from 'node:http';
import { connect, createServer } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startFixture } from './start.ts';

const getJson = async (url: string, init?: RequestInit) => (await fetch(url, init)).json();

describe('the HTTP door', () => {
  it('hands over method, URL, parameters, query, headers and body', async () => {
    const { url } = await startFixture('http.ts');
    const answer = await getJson(`${url}/api/things/caf%C3%A9?a=1&b=2&a=3`, {
      method: 'PUT',
      headers: { 'X-Greeting': 'hello' },
      body: 'the body',
    });
    expect(answer).toEqual({
      method: 'PUT',
      url: `${url}/api/things/caf%C3%A9?a=1&b=2&a=3`,
      params: { thing: 'café' },
      query: { a: '1,3', b: '2' },
      greeting: 'hello',
      body: 'the body',
    });
  });

  it('finds the most specific route', async () => {
    const { url } = await startFixture('http.ts');
    expect(await getJson(`${url}/api/things/special`)).toMatchObject({ params: {} });
    expect(await getJson(`${url}/api/things/7`)).toMatchObject({ params: { number: '7' } });
    expect(await getJson(`${url}/api/things/seven`)).toMatchObject({ params: { thing: 'seven' } });
    expect(await getJson(`${url}/api/files/a/b`)).toMatchObject({ params: { path: 'a/b' } });
    expect(await getJson(`${url}/api/byname`)).toMatchObject({ method: 'GET' });
  });

  it('honours the route prefix of host.json, also an empty one', async () => {
    const hostJson = { version: '2.0', extensions: { http: { routePrefix: '' } } };
    const { url } = await startFixture('http.ts', { hostJson });
    expect(await getJson(`${url}/things/7`)).toMatchObject({ params: { number: '7' } });
    expect((await fetch(`${url}/api/things/7`)).status).toBe(404);
  });

  it('answers 404 to an unknown path and 405 with the methods to an unknown method', async () => {
    const { url } = await startFixture('http.ts');
    const unknown = await fetch(`${url}/api/nowhere`);
    expect([unknown.status, await unknown.text()]).toEqual([404, 'No function answers /api/nowhere.\n']);
    const wrong = await fetch(`${url}/api/things/a`, { method: 'POST' });
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'DELETE, GET, PUT']);
    expect(await wrong.text()).toBe('/api/things/a answers DELETE, GET, PUT, not POST.\n');
  });

  it('takes two slashes at the start for a path, not for another host', async () => {
    const { port } = await startFixture('http.ts');
    const status = await new Promise((resolve) => {
      request({ port, host: '127.0.0.1', path: '//evil.example/api/byName' }, (response) => {
        response.resume();
        resolve(response.statusCode);
      }).end();
    });
    expect(status).toBe(404);
  });

  it('carries bytes unchanged in both directions', async () => {
    const { url } = await startFixture('http.ts');
    const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
    const response = await fetch(`${url}/api/reverse`, { method: 'POST', body: bytes });
    expect(response.headers.get('content-type')).toBe('application/octet-stream');
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(bytes.reverse());
  });

  it('answers 204 when the handler returns nothing', async () => {
    const { url } = await startFixture('http.ts');
    expect((await fetch(`${url}/api/nothing`)).status).toBe(204);
  });

  it('sends status and cookies', async () => {
    const { url } = await startFixture('http.ts');
    const response = await fetch(`${url}/api/cookies`);
    expect(response.status).toBe(201);
    expect(response.headers.getSetCookie()).toEqual(['a=x%20y; Path=/; HttpOnly; SameSite=Lax', 'b=2; Max-Age=60']);
  });

  it('answers an empty 500 when the handler throws, and logs why', async () => {
    const { url, log } = await startFixture('http.ts');
    const response = await fetch(`${url}/api/broken`);
    expect([response.status, await response.text()]).toEqual([500, '']);
    expect(log.find((entry) => entry.functionName === 'broken')).toMatchObject({
      level: 'error',
      category: 'Function.broken',
      message: expect.stringMatching(/^Failed after \d+ ms: Error: the inside story\n {4}at /),
    });
  });

  it('lists what it answers at /', async () => {
    const { url } = await startFixture('http.ts');
    expect(await (await fetch(url)).text()).toContain('PUT,DELETE       /api/things/{thing}\n');
  });

  it('gives up a body that does not come on, and goes on with others', async () => {
    const { url, port } = await startFixture('http.ts', { bodyIdleMs: 200 });
    const socket = connect(port, '127.0.0.1');
    socket.write('PUT /api/things/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf of it');
    const answer = Buffer.concat(await socket.toArray()).toString();
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    expect(answer).toContain('The body did not come on.');
    expect(await getJson(`${url}/api/things/a`, { method: 'PUT', body: 'whole' })).toMatchObject({ body: 'whole' });
  });

  it('gives up a body that comes on for ever, byte by byte', async () => {
    const { port } = await startFixture('http.ts', { bodyLimitMs: 300 });
    const socket = connect(port, '127.0.0.1');
    socket.write('PUT /api/things/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n');
    const dripping = setInterval(() => socket.write('.'), 20);
    onTestFinished(() => clearInterval(dripping));
    socket.on('error', () => {});
    const answer = await new Promise<string>((resolve) => socket.once('data', (bytes) => resolve(String(bytes))));
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
  });

  it('asks for no key unless it was given one', async () => {
    const open = await startFixture('http.ts');
    expect((await fetch(`${open.url}/api/guarded`)).status).toBe(200);

    const { url } = await startFixture('http.ts', { key: 'open sesame' });
    expect((await fetch(`${url}/api/byName`)).status).toBe(200);
    expect((await fetch(`${url}/api/guarded`)).status).toBe(401);
    expect((await fetch(`${url}/admin/functions`)).status).toBe(401);
    expect((await fetch(`${url}/api/guarded?code=wrong`)).status).toBe(401);
    expect((await fetch(`${url}/api/guarded?code=open+sesame`)).status).toBe(200);
    const headers = { 'x-functions-key': 'open sesame' };
    expect((await fetch(`${url}/api/guarded`, { headers })).status).toBe(200);
  });

  it('lets no other web site in: by a name of its own, or across sites', async () => {
    const { url, port } = await startFixture('http.ts');
    const status = (host: string) =>
      new Promise((resolve) => {
        request({ port, host: '127.0.0.1', path: '/api/byName', headers: { host } }, (response) => {
          response.resume();
          resolve(response.statusCode);
        }).end();
      });
    expect(await status(`attacker.example:${port}`)).toBe(403);
    expect(await status(`localhost:${port}`)).toBe(200);
    const headers = { 'sec-fetch-site': 'cross-site' };
    expect((await fetch(`${url}/api/byName`, { method: 'POST', headers })).status).toBe(403);
  });
});

describe('the port', () => {
  it('is the next free one when the wanted one is taken', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const address = taken.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    try {
      const host = await startFixture('http.ts', { port });
      expect(host.port).toBeGreaterThan(port);
      expect(host.url).toBe(`http://127.0.0.1:${host.port}`);
      expect((await fetch(`${host.url}/api/byName`)).status).toBe(200);
    } finally {
      taken.close();
    }
  });
});

describe('the administrative doors', () => {
  it('tell the state and the functions', async () => {
    const { url } = await startFixture('http.ts', { settings: { 'AzureWebJobs.nothing.Disabled': 'true' } });
    expect(await getJson(`${url}/admin/host/status`)).toMatchObject({ state: 'Running' });
    const functions = (await getJson(`${url}/admin/functions`)) as { name: string }[];
    expect(functions.find(({ name }) => name === 'files')).toMatchObject({
      isDisabled: false,
      invoke_url_template: '/api/files/{*path}',
      config: {
        bindings: [
          { type: 'httpTrigger', direction: 'in' },
          { type: 'http', name: '$return' },
        ],
      },
    });
    expect(await getJson(`${url}/admin/functions/nothing`)).toMatchObject({ isDisabled: true });
    expect((await fetch(`${url}/api/nothing`)).status).toBe(404);
  });

  it('say what is wrong with a run by hand', async () => {
    const { url } = await startFixture('http.ts');
    const post = async (path: string, body: string, type = 'application/json') => {
      const response = await fetch(`${url}${path}`, { method: 'POST', headers: { 'content-type': type }, body });
      return [response.status, ((await response.json()) as { error: string }).error];
    };
    expect(await post('/admin/functions/unknown', '{}')).toEqual([
      404,
      expect.stringMatching(/^There is no function "unknown"\. Known: readThing, /),
    ]);
    expect(await post('/admin/functions/byName', '{}')).toEqual([
      400,
      '"byName" is an HTTP function: call /api/byName.',
    ]);
    expect(await post('/admin/functions/byName', 'no JSON')).toEqual([
      400,
      'The body must be a JSON object like {"input": ""}.',
    ]);
    expect(await post('/admin/functions/byName', '{}', 'text/plain')).toEqual([
      415,
      'Send Content-Type: application/json with a body like {"input": ""}.',
    ]);
  });
});
