import { setTimeout as sleep } from 'node:timers/promises';
import { Unobtainable } from '../domain/fact-set.ts';
import type { Http, HttpAnswer } from './client.ts';
import { HttpFailure } from './failure-words.ts';
import { createTurns, type Pace } from './pace.ts';

export interface Patience {
  /** For how long a request is put off by throttling and faults, from the first of them, in milliseconds. */
  readonly patienceMs?: number;
  /** Seconds before the next try after a fault that does not say when to come again; after the last of them no more. */
  readonly backOffSeconds?: readonly number[];
  /** For one try, from connecting to the end of the answer, in milliseconds. */
  readonly tryLimitMs?: number;
}

/** A request that reads, so that it may be sent again. */
export interface PatientRequest {
  /** What a person calls the service. */
  readonly service: string;
  readonly pace: Pace;
  readonly url: URL;
  readonly method: 'GET' | 'POST';
  readonly headers: Readonly<Record<string, string>>;
  /** Gives the token to send. A service that does not take it (401) is asked once more with a fresh one. */
  readonly token?: (rejected?: string) => Promise<string>;
  readonly body?: string;
  /** Hosts that the service may send the request on to (307, 308), token and all, once; no other redirect is followed. */
  readonly ownHosts?: (host: string) => boolean;
  readonly signal: AbortSignal;
}

/** Asks a cloud service until it answers: one pace for each key, Retry-After honoured within bounds. */
export interface PatientHttp {
  /**
   * @returns any answer but 3xx, 429 and 5xx
   * @throws Unobtainable: `timeout` (no answer in time, throttled for too long), `unreachable`, `refused` (a redirect, or no https),
   *   `malformed` (an answer larger than anything we ask for)
   */
  send(request: PatientRequest): Promise<HttpAnswer>;
}

/** An answer of 10,000 domains with their keys is about 30 MB. */
const bodyLimit = 128 * 1024 * 1024;

/** Throttling and gateways at fault: worth another try (RFC 9110 sections 15.6.1-5, RFC 6585 section 4). */
const passing: ReadonlySet<number> = new Set([429, 500, 502, 503, 504]);

/** What may pass by itself; `wait` are the seconds that the service asks for. */
type Fault = { readonly reason: 'timeout' | 'unreachable'; readonly says: string; readonly wait?: number | undefined };

export function createPatientHttp(http: Http, options: Patience = {}): PatientHttp {
  const { patienceMs = 100_000, tryLimitMs = 45_000, backOffSeconds = [1, 2, 4] } = options;
  const turn = createTurns();

  /** One try. @throws Unobtainable when another one changes nothing */
  const once = async (
    request: PatientRequest,
    token: string | undefined,
    url = request.url,
  ): Promise<HttpAnswer | Fault> => {
    const { service, method, body, signal } = request;
    const headers = token === undefined ? request.headers : { ...request.headers, authorization: `Bearer ${token}` };
    try {
      const answer = await http.send({ to: url, method, headers, body, signal, limitMs: tryLimitMs, bodyLimit });
      const { status } = answer;
      if (status >= 300 && status < 400) {
        const onward = url === request.url ? sentOn(request, answer) : undefined;
        if (onward !== undefined) return await once(request, token, onward);
        throw new Unobtainable('refused', `${service} redirects (${status}), which is not followed`);
      }
      if (!passing.has(status)) return answer;
      const wait = retryAfterSeconds(answer.headers['retry-after'], new Date());
      if (status === 429) return { reason: 'timeout', says: `${service} throttles (429)`, wait };
      return { reason: 'unreachable', says: `${service} is at fault (${status})`, wait };
    } catch (error) {
      if (!(error instanceof HttpFailure)) throw error;
      const { kind, code, message } = error;
      if (kind === 'timeout') return { reason: kind, says: `${service} ${message}` };
      if (kind === 'unreachable')
        return { reason: kind, says: `${service} cannot be reached at ${url.host} (${code})` };
      if (kind === 'stopped') throw notWaitedFor(service);
      if (kind === 'too-large') throw new Unobtainable('malformed', `${service} ${message}`);
      const not = `the certificate of ${url.host} is not trusted (${code}), so ${service} was not asked`;
      throw new Unobtainable('unreachable', `${not}; if it is yours, name its root with --ca`);
    }
  };

  const patiently = async (request: PatientRequest, token?: string): Promise<HttpAnswer> => {
    const { service, pace } = request;
    const signal = AbortSignal.any([request.signal, http.closed]);
    const waited = (waiting: Promise<unknown>) => waiting.catch(() => Promise.reject(notWaitedFor(service)));
    let patienceEnds: number | undefined;
    for (let tries = 1; ; tries++) {
      await waited(turn(pace, signal));
      const answer = await once(request, token);
      if ('status' in answer) return answer;
      const { reason, says, wait } = answer;
      const givenUp = (why: string) => new Unobtainable(reason, `${says}${why}; it is asked again at the next run`);
      if (wait === undefined && tries > backOffSeconds.length) throw givenUp(`, ${tries} times in a row`);
      const now = performance.now();
      patienceEnds ??= now + patienceMs;
      const seconds = wait ?? backOffSeconds[tries - 1] ?? 0;
      if (seconds * 1000 > patienceMs) throw givenUp(` and asks to wait ${seconds} s, longer than a run waits`);
      if (now + seconds * 1000 > patienceEnds) throw givenUp(` for ${patienceMs / 1000} s`);
      await waited(sleep(seconds * 1000, undefined, { signal }));
    }
  };

  return {
    async send(request) {
      const { service, url } = request;
      if (url.protocol !== 'https:') {
        const given = `its endpoint is given as ${url.origin}`;
        throw new Unobtainable('refused', `${service} is asked over https only, and ${given}`);
      }
      const token = await request.token?.();
      const answer = await patiently(request, token);
      // It may have expired between the two, or the rights changed since.
      return answer.status === 401 && token !== undefined ? patiently(request, await request.token?.(token)) : answer;
    },
  };
}

/** Where the request is sent on to, when it may go there. */
function sentOn({ url, ownHosts }: PatientRequest, { status, headers }: HttpAnswer): URL | undefined {
  const { location = '' } = headers;
  if ((status !== 307 && status !== 308) || !URL.canParse(location, url.href)) return undefined;
  const onward = new URL(location, url.href);
  return onward.protocol === 'https:' && ownHosts?.(onward.host) === true ? onward : undefined;
}

function notWaitedFor(service: string): Unobtainable {
  return new Unobtainable('timeout', `${service} was not waited for any longer`);
}

/**
 * Seconds from `now` that a Retry-After header asks to wait (RFC 9110 section 10.2.3: seconds, or an HTTP date), 0 for a
 * date that is over; undefined when there is none or it makes no sense.
 */
export function retryAfterSeconds(header: string | undefined, now: Date): number | undefined {
  const text = header?.trim() ?? '';
  if (/^\d+$/.test(text)) return Number(text);
  // Every form of an HTTP date starts with the day of the week; `Date.parse` takes much that is none.
  const at = /^[A-Za-z]{3}/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, Math.ceil((at - now.getTime()) / 1000));
}
