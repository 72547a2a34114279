import type { IncomingMessage } from 'node:http';
import { type RequestOptions as HttpsOptions, request as requestHttps } from 'node:https';
import { createSecureContext, type SecureContext, type TLSSocket } from 'node:tls';
import { Unobtainable } from '../domain/fact-set.ts';
import { type AddressGuard, AddressRefused } from './address-guard.ts';
import { decoded } from './encoding.ts';
import { failureOf } from './failure-words.ts';
import { anything } from './roots.ts';

export interface GetAnswer {
  readonly url: string;
  readonly status: number;
  /** All values of a header, one for each line; the name in lower case. */
  header(name: string): readonly string[];
  /** UTF-8, at most {@link bodyLimit} bytes of it. */
  readonly body: string;
  /** Redirects on the same host that were followed on the way, each with where it led. */
  readonly hops: readonly { readonly url: string; readonly status: number; readonly location: string }[];
}

/** What probes take of a body, in bytes. */
export const bodyLimit = 64 * 1024;

/** The connection was cut before an answer: what some filters do in place of one. */
export class ConnectionReset extends Unobtainable {
  constructor(host: string) {
    super('unreachable', `${host} cut the connection before it answered`);
    this.name = 'ConnectionReset';
  }
}

export interface GetOptions {
  /** Undefined: the operator's word, outside the guard and resolved by the system. */
  readonly guard: AddressGuard | undefined;
  /** Whom the certificate must be trusted by; undefined for hosts whose TLS was looked at before: they are judged by that. */
  readonly trust: SecureContext | undefined;
  readonly userAgent: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly headers?: Readonly<Record<string, string>>;
  /** An open connection to the host, to use for this request. */
  readonly connection?: TLSSocket | undefined;
}

const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const maximumHops = 3;

/** Knows no roots: whoever was looked at before need not pay for them again. */
let unverified: SecureContext | undefined;

/**
 * One `GET`, without credentials and without automatic redirects. Guarded requests go to port 443 (https) and 80 (http)
 * only, and to addresses that the guard admits at connect time.
 *
 * @throws AddressRefused, ConnectionReset, or Unobtainable with what stood in the way
 */
export async function get(url: URL, options: GetOptions): Promise<GetAnswer> {
  const { guard } = options;
  if (guard !== undefined) {
    if (url.port !== '')
      throw new AddressRefused(`${url.host} is not asked: probes use port 443, and 80 for redirects`);
    guard.admit(url.hostname);
  }
  const limit = AbortSignal.timeout(options.timeoutMs);
  try {
    return await send(url, options, AbortSignal.any([limit, options.signal]));
  } catch (error) {
    const why = unobtainable(url.host, error, { limit, outer: options.signal, timeoutMs: options.timeoutMs });
    // A server that has closed an open connection meanwhile is no filter: ask again on a connection of its own.
    if (why instanceof ConnectionReset && options.connection !== undefined) {
      return get(url, { ...options, connection: undefined });
    }
    throw why;
  }
}

/**
 * A `GET` that follows redirects on the same host, up to three hops, each checked like the first. Anything else that
 * redirects is the answer.
 *
 * @param stop a location that is an answer by itself, such as a sign-in page
 */
export async function getOnHost(
  url: URL,
  options: GetOptions,
  stop: (location: string) => boolean = () => false,
): Promise<GetAnswer> {
  const hops: { url: string; status: number; location: string }[] = [];
  let next = url;
  for (;;) {
    const answer = await get(next, hops.length === 0 ? options : { ...options, connection: undefined });
    const location = locationOf(answer);
    const stay = location !== undefined && location.host === url.host && location.protocol === url.protocol;
    if (!stay || stop(location.href) || hops.length === maximumHops) return { ...answer, hops };
    hops.push({ url: next.href, status: answer.status, location: location.href });
    next = location;
  }
}

/** Where a redirect leads; undefined when the answer is none or names no address. */
export function locationOf(answer: Pick<GetAnswer, 'url' | 'status' | 'header'>): URL | undefined {
  const [location] = answer.header('location');
  if (!redirects.has(answer.status) || location === undefined || !URL.canParse(location, answer.url)) return undefined;
  return new URL(location, answer.url);
}

/** Loaded for the few redirects without TLS: Node loads all that it has for the web with it. */
async function requestHttp() {
  const { request } = await import('node:http');
  return request;
}

async function send(
  url: URL,
  { guard, trust, userAgent, headers, connection }: GetOptions,
  signal: AbortSignal,
): Promise<GetAnswer> {
  const request = url.protocol === 'http:' ? await requestHttp() : requestHttps;
  unverified ??= createSecureContext({ ...anything, ca: [] });
  const settings: HttpsOptions & { secureContext: SecureContext } = {
    // No pool: a reused connection that the server closes in this moment would look like a filter's reset.
    // With a connection of its own Node takes the port for 80, and says so in the Host header.
    ...(connection === undefined ? { agent: false } : { createConnection: () => connection, defaultPort: 443 }),
    headers: { 'user-agent': userAgent, accept: '*/*', ...headers },
    rejectUnauthorized: trust !== undefined,
    secureContext: trust ?? unverified,
    signal,
    ...(guard === undefined ? {} : { lookup: guard.lookup }),
  };
  return new Promise((resolve, reject) => {
    const sent = request(url, settings, (response) => {
      const { statusCode: status = 0, headersDistinct } = response;
      const header = (name: string) => headersDistinct[name] ?? [];
      readBody(response).then((body) => resolve({ url: url.href, status, header, body, hops: [] }), reject);
    });
    sent.on('error', reject);
    sent.end();
  });
}

async function readBody(response: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of decoded(response, response.headers['content-encoding'])) {
    chunks.push(chunk);
    size += chunk.length;
    // Leaving the loop destroys the response, and with it the connection.
    if (size >= bodyLimit) break;
  }
  // A byte order mark is no part of the text.
  return new TextDecoder().decode(Buffer.concat(chunks).subarray(0, bodyLimit));
}

const resets: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'HPE_INVALID_EOF_STATE']);

/**
 * Says what stood in the way in a sentence, without anything of the request in it.
 *
 * @param ended.limit aborted when the time was over; `ended.outer`, when nobody waits any longer
 */
export function unobtainable(
  host: string,
  error: unknown,
  ended: { readonly limit: AbortSignal; readonly outer: AbortSignal; readonly timeoutMs: number },
): Unobtainable {
  if (error instanceof Unobtainable) return error;
  const { limit, outer, timeoutMs } = ended;
  const { kind, code, message } = failureOf(error, { stopped: outer.aborted, limit });
  if (kind === 'stopped') return new Unobtainable('timeout', `${host} ${message}`);
  if (kind === 'timeout') return new Unobtainable('timeout', `${host} gave no answer within ${timeoutMs / 1000} s`);
  if (resets.has(code)) return new ConnectionReset(host);
  if (code === 'ECONNREFUSED') return new Unobtainable('unreachable', `${host} refused the connection`);
  return new Unobtainable('unreachable', `${host} ${message}`);
}
