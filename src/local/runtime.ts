// Storage and host of one machine: what `serve` keeps running and the demo is shown on.
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { claim, startAzurite } from './azurite.ts';
import { type Host, startHost } from './host/host.ts';
import type { AppFiles } from './place.ts';

export interface RuntimeOptions {
  /** Where everything is kept: storage, when which timer ran, where the storage is for the shell. */
  readonly data: string;
  /** Storage elsewhere, as a connection string: then nothing but the timers' times is kept in {@link data}. */
  readonly storage?: string | undefined;
  readonly app: AppFiles;
  /** Settings of the app; the storage's are added. */
  readonly settings: Readonly<Record<string, string>>;
  readonly port: number;
  /** 127.0.0.1 when left out. On any other nobody has a right without a key or a sign-in. */
  readonly address?: string | undefined;
  readonly verbose: boolean;
}

export interface Runtime {
  readonly host: Host;
  readonly storageConnection: string;
  /** Resolves when the embedded storage has ended; never where the storage is elsewhere. */
  readonly storageEnded: Promise<void>;
  /** Lets work in flight finish, and the storage write what it holds. */
  stop(): Promise<void>;
}

/** Of how data is laid out in the folder. Raised when a release can no longer read what the one before wrote. */
const layout = 1;

/**
 * Opens the storage in a folder, or elsewhere, and runs the app over it.
 *
 * @throws Error when the folder is in use or of a later release, or the app cannot run
 */
export async function startRuntime(options: RuntimeOptions): Promise<Runtime> {
  const { data, app, verbose } = options;
  await mkdir(data, { recursive: true });
  await checkLayout(data);
  const azurite = options.storage === undefined ? await startAzurite({ location: join(data, 'storage') }) : undefined;
  const storageConnection = options.storage ?? azurite?.connectionString ?? '';
  try {
    const own = { AzureWebJobsStorage: storageConnection };
    const host = await startHost({
      root: app.root,
      entry: app.entry,
      hostJson: JSON.parse(await readFile(join(app.root, 'host.json'), 'utf8')),
      settings: { ...options.settings, ...own },
      storageConnection,
      port: options.port,
      address: options.address,
      dataFolder: data,
      log: ({ level, message }) => {
        if (verbose || level === 'error' || level === 'critical') console.error(message);
      },
    });
    // For the shell (fieldcheck history …) while this runs.
    const settingsFile = join(data, 'settings.json');
    const forShell = { ...own, FIELDCHECK_LOCAL_CHANNELS: options.settings.FIELDCHECK_LOCAL_CHANNELS ?? 'false' };
    await writeFile(settingsFile, JSON.stringify(forShell), { mode: 0o600 });
    return {
      host,
      storageConnection,
      storageEnded: azurite?.ended ?? new Promise(() => {}),
      async stop() {
        await rm(settingsFile, { force: true });
        await host.stop();
        await azurite?.stop();
      },
    };
  } catch (error) {
    await azurite?.stop();
    throw error;
  }
}

/** Forgets what earlier starts have left, unless a start that still runs is using it. */
export async function forget(data: string): Promise<void> {
  const location = join(data, 'storage');
  if (existsSync(location)) await claim(location);
  await rm(data, { recursive: true, force: true });
}

/** @throws Error when a later release has written the folder: an older one would not understand it, and lose something */
async function checkLayout(data: string): Promise<void> {
  const mark = join(data, 'layout.json');
  const found = existsSync(mark) ? (JSON.parse(await readFile(mark, 'utf8')) as { layout?: unknown }).layout : layout;
  if (typeof found === 'number' && found <= layout) return writeFile(mark, JSON.stringify({ layout }));
  throw new Error(
    `${data} was written by a later release (layout ${String(found)}, this one knows ${layout}). Use that release, or export there and import here.`,
  );
}
