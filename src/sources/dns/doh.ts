// Queries over HTTPS (RFC 8484): the same messages as the body of a POST.
import type { Http } from '../../http/client.ts';
import { HttpFailure } from '../../http/failure-words.ts';
import type { Exchange, ExchangeEvents, Transport } from './exchange.ts';
import { repliesTo } from './message.ts';

const mediaType = 'application/dns-message';
const largestMessage = 65535;

/** The DoH server answered with another HTTP status than 200. */
export class DohStatusError extends Error {
  readonly status: number;
  constructor(status: number) {
    super(`HTTP status ${status}`);
    this.status = status;
  }
}

/** The DoH server answered with something that is no DNS message. */
export class DohContentError extends Error {}

export function dohTransport<E extends Exchange>(url: URL, events: ExchangeEvents<E>, http: Http): Transport<E> {
  const running = new Map<E, AbortController>();

  async function exchangeOverHttp(exchange: E, abort: AbortController): Promise<void> {
    try {
      const message = await post(url, http, exchange.query.bytes, abort.signal);
      if (!running.delete(exchange)) return;
      if (!repliesTo(message, exchange.query)) throw new DohContentError('the reply is to another question');
      events.replied(exchange, message);
    } catch (cause) {
      const forgotten = abort.signal.aborted;
      running.delete(exchange);
      if (!forgotten) events.broken(exchange, cause instanceof Error ? cause : new Error(String(cause)));
    }
  }

  return {
    send(exchange) {
      // The id stays 0, so that HTTP caches can answer (RFC 8484 §4.1).
      const abort = new AbortController();
      running.set(exchange, abort);
      void exchangeOverHttp(exchange, abort);
    },
    forget(exchange) {
      const abort = running.get(exchange);
      running.delete(exchange);
      abort?.abort();
    },
    close() {
      for (const abort of running.values()) abort.abort();
      running.clear();
    },
  };
}

async function post(url: URL, http: Http, query: Buffer, signal: AbortSignal): Promise<Buffer> {
  const asked = http.send({
    to: url,
    method: 'POST',
    headers: { 'content-type': mediaType, accept: mediaType },
    body: query,
    signal,
    bodyLimit: largestMessage,
  });
  const { status, headers, body } = await asked.catch((error: unknown) => {
    const tooLarge = error instanceof HttpFailure && error.kind === 'too-large';
    throw tooLarge ? new DohContentError('the reply is longer than a DNS message can be') : error;
  });
  if (status !== 200) throw new DohStatusError(status);
  const type = headers['content-type']?.split(';')[0]?.trim().toLowerCase() ?? '';
  if (type !== mediaType) throw new DohContentError(`content type '${type}' instead of ${mediaType}`);
  return body;
}
