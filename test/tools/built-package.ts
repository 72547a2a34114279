// The package that is installed, with the app that is deployed in it, for all tests of what is built. The first test file that
// needs it builds it; it is kept for the others, and for the next run, as long as nothing changes that it is built from.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { packageForNpm } from '../../tools/npm-package.ts';

type Packaged = Awaited<ReturnType<typeof packageForNpm>>;

export interface BuiltPackage extends Packaged {
  /** Below a node_modules folder: Node itself loads what is there, and not the test runner. So does who installs it. */
  readonly folder: string;
}

const root = fileURLToPath(new URL('../..', import.meta.url));
const kept = join(root, 'node_modules', '.cache', 'built-package');
/** What it is built from; the lock file stands for all packages. */
const sources = ['src', 'functions', 'tools', 'infra/access'];
const files = ['package.json', 'package-lock.json', 'host.json', 'LICENSE', 'README.md', 'CHANGELOG.md'];

/** To be read, not to be written to. */
export async function builtPackage(): Promise<BuiltPackage> {
  const home = join(kept, digest());
  const folder = join(home, 'node_modules', 'fieldcheck');
  const told = join(home, 'told.json');
  const building = join(home, 'building.pid');
  mkdirSync(home, { recursive: true });
  while (!existsSync(told)) {
    if (!claimed(building)) {
      await sleep(50);
      continue;
    }
    try {
      forgetOlder(home);
      writeFileSync(`${told}.part`, JSON.stringify(await packageForNpm(folder)));
      renameSync(`${told}.part`, told);
    } finally {
      rmSync(building, { force: true });
    }
  }
  return { ...(JSON.parse(readFileSync(told, 'utf8')) as Packaged), folder };
}

function digest(): string {
  const hash = createHash('sha256').update(process.version);
  const inSources = sources.flatMap((source) =>
    readdirSync(join(root, source), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => relative(root, join(parentPath, name))),
  );
  for (const file of [...inSources.sort(), ...files]) hash.update(`${file}\0`).update(readFileSync(join(root, file)));
  return hash.digest('hex').slice(0, 16);
}

/** May this process build? Not while another does. */
function claimed(mark: string): boolean {
  try {
    writeFileSync(mark, String(process.pid), { flag: 'wx' });
    return true;
  } catch {
    if (isLeft(mark)) rmSync(mark, { force: true });
    return false;
  }
}

/** Of one that was killed while it built. */
function isLeft(mark: string): boolean {
  try {
    return !isAlive(Number(readFileSync(mark, 'utf8')));
  } catch {
    return false;
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Removes what was built of other sources, unless a run that has just started still needs it. */
function forgetOlder(home: string): void {
  for (const name of readdirSync(kept)) {
    const other = join(kept, name);
    if (other !== home && Date.now() - statSync(other).mtimeMs > 3_600_000) rmSync(other, { recursive: true });
  }
}
