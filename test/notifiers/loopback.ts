import { createServer as createHttpServer, type IncomingMessage, type RequestListener } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { Agent, buildConnector } from 'undici';

export { selfSigned } from './certificate.ts';

/** One request as it came over the wire. */
interface Arrived {
  readonly method: string;
  /** The request target, byte for byte. */
  readonly target: string;
  readonly host: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface Loopback {
  readonly port: number;
  readonly arrived: readonly Arrived[];
  close(): Promise<void>;
}

/** A real server on 127.0.0.1 that notes what arrives, then lets `answer` answer. */
export async function startLoopback(answer: RequestListener, tls?: { key: string; cert: string }): Promise<Loopback> {
  const arrived: Arrived[] = [];
  const listener: RequestListener = (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      arrived.push({
        method: request.method ?? '',
        target: request.url ?? '',
        host: request.headers.host ?? '',
        headers: request.headers,
        body: Buffer.concat(chunks).toString('utf8'),
      });
      answer(request, response);
    });
  };
  const server: Server & { closeAllConnections(): void } =
    tls === undefined ? createHttpServer(listener) : createHttpsServer(tls, listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    arrived,
    close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      return closed;
    },
  };
}

/** Connects to `port` of 127.0.0.1 whatever host is asked for; names and certificates are checked as ever. */
export function agentTo(port: number, ca?: string): Agent {
  const connect = buildConnector({ allowH2: false, ...(ca === undefined ? {} : { ca }) });
  return new Agent({
    connect: (options, callback) =>
      connect(
        { ...options, hostname: '127.0.0.1', host: '127.0.0.1', port: String(port), servername: options.hostname },
        callback,
      ),
  });
}
