// `npm run tenant`: from a document that names a tenant and no domain to cards, in one command.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const live = fileURLToPath(new URL('live.ts', import.meta.url));

test('finds the domains of a tenant by itself, tells what is wrong once, and what was mended', async () => {
  const names = ['contoso.com', 'shop.contoso.com', 'lost.contoso.com'];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [live, '--once', ...names]);
  expect(stderr).toBe('');
  expect(stdout.split('\n').slice(1)).toEqual([
    'First run: 3 domains of the tenant; verifiable now: 2 yes, 1 no.',
    '  card "Contoso: 1 new problem in DKIM for lost.contoso.com"',
    'Second run, nothing changed: 3 domains of the tenant; verifiable now: 2 yes, 1 no.',
    '  Nothing is told.',
    'Third run, Microsoft publishes the key of lost.contoso.com again: 3 domains of the tenant; verifiable now: 3 yes.',
    '  card "Contoso: 1 resolved in DKIM for lost.contoso.com"',
    '',
  ]);
}, 120_000);
