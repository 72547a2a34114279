import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/**
 * Runs one of the bench's programs in a process of its own, with its job as JSON, and waits for what it sends back.
 * @throws {Error} when it ends without having sent anything
 */
export function runChild<Result>(file: string, job: object, execArgv: readonly string[] = []): Promise<Result> {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), [JSON.stringify(job)], {
    execArgv: [...process.execArgv, ...execArgv],
  });
  return new Promise((resolve, reject) => {
    let result: Result | undefined;
    child.once('message', (message) => {
      result = message as Result;
    });
    child.once('exit', (code) => {
      if (result === undefined) reject(new Error(`${file} ended with code ${code} and no result`));
      else resolve(result);
    });
  });
}
