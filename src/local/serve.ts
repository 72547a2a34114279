// `fieldcheck serve`: the product on one machine for keeps. It brings no demo and no name server: it asks the world.
import { resolve } from 'node:path';
import { app } from './place.ts';
import { startRuntime } from './runtime.ts';

export interface ServeOptions {
  readonly data: string;
  readonly port: number;
  readonly address: string;
  readonly verbose: boolean;
}

/** Runs until the system or Ctrl-C asks it to end; then lets what is in flight finish. */
export async function serve({ data, port, address, verbose }: ServeOptions): Promise<void> {
  const folder = resolve(data);
  const { AzureWebJobsStorage = '', ...environment } = process.env;
  const runtime = await startRuntime({
    data: folder,
    storage: AzureWebJobsStorage === '' ? undefined : AzureWebJobsStorage,
    app,
    settings: { FIELDCHECK_LOG_LEVEL: verbose ? 'info' : 'warn', ...(environment as Record<string, string>) },
    port,
    address,
    verbose,
  });
  const kept = AzureWebJobsStorage === '' ? folder : 'the storage of AzureWebJobsStorage';
  console.log(`fieldcheck serves ${runtime.host.url}/api/health; everything is kept in ${kept}.`);
  const asked = new Promise<'asked'>((end) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => end('asked'));
  });
  const why = await Promise.race([asked, runtime.storageEnded]);
  console.log(
    why === 'asked' ? 'Stopping: what is in flight ends first.' : 'The embedded storage has ended; so does this.',
  );
  await runtime.stop();
  // Clients that keep their connections would hold the process; nothing of ours is left. Who watches it starts it again.
  process.exit(why === 'asked' ? 0 : 3);
}
