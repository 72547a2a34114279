import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { evaluations } from '../../src/evaluations/index.ts';
import { loadFunctions, triggerOf } from '../../src/local/host/core.ts';
import { type BuiltFile, build } from '../../tools/build.ts';
import { packageApp } from '../../tools/package.ts';
import { startFixture } from '../local/host/start.ts';
import { builtPackage } from './built-package.ts';
import { type DynamicImport, dynamicImportsIn, dynamicImportsOf } from './dynamic-imports.ts';

const entry = fileURLToPath(new URL('fixtures/bundle/index.ts', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'fieldcheck-build-'));
// Files below a node_modules folder are loaded by Node itself and not by the test runner: so does the worker.
const app = join(folder, 'node_modules', 'bundle');
const outdir = join(app, 'dist');
const ofPackage = await builtPackage();
let files: BuiltFile[];

/** Of an earlier build, and of a hand. */
const leave = (name: string) => writeFileSync(join(app, name), '{}');

beforeAll(async () => {
  mkdirSync(outdir, { recursive: true });
  leave('dist/left-over.js');
  files = await build({ entry, outdir });
  // What is deployed beside the bundle: Node reads from it that .js files are ES modules.
  writeFileSync(join(app, 'package.json'), '{"type":"module"}');
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('the bundle', () => {
  it('is cleared before, and lists its files, the entry first', () => {
    expect(readdirSync(outdir).sort()).toEqual(['chunks', 'functions.js', 'functions.js.map']);
    expect(relative(outdir, files[0]?.path ?? '')).toBe('functions.js');
    expect(files.length).toBeGreaterThan(1);
    expect(files.every(({ bytes }) => bytes > 0)).toBe(true);
  });

  it('keeps what is imported dynamically out of what loads at start', () => {
    const loadedAtStart = readFileSync(join(outdir, 'functions.js'), 'utf8');
    expect(loadedAtStart.includes('await import("./chunks/')).toBe(true);
    expect(loadedAtStart.includes('login.microsoftonline.com')).toBe(false);
  });

  it('registers the exact functions with their bindings', async () => {
    const { functions, hooks } = await loadFunctions(join(outdir, 'functions.js'), outdir);
    const described = functions.map((fn) => {
      const { name: _, properties: __, ...trigger } = triggerOf(fn);
      const outputs = Object.values(fn.bindings).filter((binding) => binding.direction === 'out');
      return [fn.name, trigger, outputs.map(({ type, queueName }) => ({ type, queueName }))];
    });
    const http = { type: 'httpTrigger', direction: 'in', methods: ['GET'] };
    const response = [{ type: 'http', queueName: undefined }];
    expect(described).toEqual([
      ['clients', { ...http, authLevel: 'function' }, response],
      ['identity', { ...http, authLevel: 'anonymous', route: 'identity/{kind?}' }, response],
      ['tick', { type: 'timerTrigger', direction: 'in', schedule: '%TICK%' }, [{ type: 'queue', queueName: 'jobs' }]],
      ['jobs', { type: 'queueTrigger', direction: 'in', queueName: 'jobs', connection: 'AzureWebJobsStorage' }, []],
    ]);
    expect(hooks.appStart).toHaveLength(1);
  });

  it('runs in the host, chunks included', async () => {
    const { url } = await startFixture(join(outdir, 'functions.js'), {
      settings: { 'AzureWebJobs.tick.Disabled': 'true', 'AzureWebJobs.jobs.Disabled': 'true' },
    });
    expect(await (await fetch(`${url}/api/clients`)).json()).toEqual(['rows', 'jobs']);
    expect(await (await fetch(`${url}/api/identity`)).text()).toBe('function');
  });
});

describe('the folder that is deployed', () => {
  it('is cleared before, and has the same files every time, without their maps', async () => {
    for (const left of ['local.settings.json', 'dist/left-over.js', 'dist/chunks/left-over.js']) leave(left);
    const packaged = await packageApp(app, entry);
    expect(packaged.built).toEqual(files);
    const paths = packaged.files.map(({ path }) => path).filter((path) => !path.startsWith('dist/evaluations/'));
    expect(paths).toEqual(
      [
        ...['LICENSE', 'THIRD-PARTY-LICENSES.txt', 'host.json', 'package.json', 'sbom.cdx.json'],
        ...files.map(({ path }) => relative(app, path).replaceAll('\\', '/')),
      ].sort(),
    );
  });
});

describe('what is imported dynamically', () => {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const imports = dynamicImportsIn(root);
  const isPackage = ({ module }: DynamicImport) => !/^(?:src\/|node:)/.test(module);

  /** An `import` here would go through the test runner, which finds names in `default` where Node finds none. */
  const requireAsNode = createRequire(import.meta.url);

  /** The file that a bundle loads for it; undefined where nothing of this bundle imports it. */
  const fileFor = (built: readonly BuiltFile[], { module }: DynamicImport) =>
    built.find(
      ({ entryPoint = '' }) =>
        [module, `commonjs:${module}`].includes(entryPoint) || entryPoint.includes(`node_modules/${module}/`),
    );

  it.each([
    ['what is deployed', ofPackage.app.built],
    ['the shell of the package', ofPackage.shell],
  ])(
    'has the names that the sources take, in %s as in Node',
    (_, built) => {
      const looked: string[] = [];
      for (const one of imports) {
        const file = fileFor(built, one);
        if (file === undefined) continue;
        const loaded = one.names.length === 0 ? {} : requireAsNode(resolve(file.path));
        const missing = one.names.filter((name) => loaded[name] === undefined);
        expect(missing, `${one.where}: import('${one.module}') in the bundle`).toEqual([]);
        looked.push(one.module);
      }
      const packages = new Set(imports.filter(isPackage).map(({ module }) => module));
      expect(packages.size).toBeGreaterThan(3);
      expect([...packages].filter((name) => !looked.includes(name))).toEqual([]);
    },
    60_000,
  );

  it('that reads the pages of rules finds every one of them in what is deployed', () => {
    const chunk = ofPackage.app.built.find(({ modules }) => modules.includes('src/app/rule-page.ts'))?.path ?? '';
    expect(pathToFileURL(chunk).href).toContain('/dist/chunks/');
    const read = (evaluation: string, rule: string) =>
      readFileSync(new URL(`../evaluations/${evaluation}/rules/${rule}.md`, pathToFileURL(chunk)), 'utf8');
    for (const { id, rules } of evaluations.all) {
      for (const rule of rules) expect(read(id, rule.id.slice(id.length + 1))).toContain(`# ${rule.id}\n`);
    }
  });

  it('is read from every form in which the sources write it, and another form is refused', () => {
    const of = (text: string) => dynamicImportsOf('src/app/x.ts', text).map(({ module, names }) => [module, names]);
    expect(of("const { a, b: c } = await import('one');")).toEqual([['one', ['a', 'b']]]);
    expect(of("(await import('./two.ts')).d();")).toEqual([['src/app/two.ts', ['d']]]);
    expect(of("const [{ a }, b] = await Promise.all([import('one'), other()]);")).toEqual([['one', ['a']]]);
    expect(() => of("\nconst all = await import('one');")).toThrow(
      'src/app/x.ts:2: take the names where it is imported',
    );
  });
});
