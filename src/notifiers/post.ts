import { Agent, type Dispatcher } from 'undici';
import type { Delivery } from '../domain/notice.ts';
import type { ChannelAddress } from './address.ts';

export interface PostOptions {
  /** The undici dispatcher to send with; a test's, or one with a proxy. */
  readonly dispatcher?: Dispatcher;
  /** Milliseconds for the whole exchange, from connecting to the end of the answer. */
  readonly timeLimitMs?: number;
}

/** What one kind of channel says about an answer, where it knows more than HTTP does. */
export type Advice = (status: number, body: string) => string | undefined;

const defaultTimeLimitMs = 15_000;
const connectLimitMs = 5_000;

/** Of an answer's body this much is read, to be judged; then the connection is closed. */
const maxAnswerBytes = 16_384;

/** Bounds for Retry-After, in seconds: a channel can put a notice off by an hour, not for ever. */
const retryAfterBounds = { min: 1, max: 3_600 };

// HTTP/1.1 on purpose: `Host` and request target then go out as written. Redirects are not followed by undici's
// `request`: whoever answers for the address must not be able to send a notice elsewhere.
const defaultDispatcher = new Agent({ connect: { timeout: connectLimitMs }, allowH2: false });

/**
 * Posts JSON and tells what became of it. Never throws, and `detail` never holds the address.
 *
 * delivered: any 2xx. retry: 408, 429, 5xx, no connection, no answer in time; with the seconds of Retry-After (RFC 9110
 * section 10.2.3, both forms) within bounds. rejected: everything else, redirects included, with what to do.
 */
export async function postJson(
  address: ChannelAddress,
  json: string,
  signal: AbortSignal,
  headers: Readonly<Record<string, string>>,
  advice: Advice,
  { dispatcher = defaultDispatcher, timeLimitMs = defaultTimeLimitMs }: PostOptions,
): Promise<Delivery> {
  const limit = AbortSignal.timeout(timeLimitMs);
  try {
    const response = await dispatcher.request({
      origin: `${address.scheme}://${address.authority}`,
      path: address.target,
      method: 'POST',
      headers: { ...headers, host: address.authority, 'content-type': 'application/json', 'user-agent': 'fieldcheck' },
      body: json,
      // One notice per organization, channel and run: a connection kept open would hardly be used again.
      reset: true,
      signal: AbortSignal.any([signal, limit]),
    });
    const body = await readStart(response.body);
    return judgeAnswer(address, response.statusCode, response.headers['retry-after'], body, advice);
  } catch (error) {
    if (signal.aborted) {
      return { outcome: 'retry', detail: `Stopped before ${address.shown} answered; it is tried again.` };
    }
    if (limit.aborted) {
      return {
        outcome: 'retry',
        detail: `${address.shown} did not answer within ${timeLimitMs / 1000} s. It may have taken the notice all the same; then it comes twice.`,
      };
    }
    return { outcome: 'retry', detail: `${address.shown} cannot be reached (${errorCode(error)}); it is tried again.` };
  }
}

function judgeAnswer(
  address: ChannelAddress,
  status: number,
  retryAfter: string | string[] | undefined,
  body: string,
  advice: Advice,
): Delivery {
  const answered = `${address.shown} answered ${status}`;
  if (status >= 200 && status < 300) return { outcome: 'delivered', detail: `${answered}.` };
  const known = advice(status, body);
  if (status === 408 || status === 429 || status >= 500) {
    const afterSeconds = retryAfterSeconds(Array.isArray(retryAfter) ? retryAfter[0] : retryAfter, new Date());
    return {
      outcome: 'retry',
      detail: `${answered}: ${known ?? retrySentence(status)}`,
      ...(afterSeconds === undefined ? {} : { afterSeconds }),
    };
  }
  return { outcome: 'rejected', detail: `${answered}: ${known ?? rejectedSentence(status)}` };
}

function retrySentence(status: number): string {
  if (status === 429) return 'too many requests; it is tried again later.';
  return status === 408 ? 'it gave up waiting; it is tried again.' : 'a fault on its side; it is tried again.';
}

function rejectedSentence(status: number): string {
  if (status >= 300 && status < 400)
    return 'a redirect, which is not followed. Store the address that it leads to, if that is where notices should go.';
  if (status === 400 || status === 415 || status === 422)
    return 'it does not accept what was sent. Check that the address belongs to this kind of channel.';
  if (status === 401 || status === 403)
    return 'the address does not give the right to post. Create a new address on the receiving side and store it.';
  if (status === 404 || status === 410)
    return 'nobody receives there any more. Create a new address on the receiving side and store it.';
  if (status === 413) return 'what was sent is too large for it. Raise the limit on the receiving side.';
  return 'it refuses the request. Check the address and the receiving side.';
}

/**
 * Seconds to wait by a Retry-After header (RFC 9110 section 10.2.3: seconds, or an HTTP date seen from `now`), at least 1
 * and at most 3,600; undefined when there is none or it makes no sense.
 */
export function retryAfterSeconds(header: string | undefined, now: Date): number | undefined {
  if (header === undefined) return undefined;
  const text = header.trim();
  const seconds = /^\d+$/.test(text)
    ? Number(text)
    : /^[A-Za-z]{3}/.test(text)
      ? Math.ceil((Date.parse(text) - now.getTime()) / 1000)
      : Number.NaN;
  if (Number.isNaN(seconds)) return undefined;
  return Math.min(Math.max(seconds, retryAfterBounds.min), retryAfterBounds.max);
}

/** The start of a body; the rest is not waited for. The status has decided already, so a body that breaks off changes nothing. */
async function readStart(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of body) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes >= maxAnswerBytes) break;
    }
  } catch {
    // What came until then has to do.
  }
  return Buffer.concat(chunks).subarray(0, maxAnswerBytes).toString('utf8');
}

/** Only the code: messages of network errors may name the address. */
function errorCode(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && /^[A-Z0-9_]{1,64}$/.test(code) ? code : 'network error';
}
