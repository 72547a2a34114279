import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { InvalidDocument } from '../../domain/organization.ts';

/** `RECV2026112409-1.LOG` of an hour, `RECV20261124-1.LOG` of a day on Exchange 2010; possibly compressed. */
const logName = /^RECV(\d{8})(\d{2})?-(\d+)\.LOG(\.gz)?$/i;

/** A file to read, and its size on disk in bytes. */
export interface LogFile {
  readonly path: string;
  readonly bytes: number;
}

/**
 * The receive logs that the paths stand for: a file as it is named, a folder with all `RECV*.LOG` and `RECV*.LOG.gz`
 * in it and below. In the order of folder, hour and number, so that sessions over two files come in order.
 *
 * @throws InvalidDocument for a path that is not there and a folder without a receive log
 */
export async function findLogFiles(paths: readonly string[]): Promise<LogFile[]> {
  const found = await Promise.all(paths.map(filesAt));
  const unique = new Map(found.flat().map((file) => [file.path, file]));
  return [...unique.values()].sort((a, b) => compare(a.path, b.path));
}

async function filesAt(path: string): Promise<LogFile[]> {
  let entry: Awaited<ReturnType<typeof stat>>;
  try {
    entry = await stat(path);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    throw new InvalidDocument(`--log ${path}`, [
      code === 'ENOENT' ? 'there is no such file or folder' : `cannot be read (${String(code)})`,
    ]);
  }
  if (!entry.isDirectory()) return [{ path, bytes: entry.size }];
  const names = (await readdir(path, { recursive: true })).filter((name) => logName.test(basename(name)));
  if (names.length === 0) {
    throw new InvalidDocument(`--log ${path}`, [
      'the folder holds no receive log (RECV*.LOG or RECV*.LOG.gz); look in TransportRoles\\Logs\\FrontEnd\\ProtocolLog\\SmtpReceive',
    ]);
  }
  return Promise.all(
    names.map(async (name) => ({ path: join(path, name), bytes: (await stat(join(path, name))).size })),
  );
}

function compare(a: string, b: string): number {
  const [one, other] = [sortKey(a), sortKey(b)];
  return one < other ? -1 : one > other ? 1 : 0;
}

function sortKey(path: string): string {
  const name = basename(path);
  const match = logName.exec(name);
  const folder = path.slice(0, path.length - name.length);
  return match === null ? path : `${folder}${match[1]}${match[2] ?? '00'}${(match[3] ?? '').padStart(8, '0')}`;
}
