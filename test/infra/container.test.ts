// The container's files, without a builder: what they say is checked; container-run.test.ts does what they say.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { validate } from 'dockerfile-utils';
import { expect, test } from 'vitest';
import { parse } from 'yaml';

const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const dockerfile = read('infra/container/Dockerfile');
const manifest = JSON.parse(read('package.json'));

test('the Dockerfile is one, without a fault that its linter knows', () => {
  expect(validate(dockerfile)).toEqual([]);
});

test('the image is built by a command that there is, runs the Node of the product, and as nobody in particular', () => {
  expect(dockerfile).toContain('RUN npm run package:npm');
  expect(manifest.scripts['package:npm']).toBeDefined();
  const node = /^\^(\d+)\./.exec(manifest.dependencies.node)?.[1];
  expect([...dockerfile.matchAll(/^FROM node:(\d+)-/gm)].map(([, major]) => major)).toEqual([node, node]);
  const last = dockerfile.slice(dockerfile.lastIndexOf('\nFROM '));
  expect(last).toMatch(/\nUSER node\n/);
  expect(last).toMatch(/\nHEALTHCHECK /);
});

test('what is copied is there, and nothing of this machine is sent to the builder', () => {
  const [, copied = ''] = /^COPY (.+) \.\/$/m.exec(dockerfile) ?? [];
  for (const file of copied.split(' ')) expect(existsSync(join(root, file))).toBe(true);
  expect(read('.dockerignore').split('\n')).toEqual(expect.arrayContaining(['.fieldcheck', '.git', 'node_modules']));
});

test('compose: the app and its storage, the doors on loopback alone, no secret in the file', () => {
  const { services, volumes } = parse(read('infra/container/compose.yaml'));
  expect(Object.keys(services)).toEqual(['app', 'storage']);
  expect(services.app.ports).toEqual(['127.0.0.1:7071:7071']);
  expect(services.storage.ports).toBeUndefined();
  expect(services.app.depends_on).toEqual(['storage']);
  for (const { volumes: mounted } of Object.values<{ volumes: string[] }>(services)) {
    for (const mount of mounted) expect(Object.keys(volumes)).toContain(mount.split(':')[0]);
  }
  // The emulator's own, which is public.
  expect(Object.keys(services.app.environment)).toEqual([
    'AzureWebJobsStorage',
    'FIELDCHECK_RESOLVERS',
    'FIELDCHECK_PUBLIC_URL',
  ]);
});
