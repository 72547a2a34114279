import { once } from 'node:events';
import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { LookedUp, Resolve } from '../../../src/sources/https-probe/resolve.ts';
import type { ServerCertificate } from './certificates.ts';

export type Handler = (request: IncomingMessage, response: ServerResponse, url: URL) => void;

export interface Running {
  readonly port: number;
  /** `GET /path?query`, with `Bearer` behind it when a token was sent, and `as Teams` for its user agent, in order. */
  readonly requests: string[];
  close(): Promise<void>;
}

/** A real HTTPS server on a loopback address. */
export async function serveHttps(
  address: string,
  certificate: ServerCertificate,
  handler: Handler,
  port = 443,
  options: { readonly maxVersion?: 'TLSv1.1' | 'TLSv1.3' } = {},
): Promise<Running> {
  const legacy =
    options.maxVersion === 'TLSv1.1' ? { minVersion: 'TLSv1' as const, ciphers: 'DEFAULT:@SECLEVEL=0' } : {};
  return listen(createServer({ ...certificate, ...options, ...legacy }), address, port, handler);
}

export function serveHttp(address: string, handler: Handler, port = 80): Promise<Running> {
  return listen(createHttpServer(), address, port, handler);
}

async function listen(server: Server, address: string, port: number, handler: Handler): Promise<Running> {
  const requests: string[] = [];
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const bearer = request.headers.authorization === undefined ? '' : ` ${request.headers.authorization}`;
    const agent = /^Teams /.test(request.headers['user-agent'] ?? '') ? ' as Teams' : '';
    requests.push(`${request.method} ${request.url}${bearer}${agent}`);
    handler(request, response, new URL(request.url ?? '/', `https://${request.headers.host ?? 'unknown'}`));
  });
  server.listen(port, address);
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    requests,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

export interface Simulation {
  readonly build?: string;
  readonly ewsUrl?: string;
  readonly bearer?: string | readonly string[];
  readonly restStatus?: number;
  /** Answers in place of Exchange where it wants to; returns whether it did. */
  readonly inFront?: (request: IncomingMessage, response: ServerResponse, url: URL) => boolean;
}

const tenantId = '11111111-2222-3333-4444-555555555555';
const accessControl = '00000001-0000-0000-c000-000000000000';

export const challengeFor = (realm: string) =>
  `Bearer client_id="00000002-0000-0ff1-ce00-000000000000", trusted_issuers="${accessControl}@${realm}", token_types="app_asserted_user_v1 service_asserted_app_v1", authorization_uri="https://login.windows.net/common/oauth2/authorize"`;

/** An Exchange server as an anonymous caller sees it. */
export function exchangeServer(simulation: Simulation = {}): Handler {
  const {
    build = '15.2.2562.53',
    ewsUrl = 'https://mail.contoso.com/EWS/Exchange.asmx',
    bearer = challengeFor(tenantId),
    restStatus = 401,
    inFront,
  } = simulation;
  return (request, response, url) => {
    if (inFront?.(request, response, url) === true) return;
    response.setHeader('Server', 'Microsoft-IIS/10.0');
    response.setHeader('X-FEServer', 'EX1');
    const path = url.pathname.toLowerCase();
    if (path === '/autodiscover/autodiscover.json') {
      const protocol = url.searchParams.get('Protocol');
      const answers: Readonly<Record<string, string>> = { EWS: ewsUrl, REST: new URL('/api', ewsUrl).href };
      const answer = answers[protocol ?? ''];
      response.setHeader('Content-Type', 'application/json; charset=utf-8');
      if (answer === undefined) {
        response.writeHead(400, { jsonerror: 'true' });
        response.end(JSON.stringify({ ErrorCode: 'InvalidProtocol', ErrorMessage: 'invalid' }));
        return;
      }
      response.end(JSON.stringify({ Protocol: protocol, Url: answer }));
      return;
    }
    response.setHeader('X-OWA-Version', build);
    if (path === '/ews/exchange.asmx') {
      const challenges = request.headers.authorization === 'Bearer' ? [bearer].flat() : [];
      response.writeHead(401, { 'WWW-Authenticate': [...challenges, 'Negotiate', 'NTLM'] });
      response.end();
      return;
    }
    if (path === '/api') {
      response.writeHead(restStatus);
      response.end();
      return;
    }
    if (path === '/owa/') {
      response.writeHead(302, { location: '/owa/auth/logon.aspx' });
      response.end();
      return;
    }
    if (path === '/owa/auth/logon.aspx') {
      const update = build.split('.').slice(0, 3).join('.');
      response.end(`<html><link href="/owa/auth/${update}/themes/resources/favicon.ico"></html>`);
      return;
    }
    response.writeHead(path === '/autodiscover/autodiscover.xml' ? 401 : 404);
    response.end();
  };
}

export type Zone = Readonly<Record<string, readonly string[]>>;

/**
 * A resolver over a table: `name` → addresses or, after `CNAME `, an alias; `SRV name` → `priority weight port target`.
 * A name with the entry `SERVFAIL` gives no answer.
 */
export function resolverOf(zone: Zone, asked: string[] = []): Resolve {
  return async (name, type): Promise<LookedUp> => {
    asked.push(`${name} ${type}`);
    const answer = (rcode: LookedUp['rcode'], answers: LookedUp['answers']): LookedUp => ({
      rcode,
      answers,
      resolver: 'table',
      at: new Date().toISOString(),
    });
    const entries = zone[type === 'SRV' ? `SRV ${name}` : name];
    if (entries?.includes('SERVFAIL')) throw Object.assign(new Error('SERVFAIL'), { reason: 'servfail' });
    if (entries === undefined) return answer(type === 'SRV' || !(`SRV ${name}` in zone) ? 'NXDOMAIN' : 'NOERROR', []);
    if (type === 'SRV') {
      return answer(
        'NOERROR',
        entries.map((entry) => {
          const [priority, weight, port, target] = entry.split(' ');
          return { type, data: { priority: Number(priority), weight: Number(weight), port: Number(port), target } };
        }),
      );
    }
    const chain = entries.flatMap((entry) =>
      entry.startsWith('CNAME ') ? [{ type: 'CNAME', data: entry.slice(6) }] : [],
    );
    const end = chain.at(-1)?.data;
    const addresses = (end === undefined ? entries : (zone[end] ?? [])).filter(
      (one) => one.includes(':') === (type === 'AAAA'),
    );
    return answer('NOERROR', [...chain, ...addresses.map((data) => ({ type, data }))]);
  };
}
