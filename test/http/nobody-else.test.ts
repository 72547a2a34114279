// Who speaks HTTP by himself knows nothing of the roots, limits and words that hold for all.
import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const ways = /from '(undici|node:https?|node:http2)'|import\('(undici|node:https?|node:http2)'\)|\bfetch\(/;

it('speaks HTTP but src/http, the local runtime, and SDKs within themselves', () => {
  const files = globSync(['src/**/*.{ts,mjs}', 'functions/**/*.ts'], { cwd: root }).map((path) =>
    path.replaceAll('\\', '/'),
  );
  expect(files).toContain('src/http/client.ts');
  const speaking = files.filter((path) => ways.test(readFileSync(`${root}${path}`, 'utf8')));
  expect(speaking.filter((path) => !path.startsWith('src/local/')).sort()).toEqual([
    'src/http/anonymous-get.ts',
    'src/http/client.ts',
  ]);
});

it('needs nothing but the words of the product, Node, undici and ipaddr.js', () => {
  const imported = globSync('src/http/*.ts', { cwd: root }).flatMap((path) =>
    [...readFileSync(`${root}${path}`, 'utf8').matchAll(/from '([^']+)'/g)].map(([, from]) => from ?? ''),
  );
  expect(imported.filter((from) => !/^(node:|undici$|ipaddr\.js$|\.\/|\.\.\/domain\/)/.test(from))).toEqual([]);
});
