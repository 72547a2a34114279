// Queries over TCP (RFC 7766): two bytes of length before each message, several queries on one connection without
// waiting, replies in any order, connections kept for the next query.
import { connect, type Socket } from 'node:net';
import { type Exchange, type ExchangeEvents, register, type Transport, unregister } from './exchange.ts';
import { repliesTo } from './message.ts';

const connectionsAtOnce = 2;
/** Connections beyond the first are opened when the others have so many queries waiting. */
const pipelined = 50;
/** RFC 7766 §6.2.3: seconds, not minutes, so that the server need not close on us. */
const idleMs = 5000;

export function tcpTransport<E extends Exchange>(
  server: { host: string; port: number },
  events: ExchangeEvents<E>,
): Transport<E> {
  const connections = new Set<Connection<E>>();

  return {
    send(exchange) {
      let best: Connection<E> | undefined;
      for (const connection of connections) {
        if (best === undefined || connection.waiting.size < best.waiting.size) best = connection;
      }
      if (best === undefined || (best.waiting.size >= pipelined && connections.size < connectionsAtOnce)) {
        const opened = openConnection(server, events, () => connections.delete(opened));
        connections.add(opened);
        best = opened;
      }
      best.send(exchange);
    },
    forget: unregister,
    close() {
      for (const connection of connections) connection.close();
    },
  };
}

interface Connection<E extends Exchange> {
  readonly waiting: Map<number, E>;
  send(exchange: E): void;
  close(): void;
}

function openConnection<E extends Exchange>(
  server: { host: string; port: number },
  events: ExchangeEvents<E>,
  ended: () => void,
): Connection<E> {
  const waiting = new Map<number, E>();
  const socket: Socket = connect({ host: server.host, port: server.port, noDelay: true });
  let received: Buffer = Buffer.alloc(0);
  let problem = new Error('the server closed the connection');

  socket.unref();
  socket.setTimeout(idleMs, () => {
    if (waiting.size === 0) socket.destroy();
  });
  socket.on('data', (chunk) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    let start = 0;
    while (received.length - start >= 2) {
      const end = start + 2 + received.readUInt16BE(start);
      if (received.length < end) break;
      deliver(received.subarray(start + 2, end));
      start = end;
    }
    received = received.subarray(start);
  });
  socket.on('error', (error) => {
    problem = error;
  });
  socket.on('end', () => socket.destroy());
  socket.on('close', () => {
    ended();
    for (const exchange of [...waiting.values()]) {
      unregister(exchange);
      events.broken(exchange, problem);
    }
  });

  function deliver(message: Buffer): void {
    const exchange = message.length < 2 ? undefined : waiting.get(message.readUInt16BE(0));
    if (exchange === undefined || !repliesTo(message, exchange.query)) {
      events.ignored();
      return;
    }
    unregister(exchange);
    events.replied(exchange, message);
  }

  return {
    waiting,
    send(exchange) {
      register(exchange, waiting);
      const { bytes } = exchange.query;
      const framed = Buffer.allocUnsafe(bytes.length + 2);
      framed.writeUInt16BE(bytes.length, 0);
      bytes.copy(framed, 2);
      socket.write(framed);
    },
    close() {
      waiting.clear();
      socket.destroy();
    },
  };
}
