import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseJson, RefusedJson } from '../domain/json.ts';
import { BadCall } from './shell.ts';

export async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new BadCall(`Cannot read ${path}: ${error instanceof Error ? error.message : String(error)}.`);
  }
}

/**
 * A file, or what is piped in for `-`; of what is longer no more than one byte beyond the limit, which is enough to refuse it.
 *
 * @throws BadCall
 */
export async function readUpTo(path: string, limit: number): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    const stream: AsyncIterable<Buffer> = path === '-' ? process.stdin : createReadStream(path, { end: limit });
    for await (const chunk of stream) {
      chunks.push(chunk);
      size += chunk.length;
      if (size > limit) break;
    }
  } catch (error) {
    throw new BadCall(`Cannot read ${path}: ${error instanceof Error ? error.message : String(error)}.`);
  }
  return Buffer.concat(chunks).subarray(0, limit + 1);
}

export async function readJson(path: string): Promise<unknown> {
  const text = new TextDecoder().decode(await readBytes(path));
  try {
    return parseJson(text);
  } catch (error) {
    if (error instanceof RefusedJson) throw new BadCall(`${path} ${error.message}.`);
    throw new BadCall(`${path} is no JSON: ${error instanceof Error ? error.message : String(error)}.`);
  }
}

/** A file, or those of a folder with that ending, in order of name. @throws BadCall when there is none */
export async function filesIn(path: string, ending: string): Promise<readonly string[]> {
  try {
    if (!(await stat(path)).isDirectory()) return [path];
    const names = (await readdir(path)).filter((name) => name.endsWith(ending)).sort();
    if (names.length > 0) return names.map((name) => join(path, name));
  } catch (error) {
    throw new BadCall(`Cannot read ${path}: ${error instanceof Error ? error.message : String(error)}.`);
  }
  throw new BadCall(`Cannot read ${path}: no file in it ends in ${ending}.`);
}

/** The lines of a file, from its start each time. @throws BadCall */
export async function linesOf(path: string): Promise<() => AsyncIterable<string>> {
  try {
    await (await open(path)).close();
  } catch (error) {
    throw new BadCall(`Cannot read ${path}: ${error instanceof Error ? error.message : String(error)}.`);
  }
  return () => createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY });
}

/** Writes a file that is there as a whole or not at all. @throws BadCall */
export async function writeWhole<T>(
  path: string,
  work: (write: (part: string | Uint8Array) => Promise<void>) => Promise<T>,
): Promise<T> {
  const part = `${path}.part`;
  let file: FileHandle;
  try {
    await mkdir(dirname(path), { recursive: true });
    file = await open(part, 'w');
  } catch (error) {
    throw new BadCall(`Cannot write ${path}: ${error instanceof Error ? error.message : String(error)}.`);
  }
  try {
    const result = await work(async (part) => {
      await file.writeFile(part);
    });
    await file.close();
    await rename(part, path);
    return result;
  } catch (error) {
    await file.close();
    await rm(part, { force: true });
    throw error;
  }
}

export async function writeJson(path: string, value: unknown): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, `${JSON.stringify(value, null, 2)}\n`);
  } catch (error) {
    throw new BadCall(`Cannot write ${path}: ${error instanceof Error ? error.message : String(error)}.`);
  }
}

/** @throws BadCall when one of the files cannot be read */
export function readTexts(paths: readonly string[]): Promise<readonly string[]> {
  return Promise.all(paths.map(async (path) => new TextDecoder().decode(await readBytes(path))));
}
