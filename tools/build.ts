// Bundles the functions for deployment: `npm run build`, or `build()` in a test.
import { copyFile, glob, mkdir, readFile, rm, stat } from 'node:fs/promises';
import { createRequire, findPackageJSON } from 'node:module';
import { dirname, extname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build as bundle, type Plugin } from 'esbuild';

export interface BuildOptions {
  /** The module that registers the functions; or modules by the names that their files get. */
  entry: string | Readonly<Record<string, string>>;
  /** Cleared first; one entry becomes `functions.js` in it, which package.json's `main` names. */
  outdir: string;
  /** Where what entries share is put, as esbuild names it. Modules that look for files beside them need it beside them. */
  chunkNames?: string;
}

/** What is deployed: the module that registers the functions, and the program of the thread that reads what is large. */
export const deployed = {
  functions: fileURLToPath(new URL('../functions/index.ts', import.meta.url)),
  'reading-thread': fileURLToPath(new URL('../functions/reading-thread.ts', import.meta.url)),
} as const;

/** What was written: the entry first, then the chunks, largest first; sizes in bytes, without source maps. */
export interface BuiltFile {
  path: string;
  bytes: number;
  /** The modules that something of is in this file, relative to the working directory, with `/`. */
  modules: string[];
  /** What it is loaded for: a path like `modules`, or `commonjs:PACKAGE`; undefined where it only holds what others share. */
  entryPoint: string | undefined;
}

/**
 * Bundles a function app as ES modules for the Node worker.
 *
 * - `@azure/functions-core` stays outside and stays a real `require`: the worker answers it at run time by patching
 *   `Module.prototype.require`, which an `import` does not pass through. Hence the banner.
 * - `supports-color` stays out: `debug` takes it where it happens to be installed, which here is for development only.
 * - Splitting puts what is imported dynamically (credentials, Graph) into chunks that load when they are needed.
 * - Source maps are linked and carry no sources: nothing reads them at start, unless the app runs with
 *   `--enable-source-maps` (in `languageWorkers__node__arguments`, for as long as somebody hunts a fault: it costs
 *   Azure's pre-warmed worker); then a stack names our files and lines.
 * - Names of classes and functions are shortened: keeping them costs a call for every function that is made while the
 *   app runs, an eighth of what evaluating a domain costs. Errors carry their names as text.
 *
 * @returns the files written
 */
export async function build({
  entry,
  outdir,
  chunkNames = 'chunks/[name]-[hash]',
}: BuildOptions): Promise<BuiltFile[]> {
  await rm(outdir, { recursive: true, force: true });
  const { metafile } = await bundle({
    entryPoints: typeof entry === 'string' ? { functions: entry } : entry,
    outdir,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node22',
    external: ['@azure/functions-core', 'supports-color'],
    banner: { js: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);" },
    splitting: true,
    chunkNames,
    minify: true,
    sourcemap: 'linked',
    sourcesContent: false,
    metafile: true,
    logLevel: 'warning',
    plugins: [namesOfCommonJs],
  });
  const outputs = Object.entries(metafile.outputs).filter(([path]) => path.endsWith('.js'));
  const files = await Promise.all(
    outputs.map(async ([path, { inputs, entryPoint }]) => ({
      entryPoint,
      path,
      bytes: (await stat(path)).size,
      modules: Object.keys(inputs).filter((module) => (inputs[module]?.bytesInOutput ?? 0) > 0),
    })),
  );
  const isEntry = ({ path }: BuiltFile) => Number(path.endsWith('/functions.js'));
  return files.sort((a, b) => isEntry(b) - isEntry(a) || b.bytes - a.bytes);
}

/**
 * Gives what is imported dynamically from a CommonJS package the names that Node gives it.
 *
 * esbuild gives such a package a chunk with `default` alone: `const { Registry } = await import('prom-client')` works from
 * the source and is undefined from the bundle, and neither the compiler nor esbuild says so.
 */
const namesOfCommonJs: Plugin = {
  name: 'names-of-commonjs',
  setup({ onResolve, onLoad, resolve: find }) {
    const namespace = 'commonjs';
    const askedHere = Symbol('askedHere');
    onResolve({ filter: /^[^./]/ }, async ({ path, kind, importer, resolveDir, pluginData }) => {
      if (kind !== 'dynamic-import' || pluginData === askedHere) return undefined;
      const found = await find(path, { kind, importer, resolveDir, pluginData: askedHere });
      if (found.external || found.errors.length > 0 || !(await isCommonJs(found.path))) return found;
      return { path, namespace, pluginData: found.path };
    });
    onLoad({ filter: /./, namespace }, ({ pluginData: file }: { pluginData: string }) => {
      const names = Object.keys(createRequire(file)(file)).filter(
        (name) => name !== 'default' && /^[A-Za-z_$][\w$]*$/.test(name),
      );
      return {
        contents: `const all = require(${JSON.stringify(file)});
          export default all;
          ${names.map((name, at) => `const n${at} = all.${name}; export { n${at} as ${name} };`).join('\n')}`,
        resolveDir: dirname(file),
      };
    });
  },
};

/** As Node decides it: by the name of the file, else by the package that it is in. */
async function isCommonJs(file: string): Promise<boolean> {
  if (extname(file) !== '.js') return extname(file) === '.cjs';
  const manifest = findPackageJSON(pathToFileURL(file));
  return manifest === undefined || JSON.parse(await readFile(manifest, 'utf8')).type !== 'module';
}

/** The pages of the rules, where the chunk that reads them (`src/app/rule-page.ts`) finds them as in the source. */
export async function copyRulePages(outdir: string): Promise<void> {
  const from = fileURLToPath(new URL('../src/evaluations', import.meta.url));
  for await (const page of glob('*/rules/*.md', { cwd: from })) {
    const copy = join(outdir, 'evaluations', page);
    await mkdir(dirname(copy), { recursive: true });
    await copyFile(join(from, page), copy);
  }
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const root = fileURLToPath(new URL('..', import.meta.url));
  process.chdir(root);
  const files = await build({ entry: deployed, outdir: 'dist' });
  await copyRulePages('dist');
  for (const { path, bytes } of files) console.log(`${(bytes / 1024).toFixed(0).padStart(6)} KB  ${path}`);
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  console.log(`${(total / 1024).toFixed(0).padStart(6)} KB  in ${files.length} files`);
}
