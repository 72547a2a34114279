import { expect, test, vi } from 'vitest';
import { z } from 'zod';
import type { App, HostedApp } from '../../src/app/index.ts';
import { localIdentity } from '../../src/domain/access.ts';
import { answerOf } from '../../src/doors/answer.ts';
import { answer, type Door, door, json, media } from '../../src/doors/door.ts';
import { StoreUnavailable } from '../../src/store/store.ts';

/** An App of which nothing is used but that it lets everybody in. */
const open = {
  identify: async () => localIdentity('this machine'),
  decide: async () => 'allowed',
  as: () => ({}) as App,
} as unknown as HostedApp;

/** Calls a door as a host does. */
function call(one: Door, { params = {}, search = '', headers = {}, body = '' } = {}, logFault = vi.fn()) {
  const incoming = {
    params,
    query: new URLSearchParams(search),
    headers: new Headers(headers),
    body: new Blob([body]).stream(),
  };
  return answerOf(one, () => open, incoming, logFault);
}

const number = json('Number', z.number());
const double = door('double', 'POST', 'numbers/{number}', {
  title: 'Twice the number, and the body',
  needs: 'read',
  body: { content: number, limit: 10 },
  answers: { 200: answer('Twice.', number) },
  handle: async (_, request) => ({ jsonBody: [Number(request.params.number) * 2, await request.json()] }),
});
const failing = (error: unknown) =>
  door('failing', 'GET', 'failing', {
    title: 'Fails',
    needs: 'read',
    answers: {},
    handle: () => Promise.reject(error),
  });

test('a door is called without a host: parameters, body, answer', async () => {
  expect(await call(double, { params: { number: '21' }, body: '[1]' })).toEqual({ jsonBody: [42, [1]] });
});

test.each([
  [{ body: '[1,2,3,4,5,6]' }, 413, 'The body is longer than 0.00001 MB.'],
  [{ headers: { 'content-length': '11' } }, 413, 'The body is longer than 0.00001 MB.'],
  [{ body: '' }, 400, 'The body is empty; JSON is expected.'],
])('the limit of a body is the one that the door declares: %o', async (request, status, detail) => {
  const { body = '', ...refused } = await call(double, request);
  expect(refused).toEqual({ status, headers: { 'content-type': 'application/problem+json' } });
  expect(JSON.parse(String(body))).toMatchObject({ type: 'about:blank', status, detail });
});

test('text gets the media type that the door declares for its status', async () => {
  const csv = door('csv', 'GET', 'csv', {
    title: 'Lines',
    needs: 'open',
    answers: { 200: answer('One.', media('text/csv; charset=utf-8')) },
    handle: async () => ({ body: 'a,b', headers: { etag: '1' } }),
  });
  expect(await call(csv)).toEqual({ body: 'a,b', headers: { 'content-type': 'text/csv; charset=utf-8', etag: '1' } });
});

test('a fault of ours is logged and not told', async () => {
  const logFault = vi.fn();
  const fault = new TypeError('undefined is no function');
  const { status, body = '' } = await call(failing(fault), {}, logFault);
  expect(status).toBe(500);
  expect(JSON.parse(String(body))).toEqual({
    type: 'about:blank',
    title: 'Internal Server Error',
    status: 500,
    detail: 'fieldcheck stopped with an error of its own; its log says more.',
  });
  expect(logFault).toHaveBeenCalledExactlyOnceWith(fault);
});

test('a storage that does not answer is no fault of ours: the caller is asked to come back', async () => {
  const logFault = vi.fn();
  const { status, headers } = await call(failing(new StoreUnavailable('127.0.0.1:10002 refuses')), {}, logFault);
  expect([status, headers?.['retry-after']]).toEqual([503, '5']);
  expect(logFault).not.toHaveBeenCalled();
});

test('a door that reads a body and declares none is a fault, whatever is sent', async () => {
  const logFault = vi.fn();
  const { body: _, ...undeclared } = double;
  expect((await call(undeclared, { body: '1' }, logFault)).status).toBe(500);
  expect(String(logFault.mock.calls[0]?.[0])).toBe('Error: The door double declares no body, but reads one.');
});
