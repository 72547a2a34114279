import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Writable } from 'node:stream';
import { json } from 'node:stream/consumers';
import pLimit from 'p-limit';

/** What a host is asked, and the program to start it with. */
export type Asked = { command: readonly [program: string, ...args: string[]]; kind: string; request: object };

/** The engine comes as intermediate code: half of what a test costs is compiling it. Everything is compiled once, plainly. */
const plainly = { DOTNET_TC_CallCounting: '0' };

/** Scripts of the tests wait for most of their time, and a start is more work than ten of them. */
const most = 2;

/** The processes of one program: each answers a line with a line, one at a time, and ends with its input. */
class Hosts {
  readonly #inTurn = pLimit(most);
  readonly #idle: { input: Writable; answers: AsyncIterator<string, undefined> }[] = [];
  readonly #inputs: Writable[] = [];
  readonly #command: Asked['command'];

  constructor(command: Asked['command']) {
    this.#command = command;
  }

  ask(line: string): Promise<string> {
    return this.#inTurn(async () => {
      const host = this.#idle.pop() ?? this.#start();
      host.input.write(`${line}\n`);
      const { value: answer } = await host.answers.next();
      if (answer === undefined) return JSON.stringify({ error: 'the PowerShell host ended without an answer' });
      const { last } = JSON.parse(answer) as { last?: boolean };
      if (last !== true) this.#idle.push(host);
      return answer;
    });
  }

  #start() {
    const [program, ...args] = this.#command;
    const { stdin, stdout } = spawn(program, args, {
      env: { ...plainly, ...process.env },
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    stdin.on('error', () => undefined);
    this.#inputs.push(stdin);
    return { input: stdin, answers: createInterface(stdout)[Symbol.asyncIterator]() };
  }

  close(): void {
    for (const input of this.#inputs) input.end();
  }
}

/** PowerShell for all processes of a test run: at the address in POWERSHELL_HOSTS one writes what is asked, and reads the answer. */
export default async function lendHosts(): Promise<() => void> {
  const kinds = new Map<string, Hosts>();
  const server = createServer({ allowHalfOpen: true }, async (asking) => {
    // Who asked may have ended.
    asking.on('error', () => undefined);
    const { command, ...question } = (await json(asking)) as Asked;
    const program = JSON.stringify(command);
    const hosts = kinds.get(program) ?? new Hosts(command);
    kinds.set(program, hosts);
    asking.end(await hosts.ask(JSON.stringify(question)));
  });
  const address =
    process.platform === 'win32' ? `\\\\.\\pipe\\powershell-hosts-${process.pid}` : join(tmpdir(), 'powershell-hosts');
  await once(server.listen(address), 'listening');
  process.env.POWERSHELL_HOSTS = address;
  return () => {
    server.close();
    for (const hosts of kinds.values()) hosts.close();
  };
}
