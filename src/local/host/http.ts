import { timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, isIPv6 } from 'node:net';
import { setImmediate as othersFirst } from 'node:timers/promises';
import { createBodyRoom } from './bodies.ts';
import type { HttpCookie, HttpData, RegisteredFunction, TypedData } from './core.ts';
import { methodsOf, routeOf, triggerOf } from './core.ts';
import type { Invoke } from './invoke.ts';
import { describeError, type Log } from './log.ts';
import type { Router } from './routes.ts';

/** The largest request body the Functions host takes, in bytes. */
const maxBodyBytes = 100 * 1024 * 1024;

/** Where only this machine gets in. */
export const loopback = '127.0.0.1';
/** A body that does not come on for this long is given up, and one that is not whole after this one is, too. */
const bodyIdleMs = 15_000;
const bodyLimitMs = 120_000;

/** How long a sender waits until there is room for its body: less than Azure's front end lets a caller wait. */
const roomLimitMs = 200_000;

/** What bodies of requests that are not answered yet may take together, in bytes; the library holds each twice more. */
const bodiesBytes = 40_000_000;

/** How many ports after the wanted one are tried when it is taken. */
const portTries = 50;

/** Answers requests below `/admin`; the body is read already. */
export type AdminHandler = (method: string, pathname: string, contentType: string, body: Buffer) => AdminAnswer;
export interface AdminAnswer {
  status: number;
  body?: unknown;
}

export interface HttpOptions {
  functions: readonly RegisteredFunction[];
  routePrefix: string;
  match: Router;
  invoke: Invoke;
  admin: AdminHandler;
  /** Asked for functions of level `function` and `admin` and for `/admin`; without it nobody is asked for a key. */
  key: string | undefined;
  /** Registers a request as work in flight. */
  track(work: Promise<unknown>): void;
  log: Log;
  /** How long a body may stand still, and how long all of it may take, in milliseconds. */
  bodyIdleMs?: number;
  bodyLimitMs?: number;
}

export interface HttpDoor {
  port: number;
  url: string;
  /** Takes no new requests: connections close after their answer, new ones are refused. */
  stopAccepting(): void;
  /** Cuts what is still open. */
  close(): Promise<void>;
}

/**
 * Opens the HTTP door.
 *
 * @param port the port wanted; when it is taken the next free one is used, 0 means any
 */
export async function openHttp(options: HttpOptions, port: number, address = loopback): Promise<HttpDoor> {
  let stopping = false;
  const isOpen = address !== loopback;

  const room = createBodyRoom(bodiesBytes, roomLimitMs);

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const refused = isOpen ? undefined : refuseForeign(request);
    if (refused !== undefined) return sendText(response, 403, refused);
    if (stopping) return sendText(response, 503, 'The host is stopping.', { connection: 'close' });
    const leave = await room.enter(announcedBytes(request));
    if (leave === undefined) {
      const again = { 'retry-after': '60', connection: 'close' };
      return sendText(response, 503, 'Large requests that came before are still being answered.', again);
    }
    try {
      await answerWhole(request, response);
    } finally {
      leave();
    }
  };

  const answerWhole = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const method = request.method ?? 'GET';
    // Not new URL(request.url, base): a path that starts with two slashes would name another host.
    const url = new URL(`http://${request.headers.host}${request.url?.startsWith('/') ? request.url : '/'}`);
    const body = await readBody(request, options.bodyIdleMs ?? bodyIdleMs, options.bodyLimitMs ?? bodyLimitMs);
    if (body === 'stalled') return sendText(response, 408, 'The body did not come on.', { connection: 'close' });
    // Copying a large one takes its time, and so does what the library makes of it: others come in between.
    if (body?.bytes.byteLength) await othersFirst();
    if (body === undefined) return sendText(response, 413, `A body may have ${maxBodyBytes} bytes at most.`);

    if (/^\/admin(\/|$)/i.test(url.pathname)) {
      if (!mayEnter(request, url, options.key)) return sendText(response, 401, 'This needs the host key.');
      const { status, body: answered } = options.admin(
        method,
        url.pathname,
        request.headers['content-type'] ?? '',
        Buffer.from(body.bytes),
      );
      return sendJson(response, status, answered);
    }
    const found = options.match(method, url.pathname);
    if (found.kind === 'wrong-method') {
      const allow = found.allow.join(', ');
      return sendText(response, 405, `${url.pathname} answers ${allow}, not ${method}.`, { allow });
    }
    if (found.kind === 'not-found') {
      if (url.pathname === '/' && method === 'GET') return sendRoot(request, response, options);
      return sendText(response, 404, `No function answers ${url.pathname}.`);
    }
    const trigger = triggerOf(found.fn);
    if (trigger.authLevel !== 'anonymous' && !mayEnter(request, url, options.key)) {
      return sendText(response, 401, 'This needs a key: header x-functions-key or ?code=.');
    }
    // The library makes a buffer of it, which of this one is a view and of any other a copy.
    const http = toHttpData(request, url, method, found.params, body);
    let result: TypedData | null | undefined;
    try {
      result = await options.invoke(found.fn, trigger.name, { data: { http } });
    } catch {
      // Logged by invoke. The caller learns that it failed and nothing else, as in Azure.
      response.writeHead(500).end();
      return;
    }
    sendResult(response, result);
  };

  const server = createServer((request, response) => {
    const work = answer(request, response).catch((error: unknown) => {
      // A caller who hung up while sending is no error of ours, and nobody is left to answer.
      if (!request.complete) return;
      options.log({ level: 'error', category: 'Host.Http', message: describeError(error) });
      if (!response.headersSent) response.writeHead(500);
      response.end();
    });
    options.track(work);
  });
  // Bodies are timed when they are read: senders that wait for room are not slow.
  server.requestTimeout = 0;
  const listening = await listenFrom(server, port, address);

  return {
    port: listening,
    url: `http://${isIPv6(address) ? `[${address}]` : address}:${listening}`,
    stopAccepting() {
      stopping = true;
      server.close();
      server.closeIdleConnections();
    },
    close: () =>
      new Promise((resolve) => {
        // A server that was closed already reports an error here, and is closed.
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Listens on the port wanted, or the next free one. @returns the port */
export async function listenFrom(server: Server, port: number, address = loopback): Promise<number> {
  const last = port === 0 ? 0 : Math.min(port + portTries, 65_535);
  for (let candidate = port; candidate <= last; candidate++) {
    try {
      await listen(server, candidate, address);
      return (server.address() as AddressInfo).port;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    }
  }
  throw new Error(`Ports ${port} to ${last} on ${address} are all taken. Free one, or ask for port 0 to take any.`);
}

function listen(server: Server, port: number, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, address, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/**
 * The door asks nobody for a key, so a web page the user happens to visit must not get through it: neither by a name
 * that it made resolve to 127.0.0.1, nor by a form or script that posts across sites.
 */
function refuseForeign(request: IncomingMessage): string | undefined {
  const { host = '' } = request.headers;
  if (!/^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/i.test(host)) {
    return `Host "${host.slice(0, 100)}" is not this machine: use http://127.0.0.1 or http://localhost.`;
  }
  const harmless = request.method === 'GET' || request.method === 'HEAD';
  if (!harmless && request.headers['sec-fetch-site'] === 'cross-site')
    return 'Requests from other web sites are refused.';
  return undefined;
}

function mayEnter(request: IncomingMessage, url: URL, key: string | undefined): boolean {
  if (key === undefined) return true;
  const given = Buffer.from(String(request.headers['x-functions-key'] ?? url.searchParams.get('code') ?? ''));
  const wanted = Buffer.from(key);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

/** Room for a body of which nobody knows the length. */
const firstBytes = 64 * 1024;

/** Undefined of a body that comes in chunks. */
function announcedBytes({ headers }: IncomingMessage): number | undefined {
  return headers['transfer-encoding'] === undefined ? Number(headers['content-length'] ?? 0) : undefined;
}

/** @returns undefined when it is too long; else what nobody but its one holder keeps, so that it can be let go */
async function readBody(
  request: IncomingMessage,
  idleMs: number,
  limitMs: number,
): Promise<{ bytes: ArrayBuffer } | 'stalled' | undefined> {
  // In its place at once: chunks beside the whole would be twice as much.
  let body: Buffer<ArrayBuffer> = Buffer.allocUnsafeSlow(Math.min(announcedBytes(request) ?? firstBytes, maxBodyBytes));
  let size = 0;
  const stalled = Promise.withResolvers<'stalled'>();
  request.setTimeout(idleMs, () => stalled.resolve('stalled'));
  const limit = setTimeout(() => stalled.resolve('stalled'), limitMs);
  const read = async () => {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      const start = size;
      size += chunk.length;
      // Read to the end all the same, so that the caller gets to see the answer.
      if (size > maxBodyBytes) continue;
      if (size > body.length) body = Buffer.concat([body], Math.min(size * 2, maxBodyBytes));
      chunk.copy(body, start);
    }
  };
  const reading = read();
  const ended = await Promise.race([reading, stalled.promise]).finally(() => clearTimeout(limit));
  // The connection ends with the answer, and with it what was still read.
  if (ended === 'stalled') {
    reading.catch(() => {});
    return ended;
  }
  request.setTimeout(0);
  if (size > maxBodyBytes) return undefined;
  return { bytes: size === body.length ? body.buffer : body.buffer.slice(0, size) };
}

function toHttpData(
  request: IncomingMessage,
  url: URL,
  method: string,
  params: Record<string, string>,
  body: TypedData,
): HttpData {
  const headers = Object.entries(request.headers).map(
    ([name, value]) => [name, { value: Array.isArray(value) ? value.join(', ') : (value ?? '') }] as const,
  );
  // A key that stands twice reaches the function as one value with a comma, as the Functions host sends it.
  const query = [...new Set(url.searchParams.keys())].map(
    (name) => [name, { value: url.searchParams.getAll(name).join(',') }] as const,
  );
  return {
    method,
    url: url.href,
    nullableHeaders: Object.fromEntries(headers),
    nullableQuery: Object.fromEntries(query),
    nullableParams: Object.fromEntries(Object.entries(params).map(([name, value]) => [name, { value }] as const)),
    body,
  };
}

function sendResult(response: ServerResponse, result: TypedData | null | undefined): void {
  const http = result?.http;
  if (!http) {
    response.writeHead(204).end();
    return;
  }
  const cookies = (http.cookies ?? []).map(formatCookie);
  response.writeHead(Number(http.statusCode ?? 200), {
    ...http.headers,
    ...(cookies.length > 0 && { 'set-cookie': cookies }),
  });
  response.end(http.body?.bytes ?? http.body?.string ?? '');
}

/** A `Set-Cookie` value (RFC 6265 section 4.1). */
function formatCookie(cookie: HttpCookie): string {
  const attributes = [`${cookie.name}=${encodeURIComponent(cookie.value)}`];
  if (cookie.maxAge) attributes.push(`Max-Age=${cookie.maxAge.value}`);
  if (cookie.expires) attributes.push(`Expires=${new Date(cookie.expires.value.seconds * 1000).toUTCString()}`);
  if (cookie.domain) attributes.push(`Domain=${cookie.domain.value}`);
  if (cookie.path) attributes.push(`Path=${cookie.path.value}`);
  if (cookie.secure?.value) attributes.push('Secure');
  if (cookie.httpOnly?.value) attributes.push('HttpOnly');
  if (cookie.sameSite && cookie.sameSite !== 'none') {
    attributes.push(`SameSite=${{ lax: 'Lax', strict: 'Strict', explicitNone: 'None' }[cookie.sameSite]}`);
  }
  return attributes.join('; ');
}

function sendText(response: ServerResponse, status: number, text: string, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', ...headers }).end(`${text}\n`);
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  if (body === undefined) response.writeHead(status).end();
  else response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

/** Who comes with a browser gets to the pages of the app, where it has some; anybody else is told what there is. */
function sendRoot(request: IncomingMessage, response: ServerResponse, options: HttpOptions): void {
  const pages = options.functions.find((fn) => routeOf(fn) === 'pages' && methodsOf(fn).includes('GET'));
  if (pages === undefined || request.headers.accept?.includes('text/html') !== true)
    sendText(response, 200, describeRoutes(options));
  else response.writeHead(302, { location: routePath(pages, options.routePrefix) }).end();
}

function describeRoutes({ functions, routePrefix }: HttpOptions): string {
  const lines = functions.map((fn) => `${methodsOf(fn).join(',').padEnd(16)} ${routePath(fn, routePrefix)}`);
  return ['The local Functions host is running. It answers', ...lines].join('\n');
}

/** The path of an HTTP function as people write it: prefix and template. */
export function routePath(fn: RegisteredFunction, routePrefix: string): string {
  return `/${[routePrefix, routeOf(fn)].filter(Boolean).join('/')}`;
}
