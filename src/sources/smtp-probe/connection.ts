import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { AddressGuard } from '../../http/address-guard.ts';

/** A reply (RFC 5321 section 4.2): its code, and its lines without code. */
export interface Reply {
  readonly code: number;
  readonly lines: readonly string[];
  /** The first line as it came. */
  readonly first: string;
}

/** The other side said nothing in time. */
export class SmtpTimeout extends Error {
  constructor(what: string, ms: number) {
    super(`${what} within ${ms / 1000} s`);
    this.name = 'SmtpTimeout';
  }
}

/** More than any greeting needs; whoever sends more is no mail server. */
const longestReply = 64 * 1024;

/** One SMTP conversation in plain text: commands out, whole replies in, however they are cut into packets. */
export class SmtpConnection {
  readonly #socket: Socket;
  readonly #replies: Reply[] = [];
  #buffer = '';
  #lines: string[] = [];
  #failure: Error | undefined;
  #wake: (() => void) | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => this.#take(chunk));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('the server closed the connection')));
  }

  /**
   * Connects to an IP literal that the guard admits.
   *
   * @param options.signal closes the connection, in whatever state it is
   * @throws AddressRefused when it does not, SmtpTimeout, or the system's error
   */
  static async open(
    host: string,
    port: number,
    options: { readonly guard: AddressGuard; readonly connectMs: number; readonly signal: AbortSignal },
  ): Promise<SmtpConnection> {
    const { guard, connectMs, signal } = options;
    guard.admit(host);
    const socket = connect({ host, port, lookup: guard.lookup, signal });
    const limit = AbortSignal.timeout(connectMs);
    try {
      await once(socket, 'connect', { signal: limit });
      return new SmtpConnection(socket);
    } catch (error) {
      socket.destroy();
      throw limit.aborted ? new SmtpTimeout('no connection', connectMs) : error;
    }
  }

  /** Our own end of the connection. */
  get localAddress(): string | undefined {
    return this.#socket.localAddress;
  }

  /** The next reply. @throws SmtpTimeout, or why the connection ended */
  async reply(waitMs: number): Promise<Reply> {
    const until = performance.now() + waitMs;
    for (;;) {
      const reply = this.#replies.shift();
      if (reply !== undefined) return reply;
      if (this.#failure !== undefined) throw this.#failure;
      const left = until - performance.now();
      if (left <= 0) throw new SmtpTimeout('no answer', waitMs);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  async command(line: string, waitMs: number): Promise<Reply> {
    this.#socket.write(`${line}\r\n`);
    return this.reply(waitMs);
  }

  /** Takes leave as RFC 5321 section 4.1.1.10 asks, and closes whether or not the server says goodbye. */
  async quit(waitMs: number): Promise<void> {
    try {
      if (this.#failure === undefined) await this.command('QUIT', waitMs);
    } catch {
      // A server that hangs up on QUIT has understood it.
    } finally {
      this.close();
    }
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(chunk: string): void {
    this.#buffer += chunk;
    const rows = this.#buffer.split(/\r?\n/);
    this.#buffer = rows.pop() ?? '';
    for (const row of rows) this.#line(row);
    if (this.#buffer.length > longestReply || this.#lines.length > 200) {
      this.#fail(new Error('the answer is longer than any SMTP reply'));
      this.close();
    }
    this.#wake?.();
  }

  #line(row: string): void {
    this.#lines.push(row);
    const match = /^(\d{3})( |$)/.exec(row);
    if (match === null && /^\d{3}-/.test(row)) return;
    const first = this.#lines[0] ?? row;
    this.#replies.push({
      code: Number(match?.[1] ?? 0),
      lines: this.#lines.map((line) => line.slice(4)),
      first,
    });
    this.#lines = [];
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#wake?.();
  }
}
