// The package that is installed, with the app that is deployed in it, for all tests of what is built. The first test file that
// needs it builds it; it is kept for the others, and for the next run, as long as nothing changes that it is built from.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
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
/** All that it is built from; the lock file stands for all packages. */
const sources = ['src', 'functions', 'tools', 'infra/access'];
const files = ['package.json', 'package-lock.json', 'host.json', 'LICENSE', 'README.md', 'CHANGELOG.md'];

/** To be read, not to be written to. */
export async function builtPackage(): Promise<BuiltPackage> {
  const home = join(kept, stateOf(root));
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
      const packaged = await packageForNpm(folder);
      refuseOtherSources(packaged);
      writeFileSync(`${told}.part`, JSON.stringify(packaged));
      renameSync(`${told}.part`, told);
    } finally {
      rmSync(building, { force: true });
    }
  }
  return { ...(JSON.parse(readFileSync(told, 'utf8')) as Packaged), folder };
}

/** What stands in a tree of the repository of all that the package is built from: the same in two, the same package. */
export function stateOf(tree: string): string {
  const hash = createHash('sha256').update(process.version);
  for (const file of sourcesIn(tree)) hash.update(`${file}\0`).update(readFileSync(join(tree, file)));
  return hash.digest('hex').slice(0, 16);
}

function sourcesIn(tree: string): readonly string[] {
  const inSources = sources.flatMap((source) =>
    readdirSync(join(tree, source), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => relative(tree, join(parentPath, name)).replaceAll('\\', '/')),
  );
  return [...inSources.sort(), ...files];
}

/** @throws Error when something is in it that its state does not tell */
function refuseOtherSources({ app, shell }: Packaged): void {
  const known = new Set(sourcesIn(root));
  const others = [...app.built, ...shell]
    .flatMap(({ modules }) => modules)
    // Ours, and no package or what the build itself makes of one.
    .filter((module) => !/node_modules\/|^commonjs:/.test(module) && !known.has(relative(root, resolve(module))));
  if (others.length > 0) throw new Error(`The package is built of more than is looked at: ${others.join(', ')}`);
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
