import { open, readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { constants, gunzipSync } from 'node:zlib';
import { InvalidDocument } from '../../domain/organization.ts';
import { isPostfixLog } from './postfix.ts';

/** `RECV2026112409-1.LOG` of an hour, `RECV20261124-1.LOG` of a day on Exchange 2010; possibly compressed. */
const logName = /^RECV(\d{8})(\d{2})?-(\d+)\.LOG(\.gz)?$/i;

/** Where distributions let Postfix write, with what logrotate makes of it. */
const postfixName = /^(mail|maillog|mail\.log|mail\.info|postfix\.log)(?:[.-](\d+))?(?:\.gz)?$/i;

/** A file to read, and its size on disk in bytes. */
export interface LogFile {
  readonly path: string;
  readonly bytes: number;
  /** Postfix writes to it. */
  readonly postfix?: boolean;
}

/**
 * The receive logs that the paths stand for: a file as it is named, a folder with all `RECV*.LOG`, `RECV*.LOG.gz`
 * and logs of Postfix (`mail.log`, `maillog`, `mail.log.1.gz` …) in it and below. In the order of folder, hour and number, so that sessions over two files come in order. Of copies of
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
const beginningBytes = 64 << 10;

/** No two files begin with the same row, date and session id in it, unless one is a copy of the other. */
async function withoutCopies(files: readonly LogFile[]): Promise<LogFile[]> {
  const kept: { file: LogFile; length: number }[] = [];
  const byFirstRow = new Map<string, { file: LogFile; length: number }>();
  for (const file of files) {
    const { firstRow, length, postfix } = await beginningOf(file);
    const copy = firstRow === undefined ? undefined : byFirstRow.get(firstRow);
    if (copy === undefined) {
      const entry = { file: postfix ? { ...file, postfix } : file, length };
      kept.push(entry);
      if (firstRow !== undefined) byFirstRow.set(firstRow, entry);
    } else if (length > copy.length) {
      Object.assign(copy, { file: postfix ? { ...file, postfix } : file, length });
    }
  }
  return kept.map(({ file }) => file);
}

/** The first row of a file, how long the file is when it is not compressed, and whether Postfix writes to it. */
async function beginningOf({
  path,
  bytes,
}: LogFile): Promise<{ firstRow: string | undefined; length: number; postfix: boolean }> {
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
    const text = beginning.toString('latin1');
    const postfix = isPostfixLog(text);
    const lines = text.split(/\r?\n/);
    const isRow = (line: string) => line !== '' && !line.startsWith('#') && (postfix || line.includes(','));
    return { firstRow: lines.slice(0, -1).find(isRow), length, postfix };
  } catch {
    // What cannot be read here says why when it is read as a whole.
    return { firstRow: undefined, length: 0, postfix: false };
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
  const names = (await readdir(path, { recursive: true })).filter((name) =>
    [logName, postfixName].some((one) => one.test(basename(name))),
  );
  if (names.length === 0) {
    throw new InvalidDocument(`--log ${path}`, [
      'the folder holds no receive log (RECV*.LOG or RECV*.LOG.gz); look in TransportRoles\\Logs\\FrontEnd\\ProtocolLog\\SmtpReceive, or give the log of Postfix (mail.log, maillog)',
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
  const rotated = postfixName.exec(name);
  if (rotated !== null) {
    // Rotated logs have a day, or a number that grows with their age; the one that is written to is the last.
    const [, base = '', suffix] = rotated;
    const isDay = (suffix?.length ?? 0) >= 8;
    const order = suffix === undefined ? '~' : isDay ? suffix : String(99_999 - Number(suffix)).padStart(5, '0');
    return `${folder}${base.toLowerCase()} ${order}`;
  }
  return match === null ? path : `${folder}${match[1]}${match[2] ?? '00'}${(match[3] ?? '').padStart(8, '0')}`;
}
