import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createResolver, type Resolver } from '../../src/sources/dns/resolver.ts';

/** A DNS server of another make, run unprivileged in a folder of its own. */
export interface Daemon {
  /** `host:port`, as a resolver's address. */
  readonly address: string;
  readonly port: number;
  readonly pid: number;
  close(): Promise<void>;
}

/**
 * Writes files into a fresh folder, starts a program there and waits until it answers DNS queries on the port.
 * @param files name → content, where `$folder` and `$port` stand for the folder and the port
 * @throws {Error} with what the program said, if it ends or does not answer within 10 seconds
 */
export async function startDaemon(
  program: string,
  args: readonly string[],
  files: Readonly<Record<string, string>>,
): Promise<Daemon> {
  for (let triesLeft = 4; ; triesLeft -= 1) {
    try {
      return await start(program, args, files);
    } catch (error) {
      // Between the look for a free port and the start somebody else may take it; a resolver's socket, say.
      if (triesLeft === 0 || !/address already in use/i.test(String(error))) throw error;
    }
  }
}

async function start(
  program: string,
  args: readonly string[],
  files: Readonly<Record<string, string>>,
): Promise<Daemon> {
  const folder = await mkdtemp(join(tmpdir(), 'fieldcheck-dns-'));
  const port = await freePort();
  const fill = (text: string): string => text.replaceAll('$folder', folder).replaceAll('$port', String(port));
  await Promise.all(Object.entries(files).map(([name, text]) => writeFile(join(folder, name), fill(text))));

  const child = spawn(program, args.map(fill), { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text) => {
      output = (output + text).slice(-4000);
    });
  }
  const close = async (): Promise<void> => {
    await ended(child);
    await rm(folder, { recursive: true, force: true });
  };
  const address = `127.0.0.1:${port}`;
  const resolver = createResolver({ address, timeouts: [200] });
  try {
    await answers(resolver, child);
  } catch {
    await close();
    throw new Error(`${program} does not answer: ${output}`);
  } finally {
    resolver.close();
  }
  return { address, port, pid: child.pid ?? 0, close };
}

async function answers(resolver: Resolver, child: ChildProcess): Promise<void> {
  const giveUp = Date.now() + 10_000;
  while (child.exitCode === null && Date.now() < giveUp) {
    const reply = await resolver.query('up.test', 'TXT').catch((failure) => failure);
    if (!(reply instanceof Error) || (reply.name === 'DnsFailure' && 'rcode' in reply && reply.rcode !== undefined))
      return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('no answer');
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) {
      resolve();
      return;
    }
    child.once('exit', () => resolve());
    child.kill('SIGTERM');
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
