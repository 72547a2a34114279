import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { plainAddress } from '../../../src/domain/ip-range.ts';
import type { ReceiveLog } from '../smtp-log/receive-log.ts';

/** A server or proxy, and what it was told. */
export interface Listening {
  readonly port: number;
  /** Commands of clients, in upper case up to the first argument. */
  readonly commands: string[];
  close(): Promise<void>;
}

export interface ExchangeBehaviour {
  readonly banner?: string;
  /** The EHLO reply; `%` is the client's address. */
  readonly hello?: string;
  /** The answer to RCPT TO. */
  readonly recipient?: string;
  /** Writes byte by byte, as slow networks do. */
  readonly inPieces?: boolean;
  /** Where connections and what is said on them are noted. */
  readonly log?: ReceiveLog;
}

/** Imitates the front end of an Exchange node. */
export function exchangeNode(
  host: string,
  port: number,
  name: string,
  behaviour: ExchangeBehaviour | (() => ExchangeBehaviour) = {},
): Promise<Listening> {
  const commands: string[] = [];
  return listen(host, port, commands, (socket) => {
    const { banner, hello, recipient, inPieces, log } = typeof behaviour === 'function' ? behaviour() : behaviour;
    const note = log?.(socket);
    const say = async (text: string) => {
      for (const line of text.split('\r\n')) note?.('>', line);
      if (inPieces !== true) return void socket.write(`${text}\r\n`);
      for (const byte of `${text}\r\n`) {
        socket.write(byte);
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    void say(banner ?? `220 ${name}.contoso.com Microsoft ESMTP MAIL Service ready at Tue, 24 Nov 2026 10:00:10 +0100`);
    let buffer = '';
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      buffer += chunk;
      for (let end = buffer.indexOf('\r\n'); end !== -1; end = buffer.indexOf('\r\n')) {
        const line = buffer.slice(0, end);
        buffer = buffer.slice(end + 2);
        commands.push(line.toUpperCase().split(/[ :]/)[0] ?? '');
        note?.('<', line);
        const client = plainAddress(socket.remoteAddress ?? '');
        if (/^EHLO/i.test(line)) {
          void say(
            (hello ?? `250-${name}.contoso.com Hello [%]\r\n250-SIZE 36700160\r\n250-STARTTLS\r\n250 SMTPUTF8`).replace(
              '%',
              client,
            ),
          );
        } else if (/^HELO/i.test(line)) void say(`250 ${name}.contoso.com Hello [${client}]`);
        else if (/^MAIL FROM/i.test(line)) void say('250 2.1.0 Sender OK');
        else if (/^RCPT TO/i.test(line))
          void say(recipient ?? '550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain');
        else if (/^RSET/i.test(line)) void say('250 2.0.0 Resetting');
        else if (/^QUIT/i.test(line)) socket.end('221 2.0.0 Service closing transmission channel\r\n');
        else void say('500 5.3.3 Unrecognized command');
      }
    });
  });
}

/** A load balancer in NAT: passes connections on to nodes in turn, from its own address. */
export function hidingProxy(
  host: string,
  port: number,
  from: string,
  nodes: readonly { host: string; port: number }[],
): Promise<Listening> {
  let turn = 0;
  return listen(host, port, [], (socket) => {
    const node = nodes[turn++ % nodes.length];
    if (node === undefined) throw new Error('a proxy needs nodes');
    const onward = connect({ ...node, localAddress: from });
    onward.on('error', () => socket.destroy());
    socket.on('close', () => onward.destroy());
    socket.pipe(onward).pipe(socket);
  });
}

/** Accepts and never says a word: a VIP whose replies are lost. */
export function silentServer(host: string, port: number): Promise<Listening> {
  return listen(host, port, [], () => {});
}

async function listen(
  host: string,
  port: number,
  commands: string[],
  serve: (socket: Socket) => void,
): Promise<Listening> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    serve(socket);
  });
  server.listen(port, host);
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    commands,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
