import { fork } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from '../../tools/build.ts';

/**
 * Runs one of the bench's programs in a process of its own, with its job as JSON, and waits for what it sends back. It is
 * bundled and started as the product is when deployed: what reads TypeScript would take 40 MB and time that no deployed app spends.
 * @throws {Error} when it ends without having sent anything
 */
export async function runChild<Result>(file: string, job: object): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), 'fieldcheck-bench-'));
  try {
    await writeFile(join(folder, 'package.json'), '{"type":"module"}');
    const outdir = join(folder, 'dist');
    const [program] = await build({ entry: fileURLToPath(new URL(file, import.meta.url)), outdir });
    return await resultOf<Result>(program?.path ?? '', job);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * What V8 gives itself on the instance that is deployed, of 2 GB: it goes by the machine's memory, and on a larger one it
 * would sweep later.
 */
export const asOnInstance = ['--max-semi-space-size=32', '--max-old-space-size=1024'];

function resultOf<Result>(program: string, job: object): Promise<Result> {
  const child = fork(program, [JSON.stringify(job)], { execArgv: asOnInstance });
  return new Promise((resolve, reject) => {
    let result: Result | undefined;
    child.once('message', (message) => {
      result = message as Result;
    });
    child.once('exit', (code) => {
      if (result === undefined) reject(new Error(`${program} ended with code ${code} and no result`));
      else resolve(result);
    });
  });
}
