import { createServer, type IncomingHttpHeaders, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Seen {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
}

/**
 * What happens to a request: on to the storage, answered here, done by the storage but never answered, cut off while it is
 * sent, or neither.
 */
type Fate =
  | 'pass'
  | 'cut'
  | 'lose-answer'
  | 'hang'
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string };

export interface FaultyStorage {
  readonly connectionString: string;
  readonly seen: readonly Seen[];
  /** Decides from now on, for each request. */
  fate: (request: Seen) => Fate;
  stop(): Promise<void>;
}

/**
 * A table service on loopback that stands before a real Azurite and does what Azurite does not: throttle, send empty
 * pages, lose answers, hang. Signatures stay valid, because they do not cover the host.
 */
export async function startFaultyStorage(connectionString: string): Promise<FaultyStorage> {
  const endpoint = new URL(/TableEndpoint=([^;]+)/.exec(connectionString)?.[1] ?? '');
  const seen: Seen[] = [];
  const server = createServer(async (incoming, answer) => {
    const { method = 'GET', url = '/' } = incoming;
    seen.push({ method, url });
    const fate = storage.fate({ method, url });
    if (fate === 'cut') return void incoming.socket.destroy();
    const body = Buffer.concat(await incoming.toArray());
    if (fate === 'hang') return;
    if (typeof fate === 'object') {
      answer.writeHead(fate.status, { 'content-type': 'application/json', ...fate.headers }).end(fate.body ?? '');
      return;
    }
    forward({ method, url, headers: incoming.headers, body }, answer, fate === 'lose-answer');
  });

  function forward(
    { headers, body, method, url }: Seen & { headers: IncomingHttpHeaders; body: Buffer },
    answer: ServerResponse,
    isLost: boolean,
  ): void {
    request({ host: endpoint.hostname, port: endpoint.port, path: url, method, headers }, (response) => {
      if (isLost) {
        response.resume().once('end', () => answer.destroy());
      } else {
        answer.writeHead(response.statusCode ?? 500, response.headers);
        response.pipe(answer);
      }
    })
      .once('error', () => answer.destroy())
      .end(body);
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const storage: FaultyStorage = {
    connectionString: connectionString.replaceAll(endpoint.host, `127.0.0.1:${port}`),
    seen,
    fate: () => 'pass',
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return storage;
}
