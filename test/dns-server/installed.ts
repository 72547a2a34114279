import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/**
 * Where a program is: on the PATH or where Debian keeps daemons.
 * @returns `undefined`, after one line on the console that says what is left out, if it is not installed
 */
export function findProgram(name: string, leftOut: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  for (const folder of folders) {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return join(folder, name);
    } catch {
      // not in this folder
    }
  }
  console.warn(`${name} is not installed: ${leftOut}`);
  return undefined;
}
