import { setTimeout as sleep } from 'node:timers/promises';
import { getCACertificates } from 'node:tls';
import { Agent } from 'undici';
import { Unobtainable } from '../domain/fact-set.ts';

export interface CloudHttpOptions {
  /** PEM certificates of roots that are trusted besides the public ones. */
  readonly ca?: readonly string[] | undefined;
  /** For how long a request is put off by throttling and faults, from the first of them, in milliseconds. */
  readonly patienceMs?: number | undefined;
  /** Seconds before the next try after a fault that does not say when to come again; after the last of them no more. */
  readonly backOffSeconds?: readonly number[] | undefined;
  /** For one try, from connecting to the end of the answer, in milliseconds. */
  readonly tryLimitMs?: number | undefined;
}

export interface CloudRequest {
  /** What a person calls the service. */
  readonly service: string;
  /** Requests with the same key, of a service and a tenant, are sent at most so many a second. */
  readonly pace: { readonly key: string; readonly perSecond: number };
  readonly url: URL;
  readonly method: 'GET' | 'POST';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  readonly signal: AbortSignal;
}

export interface CloudAnswer {
  readonly status: number;
  /** By lower-case name; of several lines the first. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export interface CloudHttp {
  readonly ca: readonly string[];
  /**
   * Sends a request that reads, and again while the service throttles or fails. Redirects are not followed: whoever
   * answers cannot send a token elsewhere.
   *
   * @returns any answer but 429 and 5xx
   * @throws Unobtainable: `timeout` (no answer in time, throttled for too long), `unreachable`, `refused` (a redirect, or no https),
   *   `malformed` (an answer larger than anything we ask for)
   */
  send(request: CloudRequest): Promise<CloudAnswer>;
  close(): void;
}

/** An answer of 10,000 domains with their keys is about 30 MB. */
const bodyLimit = 128 * 1024 * 1024;

const connectLimitMs = 10_000;

/** Throttling and gateways at fault: worth another try (RFC 9110 sections 15.6.1-5, RFC 6585 section 4). */
const passing: ReadonlySet<number> = new Set([429, 500, 502, 503, 504]);

const askedAgain = 'it is asked again at the next run';

/**
 * What the sources of a tenant's cloud services send with: one pace for each tenant and service, time and size limits,
 * Retry-After honoured within bounds.
 */
export function createCloudHttp(options: CloudHttpOptions = {}): CloudHttp {
  const { ca = [], patienceMs = 100_000, tryLimitMs = 45_000, backOffSeconds = [1, 2, 4] } = options;
  const agent = new Agent({
    connect: { timeout: connectLimitMs, ...(ca.length === 0 ? {} : { ca: rootsWith(ca) }) },
    maxResponseSize: bodyLimit,
  });
  const stopped = new AbortController();
  const turns = new Map<string, number>();

  /** Waits for the next turn of this pace. */
  const turn = async ({ key, perSecond }: CloudRequest['pace'], signal: AbortSignal) => {
    const now = performance.now();
    const at = Math.max(now, turns.get(key) ?? 0);
    turns.set(key, at + 1000 / perSecond);
    if (at > now) await sleep(at - now, undefined, { signal });
  };

  const once = async (request: CloudRequest, signal: AbortSignal): Promise<CloudAnswer> => {
    const { url } = request;
    const response = await agent.request({
      origin: url.origin,
      path: `${url.pathname}${url.search}`,
      method: request.method,
      headers: { 'user-agent': 'fieldcheck', ...request.headers },
      body: request.body ?? null,
      signal,
    });
    return {
      status: response.statusCode,
      headers: Object.fromEntries(
        Object.entries(response.headers).map(([name, value]) => [
          name,
          (Array.isArray(value) ? value[0] : value) ?? '',
        ]),
      ),
      body: new Uint8Array(await response.body.arrayBuffer()),
    };
  };

  return {
    ca,
    async send(request) {
      const { service, url } = request;
      if (url.protocol !== 'https:') {
        throw new Unobtainable(
          'refused',
          `${service} is asked over https only, and its endpoint is given as ${url.origin}`,
        );
      }
      const outer = AbortSignal.any([request.signal, stopped.signal]);
      let patienceEnds: number | undefined;
      for (let tries = 1; ; tries++) {
        const limit = AbortSignal.timeout(tryLimitMs);
        let fault: { readonly reason: 'timeout' | 'unreachable'; readonly says: string };
        let wait: number | undefined;
        try {
          await turn(request.pace, outer);
          const answer = await once(request, AbortSignal.any([outer, limit]));
          if (answer.status >= 300 && answer.status < 400) {
            throw new Unobtainable('refused', `${service} redirects (${answer.status}), which is not followed`);
          }
          if (!passing.has(answer.status)) return answer;
          wait = retryAfterSeconds(answer.headers['retry-after']);
          fault =
            answer.status === 429
              ? { reason: 'timeout', says: `${service} throttles (429)` }
              : { reason: 'unreachable', says: `${service} is at fault (${answer.status})` };
        } catch (error) {
          if (error instanceof Unobtainable) throw error;
          if (outer.aborted) throw new Unobtainable('timeout', `${service} was not waited for any longer`);
          if (isTooLarge(error)) throw new Unobtainable('malformed', `${service} sent an answer beyond every size`);
          if (isUntrusted(error)) {
            throw new Unobtainable(
              'unreachable',
              `the certificate of ${url.host} is not trusted (${errorCode(error)}), so ${service} was not asked; if it is yours, name its root with --ca`,
            );
          }
          fault = limit.aborted
            ? { reason: 'timeout', says: `${service} did not answer within ${tryLimitMs / 1000} s` }
            : { reason: 'unreachable', says: `${service} cannot be reached at ${url.host} (${errorCode(error)})` };
        }
        if (wait === undefined && tries > backOffSeconds.length) {
          throw new Unobtainable(fault.reason, `${fault.says}, ${tries} times in a row; ${askedAgain}`);
        }
        const now = performance.now();
        patienceEnds ??= now + patienceMs;
        const seconds = wait ?? backOffSeconds[tries - 1] ?? 0;
        if (seconds * 1000 > patienceMs) {
          throw new Unobtainable(
            fault.reason,
            `${fault.says} and asks to wait ${seconds} s, longer than a run waits; ${askedAgain}`,
          );
        }
        if (now + seconds * 1000 > patienceEnds) {
          throw new Unobtainable(fault.reason, `${fault.says} for ${patienceMs / 1000} s; ${askedAgain}`);
        }
        await pause(seconds, outer, service);
      }
    },
    close() {
      stopped.abort();
      agent.destroy().catch(() => {
        // Connections that break while they are torn down are gone all the same.
      });
    },
  };
}

/** The public roots of Node.js (NODE_EXTRA_CA_CERTS with them) and these. */
export function rootsWith(ca: readonly string[]): string[] {
  return [...getCACertificates('default'), ...ca];
}

/** Only the code: messages of network errors may name more than a person should read. */
export function errorCode(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && /^[A-Z0-9_]{1,64}$/.test(code) ? code : 'network error';
}

async function pause(seconds: number, signal: AbortSignal, service: string): Promise<void> {
  try {
    await sleep(seconds * 1000, undefined, { signal });
  } catch {
    throw new Unobtainable('timeout', `${service} was not waited for any longer`);
  }
}

/** Seconds of a Retry-After header, in seconds or as a date (RFC 9110 section 10.2.3); undefined when it makes no sense. */
function retryAfterSeconds(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  const seconds = /^\d+$/.test(header.trim()) ? Number(header) : Math.ceil((Date.parse(header) - Date.now()) / 1000);
  return Number.isNaN(seconds) ? undefined : Math.max(0, seconds);
}

/** OpenSSL's verdict on the chain, or Node's on the name in it: trying again changes neither. */
function isUntrusted(error: unknown): boolean {
  return /CERT|ISSUER|ALTNAME/.test(errorCode(error));
}

function isTooLarge(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE';
}
