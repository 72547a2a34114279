// Fills dist-npm/, the folder that is published and installed: `npm run package:npm`, or `packageForNpm()` in a test.
//
// The command line, the one-machine runtime and the app that it runs, each bundled: an installation fetches nothing
// besides. The embedded storage is large and only `serve` and `demo` need it, so it is an optional peer.
import { copyFile, cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { type BuiltFile, build } from './build.ts';
import {
  type BundledPackage,
  billOfMaterials,
  bundledPackages,
  filesIn,
  licenceList,
  type PackagedApp,
  type PackagedFile,
  packageApp,
  readJson,
  removeSourceMaps,
  writeJson,
} from './package.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

const manifest = z.object({
  name: z.string(),
  version: z.string(),
  description: z.string(),
  license: z.string(),
  engines: z.record(z.string(), z.string()),
  dependencies: z.object({ azurite: z.string() }),
});

/**
 * Clears the folder and fills it with what `npm pack` packs, and nothing else.
 *
 * @returns its files in order of path, the packages of which something is in them in order of name, the app below `app/`,
 *   and what `build` returned for the shell
 * @throws Error when something of a development dependency got into a bundle, or a package declares no licence
 */
export async function packageForNpm(outdir: string): Promise<{
  files: PackagedFile[];
  packages: BundledPackage[];
  app: PackagedApp;
  shell: BuiltFile[];
}> {
  const { dependencies, ...own } = manifest.parse(await readJson(join(root, 'package.json')));
  await rm(outdir, { recursive: true, force: true });
  await mkdir(outdir, { recursive: true });
  const app = await packageApp(join(outdir, 'app'));
  const dist = join(outdir, 'dist');
  // Beside each other, because modules look for files beside them: the worker, the page of the local channel.
  const shell = await build({
    entry: { cli: join(root, 'src/local/cli.ts'), worker: join(root, 'src/sources/smtp-log/worker.ts') },
    outdir: dist,
    chunkNames: '[name]-[hash]',
  });
  await removeSourceMaps(dist);
  await copyFile(join(root, 'src/local/teams-sink.html'), join(dist, 'teams-sink.html'));
  const cards = join(root, 'node_modules/adaptivecards');
  await copyFile(join(cards, 'dist/adaptivecards.min.js'), join(dist, 'adaptivecards.min.js'));
  await cp(join(root, 'src/evaluations'), join(outdir, 'evaluations'), {
    recursive: true,
    filter: (path) => !/\.(?:ts|json)$/.test(path),
  });
  for (const file of ['LICENSE', 'README.md', 'CHANGELOG.md']) await copyFile(join(root, file), join(outdir, file));

  const ofShell = await bundledPackages([
    ...shell.flatMap(({ modules }) => modules),
    join('node_modules/adaptivecards', 'dist/adaptivecards.min.js'),
  ]);
  const packages = [
    ...new Map([...ofShell, ...app.packages].map((one) => [`${one.name} ${one.version}`, one])).values(),
  ];
  await writeJson(join(outdir, 'package.json'), {
    ...own,
    keywords: ['dkim', 'microsoft-365', 'exchange', 'teams', 'smtp', 'azure-functions'],
    type: 'module',
    bin: { fieldcheck: 'dist/cli.js' },
    peerDependencies: { azurite: dependencies.azurite },
    peerDependenciesMeta: { azurite: { optional: true } },
  });
  await writeJson(join(outdir, 'sbom.cdx.json'), billOfMaterials(own, packages));
  await writeFile(join(outdir, 'THIRD-PARTY-LICENSES.txt'), licenceList(packages));
  return { files: await filesIn(outdir), packages, app, shell };
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const { files } = await packageForNpm(join(root, 'dist-npm'));
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  console.log(
    `${(total / 1024).toFixed(0)} KB in ${files.length} files of dist-npm/; "npm pack ./dist-npm" packs them.`,
  );
}
