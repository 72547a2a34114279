import { randomFillSync } from 'node:crypto';
import type { QueryMessage } from './message.ts';

/** One try of a question on one transport. */
export interface Exchange {
  readonly query: QueryMessage;
  /** The id it was sent with, and where the transport keeps it while it waits for the reply. */
  id: number;
  waiting: { delete(id: number): boolean } | undefined;
}

/** What a transport tells the resolver. */
export interface ExchangeEvents<E extends Exchange> {
  /** A response with the right id to the right question came from the right place. */
  replied(exchange: E, message: Buffer): void;
  /** The exchange can get no reply any more: the way to the server is broken. */
  broken(exchange: E, cause: Error): void;
  /** Something came that is no reply to any question asked: a forgery, or too late. */
  ignored(): void;
}

export interface Transport<E extends Exchange> {
  send(exchange: E): void;
  /** Stops waiting for the reply. */
  forget(exchange: E): void;
  close(): void;
}

/** Writes an unpredictable id (RFC 5452 §9.2) that is free among `waiting` into the query and registers the exchange under it. */
export function register<E extends Exchange>(exchange: E, waiting: Map<number, E>): void {
  let id = randomUint16();
  while (waiting.has(id)) id = randomUint16();
  exchange.id = id;
  exchange.waiting = waiting;
  exchange.query.bytes[0] = id >> 8;
  exchange.query.bytes[1] = id & 0xff;
  waiting.set(id, exchange);
}

export function unregister(exchange: Exchange): void {
  exchange.waiting?.delete(exchange.id);
  exchange.waiting = undefined;
}

// Random numbers are drawn by the thousand: one call into the system per query would cost more than the query.
const drawn = new Uint16Array(2048);
let nextDrawn = drawn.length;

export function randomUint16(): number {
  if (nextDrawn === drawn.length) {
    randomFillSync(drawn);
    nextDrawn = 0;
  }
  return drawn[nextDrawn++] ?? 0;
}
