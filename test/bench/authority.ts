import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type DelayProxy, startDelayProxy } from '../dns-server/delay-proxy.ts';
import { findProgram } from '../dns-server/installed.ts';
import { startNsd } from '../dns-server/nsd.ts';
import { masterFiles, type World } from './world.ts';

/** An authoritative server for a world, in a process of its own. */
export interface Authority {
  /** What serves, in words. */
  readonly kind: string;
  /** `host:port` */
  readonly address: string;
  /** A way to it that takes longer, drops above a rate, and is silent about some. Ends with the authority. */
  behind(delayMs: number, dropAbovePerSecond?: number, silentEvery?: number): Promise<DelayProxy>;
  close(): Promise<void>;
}

/** Starts NSD when it is installed, else the embedded server in its own process. */
export async function startAuthority(world: World): Promise<Authority> {
  const program = findProgram('nsd', 'the embedded DNS server serves instead');
  const server = program === undefined ? await startEmbedded(world) : await startNsd(program, masterFiles(world));
  const proxies: DelayProxy[] = [];
  return {
    kind: program === undefined ? 'the embedded server' : 'nsd',
    address: server.address,
    async behind(...way) {
      const proxy = await startDelayProxy(server.address, ...way);
      proxies.push(proxy);
      return proxy;
    },
    async close() {
      await Promise.all(proxies.map((proxy) => proxy.close()));
      await server.close();
    },
  };
}

function startEmbedded(world: World): Promise<{ address: string; close(): Promise<void> }> {
  const child = fork(fileURLToPath(new URL('embedded-authority.ts', import.meta.url)), [JSON.stringify(world)]);
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the embedded DNS server ended with code ${code}`)));
    child.once('message', (address) =>
      resolve({
        address: String(address),
        close: () =>
          new Promise((closed) => {
            child.once('exit', () => closed());
            child.disconnect();
          }),
      }),
    );
  });
}
