import { open, readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { constants, gunzipSync } from 'node:zlib';
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
 * in it and below. In the order of folder, hour and number, so that sessions over two files come in order. Of copies of
 * one file, as a plain and a compressed one, only the one that holds more is given.
 *
 * @throws InvalidDocument for a path that is not there and a folder without a receive log
 */
export async function findLogFiles(paths: readonly string[]): Promise<LogFile[]> {
  const found = await Promise.all(paths.map(filesAt));
  const unique = new Map(found.flat().map((file) => [file.path, file]));
  return withoutCopies([...unique.values()].sort((a, b) => compare(a.path, b.path)));
}

/** Enough to reach the first row behind the header of a file. */
const beginningBytes = 16 << 10;

/** No two files begin with the same row, date and session id in it, unless one is a copy of the other. */
async function withoutCopies(files: readonly LogFile[]): Promise<LogFile[]> {
  if (files.length < 2) return [...files];
  const kept: { file: LogFile; length: number }[] = [];
  const byFirstRow = new Map<string, { file: LogFile; length: number }>();
  for (const file of files) {
    const { firstRow, length } = await beginningOf(file);
    const copy = firstRow === undefined ? undefined : byFirstRow.get(firstRow);
    if (copy === undefined) {
      const entry = { file, length };
      kept.push(entry);
      if (firstRow !== undefined) byFirstRow.set(firstRow, entry);
    } else if (length > copy.length) {
      Object.assign(copy, { file, length });
    }
  }
  return kept.map(({ file }) => file);
}

/** The first row of a file, and how long the file is when it is not compressed. */
async function beginningOf({ path, bytes }: LogFile): Promise<{ firstRow: string | undefined; length: number }> {
  const file = await open(path);
  try {
    let beginning: Buffer = Buffer.alloc(Math.min(beginningBytes, bytes));
    await file.read(beginning, 0, beginning.length, 0);
    let length = bytes;
    if (beginning[0] === 0x1f && beginning[1] === 0x8b) {
      // The last four bytes of a gzip are the length of what it holds (RFC 1952 section 2.3.1).
      const end = Buffer.alloc(4);
      await file.read(end, 0, 4, bytes - 4);
      length = end.readUInt32LE();
      beginning = gunzipSync(beginning, { finishFlush: constants.Z_SYNC_FLUSH });
    }
    const lines = beginning.toString('latin1').split(/\r?\n/);
    const row = lines.slice(0, -1).find((line) => line !== '' && !line.startsWith('#') && line.includes(','));
    return { firstRow: row, length };
  } catch {
    // What cannot be read here says why when it is read as a whole.
    return { firstRow: undefined, length: 0 };
  } finally {
    await file.close();
  }
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
