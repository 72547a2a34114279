import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { evaluations } from '../../src/evaluations/index.ts';
import { loadFunctions } from '../../src/local/host/core.ts';
import { startHost } from '../../src/local/host/host.ts';
import { builtPackage } from './built-package.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const { app, folder } = await builtPackage();
const { files, packages } = app;
const outdir = join(folder, 'app');
const read = (path: string) => readFileSync(join(outdir, path), 'utf8');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));

describe('the folder that is deployed', () => {
  test('holds the bundle, host.json, a minimal package.json, licences and the bill of materials, and nothing else', () => {
    const paths = files.map(({ path }) => path);
    const isRulePage = (path: string) => /^dist\/evaluations\/[a-z-]+\/rules\/[a-z0-9-]+\.md$/.test(path);
    expect(paths.filter(isRulePage).length).toBe(evaluations.all.reduce((sum, { rules }) => sum + rules.length, 0));
    expect(paths.filter((path) => !isRulePage(path) && !/^dist\/chunks\/[\w.-]+-[A-Z0-9]{8}\.js$/.test(path))).toEqual([
      'LICENSE',
      'THIRD-PARTY-LICENSES.txt',
      'dist/functions.js',
      'dist/reading-thread.js',
      'host.json',
      'package.json',
      'sbom.cdx.json',
    ]);
    expect(paths.some((path) => path.startsWith('dist/chunks/'))).toBe(true);
    expect(JSON.parse(read('package.json'))).toEqual({
      name: 'fieldcheck',
      version: manifest.version,
      private: true,
      license: 'MIT',
      type: 'module',
      main: 'dist/functions.js',
    });
    expect(read('host.json')).toBe(readFileSync(join(root, 'host.json'), 'utf8'));
  });

  test('names no path of the machine that built it, and no source map', () => {
    for (const { path } of files) {
      const text = read(path);
      expect([path, text.includes(root), text.includes(tmpdir()), text.includes('sourceMappingURL')]).toEqual([
        path,
        false,
        false,
        false,
      ]);
    }
  });

  test('registers the functions, and starts and refuses as it does in Azure', async () => {
    const entry = join(outdir, manifest.main);
    const { functions } = await loadFunctions(entry, outdir);
    expect(functions.map(({ name }) => name)).toContain('workSlice');
    const start = startHost({
      root: outdir,
      entry,
      hostJson: JSON.parse(read('host.json')),
      settings: {
        AzureWebJobsStorage: '',
        FIELDCHECK_DUE_SCHEDULE: '0 0 0 1 1 *',
        FIELDCHECK_DELIVERY_SCHEDULE: '0 0 0 1 1 *',
        FIELDCHECK_RETENTION_SCHEDULE: '0 0 0 1 1 *',
        FIELDCHECK_HEARTBEAT_SCHEDULE: '0 0 0 1 1 *',
      },
      storageConnection: 'UseDevelopmentStorage=true',
      port: 0,
      log: () => {},
    });
    await expect(start).rejects.toThrow('The app refused to start: No storage is configured.');
  });
});

describe('what is in the bundle of others', () => {
  test('comes from dependencies, never from what only development needs', () => {
    const names = packages.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['@azure/data-tables', '@azure/functions', '@azure/identity', 'zod']));
    const others = [...Object.keys(manifest.devDependencies), 'azurite', 'node'];
    expect(names.filter((name) => others.includes(name))).toEqual([]);
    // Of a package that is there in several versions one stands in the folder of who needs it.
    const needed = new Set(
      Object.entries<{ readonly dev?: boolean }>(lock.packages).flatMap(([path, { dev }]) =>
        dev === true ? [] : path.split('node_modules/').slice(-1),
      ),
    );
    expect(names.filter((name) => !needed.has(name))).toEqual([]);
  });

  test('may be passed on: every licence is one that allows it, its words come along', () => {
    const known = ['MIT', 'MIT-0', 'ISC', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', '0BSD'];
    expect(packages.filter(({ licence }) => !known.includes(licence))).toEqual([]);
    const list = read('THIRD-PARTY-LICENSES.txt');
    for (const { name, version, licence, licenceText } of packages) {
      expect(list).toContain(`${name} ${version}  ${licence}\n`);
      expect(list).toContain(licenceText ?? `(${licence}): no licence text came with the package.`);
    }
  });

  test('stands in a CycloneDX bill of materials, with the hash that the lock file has', () => {
    const bom = JSON.parse(read('sbom.cdx.json'));
    expect(bom).toMatchObject({ bomFormat: 'CycloneDX', specVersion: '1.6', version: 1 });
    expect(bom.metadata.component).toMatchObject({
      type: 'application',
      name: 'fieldcheck',
      version: manifest.version,
    });
    expect(bom.components).toHaveLength(packages.length);
    const zod = lock.packages['node_modules/zod'];
    expect(bom.components.find(({ name }: { name: string }) => name === 'zod')).toEqual({
      type: 'library',
      'bom-ref': `pkg:npm/zod@${zod.version}`,
      name: 'zod',
      version: zod.version,
      purl: `pkg:npm/zod@${zod.version}`,
      licenses: [{ license: { id: 'MIT' } }],
      hashes: [
        { alg: 'SHA-512', content: Buffer.from(zod.integrity.slice('sha512-'.length), 'base64').toString('hex') },
      ],
    });
    const purls: string[] = bom.components.map(({ purl }: { purl: string }) => purl);
    expect(new Set(purls).size).toBe(purls.length);
    expect(purls.filter((purl) => !/^pkg:npm\/(%40[a-z0-9.-]+\/)?[a-z0-9._-]+@\d+\.\d+\.\d+\S*$/.test(purl))).toEqual(
      [],
    );
  });
});
