import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import { decode, encode } from 'dns-packet';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createHttp } from '../../../src/http/client.ts';
import { DnsFailure } from '../../../src/sources/dns/answer.ts';
import { createResolver, type Resolver } from '../../../src/sources/dns/resolver.ts';
import { selfSigned } from '../../notifiers/loopback.ts';

const name = 'selector1._domainkey.contoso.com';
let certificate: string;
let privateKey: string;

beforeAll(async () => {
  ({ key: privateKey, cert: certificate } = await selfSigned('localhost'));
});

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

/** A DoH server on loopback; the handler gets the query message. */
async function doh(
  handle: (query: Buffer, response: ServerResponse, request: IncomingMessage) => void,
): Promise<string> {
  const server: Server = createServer({ key: privateKey, cert: certificate }, async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    handle(Buffer.concat(chunks), response, request);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  return `https://localhost:${typeof address === 'object' ? address?.port : 0}/dns-query`;
}

function resolver(address: string, ca: readonly string[] = [certificate]): Resolver {
  const http = createHttp({ ca });
  const created = createResolver({ address, http, timeouts: [300, 300] });
  cleanups.push(() => {
    created.close();
    http.close();
  });
  return created;
}

function reply(query: Buffer): Buffer {
  const { id, questions = [] } = decode(query);
  return encode({
    type: 'response',
    id,
    questions,
    answers: [{ name: questions[0]?.name ?? '', type: 'TXT', ttl: 60, data: ['v=DKIM1; ', 'p='] }],
  });
}

const dnsMessage = { 'content-type': 'application/dns-message' };

const failure = (asked: Promise<unknown>): Promise<DnsFailure> =>
  asked.then(
    () => expect.fail('answered'),
    (error: unknown) => {
      expect(error).toBeInstanceOf(DnsFailure);
      return error as DnsFailure;
    },
  );

describe('DNS over HTTPS', () => {
  it('posts the message with id 0 and reads the answer', async () => {
    const seen: unknown[] = [];
    const address = await doh((query, response, { method, headers }) => {
      seen.push([method, headers['content-type'], headers.accept, query.readUInt16BE(0)]);
      response.writeHead(200, dnsMessage).end(reply(query));
    });
    const asked = resolver(address);
    const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => asked.query(`s${i}.contoso.com`, 'TXT')));
    for (const answer of answers) {
      expect(answer).toMatchObject({ transport: 'doh', resolver: address, answers: [{ data: ['v=DKIM1; ', 'p='] }] });
    }
    expect(new Set(seen.map(String))).toEqual(new Set(['POST,application/dns-message,application/dns-message,0']));
  });

  it('an HTTP error is a failure with its status; 429 and 5xx are tried again', async () => {
    const forbidden = await doh((_query, response) => response.writeHead(403).end('no'));
    const failed = await failure(resolver(forbidden).query(name, 'TXT'));
    expect(failed).toMatchObject({ reason: 'http', tries: 1 });
    expect(failed.message).toBe(`${forbidden} answered with HTTP status 403 (TXT ${name}).`);
    let requests = 0;
    const busy = await doh((query, response) => {
      if (requests++ === 0) response.writeHead(503).end();
      else response.writeHead(200, dnsMessage).end(reply(query));
    });
    expect(await resolver(busy).query(name, 'TXT')).toMatchObject({ rcode: 'NOERROR' });
  });

  it.each([
    [
      'a web page',
      (_query: Buffer, response: ServerResponse) =>
        response.writeHead(200, { 'content-type': 'text/html' }).end('<html>'),
    ],
    [
      'an answer to another question',
      (query: Buffer, response: ServerResponse) => {
        const other = reply(query);
        other[13] = 0x78;
        response.writeHead(200, dnsMessage).end(other);
      },
    ],
    [
      'too much',
      (_query: Buffer, response: ServerResponse) => response.writeHead(200, dnsMessage).end(Buffer.alloc(70_000)),
    ],
    [
      'junk',
      (query: Buffer, response: ServerResponse) =>
        response.writeHead(200, dnsMessage).end(reply(query).subarray(0, 60)),
    ],
  ])('%s is malformed', async (_what, handle) => {
    expect(await failure(resolver(await doh(handle)).query(name, 'TXT'))).toMatchObject({ reason: 'malformed' });
  });

  it('silence is a time-out, an untrusted certificate unreachable', async () => {
    const silent = await doh(() => {});
    expect(await failure(resolver(silent).query(name, 'TXT'))).toMatchObject({ reason: 'timeout', tries: 2 });
    const good = await doh((query, response) => response.writeHead(200, dnsMessage).end(reply(query)));
    const failed = await failure(resolver(good, []).query(name, 'TXT'));
    expect(failed.message).toBe(`${good} cannot be reached (DEPTH_ZERO_SELF_SIGNED_CERT) (TXT ${name}).`);
  });
});
