import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { loadFunctions, triggerOf } from '../../src/local/host/core.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const queries = join(root, 'infra/operations/queries');
const sources = (folder: string): string =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => readFileSync(join(root, folder, file), 'utf8'))
    .join('\n');

const logged = new Set(
  [...sources('src/app').matchAll(/log\.(?:info|warn|error)\(\s*'([^']+)'/g)].map(([, message]) => message),
);

describe.each(readdirSync(queries))('%s', (file) => {
  const query = readFileSync(join(queries, file), 'utf8');

  test('says first what it answers', () => {
    expect(query).toMatch(/^\/\/ [A-Z]/);
  });

  test('asks for messages that the app really logs', () => {
    const asked = [...query.matchAll(/Message contains '"([^"]+)"'/g)].map(([, message]) => message);
    expect(asked.filter((message) => !logged.has(message))).toEqual([]);
  });
});

test('every line that the app logs stands on the page', () => {
  const page = readFileSync(join(root, 'infra/operations/README.md'), 'utf8');
  expect([...logged].filter((message) => !page.includes(`\n| \`${message}\` `))).toEqual([]);
});

test('no-heartbeat.kql watches the timers that fire every minute', async () => {
  const { functions } = await loadFunctions(join(root, 'functions/index.ts'), root);
  const scheduled = functions.map((fn) => ({ name: fn.name, schedule: String(triggerOf(fn).schedule) }));
  const timers = scheduled.filter(({ schedule }) => / \* \* \* \* \*$/.test(schedule)).map(({ name }) => name);
  const watched = [
    ...(/dynamic\(\[(.+)\]\)/.exec(readFileSync(join(queries, 'no-heartbeat.kql'), 'utf8'))?.[1] ?? '').matchAll(
      /'([^']+)'/g,
    ),
  ];
  expect(watched.map(([, name]) => name).sort()).toEqual(timers.sort());
});
