// Queries over HTTPS (RFC 8484): the same messages as the body of a POST.
import { rootCertificates } from 'node:tls';
import { Agent, request } from 'undici';
import type { Exchange, ExchangeEvents, Transport } from './exchange.ts';
import { repliesTo } from './message.ts';

const MEDIA_TYPE = 'application/dns-message';
const LARGEST_MESSAGE = 65535;
/** Connections to a server that speaks only HTTP/1.1; with HTTP/2 one carries all. */
const CONNECTIONS = 32;

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

/** @param ca PEM of further certificate authorities to trust beside the public ones */
export function dohTransport<E extends Exchange>(
  url: string,
  events: ExchangeEvents<E>,
  ca?: readonly string[],
): Transport<E> {
  const agent = new Agent({
    connections: CONNECTIONS,
    allowH2: true,
    connect: ca === undefined ? {} : { ca: [...rootCertificates, ...ca] },
  });
  const running = new Map<E, AbortController>();

  async function exchangeOverHttp(exchange: E, abort: AbortController): Promise<void> {
    try {
      const message = await post(url, agent, exchange.query.bytes, abort.signal);
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
      agent.destroy().catch(() => {
        // Connections that break while they are torn down are gone all the same.
      });
    },
  };
}

async function post(url: string, agent: Agent, query: Buffer, signal: AbortSignal): Promise<Buffer> {
  const response = await request(url, {
    method: 'POST',
    headers: { 'content-type': MEDIA_TYPE, accept: MEDIA_TYPE },
    body: query,
    dispatcher: agent,
    signal,
  });
  if (response.statusCode !== 200) {
    await response.body.dump();
    throw new DohStatusError(response.statusCode);
  }
  const type = String(response.headers['content-type'] ?? '').split(';')[0];
  if (type?.trim().toLowerCase() !== MEDIA_TYPE) {
    await response.body.dump();
    throw new DohContentError(`content type '${type}' instead of ${MEDIA_TYPE}`);
  }
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response.body as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > LARGEST_MESSAGE) throw new DohContentError('the reply is longer than a DNS message can be');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
