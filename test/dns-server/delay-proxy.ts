// Stands between a client and a DNS server and answers later: UDP and TCP on one port. What it answers over UDP is a
// resolver's, recursive and not authoritative, because that is whom the product asks: it takes a denial that a private
// address calls its own for what the inside sees. Run as a process of its own (startDelayProxy does) so that its work is not
// counted as the client's:
//   node test/dns-server/delay-proxy.ts 127.0.0.1:5300 20 [dropAbovePerSecond [silentEvery]]
import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { connect, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';

export interface DelayProxy {
  /** `host:port`, as a resolver's address. */
  readonly address: string;
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Starts the proxy in its own process.
 * @param upstream `host:port` of the DNS server, IPv4
 * @param delayMs added to every answer
 * @param dropAbovePerSecond drops UDP queries above this rate, counted per tenth of a second
 * @param silentEvery never answers, over UDP, for every so many-th of the numbered domains `d0`, `d1` …; 0: for none
 */
export async function startDelayProxy(
  upstream: string,
  delayMs: number,
  dropAbovePerSecond = Number.POSITIVE_INFINITY,
  silentEvery = 0,
): Promise<DelayProxy> {
  const numbers = [delayMs, dropAbovePerSecond, silentEvery].map(String);
  const args = [fileURLToPath(import.meta.url), upstream, ...numbers];
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const port = await firstLineAsPort(child);
  return {
    address: `127.0.0.1:${port}`,
    port,
    close: () =>
      new Promise((resolve) => {
        child.once('exit', () => resolve());
        child.kill();
      }),
  };
}

function firstLineAsPort(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.stdout?.once('data', (line) => resolve(Number(line)));
    child.once('exit', (code) => reject(new Error(`the delaying proxy ended with code ${code}`)));
  });
}

const DROP_WINDOW_MS = 100;

/** Flags of the header (RFC 1035 section 4.1.1): AA cleared, RA set. */
function asResolver(reply: Buffer): Buffer {
  if (reply.length < 4) return reply;
  reply.writeUInt16BE((reply.readUInt16BE(2) & ~0x0400) | 0x0080, 2);
  return reply;
}

function serve(
  upstream: { host: string; port: number },
  delayMs: number,
  dropAbovePerSecond: number,
  silentEvery: number,
): void {
  // Every packet waits equally long, so one queue and one timer are enough.
  const due: { at: number; deliver: () => void }[] = [];
  let first = 0;
  let running = false;
  const run = (): void => {
    const now = performance.now();
    for (let next = due[first]; next !== undefined && next.at <= now; next = due[++first]) next.deliver();
    if (first > 4096) {
      due.splice(0, first);
      first = 0;
    }
    const next = due[first];
    running = next !== undefined;
    if (next !== undefined) setTimeout(run, Math.max(1, next.at - now));
  };
  const later = (deliver: () => void): void => {
    due.push({ at: performance.now() + delayMs, deliver });
    if (!running) setTimeout(run, delayMs);
    running = true;
  };

  let windowStart = 0;
  let seen = 0;
  const tooMany = (): boolean => {
    const now = performance.now();
    if (now - windowStart >= DROP_WINDOW_MS) {
      windowStart = now;
      seen = 0;
    }
    return ++seen > (dropAbovePerSecond * DROP_WINDOW_MS) / 1000;
  };

  /** Domains are labels of their own in what is asked: a length, `d`, a number, and the next length. */
  const isSilent = (query: Buffer): boolean => {
    if (silentEvery === 0) return false;
    const number = /\Wd(\d+)\W/.exec(query.toString('latin1'))?.[1];
    return number !== undefined && Number(number) % silentEvery === 0;
  };

  const upstreams = new Map<number, Socket>();
  const upstreamOf = (clientPort: number, clientAddress: string): Socket => {
    let socket = upstreams.get(clientPort);
    if (socket === undefined) {
      socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 });
      socket.on('message', (reply) => later(() => udp.send(asResolver(reply), clientPort, clientAddress)));
      socket.on('error', () => {}); // the server is gone: the client sees silence
      upstreams.set(clientPort, socket);
    }
    return socket;
  };
  const udp = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 });
  udp.on('message', (query, from) => {
    if (!tooMany() && !isSilent(query)) upstreamOf(from.port, from.address).send(query, upstream.port, upstream.host);
  });

  const tcp = createServer((client) => {
    const server = connect({ ...upstream, noDelay: true });
    client.setNoDelay(true);
    client.on('data', (chunk) => server.write(chunk));
    server.on('data', (chunk) => later(() => client.write(chunk)));
    client.on('error', () => server.destroy()).on('close', () => server.destroy());
    server.on('error', () => client.destroy()).on('close', () => client.destroy());
  });
  // The port that is free for TCP may be taken for UDP: then another one has to do.
  const listen = (): void => {
    tcp.listen(0, '127.0.0.1', () => {
      const address = tcp.address();
      if (typeof address !== 'object' || address === null) throw new Error('no port');
      udp.once('error', () => tcp.close(listen));
      udp.bind(address.port, '127.0.0.1', () => {
        udp.removeAllListeners('error');
        console.log(address.port);
      });
    });
  };
  listen();
  // Ends with the process that started it, also when that was killed.
  process.stdin.on('end', () => process.exit()).resume();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [, , upstream = '', delayMs = '0', drop = 'Infinity', silentEvery = '0'] = process.argv;
  const [host = '', port = ''] = upstream.split(':');
  serve({ host, port: Number(port) }, Number(delayMs), Number(drop), Number(silentEvery));
}
