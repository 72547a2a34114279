// Fills dist-package/, the folder that is deployed: `npm run package`, or `packageApp()` in a test.
//
// An allow-list, so that a new file of the repository is never deployed by accident: the bundle with its reading thread, host.json, a minimal
// package.json, the pages of the rules, our licence, and what is in the bundle of others (a bill of materials and their licences). Source maps
// stay at home: `npm run build` on the same commit gives the same files with their maps.
import { copyFile, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { type BuildOptions, type BuiltFile, build, copyRulePages, deployed } from './build.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** A package of which something is in the bundle. */
export interface BundledPackage {
  readonly name: string;
  readonly version: string;
  /** SPDX expression, as its package.json declares it. */
  readonly licence: string;
  /** Its own words, copyright line included; undefined when the package brings no licence file along. */
  readonly licenceText: string | undefined;
  /** SHA-512 of the package as the registry gave it, in hexadecimal; undefined when the lock file has none. */
  readonly sha512: string | undefined;
}

export interface PackagedFile {
  /** Relative to the folder, with `/`. */
  readonly path: string;
  readonly bytes: number;
}

export interface PackagedApp {
  /** In order of path. */
  readonly files: readonly PackagedFile[];
  /** Those in the bundle, in order of name. */
  readonly packages: readonly BundledPackage[];
  /** What `build` returned. */
  readonly built: readonly BuiltFile[];
}

const ownManifest = z.object({ name: z.string(), version: z.string(), license: z.string(), main: z.string() });
export type OwnManifest = z.infer<typeof ownManifest>;
const manifest = z.object({ name: z.string(), version: z.string(), license: z.string() });
const lockFile = z.object({
  packages: z.record(z.string(), z.object({ integrity: z.string().optional(), dev: z.boolean().optional() })),
});

/**
 * Clears the folder and fills it with what is deployed, and nothing else.
 *
 * @param outdir becomes the folder; `dist-package` of the repository, or one of a test
 * @param entry what registers the functions
 * @throws Error when something of a development dependency got into the bundle, or a package declares no licence
 */
export async function packageApp(outdir: string, entry: BuildOptions['entry'] = deployed): Promise<PackagedApp> {
  const own = ownManifest.parse(await readJson(join(root, 'package.json')));
  await rm(outdir, { recursive: true, force: true });
  await mkdir(outdir, { recursive: true });
  const dist = join(outdir, 'dist');
  const built = await build({ entry, outdir: dist });
  await Promise.all([removeSourceMaps(dist), copyRulePages(dist)]);
  const packages = await bundledPackages(built.flatMap(({ modules }) => modules));

  for (const file of ['host.json', 'LICENSE']) await copyFile(join(root, file), join(outdir, file));
  const { name, version, license, main } = own;
  await writeJson(join(outdir, 'package.json'), { name, version, private: true, license, type: 'module', main });
  await writeJson(join(outdir, 'sbom.cdx.json'), billOfMaterials(own, packages));
  await writeFile(join(outdir, 'THIRD-PARTY-LICENSES.txt'), licenceList(packages));
  return { files: await filesIn(outdir), packages, built };
}

/** esbuild ends every file with a reference to its map; without the map it would only mislead. */
export async function removeSourceMaps(folder: string): Promise<void> {
  for (const { path } of await filesIn(folder)) {
    const file = join(folder, path);
    if (path.endsWith('.map')) await rm(file);
    else await writeFile(file, (await readFile(file, 'utf8')).replace(/\n\/\/# sourceMappingURL=\S+\s*$/, '\n'));
  }
}

/** Dependencies so that `npm start` installs them without what development needs. */
const localRuntime = ['node_modules/azurite', 'node_modules/node'];

/** The packages that these modules belong to, in order of name, then version. */
export async function bundledPackages(modules: readonly string[]): Promise<BundledPackage[]> {
  const { packages: locked } = lockFile.parse(await readJson(join(root, 'package-lock.json')));
  const folders = new Set(modules.flatMap((module) => packageFolder(relative(root, resolve(module))) ?? []));
  const found = await Promise.all(
    [...folders].map(async (folder): Promise<BundledPackage> => {
      const entry = locked[folder];
      if (entry?.dev === true || localRuntime.includes(folder)) {
        throw new Error(
          `${folder} is in the bundle, but a dependency of development or of the local runtime: what is deployed must not import it, or it belongs into "dependencies".`,
        );
      }
      const parsed = manifest.safeParse(await readJson(join(root, folder, 'package.json')));
      if (!parsed.success) throw new Error(`${folder}/package.json: ${z.prettifyError(parsed.error)}`);
      const { name, version, license } = parsed.data;
      const sha512 = /^sha512-(.+)$/.exec(entry?.integrity ?? '')?.[1];
      return {
        name,
        version,
        licence: license,
        licenceText: await licenceText(join(root, folder)),
        sha512: sha512 === undefined ? undefined : Buffer.from(sha512, 'base64').toString('hex'),
      };
    }),
  );
  // One that stands in several folders is one package.
  const each = new Map(found.map((one) => [`${one.name} ${one.version}`, one]));
  return [...each].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one);
}

/** `node_modules/@azure/functions` of a module below it, the innermost where packages are nested. */
function packageFolder(module: string): string | undefined {
  return /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(module.replaceAll('\\', '/'))?.[0];
}

async function licenceText(folder: string): Promise<string | undefined> {
  const names = (await readdir(folder)).filter((name) => /^(licen[cs]e|copying|notice)(\.(md|txt))?$/i.test(name));
  const texts = await Promise.all(names.sort().map((name) => readFile(join(folder, name), 'utf8')));
  return texts.length === 0 ? undefined : texts.map((text) => text.replaceAll('\r\n', '\n').trim()).join('\n\n');
}

/** CycloneDX 1.6 (ECMA-424). Without time and serial number, so that the same sources give the same file. */
export function billOfMaterials(
  own: Pick<OwnManifest, 'name' | 'version' | 'license'>,
  packages: readonly BundledPackage[],
): object {
  return {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: {
      component: {
        type: 'application',
        'bom-ref': own.name,
        name: own.name,
        version: own.version,
        licenses: [licenceChoice(own.license)],
      },
    },
    components: packages.map(({ name, version, licence, sha512 }) => {
      const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`;
      return {
        type: 'library',
        'bom-ref': purl,
        name,
        version,
        purl,
        licenses: [licenceChoice(licence)],
        ...(sha512 === undefined ? {} : { hashes: [{ alg: 'SHA-512', content: sha512 }] }),
      };
    }),
  };
}

/** An identifier of the SPDX list and an expression of several are told apart by CycloneDX. */
function licenceChoice(licence: string): object {
  return /\s/.test(licence) ? { expression: licence } : { license: { id: licence } };
}

/** One line for each package, then the words of each licence; packages that say the same stand above one text. */
export function licenceList(packages: readonly BundledPackage[]): string {
  const title = ({ name, version }: BundledPackage) => `${name} ${version}`;
  const overview = packages.map((one) => `${title(one)}  ${one.licence}`);
  const rule = '-'.repeat(80);
  const texts = [...Map.groupBy(packages, ({ licence, licenceText: text }) => text ?? `(${licence})`)].map(
    ([text, those]) => {
      const said = those[0]?.licenceText === undefined ? `${text}: no licence text came with the package.` : text;
      return [rule, ...those.map(title), rule, said].join('\n');
    },
  );
  return `The deployed bundle holds parts of these packages:\n\n${overview.join('\n')}\n\n${texts.join('\n\n')}\n`;
}

export async function filesIn(folder: string): Promise<PackagedFile[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = await Promise.all(
    entries
      .filter((entry) => entry.isFile())
      .map(async (entry) => {
        const path = join(entry.parentPath, entry.name);
        return { path: relative(folder, path).replaceAll('\\', '/'), bytes: (await stat(path)).size };
      }),
  );
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

export async function readJson(path: string): Promise<unknown> {
  return JSON.parse(await readFile(path, 'utf8'));
}

export async function writeJson(path: string, value: unknown): Promise<void> {
  await writeFile(path, `${JSON.stringify(value, null, 2)}\n`);
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const { files, packages } = await packageApp(join(root, 'dist-package'));
  for (const { path, bytes } of files) console.log(`${(bytes / 1024).toFixed(0).padStart(6)} KB  ${path}`);
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  console.log(`${(total / 1024).toFixed(0).padStart(6)} KB  in ${files.length} files of dist-package/`);
  const licences = [...Map.groupBy(packages, ({ licence }) => licence)].map(([name, of]) => `${of.length} ${name}`);
  console.log(`       parts of ${packages.length} packages: ${licences.join(', ')}`);
}
