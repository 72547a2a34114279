// Queries over UDP. A few connected sockets on random ports, used in random order: an attacker who cannot see the
// traffic has to guess port and id together (RFC 5452), and the kernel drops what comes from another address or port.
// More than one socket also spreads replies over more receive buffers, which by default hold little over a hundred each.
import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { type Exchange, type ExchangeEvents, randomUint16, register, type Transport, unregister } from './exchange.ts';
import { repliesTo } from './message.ts';

const socketCount = 8;
/** A socket is replaced by one on another port after so many queries. */
const queriesPerSocket = 5000;
/** Asked for; the system grants what its limit allows. Replies wait there while the process judges others. */
const receiveBuffer = 1 << 20;

export function udpTransport<E extends Exchange>(
  server: { host: string; port: number },
  events: ExchangeEvents<E>,
): Transport<E> {
  const sockets: QuerySocket<E>[] = [];
  const retired = new Set<QuerySocket<E>>();

  return {
    send(exchange) {
      const slot = randomUint16() % socketCount;
      let socket = sockets[slot];
      if (socket === undefined || socket.used >= queriesPerSocket || socket.failed) {
        if (socket !== undefined) retired.add(socket);
        closeIdle(retired);
        socket = openSocket(server, events);
        sockets[slot] = socket;
      }
      socket.send(exchange);
    },
    forget: unregister,
    close() {
      for (const socket of [...sockets, ...retired]) socket?.close();
      sockets.length = 0;
      retired.clear();
    },
  };
}

function closeIdle<E extends Exchange>(retired: Set<QuerySocket<E>>): void {
  for (const socket of retired) {
    if (socket.waiting.size > 0) continue;
    socket.close();
    retired.delete(socket);
  }
}

interface QuerySocket<E extends Exchange> {
  readonly waiting: Map<number, E>;
  readonly used: number;
  readonly failed: boolean;
  send(exchange: E): void;
  close(): void;
}

function openSocket<E extends Exchange>(
  server: { host: string; port: number },
  events: ExchangeEvents<E>,
): QuerySocket<E> {
  const waiting = new Map<number, E>();
  const socket: Socket = createSocket({
    type: isIPv6(server.host.split('%')[0] ?? '') ? 'udp6' : 'udp4',
    recvBufferSize: receiveBuffer,
  });
  let connected = false;
  let failed = false;
  let closed = false;
  let used = 0;
  let unsent: E[] = [];

  socket.on('message', (message) => {
    const exchange = message.length < 2 ? undefined : waiting.get(message.readUInt16BE(0));
    if (exchange === undefined || !repliesTo(message, exchange.query)) {
      events.ignored();
      return;
    }
    unregister(exchange);
    events.replied(exchange, message);
  });
  // ECONNREFUSED (an ICMP "port unreachable" came back), no route, no such host: it cannot be told which query it was.
  const fail = (cause: Error): void => {
    failed = true;
    unsent = [];
    for (const exchange of [...waiting.values()]) {
      unregister(exchange);
      events.broken(exchange, cause);
    }
  };
  // Without a callback a query that the system refuses to send would count as sent, and end as a time-out.
  const write = (exchange: E): void => socket.send(exchange.query.bytes, (error) => error && fail(error));

  socket.on('error', fail);
  socket.on('connect', () => {
    connected = true;
    for (const exchange of unsent) {
      if (waiting.get(exchange.id) === exchange) write(exchange);
    }
    unsent = [];
  });
  // Without a callback: that would be told of a failure in place of the listener for errors.
  socket.connect(server.port, server.host);
  // What keeps the process alive is the resolver's clock while it has work, never a socket.
  socket.unref();

  return {
    waiting,
    get used() {
      return used;
    },
    get failed() {
      return failed;
    },
    send(exchange) {
      used++;
      register(exchange, waiting);
      if (connected) write(exchange);
      else unsent.push(exchange);
    },
    close() {
      if (closed) return;
      closed = true;
      waiting.clear();
      socket.close();
    },
  };
}
