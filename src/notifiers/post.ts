import type { Delivery } from '../domain/notice.ts';
import { createAddressGuard } from '../http/address-guard.ts';
import { createHttp, type Http, type HttpAnswer } from '../http/client.ts';
import { HttpFailure } from '../http/failure-words.ts';
import { retryAfterSeconds } from '../http/retry.ts';
import type { ChannelAddress } from './address.ts';

export interface PostOptions {
  /** What to send with. */
  readonly http?: Http;
  /** Milliseconds for the whole exchange, from connecting to the end of the answer. */
  readonly timeLimitMs?: number;
  /** Private, unique-local and loopback addresses are posted to. */
  readonly allowPrivate?: boolean;
  /** This machine is. */
  readonly allowLocal?: boolean;
}

/** What one kind of channel says about an answer, where it knows more than HTTP does. */
export type Advice = (status: number, body: string) => string | undefined;

const defaultTimeLimitMs = 15_000;

/** Of an answer's body this much is read, to be judged. */
const maxAnswerBytes = 16_384;

/** Bounds for Retry-After, in seconds: a channel can put a notice off by an hour, not for ever. */
const retryAfterBounds = { min: 1, max: 3_600 };

/** An address is sent to as it was written, and a connection kept open would hardly be used again. */
const httpWithin = (allowPrivate: boolean) =>
  createHttp({ asWritten: true, guard: createAddressGuard({ allowPrivate, doing: 'posted to' }) });
const outside = httpWithin(false);
const inside = httpWithin(true);

/**
 * Posts a body, JSON unless `headers` say otherwise, and tells what became of it. Never throws, and `detail` never holds the address.
 *
 * delivered: any 2xx. retry: 408, 429, 5xx, no connection, no answer in time; with the seconds of Retry-After within
 * bounds. rejected: everything else, redirects included, with what to do.
 */
export async function post(
  address: ChannelAddress,
  body: string,
  signal: AbortSignal,
  headers: Readonly<Record<string, string>>,
  advice: Advice,
  { allowPrivate = false, allowLocal = false, timeLimitMs = defaultTimeLimitMs, ...options }: PostOptions,
): Promise<Delivery> {
  const { scheme, authority, target, shown } = address;
  const { http = allowPrivate || allowLocal ? inside : outside } = options;
  try {
    const answer = await http.send({
      to: { origin: `${scheme}://${authority}`, target },
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers, host: authority },
      body,
      signal,
      limitMs: timeLimitMs,
      bodyLimit: maxAnswerBytes,
      startIsEnough: true,
    });
    return judgeAnswer(address, answer, advice);
  } catch (error) {
    if (!(error instanceof HttpFailure)) throw error;
    const { kind, message } = error;
    if (kind === 'stopped') {
      return { outcome: 'retry', detail: `Stopped before ${shown} answered; it is tried again.` };
    }
    if (kind === 'forbidden')
      return {
        outcome: 'rejected',
        detail: `${shown} ${message}. Store an address on the internet; private ones need FIELDCHECK_ALLOW_PRIVATE.`,
      };
    const then =
      kind === 'timeout' ? '. It may have taken the notice all the same; then it comes twice.' : '; it is tried again.';
    return { outcome: 'retry', detail: `${shown} ${message}${then}` };
  }
}

function judgeAnswer(address: ChannelAddress, { status, headers, body }: HttpAnswer, advice: Advice): Delivery {
  const answered = `${address.shown} answered ${status}`;
  if (status >= 200 && status < 300) return { outcome: 'delivered', detail: `${answered}.` };
  const known = advice(status, body.toString('utf8'));
  if (status === 408 || status === 429 || status >= 500) {
    const seconds = retryAfterSeconds(headers['retry-after'], new Date());
    return {
      outcome: 'retry',
      detail: `${answered}: ${known ?? retrySentence(status)}`,
      ...(seconds === undefined
        ? {}
        : { afterSeconds: Math.min(Math.max(seconds, retryAfterBounds.min), retryAfterBounds.max) }),
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
