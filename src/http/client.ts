import type { Dispatcher } from 'undici';
import type { AddressGuard } from './address-guard.ts';
import { decoded } from './encoding.ts';
import { failureOf, HttpFailure } from './failure-words.ts';
import { createRoots, type Roots } from './roots.ts';

export interface HttpOptions {
  /** PEM texts of roots to trust besides the public ones. */
  readonly ca?: readonly string[] | undefined;
  /**
   * HTTP/1.1 and a connection for each request, so that `Host` and target go out as they were written. Else connections
   * are kept, and with a server that prefers HTTP/2 one carries all.
   */
  readonly asWritten?: boolean;
  /** Which addresses may be connected to; any, where the operator himself says whom to ask. */
  readonly guard?: AddressGuard;
  /** Sends in place of our own connections, for tests; it is destroyed by `close`. */
  readonly dispatcher?: Dispatcher;
}

export interface HttpRequest {
  /** An origin (`https://host` or `https://host:port`) and a target (path and query) go out as they stand there. */
  readonly to: URL | { readonly origin: string; readonly target: string };
  readonly method: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | undefined;
  readonly signal: AbortSignal;
  /** From connecting to the end of the answer, in milliseconds; who gives none has a clock of its own. */
  readonly limitMs?: number;
  /** Bytes of a body at most. */
  readonly bodyLimit: number;
  /**
   * What came of a body that is longer, or breaks off, is enough; the rest is not waited for. So it is with every answer
   * but 2xx: the status has decided already.
   */
  readonly startIsEnough?: boolean;
}

export interface HttpAnswer {
  readonly status: number;
  /** By lower-case name; of several lines the first. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** Speaks HTTP, one try for each request. */
export interface Http {
  readonly roots: Roots;
  /**
   * Redirects are not followed: whoever answers cannot send a token or a notice elsewhere.
   *
   * @returns any answer, whatever its status
   * @throws HttpFailure and nothing else
   */
  send(request: HttpRequest): Promise<HttpAnswer>;
  /** Ends what is under way; `closed` aborts. */
  close(): void;
  readonly closed: AbortSignal;
}

const connectLimitMs = 10_000;
/** To one server. */
const mostConnections = 32;

/** @throws Error when a text of `ca` holds no certificate */
export function createHttp({ ca, asWritten = false, guard, dispatcher }: HttpOptions = {}): Http {
  const roots = createRoots(ca);
  const closing = new AbortController();
  let agent = dispatcher === undefined ? undefined : Promise.resolve(dispatcher);
  /** Only when something is sent: roots and undici are a good part of what a start loads. */
  const makeAgent = async () => {
    const { Agent } = await import('undici');
    return new Agent({
      connections: mostConnections,
      connect: {
        timeout: connectLimitMs,
        secureContext: roots.ours.secureContext,
        ...(guard === undefined ? {} : { lookup: guard.lookup }),
      },
      ...(asWritten ? { allowH2: false, pipelining: 0 } : {}),
    });
  };

  return {
    roots,
    closed: closing.signal,
    async send({ to, method, headers, body = null, signal, limitMs, bodyLimit, startIsEnough = false }) {
      const limit = limitMs === undefined ? undefined : AbortSignal.timeout(limitMs);
      try {
        closing.signal.throwIfAborted();
        // As the connection will read it: `2130706433` is an address, too.
        guard?.admit(new URL(to.origin).hostname);
        agent ??= makeAgent();
        const response = await (await agent).request({
          origin: to.origin,
          path: to instanceof URL ? `${to.pathname}${to.search}` : to.target,
          method,
          headers: { 'user-agent': 'fieldcheck', ...headers },
          body,
          signal: limit === undefined ? signal : AbortSignal.any([signal, limit]),
        });
        const status = response.statusCode;
        const first = Object.entries(response.headers).map(([name, value]) => [name, [value].flat()[0] ?? '']);
        const enough = startIsEnough || status < 200 || status >= 300;
        const headersByName = Object.fromEntries(first);
        // Limits count what comes out: a small answer can become a large one.
        const plain = decoded(response.body, headersByName['content-encoding']);
        return { status, headers: headersByName, body: await readBody(plain, bodyLimit, enough) };
      } catch (error) {
        throw failureOf(error, { stopped: signal.aborted || closing.signal.aborted, limit, limitMs });
      }
    },
    close() {
      closing.abort();
      // Connections that break while they are torn down are gone all the same.
      agent?.then((made) => made.destroy()).catch(() => {});
    },
  };
}

async function readBody(body: AsyncIterable<Uint8Array>, limit: number, startIsEnough: boolean): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of body) {
      chunks.push(chunk);
      size += chunk.length;
      if (size > limit) throw new HttpFailure('too-large', 'sent an answer beyond every size');
    }
  } catch (error) {
    if (!startIsEnough) throw error;
  }
  return Buffer.concat(chunks).subarray(0, limit);
}
